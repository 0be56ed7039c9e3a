"""What a finger is asked at the box: 1:N over the galleries, a second finger, 1:1; answers made of what the child says.

Laws:
1. Every call ends within ``work_s`` and the start of a child. Where the child fails, ``search`` answers with a
   ``problem``, ``second`` and ``verify`` raise FingerError; this process is not touched (``search_keeping``).
2. An answer names every gallery of the box, asked or not, and every one that should be here and is not (MISSING): what
   was not searched is never told as "none".
3. A finger that comes while a gallery is read for the first time waits for it, half of ``work_s`` at most; it never
   waits for a newer generation of one that serves.
4. A second finger takes no candidate away: where it does not agree, that is said (``FingerCandidate.agrees``).
5. Whoever starts a child must outlive it (``common.fingers.child``, law 4): ``run`` is a crew's thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from common.fingers.child import ChildFailedError
from edge.core.fingerprints.answers import FingerCandidate, SearchAnswer
from edge.core.fingerprints.model import FingerError, Position, Template, same_extractor
from edge.core.screening import Screener
from edge.core.trusted import Trusted
from edge.core.verdicts import Coverage, CoverageState, Freshness
from edge.fingers import search_talk as talk
from edge.fingers.search_coverage import Standing, coverage
from edge.fingers.search_keeping import POLL_S, GalleryChild
from edge.fingers.tails import verify_threshold
from edge.opened_list import OpenList

LOOK_S: Final = 1.0     # between two looks for newer galleries
BUSY_S: Final = 0.05    # the same while one is being read
FAILED: Final = "the search failed, try again"
NOT_LOADED: Final = "no gallery is loaded: see `borderpost doctor`"

_R = TypeVar("_R")


class Stopping(Protocol):
    """A thread's pulse (``edge.crew.Pulse``)."""

    def wait(self, timeout_s: float, /) -> bool:
        """Wait; True if the crew is to stop."""


@dataclass(frozen=True, slots=True)
class SearchPolicy:
    """``false_candidates``: share of searches that show a false one; ``work_s``: longest search; ``memory_mib``: of the
    child (0: no limit); ``verify_threshold``: score of 1:1, None for the extractor's own; ``threads`` that scan;
    ``required``: galleries that must be here."""

    false_candidates: float = 0.01
    work_s: float = 10.0
    memory_mib: int = 4096
    verify_threshold: float | None = None
    threads: int = 2
    required: frozenset[str] = frozenset()


