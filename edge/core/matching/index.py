"""From a traveller's name to the listed names worth scoring, without losing one.

Laws:
1. Candidates are exactly the names that ``scoring.score`` could give a score: a name is left out only
   if fewer than two of its distinct tokens can agree (records of one token: if that one cannot).
2. The vocabulary prefilter is provable: an edit changes at most one letter in each direction and the
   length by at most one, so ``popcount(a & ~b) <= edits``, ``popcount(b & ~a) <= edits`` and
   ``abs(len(a) - len(b)) <= edits``. A swap of neighbours changes neither.
3. Equal skeletons are found by the list's own skeleton index; ``keys`` and the article forms name every
   skeleton that ``pairs.pair`` would accept.

The vocabulary stays in the list's buffer; only tokens that survive the prefilter become strings.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from edge.core.matching.common import common_names, common_skeletons
from edge.core.matching.likes import (
    COMMON_WEIGHT,
    FLOOR_NAMES,
    Found,
    NameTable,
    Prefix,
    Split,
    TokenLikes,
    as_joined,
    compare,
    cut_likeness,
    half_ids,
    halves,
    split_of,
    token_weight,
)
from edge.core.matching.pairs import (
    EDIT_MIN_LETTERS,
    Likeness,
    max_edits,
    with_article_skeletons,
    without_article,
)
from edge.core.matching.scoring import WEAK_WEIGHT, NameScore, QueryName, score
from edge.core.names import WEAK
from edge.core.names.sound import keys, skeleton
from edge.core.watch.layout import letter_mask, skeleton_hash

MAX_CACHED = 4096            # tokens of travellers whose likenesses are kept for a list

Ids = npt.NDArray[np.uint32]


class NameIndex:
    """One list's vocabulary, prepared for look-ups: weights, and which names have one token that weighs."""

    def __init__(self, table: NameTable) -> None:
        self.table = table
        self.weak = {i for t in WEAK if (i := table.token_id(t)) is not None}
        self.weak |= {i for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if (i := table.token_id(c)) is not None}
        self.weights = self._weights()
        self.single = self._single()
        self._lengths = table.token_lengths.astype(np.int64)
        self._cache: OrderedDict[str, TokenLikes] = OrderedDict()

    def _weights(self) -> npt.NDArray[np.float64]:
        table = self.table
        share = np.maximum(table.token_counts, 1) / max(table.n_names, FLOOR_NAMES)
        weights: npt.NDArray[np.float64] = np.round(
            np.clip(-np.log10(share) / 3, COMMON_WEIGHT, 1.0), 4
        )
        for name in common_names():
            if (found := table.token_id(name)) is not None:
                weights[found] = COMMON_WEIGHT
        for common in common_skeletons():
            weights[table.tokens_by_skeleton(skeleton_hash(common))] = COMMON_WEIGHT
        weights[list(self.weak)] = WEAK_WEIGHT
        return weights

    def _single(self) -> npt.NDArray[np.bool_]:
        """Names with at most one distinct token that weighs."""
        table = self.table
        owners = np.repeat(np.arange(table.n_names, dtype=np.uint64), np.diff(table.name_offsets))
        distinct = np.unique((owners << np.uint64(32)) | table.name_tokens.astype(np.uint64))
        strong = self.weights[(distinct & np.uint64(0xFFFF_FFFF)).astype(np.int64)] > WEAK_WEIGHT
        names = (distinct >> np.uint64(32)).astype(np.int64)
        return np.bincount(names, weights=strong, minlength=table.n_names) <= 1

    def likes(self, token: str) -> TokenLikes:
        """All listed tokens like this one (cached)."""
        found = self._cache.get(token)
        if found is None:
            found = TokenLikes(self._pairs(token), self._splits(token))
            self._cache[token] = found
            while len(self._cache) > MAX_CACHED:
                self._cache.popitem(last=False)
        return found

    def _pairs(self, token: str) -> Found:
        table = self.table
        near = {int(i) for i in self.near(token)}
        skeletons = set(keys(token)) | set(with_article_skeletons(token))
        if (bare := without_article(token)) is not None:
            skeletons |= keys(bare)
        near |= self.by_skeletons(skeletons)
        if (same := table.token_id(token)) is not None:
            near.add(same)
        return compare(token, near, table)

    def by_skeletons(self, skeletons: Iterable[str]) -> set[int]:
        """Ids of the tokens with one of these skeletons."""
        found: set[int] = set()
        for one in skeletons:
            found.update(self.table.tokens_by_skeleton(skeleton_hash(one)).tolist())
        return found

    def near(self, token: str) -> Ids:
        """Ids of every token within the edits that ``pairs.pair`` allows (and some more)."""
        size = len(token)
        if size < EDIT_MIN_LETTERS:
            return np.empty(0, dtype=np.uint32)
        limit = _edit_limits(size)[self._lengths]
        at = np.flatnonzero(limit >= 0)
        masks = self.table.token_masks[at]
        own = np.uint32(letter_mask(token))
        limit = limit[at]
        keep = (np.bitwise_count(masks & ~own) <= limit) & (np.bitwise_count(own & ~masks) <= limit)
        found: Ids = at[keep].astype(np.uint32)
        return found

    def _splits(self, token: str) -> tuple[Split, ...]:
        found = []
        for left, right in halves(token):
            first = self._half(left)
            if first and (second := self._half(right)):
                found.append(split_of(left, first, right, second, self.table))
        return tuple(found)

    def _half(self, half: str) -> frozenset[int]:
        ids = self.table.tokens_by_skeleton(skeleton_hash(skeleton(half))).tolist()
        if len(skeleton(half)) >= 3:
            ids = self.by_skeletons(keys(half))
        return half_ids(half, ids, self.table)

    def prefix(self, token: str) -> tuple[int, int]:
        """The range of token ids that begin with ``token``."""
        return self._bisect(token), self._bisect(token + "~")

    def _bisect(self, text: str) -> int:
        low, high = 0, self.table.n_tokens
        while low < high:
            middle = (low + high) // 2
            if self.table.token(middle) < text:
                low = middle + 1
            else:
                high = middle
        return low


