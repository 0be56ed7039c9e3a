"""A traveller's tokens laid out over a list's vocabulary, so that many names are scored by look-ups alone.

The listed tokens that are like any of the traveller's are numbered from 1 for the time of the question (``slot``), and
what is known of them stands in small tables by that number; number 0 is every other token.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.core.matching.index import NameIndex
from edge.core.matching.likes import cut_counts, cut_likeness
from edge.core.matching.scoring import LEFT_LISTED, LEFT_QUERY, QueryName, cut_away
from edge.core.matching.vocabulary import SIMILARITY, SPLIT_BEST, UNIT, Alike, Ids, Side, Splits, code_of

Floats = npt.NDArray[np.float64]


class Units:
    """One question and one list. As a context it holds the list's scratch; leaving it clears that."""

    def __init__(self, query: QueryName, index: NameIndex) -> None:
        self.query, self.index = query, index
        self.known = index.known(query)
        self.size = len(query.tokens)
        self.weights = [self.known.query_weight(u) for u in range(self.size)]
        self.loss = [0.0 if cut_away(query, u) else LEFT_QUERY * w for u, w in enumerate(self.weights)]
        self.listed_loss = 0.0 if query.cut else LEFT_LISTED
        words = index.vocabulary
        self.alike = [self._with_beginnings(u, words.alike(t)) for u, t in enumerate(query.tokens)]
        self.joined = [words.joined(a, b) for a, b in zip(query.tokens, query.tokens[1:], strict=False)]
        self.splits: list[Splits | None] = [words.splits(t) for t in query.tokens]
        self.pairs = [self._pair(u, a) for u, a in enumerate(self.alike)]
        self.joints = [self._joint(u, a) for u, a in enumerate(self.joined)]

    def _with_beginnings(self, unit: int, found: Alike) -> Alike:
        likeness = cut_likeness(self.query, unit)
        if likeness is None:
            return found
        token = self.query.tokens[unit]
        low, high = self.index.vocabulary.prefix(token)
        codes = np.zeros(high - low, dtype=np.uint16)
        inside = (found.ids >= low) & (found.ids < high)
        codes[found.ids[inside] - low] = found.codes[inside]
        better = np.uint16(code_of(likeness, counts=cut_counts(token)))
        codes[(codes & SIMILARITY) < (better & SIMILARITY)] = better
        ids = np.concatenate([found.ids[~inside], np.arange(low, high)])
        return Alike(ids, np.concatenate([found.codes[~inside], codes]))

    def __enter__(self) -> Units:
        """Number the tokens and lay the tables out, by number: ``codes`` (u16, a row a unit), ``joins`` (first unit,
        codes), ``apart`` (unit, bits of left halves, bits of right ones), and ``worth``, ``price``: joining a pair
        adds ``worth - floor * price`` to ``gained - floor * (joined + loss)``, a row a unit, then a row a joint."""
        joins = [(u, a) for u, a in enumerate(self.joined) if len(a.ids)]
        apart = [(u, s) for u, s in enumerate(self.splits) if s is not None]
        ids = [a.ids for a in self.alike] + [a.ids for _, a in joins] + [side.ids for _, s in apart for side in s]
        tokens = np.unique(np.concatenate(ids))
        slot = self._slot = self.index.slot
        slot[tokens] = np.arange(1, len(tokens) + 1, dtype=np.int32)
        self._tokens, count = tokens, len(tokens) + 1
        codes = np.zeros((self.size + len(joins), count), dtype=np.uint16)
        self.worth, self.price = np.zeros(codes.shape), np.zeros(codes.shape)
        self.left = np.append(0.0, self.index.left_weights[tokens])
        for row, found in enumerate((*self.alike, *(a for _, a in joins))):
            at = slot[found.ids]
            codes[row, at] = found.codes
            worth, price = self.pairs[row] if row < self.size else self.joints[joins[row - self.size][0]]
            self.worth[row, at], self.price[row, at] = worth, price - self.listed_loss * self.left[at]
        self.codes = codes[: self.size]
        self.joins = [(u, codes[self.size + at]) for at, (u, _) in enumerate(joins)]
        self.apart = [(u, self._bits(s.left, count), self._bits(s.right, count)) for u, s in apart]
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the scratch as it was found: all zero."""
        self._slot[self._tokens] = 0

    def _bits(self, side: Side, count: int) -> npt.NDArray[np.uint64]:
        bits = np.zeros(count, dtype=np.uint64)
        bits[self._slot[side.ids]] = side.cuts
        return bits

    def numbers(self, tokens: Ids) -> npt.NDArray[np.int32]:
        """The numbers of listed tokens."""
        return self._slot.take(tokens)

    def _pair(self, unit: int, found: Alike) -> tuple[Floats, Floats]:
        """Worth and price of joining a unit and these tokens, listed tokens left over being free."""
        weight = (self.weights[unit] + self.index.weights.take(found.ids)) / 2
        return weight * ((found.codes & SIMILARITY) / UNIT), weight - self.loss[unit]

    def _joint(self, first: int, found: Alike) -> tuple[Floats, Floats]:
        """The same for listed tokens and two of the traveller's written together."""
        weight = np.maximum(self.index.weights.take(found.ids), self.weights[first])
        return weight * ((found.codes & SIMILARITY) / UNIT), weight - self.loss[first] - self.loss[first + 1]

    def split_gain(self, unit: int, floor: Floats, listed_loss: float) -> Floats:
        """The most that two listed tokens add that are one of the traveller's."""
        gain: Floats = np.maximum(0.0, SPLIT_BEST - floor) + floor * (self.loss[unit] + 2 * listed_loss)
        return gain
