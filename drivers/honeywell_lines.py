"""What an OCR imager sends, line by line: rows of zones, bar codes and its answers to menu commands.

Source: Honeywell "OCR Programming User's Guide" (1900GHD) and "Xenon/Granit User Guide" (serial programming commands).
Laws:
1. A read has no start of its own. It is a line of text ended as the imager is set (a CR by default); a control
   character within a line ends what came before it, which is noise.
2. The rows of one document may come in one burst or each on its own, and some may never come. Rows of one width that
   follow each other are one zone; the last of them (the second of 36 or 44 characters, the third of 30) completes
   it at once. Rows of an incomplete zone are held until something else comes or the line is silent for a gap.
3. An answer repeats the command with ACK, ENQ or NAK before each of its punctuation marks, and no line end. So it is
   told from a read by that character alone.
4. A line that is no row is a bar code if it is text, and noise if it is not or has fewer than 4 characters. One that
   is longer than the buffer is dropped to its very end: its tail is no bar code.
5. A last row without a line end is believed at once where the imager is set so (``none``), else after the gap.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from drivers.framing import BUFFER_CAP, Broken, Event, Info, More, OtherBlock, RowsRead, Skip, Whole
from drivers.rows import FULL_ROWS, LONGEST_ROW, SHORTEST_ROW, is_row, is_text, without_id

ACK: Final = 0x06  # a good command, obeyed
ENQ: Final = 0x05  # no such tag
NAK: Final = 0x15  # the value is out of range
STATUSES = bytes((ENQ, ACK, NAK))
COLON: Final = 0x3A  # Info.command of a line "Name: value" that answers REVINF

LINE_ENDS = b"\r\n"
STOP = re.compile(rb"[\x00-\x08\x0a-\x1b\x7f]")  # FS to US and tab may stand in a bar code
HIGH = re.compile(rb".*[\x80-\xff]", re.DOTALL)
ENDS = re.compile(rb"[\r\n]+")
ANSWER = re.compile(rb"[ -~]{3,128}")
PUNCTUATION = b".!,;"
REVISION = re.compile(rb"[A-Z][A-Za-z ]{2,30}:[ -~]*")
SHORTEST_BLOCK = 4  # characters of a bar code
NEAR = 2  # characters lost or doubled that leave a row its width
ROWS_OF = {30: 3, 36: 2, 44: 2}
AHEAD = LONGEST_ROW + 20  # bytes in which the line ends of held rows are looked for anew

Decision: TypeAlias = More | Skip | Broken | Whole


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a zone; ``end`` is the place behind its line end."""

    text: str
    end: int

    @property
    def width(self) -> int:
        """That of the zone it seems to belong to."""
        near = min(FULL_ROWS, key=lambda full: abs(full - len(self.text)))
        return near if abs(near - len(self.text)) <= NEAR else len(self.text)


def rows_needed(row: Row) -> int:
    """How many rows of this width make a zone."""
    return ROWS_OF.get(row.width, 2)


def is_whole(rows: tuple[str, ...]) -> bool:
    """True if a read has as many rows as zones of its width have."""
    return len(rows) >= rows_needed(Row(rows[-1], 0))


