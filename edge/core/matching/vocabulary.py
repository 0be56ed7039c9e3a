"""One traveller's token against every token of a list's vocabulary, without comparing it with every one.

Laws:
1. What is found is exactly what ``likes.alike``, ``likes.joined_likeness`` and ``likes.split_likeness`` accept.
2. The prefilter for edits is provable: an edit changes at most one letter in each direction and the length by
   at most one, so ``popcount(a & ~b) <= edits``, ``popcount(b & ~a) <= edits`` and ``abs(len(a) - len(b)) <=
   edits``. A swap of neighbours changes neither. What survives it is measured, not guessed.
3. Equal skeletons are found by the list's own skeleton index; ``keys`` and the article forms name every
   skeleton that ``pairs.pair`` would accept.
4. A likeness is one u16: similarity in ten-thousandths, and two flags. Similarities have four decimals, so
   nothing is rounded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from edge.core.matching.likes import (
    SOUND_CONSONANTS,
    SPLIT_EXACT,
    NameTable,
    alike,
    counts_as_agreement,
    halves,
    is_half,
    joined_likeness,
)
from edge.core.matching.pairs import (
    EDIT_MIN_LETTERS,
    MIN_SIMILARITY,
    Likeness,
    edit_similarity,
    max_edits,
    with_article_skeletons,
    without_article,
)
from edge.core.names.nicknames import other_forms
from edge.core.names.sound import keys, readings, skeleton
from edge.core.watch.layout import letter_mask, skeleton_hash

SPLIT_BEST = SPLIT_EXACT     # most that a token taken apart is worth
UNIT = 10_000                # a similarity of 1
SIMILARITY = np.uint16(0x3FFF)
COUNTS = 1 << 14             # the pair counts as agreement
SAME = 1 << 15               # the pair is the same token, spelt otherwise (``SAME_TOKEN``)
SAME_TOKEN = frozenset({"exact", "skeleton", "article", "joined", "split"})
MAX_CACHED = 16_384          # tokens of travellers whose likenesses are kept for a list
LONGEST = 64                 # letters, more than a token may have

_K = TypeVar("_K")
_V = TypeVar("_V")

Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint16]


class Alike(NamedTuple):
    """Listed tokens by rising id, and a code each."""

    ids: Ids
    codes: Codes


class Side(NamedTuple):
    """Listed tokens that are one half of a traveller's token: for cut k of ``likes.halves`` bit 2k is set, and bit
    2k + 1 if the token is exactly the half."""

    ids: Ids
    cuts: npt.NDArray[np.uint64]


class Splits(NamedTuple):
    """Two listed tokens are a traveller's token written apart if their bits meet."""

    left: Side
    right: Side


NOTHING = Alike(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.uint16))


def code_of(likeness: Likeness, *, counts: bool) -> int:
    """The u16 of law 4."""
    same = SAME if likeness.rule in SAME_TOKEN else 0
    return round(likeness.similarity * UNIT) | (COUNTS if counts else 0) | same


