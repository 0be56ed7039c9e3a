"""What an OCR imager sends, line by line: rows of zones, bar codes and its answers to menu commands.

Source: Honeywell "OCR Programming User's Guide" (1900GHD) and "Xenon/Granit User Guide" (serial programming commands).
Laws:
1. A read has no start of its own. It is a line of text ended as the imager is set (a CR by default); a control
   character within a line ends what came before it, which is noise.
2. The rows of one document may come in one burst or each on its own, and some may never come. Rows are one zone only
   where their forms prove them to be its first, second (and third) row, one behind the other; the last completes it at
   once. What is missing at its end is waited for until something else comes or the line is silent for a gap.
3. Any other row goes on alone, at once: edge.core.assembly knows more of rows than their form, and waits. So does every
   row behind a doubtful one in the same burst (law 6): one whose form proves nothing, or another reading of a row that
   has been there. Which of the two belongs to the rows that follow is not for a cut to choose. Before a zone nothing of
   its width may have come in its burst but its first row, letter by letter, or the zone before it; of that it must be
   the same in all rows or another in all, and none of them what may be a misreading.
4. An answer repeats the command with ACK, ENQ or NAK before each of its punctuation marks, and no line end. So it is
   told from a read by that character alone.
5. A line that is no row is a bar code if it is text, and noise if it is not or has fewer than 4 characters. One that
   is longer than the buffer is dropped to its very end: its tail is no bar code.
   What is a row only beside another (drivers.rows, law 4) is held until the next line ends, or for a gap.
   So is a line whose AIM identifier says that it is a bar code, and each behind it in the same burst, as far as the
   longest bar code goes: a QR code may hold line ends, and behind one the rows of a zone.
6. A burst is what comes without a gap of silence. A last row without a line end is believed at once where the imager
   is set so (``none``), else after the gap, if the burst has a row of its width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from drivers.framing import BUFFER_CAP, Broken, Info, More, OtherBlock, RowsRead, Skip, Whole
from drivers.rows import (
    AIM_LENGTH,
    FULL_ROWS,
    LONGEST_ROW,
    SHORTEST_ROW,
    is_row,
    is_text,
    is_told_other,
    row_number,
    without_id,
)

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
LIKE = 8  # one character in so many may differ between two readings of one row
ROWS_OF = {30: 3, 36: 2, 44: 2}
LONGEST_CODE = 8192  # bytes; a Han Xin code holds 7,827 digits, a QR code 7,089
AHEAD = LONGEST_ROW + 20  # bytes in which the line ends of held rows are looked for anew

Decision: TypeAlias = More | Skip | Broken | Whole


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a zone; ``end`` is the place behind its line end, ``number`` which row it is, 0 if that is not proven.

    ``weak``: a row only beside another.
    """

    text: str
    end: int
    number: int
    weak: bool = False

    @property
    def width(self) -> int:
        """That of the zone it seems to belong to."""
        near = min(FULL_ROWS, key=lambda full: abs(full - len(self.text)))
        return near if abs(near - len(self.text)) <= NEAR else len(self.text)


def alike(a: str, b: str) -> bool:
    """True if one may be a misreading of the other: of one length, and few characters differ."""
    return sum(x != y for x, y in zip(a, b, strict=True)) <= len(a) // LIKE


