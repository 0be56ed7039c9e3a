"""What is inside of ``rows.sealed`` and ``logs.sealed``: frames, a header, and marks that the box's key signs. Pure.

The whole is sealed to headquarters by ``provisioning.stream``; inside stand frames of kind (1 byte), length (4 bytes,
big-endian) and content: first the header (JSON of ``CarryHeader``), then a mark, then rows or pieces of a log with a
mark after every ``MARK_ITEMS`` of them or ``MARK_BYTES``, and one last mark.

Laws:
1. A mark is signed by the box's device key over everything before it: what stands before a good mark is whole and from
   that box, also where the rest was cut off with the stick. What stands behind the last good mark is nobody's.
2. A row is the very message that MQTT would have carried (``PassageEnvelope``), sealed to headquarters as it was
   written: this file adds the sender and the order, and opens nothing.
3. A bundle off a dead box's disk (``rescued``) is signed by nobody: its marks carry the digest alone, and whoever
   brings it must vouch for it.
4. Every frame, group and header has a limit; nothing here raises anything but ``CarryError`` on data.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.core.errors import BorderpostError
from edge.core.provisioning.papers import Pem, Serial, Text
from edge.core.provisioning.stream import LOGS, RESCUE, ROWS
from edge.core.trusted import ClockState
from edge.core.wire.codec import MAX_MESSAGE
from edge.core.wire.fields import MAX_SEQ, Device, Digest, Timestamp, Token

MARK_ITEMS: Final = 200  # rows or pieces of a log between two marks
MARK_BYTES: Final = 1 << 20  # of frames between two marks, at most one frame more
MAX_HEADER: Final = 64 << 10  # bytes of its JSON
MAX_FRAME: Final = MAX_MESSAGE  # bytes of one row or piece
MAX_SITE: Final = 100  # characters of a site's or the software's name
MAX_MARK: Final = 1 << 10  # bytes of its JSON
FRAME_HEAD: Final = 5  # bytes before a frame's content
_DOMAIN: Final = b"borderpost\0carry\0"

Verify = Callable[[bytes, bytes], bool]  # (what is signed, signature) -> it is the sender's
Sign = Callable[[bytes], bytes]  # ECDSA P-256 with SHA-256, DER, by the device key


class Fault(enum.StrEnum):
    """Why a bundle, or the rest of one, is not taken."""

    CUT_OFF = "cut_off"  # it ends before its last mark: pulled out, or the stick was full
    DAMAGED = "damaged"  # no bundle of this format
    FORGED = "forged"  # a mark does not fit the key that the header names
    UNSIGNED = "unsigned"  # nobody signed it, and nobody vouches for it
    REVOKED = "revoked"  # the box that signed it counts no longer


class CarryError(BorderpostError):
    """A bundle that is refused from here on. ``fault`` says why; no text quotes the content."""

    def __init__(self, fault: Fault, message: str, advice: str = "") -> None:
        self.fault = fault
        super().__init__(message, advice=advice or "fetch a new stick from the box; it gives unacked rows again")


class CarriedShelf(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First and last seq of one epoch that the box still has, acked or not. ``device``: the id that it had then, ''
    for the one in the header."""

    epoch: Token
    oldest: Annotated[int, Meta(ge=1, le=MAX_SEQ)]
    newest: Annotated[int, Meta(ge=1, le=MAX_SEQ)]
    device: Device | Literal[""] = ""


