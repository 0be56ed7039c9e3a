"""The papers as structures: what each says. How they are signed is ``signing``, how they are sealed ``envelope``.

All times are aware UTC. Limits stand in the types. A paper is JSON inside ``edge.core.wire.Signed``; its first field
``paper`` names its kind, and the signature's domain is ``paper:KIND``, so that none can be taken for another.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.core.wire.fields import Device, Digest, Timestamp

MAX_PAPER: Final = 60_000  # bytes of a signed paper as a file
MAX_FILES: Final = 64  # files in one envelope
MAX_ENVELOPE: Final = 64 << 20  # bytes of an envelope
ROOT_FOLDER: Final = "BORDERPOST"  # on a stick; also its label
CODE_CHARS: Final = 16  # of the code: 80 bits in base32
# How far a number may rise above the last one in one step. No fleet meets it; whoever stole a command key cannot use
# up a box's numbers with one paper.
MAX_STEP: Final = 10_000

Serial = Annotated[str, Meta(pattern=r"^[a-z2-7]{13}$(?!\n)", description="a box: base32 of its key's hash")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)", description="ICAO 9303-3, as in travel documents")]
Site = Annotated[str, Meta(pattern=r"^[a-z0-9-]{2,40}$(?!\n)", description="a post")]
Nonce = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16,64}$(?!\n)")]
# The same, or an empty text for none (msgspec joins patterns of a union of texts, so each stands alone).
NoSite = Annotated[str, Meta(pattern=r"^([a-z0-9-]{2,40})?$(?!\n)")]
NoDevice = Annotated[str, Meta(pattern=r"^([a-z0-9-]{3,40})?$(?!\n)")]
NoNonce = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{16,64})?$(?!\n)")]
KeyLine = Annotated[str, Meta(pattern=r"^(ed25519|x25519):[A-Za-z0-9+/=]{44}$(?!\n)")]
Number = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Pem = Annotated[str, Meta(max_length=16_384)]
Text = Annotated[str, Meta(max_length=200)]


class Paper(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every paper."""


class NationalPackage(
    Paper, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="paper", tag="national"
):
    """Whom a blank box obeys; installed with the software (``/etc/borderpost/national.json``), signed by the root keys
    that it names, so that damage shows. ``root_threshold`` of ``root_keys`` sign what needs the root."""

    country: Country
    name: Text = ""
    claim_keys: Annotated[tuple[KeyLine, ...], Meta(min_length=1, max_length=8)]  # Ed25519: claims
    command_keys: Annotated[tuple[KeyLine, ...], Meta(min_length=1, max_length=8)]  # envelopes, resets, revocations
    root_keys: Annotated[tuple[KeyLine, ...], Meta(min_length=1, max_length=8)]  # time that falls, new packages
    root_threshold: Annotated[int, Meta(ge=1, le=8)] = 1
    seal_key: KeyLine  # X25519: what goes to headquarters
    escrow_keys: Annotated[tuple[KeyLine, ...], Meta(max_length=4)] = ()
    ack_key: KeyLine  # Ed25519: acks, also by stick
    tuf_root: Annotated[str, Meta(max_length=512_000)] = ""  # text of the lists' 1.root.json
    number: Number = 1  # a newer package has a higher one
    created: Timestamp


class Claim(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="paper", tag="claim"):
    """A box at this site may ask to be enrolled. ``uses``: how many boxes may."""

    country: Country
    site: Site
    nonce: Nonce
    uses: Annotated[int, Meta(ge=1, le=100)] = 1
    created: Timestamp
    expires: Timestamp


class Inventory(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a box says of its hardware: for people, never believed for anything."""

    vendor: Text = ""
    model: Text = ""
    board_serial: Text = ""
    memory_mb: int = 0
    disk_mb: int = 0
    tpm: bool = False
    network: Annotated[tuple[Text, ...], Meta(max_length=16)] = ()
    devices: Annotated[tuple[Text, ...], Meta(max_length=64)] = ()  # readers and scanners that were found, by USB id
    software: Text = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a box writes to ``out/<serial>/request.json``, signed by the device key that its CSR brings: no field is
    believed otherwise. The code read over the phone says whose request it is. ``kind`` renew: the device id stands in
    the CSR's common name. A field that has its default value is left out, so that one that is added later spoils no
    older box's signature.
    """

    v: Literal[1] = 1
    kind: Literal["enrol", "renew"] = "enrol"
    serial: Serial
    site: NoSite = ""
    device: NoDevice = ""
    nonce: NoNonce = ""
    csr: Pem  # PKCS #10, P-256
    seal_key: KeyLine  # X25519 of the box: envelopes are sealed to it
    sequence: Annotated[int, Meta(ge=0, le=2**53 - 1)] = 0  # the highest envelope number it took
    inventory: Inventory = Inventory()
    created: Timestamp | None = None  # the box's own clock: for people
    # Base64 of ECDSA with SHA-256 (DER) by the device key over ``request.signed_part``
    signature: Annotated[str, Meta(pattern=r"^([A-Za-z0-9+/=]{88,104})?$(?!\n)")] = ""


class EnvelopeHeader(
    Paper, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="paper", tag="envelope"
):
    """The outside of an envelope. All that a stolen stick shows: a serial, a number, times."""

    country: Country
    serial: Serial
    device_key: Digest  # SHA-256 of the device key's SubjectPublicKeyInfo
    sequence: Number
    nonce: NoNonce = ""  # of the claim that it answers; empty for a box that is known already
    created: Timestamp  # headquarters' signed time
    not_before: Timestamp
    not_after: Timestamp
    size: Annotated[int, Meta(ge=0, le=MAX_ENVELOPE)]  # bytes of the sealed content
    sha256: Digest  # of the sealed content


class Reset(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="paper", tag="reset"):
    """This box forgets everything but its high-water marks and audit head. ``lose_rows``: also what nobody acked."""

    country: Country
    serial: Serial
    device_key: Digest
    sequence: Number
    created: Timestamp
    expires: Timestamp
    lose_rows: bool = False


class TimeWord(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="paper", tag="time"):
    """What time it is. Signed by the root's threshold it may leap, and with ``lower`` fall; by a command key it goes
    forward within the ceiling. ``number`` rises, so that an old one is not played again."""

    country: Country
    time: Timestamp
    lower: bool = False
    number: Number


class Revocation(Paper, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="paper", tag="revoked"):
    """Which boxes and certificates count no longer; the whole list, each time, with a higher number."""

    country: Country
    number: Number
    created: Timestamp
    serials: Annotated[tuple[Serial, ...], Meta(max_length=2000)] = ()
    devices: Annotated[tuple[Device, ...], Meta(max_length=2000)] = ()


# Names that may stand in an envelope (``*`` for one or more of a-z0-9-); anything else is UNEXPECTED_FILE.
ENVELOPE_FILES: Final = (
    "edge.toml",             # the site's configuration; its paths are relative to the folder it is put in
    "device.pem",            # the box's certificate with its chain
    "ca.pem",                # whom the box believes as broker (may hold two authorities while one is replaced)
    "list-keys.sealed",      # the ring of list keys, sealed to the box's seal key
    "national.json",         # a newer national package, signed by the root keys of the one that the box has
    "acks.json",             # JSON array of Signed AckPayloads for rows that came by stick
    "revoked.json",          # a signed Revocation
    "profiles/*.toml",       # readers' own profiles
)
