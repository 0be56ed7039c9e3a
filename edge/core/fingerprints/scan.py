"""The local similarity of a probe and many references: the first, coarse pass of a search, here in NumPy (the oracle).

Two cylinders are ``sqrt(differing bits) / (sqrt(bits of one) + sqrt(bits of the other))`` apart (Minutia Cylinder-Code,
equation 22, on binary cylinders). A minutia of the probe is as similar as its nearest in the reference whose direction
lies within the window of rotation; the score is the mean over the BEST most similar.

Laws:
1. One arithmetic: float32, in the order written here; a native scan gives the same order of candidates.
2. A score is 0 (nothing alike) to 1; a template with no described minutia scores 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.cylinders import BITS, Described
from edge.core.fingerprints.model import same_extractor
from edge.core.fingerprints.shard import Indices, Shard

WINDOW: Final = 45  # 256ths of a turn, either way: a finger lies at most 63 degrees askew
BEST: Final = 12  # minutiae of the probe whose similarity counts
CHUNK: Final = 1024  # templates compared at a time: 30 MB

Scores = NDArray[np.float32]
ROOTS: Final = np.sqrt(np.arange(BITS + 1, dtype=np.float32))


def apart(probe: Described, bits: NDArray[np.uint64], angle: NDArray[np.uint8], window: int = WINDOW) -> Scores:
    """float32[probe's minutiae, ...]: squared distance of cylinders, 0 to 1; 1 outside the window of rotation.

    ``bits`` uint64[..., WORDS] and ``angle`` uint8[...] of the references.
    """
    shape = (len(probe), *(1,) * angle.ndim)
    differ = np.bitwise_count(probe.bits.reshape(*shape, -1) ^ bits).sum(-1, dtype=np.int32)
    ones = np.bitwise_count(bits).sum(-1, dtype=np.int32)
    mine = np.bitwise_count(probe.bits).sum(-1, dtype=np.int32).reshape(shape)
    least = ROOTS[mine] + ROOTS[ones]
    squared = differ.astype(np.float32) / np.maximum(least * least, np.float32(1))
    turned = (probe.angle.reshape(shape) - angle).view(np.int8)
    return np.where(np.abs(turned.astype(np.int16)) <= window, squared, np.float32(1)).astype(np.float32)


def scan(probe: Described, shard: Shard, window: int = WINDOW) -> Scores:
    """float32[templates]: the local similarity of each. Raises FingerError for another extractor."""
    same_extractor(probe.extractor_id, shard.extractor_id)
    parts = [
        _scanned(probe, shard.part(first, min(first + CHUNK, len(shard))), window)
        for first in range(0, len(shard), CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _scanned(probe: Described, shard: Shard, window: int) -> Scores:
    filled = np.nonzero(np.diff(shard.offsets))[0]
    scores = np.zeros(len(shard), np.float32)
    if len(probe) and len(filled):
        nearest = np.minimum.reduceat(apart(probe, shard.bits, shard.angle, window), shard.offsets[filled], axis=1)
        similar = np.sort(np.float32(1) - np.sqrt(nearest), axis=0)[::-1][:BEST]
        total = np.zeros(len(filled), np.float32)
        for row in similar:  # one after the other: law 1
            total += row
        scores[filled] = total / np.float32(BEST)
    return scores


def best_of(scores: Scores, count: int) -> Indices:
    """The places of the ``count`` highest scores, best first; equal ones in order of place."""
    count = min(count, len(scores))
    if not count:
        return np.zeros(0, np.int64)
    least = np.partition(scores, len(scores) - count)[len(scores) - count]
    above = np.nonzero(scores > least)[0]
    chosen = np.concatenate([above, np.nonzero(scores == least)[0][: count - len(above)]])
    return np.asarray(chosen[np.lexsort((chosen, -scores[chosen]))], np.int64)
