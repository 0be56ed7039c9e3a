"""From rows as one device sends them to the documents they belong to (docs/adr/0016).

| rows of one length, each within the wait of the one before    | what goes out                          | when       |
|---------------------------------------------------------------|----------------------------------------|------------|
| a whole zone in one read                                      | that zone                              | at once    |
| after a silence single rows 1, 2 (and 3), in this order, and  | that zone                              | last row   |
| nothing that was seen before speaks against it (``core.seen``)|                                        |            |
| the same, in doubt once before                                | that zone                              | after wait |
| some are missing                                              | one incomplete sheet of what is there  | after wait |
| anything else: another order, two readings of one row, rows   | each row alone; rows 1 and 2 of a card | after wait |
| after a zone without a silence, a line of no zone between     | together if digits leave one choice    |            |
| a row read twice                                              | nothing: the better reading stays      |            |
| rows of the zone that has just gone out: all / some           | that zone again / nothing              | last row   |
| a line that is no row, lines that are no zone                 | they, as they came                     | at once    |

Laws:
1. A wrong pair is worse than asking again: single rows make a zone only if after a silence they came first, alone,
   in order, each in one reading, and none of them was seen before with other rows. Where anything else came
   nothing complete goes out before the device has been silent for the wait.
2. A row with a number is swallowed only if that number is in a sheet: every number that was read is screened.
3. Rows of different lengths are never of one zone, and do not disturb each other.
4. At most ``MAX_ROWS`` rows of a length are held, each for at most ``MAX_WAITS`` waits. While the device is in the
   midst of a frame, begun within the wait, they are held on (keyboards type a row for seconds), but no longer than
   ``READING_S`` after the first of them.
5. Pure: monotonic seconds come in with each call. Never raises on data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.core.mrz.layouts import TD1, recognise
from edge.core.mrz.rows import ROWS, Row, has_number, proven_together, quality, row_of, same_number, same_row
from edge.core.seen import Belief, Fate, Seen

MAX_ROWS = 8   # rows of one length held at once
MAX_WAITS = 3  # waits that one row is held
READING_S = 6.0  # held at most so long for the frame under way: a passport's row at 130 ms a key, two of a card at 95
GRACE = 0.5    # of a wait: from the last word that a frame is under way to the row that it was


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows that go on together: ``at`` is the monotonic second of the last byte of the last of them.

    ``complete``: the rows of one whole zone, by number and length; what they hold is the parser's to judge.
    """

    lines: tuple[str, ...] = field(repr=False)
    at: float
    complete: bool


@dataclass(slots=True)
class _Held:
    row: Row
    text: str = field(repr=False)
    at: float


class Assembler:
    """The rows of one device. ``row_wait_s``: how long a row waits for the next one."""

    def __init__(self, row_wait_s: float) -> None:
        self._lengths = {length: _Rows(of, length, row_wait_s) for length, of in ROWS.items()}

    def take(self, lines: Sequence[str], at: float) -> list[Sheet]:
        """One read, its last byte received at ``at``; what can go on now, in this order."""
        sheets = self.tick(at)
        length = len(lines[0]) if lines else 0
        if recognise(lines) is not None:
            return sheets + self._lengths[length].take_zone(tuple(lines), at)
        rows = [row_of(line) for line in lines]
        single = bool(rows) and {len(line) for line in lines} == {length} and len(rows) < ROWS.get(length, 0)
        if not single or None in rows:
            for of_length in self._lengths.values():
                of_length.disturb(at)  # it may have been the row that tells two documents apart
            return [*sheets, Sheet(tuple(lines), at, complete=False)]
        for row, line in zip(rows, lines, strict=True):
            if row is not None:
                sheets += self._lengths[length].take(row, line, at)
        return sheets

    def tick(self, now: float) -> list[Sheet]:
        """Nothing more has come by ``now``: what has waited long enough."""
        return [sheet for rows in self._lengths.values() for sheet in rows.tick(now)]

    def under_way(self, now: float) -> None:
        """The device is in the midst of a frame at ``now``: say so every quarter of a wait while rows are held."""
        for rows in self._lengths.values():
            rows.under_way(now)

    @property
    def due(self) -> float | None:
        """When ``tick`` will have something to give, in monotonic seconds; None while nothing is held."""
        return min((rows.due for rows in self._lengths.values() if rows.due is not None), default=None)

    @property
    def held(self) -> int:
        """How many rows are held."""
        return sum(len(rows.held) for rows in self._lengths.values())


