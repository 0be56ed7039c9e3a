"""The impostor tail of a gallery: its own templates compared with one another, as strangers' fingers would be.

Laws:
1. A pair is of one position and of two records. Pairs are drawn by a seed that follows from the gallery's content: who
   repeats the build gets the same tail, and nobody chooses it.
2. The fit is an exponential above the score that one pair in a thousand reaches: the mean of what lies beyond gives the
   rate (maximum likelihood). One finger that stands in a gallery under two records is no pair of strangers: what lies
   further out than chance would bring in once in a thousand galleries is left out before.
3. Below LEAST_PAIRS nothing is fitted: then boxes take what the extractor showed elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.gallery import GalleryTable
from edge.core.fingerprints.model import Position
from edge.core.fingerprints.rigid import rigid
from edge.core.fingerprints.thresholds import FITTED_AT, Fallback
from edge.core.watch.manifest import Tail

PAIRS: Final = 200_000       # compared at most: 20 s of one core, 200 pairs above FMR 1e-3
LEAST_PAIRS: Final = 20_000  # 20 pairs above FMR 1e-3
ODD: Final = 1e-3            # chance of a fit's furthest pair, below which it is one finger and not two
A_PROBE: Final = 200         # references that one probe is compared with

Progress = Callable[[str, int], None]


def fitted(table: GalleryTable, now: datetime, progress: Progress | None = None) -> Tail | None:
    """The tail of a gallery; None where it holds too few strangers. ``now`` (UTC) is told as the day of the fit."""
    seed = seed_of(table)
    scores = [np.zeros(0, np.float32)]
    done = 0
    for some in strangers(table, seed):
        scores.append(some)
        done += len(some)
        if progress is not None:
            progress("pairs of strangers", done)
    if done < LEAST_PAIRS:
        return None
    try:
        found = fit(np.concatenate(scores))
    except ValueError:
        return None
    return Tail(
        score=found.score, rate=found.rate, pairs=done, seed=seed, fitted_at=now.astimezone(UTC).replace(microsecond=0)
    )


def fit(scores: NDArray[np.float32]) -> Fallback:
    """The tail of the scores of strangers (law 2); LEAST_PAIRS or more of them, of which not all are the same."""
    at = float(np.quantile(scores, 1 - FITTED_AT))
    beyond = np.sort(scores[scores > at].astype(np.float64) - at)
    if not len(beyond):
        raise ValueError("scores of strangers that are all the same have no tail")
    rough = np.log(2) / float(np.median(beyond))  # what one finger under two records does not move
    strangers = beyond[beyond <= np.log(len(beyond) / ODD) / rough]
    return Fallback(score=at, rate=float(1 / strangers.mean()))


def seed_of(table: GalleryTable) -> int:
    """48 bits of the digest of all cylinders."""
    digest = hashlib.sha256()
    for tag in ("cyl_bits", "cyl_a", "cyl_x", "cyl_y"):
        digest.update(np.ascontiguousarray(table.cylinders[tag]).data)
    return int.from_bytes(digest.digest()[:6], "big")


def strangers(table: GalleryTable, seed: int, pairs: int = PAIRS) -> Iterator[NDArray[np.float32]]:
    """The scores of pairs of strangers, one array for each probe; about ``pairs`` in all, of all positions in the
    proportion of the pairs that there are."""
    drawn = np.random.default_rng(seed)
    records = _records(table)
    possible = {p: _possible(records[table.rows(p)]) for p in Position}
    total = sum(possible.values())
    for position, there in possible.items():
        if there:
            wanted = there if total <= pairs else -(-pairs * there // total)
            yield from _of_position(table, position, records[table.rows(position)], wanted, there, drawn)


def _records(table: GalleryTable) -> NDArray[np.int64]:
    """The number of the record of each reference."""
    numbers: dict[str, int] = {}
    keys = table.keys()
    return np.array([numbers.setdefault(record, len(numbers)) for record, _, _ in keys], np.int64)


def _possible(records: NDArray[np.int64]) -> int:
    """Pairs of two records."""
    counts = np.bincount(records) if len(records) else np.zeros(0, np.int64)
    return int((len(records) ** 2 - (counts.astype(np.int64) ** 2).sum()) // 2)


def _of_position(
    table: GalleryTable, position: Position, records: NDArray[np.int64], wanted: int, there: int,
    drawn: np.random.Generator,
) -> Iterator[NDArray[np.float32]]:  # fmt: skip
    shard = table.shard(position)
    order = drawn.permutation(len(records))
    left = wanted
    for at, probe in enumerate(order.tolist()):
        if left <= 0:
            return
        later = order[at + 1 :]  # each pair once
        others = later[records[later] != records[probe]]
        if wanted < there:
            others = drawn.permutation(others)[: min(A_PROBE, left)]
        if len(others):
            left -= len(others)
            yield rigid(shard.one(probe), shard.take(np.sort(others)))
