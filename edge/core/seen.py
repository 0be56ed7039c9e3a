"""What single rows one device has sent lately, and whether rows that came now may be one document (docs/adr/0016).

A zone put together of single rows is weighed against all that was seen in the last minute:

| what was seen                                              | the zone is believed            |
|------------------------------------------------------------|---------------------------------|
| this zone, complete                                        | at once                         |
| these rows, in order and in doubt                          | if silence follows              |
| this zone, but misread in a row without a number           | if silence follows and nothing  |
|                                                            | below speaks against it         |
| some of its rows, the first among them; the rest was lost  | as if it had not been seen      |
| one of its rows with other rows, or without the first one  | no: it may be a late double     |
| rows of another document within ``AWAIT_S``, later ones    | not yet: one of these may be of |
| of which never came, or came in doubt                      | it                              |
| anything else, or nothing                                  | at once                         |

Laws:
1. Two readings are taken for one row rather than for two (``mrz.rows.may_be_one``): doubt costs one presentation.
2. At most ``MAX_RECORDS`` of a length, each for ``MEMORY_S``.
3. Pure: monotonic seconds come in with each call. Never raises on data.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.core.mrz.rows import Row, has_number, may_be_one, same_number, same_row

MEMORY_S = 60.0   # a double may come so late
AWAIT_S = 10.0    # and a row that is the first of its kind so late, after the row before it
MAX_RECORDS = 64


class Fate(enum.Enum):
    """What became of rows."""

    DONE = enum.auto()     # they went on as a complete zone
    DOUBTED = enum.auto()  # all rows of a zone came in order, and were held apart all the same
    WAITED = enum.auto()   # likewise, but only because a row of another document might have been one of them
    PART = enum.auto()     # they were not all rows of a zone, or nothing says that they are of one


class Belief(enum.Enum):
    """Whether rows that came in order are one zone, from yes to no."""

    NOW = enum.auto()
    AFTER_SILENCE = enum.auto()
    NOT_YET = enum.auto()  # a row that is still awaited of another document may be one of them
    NOT = enum.auto()


@dataclass(frozen=True, slots=True)
class _Record:
    at: float
    rows: Mapping[int, str] = field(repr=False)
    fate: Fate


class Seen:
    """Rows of ``length`` characters, ``of`` of which make a zone; by number from 1."""

    def __init__(self, of: int, length: int) -> None:
        self._rows = {number: Row(number, of, length) for number in range(1, of + 1)}
        self._records: deque[_Record] = deque(maxlen=MAX_RECORDS)

    def note(self, rows: Mapping[int, str], fate: Fate, at: float) -> None:
        """These rows, the last of them at ``at``, have gone on, together or apart."""
        covering = fate is Fate.DONE
        kept = [r for r in self._records if r.rows != rows and not (covering and self._covers(rows, r.rows))]
        self._records = deque([*kept, _Record(at, dict(rows), fate)], maxlen=MAX_RECORDS)

    def forget(self, now: float) -> None:
        """Let go of what is older than ``MEMORY_S``."""
        if self._records and now >= min(r.at for r in self._records) + MEMORY_S:
            self._records = deque((r for r in self._records if now < r.at + MEMORY_S), maxlen=MAX_RECORDS)

    def has(self, number: int, text: str) -> bool:
        """True if row ``number`` may have been seen before."""
        return any(self._like(r, number, text) for r in self._records)

    def believe(self, zone: Mapping[int, str], now: float) -> Belief:
        """All rows of a zone came by ``now``, in this order and nothing between: see the table."""
        again = {r.fate for r in self._records if r.fate is not Fate.PART and self._equal(r.rows, zone)}
        if Fate.DONE in again:
            return Belief.NOW
        if again:
            return Belief.AFTER_SILENCE
        beliefs = [self._in_sight_of(r, zone, now) for r in self._records]
        return max(beliefs, key=lambda belief: belief.value, default=Belief.NOW)

    def _equal(self, rows: Mapping[int, str], zone: Mapping[int, str]) -> bool:
        """True if these rows are that zone: its number, and what has none letter by letter."""
        return len(rows) == len(zone) and self._names(rows) == self._names(zone) and all(
            same_row(text, zone[number], row) and same_number(text, zone[number], row)
            for number, text in rows.items() if has_number(row := self._rows[number])
        )

    def _in_sight_of(self, record: _Record, zone: Mapping[int, str], now: float) -> Belief:
        rows = record.rows
        if len(rows) == len(zone) and self._covers(zone, rows):
            return Belief.NOW if self._names(rows) == self._names(zone) else Belief.AFTER_SILENCE
        if record.fate is Fate.PART and 1 in rows and all(zone[number] == text for number, text in rows.items()):
            return Belief.NOW
        if any(self._like(record, number, text) for number, text in zone.items()):
            return Belief.NOT
        awaited = record.fate is Fate.DOUBTED or (
            record.fate is Fate.PART and any(number not in rows for number in range(min(rows), len(zone) + 1))
        )
        return Belief.NOT_YET if awaited and now < record.at + AWAIT_S else Belief.NOW

    def _like(self, record: _Record, number: int, text: str) -> bool:
        return number in record.rows and may_be_one(record.rows[number], text, self._rows[number])

    def _covers(self, zone: Mapping[int, str], rows: Mapping[int, str]) -> bool:
        """True if each of ``rows`` is a reading of the same row of ``zone``."""
        return all(number in zone and same_row(zone[number], text, self._rows[number]) for number, text in rows.items())

    def _names(self, rows: Mapping[int, str]) -> list[str]:
        return [text for number, text in sorted(rows.items()) if not has_number(self._rows[number])]