class Burst:
    """The rows that came without a gap of silence, by width and number; bounded by the widths that there are."""

    def __init__(self) -> None:
        self._rows: dict[int, dict[int, str]] = {}
        self._unknown: dict[int, int] = {}  # how many of this width have no proven number
        self._doubtful = False
        self.told_other = 0  # bytes in which what said that it is a bar code may go on (law 5)

    def __bool__(self) -> bool:
        return bool(self._rows or self._unknown or self.told_other)

    def has(self, width: int) -> bool:
        """Has a row of this width come?"""
        return width in self._rows or width in self._unknown

    def hear_id(self, beginning: bytes) -> None:
        """What the line begins with (law 5). OCR's identifier ends nothing: a QR code may hold that too."""
        if is_told_other(beginning.decode("latin-1")):
            self.told_other = LONGEST_CODE

    @property
    def whole(self) -> bool:
        """Have as many rows of one width come as a zone of it has, readings of one row counted once?"""
        return any(
            len(self._rows.get(width, ())) + self._unknown.get(width, 0) >= ROWS_OF.get(width, 2)
            for width in {*self._rows, *self._unknown}
        )

    def allows(self, row: Row, rows: Sequence[Row]) -> bool:
        """May the row go on with the zone that these began, or begin one? (Laws 2 and 3.)"""
        known = self._rows.get(row.width, {})
        if self._doubtful or row.number != len(rows) + 1 or any(row.width != other.width for other in rows):
            return False
        if any(alike(row.text, other.text) for other in rows):
            return False
        if len(known) < ROWS_OF[row.width]:
            return known.get(row.number, row.text) == row.text and all(number <= row.number for number in known)
        if all(other.text == known[other.number] for other in (*rows, row)):
            return True
        return not any(alike(other.text, known[other.number]) for other in (*rows, row))

    def note(self, rows: Sequence[Row]) -> None:
        """They have been given out as one read."""
        if len(rows) == ROWS_OF.get(rows[0].width):
            self._rows[rows[0].width] = {row.number: row.text for row in rows}
            return
        for at, row in enumerate(rows, 1):
            if row.number == 0:
                self._unknown[row.width] = self._unknown.get(row.width, 0) + 1
            else:
                known = self._rows.setdefault(row.width, {}).setdefault(row.number, row.text)
                self._doubtful = self._doubtful or known != row.text
            self._doubtful = self._doubtful or row.number != at


