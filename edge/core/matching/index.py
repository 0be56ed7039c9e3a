"""One list prepared for questions by name: what its tokens weigh, which names have one token, who was born when."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from edge.core.matching.births import Births
from edge.core.matching.bits import WORD, Words, contain, gathered, packed, words_of
from edge.core.matching.common import common_names, common_skeletons
from edge.core.matching.likes import COMMON_WEIGHT, FLOOR_NAMES, Known, NameTable, Single, left_share, token_weight
from edge.core.matching.scoring import DISTINCTIVE, LEADING_EXTRA, SON_OF, WEAK_WEIGHT, QueryName
from edge.core.matching.vocabulary import Ids, Vocabulary
from edge.core.names import WEAK
from edge.core.watch.entries import QUALITIES
from edge.core.watch.layout import skeleton_hash

MAX_KEPT = 12 << 20    # bytes of sets that are kept for the travellers' tokens asked last
FLAGS_FROM = 4096      # postings from which a set is made by way of flags
KEPT_FROM = 8192       # and from which it is worth keeping
FEW, MAX_FEW = 512, 4096  # of so few names their numbers are kept, for so many tokens: 8 MB at worst
COMMONEST = 64         # listed tokens whose own sets are kept, if they have so many postings
MANY = 1.0             # bearers of a name that a list holds by chance, from which it is no rare one
ROUNDING = 1e-9
BLOCK = 1 << 16        # names looked at in one go while opening
COMMON_SHARE = 10 ** (-3 * COMMON_WEIGHT)  # of all names, that hold a common token
PRIMARY = QUALITIES.index("primary")


class NameIndex:
    """Everything that is derived from a list's table once, when it is opened.

    By token id, and once more for "no token here": ``weights``, ``left_weights``, ``leading`` (f8, what a token in
    front costs more), ``son_of`` (bool); ``slot`` (i32) is the scratch of ``Units``, all zero between questions. By
    name id: ``single`` (bool): at most one distinct token weighs; ``alone`` (bool): so it is with every name that the
    person is listed under. Sets of names: ``several`` are not ``single``, ``again`` hold a token twice, ``rare`` hold
    all of which ``namesakes_expected`` says less than ``MANY``, and few more.
    """

    def __init__(self, table: NameTable) -> None:
        self.table = table
        self.vocabulary = Vocabulary(table)
        self.weights = np.append(self._weights(), 0.0)
        shares = np.array([left_share(w) for w in self.vocabulary.words] + [0.0])
        self.left_weights = self.weights * shares
        self.leading = np.where(self.weights >= DISTINCTIVE, LEADING_EXTRA * self.left_weights, 0.0)
        self.son_of = np.zeros(table.n_tokens + 1, dtype=np.bool_)
        self.son_of[[i for i in map(table.token_id, SON_OF) if i is not None]] = True
        self.births = Births(table)
        self.words = words_of(table.n_names)
        self._flags = np.zeros(self.words * WORD, dtype=np.bool_)  # all False between questions
        self.single, keys, rare = self._scan()
        self._flags[: table.n_names] = ~self.single
        self.several = packed(self._flags)
        self._flags[: table.n_names] = rare
        self.rare = packed(self._flags)
        self._flags.fill(False)
        self.again = gathered(self._again(), self.words)
        self.alone = self._alone()
        # tokens a name: one byte is compared faster than two offsets are fetched
        self._sizes: npt.NDArray[np.uint8] = np.minimum(np.diff(table.name_offsets), 255).astype(np.uint8)
        self._single_names, self._single_offsets = self._single_postings(keys)
        self.slot = np.zeros(table.n_tokens + 1, dtype=np.int32)
        self._kept: OrderedDict[tuple[str, ...], Words] = OrderedDict()
        self._known: tuple[QueryName, Known] | None = None
        self._few: OrderedDict[tuple[str, ...], npt.NDArray[np.uint32]] = OrderedDict()
        self._common: dict[int, Words] = {}
        commonest = np.sort(table.token_counts)[-COMMONEST:]
        self._common_from = max(KEPT_FROM, int(commonest.min(initial=0)))

    @property
    def clean(self) -> bool:
        """True if all scratch is zero, as it is between questions."""
        return not self.slot.any() and not self._flags.any()

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

    def _scan(self) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.uint32], npt.NDArray[np.bool_]]:
        """Flags for names whose tokens that weigh are one and the same, or none; of each such name that token, or its
        first; flags for ``rare``."""
        table = self.table
        single, keys = np.zeros(table.n_names, dtype=np.bool_), []
        rare, shares = np.zeros(table.n_names, dtype=np.bool_), self._shares()
        least = math.log(MANY / max(table.n_names, FLOOR_NAMES)) + ROUNDING
        none = np.iinfo(np.uint32).max
        for at in range(0, table.n_names, BLOCK):
            offsets = table.name_offsets[at : at + BLOCK + 1].astype(np.int64)
            tokens, starts = table.name_tokens[offsets[0] : offsets[-1]], offsets[:-1] - offsets[0]
            strong = self.weights.take(tokens) > WEAK_WEIGHT
            lowest = np.minimum.reduceat(np.where(strong, tokens, np.uint32(none)), starts)
            highest = np.maximum.reduceat(np.where(strong, tokens, np.uint32(0)), starts)
            one = (lowest == none) | (lowest == highest)
            single[at : at + BLOCK] = one
            rare[at : at + BLOCK] = np.add.reduceat(shares.take(tokens), starts) < least
            keys.append(np.where(lowest == none, tokens[starts], lowest)[one])
        return single, np.concatenate(keys) if keys else np.empty(0, dtype=np.uint32), rare

    def _shares(self) -> npt.NDArray[np.float64]:
        """By token id: the logarithm of its factor in ``namesakes_expected``."""
        often = np.maximum(self.table.token_counts, 1) / max(self.table.n_names, FLOOR_NAMES)
        weights = self.weights[:-1]
        often = np.where(weights <= COMMON_WEIGHT, np.maximum(often, COMMON_SHARE), often)
        found: npt.NDArray[np.float64] = np.where(weights > WEAK_WEIGHT, np.log(often), 0.0)
        return found

    def _again(self) -> Ids:
        """Names that hold a token twice."""
        table, found = self.table, []
        for at in range(0, table.n_names, BLOCK):
            offsets = table.name_offsets[at : at + BLOCK + 1].astype(np.int64)
            owners = np.repeat(np.arange(at, at + len(offsets) - 1, dtype=np.uint64), np.diff(offsets))
            held = np.sort(owners << np.uint64(32) | table.name_tokens[offsets[0] : offsets[-1]])
            found.append(held[1:][held[1:] == held[:-1]] >> np.uint64(32))
        return np.concatenate(found).astype(np.int64) if found else np.empty(0, dtype=np.int64)

    def _alone(self) -> npt.NDArray[np.bool_]:
        """Names whose person is listed under one token: by every primary name, or by every name if none is."""
        table = self.table
        if not table.n_names:
            return np.zeros(0, dtype=np.bool_)
        starts = np.flatnonzero(np.diff(table.name_persons.view(np.int32), prepend=-1))
        primary = table.name_qualities == PRIMARY
        of_primary = np.logical_and.reduceat(self.single | ~primary, starts)
        found = np.where(
            np.logical_or.reduceat(primary, starts), of_primary, np.logical_and.reduceat(self.single, starts)
        )
        alone: npt.NDArray[np.bool_] = np.repeat(found, np.diff(starts, append=table.n_names))
        return alone

    def _single_postings(self, keys: npt.NDArray[np.uint32]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
        """Names of ``single`` by their key, and offsets by token id."""
        names = np.flatnonzero(self.single).astype(np.uint32)
        held = np.bincount(keys, minlength=self.table.n_tokens)
        return names[np.argsort(keys, kind="stable")], np.append(0, np.cumsum(held)).astype(np.uint32)

    def single_names(self, token_ids: Ids) -> npt.NDArray[np.uint32]:
        """The names of one token whose token that weighs (their first, if none does) is one of these."""
        first, last = self._single_offsets[token_ids], self._single_offsets[token_ids + 1]
        some = np.flatnonzero(first < last)
        held = [self._single_names[a:b] for a, b in zip(first[some].tolist(), last[some].tolist(), strict=True)]
        return np.concatenate(held) if held else self._single_names[:0]

    def holders(self, key: tuple[str, ...], ids: Ids) -> Words:
        """The set of the names that hold one of these tokens; kept under ``key``, unless that is empty."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        few = self._few.get(key)
        if few is not None:
            return gathered(few, self.words)
        common = ids[self.table.token_counts[ids] >= self._common_from].tolist()
        if not common:
            held = self.table.holders(ids)
            found = self._set(held)
            if len(held) >= KEPT_FROM:
                return self._keep(key, found)
            self._keep_few(key, held)
            return found
        found = self._set(self.table.holders(ids[self.table.token_counts[ids] < self._common_from]))
        for token in common:
            found |= self._common_set(token)
        return self._keep(key, found)

    def _common_set(self, token_id: int) -> Words:
        found = self._common.get(token_id)
        if found is None:
            found = self._common[token_id] = self._set(self.table.postings(token_id))
        return found

    def same_tokens(self, tokens: tuple[int, ...], most: int) -> Ids:
        """The names of exactly these tokens (ids, sorted, with repeats), among the first ``most`` of the rarest one."""
        table = self.table
        rarest, *others = sorted(set(tokens), key=lambda token: int(table.token_counts[token]))
        names = table.postings(rarest)[:most]
        names = names[self._sizes.take(names) == len(tokens)]
        for token in others:
            if table.token_counts[token] >= self._common_from:
                names = names[contain(self._common_set(token), names)]
            else:
                held = table.postings(token)
                names = names[held[np.minimum(np.searchsorted(held, names), len(held) - 1)] == names]
        places = table.name_offsets[names].astype(np.int64)[:, None] + np.arange(len(tokens))
        rows = np.sort(table.name_tokens[places], axis=1)
        found: Ids = names[(rows == np.array(tokens, dtype=rows.dtype)).all(axis=1)].astype(np.int64)
        return found

    def both(self, key: tuple[str, ...], left: Ids, right: Ids) -> npt.NDArray[np.uint32]:
        """The names that hold one of the left tokens and one of the right ones, in no order; kept under ``key``."""
        few = self._few.get(key)
        if few is None:
            counts = self.table.token_counts
            if int(counts[left].sum()) > int(counts[right].sum()):
                left, right = right, left
            few = self.table.holders(left)
            if len(few):
                few = few[contain(self.holders((), right), few)]
            self._keep_few(key, few)
        return few

    def _keep_few(self, key: tuple[str, ...], held: npt.NDArray[np.uint32]) -> None:
        if key and len(held) <= FEW:
            self._few[key] = held
            while len(self._few) > MAX_FEW:
                self._few.popitem(last=False)

    def _set(self, held: npt.NDArray[np.uint32]) -> Words:
        if len(held) < FLAGS_FROM:
            return gathered(held, self.words)
        self._flags[held] = True
        found = packed(self._flags)
        self._flags.fill(False)
        return found

    def twice(self, key: tuple[str, ...], ids: Ids) -> Words:
        """The set of the names that hold two of these tokens, or one of them twice, or any other token twice."""
        found = self._kept.get(key)
        if found is None:
            often = self.table.token_counts[ids] >= self._common_from
            held = np.sort(self.table.holders(ids[~often]))
            once, found = self._set(held), self.again | gathered(held[1:][held[1:] == held[:-1]], self.words)
            for token in ids[often].tolist():
                found |= once & self._common_set(token)
                once |= self._common_set(token)
            self._keep(key, found)
        return found

    def _keep(self, key: tuple[str, ...], found: Words) -> Words:
        if key:
            self._kept[key] = found
            while len(self._kept) * found.nbytes > MAX_KEPT:
                self._kept.popitem(last=False)
        return found

    def flat(self, names: Ids) -> tuple[Ids, Ids]:
        """The token ids of these names in one row, and where each name begins in it."""
        first = self.table.name_offsets[names].astype(np.int64)
        sizes = self.table.name_offsets[names + 1] - first
        starts = np.cumsum(sizes) - sizes
        places = np.arange(sizes.sum()) + np.repeat(first - starts, sizes)
        return self.table.name_tokens[places].astype(np.int64), starts

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
        ids = [(t, self.vocabulary.id(t)) for t in query.tokens]
        return [float(self.weights[i]) if i is not None else token_weight(t, 1, self.table.n_names) for t, i in ids]

    def known(self, query: QueryName) -> Known:
        """The rules for one question and this list; those of the last question are kept."""
        if self._known is None or self._known[0] != query:
            weights = self.query_weights(query)
            self._known = query, _Known(query, self.vocabulary.words, self.weights, weights)
        return self._known[1]

    def tokens(self, name_id: int) -> list[int]:
        """Token ids of one listed name, in order."""
        first, last = int(self.table.name_offsets[name_id]), int(self.table.name_offsets[name_id + 1])
        found: list[int] = self.table.name_tokens[first:last].tolist()
        return found


class _Known(Known):
    """``Known`` that asks every pair once: the names that are explained to one traveller share their tokens."""

    def __init__(self, *asked: Any) -> None:
        super().__init__(*asked)
        self._pairs: dict[tuple[int, int], Single | None] = {}

    def single(self, unit: int, token_id: int) -> Single | None:
        key = unit, token_id
        if key not in self._pairs:
            self._pairs[key] = super().single(unit, token_id)
        return self._pairs[key]


_indexes: WeakKeyDictionary[Any, NameIndex] = WeakKeyDictionary()


def index_of(table: NameTable) -> NameIndex:
    """The prepared index of a table; made once, dropped with the table."""
    found = _indexes.get(table)
    if found is None:
        found = _indexes[table] = NameIndex(table)
    return found
