"""The box's side of the search: keeps the search child and its galleries, asks it, and makes answers of what it says.

Laws:
1. Galleries are opened in the child alone. A newer generation is read beside the old one and takes its place between
   two searches; one that cannot be read is told, and the old one serves on, as DAMAGED.
2. Every call ends within ``work_s`` and the start of a child. A child that died, hangs or has no memory left is
   replaced, and its galleries are read again; this process is not touched. ``search`` then answers with a ``problem``,
   ``second`` and ``verify`` raise FingerError.
3. An answer names every gallery of the box, asked or not: what was not searched is never told as "none".
4. Whoever starts a child must outlive it (``common.fingers.child``, law 4): ``run`` is a crew's thread.
5. A generation that ends the child ``BLAMED`` times while it is read is not read again.
6. No key and nothing of a person is logged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Protocol, TypeVar

import structlog

from common.fingers.child import Child, ChildFailedError
from edge.core.fingerprints import thresholds
from edge.core.fingerprints.answers import FingerCandidate, SearchAnswer
from edge.core.fingerprints.model import FingerError, Position, Template, same_extractor
from edge.core.screening import Screener
from edge.core.trusted import Trusted
from edge.core.verdicts import Coverage
from edge.fingers import search_talk as talk
from edge.fingers.search_coverage import Standing, coverage
from edge.fingers.tails import fallback, verify_threshold
from edge.opened_list import OpenList

LOOK_S: Final = 1.0     # between two looks for newer galleries
BUSY_S: Final = 0.05    # the same while one is being read
POLL_S: Final = 5.0     # a child that says nothing for so long hangs
START_S: Final = 15.0   # from the start of a child until it can be asked
BLAMED: Final = 3       # deaths of the child while it reads one generation
FAILED: Final = "the search failed, try again"
NOT_LOADED: Final = "the galleries are not loaded: see `borderpost doctor`"

log = structlog.get_logger("search")
_R = TypeVar("_R")


class Stopping(Protocol):
    """A thread's pulse (``edge.crew.Pulse``)."""

    def wait(self, timeout_s: float, /) -> bool:
        """Wait; True if the crew is to stop."""


@dataclass(frozen=True, slots=True)
class SearchPolicy:
    """``false_candidates``: share of travellers with a false one; ``work_s``: longest search; ``memory_mib``: of the
    child (0: no limit); ``verify_threshold``: score of 1:1, None for the extractor's own; ``threads`` that scan."""

    false_candidates: float = 0.01
    work_s: float = 10.0
    memory_mib: int = 4096
    verify_threshold: float | None = None
    threads: int = 2


@dataclass(slots=True)
class _State:
    """What is known of the child, of the process numbered ``starts``."""

    starts: int = 0
    held: dict[str, OpenList] = field(default_factory=dict)        # what serves
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)  # generation that could not be read, and why
    blamed: dict[tuple[str, int], int] = field(default_factory=dict)
    loading: OpenList | None = None
    bytes: tuple[int, int] = (0, 0)  # in clear, and locked
    told: dict[str, str] = field(default_factory=dict)
    problem: str = ""