class Lines:
    """The cut of this family. ``line_end``: cr, crlf, lf or none; ``code_id``: the vendor's letter before OCR reads.

    While ``asked`` is true, lines "Name: value" are answers about the device and no bar codes. ``too_long`` is true
    while a line whose beginning was dropped goes on (law 5). ``burst`` is what came since the last ``end_burst``.
    """

    def __init__(self, line_end: str = "cr", code_id: str = "") -> None:
        self.asked = False
        self._line_end, self._code_id = line_end, code_id
        self.too_long = False
        self.burst = Burst()

    def cut(self, buffer: bytearray, looked: int) -> Decision:
        """See framing.Cut. Looks at each byte of a line once, and at those of held rows once per byte that follows."""
        decision = self._decide(buffer, looked)
        if not isinstance(decision, More):
            self.burst.told_other = max(0, self.burst.told_other - decision.count)
        return decision

    def _decide(self, buffer: bytearray, looked: int) -> Decision:
        if self.too_long:
            end = STOP.search(buffer)
            self.too_long = end is None
            return Skip(end.end() if end else len(buffer))
        ends = ENDS.match(buffer)
        if ends:
            return Whole(ends.end(), None)
        return self._front(buffer, looked, silent=False)

    def settle(self, buffer: bytearray) -> Whole | None:
        """The line is silent: what the buffer still holds of reads (laws 2, 5 and 6), one after another, or None."""
        self.too_long = False
        if not buffer:
            return None
        ends = ENDS.match(buffer)
        found = Whole(ends.end(), None) if ends else self._front(buffer, 0, silent=True)
        return found if isinstance(found, Whole) else None

    def end_burst(self) -> None:
        """The line was silent, and what it held is settled."""
        self.burst = Burst()

    def _front(self, buffer: bytearray, looked: int, *, silent: bool) -> Decision:
        rows: list[Row] = []
        while True:
            found = self._next(buffer, rows[-1].end if rows else 0, looked, rows, silent)
            if isinstance(found, Row) and found.weak:
                beside = self._next(buffer, found.end, looked, [*rows, found], silent)
                if isinstance(beside, More) and not silent:
                    return self._wait(buffer, beside, rows, begun=True)
                if isinstance(beside, Row) and not beside.weak and beside.width == found.width:
                    found = replace(found, weak=False)
                else:
                    found = Whole(found.end, OtherBlock(found.end, bytes(buffer[: found.end])))
            if isinstance(found, More) and not silent:
                return self._wait(buffer, found, rows)
            if not isinstance(found, Row):
                return self._given(rows, buffer) if rows else found
            goes_on = self.burst.allows(found, rows)
            if goes_on or not rows:
                rows.append(found)
            if not goes_on or len(rows) == ROWS_OF[found.width]:
                return self._given(rows, buffer)

    def _given(self, rows: list[Row], buffer: bytearray) -> Whole:
        """The rows as one read."""
        self.burst.note(rows)
        count = rows[-1].end
        return Whole(count, RowsRead(tuple(row.text for row in rows), bytes(buffer[:count])))

    def _wait(self, buffer: bytearray, more: More, rows: list[Row], *, begun: bool = False) -> Decision:
        if len(buffer) < BUFFER_CAP:
            return More(more.looked, begun=begun or bool(rows) or len(buffer) >= SHORTEST_ROW)
        if rows:
            return self._given(rows, buffer)
        self.too_long = True
        return Broken(len(buffer), "longer than any bar code")

    def _next(self, buffer: bytearray, start: int, looked: int, rows: list[Row], silent: bool) -> Row | Decision:
        """What begins at ``start``; counts of other decisions hold for ``start`` 0 alone."""
        ends = ENDS.match(buffer, start)
        start = ends.end() if ends else start
        if not rows:
            self.burst.hear_id(bytes(buffer[start : start + AIM_LENGTH]))
        last = self._last_row(buffer, start, rows) if self._line_end == "none" else None
        if last:
            return last
        stop = STOP.search(buffer, start, start + AHEAD) or STOP.search(buffer, max(start + AHEAD, looked))
        if stop is None:
            return self._unended(bytes(buffer[start:]), len(buffer), rows) if silent else More(looked=len(buffer))
        at, end = stop.start(), stop.end()
        if buffer[at] in LINE_ENDS:
            if self._line_end == "crlf" and buffer[at] == LINE_ENDS[0]:
                if end == len(buffer) and not silent:
                    return More(looked=at)
                end += buffer[end : end + 1] == LINE_ENDS[1:]
            return self._line(bytes(buffer[start:at]), bytes(buffer[start:end]), end, rows)
        if buffer[at] in STATUSES and ANSWER.fullmatch(buffer, start, at):
            if end == len(buffer):
                return More(looked=at)
            if buffer[end] in PUNCTUATION:
                text = bytes(buffer[start:at]).decode("ascii") + chr(buffer[end])
                self.asked = self.asked and not text.casefold().startswith("revinf")
                return Whole(end + 1, Info(buffer[at], text))
        return Broken(end, "a control character in a line") if at - start >= SHORTEST_ROW else Skip(end)

    def _last_row(self, buffer: bytearray, start: int, rows: list[Row]) -> Row | None:
        """Law 6, set so: the row that is missing yet, counted by its characters."""
        if not rows or len(rows) + 1 != ROWS_OF.get(rows[-1].width):
            return None
        end = start + rows[-1].width
        text = bytes(buffer[start:end])
        whole = len(text) == rows[-1].width and not STOP.search(text)
        row = self._row(text, end, rows) if whole else None
        return row if row and row.number == len(rows) + 1 else None

    def _unended(self, rest: bytes, end: int, rows: list[Row]) -> Row | Decision:
        """Law 6, after the gap."""
        row = self._row(rest, end, rows)
        none = self._line_end == "none"
        if row and len(row.text) in FULL_ROWS and (none or self._is_beside(row.width, rows, weak_too=True)):
            return row
        if none and len(rest) >= SHORTEST_BLOCK and is_text(rest):
            return Whole(end, OtherBlock(len(rest), rest))
        return More(looked=end)

    def _line(self, content: bytes, raw: bytes, end: int, rows: list[Row]) -> Row | Decision:
        if self.asked and REVISION.fullmatch(content):
            return Whole(end, Info(COLON, content.decode("ascii")))
        high = HIGH.match(content)
        if high and self._row(content[high.end() :], end, rows):
            return Skip(high.end())  # noise, then a row
        row = self._row(content, end, rows)
        if row:
            return row
        if len(content) < SHORTEST_BLOCK:
            return Skip(end)
        if is_text(content):
            return Whole(end, OtherBlock(len(raw), raw))
        return Skip(high.end()) if high else Broken(end, "a line that is no text")

    def _row(self, content: bytes, end: int, rows: list[Row]) -> Row | None:
        text = without_id(content.decode("latin-1"), self._code_id)
        if self.burst.told_other:
            return None
        strong = is_row(text)
        if not strong and not is_row(text, beside=True):
            return None
        row = Row(text, end, row_number(text))
        return row if strong else replace(row, weak=not self._is_beside(row.width, rows))

    def _is_beside(self, width: int, rows: list[Row], *, weak_too: bool = False) -> bool:
        return self.burst.has(width) or any(row.width == width and (weak_too or not row.weak) for row in rows)