class Searcher:
    """Searches the galleries among ``lists()``; any thread may ask, ``run`` is one thread's work.

    ``screener`` judges their ages by ``now()``.
    """

    def __init__(
        self, lists: Callable[[], Sequence[OpenList]], screener: Screener, now: Callable[[], Trusted],
        policy: SearchPolicy, *, mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lists, self._screener, self._now, self._policy, self._mono = lists, screener, now, policy, mono
        self._keeping = GalleryChild(
            self._galleries, memory_mib=policy.memory_mib, threads=policy.threads, poll_s=min(POLL_S, policy.work_s),
            mono=mono,
        )

    def run(self, stopping: Stopping) -> None:
        """Keep child and galleries until told to stop."""
        busy = self.tend()
        while not stopping.wait(BUSY_S if busy else LOOK_S):
            busy = self.tend()
        self.close()

    def tend(self) -> bool:
        """One look at child and galleries; True while one is being read. Never raises."""
        return self._keeping.tend()

    def close(self) -> None:
        """End the child, and what it holds with it."""
        self._keeping.close()

    def search(
        self, template: Template, position: Position, *, false_candidates: float | None = None
    ) -> SearchAnswer:
        """1:N. Shown candidates, then silent ones, each best first. Never raises (law 1)."""
        share = self._policy.false_candidates if false_candidates is None else false_candidates
        order = talk.Search(talk.print_of(replace(template, position=position)), share, self._today())
        try:
            searched = self._asked(order, talk.Searched)
        except FingerError as error:
            problem = FAILED if isinstance(error, ChildFailedError) else error.message
            return SearchAnswer((), self._coverage(()), template.extractor_id, problem)
        asked = self._coverage(searched.parts)
        if asked and not any(not part.problem for part in searched.parts):
            why = _why(searched.parts) or (FAILED if self._keeping.waits() else NOT_LOADED)
            return SearchAnswer((), asked, template.extractor_id, why)
        found = tuple(talk.candidate_of(one) for one in searched.found)
        return SearchAnswer(found, asked, template.extractor_id, image_wanted=self.image_lists())

    def second(self, template: Template, position: Position, answer: SearchAnswer) -> SearchAnswer:
        """The same candidates, with another finger of theirs compared where the gallery has it. Raises FingerError."""
        same_extractor(template.extractor_id, answer.extractor_id)
        claims = tuple(talk.claim_of(one) for one in answer.candidates)
        sent = talk.print_of(replace(template, position=position))
        order = talk.Second(sent, claims, self._policy.false_candidates, self._today())
        sums = self._asked(order, talk.Added).sums
        judged = [_judged(c, s) for c, s in zip(answer.candidates, sums, strict=True)]
        judged.sort(key=lambda c: (c.silent, c.expected, -c.score))
        return replace(answer, candidates=tuple(judged))

    def verify(self, probe: Template, reference: Template) -> tuple[float, bool]:
        """1:1: the comparison score, and whether it reaches the threshold of a verification. Raises FingerError."""
        same_extractor(probe.extractor_id, reference.extractor_id)
        own = self._policy.verify_threshold
        least = verify_threshold(probe.extractor_id) if own is None else own
        order = talk.Verify(talk.print_of(probe), talk.print_of(reference))
        found, _ = self._keeping.call(order, talk.Compared, self._policy.work_s)
        return found.score, found.score >= least

    @property
    def pid(self) -> int | None:
        """Of the child, None without one."""
        return self._keeping.pid

    def image_lists(self) -> frozenset[str]:
        """Galleries whose policy wants the image in the report with a candidate of theirs."""
        return frozenset(one.list_id for one in self._galleries() if one.gallery and one.gallery.info.image)

    def coverage(self) -> tuple[Coverage, ...]:
        """How every gallery stands, with the templates it holds, whatever the position."""
        return self._coverage(tuple(
            talk.Part(name, one.generation or 0, one.gallery.info.templates if one.gallery else 0, "")
            for name, one in self._keeping.holding().held.items()
        ))

    def status(self) -> dict[str, Any]:
        """For `borderpost status`: the child, and what serves of each gallery."""
        holding = self._keeping.holding()
        return {**self._keeping.health(), "galleries": [
            _row(one, holding.held.get(one.list_id), holding.refused.get(one.list_id, ""))
            for one in self._galleries()
        ]}

    def _galleries(self) -> list[OpenList]:
        return [one for one in self._lists() if one.fingers]

    def _today(self) -> int | None:
        expiry = self._now().expiry
        return None if expiry is None else expiry.date().toordinal()

    def _coverage(self, parts: Sequence[talk.Part]) -> tuple[Coverage, ...]:
        holding, asked = self._keeping.holding(), {part.list_id: part for part in parts}
        standings = [
            Standing(one, holding.held.get(one.list_id), asked.get(one.list_id), one.list_id in holding.refused)
            for one in self._galleries()
        ]
        absent = sorted(self._policy.required - {one.listed.list_id for one in standings})
        return (*coverage(standings, self._screener, self._now()), *map(_missing, absent))

    def _asked(self, order: object, reply: type[_R]) -> _R:
        """The answer of a child that holds all galleries it can. Raises FingerError."""
        begun, work_s = self._mono(), self._policy.work_s
        while True:
            while self.tend() and self._keeping.waits() and self._mono() - begun < work_s / 2:
                time.sleep(BUSY_S)
            left = work_s - (self._mono() - begun)
            answer, known = self._keeping.call(order, reply, max(work_s / 2, left))
            if known or left < work_s / 2:
                return answer  # else it had died unnoticed, and another one answered that holds nothing yet


def _row(one: OpenList, serving: OpenList | None, refused: str) -> dict[str, Any]:
    info = serving.gallery.info if serving is not None and serving.gallery is not None else None
    return {
        "list": one.list_id, "generation": serving.generation if serving is not None else None,
        "templates": info.templates if info else 0, "persons": info.persons if info else 0,
        "extractor": info.extractor_id if info else "", "image": bool(info and info.image),
        "tail": bool(info and info.tail), "problem": "; ".join(filter(None, (one.problem, refused))),
    }


def _missing(list_id: str) -> Coverage:
    return Coverage(list_id, None, None, 0, CoverageState.MISSING, freshness=Freshness.UNKNOWN)


def _why(parts: Sequence[talk.Part]) -> str:
    return "; ".join(f"{part.list_id}: {part.problem}" for part in parts if part.problem)


def _judged(candidate: FingerCandidate, summed: talk.Summed | None) -> FingerCandidate:
    if summed is None:
        return candidate
    return replace(candidate, score=summed.score, expected=summed.expected, fingers=2, agrees=summed.agrees)
