"""Messages beside the sealed bodies: presence, sync, acks, events, health. No personal data in any.

Statistics and states here count what was *shown* (ARCHITECTURE law 8).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.core.wire.codec import WireError
from edge.core.wire.fields import MAX_SEQ, ClockState, Device, Digest, Ranges, Seq, Timestamp, Token, in_order

MAX_SPAN = 2000  # seqs in one holdings answer
_Count = Annotated[int, Meta(ge=0)]


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """``up/state``, retained: birth with everything, last will with ``online=false`` and the session.

    Headquarters ignores a death whose session is not the current one. ``site``: the post that the box stands at;
    ``serial`` names its key, ``sequence`` the newest envelope that it took: an older box leaves them out.
    """

    online: bool
    session: Token
    boot: Annotated[str, Meta(max_length=64)] = ""
    epoch: Annotated[str, Meta(max_length=64)] = ""
    software: Annotated[str, Meta(max_length=64)] = ""
    lists: dict[str, int] = {}
    reason: Annotated[str, Meta(max_length=64)] = ""
    site: Annotated[str, Meta(max_length=100)] = ""
    serial: Annotated[str, Meta(max_length=13)] = ""
    sequence: _Count = 0


class HqState(msgspec.Struct, frozen=True, kw_only=True):
    """``hq/state``, retained: whether the collector runs, on which store, in which connection."""

    online: bool
    store: Annotated[str, Meta(max_length=64)] = ""
    session: Token


class BeaconSigned(msgspec.Struct, frozen=True, kw_only=True):
    """The part of the beacon that a box looks at before it asks; whatever else stands there is TUF's."""

    version: _Count


class Beacon(msgspec.Struct, frozen=True, kw_only=True):
    """``hq/lists``, retained: ``timestamp.json`` of the repository of lists, byte for byte (docs/distribution.md).

    A hint: nothing of it is believed before the repository itself has been verified.
    """

    signed: BeaconSigned


class SyncRequest(msgspec.Struct, frozen=True, kw_only=True):
    """``up/sync`` on every connect: what the box has on its shelf (oldest..newest; 0 when empty).

    ``session`` is a fresh token; only answers that repeat it are believed. ``audit_head`` is the last
    hash of the audit chain and ``audit_number`` its row's number (0 from an older box), so that headquarters sees when
    the chain is cut, and can tell later that nothing before it was rewritten.
    """

    epoch: Token
    session: Token
    oldest: _Count
    newest: _Count
    pending: _Count
    audit_head: Annotated[str, Meta(max_length=64)] = ""
    audit_number: _Count = 0


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """``up/event``: something a technician or a supervisor should know, by code."""

    code: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,47}$(?!\n)")]
    at: Timestamp
    clock: ClockState
    session: Token
    detail: dict[str, str | int] = {}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``up/health``: how the box is. Ages in seconds, sizes in bytes."""

    at: Timestamp
    clock: ClockState
    session: Token
    outbox: _Count
    oldest_seconds: _Count | None = None
    disk_free: _Count | None = None
    readers: dict[str, str] = {}
    list_ages: dict[str, int | None] = {}
    list_states: dict[str, str] = {}
    audit_head: Annotated[str, Meta(max_length=64)] = ""
    audit_number: _Count = 0


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """``down/ack``: Base64 of an AckPayload's JSON, and headquarters' signature over those very bytes."""

    payload: Annotated[str, Meta(max_length=60_000)]
    kid: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$(?!\n)")]
    signature: Annotated[str, Meta(max_length=128)]

    @classmethod
    def of(cls, payload: bytes, kid: str, signature: bytes) -> Signed:
        """From raw bytes."""
        return cls(
            payload=base64.b64encode(payload).decode(),
            kid=kid,
            signature=base64.b64encode(signature).decode(),
        )

    def parts(self) -> tuple[bytes, bytes]:
        """Payload and signature as bytes; WireError when either is no Base64."""
        try:
            return base64.b64decode(self.payload, validate=True), base64.b64decode(
                self.signature, validate=True
            )
        except (binascii.Error, ValueError):
            pass
        raise WireError("a signed message is no Base64")


class AckPayload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What headquarters says it has committed.

    ``ack``: it holds the bodies of every seq in ``ranges``. ``holdings``: within ``span`` it holds
    exactly the seqs in ``ranges`` (at most MAX_SPAN wide). ``digest`` is ``digest_of`` the bodies of
    the seqs in ``ranges`` either way. ``newest_held``: the highest seq of this epoch that it holds, 0 for none;
    a box that never gave out so high a number has a disk that was put back, and takes a new epoch. An older
    headquarters leaves it out. ``silent``: seqs of the span of which ``holdings`` say nothing, because headquarters has
    more than one body under them; an older box takes them for not held, and sends them once more.
    """

    kind: Literal["ack", "holdings"]
    device: Device
    epoch: Token
    store: Token
    session: Token
    server_time: Timestamp
    span: tuple[Seq, Seq]
    ranges: Ranges
    digest: Digest
    newest_held: Annotated[int, Meta(ge=0, le=MAX_SEQ)] | None = None
    silent: Ranges = []

    def __post_init__(self) -> None:
        """Raise ValueError (a decoding error) for ranges out of order or outside the span."""
        low, high = self.span
        if not in_order(self.ranges) or high < low or high - low >= MAX_SPAN:
            raise ValueError("ranges or span out of order or too wide")
        if self.ranges and (self.ranges[0][0] < low or self.ranges[-1][1] > high):
            raise ValueError("ranges outside the span")
        if not in_order(sorted([*self.ranges, *self.silent])) or not in_order(self.silent):
            raise ValueError("silent seqs out of order, or held besides")

    def seqs(self) -> Iterable[int]:
        """Every seq in ``ranges``, ascending; at most MAX_SPAN of them."""
        return (seq for low, high in self.ranges for seq in range(low, high + 1))


def digest_of(rows: Iterable[tuple[int, bytes]]) -> str:
    """Digest over (seq, SHA-256 of the sealed body) rows in ascending order of seq.

    SHA-256 over, per row, the seq as eight bytes big-endian and the 32 bytes of the body's own hash.
    """
    whole = hashlib.sha256()
    for seq, body_hash in rows:
        whole.update(seq.to_bytes(8, "big") + body_hash)
    return whole.hexdigest()


def ranges_of(seqs: Iterable[int]) -> list[tuple[int, int]]:
    """Ascending seqs (repeats allowed) as closed, disjoint ranges."""
    ranges: list[tuple[int, int]] = []
    for seq in seqs:
        if ranges and seq <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(seq, ranges[-1][1]))
        else:
            ranges.append((seq, seq))
    return ranges
