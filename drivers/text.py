"""Readers that send text between STX and ETX: the airline family ("CUTE", AEA) and its relatives.

Laws:
1. A block is ``[start of device] STX row end-of-row row ... ETX [end of device]``. STX begins it, ETX ends
   it, another STX begins it anew; the outer bytes decide nothing, they are only not noise. They are part of ``raw``:
   what is configured as end of device without waiting for it; before the STX what is configured, or, where nothing
   is, up to BEFORE printable bytes or SOH (SITA and AEA identifiers) without a gap.
2. A missing third row sends no row end; an empty row is no row.
3. Bar code and magnetic stripe come framed alike: a block is a document only if its rows look like a
   machine-readable zone; what does not is another block, counted and given on as it came, if it is text
   at all, in UTF-8 or another code: what holds control characters between an STX and an ETX is a garbled frame,
   and so are bytes beyond ASCII with what is left of a zone.
4. Characters are repaired only as configured, and never guessed: a vendor's replacement character becomes
   ``?``, which the zone's parser reports; a pad character is cut off, or becomes ``<``, at the end of a
   row alone. OCR's AIM identifier before a row is no part of it, nor is the vendor's own where configured; any other
   AIM identifier before the first makes the block another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from drivers.api import BadSetting, Clock, Tier
from drivers.framing import (
    GAP_S,
    Broken,
    ListeningCodec,
    More,
    OtherBlock,
    RowsRead,
    Skip,
    Whole,
)
from drivers.reader import FramedReader
from drivers.rows import AIM_LENGTH, UNREADABLE, is_foreign_text, is_text, is_told_other, is_zone, without_id
from drivers.settings import Orders, read_settings
from drivers.transport import Through, directly, wrapped

BEFORE = 16  # bytes
UNCUT = {90: 30, 72: 36, 88: 44}  # characters of a zone sent without row ends -> per row
ROW_ENDS = {"cr": "\r", "crlf": "\r\n", "lf": "\n"}


@dataclass(frozen=True, slots=True)
class Shape:
    """How one vendor frames. ``row_end``: cr, crlf, lf, none (rows cut by length) or auto (any of them)."""

    stx: int = 0x02
    etx: int = 0x03
    device_start: bytes = b""
    device_end: bytes = b""
    row_end: str = "auto"
    pad: str = ""  # what rows are filled up with, looked for at their ends only
    pad_means: str = "nothing"  # nothing: cut it off; filler: it stands for <
    error_characters: str = UNREADABLE
    code_id: str = ""  # the vendor's own identifier before a row


class TextCodec(ListeningCodec):
    """One such reader, without its port."""

    def __init__(self, shape: Shape | None = None, *, gap_s: float = GAP_S) -> None:
        super().__init__(self._cut, gap_s=gap_s)
        self.shape = shape = shape or Shape()
        firsts = {shape.stx, *shape.device_start[:1], *shape.device_end[:1]}
        self._firsts = re.compile(b"[" + re.escape(bytes(firsts)) + b"]")
        self._bounds = re.compile(b"[" + re.escape(bytes((shape.stx, shape.etx))) + b"]")
        self.trailer = shape.device_end
        before = bytes({0x01, *range(0x20, 0x7F)} - firsts - {shape.etx}) if not shape.device_start else b""
        held = b"[" + re.escape(before) + b"]{0,%d}" % BEFORE if before else b""
        self._opened = re.compile(held + re.escape(bytes((shape.stx,))))
        self._held = re.compile(held + rb"\Z")

    def _cut(self, buffer: bytearray, looked: int) -> More | Skip | Broken | Whole:
        """Law 1. Looks at each byte at most twice, and at the outer bytes (8 at most) once per STX."""
        shape = self.shape
        opening = shape.device_start + bytes((shape.stx,))
        opened = self._opened.match(buffer)
        if not opened and not buffer.startswith(opening):
            return self._between_blocks(buffer, opening)
        body = opened.end() if opened else len(opening)
        bound = self._bounds.search(buffer, max(body, looked))
        if bound is None:
            return More(looked=len(buffer), begun=True)
        if buffer[bound.start()] == shape.stx:
            # The start of device before the STX belongs to the new block.
            outer = len(shape.device_start) if buffer.endswith(shape.device_start, body, bound.start()) else 0
            count = bound.start() - outer
            return Broken(count, "a block began within a block") if count > body else Skip(count)
        end = bound.end()
        return self._judge(bytes(buffer[:end]), body)

    def _between_blocks(self, buffer: bytearray, opening: bytes) -> More | Skip | Whole:
        ending = self.shape.device_end
        if ending and buffer.startswith(ending):
            return Whole(len(ending), None)
        if opening.startswith(buffer) or ending.startswith(buffer):
            return More()
        following = self._firsts.search(buffer, 1)
        until = following.start() if following else len(buffer)
        if following and following[0][0] != self.shape.stx:
            return Skip(until)
        # What directly precedes an STX, here or still to come, stays in the buffer for ``_opened``.
        held = self._held.search(buffer, max(0, until - BEFORE), until)
        count = held.start() if held else until
        return Skip(count) if count else More()

    def _judge(self, block: bytes, at: int) -> Broken | Whole:
        """Law 3; ``at``: where the text begins."""
        body = block[at:-1]
        text = body.decode("latin-1")
        before = block[: at - 1][-AIM_LENGTH:].decode("latin-1")
        told_other = is_told_other(before) or is_told_other(text.lstrip("\r\n"))
        rows = () if told_other else self._rows(text)
        if is_zone(rows):
            return Whole(len(block), RowsRead(rows, block + self.trailer))
        if is_text(body) or is_foreign_text(body):
            return Whole(len(block), OtherBlock(len(block), block + self.trailer))
        return Broken(len(block), "a block that is no text")

    def _rows(self, text: str) -> tuple[str, ...]:
        shape = self.shape
        if shape.row_end in ROW_ENDS:
            parts = text.split(ROW_ENDS[shape.row_end])
        elif shape.row_end == "auto":
            parts = re.split(r"[\r\n]+", text)
        else:
            parts = [text]
        width = UNCUT.get(len(text))
        if len(parts) == 1 and width and shape.row_end in ("auto", "none"):
            parts = [text[at : at + width] for at in range(0, len(text), width)]
        return tuple(row for row in map(self._repair, parts) if row)

    def _repair(self, row: str) -> str:
        """Law 4."""
        shape = self.shape
        row = without_id(row, shape.code_id)
        if shape.pad:
            bare = row.rstrip(shape.pad)
            row = bare + "<" * (len(row) - len(bare)) if shape.pad_means == "filler" else bare
        for character in shape.error_characters:
            row = row.replace(character, UNREADABLE)
        return row


OuterBytes = Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2}){0,8}\Z")]
HexByte = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{2}\Z")]


class Settings(Orders, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[[counter.reader]]`` settings of this driver; control bytes in hexadecimal."""

    stx: HexByte = "02"
    etx: HexByte = "03"
    device_start: OuterBytes = ""
    device_end: OuterBytes = ""
    row_end: Literal["auto", "cr", "crlf", "lf", "none"] = "auto"
    pad: Annotated[str, msgspec.Meta(pattern=r"^[ -~]?\Z")] = ""
    pad_means: Literal["nothing", "filler"] = "nothing"
    error_characters: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,8}\Z")] = UNREADABLE
    code_id: Annotated[str, msgspec.Meta(pattern=r"^[ -~]{0,8}\Z")] = ""

    def shape(self, device_name: str) -> Shape:
        """The framing they describe. Raises BadSetting where two of them contradict each other."""
        stx, etx = bytes.fromhex(self.stx), bytes.fromhex(self.etx)
        start, end = bytes.fromhex(self.device_start), bytes.fromhex(self.device_end)
        ends = ROW_ENDS.get(self.row_end, "\r\n" if self.row_end == "auto" else "").encode("ascii")
        _require(stx != etx, device_name, "etx", "is the same as stx")
        _require(stx not in ends, device_name, "stx", f"ends rows too (row_end is {self.row_end!r})")
        _require(etx not in ends, device_name, "etx", f"ends rows too (row_end is {self.row_end!r})")
        _require(not set(start) & {*stx, *etx}, device_name, "device_start", "holds stx or etx")
        _require(not set(end) & {*stx, *etx}, device_name, "device_end", "holds stx or etx")
        return Shape(
            stx[0], etx[0], start, end, row_end=self.row_end, pad=self.pad, pad_means=self.pad_means,
            error_characters=self.error_characters, code_id=self.code_id,
        )


def _require(holds: bool, device_name: str, key: str, complaint: str) -> None:
    if not holds:
        raise BadSetting(
            f"reader {device_name!r}: {key} {complaint}", key=key, advice=f"correct {key} of this reader"
        )


def build(
    device_name: str, settings: Mapping[str, object], clock: Clock, tier: Tier, through: Through = directly,
    profile: str = "",
) -> FramedReader:
    """A reader by its settings, not yet open. Raises BadSetting."""
    chosen = read_settings(Settings, settings, device_name)
    shape = chosen.shape(device_name)
    codec: Callable[[], TextCodec] = lambda: TextCodec(shape, gap_s=chosen.gap_s)  # noqa: E731
    return FramedReader(
        name=device_name, driver="text", tier=tier, port=chosen.port, clock=clock,
        codec=codec, connect=lambda: wrapped(chosen.connect(), through), orders=chosen.orders(), profile=profile,
    )