class Vocabulary:
    """Look-ups over the tokens of one list, with a cache of the travellers' tokens asked last."""

    def __init__(self, table: NameTable) -> None:
        self._table = table
        text, offsets = str(table.token_blob, "ascii"), table.token_offsets.tolist()
        self.words = [text[a:b] for a, b in pairwise(offsets)]
        self._by_length = np.argsort(table.token_lengths, kind="stable").astype(np.uint32)
        self._words_by_length = np.array(self.words, dtype=object)[self._by_length]
        self._lengths = table.token_lengths[self._by_length]
        self._masks = table.token_masks[self._by_length]
        self._starts = np.searchsorted(self._lengths, np.arange(LONGEST + 2)).tolist()
        self._cache: OrderedDict[tuple[str, str], Alike] = OrderedDict()
        self._splits: OrderedDict[str, Splits | None] = OrderedDict()

    def id(self, token: str) -> int | None:
        """The id of exactly this token, or None."""
        at = bisect_left(self.words, token)
        return at if at < len(self.words) and self.words[at] == token else None

    def alike(self, token: str) -> Alike:
        """Every listed token that ``likes.alike`` accepts."""
        return self._kept(token, "")

    def joined(self, first: str, second: str) -> Alike:
        """Every listed token that ``likes.joined_likeness`` accepts."""
        return self._kept(first, second) if len(first) > 1 and len(second) > 1 else NOTHING

    def splits(self, token: str) -> Splits | None:
        """Every pair of listed tokens that ``likes.split_likeness`` accepts; None if there is none."""
        if token in self._splits:
            return self._splits[token]
        left: dict[int, int] = {}
        right: dict[int, int] = {}
        for k, (first, second) in enumerate(halves(token)):
            mine = self._halves(first)
            theirs = self._halves(second) if mine else set()
            for side, half, ids in ((left, first, mine), (right, second, theirs)) if theirs else ():
                for i in ids:
                    side[i] = side.get(i, 0) | (1 << 2 * k) | ((self.words[i] == half) << 2 * k + 1)
        found = Splits(_side(left), _side(right)) if left else None
        _keep(self._splits, token, found)
        return found

    def prefix(self, token: str) -> tuple[int, int]:
        """The range of token ids that begin with ``token``."""
        return bisect_left(self.words, token), bisect_left(self.words, token + "~")

    def _kept(self, token: str, second: str) -> Alike:
        found = self._cache.get((token, second))
        if found is None:
            found = self._joined(token, second) if second else self._alike(token)
            _keep(self._cache, (token, second), found)
        else:
            self._cache.move_to_end((token, second))
        return found

    def _alike(self, token: str) -> Alike:
        codes = self._edits(token)
        near = self._sounds(token)
        if len(token) > 1 and (initial := self.id(token[0])) is not None:
            near.add(initial)
        if len(token) == 1:
            near.update(range(*self.prefix(token)))
        for i in near:
            found = alike(token, self.words[i])
            if found is not None:
                codes[i] = code_of(found.likeness, counts=found.counts)
        return _sorted(codes)

    def _joined(self, first: str, second: str) -> Alike:
        codes = {}
        for i in self._sounds(first + second):
            found = joined_likeness(first, second, self.words[i])
            if found is not None:
                codes[i] = code_of(found, counts=True)
        return _sorted(codes)

    def _sounds(self, token: str) -> set[int]:
        """Ids of the token, of its other forms, and of all that may agree by sound, with or without an article."""
        skeletons = set(keys(token)) | set(with_article_skeletons(token))
        if (bare := without_article(token)) is not None:
            skeletons |= keys(bare)
        found = self._by_skeletons(skeletons)
        for letters, respelt in readings(token).items():
            if letters not in skeletons:
                needs = {one.needs for one in respelt}
                found.update(i for i in self._by_skeletons((letters,)) if any(n in self.words[i] for n in needs))
        same = (self.id(form) for form in {token, *other_forms(token)})
        return found | {i for i in same if i is not None}

    def _by_skeletons(self, skeletons: Iterable[str]) -> set[int]:
        found: set[int] = set()
        for one in skeletons:
            found.update(self._table.tokens_by_skeleton(skeleton_hash(one)).tolist())
        return found

    def _edits(self, token: str) -> dict[int, int]:
        """Codes of every token within the edits that ``pairs.pair`` allows."""
        size = len(token)
        if size < EDIT_MIN_LETTERS:
            return {}
        first, last, limits = _reach(size)
        begin, end = self._starts[first], self._starts[last + 1]
        limit = limits[self._lengths[begin:end]]
        masks, own = self._masks[begin:end], np.uint32(letter_mask(token))
        keep = np.bitwise_count(masks & ~own) <= limit
        keep &= np.bitwise_count(own & ~masks) <= limit
        at = np.flatnonzero(keep)
        if not len(at):
            return {}
        words = self._words_by_length[begin:end][at].tolist()
        most = int(limits.max())
        edits = cdist([token], words, scorer=OSA.distance, score_cutoff=most, dtype=np.uint8)[0]
        close = np.flatnonzero(edits <= limit[at])
        counts = COUNTS if counts_as_agreement(token) else 0
        codes = {}
        for place, distance in zip(close.tolist(), edits[close].tolist(), strict=True):
            word = words[place]
            similarity = edit_similarity(token, word, distance)
            if similarity >= MIN_SIMILARITY:
                codes[int(self._by_length[begin + at[place]])] = round(similarity * UNIT) | counts
        return codes

    def _halves(self, half: str) -> set[int]:
        if len(skeleton(half)) < SOUND_CONSONANTS:
            exact = self.id(half)
            return set() if exact is None else {exact}
        return {i for i in self._by_skeletons(keys(half)) if is_half(half, self.words[i])}


@lru_cache(maxsize=LONGEST)
def _reach(size: int) -> tuple[int, int, npt.NDArray[np.uint8]]:
    """Shortest and longest listed token within reach of ``size`` letters, and the edits allowed by length."""
    limits = np.zeros(256, dtype=np.uint8)
    reached = []
    for n in range(EDIT_MIN_LETTERS, LONGEST + 1):
        allowed = max_edits(max(size, n))
        if abs(n - size) <= allowed:
            limits[n] = allowed
            reached.append(n)
    return (reached[0], reached[-1], limits) if reached else (0, -1, limits)


def _side(cuts: dict[int, int]) -> Side:
    ids = sorted(cuts)
    return Side(np.array(ids, dtype=np.int64), np.array([cuts[i] for i in ids], dtype=np.uint64))


def _sorted(codes: dict[int, int]) -> Alike:
    ids = sorted(codes)
    return Alike(np.array(ids, dtype=np.int64), np.array([codes[i] for i in ids], dtype=np.uint16))


def _keep(cache: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    cache[key] = value
    while len(cache) > MAX_CACHED:
        cache.popitem(last=False)