class Searcher:
    """Searches the galleries among ``lists()``; any thread may ask, ``run`` is one thread's work.

    ``screener`` judges their ages by ``now()``.
    """

    def __init__(
        self, lists: Callable[[], Sequence[OpenList]], screener: Screener, now: Callable[[], Trusted],
        policy: SearchPolicy, *, mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lists, self._screener, self._now, self._policy, self._mono = lists, screener, now, policy, mono
        self._child = Child(
            {talk.SERVICE: talk.Options(policy.threads)}, module=talk.MODULE, memory_mib=policy.memory_mib,
            no_new_code=True, start_s=START_S,
        )  # fmt: skip
        self._lock = threading.Lock()  # of what follows
        self._state = _State()

    # -- the thread that keeps it --------------------------------------------------------------------------------------

    def run(self, stopping: Stopping) -> None:
        """Keep child and galleries until told to stop."""
        busy = self.tend()
        while not stopping.wait(BUSY_S if busy else LOOK_S):
            busy = self.tend()
        self.close()

    def tend(self) -> bool:
        """One look: drop what is gone, take up what is new. True while something is to be read. Never raises."""
        with self._lock:
            try:
                return self._tend()
            except FingerError as error:
                self._lost(error)
                return False

    def close(self) -> None:
        """End the child, and what it holds with it."""
        self._child.close()

    # -- what a finger is asked ----------------------------------------------------------------------------------------

    def search(
        self, template: Template, position: Position, *, false_candidates: float | None = None
    ) -> SearchAnswer:
        """1:N. Candidates in the order shown, silent; each best first. Never raises (law 2)."""
        wanted = self._policy.false_candidates if false_candidates is None else false_candidates
        order = talk.Search(talk.print_of(replace(template, position=position)), wanted, self._today())
        try:
            searched = self._asked(order, talk.Searched)
        except FingerError as error:
            problem = FAILED if isinstance(error, ChildFailedError) else error.message
            return SearchAnswer((), self._coverage(()), template.extractor_id, problem)
        asked = self._coverage(searched.parts)
        if asked and not any(part.generation and not part.problem for part in searched.parts):
            return SearchAnswer((), asked, template.extractor_id, _why(searched.parts))
        found = tuple(talk.candidate_of(one) for one in searched.found)
        return SearchAnswer(found, asked, template.extractor_id, image_wanted=self._image_wanted())

    def second(self, template: Template, position: Position, answer: SearchAnswer) -> SearchAnswer:
        """The same candidates, with another finger of theirs compared where the gallery has it. Raises FingerError."""
        same_extractor(template.extractor_id, answer.extractor_id)
        claims = tuple(talk.claim_of(one) for one in answer.candidates)
        order = talk.Second(
            talk.print_of(replace(template, position=position)), claims, self._policy.false_candidates, self._today()
        )
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
        score = self._call(order, talk.Compared, self._policy.work_s).score
        return score, score >= least

    def status(self) -> dict[str, Any]:
        """For `borderpost status`: galleries with what serves of each, bytes in clear and locked, restarts."""
        with self._lock:
            state = self._state
            held, refused, (size, locked) = dict(state.held), dict(state.refused), state.bytes
            busy, problem = state.loading is not None, state.problem
        rows = []
        for one in self._galleries():
            serving = held.get(one.list_id)
            info = serving.gallery.info if serving is not None and serving.gallery is not None else None
            rows.append({
                "list": one.list_id, "generation": serving.generation if serving else None,
                "templates": info.templates if info else 0, "persons": info.persons if info else 0,
                "extractor": info.extractor_id if info else "", "image": bool(info and info.image),
                "tail": bool(info and info.tail),
                "problem": "; ".join(filter(None, (one.problem, refused.get(one.list_id, (0, ""))[1]))),
            })
        return {
            "galleries": rows, "loading": busy, "problem": problem, "memory_mb": round(size / 1e6, 1),
            "locked_mb": round(locked / 1e6, 1), "starts": self._child.starts,
        }

    def coverage(self) -> tuple[Coverage, ...]:
        """How every gallery stands, with the templates it holds, whatever the position."""
        with self._lock:
            held = dict(self._state.held)
        return self._coverage(tuple(
            talk.Part(name, one.generation or 0, one.gallery.info.templates if one.gallery else 0, "")
            for name, one in held.items()
        ))

    # -- inside --------------------------------------------------------------------------------------------------------

    def _galleries(self) -> list[OpenList]:
        return [one for one in self._lists() if one.fingers]

    def _today(self) -> int | None:
        expiry = self._now().expiry
        return None if expiry is None else date.toordinal(expiry.date())

    def _image_wanted(self) -> frozenset[str]:
        return frozenset(one.list_id for one in self._galleries() if one.gallery and one.gallery.info.image)

    def _coverage(self, parts: Sequence[talk.Part]) -> tuple[Coverage, ...]:
        with self._lock:
            held, refused = dict(self._state.held), dict(self._state.refused)
        asked = {part.list_id: part for part in parts}
        standings = [
            Standing(one, held.get(one.list_id), asked.get(one.list_id), refused=one.list_id in refused)
            for one in self._galleries()
        ]
        return coverage(standings, self._screener, self._now())

    def _asked(self, order: object, reply: type[_R]) -> _R:
        """The answer of a child that holds all galleries it can; within ``work_s``. Raises FingerError."""
        until = self._mono() + self._policy.work_s
        while True:
            while self.tend() and self._mono() < until:
                time.sleep(BUSY_S)
            with self._lock:
                starts = self._state.starts
            answer = self._call(order, reply, max(0.1, until - self._mono()))
            if self._child.starts == max(1, starts) or self._mono() >= until:
                return answer  # else it had died unnoticed, and another one answered that holds nothing yet

    def _call(self, order: object, reply: type[_R], timeout_s: float) -> _R:
        try:
            return self._child.call(talk.SERVICE, order, reply, timeout_s)
        except FingerError as error:
            with self._lock:
                self._lost(error)
            raise

    # -- with the lock held --------------------------------------------------------------------------------------------

    def _tend(self) -> bool:
        state, wanted = self._state, {one.list_id: one for one in self._galleries() if one.gallery is not None}
        if not wanted and not state.held and state.loading is None:
            return False
        self._take(self._child.call(talk.SERVICE, talk.Poll(), talk.Progress, POLL_S))
        for list_id in sorted(set(state.held) - set(wanted)):
            self._child.call(talk.SERVICE, talk.Unload(list_id), talk.Progress, POLL_S)
            del state.held[list_id]
        if state.loading is None:
            state.loading = next((one for one in wanted.values() if self._is_new(one)), None)
            if state.loading is not None:
                self._child.call(talk.SERVICE, _load(state.loading), talk.Progress, POLL_S)
                self._noticed()
        return state.loading is not None

    def _take(self, progress: talk.Progress) -> None:
        """What the child said of the generation that it was reading."""
        state = self._state
        self._noticed()
        loading = state.loading
        state.bytes = progress.held, progress.locked
        state.problem = ""
        if loading is None or progress.busy:
            return
        state.loading = None
        generation = loading.generation or 0
        if (loading.list_id, generation) in progress.loaded:
            state.held[loading.list_id] = loading
            state.refused.pop(loading.list_id, None)
            log.info("gallery_in_use", list=loading.list_id, generation=generation)
        else:
            self._refuse(loading, progress.problem or f"generation {generation} was not read")

    def _refuse(self, one: OpenList, why: str) -> None:
        self._state.refused[one.list_id] = one.generation or 0, why
        log.warning("gallery_problem", list=one.list_id, problem=why)

    def _noticed(self) -> None:
        """If another process answers than the one that was known: it holds nothing."""
        state, starts = self._state, self._child.starts
        if starts == state.starts:
            return
        if state.starts:
            log.warning("search_restarted", starts=starts)
        loading, state.loading = state.loading, None
        state.starts, state.held, state.bytes = starts, {}, (0, 0)
        if loading is not None and loading.generation is not None:
            key = loading.list_id, loading.generation
            state.blamed[key] = state.blamed.get(key, 0) + 1
            if state.blamed[key] >= BLAMED:
                self._refuse(loading, f"generation {loading.generation} ended the search {BLAMED} times")

    def _lost(self, error: FingerError) -> None:
        if isinstance(error, ChildFailedError):
            log.warning("search_failed", reason=error.fault.value, advice=error.advice)
            self._noticed()
        self._state.problem = error.message

    def _is_new(self, one: OpenList) -> bool:
        held, refused = self._state.held.get(one.list_id), self._state.refused.get(one.list_id)
        same = held is not None and held.gallery == one.gallery
        return not same and (refused is None or refused[0] != one.generation)


def _load(one: OpenList) -> talk.Load:
    gallery, manifest = one.gallery, one.manifest
    assert gallery is not None
    assert manifest is not None
    tail = gallery.info.tail or fallback(gallery.info.extractor_id)
    return talk.Load(
        one.list_id, manifest.generation, str(gallery.path), gallery.digest.bytes, gallery.digest.sha256,
        gallery.key.key if gallery.key is not None else None, gallery.info.extractor_id, gallery.info.positions,
        manifest.silent, manifest.action, (tail.score, tail.rate),
    )  # fmt: skip


def _why(parts: Sequence[talk.Part]) -> str:
    refused = [f"{part.list_id}: {part.problem}" for part in parts if part.problem]
    return "; ".join(refused) or NOT_LOADED


def _judged(candidate: FingerCandidate, summed: talk.Summed | None) -> FingerCandidate:
    if summed is None:
        return candidate
    return replace(candidate, score=summed.score, expected=summed.expected, fingers=2, agrees=summed.agrees)


assert thresholds.FITTED_AT == 1e-3  # what a manifest's tail begins at
