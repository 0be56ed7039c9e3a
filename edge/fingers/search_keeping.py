"""Keeps the search child and the galleries in it: starts it, loads, swaps, drops, and begins anew when it is gone.

Laws:
1. Galleries are opened in the child alone. A newer generation is read beside the old one and takes its place between
   two searches; one that cannot be read is told once, and the old one serves on.
2. A child that died, hangs or has no memory left is replaced, and its galleries are read again. Which process answers
   is known by its number: a fresh one holds nothing, whatever the last one held.
3. What could not be read is read again when its files are others than they were, and every ``AGAIN_S`` besides: a disk
   or a memory that was full may not be any more. One that ends the child ``BLAMED`` times while it is read is read
   again for other files alone.
4. A list that was erased or removed leaves the child at the next look, and before the next search.
5. No key and nothing of a person is logged.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import structlog

from common.fingers.child import Child, ChildFailedError
from common.fingers.frames import Fault
from edge.core.fingerprints.model import FingerError
from edge.fingers import search_talk as talk
from edge.fingers.tails import fallback
from edge.opened_list import OpenList, Stamp

POLL_S: Final = 5.0     # a child that says nothing for so long hangs
START_S: Final = 8.0     # from the start of a child until it can be asked
BLAMED: Final = 3       # deaths of the child while it reads one generation
AGAIN_S: Final = 300.0  # until what could not be read is tried again

log = structlog.get_logger("search")
_R = TypeVar("_R")
_Files = tuple[tuple[Stamp, ...], Stamp | None]
"""The files of a generation as the box verified them, and the gallery as it lies on the disk now."""


@dataclass(frozen=True, slots=True)
class _Refusal:
    """These files could not be read, and why; not before ``again`` (None: never) are they tried once more."""

    files: _Files
    why: str
    again: float | None


@dataclass(slots=True)
class _State:
    """What is known of the process numbered ``starts``."""

    starts: int = 0
    held: dict[str, OpenList] = field(default_factory=dict)      # what serves
    refused: dict[str, _Refusal] = field(default_factory=dict)
    blamed: dict[str, tuple[_Files, int]] = field(default_factory=dict)
    loading: OpenList | None = None
    files: _Files = ((), None)                                   # of what is being read, as they were before
    size: tuple[int, int] = (0, 0)                                     # bytes in clear, and locked
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """What the child holds, as one look saw it."""

    held: Mapping[str, OpenList]
    refused: Mapping[str, str]


class GalleryChild:
    """The child with its galleries; ``tend`` and ``call`` from any thread. ``galleries()``: as they lie on the disk."""

    def __init__(
        self, galleries: Callable[[], Sequence[OpenList]], *, memory_mib: int, threads: int, poll_s: float = POLL_S,
        mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._galleries, self._poll_s, self._mono = galleries, poll_s, mono
        self._child = Child(
            {talk.SERVICE: talk.Options(threads)}, module=talk.MODULE, memory_mib=memory_mib, no_new_code=True,
            start_s=START_S,
        )  # fmt: skip
        self._lock = threading.Lock()
        self._state = _State()

    def tend(self) -> bool:
        """One look: drop what is gone, take up what is new. True while something is to be read. Never raises."""
        with self._lock:
            try:
                return self._tend()
            except ChildFailedError as error:
                self._lost(error)
                return error.fault is not Fault.NOT_STARTED  # a fresh one is on its way, and holds nothing yet
            except FingerError as error:
                self._lost(error)
                return False

    def waits(self) -> bool:
        """True while a gallery has no generation that serves, and may yet have one: then a finger had better wait."""
        with self._lock:
            return any(one.list_id not in self._state.held and self._is_new(one)
                       for one in self._galleries() if one.gallery is not None)

    def call(self, order: object, reply: type[_R], timeout_s: float) -> tuple[_R, bool]:
        """The child's answer, and whether it came from the process that ``tend`` saw last. Raises FingerError."""
        with self._lock:
            known = max(1, self._state.starts)
        try:
            found = self._child.call(talk.SERVICE, order, reply, timeout_s)
        except ChildFailedError as error:
            with self._lock:
                self._lost(error)
            raise
        return found, self._child.starts == known

    def holding(self) -> Holding:
        """What serves, and what could not be read."""
        with self._lock:
            state = self._state
            return Holding(dict(state.held), {name: refusal.why for name, refusal in state.refused.items()})

    def health(self) -> dict[str, Any]:
        """Of the process: megabytes in clear and locked, how often it was started, what is wrong with it."""
        with self._lock:
            size, locked = self._state.size
            return {
                "loading": self._state.loading is not None, "problem": self._state.problem,
                "memory_mb": round(size / 1e6, 1), "locked_mb": round(locked / 1e6, 1), "starts": self._child.starts,
            }

    @property
    def pid(self) -> int | None:
        """Of the child, None without one."""
        return self._child.pid

    def close(self) -> None:
        """End the child, and what it holds with it."""
        self._child.close()

    # -- with the lock held --------------------------------------------------------------------------------------------

    def _tend(self) -> bool:
        state = self._state
        wanted = {one.list_id: one for one in self._galleries() if one.gallery is not None}
        if not wanted and not state.held and state.loading is None:
            return False
        self._take(self._tell(talk.Poll()))
        for list_id in sorted(set(state.held) - set(wanted)):
            self._tell(talk.Unload(list_id))
            state.held.pop(list_id, None)
        if state.loading is None:
            new = next((one for one in wanted.values() if self._is_new(one)), None)
            if new is not None:
                files = _files(new)
                self._tell(load_order(new))
                state.loading, state.files = new, files
        return state.loading is not None

    def _tell(self, order: object) -> talk.Progress:
        found = self._child.call(talk.SERVICE, order, talk.Progress, self._poll_s)
        self._noticed()
        return found

    def _take(self, progress: talk.Progress) -> None:
        """What the child says of the generation that it reads."""
        state, loading = self._state, self._state.loading
        state.size, state.problem = (progress.held, progress.locked), ""
        if loading is None or progress.busy:
            return
        state.loading = None
        if (loading.list_id, loading.generation) in progress.loaded:
            state.held[loading.list_id] = loading
            state.refused.pop(loading.list_id, None)
            state.blamed.pop(loading.list_id, None)
            log.info("gallery_in_use", list=loading.list_id, generation=loading.generation)
        else:
            why = progress.problem or f"generation {loading.generation} was not read"
            self._refuse(loading, why, self._mono() + AGAIN_S)

    def _refuse(self, one: OpenList, why: str, again: float | None) -> None:
        before = self._state.refused.get(one.list_id)
        self._state.refused[one.list_id] = _Refusal(self._state.files, why, again)
        if before is None or before.why != why:
            log.warning("gallery_problem", list=one.list_id, problem=why)

    def _noticed(self) -> None:
        """Law 2."""
        state, starts = self._state, self._child.starts
        if starts == state.starts:
            return
        if state.starts:
            log.warning("search_restarted", starts=starts)
        loading, state.loading = state.loading, None
        state.starts, state.held, state.size = starts, {}, (0, 0)
        if loading is not None:
            self._blame(loading)

    def _blame(self, one: OpenList) -> None:
        """Law 3."""
        state = self._state
        files, deaths = state.blamed.get(one.list_id, (state.files, 0))
        deaths = deaths + 1 if files == state.files else 1
        state.blamed[one.list_id] = state.files, deaths
        if deaths >= BLAMED:
            self._refuse(one, f"generation {one.generation} ended the search {BLAMED} times while it was read", None)

    def _lost(self, error: FingerError) -> None:
        if isinstance(error, ChildFailedError):
            log.warning("search_failed", reason=error.fault.value, advice=error.advice)
            self._noticed()
        self._state.problem = error.message

    def _is_new(self, one: OpenList) -> bool:
        held, refused = self._state.held.get(one.list_id), self._state.refused.get(one.list_id)
        if held is not None and held.gallery == one.gallery:
            return False
        if refused is None or refused.files != _files(one):
            return True
        return refused.again is not None and self._mono() >= refused.again


def _files(one: OpenList) -> _Files:
    gallery = one.gallery
    if gallery is None:
        return one.stamps, None
    try:
        stat = gallery.path.stat()
    except OSError:
        return one.stamps, None
    return one.stamps, (str(gallery.path), stat.st_ino, stat.st_size, stat.st_mtime_ns)


def load_order(one: OpenList) -> talk.Load:
    """What the child is told to read; ``one`` is a gallery that can be used."""
    gallery, manifest = one.gallery, one.manifest
    assert gallery is not None
    assert manifest is not None
    tail = gallery.info.tail or fallback(gallery.info.extractor_id)
    return talk.Load(
        one.list_id, manifest.generation, str(gallery.path), gallery.digest.bytes, gallery.digest.sha256,
        gallery.key.key if gallery.key is not None else None, gallery.info.extractor_id, gallery.info.positions,
        manifest.silent, manifest.action, (tail.score, tail.rate),
    )  # fmt: skip
