"""The comparison score: how many like minutiae agree on one and the same movement of the finger, and how well.

After the relaxation of "Minutia Cylinder-Code" (section 4.3) and the consistency tests of bozorth3, in closed form:

1. The PAIRS most similar pairs of cylinders are taken, by distance, then by place.
2. Two pairs agree when the distance between their minutiae is the same in both fingers (within NEAR pixels and FAR of
   it), both turn by the same angle, and the line between them turns by that angle too (within TURN). None shares a
   minutia with another.
3. From each pair, the pairs that agree with it are gathered, the most similar first, no minutia twice; the pair that
   gathers the most weight is the seed. A pair weighs its similarity, squared.
4. The score is the mean, over the seed's pairs by their weight, of the weight that agrees with each: about the number
   of minutiae that truly fit. Strangers reach 1 to 2; it is not bounded above.

Laws:
1. One arithmetic: float32, sums in the order of the pairs; a native one gives the same scores to 1e-4.
2. Fewer than two described minutiae on either side score 0.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.cylinders import WORDS, Described
from edge.core.fingerprints.model import same_extractor
from edge.core.fingerprints.scan import Scores, apart
from edge.core.fingerprints.shard import Shard

PAIRS: Final = 40  # most similar pairs that are looked at
NEAR: Final = np.float32(8)  # pixels
FAR: Final = np.float32(0.08)  # of the shorter distance
TURN: Final = 14  # 256ths of a turn: 20 degrees
CHUNK: Final = 128  # references compared at a time: 20 MB

STRAIGHT: Final = np.float32(np.cos(TURN * np.pi / 128))
COSINE: Final = np.cos(np.arange(256) * np.pi / 128).astype(np.float32)
SINE: Final = np.sin(np.arange(256) * np.pi / 128).astype(np.float32)

Places = NDArray[np.intp]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


def rigid(probe: Described, shard: Shard) -> Scores:
    """float32[templates]: the comparison score of the probe with each. Raises FingerError for another extractor."""
    same_extractor(probe.extractor_id, shard.extractor_id)
    parts = [
        _compared(probe, shard.part(first, min(first + CHUNK, len(shard)))) for first in range(0, len(shard), CHUNK)
    ]
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _compared(probe: Described, shard: Shard) -> Scores:
    lengths = np.diff(shard.offsets)
    width = int(lengths.max(initial=0))
    if len(probe) < 2 or width < 2:
        return np.zeros(len(shard), np.float32)
    there = np.arange(width) < lengths[:, None]
    bits = np.zeros((*there.shape, WORDS), np.uint64)
    bits[there] = shard.bits
    x, y, angle = (np.zeros(there.shape, kind) for kind in (np.float32, np.float32, np.uint8))
    x[there], y[there], angle[there] = shard.x, shard.y, shard.angle
    near = np.where(there, apart(probe, bits, angle), np.float32(1)).swapaxes(0, 1)
    weight, mine, other = _pairs(near)
    agree = _agree(
        probe.x.astype(np.float32)[mine], probe.y.astype(np.float32)[mine],
        np.take_along_axis(x, other, 1), np.take_along_axis(y, other, 1),
        probe.angle[mine] - np.take_along_axis(angle, other, 1),
    )  # fmt: skip
    agree &= (weight > 0)[:, None, :] & (weight > 0)[:, :, None]
    scores = _seeded(agree, weight, mine, other)
    return np.where(lengths < 2, np.float32(0), scores)


def _pairs(near: Floats) -> tuple[Floats, Places, Places]:
    """Weight, minutia of the probe and of the reference of the PAIRS nearest pairs, each [references, pairs]."""
    flat = near.reshape(len(near), -1)
    # a distance of 0 to 1 has the order of its bits; the place breaks a tie
    key = (flat.view(np.uint32).astype(np.int64) << 32) | np.arange(flat.shape[1])
    count = min(PAIRS, flat.shape[1])
    key = np.sort(np.partition(key, count - 1, axis=1)[:, :count], axis=1)
    place = key & 0xFFFF
    similar = np.float32(1) - np.sqrt(np.take_along_axis(flat, place, 1))
    return similar * similar, place // near.shape[2], place % near.shape[2]


def _agree(ax: Floats, ay: Floats, bx: Floats, by: Floats, turn: NDArray[np.uint8]) -> Flags:
    """[references, pairs, pairs]: which pairs move alike (the second rule)."""
    dax, day = ax[:, None, :] - ax[:, :, None], ay[:, None, :] - ay[:, :, None]
    dbx, dby = bx[:, None, :] - bx[:, :, None], by[:, None, :] - by[:, :, None]
    one, two = np.sqrt(dax * dax + day * day), np.sqrt(dbx * dbx + dby * dby)
    agree = np.abs(one - two) <= NEAR + FAR * np.minimum(one, two)
    agree &= np.abs((turn[:, None, :] - turn[:, :, None]).view(np.int8).astype(np.int16)) <= TURN
    cosine, sine = COSINE[turn][:, :, None], SINE[turn][:, :, None]
    along = dax * dbx + day * dby  # of the line in one finger and in the other
    across = day * dbx - dax * dby
    straight = cosine * along - sine * across >= STRAIGHT * (one * two)
    agree &= straight & straight.swapaxes(1, 2)
    return np.asarray(agree & (one > 0) & (two > 0))


def _seeded(agree: Flags, weight: Floats, mine: Places, other: Places) -> Scores:
    """The third and fourth rule, for all references and seeds at once."""
    one = np.uint64(1)
    mine_bit, other_bit = one << mine.astype(np.uint64), one << other.astype(np.uint64)
    used_mine, used_other = mine_bit.copy(), other_bit.copy()
    total, taken = weight.copy(), np.zeros_like(agree)
    for pair in range(weight.shape[1]):
        free = (used_mine & mine_bit[:, pair, None]) | (used_other & other_bit[:, pair, None])
        fits = agree[:, :, pair] & (free == 0)
        used_mine |= np.where(fits, mine_bit[:, pair, None], np.uint64(0))
        used_other |= np.where(fits, other_bit[:, pair, None], np.uint64(0))
        total += np.where(fits, weight[:, pair, None], np.float32(0))
        taken[:, :, pair] = fits
    seed = np.argmax(total, axis=1)
    rows = np.arange(len(weight))
    members = taken[rows, seed]
    members[rows, seed] = True
    held = np.where(members, weight, np.float32(0))
    support = np.matmul(agree.astype(np.float32), held[:, :, None])[:, :, 0]
    return np.asarray((held * support).sum(1) / np.maximum(held.sum(1), np.float32(1e-9)), np.float32)
