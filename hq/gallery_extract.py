"""Templates of an index's files: extracted in processes of their own, several at a time, in the order of the index.

Laws:
1. A file that cannot be used is one lost row with a reason; a picture that crashes, hangs or starves the extractor too.
   Only an extractor that does not start, or fails FAILED times running, stops the build.
2. A reason names neither the file nor anything of a finger.
3. Whatever ends the build ends the processes: none outlives ``Extraction``, also after Ctrl-C.
4. ISO/IEC 19794-2 records are taken only where somebody said that the gallery's extractor, or one as good, made them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from types import TracebackType
from typing import Final

from common.files import open_regular
from common.fingers.child import MODULE, Child, ChildFailedError
from common.fingers.extraction import NAME, ExtractOptions, extract_file_in, extract_in
from common.fingers.extractors import extractor_id_of
from common.fingers.frames import Fault
from common.fingers.images import MAX_BYTES, OF_NIST_ITL
from common.fingers.packing import unpack
from edge.core.fingerprints import iso19794_2, iso19794_4, nist_itl
from edge.core.fingerprints.iso19794_4 import Payload
from edge.core.fingerprints.model import FingerError, FingerImage, Position, Template
from hq.build_options import BuildError
from hq.gallery_cache import TemplateCache, cache_key
from hq.sources.base import Complaint, Item
from hq.sources.finger_entry import FingerEntry, FingerRead

WORKERS: Final = 2          # processes: headquarters' smallest machine has two cores
AHEAD: Final = 8            # files that are read and extracted before the first of them is asked for, per worker
FAILED: Final = 10          # failures of the process, one after the other, that are no picture's fault any more
TIMEOUT_S: Final = 30.0     # of one picture; a rolled finger takes LEADER 2.4 s of one core
_THE_FILE: Final = "its file"

Read = FingerRead | Complaint


class Extraction:
    """Extractor processes. Use with ``with``."""

    def __init__(
        self, extractor: str, *, assume: bool = False, cache: TemplateCache | None = None, workers: int = WORKERS,
        module: str = MODULE,
    ) -> None:  # fmt: skip
        """``extractor`` is one of ``common.fingers.extractors.NAMES``; ``assume``: law 4; ``module`` is what the
        processes run. Raises FingerError."""
        self.extractor_id = extractor_id_of(extractor)
        self._assume, self._cache = assume, cache
        options = ExtractOptions(extractor, threads=1, quality=True)
        self._children = [Child({NAME: options}, module=module) for _ in range(workers)]
        self._free: queue.SimpleQueue[Child] = queue.SimpleQueue()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="extract")
        self._failures = 0  # of processes, one after the other

    def __enter__(self) -> Extraction:
        """Start the processes, and wait until they are loaded. Raises FingerError."""
        try:
            for child in self._children:
                child.start()
            for child in self._children:
                child.ready()
                self._free.put(child)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the processes; those at work are killed."""
        self._end()

    def read(self, items: Iterable[Item], file: str) -> Iterator[Item]:
        """Each item of a source in its order, a ``FingerEntry`` become ``FingerRead`` or a lost row of ``file``.

        Raises ``BuildError`` when the extractor itself fails.
        """
        waiting: deque[Future[Read] | Item] = deque()
        for item in items:
            if isinstance(item, FingerEntry):
                waiting.append(self._pool.submit(self._one, item, file))
            else:
                waiting.append(item)
            if len(waiting) > AHEAD * len(self._children):
                yield self._done(waiting.popleft())
        while waiting:
            yield self._done(waiting.popleft())

    def _done(self, one: Future[Read] | Item) -> Item:
        return one.result() if isinstance(one, Future) else one

    def _one(self, entry: FingerEntry, file: str) -> Read:
        """In a thread of the pool."""
        try:
            template = self._template(entry)
            if not len(template):
                raise FingerError(f"{_THE_FILE} shows no minutiae", advice="")
        except ChildFailedError as error:
            self._failures += 1
            if error.fault is Fault.NOT_STARTED or self._failures >= FAILED:
                raise BuildError(f"the extractor fails: {error.message}", advice=error.advice) from error
            return Complaint(file, entry.line, f"the extractor {error.fault.value} on {_THE_FILE}", lost=True)
        except FingerError as error:
            return Complaint(file, entry.line, error.message, lost=True)
        return FingerRead(entry.told, template, entry.line)

    def _template(self, entry: FingerEntry) -> Template:
        data = _bytes(entry)
        key = cache_key(data, self.extractor_id, entry.position, entry.ppi)
        known = self._cache.get(key) if self._cache is not None else None
        if known is not None:
            return known
        if iso19794_2.is_record(data):
            return self._assumed(data, entry.position)
        if nist_itl.is_transaction(data):
            raise FingerError(f"{_THE_FILE} is a NIST-ITL transaction: {OF_NIST_ITL}", advice="")
        child = self._free.get()
        try:
            template = _extracted(child, data, entry)
        finally:
            self._free.put(child)
        self._failures = 0
        if self._cache is not None:
            self._cache.put(key, template)
        return template

    def _assumed(self, data: bytes, position: Position) -> Template:
        if not self._assume:
            raise FingerError(f"{_THE_FILE} holds minutiae of another extractor, and no image", advice="")
        views = iso19794_2.read(data, self.extractor_id)
        found = views[_only([view.position for view in views], position)]
        return replace(found, position=position)  # the index is the list's word

    def _end(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        for child in self._children:
            with contextlib.suppress(ProcessLookupError):
                if child.pid is not None and self._free.qsize() < len(self._children):
                    os.kill(child.pid, signal.SIGKILL)
        for child in self._children:
            child.close()
        self._pool.shutdown(wait=True)


def _bytes(entry: FingerEntry) -> bytes:
    try:
        with open_regular(entry.path) as file:
            data: bytes = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FingerError(f"{_THE_FILE} cannot be read: {error.strerror or 'input/output error'}", advice="") from error
    if len(data) > MAX_BYTES:
        raise FingerError(f"{_THE_FILE} has over {MAX_BYTES >> 20} MiB", advice="")
    return data


def _extracted(child: Child, data: bytes, entry: FingerEntry) -> Template:
    """The template of an image file, or of the row's view of an ISO/IEC 19794-4 record; decoded in the child too."""
    if not iso19794_4.is_record(data):
        return extract_file_in(
            child, data, _THE_FILE, entry.position, ppi=entry.ppi, quality=True, timeout_s=TIMEOUT_S
        )
    views = iso19794_4.read(data)
    framed = views[_only([view.position for view in views], entry.position)]
    ppi = entry.ppi or framed.ppi
    if framed.payload is Payload.PLAIN:
        image = FingerImage(unpack(framed, _THE_FILE).pixels, ppi)
        return extract_in(child, image, entry.position, quality=True, timeout_s=TIMEOUT_S)
    return extract_file_in(
        child, framed.data, _THE_FILE, entry.position, ppi=ppi, quality=True, timeout_s=TIMEOUT_S
    )


def _only(held: list[Position], wanted: Position) -> int:
    """The one view of a record that shows the row's finger. Raises FingerError."""
    fitting = [i for i, one in enumerate(held) if Position.UNKNOWN in (one, wanted) or one is wanted]
    exact = [i for i in fitting if held[i] is wanted]
    if len(exact or fitting) != 1:
        raise FingerError(f"{_THE_FILE} holds {len(exact or fitting)} views of that finger, not one", advice="")
    return (exact or fitting)[0]
