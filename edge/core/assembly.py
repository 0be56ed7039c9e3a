"""From rows as one device sends them to the documents they belong to (docs/adr/0016).

| rows of one length, each within the wait of the one before    | what goes out                          | when       |
|---------------------------------------------------------------|----------------------------------------|------------|
| a whole zone in one read                                      | that zone                              | at once    |
| single rows 1, 2 (and 3), one of each, in this order          | that zone                              | last row   |
| one of each in another order                                  | that zone                              | after wait |
| some are missing                                              | one incomplete sheet of what is there  | after wait |
| two readings of one row, not the same row: two documents      | each row alone; rows 1 and 2 of a card | after wait |
|                                                               | together if digits leave one choice    |            |
| a row read twice (``mrz.rows.same_row``)                      | nothing: the better reading stays      |            |
| rows of a zone that has gone out, within the wait: all / some | that zone again / nothing              | last row   |
| such a row, misread, while other rows are held                | as two documents                       | after wait |
| a line that is no row, lines that are no zone                 | they, as they came                     | at once    |

Laws:
1. A wrong pair is worse than asking again: the choice between two readings of one row is never made. Where two
   were seen, nothing complete goes out before the device has been silent for the wait.
2. Rows of different lengths are never of one zone, and do not disturb each other.
3. At most ``MAX_ROWS`` rows of a length are held, each for at most ``MAX_WAITS`` waits.
4. Pure: monotonic seconds come in with each call. Never raises on data.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.core.mrz.layouts import TD1, recognise
from edge.core.mrz.rows import ROWS, Row, has_number, proven_together, quality, row_of, same_row

MAX_ROWS = 8   # rows of one length held at once
MAX_WAITS = 3  # waits that one row is held
MAX_DONE = 8   # zones remembered, so that their doubled rows are known
MEMORY_S = 60.0  # and for how long since their last row


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
        self._lengths = {length: _Rows(of, row_wait_s) for length, of in ROWS.items()}

    def take(self, lines: Sequence[str], at: float) -> list[Sheet]:
        """One read, its last byte received at ``at``; what can go on now, in this order."""
        sheets = self.tick(at)
        length = len(lines[0]) if lines else 0
        if recognise(lines) is not None:
            return sheets + self._lengths[length].take_zone(tuple(lines), at)
        rows = [row_of(line) for line in lines]
        single = bool(rows) and {len(line) for line in lines} == {length} and len(rows) < ROWS.get(length, 0)
        if not single or None in rows:
            return [*sheets, Sheet(tuple(lines), at, complete=False)]
        for row, line in zip(rows, lines, strict=True):
            if row is not None:
                sheets += self._lengths[length].take(row, line, at)
        return sheets

    def tick(self, now: float) -> list[Sheet]:
        """Nothing more has come by ``now``: what has waited long enough."""
        return [sheet for rows in self._lengths.values() for sheet in rows.tick(now)]

    @property
    def due(self) -> float | None:
        """When ``tick`` will have something to give, in monotonic seconds; None while nothing is held."""
        return min((rows.due for rows in self._lengths.values() if rows.due is not None), default=None)

    @property
    def held(self) -> int:
        """How many rows are held."""
        return sum(len(rows.held) + len(rows.echoes) for rows in self._lengths.values())


class _Rows:
    """Rows of one length: ``of`` of them make a zone."""

    def __init__(self, of: int, wait_s: float) -> None:
        self._of, self._wait_s = of, wait_s
        self.held: list[_Held] = []
        self.echoes: dict[int, _Held] = {}   # rows of a zone that went out, read again
        self._echo_of: dict[int, str] = {}   # that zone
        self._done: deque[tuple[float, dict[int, str]]] = deque(maxlen=MAX_DONE)
        self._mixed = False                  # two documents may have been seen, and no silence since
        # Namesakes share a row of names, twins one of dates: what came doubled may have been the next document's own.
        self._shared = False
        self._last_at = 0.0                  # of the last row, doubled or not

    @property
    def due(self) -> float | None:
        if not self.held:
            return None
        return min(self._last_at + self._wait_s, self.held[0].at + MAX_WAITS * self._wait_s)

    def tick(self, now: float) -> list[Sheet]:
        due = self.due
        silent = now >= self._last_at + self._wait_s
        sheets = self._flush() if due is not None and now >= due else []
        # What was let go of without a silence may have had its other row still coming: that must meet no stranger.
        self._mixed = not silent and (self._mixed or bool(sheets))
        while self._done and now >= self._done[0][0] + MEMORY_S:
            self._done.popleft()
        if silent:
            self.echoes, self._shared = {}, False
        return sheets

    def take_zone(self, lines: tuple[str, ...], at: float) -> list[Sheet]:
        """A whole zone in one read; what is held of it is superseded, what is held of another goes out before."""
        zone = dict(enumerate(lines, 1))
        superseded = all(same_row(held.text, zone[held.row.number], held.row) for held in self.held)
        self._mixed = self._mixed or not superseded
        sheets = [] if superseded else self._flush()
        self.held, self.echoes, self._last_at = [], {}, at
        self._remember(zone, at)
        return [*sheets, Sheet(lines, at, complete=True)]

    def take(self, row: Row, text: str, at: float) -> list[Sheet]:
        """A single row; ``tick(at)`` has been called."""
        self._last_at = at
        zone = self._of_done(row, text, at)
        if zone is not None:
            self._remember(zone, at)
        for held in self.held:
            if held.row == row and same_row(held.text, text, row):
                if quality(text, row) > quality(held.text, row):
                    held.text = text
                self._shared = self._shared or not has_number(row)
                return []
        if zone is not None and not self.held:
            return self._echo(zone, row, text, at)
        if zone is not None and zone[row.number] == text and has_number(row):
            return []
        self.echoes = {}
        twice = any(held.row == row for held in self.held)
        self._mixed = self._mixed or (self._shared and not self.held) or zone is not None or twice
        self.held.append(_Held(row, text, at))
        self._mixed = self._contradicted() or self._mixed
        numbers = [held.row.number for held in self.held]
        if len(numbers) >= MAX_ROWS or (not self._mixed and numbers == list(range(1, self._of + 1))):
            return self._flush()
        return []

    def _of_done(self, row: Row, text: str, now: float) -> dict[int, str] | None:
        """The zone that went out, or was doubled, within the wait, and had this row."""
        for at, zone in reversed(self._done):
            if now < at + self._wait_s and same_row(zone[row.number], text, row):
                return zone
        return None

    def _contradicted(self) -> bool:
        """True if the number held was lately read with other rows than those held: it is a late double of that zone.

        Said once a zone: presented again, its document is believed.
        """
        numbers = {held.text: held for held in self.held if has_number(held.row)}
        for done in self._done:
            zone = done[1]
            if any(zone[held.row.number] == text for text, held in numbers.items()) and not all(
                same_row(zone[held.row.number], held.text, held.row) for held in self.held
            ):
                self._done.remove(done)
                return True
        return False

    def _remember(self, zone: dict[int, str], at: float) -> None:
        """So that its doubled rows are known, each within the wait of the one before."""
        self._done = deque((done for done in self._done if done[1] is not zone), maxlen=MAX_DONE)
        self._done.append((at, zone))

    def _echo(self, zone: dict[int, str], row: Row, text: str, at: float) -> list[Sheet]:
        self._shared = self._shared or not has_number(row)
        if self._echo_of is not zone:
            self.echoes, self._echo_of = {}, zone
        before = self.echoes.get(row.number)
        if before is None or quality(text, row) >= quality(before.text, row):
            self.echoes[row.number] = _Held(row, text, at)
        if len(self.echoes) < self._of:
            return []
        again, self.echoes = [self.echoes[number] for number in sorted(self.echoes)], {}
        return self._complete(again, at)

    def _flush(self) -> list[Sheet]:
        """Let go of everything held: as one sheet, or apart where two documents were seen."""
        rows, self.held = self.held, []
        if self._mixed:
            return _apart(rows)
        in_place = sorted(rows, key=lambda held: held.row.number)
        if len(rows) == self._of:
            return self._complete(in_place, rows[-1].at)
        return [Sheet(tuple(held.text for held in in_place), rows[-1].at, complete=False)]

    def _complete(self, rows: list[_Held], at: float) -> list[Sheet]:
        self._remember({held.row.number: held.text for held in rows}, at)
        return [Sheet(tuple(held.text for held in rows), at, complete=True)]


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