class CarryHeader(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who sends what. ``session`` is the token that acks for these rows must repeat; ``pending`` how many rows the box
    had unacked, of which the bundle may hold fewer; ``shelves`` what it has at all, so that headquarters can say what
    of it is held: an older box leaves them out. ``certificate``: PEM of the device certificate with its chain.
    """

    v: Literal[1] = 1
    kind: Literal["rows", "logs"]
    device: Device | Literal[""] = ""  # empty: the box was not provisioned
    serial: Serial | Literal[""] = ""
    site: Annotated[str, Meta(max_length=MAX_SITE)] = ""
    session: Token
    epochs: Annotated[tuple[Token, ...], Meta(max_length=64)] = ()
    shelves: Annotated[tuple[CarriedShelf, ...], Meta(max_length=64)] = ()
    pending: Annotated[int, Meta(ge=0)] = 0
    audit_head: Digest | Literal[""] = ""
    audit_rows: Annotated[int, Meta(ge=0)] = 0
    audit_number: Annotated[int, Meta(ge=0)] = 0
    software: Text = ""
    sequence: Annotated[int, Meta(ge=0)] = 0
    created: Timestamp
    clock: ClockState = ClockState.UNTRUSTED
    certificate: Pem = ""
    rescued: bool = False

    @property
    def purpose(self) -> str:
        """Of the sealed stream that it stands in."""
        return LOGS if self.kind == "logs" else RESCUE if self.rescued else ROWS


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``items`` and ``digest`` of everything before it; the signature is over both and ``last``."""

    items: Annotated[int, Meta(ge=0)]
    digest: Digest
    last: bool = False
    signature: Annotated[str, Meta(max_length=200)] = ""


class Kind(enum.IntEnum):
    """The frames."""

    HEADER = 1
    ITEM = 2
    MARK = 3


_LIMITS: Final = {Kind.HEADER: MAX_HEADER, Kind.ITEM: MAX_FRAME, Kind.MARK: MAX_MARK}


@dataclass(slots=True)
class _Running:
    """What both sides count."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    items: int = 0

    def words(self, last: bool) -> bytes:
        """What a mark at this place signs."""
        return _DOMAIN + self.digest.digest() + self.items.to_bytes(8, "big") + bytes([last])


def frame(kind: Kind, content: bytes) -> bytes:
    """One frame; CarryError when the content is too long."""
    if len(content) > _LIMITS[kind]:
        raise CarryError(Fault.DAMAGED, f"a {kind.name.lower()} of {len(content)} bytes is too long")
    return bytes([kind]) + len(content).to_bytes(4, "big") + content


def pack(header: CarryHeader, items: Iterable[bytes], sign: Sign | None) -> Iterator[bytes]:
    """The frames of a bundle, to be sealed. ``sign`` None makes one that nobody signed (``rescued`` must say so)."""
    if (sign is None) != header.rescued:
        raise CarryError(Fault.UNSIGNED, "a bundle is either signed or rescued")
    running = _Running()
    yield _fed(running, frame(Kind.HEADER, msgspec.json.encode(header)))
    yield _mark(running, sign, last=False)
    since, size = 0, 0
    for item in items:
        if since >= MARK_ITEMS or size >= MARK_BYTES:
            yield _mark(running, sign, last=False)
            since, size = 0, 0
        running.items += 1
        framed = _fed(running, frame(Kind.ITEM, item))
        since, size = since + 1, size + len(framed)
        yield framed
    yield _mark(running, sign, last=True)


def _fed(running: _Running, framed: bytes) -> bytes:
    running.digest.update(framed)
    return framed


def _mark(running: _Running, sign: Sign | None, *, last: bool) -> bytes:
    signature = base64.b64encode(sign(running.words(last))).decode() if sign else ""
    mark = Mark(items=running.items, digest=running.digest.hexdigest(), last=last, signature=signature)
    return _fed(running, frame(Kind.MARK, msgspec.json.encode(mark)))


def unpack(chunks: Iterable[bytes], sender: Callable[[CarryHeader], Verify | None]) -> Iterator[list[bytes]]:
    """The items of an opened bundle, in groups that each stand before a mark that was verified.

    ``sender`` is asked once, with the header, before anything else is read; it gives what verifies the marks (None for
    a rescued bundle that somebody vouches for) or raises. Raises CarryError where the bundle stops being good: what was
    given before stays good. What ``chunks`` raises goes through.
    """
    running = _Running()
    frames = _frames(chunks)
    kind, framed = next(frames, (Kind.MARK, b""))
    if kind is not Kind.HEADER:
        raise CarryError(Fault.CUT_OFF if not framed else Fault.DAMAGED, "the bundle has no header")
    header = read_header(framed[FRAME_HEAD:])
    verify = sender(header)
    running.digest.update(framed)
    group: list[bytes] = []
    size = 0
    for kind, framed in frames:
        if kind is Kind.MARK:
            last = _check(framed[FRAME_HEAD:], running, verify)
            running.digest.update(framed)
            if group:
                yield group
            group, size = [], 0
            if last:
                _nothing_more(frames)
                return
            continue
        if kind is not Kind.ITEM or len(group) >= MARK_ITEMS or size >= MARK_BYTES:
            raise CarryError(Fault.DAMAGED, "the bundle's frames are not in order")
        running.digest.update(framed)
        running.items += 1
        group.append(framed[FRAME_HEAD:])
        size += len(framed)
    raise CarryError(Fault.CUT_OFF, f"the bundle ends before its end, after {running.items - len(group)} items")


def read_header(data: bytes) -> CarryHeader:
    """The header in ``data``; CarryError for anything else."""
    try:
        return msgspec.json.decode(data, type=CarryHeader)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError):
        pass
    raise CarryError(Fault.DAMAGED, "the bundle's header is none of this format")


def _nothing_more(frames: Iterator[tuple[Kind, bytes]]) -> None:
    if next(frames, None) is not None:
        raise CarryError(Fault.DAMAGED, "something stands behind the bundle's end")


def _check(data: bytes, running: _Running, verify: Verify | None) -> bool:
    try:
        mark = msgspec.json.decode(data, type=Mark)
        signature = base64.b64decode(mark.signature, validate=True)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError, binascii.Error):
        raise CarryError(Fault.DAMAGED, "a mark is none of this format") from None
    if base64.b64encode(signature).decode() != mark.signature:  # the last letter has bits that nothing reads
        raise CarryError(Fault.DAMAGED, "a mark is none of this format")
    if mark.items != running.items or mark.digest != running.digest.hexdigest():
        raise CarryError(Fault.FORGED, "a mark does not fit what stands before it")
    if verify is not None and not verify(running.words(mark.last), signature):
        raise CarryError(Fault.FORGED, "a mark is not signed by the key of the bundle's certificate",
                         advice="keep the stick: somebody may have made this bundle in the name of a box")
    return mark.last


def _frames(chunks: Iterable[bytes]) -> Iterator[tuple[Kind, bytes]]:
    """The frames of a stream of bytes that may be cut anywhere; an unfinished one at the end is left out."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        at = 0
        while len(buffer) - at >= FRAME_HEAD:
            kind, size = _head(buffer, at)
            end = at + FRAME_HEAD + size
            if end > len(buffer):
                break
            yield kind, bytes(buffer[at:end])
            at = end
        del buffer[:at]
    if buffer:
        raise CarryError(Fault.CUT_OFF, "the bundle ends within a frame")


def _head(buffer: bytearray, at: int) -> tuple[Kind, int]:
    size = int.from_bytes(buffer[at + 1 : at + FRAME_HEAD], "big")
    try:
        kind = Kind(buffer[at])
    except ValueError:
        raise CarryError(Fault.DAMAGED, "a frame of an unknown kind") from None
    if size > _LIMITS[kind]:
        raise CarryError(Fault.DAMAGED, f"a {kind.name.lower()} of {size} bytes is too long")
    return kind, size
