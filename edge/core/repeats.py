"""The same document again at the same counter: one passage, not two (docs/adr/0016).

Laws:
1. A read repeats another if it puts the very same question (every field that is screened by, the doubts too) to
   lists that stand as they stood: the same generations, none missing, damaged, old, too old or of unknown age that
   was not so then, under the same clock and on the same day. Then the verdict would be the same: nothing is unscreened.
2. Only what was wholly read, recorded and answered is repeated: not UNREADABLE, not INCOMPLETE, not a part of a
   zone, not NOT RECORDED, not a lead that has been closed. There a fresh answer may be better, or is asked for.
3. Whether something is a repeat depends on the text that was read and on what was shown, never on the truth behind
   it (ARCHITECTURE law 8).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from edge.core.screening import Query
from edge.core.trusted import ClockState, Trusted
from edge.core.verdicts import Coverage, CoverageState, Freshness, Outcome

LONGEST_S = 60.0   # from the first read, whatever is configured below it
MAX_REMEMBERED = 8  # documents of one counter: a family presents its passports in turn
ANSWERED = frozenset({Outcome.CLEAR, Outcome.POSSIBLE, Outcome.HIT})


@dataclass(frozen=True, slots=True)
class Asked:
    """All that an answer rests on but the question: what was asked, and what could be believed of it."""

    lists: tuple[tuple[str, int | None, CoverageState, Freshness], ...]  # id, generation, how it and its age stood
    clock: ClockState
    expiry: date | None  # the day by which records end
    today: date          # the day by which dates of the document are read

    @classmethod
    def of(cls, coverage: Iterable[Coverage], now: Trusted, today: date) -> Asked:
        """``coverage`` of every list there is or should be (``Screener.coverage``)."""
        lists = tuple((one.list_id, one.generation, one.state, one.freshness) for one in coverage)
        return cls(lists, now.state, now.expiry.date() if now.expiry else None, today)


@dataclass(slots=True)
class Passed:
    """A passage that may be repeated. ``message`` is its verdict message; it holds personal data."""

    query: Query = field(repr=False)
    asked: Asked
    message: Mapping[str, Any] = field(repr=False)
    first_at: float
    last_at: float
    times: int = 1


class Repeats:
    """What passed at one counter lately. ``within_s`` counts from the last read of a document; 0: nothing repeats."""

    def __init__(self, within_s: float) -> None:
        self._within_s = within_s
        self._longest_s = max(LONGEST_S, within_s)
        self._passed: deque[Passed] = deque(maxlen=MAX_REMEMBERED)

    def find(self, query: Query, asked: Asked, at: float) -> Passed | None:
        """The passage that a read at ``at`` (monotonic seconds) repeats; it then counts this read."""
        self._passed = deque(
            (p for p in self._passed if at - p.last_at < self._within_s and at - p.first_at < self._longest_s),
            maxlen=MAX_REMEMBERED,
        )
        for passed in self._passed:
            if passed.query == query and passed.asked == asked:
                passed.last_at = max(passed.last_at, at)
                passed.times += 1
                return passed
        return None

    def note(self, query: Query, asked: Asked, message: Mapping[str, Any], at: float) -> None:
        """A whole zone was answered with this verdict message and recorded; ``at`` of its last byte."""
        if self._within_s > 0 and Outcome(message["outcome"]) in ANSWERED:
            self._passed.append(Passed(query, asked, message, at, at))

    def reword(self, passage: str, shown: Outcome) -> None:
        """A finger changed what is shown of this passage: shown again, its document gets that word. Else law 2."""
        for passed in self._passed:
            if passed.message["passage"] == passage:
                passed.message = {**passed.message, "outcome": str(shown)}
        if shown not in ANSWERED:
            self.forget(passage)

    def forget(self, passage: str) -> None:
        """The lead of this passage was closed: presented again, its document is a new passage."""
        self._passed = deque((p for p in self._passed if p.message["passage"] != passage), maxlen=MAX_REMEMBERED)
