"""The service ``search`` of the search child: galleries in memory, and what is asked of them.

Laws:
1. Orders are worked off one after the other. A generation is read by a thread beside them, and takes its place in
   ``Poll`` alone: no search ever sees half of one, and the old one serves until the new one is whole.
2. One generation is read at a time. What cannot be read is said in ``Progress.problem``; what serves goes on.
3. What leaves is wiped: the old generation when the new one is in its place, a list when it is unloaded.
4. Nothing here knows a clock or an edge.toml: thresholds follow from the order and the gallery's own tail.
"""

from __future__ import annotations

import errno
import threading

import msgspec

from common.fingers.frames import Handler
from edge.core.errors import BorderpostError
from edge.core.fingerprints.model import FingerError
from edge.fingers import ranking
from edge.fingers.loaded import LoadedGallery, load
from edge.fingers.scan_backend import open_backend
from edge.fingers.search_talk import (
    MAX_LISTS,
    Added,
    Compared,
    Load,
    Options,
    Order,
    Poll,
    Progress,
    Search,
    Searched,
    Second,
    Unload,
    Verify,
    template_of,
)

_AGAIN = "update the box: its parts do not fit together"
_TOO_LARGE = "does not fit into fingers.search_mb beside what serves"


def service(options: msgspec.Raw) -> Handler:
    """The factory that ``common.fingers.child_main`` calls. Raises FingerError."""
    try:
        given = msgspec.msgpack.decode(options, type=Options)
    except msgspec.MsgspecError:
        raise FingerError("the search cannot read its options", advice=_AGAIN) from None
    return SearchService(given)


class _Loading(threading.Thread):
    """Reads one generation. Daemonic: a child that ends waits for none."""

    def __init__(self, order: Load) -> None:
        super().__init__(name=f"load-{order.list_id}", daemon=True)
        self.order = order
        self.gallery: LoadedGallery | None = None
        self.problem = ""

    def run(self) -> None:
        try:
            self.gallery = load(self.order)
        except BorderpostError as error:  # LayoutError, VaultError, FingerError
            self.problem = f"is damaged: {error.message}"
        except OSError as error:
            why = f"cannot be read: {error.strerror or 'input/output error'}"
            self.problem = _TOO_LARGE if error.errno == errno.ENOMEM else why
        except MemoryError:
            self.problem = _TOO_LARGE
        if self.problem:
            self.problem = f"generation {self.order.generation} {self.problem}"


class SearchService:
    """The handler; used by one thread."""

    def __init__(self, options: Options) -> None:
        self._backend = open_backend(options.threads)
        self._galleries: dict[str, LoadedGallery] = {}
        self._loading: _Loading | None = None

    def __call__(self, body: msgspec.Raw) -> object:
        """Work off one order. Raises FingerError."""
        try:
            order: Order = msgspec.msgpack.decode(body, type=Order)
        except msgspec.MsgspecError:
            raise FingerError("the search cannot read an order", advice=_AGAIN) from None
        match order:
            case Load():
                return self._load(order)
            case Poll():
                return self._poll()
            case Unload():
                return self._unload(order)
            case Search():
                return self._search(order)
            case Second():
                return self._second(order)
            case Verify():
                probe, reference = template_of(order.probe), template_of(order.reference)
                return Compared(ranking.verify(self._backend, probe, reference))

    def _load(self, order: Load) -> Progress:
        if self._loading is None and len(self._galleries) < MAX_LISTS:
            self._loading = _Loading(order)
            self._loading.start()
        return self._progress("")

    def _poll(self) -> Progress:
        """Law 1: the one place where a generation changes."""
        loading = self._loading
        if loading is None or loading.is_alive():
            return self._progress("")
        self._loading = None
        if loading.gallery is not None:
            old = self._galleries.get(loading.order.list_id)
            self._galleries[loading.order.list_id] = loading.gallery
            if old is not None:
                old.wipe()
        return self._progress(loading.problem)

    def _unload(self, order: Unload) -> Progress:
        gone = self._galleries.pop(order.list_id, None)
        if gone is not None:
            gone.wipe()
        return self._progress("")

    def _progress(self, problem: str) -> Progress:
        held = tuple(self._galleries.values())
        return Progress(
            self._loading is not None, problem, tuple((one.list_id, one.generation) for one in held),
            sum(one.held for one in held), sum(one.locked for one in held),
        )  # fmt: skip

    def _held(self) -> list[LoadedGallery]:
        return [self._galleries[one] for one in sorted(self._galleries)]

    def _search(self, order: Search) -> Searched:
        return ranking.search(
            self._backend, template_of(order.probe), self._held(), false_candidates=order.false_candidates,
            today=order.today,
        )  # fmt: skip

    def _second(self, order: Second) -> Added:
        return Added(ranking.second(
            self._backend, template_of(order.probe), order.claims, self._held(),
            false_candidates=order.false_candidates, today=order.today,
        ))  # fmt: skip
