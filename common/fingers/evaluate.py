"""How well extractor and matcher do on folders of impressions: templates by child processes, all pairs, the rates.

Laws:
1. Nothing is kept: neither templates nor scores touch a disk.
2. An impression without minutiae, or in which extraction crashed, is a failure to acquire: its pairs count with score
   0, and it is named. It never drops out.
3. A file that cannot be read or unpacked is a fault of the experiment, and ends it, whether what unpacks it says so or
   crashes: on one and the same damaged file libraries do now this, now that.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from common.fingers.child import Child, ChildFailedError
from common.fingers.extraction import extract_in
from common.fingers.frames import Fault
from common.fingers.image_service import unpack_in
from common.fingers.impressions import TEMPLATES, Impression, Pairs, impressions_of, pairs_of
from common.fingers.inputs import read_finger, services
from common.fingers.rates import Rates, rates
from edge.core.fingerprints.cylinders import describe_many
from edge.core.fingerprints.model import FingerError, Position, Template
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.shard import shard_of

MOST_WORKERS: Final = 8
TIMEOUT_S: Final = 60.0  # of one extraction, on a machine under load

Told = Callable[[str, int, int], None]
"""Progress: what is done, how many of them, of how many."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """``failed`` are the failures to acquire; CPU microseconds for a comparison, milliseconds for the others."""

    rates: Rates
    extractor_id: str
    impressions: int
    failed: tuple[Path, ...]
    minutiae: float  # the median
    us_per_pair: float
    describe_ms: float


def evaluate(
    folders: Sequence[Path], extractor: str, *, ppis: Sequence[float | None] = (None,), fingers: int = 1,
    workers: int | None = None, told: Told = lambda *_: None,
) -> Evaluation:  # fmt: skip
    """The whole experiment; ``ppis`` one for all folders or one each; ``fingers`` 1 or 2 to a person.

    Raises FingerError.
    """
    by_group = tuple(ppis) * len(folders) if len(ppis) == 1 else tuple(ppis)
    if len(by_group) != len(folders):
        raise FingerError(
            f"{len(ppis)} resolutions for {len(folders)} folders", advice="give --ppi once, or once for each folder"
        )
    impressions = [one for group, folder in enumerate(folders) for one in impressions_of(folder, group)]
    pairs = pairs_of(impressions, fingers)
    if pairs.genuine.all() or not pairs.genuine.any():
        raise FingerError(
            "no genuine or no impostor pairs", advice="at least two fingers (persons) with two impressions each"
        )
    templates, failed = _templates(impressions, extractor, by_group, workers, told)
    scores, compare_s, describe_s = _scores(templates, pairs, told)
    genuine = pairs.genuine
    return Evaluation(
        rates=rates(scores[genuine], scores[~genuine], pairs.finger[genuine]),
        extractor_id=next(t.extractor_id for t in templates if t is not None) if any(templates) else extractor,
        impressions=len(impressions), failed=tuple(impressions[place].path for place in failed),
        minutiae=float(np.median([0 if t is None else len(t) for t in templates])),
        us_per_pair=compare_s * 1e6, describe_ms=describe_s * 1e3,
    )  # fmt: skip


def _templates(
    impressions: Sequence[Impression], extractor: str, ppis: Sequence[float | None], workers: int | None, told: Told
) -> tuple[list[Template | None], list[int]]:
    """A template each, None where acquiring failed, and where it did (law 2)."""
    count = min(workers or os.cpu_count() or 1, MOST_WORKERS, len(impressions))
    work = _Work(impressions, ppis)
    children = [Child(services(extractor)) for _ in range(count)]
    try:
        if any(work.needs_extractor()):
            for child in children:
                child.start()
            children[0].ready()  # says what is missing before anything is read
        threads = [threading.Thread(target=work.run, args=(child,), daemon=True) for child in children]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.1) if threads[0].is_alive() else time.sleep(0.05)
            told("impressions extracted", work.done, len(impressions))
    finally:
        work.stop = True
        for child in children:
            child.close()
    if work.problem is not None:
        raise work.problem
    templates = [template if template is not None and len(template) else None for template in work.templates]
    _one_extractor(templates)
    return templates, [place for place, template in enumerate(templates) if template is None]


class _Work:
    """Impressions that several threads take one by one, each with a child of its own."""

    def __init__(self, impressions: Sequence[Impression], ppis: Sequence[float | None]) -> None:
        self.templates: list[Template | None] = [None] * len(impressions)
        self.problem: BaseException | None = None
        self.done = 0
        self.stop = False
        self._impressions, self._ppis = impressions, ppis
        self._next = iter(range(len(impressions)))
        self._lock = threading.Lock()

    def needs_extractor(self) -> list[bool]:
        return [one.path.suffix.lower() not in TEMPLATES for one in self._impressions]

    def run(self, child: Child) -> None:
        while not self.stop:
            with self._lock:
                place = next(self._next, None)
            if place is None:
                return
            try:
                self.templates[place] = self._one(child, self._impressions[place])
            except BaseException as error:
                self.problem, self.stop = error, True
                return
            with self._lock:
                self.done += 1

    def _one(self, child: Child, impression: Impression) -> Template | None:
        found = read_finger(impression.path)
        if isinstance(found, Template):
            return found
        name = str(impression.path)
        image = unpack_in(child, found, name, self._ppis[impression.group], timeout_s=TIMEOUT_S)
        try:
            return extract_in(child, image, Position.UNKNOWN, timeout_s=TIMEOUT_S)
        except ChildFailedError as error:
            if error.fault is Fault.NOT_STARTED:
                raise
            return None
        except FingerError as error:
            raise FingerError(f"{name}: {error.message}", advice=error.advice) from error


def _one_extractor(templates: Sequence[Template | None]) -> None:
    names = {template.extractor_id for template in templates if template is not None}
    if len(names) > 1:
        raise FingerError(
            f"templates of {' and of '.join(sorted(names))}", advice="evaluate images, or records of one extractor"
        )


def _scores(
    templates: Sequence[Template | None], pairs: Pairs, told: Told
) -> tuple[NDArray[np.float64], float, float]:
    """The score of each pair; CPU seconds of one comparison, and to describe one template."""
    there = [place for place, template in enumerate(templates) if template is not None]
    began = time.process_time()
    described = dict(zip(there, describe_many(t for t in templates if t is not None), strict=True))
    describing = (time.process_time() - began) / max(1, len(there))
    usable = np.isin(np.arange(len(templates)), there)
    scores: NDArray[Any] = np.zeros(len(pairs), np.float64)
    began, compared = time.process_time(), 0
    of = sum(len(np.unique(column)) for column in pairs.first.T)
    for done, (probe, at, references) in enumerate(_by_probe(pairs, usable)):
        one = described[probe]
        shard = shard_of(one.extractor_id, (described[reference] for reference in references.tolist()))
        scores[at] += rigid(one, shard)
        compared += len(references)
        told("impressions compared", done + 1, of)
    return scores, (time.process_time() - began) / max(1, compared), describing


def _by_probe(
    pairs: Pairs, usable: NDArray[np.bool_]
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int32]]]:
    """Of each probe, finger by finger: its place, its pairs (each once), and the references in them."""
    for probes, references in zip(pairs.first.T, pairs.second.T, strict=True):
        order = np.argsort(probes, kind="stable")
        order = order[usable[probes[order]] & usable[references[order]]]
        starts = np.nonzero(np.diff(probes[order], prepend=-1))[0]
        for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
            at = order[start:end]
            yield int(probes[at[0]]), at, references[at]
