"""One list prepared for questions by name: what its tokens weigh, which names have one token, who was born when."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from edge.core.matching.births import Births
from edge.core.matching.common import common_names, common_skeletons
from edge.core.matching.likes import COMMON_WEIGHT, FLOOR_NAMES, Known, NameTable, left_share, token_weight
from edge.core.matching.scoring import DISTINCTIVE, LEADING_EXTRA, SON_OF, WEAK_WEIGHT, QueryName
from edge.core.matching.scratch import Columns, Seen
from edge.core.matching.vocabulary import Ids, Vocabulary
from edge.core.names import WEAK
from edge.core.watch.entries import QUALITIES
from edge.core.watch.layout import skeleton_hash

MAX_KEPT = 4_000_000   # postings that are kept together for the travellers' tokens asked last: 16 MB
COMMON_SHARE = 10 ** (-3 * COMMON_WEIGHT)  # of all names, that hold a common token
PRIMARY = QUALITIES.index("primary")


class NameIndex:
    """Everything that is derived from a list's table once, when it is opened.

    ``weights`` and ``left_weights`` (f8, by token id), ``leading`` (f8, what a token in front costs more);
    ``single`` (bool, by name id): at most one distinct token weighs; ``alone``
    (bool, by name id): so it is with every name that the person is listed under.
    """

    def __init__(self, table: NameTable) -> None:
        self.table = table
        self.vocabulary = Vocabulary(table)
        self.weights = self._weights()
        shares = np.array([left_share(w) for w in self.vocabulary.words])
        self.left_weights = self.weights * shares
        leading = np.where(self.weights >= DISTINCTIVE, LEADING_EXTRA * self.left_weights, 0.0)
        self.son_of = np.append(np.isin(self.vocabulary.words, sorted(SON_OF)), False)
        self.left_column = np.append(self.left_weights, 0.0).astype(np.float32)
        self.leading = np.append(leading, 0.0)
        self.births = Births(table)
        self.single = self._single()
        self.alone = self._alone()
        self._single_names, self._single_offsets = self._single_postings()
        self.single_counts = np.diff(self._single_offsets)
        self.weights_column = np.append(self.weights, 0.0).astype(np.float32)
        self.columns = Columns(table.n_tokens)
        self._kept: OrderedDict[str, npt.NDArray[np.uint32]] = OrderedDict()
        self._kept_size = 0
        self.seen = Seen(table.n_names)
        self.marks = np.zeros(table.n_names, dtype=np.uint8)  # scratch of ``candidates``, all zero between questions

    def _weights(self) -> npt.NDArray[np.float64]:
        table = self.table
        share = np.maximum(table.token_counts, 1) / max(table.n_names, FLOOR_NAMES)
        weights: npt.NDArray[np.float64] = np.round(np.clip(-np.log10(share) / 3, COMMON_WEIGHT, 1.0), 4)
        for name in common_names():
            if (found := table.token_id(name)) is not None:
                weights[found] = COMMON_WEIGHT
        for common in common_skeletons():
            weights[table.tokens_by_skeleton(skeleton_hash(common))] = COMMON_WEIGHT
        for weak in (*WEAK, *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
            if (found := table.token_id(weak)) is not None:
                weights[found] = WEAK_WEIGHT
        return weights

    def _single(self) -> npt.NDArray[np.bool_]:
        """Names whose tokens that weigh are one and the same, or none."""
        table = self.table
        if not table.n_names:
            return np.zeros(0, dtype=np.bool_)
        strong = self.weights[table.name_tokens] > WEAK_WEIGHT
        starts = table.name_offsets[:-1].astype(np.int64)
        none = np.iinfo(np.uint32).max
        lowest = np.minimum.reduceat(np.where(strong, table.name_tokens, none).astype(np.uint32), starts)
        highest = np.maximum.reduceat(np.where(strong, table.name_tokens, 0).astype(np.uint32), starts)
        one: npt.NDArray[np.bool_] = (lowest == none) | (lowest == highest)
        return one

    def _alone(self) -> npt.NDArray[np.bool_]:
        """Names whose person is listed under one token: by every primary name, or by every name if none is."""
        table = self.table
        if not table.n_names:
            return np.zeros(0, dtype=np.bool_)
        starts = table.person_names_offsets[:-1].astype(np.int64)
        starts = starts[np.diff(table.person_names_offsets) > 0]  # none has no name, unless the file is damaged
        primary = table.name_qualities == PRIMARY
        any_primary = np.logical_or.reduceat(primary, starts)
        of_primary = np.logical_and.reduceat(self.single | ~primary, starts)
        alone = np.where(any_primary, of_primary, np.logical_and.reduceat(self.single, starts))
        found: npt.NDArray[np.bool_] = np.repeat(alone, np.diff(np.append(starts, table.n_names)))
        return found

    def _single_postings(self) -> tuple[Ids, Ids]:
        """Names of ``single`` by token: names, and offsets by token id."""
        table, names = self.table, np.flatnonzero(self.single)
        starts = table.name_offsets[names].astype(np.int64)
        sizes = table.name_offsets[names + 1].astype(np.int64) - starts
        owners = np.repeat(names, sizes)
        places = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
        tokens = table.name_tokens[places].astype(np.int64)
        order = np.argsort(tokens, kind="stable")
        held = np.bincount(tokens, minlength=table.n_tokens)
        return owners[order], np.append(0, np.cumsum(held))

    def single_names(self, token_id: int) -> Ids:
        """Ids of the names of one token that hold this one."""
        first, last = self._single_offsets[token_id], self._single_offsets[token_id + 1]
        return self._single_names[first:last]

    def postings(self, key: str, ids: Ids) -> npt.NDArray[np.uint32]:
        """The names that hold one of these tokens, some told twice; kept under ``key`` for the next traveller."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        found = np.concatenate([self.table.postings(i) for i in ids.tolist()])
        if key:
            self._kept[key] = found
            self._kept_size += len(found)
            while self._kept_size > MAX_KEPT:
                self._kept_size -= len(self._kept.popitem(last=False)[1])
        return found

    def flat(self, names: Ids) -> tuple[Ids, Ids]:
        """The token ids of these names in one row, and where each name begins in it."""
        first = self.table.name_offsets[names].astype(np.int64)
        sizes = self.table.name_offsets[names + 1].astype(np.int64) - first
        starts = np.cumsum(sizes) - sizes
        tokens = self.table.name_tokens[np.arange(sizes.sum()) + np.repeat(first - starts, sizes)]
        return tokens.astype(np.int64), starts

    def namesakes_expected(self, name_id: int) -> float:
        """How many names of this list would hold the same tokens by chance alone, if tokens came together at random.

        A token is as frequent as on this list; a common one (``common``) at least as its weight says.
        """
        total, share = max(self.table.n_names, FLOOR_NAMES), 1.0
        for token in set(self.tokens(name_id)):
            weight = float(self.weights[token])
            if weight > WEAK_WEIGHT:
                often = max(1, int(self.table.token_counts[token])) / total
                share *= max(often, COMMON_SHARE) if weight <= COMMON_WEIGHT else often
        return total * share

    def query_weights(self, query: QueryName) -> list[float]:
        """What the traveller's tokens weigh on this list."""
        table = self.table
        ids = [(t, table.token_id(t)) for t in query.tokens]
        return [float(self.weights[i]) if i is not None else token_weight(t, 1, table.n_names) for t, i in ids]

    def known(self, query: QueryName) -> Known:
        """The rules for one question and this list."""
        return Known(query, self.vocabulary.words, self.weights, self.query_weights(query))  # type: ignore[arg-type]

    def tokens(self, name_id: int) -> list[int]:
        """Token ids of one listed name, in order."""
        first, last = int(self.table.name_offsets[name_id]), int(self.table.name_offsets[name_id + 1])
        found: list[int] = self.table.name_tokens[first:last].tolist()
        return found


_indexes: WeakKeyDictionary[Any, NameIndex] = WeakKeyDictionary()


def index_of(table: NameTable) -> NameIndex:
    """The prepared index of a table; made once, dropped with the table."""
    found = _indexes.get(table)
    if found is None:
        found = _indexes[table] = NameIndex(table)
    return found
