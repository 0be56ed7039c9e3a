"""Others that search or compare fingers, beside us: faiss's exact binary index, bozorth3 of nbis-py."""

from __future__ import annotations

import struct
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice, product
from typing import Any, Final

import numpy as np

from edge.core.fingerprints.cylinders import describe
from edge.core.fingerprints.iso19794_2_write import write_2005
from edge.core.fingerprints.model import Template
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.scan import WINDOW, Scores, best_of
from edge.core.fingerprints.shard import Indices, Shard

QUALITY: Final = 63  # of a minutia, the best that nbis-py knows
NEAREST: Final = 1000  # cylinders of the gallery that vote, for each of the probe's


class FaissIndex:
    """Votes of the nearest cylinders of all, weighed by similarity and gated by the window; then our own comparison."""

    def __init__(self, faiss: Any, shard: Shard, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        self._index = faiss.IndexBinaryFlat(shard.bits.shape[1] * 64)
        self._index.use_heap = False
        self._index.add(shard.bits.view(np.uint8).reshape(len(shard.bits), -1))
        self._roots = np.sqrt(np.bitwise_count(shard.bits).sum(1)).astype(np.float32)
        self._owner = np.repeat(np.arange(len(shard), dtype=np.int32), np.diff(shard.offsets))

    def search(self, probe: Template, shard: Shard, count: int) -> tuple[Indices, Scores]:
        """The ``count`` templates with the most votes, and their comparison scores."""
        mine = describe(probe)
        found = self._index.search(mine.bits.view(np.uint8).reshape(len(mine), -1), NEAREST)
        apart, places = found[0].astype(np.float32), found[1]
        turned = (mine.angle[:, None] - shard.angle[places]).view(np.int8).astype(np.int16)
        roots = np.sqrt(np.bitwise_count(mine.bits).sum(1)).astype(np.float32)[:, None] + self._roots[places]
        weight = np.where(np.abs(turned) <= WINDOW, (1 - np.sqrt(apart) / np.maximum(roots, 1)) ** 2, 0)
        votes = np.bincount(self._owner[places].ravel(), weight.ravel(), len(shard))
        best = best_of(votes.astype(np.float32), count)
        return best, rigid(mine, shard.take(best))


def faiss_index(shard: Shard, threads: int) -> FaissIndex | None:
    """None where faiss is not there: it is no part of the project."""
    try:
        import faiss  # type: ignore[import-not-found]
    except ImportError:
        return None
    return FaissIndex(faiss, shard, threads)


def bozorth3_us(probes: Sequence[Template], references: Sequence[Template], pairs: int) -> float | None:
    """CPU microseconds of a pair; None where nbis-py is not there."""
    try:
        import nbis
    except ImportError:
        return None
    settings = nbis.NbisExtractorSettings(
        min_quality=0.0, get_center=False, check_fingerprint=False, compute_nfiq2=False, ppi=500.0
    )
    load = nbis.new_nbis_extractor(settings).load_iso_19794_2_2005
    ours, theirs = ([load(_framed(of)) for of in some] for some in (probes, references))
    if not all(len(one.get()) for one in (*ours, *theirs)):
        raise RuntimeError("nbis-py read no minutiae: a comparison of nothing takes no time")
    began = time.process_time()
    for one, other in islice(cycle(product(ours, theirs)), pairs):
        one.compare(other)
    return round((time.process_time() - began) / pairs * 1e6, 1)


def _framed(of: Template) -> bytes:
    """A record with the header that nbis-py reads, which is not the standard's (tests/common/fingers)."""
    record = write_2005([replace(of, quality=np.minimum(of.quality, QUALITY))])
    head = struct.pack(">IH", 26 + len(record) - 30, 0) + record[14:18] + bytes(7)
    return b"FMR\x00 20\x00" + head + record[27:-2]
