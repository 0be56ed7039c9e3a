"""The lists that the box asks at this moment, and the watch over newer ones.

Laws:
1. Travellers are screened by what is in use; a newer generation takes its place in one assignment.
2. No traveller pays for first use: indexes are made, and nobody is asked for, before a list is called in use.
3. What changed is logged once and noted in the audit chain: a generation when it was taken up first. A disk that keeps
   no mark keeps nobody from screening.
4. Keyed lists are read through, a part at each look for newer ones, until every byte was verified; a damaged one is
   still asked, and nothing is CLEAR by it. The next update is told, and takes it anew (``damage_note``).
5. What its own policy says must go by now is erased here (``edge.erasure``), and is out of use at the same look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from edge.core.screening import Query, Screener, prepare
from edge.core.trusted import Trusted
from edge.crew import Pulse
from edge.erasure import Eraser
from edge.state import State, StateError, damage_note
from edge.watchlists import Watchlists

log = structlog.get_logger("lists")

VERIFIED_AT_A_TIME = 64  # MiB of keyed lists between two looks: 2 GB in three minutes, at a look every 5 s
ABSENT: tuple[int | None, str | None] = (None, "absent")  # a required list without a folder


class ListsInUse:
    """``current`` is replaced by ``run``, which is a thread's work; all else is the main thread's, before that."""

    def __init__(
        self, opened: Watchlists, *, state: State, screener: Screener, now: Callable[[], Trusted], refresh_s: float,
        audit: Callable[[str, Mapping[str, str | int]], object] = lambda _kind, _facts: None,
    ) -> None:  # fmt: skip
        self.current = opened
        self._eraser = Eraser(opened.root)
        self._state, self._screener, self._now, self._refresh_s = state, screener, now, refresh_s
        self._audit = audit  # a row of the audit chain; it does not block, and what becomes of it is the journal's
        self._told: dict[str, tuple[int | None, str | None]] = {}  # list id -> generation, problem, as logged last

    def begin(self) -> None:
        """Log what is in use and make it warm (law 2)."""
        self._note()
        self._warm()

    def run(self, pulse: Pulse) -> None:
        """Take up newer generations until told to stop."""
        while not pulse.wait(self._refresh_s):
            self._eraser.run(self.current.lists, self._now())
            self._look_over()
            fresh = self.current.refresh(high_water=self._state.high_water())
            if fresh is not self.current:
                self.current = fresh
                if self._note():
                    self._warm()

    def generations(self) -> dict[str, int]:
        """List id -> generation of every list that can be asked."""
        return {o.list_id: o.generation for o in self.current.lists if o.generation is not None}

    def _look_over(self) -> None:
        """Verify a part of what keyed lists have on disk (law 4)."""
        left = VERIFIED_AT_A_TIME
        for opened in self.current.lists:
            if left and opened.keyed is not None and not opened.keyed.damaged and opened.keyed.look_over(left):
                left = 0
            if opened.keyed is not None and opened.keyed.damaged:
                self._tell_updates(opened.list_id, opened.keyed.stamp)

    def _tell_updates(self, list_id: str, stamp: str) -> None:
        try:
            if self._state.get(damage_note(list_id)) != stamp:
                self._state.put(damage_note(list_id), stamp)
        except StateError as error:  # law 3: an update by hand looks at every byte anyway
            log.error("damage_not_noted", list=list_id, advice=error.advice)

    def _warm(self) -> None:
        prepare(self.current.lists)
        nobody = Query.of_fields({"surname": "A", "given_names": "B", "document_number": "0", "issuing_state": "UTO"})
        self._screener.screen(nobody, self.current.lists, self._now())

    def _note(self) -> bool:
        """Log what changed since the last time, and remember how new each list was; True if something did."""
        changed = False
        for opened in self.current.lists:
            generation = opened.generation
            before, self._told[opened.list_id] = self._told.get(opened.list_id), (generation, opened.problem)
            if before == (generation, opened.problem):
                continue
            changed = True
            if opened.problem:
                log.warning("list_problem", list=opened.list_id, problem=opened.problem)
                self._audit("list_problem", {"list": opened.list_id, "problem": opened.problem[:200]})
            if generation is not None and (before is None or before[0] != generation):
                log.info("list_in_use", list=opened.list_id, generation=generation)
                try:
                    if self._state.high_water().get(opened.list_id, -1) < generation:
                        self._audit("list_in_use", {"list": opened.list_id, "generation": generation})
                    self._state.raise_high_water(opened.list_id, generation)
                    self._state.note_kind(opened.list_id, gallery=opened.fingers)
                except StateError as error:  # law 3
                    log.error("mark_not_kept", list=opened.list_id, generation=generation, advice=error.advice)
        there = {opened.list_id for opened in self.current.lists}
        for absent in sorted((self._screener.required or frozenset()) - there):
            if self._told.get(absent) != ABSENT:
                self._told[absent] = ABSENT
                log.warning("list_problem", list=absent, problem="this required list is absent")
                self._audit("list_problem", {"list": absent, "problem": "absent"})
        return changed