class _Rows:
    """Rows of one length: ``of`` of them make a zone."""

    def __init__(self, of: int, length: int, wait_s: float) -> None:
        self._of, self._wait_s, self._grace_s = of, wait_s, wait_s * GRACE
        self.held: list[_Held] = []
        self._reading_until = float("-inf")  # the row that is under way is waited for until then
        self._seen = Seen(of, length)
        self._last_at = float("-inf")       # of the last row, doubled or not
        # Since the last silence:
        self._mixed = False                 # something came that is not of the rows held
        self._belief = Belief.NOW           # in the rows held, once they are all rows of a zone
        self._gone: dict[int, str] = {}     # the last zone that went on
        self._again: set[int] = set()       # its rows that came once more

    @property
    def due(self) -> float | None:
        if not self.held:
            return None
        silence = min(self._last_at + self._wait_s, self.held[0].at + MAX_WAITS * self._wait_s)
        return max(silence, min(self._reading_until, self.held[0].at + READING_S))

    def under_way(self, now: float) -> None:
        """See Assembler; what began after the rows held should have gone out holds none of them."""
        due = self.due
        if due is not None and now < due + self._grace_s:
            self._reading_until = now + self._grace_s

    def tick(self, now: float) -> list[Sheet]:
        due = self.due
        if due is not None and now < due:
            self._seen.forget(now)
            return []
        if due is not None and now < self._reading_until:
            self._last_at = now  # not waited for any longer, and still under way: that is no silence
        silent = now >= self._last_at + self._wait_s
        if due is not None and not silent:
            # What is let go of without a silence may have its other row still coming: that must meet no stranger.
            self._mixed = True
        sheets = self._flush()
        if silent:
            self._mixed, self._gone, self._again = False, {}, set()
        self._seen.forget(now)
        return sheets

    def disturb(self, at: float) -> None:
        """Something came that may have been a row; ``tick(at)`` has been called."""
        self._mixed, self._last_at = True, at

    def take_zone(self, lines: tuple[str, ...], at: float) -> list[Sheet]:
        """A whole zone in one read; what is held of it is superseded, what is held of another goes out before."""
        zone = dict(enumerate(lines, 1))
        superseded = all(_is_double(held.text, zone[held.row.number], held.row) for held in self.held)
        if superseded:
            self.held = []
        else:
            self._mixed = True
        sheets = self._flush()
        self._last_at = at
        return [*sheets, self._complete(zone, at)]

    def take(self, row: Row, text: str, at: float) -> list[Sheet]:
        """A single row; ``tick(at)`` has been called."""
        self._last_at = at
        for held in self.held:
            if held.row == row and _is_double(held.text, text, row):
                self._mixed = self._mixed or held.text != text
                if quality(text, row) > quality(held.text, row):
                    held.text = text
                return []
        gone = self._gone.get(row.number)
        if gone is not None and not self.held and _is_double(gone, text, row):
            return self._once_more(row, text, at)
        if gone == text and has_number(row):
            return []
        self.held.append(_Held(row, text, at))
        numbers = [held.row.number for held in self.held]
        self._mixed = self._mixed or numbers != sorted(set(numbers))
        if len(numbers) >= MAX_ROWS:
            return self._flush()
        if self._mixed or len(numbers) < self._of:
            return []
        self._belief = self._seen.believe(self._zone(), at)
        return self._flush() if self._belief is Belief.NOW else []

    def _once_more(self, row: Row, text: str, at: float) -> list[Sheet]:
        """A row of the zone that has just gone on; as a whole, and as it was read before, that goes on once more."""
        if text != self._gone[row.number]:
            return []
        self._again = {number for number in self._again if number < row.number} | {row.number}
        return [self._complete(self._gone, at)] if len(self._again) == self._of else []

    def _flush(self) -> list[Sheet]:
        """Let go of everything held: as one sheet, or apart where they may be of two documents."""
        if not self.held:
            return []
        at = self.held[-1].at
        if len(self.held) == self._of and not self._mixed and self._belief in (Belief.NOW, Belief.AFTER_SILENCE):
            zone, self.held = self._zone(), []
            return [self._complete(zone, at)]
        whole = len(self.held) >= self._of
        self._note(at)
        rows, self.held = self.held, []
        if self._mixed or whole:
            self._mixed = True
            return _apart(rows)
        return [Sheet(tuple(held.text for held in rows), at, complete=False)]

    def _note(self, at: float) -> None:
        """Remember what goes on incomplete, and which rows may be a zone if they come so once more."""
        whole = list(range(1, self._of + 1))
        unseen = [held for held in self.held if not self._seen.has(held.row.number, held.text)]
        chosen = next((c for c in (unseen, self.held) if [held.row.number for held in c] == whole), [])
        if self._mixed or len(self.held) == self._of:
            for held in self.held:
                if held not in chosen:
                    self._seen.note({held.row.number: held.text}, Fate.PART, at)
        else:
            self._seen.note(self._zone(), Fate.PART, at)
        if chosen:
            fate = Fate.WAITED if self._belief is Belief.NOT_YET and not self._mixed else Fate.DOUBTED
            self._seen.note({held.row.number: held.text for held in chosen}, fate, at)

    def _zone(self) -> dict[int, str]:
        return {held.row.number: held.text for held in self.held}

    def _complete(self, zone: dict[int, str], at: float) -> Sheet:
        # What comes before a silence is a double of this zone, or of another document.
        self._mixed, self._gone, self._again = True, zone, set()
        self._seen.note(zone, Fate.DONE, at)
        return Sheet(tuple(text for _, text in sorted(zone.items())), at, complete=True)


def _is_double(before: str, text: str, row: Row) -> bool:
    """True if nothing is lost when only the better of two readings goes on."""
    return same_row(before, text, row) and (not has_number(row) or same_number(before, text, row))


def _apart(rows: list[_Held]) -> list[Sheet]:
    """Rows of more than one document, in order of arrival; none of the sheets is complete."""
    partner: dict[int, int] = {}
    if rows[0].row.length == TD1.line_length:
        fits = [
            (a, b)
            for a, first in enumerate(rows)
            for b, second in enumerate(rows)
            if (first.row.number, second.row.number) == (1, 2)
            and proven_together({1: first.text, 2: second.text}, TD1)
        ]
        firsts, seconds = [a for a, _ in fits], [b for _, b in fits]
        partner = {a: b for a, b in fits if firsts.count(a) == seconds.count(b) == 1}
    sheets = []
    for index, held in enumerate(rows):
        if index in partner:
            other = rows[partner[index]]
            sheets.append(Sheet((held.text, other.text), max(held.at, other.at), complete=False))
        elif index not in partner.values():
            sheets.append(Sheet((held.text,), held.at, complete=False))
    return sheets
