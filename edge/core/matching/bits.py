"""Sets of listed names as bits, 64 to a word: what a million names take one byte each for, these hold in 130 kB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

WORD = 64
EVERY = np.uint64(0xFFFF_FFFF_FFFF_FFFF)

Words = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int64]
Range = tuple[int, int]


def words_of(names: int) -> int:
    """Words that hold so many names."""
    return -(-names // WORD)


def packed(flags: npt.NDArray[np.bool_]) -> Words:
    """A set from a flag for each name; ``flags`` is as long as a whole number of words."""
    return np.packbits(flags, bitorder="little").view(np.uint64)


def gathered(ids: npt.NDArray[Any], size: int) -> Words:
    """A set of few names in ``size`` words."""
    found = np.zeros(size, dtype=np.uint64)
    np.bitwise_or.at(found.view(np.uint8), ids >> 3, np.left_shift(1, ids & 7).astype(np.uint8))
    return found


def contain(words: Words, names: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """For each name: is it in the set?"""
    found: npt.NDArray[np.bool_] = words.view(np.uint8).take(names >> 3) >> (names & 7).astype(np.uint8) & 1 != 0
    return found


class Window:
    """Some ranges of names: the words of a set that they touch, and back from such words to names."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        """``ranges`` [first, last) are disjoint and rise, none is empty."""
        spans: list[list[int]] = []
        for first, last in ranges:
            if spans and first // WORD < spans[-1][1]:  # two ranges that share a word
                spans[-1][1] = max(spans[-1][1], words_of(last))
            else:
                spans.append([first // WORD, words_of(last)])
        self.words: Ids = _places(spans)
        self.mask = np.zeros(len(self.words), dtype=np.uint64)
        if not len(ranges):
            return
        first, last = np.array(ranges, dtype=np.int64).T
        begin, end = np.searchsorted(self.words, first // WORD), np.searchsorted(self.words, (last - 1) // WORD)
        head = EVERY << (first % WORD).astype(np.uint64)
        tail = EVERY >> (WORD - 1 - (last - 1) % WORD).astype(np.uint64)
        short = begin == end
        np.bitwise_or.at(self.mask, begin, np.where(short, head & tail, head))
        np.bitwise_or.at(self.mask, end, np.where(short, head & tail, tail))
        for at in np.flatnonzero(end > begin + 1).tolist():
            self.mask[begin[at] + 1 : end[at]] = EVERY

    def of(self, words: Words) -> Words:
        """The part of a set that the window shows."""
        return words.take(self.words)

    def names(self, part: Words) -> Ids:
        """The names of a set of the window, rising."""
        return members(part & self.mask, self.words)


def members(words: Words, numbers: Ids | None = None) -> Ids:
    """The names of a set, rising. ``numbers`` are those of its words in the whole; None: the words are the whole."""
    at = np.flatnonzero(words)
    bits = np.flatnonzero(np.unpackbits(words[at].view(np.uint8), bitorder="little"))
    held = at if numbers is None else numbers[at]
    found: Ids = held[bits >> 6] * WORD + (bits & 63)
    return found


def merged(ranges: Sequence[Range]) -> list[Range]:
    """The same names as disjoint, rising ranges, none empty."""
    found: list[Range] = []
    for first, last in sorted(r for r in ranges if r[0] < r[1]):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def inside(ranges: Sequence[Range], names: Ids) -> npt.NDArray[np.bool_]:
    """For each name: is it in one of the ranges (disjoint, rising, apart)?"""
    bounds = np.array([bound for one in ranges for bound in one], dtype=np.int64)
    found: npt.NDArray[np.bool_] = np.searchsorted(bounds, names, "right") % 2 == 1
    return found


def spread(ranges: Sequence[Range]) -> Ids:
    """All names of the ranges."""
    return _places(ranges)


def _places(spans: Sequence[Sequence[int]]) -> Ids:
    parts = [np.arange(a, b) for a, b in spans]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.int64)