def _edit_limits(size: int) -> npt.NDArray[np.int8]:
    """By length of the listed token: the edits that ``pair`` allows against ``size`` letters, -1 for none."""
    limits = np.full(256, -1, dtype=np.int8)
    for n in range(EDIT_MIN_LETTERS, 256):
        allowed = max_edits(max(size, n))
        if abs(n - size) <= allowed:
            limits[n] = min(allowed, 127)
    return limits


class Known:
    """``scoring.Likenesses`` of one query against one list."""

    def __init__(self, query: QueryName, index: NameIndex) -> None:
        self._index = index
        self._likes = [index.likes(t) for t in query.tokens]
        self._joins = [self._joined(a, b) for a, b in zip(query.tokens, query.tokens[1:], strict=False)]
        self._prefixes = [self._prefix(query, unit) for unit in range(len(query.tokens))]
        self._query_weights = [self._query_weight(t) for t in query.tokens]
        self._token = index.table.token

    def _joined(self, first: str, second: str) -> dict[int, Likeness]:
        if len(first) < 2 or len(second) < 2:
            return {}
        pairs = self._index.likes(first + second).pairs
        joined = {i: as_joined(likeness) for i, (likeness, _) in pairs.items()}
        return {i: likeness for i, likeness in joined.items() if likeness is not None}

    def _prefix(self, query: QueryName, unit: int) -> Prefix | None:
        likeness = cut_likeness(query, unit)
        if likeness is None:
            return None
        low, high = self._index.prefix(query.tokens[unit])
        return Prefix(low, high, likeness, len(query.tokens[unit]) >= 3)

    def _query_weight(self, token: str) -> float:
        found = self._index.table.token_id(token)
        if found is not None:
            return float(self._index.weights[found])
        return token_weight(token, 1, self._index.table.n_names)

    def single(self, unit: int, token_id: int) -> tuple[Likeness, bool] | None:
        """Likeness of a query token and a listed one, and whether it counts as agreement."""
        found = self._likes[unit].pairs.get(token_id)
        prefix = self._prefixes[unit]
        if (
            prefix is not None
            and prefix.low <= token_id < prefix.high
            and (found is None or found[0].similarity < prefix.likeness.similarity)
        ):
            return prefix.likeness, prefix.counts
        return found

    def joined(self, first: int, token_id: int) -> Likeness | None:
        """Two neighbouring query tokens written together against a listed token."""
        return self._joins[first].get(token_id)

    def split(self, unit: int, left: int, right: int) -> Likeness | None:
        """A query token against two listed tokens written together."""
        for split in self._likes[unit].splits:
            if left in split.left and right in split.right:
                return split.likeness
        return None

    def query_weight(self, unit: int) -> float:
        """Weight of a query token."""
        return self._query_weights[unit]

    def weight(self, token_id: int) -> float:
        """Weight of a listed token."""
        return float(self._index.weights[token_id])

    def token(self, token_id: int) -> str:
        """The listed token's letters."""
        return self._token(token_id)

    def agreeing_ids(self) -> set[int]:
        """Listed tokens that may agree with some token of the query."""
        weak = self._index.weak
        found = {i for likes in self._likes for i, (_, counts) in likes.pairs.items() if counts or i in weak}
        found.update(i for joins in self._joins for i in joins)
        for likes in self._likes:
            for split in likes.splits:
                found |= split.left | split.right
        for prefix in self._prefixes:
            if prefix is not None and prefix.counts:
                found.update(range(prefix.low, prefix.high))
        return found