class Lines:
    """The cut of this family. ``line_end``: cr, crlf, lf or none; ``code_id``: the vendor's letter before OCR reads.

    While ``asked`` is true, lines "Name: value" are answers about the device and no bar codes. ``too_long`` is true
    while a line whose beginning was dropped goes on (law 4).
    """

    def __init__(self, line_end: str = "cr", code_id: str = "") -> None:
        self.asked = False
        self._line_end, self._code_id = line_end, code_id
        self.too_long = False

    def cut(self, buffer: bytearray, looked: int) -> Decision:
        """See framing.Cut. Looks at each byte of a line once, and at those of held rows once per byte that follows."""
        if self.too_long:
            end = STOP.search(buffer)
            self.too_long = end is None
            return Skip(end.end() if end else len(buffer))
        ends = ENDS.match(buffer)
        if ends:
            return Whole(ends.end(), None)
        rows: list[Row] = []
        while True:
            start = rows[-1].end if rows else 0
            found = self._next(buffer, start, looked, rows)
            if isinstance(found, More):
                return self._wait(buffer, found, rows)
            if not isinstance(found, Row):
                return given(rows, buffer) if rows else found
            if not belongs(found, rows):
                return given(rows, buffer)
            rows.append(found)
            if len(rows) == rows_needed(found):
                return given(rows, buffer)

    def settle(self, buffer: bytearray) -> Whole | None:
        """The line is silent: what the buffer holds of reads all the same (laws 2 and 5), or None."""
        self.too_long = False
        rows: list[Row] = []
        while True:
            found = self._next(buffer, rows[-1].end if rows else 0, 0, rows)
            if not isinstance(found, Row) or not belongs(found, rows):
                break
            rows.append(found)
        start = rows[-1].end if rows else 0
        rest = bytes(buffer[start:])
        text = rest.decode("latin-1")
        may_be_last = self._line_end == "none" or (rows and len(text) == rows[-1].width)
        if len(text) in FULL_ROWS and may_be_last and is_row(text) and not STOP.search(rest):
            rows.append(Row(text, len(buffer)))
        if rows:
            ends = ENDS.match(buffer, rows[-1].end)
            return Whole(ends.end() if ends else rows[-1].end, given(rows, buffer).event)
        if self._line_end == "none" and len(rest) >= SHORTEST_BLOCK and is_text(rest):
            return Whole(len(rest), OtherBlock(len(rest), rest))
        return None

    def _wait(self, buffer: bytearray, more: More, rows: list[Row]) -> Decision:
        if len(buffer) < BUFFER_CAP:
            return More(more.looked, begun=bool(rows) or len(buffer) >= SHORTEST_ROW)
        if rows:
            return given(rows, buffer)
        self.too_long = True
        return Broken(len(buffer), "longer than any bar code")

    def _next(self, buffer: bytearray, start: int, looked: int, rows: list[Row]) -> Row | Decision:
        """What begins at ``start``; counts of other decisions hold for ``start`` 0 alone."""
        ends = ENDS.match(buffer, start)
        start = ends.end() if ends else start
        last = self._last_row(buffer, start, rows) if self._line_end == "none" else None
        if last:
            return last
        stop = STOP.search(buffer, start, start + AHEAD) or STOP.search(buffer, max(start + AHEAD, looked))
        if stop is None:
            return More(looked=len(buffer))
        at, end = stop.start(), stop.end()
        if buffer[at] in LINE_ENDS:
            if self._line_end == "crlf" and buffer[at] == LINE_ENDS[0]:
                if end == len(buffer):
                    return More(looked=at)
                end += buffer[end] == LINE_ENDS[1]
            return self._line(bytes(buffer[start:at]), bytes(buffer[start:end]), end)
        if buffer[at] in STATUSES and ANSWER.fullmatch(buffer, start, at):
            if end == len(buffer):
                return More(looked=at)
            if buffer[end] in PUNCTUATION:
                text = bytes(buffer[start:at]).decode("ascii") + chr(buffer[end])
                self.asked = self.asked and not text.casefold().startswith("revinf")
                return Whole(end + 1, Info(buffer[at], text))
        return Broken(end, "a control character in a line") if at - start >= SHORTEST_ROW else Skip(end)

    def _last_row(self, buffer: bytearray, start: int, rows: list[Row]) -> Row | None:
        """Law 5."""
        if not rows or len(rows) + 1 != rows_needed(rows[-1]):
            return None
        end = start + rows[-1].width
        text = bytes(buffer[start:end])
        whole = len(text) == rows[-1].width and not STOP.search(text) and is_row(text.decode("latin-1"))
        return Row(text.decode("latin-1"), end) if whole else None

    def _line(self, content: bytes, raw: bytes, end: int) -> Row | Decision:
        if self.asked and REVISION.fullmatch(content):
            return Whole(end, Info(COLON, content.decode("ascii")))
        high = HIGH.match(content)
        if high and self._row(content[high.end() :]):
            return Skip(high.end())  # noise, then a row
        row = self._row(content)
        if row:
            return Row(row, end)
        if len(content) < SHORTEST_BLOCK:
            return Skip(end)
        if is_text(content):
            return Whole(end, OtherBlock(len(raw), raw))
        return Skip(high.end()) if high else Broken(end, "a line that is no text")

    def _row(self, content: bytes) -> str:
        text = without_id(content.decode("latin-1"), self._code_id)
        return text if is_row(text) else ""


def belongs(row: Row, rows: list[Row]) -> bool:
    """Does the row go on with the zone that these began? (Law 2; a doubled row begins another.)"""
    return not rows or (row.width == rows[-1].width and all(row.text != other.text for other in rows))


def given(rows: list[Row], buffer: bytearray) -> Whole:
    """The rows as one read; the end of a line that is split in two comes along."""
    count = rows[-1].end
    event: Event = RowsRead(tuple(row.text for row in rows), bytes(buffer[:count]))
    return Whole(count, event)