_indexes: WeakKeyDictionary[Any, NameIndex] = WeakKeyDictionary()


def index_of(table: NameTable) -> NameIndex:
    """The prepared index of a table; made once, dropped with the table."""
    found = _indexes.get(table)
    if found is None:
        found = _indexes[table] = NameIndex(table)
    return found


def candidates(known: Known, index: NameIndex) -> npt.NDArray[np.int64]:
    """Ids of every name that ``score`` could give a score, rising."""
    ids = known.agreeing_ids()
    if not ids:
        return np.empty(0, dtype=np.int64)
    strong = [index.table.postings(i) for i in sorted(ids - index.weak)]
    weak = [index.table.postings(i) for i in sorted(ids & index.weak)]
    held = np.concatenate(strong) if strong else np.empty(0, dtype=np.uint32)
    hits = np.bincount(held, minlength=index.table.n_names)
    single = index.single & (hits >= 1)
    if weak:
        single |= index.single & (np.bincount(np.concatenate(weak), minlength=index.table.n_names) >= 1)
    return np.flatnonzero((hits >= 2) | single)


def name_tokens(table: NameTable, name_id: int) -> list[int]:
    """Token ids of one listed name, in order."""
    first, last = int(table.name_offsets[name_id]), int(table.name_offsets[name_id + 1])
    found: list[int] = table.name_tokens[first:last].tolist()
    return found


def search(query: QueryName, table: NameTable, minimum: float) -> list[tuple[int, NameScore]]:
    """(name id, score without evidence) of every listed name that scores at least ``minimum``."""
    if not query.tokens or not table.n_names:
        return []
    index = index_of(table)
    known = Known(query, index)
    found = []
    for name_id in candidates(known, index).tolist():
        scored = score(query, name_tokens(table, name_id), known, explain=False)
        if scored is not None and scored.score >= minimum:
            found.append((name_id, scored))
    return found


def explain(query: QueryName, table: NameTable, name_id: int) -> NameScore | None:
    """The score of one listed name with its evidence."""
    return score(query, name_tokens(table, name_id), Known(query, index_of(table)))
