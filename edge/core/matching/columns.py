"""Tokens joined one to one and the score, for many listed names of one width (laws in ``batch``)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edge.core.matching.likes import SPLIT_EXACT, SPLIT_SOUND
from edge.core.matching.scoring import (
    CONTRADICTS,
    DISTINCTIVE,
    LEFT_LISTED,
    LEFT_QUERY,
    ONE_TOKEN_MIN,
    PATRONYMIC_SHARE,
    WEAK_WEIGHT,
    NameScore,
    cut_away,
)
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import COUNTS, SAME, SIMILARITY, UNIT, Ids

EXACT_CUTS = np.uint64(0xAAAA_AAAA_AAAA_AAAA)  # the odd bits of ``vocabulary.Side.cuts``
EARLIER = np.tri(32, k=-1, dtype=np.bool_)      # [place, place before it]
HALF = 5e-5                                     # scores are rounded to four decimals

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def score_rows(units: Units, names: Ids, tokens: Ids, floors: Floats) -> Iterator[tuple[int, NameScore]]:
    """(number of the row, score) of those that reach their floor; ``tokens`` is a row of token ids a name, filled up
    with the vocabulary's size."""
    rows = _Rows(units, names, tokens)
    rows.pairs()
    if units.joins:
        rows.join()
    if units.apart:
        rows.split()
    return rows.scores(floors)


class _Rows:
    """The state of the joining: what is used, what it gained."""

    def __init__(self, units: Units, names: Ids, tokens: Ids) -> None:
        index = units.index
        self.units, self.names, self.tokens = units, names, tokens
        self.single = index.single[names]
        self.numbers = units.numbers(tokens)
        self.weights = index.weights.take(tokens)
        self.strong = self.weights > WEAK_WEIGHT
        self.weighs = self.strong.any(axis=1)
        count, width = tokens.shape
        self.joined, self.gained = np.zeros(count), np.zeros(count)
        self.used_query = np.zeros((count, units.size), dtype=bool)
        self.used_listed = tokens >= index.table.n_tokens
        self.agreed = np.zeros((count, width), dtype=bool)
        self.stands = np.ones(count, dtype=bool)  # records of one token: what weighs is the same token

    def _take(self, live: Bools, weight: Floats, similarity: Floats) -> None:
        self.joined = np.where(live, self.joined + weight, self.joined)
        self.gained = np.where(live, self.gained + weight * similarity, self.gained)

    def pairs(self) -> None:
        """The best pair first, then the best of what is free."""
        codes = np.ascontiguousarray(self.units.codes.take(self.numbers, axis=1).transpose(1, 0, 2))
        count, size, width = codes.shape
        every = np.arange(count)
        similarities = (codes & SIMILARITY) / UNIT
        weights = (np.array(self.units.weights)[:, None] + self.weights[:, None, :]) / 2
        order = similarities * (1 + weights)
        for _ in range(min(size, width)):
            at = order.reshape(count, -1).argmax(axis=1)
            unit, place = at // width, at % width
            live = order[every, unit, place] > 0
            if not live.any():
                return
            code, similarity = codes[every, unit, place], similarities[every, unit, place]
            self._take(live, weights[every, unit, place], similarity)
            counts, same = (code & COUNTS) > 0, (code & SAME) > 0
            self.used_query[every, unit] |= live
            self.used_listed[every, place] |= live
            self.agreed[every, place] |= live & counts
            bad = ~same | (similarity < ONE_TOKEN_MIN) | (self.weighs & ~counts)
            self.stands &= ~(live & bad & (self.strong[every, place] | ~self.weighs))
            order[every, unit, :] = 0
            order[every, :, place] = 0

    def join(self) -> None:
        """Two free tokens of the traveller written together, in the order ``scoring`` tries them."""
        for unit, column in self.units.joins:
            codes = column.take(self.numbers)
            for place in range(codes.shape[1]):
                code = codes[:, place]
                live = (code > 0) & ~self.used_listed[:, place]
                live &= ~self.used_query[:, unit] & ~self.used_query[:, unit + 1]
                if live.any():
                    similarity = (code & SIMILARITY) / UNIT
                    self._take(live, np.maximum(self.weights[:, place], self.units.weights[unit]), similarity)
                    self.used_query[:, unit] |= live
                    self.used_query[:, unit + 1] |= live
                    self._listed(live, (place,), similarity)

    def split(self) -> None:
        """A free token of the traveller that is two free listed ones."""
        for place in range(self.tokens.shape[1] - 1):
            for unit, left, right in self.units.apart:
                meet = left.take(self.numbers[:, place]) & right.take(self.numbers[:, place + 1])
                live = (meet > 0) & ~self.used_query[:, unit]
                live &= ~self.used_listed[:, place] & ~self.used_listed[:, place + 1]
                if live.any():
                    similarity = np.where(meet & EXACT_CUTS, SPLIT_EXACT, SPLIT_SOUND)
                    self._take(live, np.maximum(self.units.weights[unit], self.weights[:, place]), similarity)
                    self.used_query[:, unit] |= live
                    self._listed(live, (place, place + 1), similarity)

    def _listed(self, live: Bools, places: tuple[int, ...], similarity: Floats) -> None:
        heavy = ~self.weighs
        for place in places:
            self.used_listed[:, place] |= live
            self.agreed[:, place] |= live
            heavy = heavy | self.strong[:, place]
        self.stands &= ~(live & heavy & (similarity < ONE_TOKEN_MIN))

    def scores(self, floors: Floats) -> Iterator[tuple[int, NameScore]]:
        """What came of it."""
        units = self.units
        losses, heavy_left = np.zeros(len(self.names)), np.zeros(len(self.names), dtype=bool)
        for unit, weight in enumerate(units.weights):
            if not cut_away(units.query, unit):
                free = ~self.used_query[:, unit]
                losses = np.where(free, losses + weight, losses)
                heavy_left |= free & (weight > WEAK_WEIGHT)
        losses = np.where(self.single, 0.0, LEFT_QUERY * losses)
        if not units.query.cut:
            left = units.index.left_weights.take(self.tokens)
            after = units.index.son_of[self.tokens[:, :-1]] & ~heavy_left[:, None]
            left[:, 1:] = np.where(after, left[:, 1:] * PATRONYMIC_SHARE, left[:, 1:])
            listed = np.zeros(len(self.names))
            for place in range(self.tokens.shape[1]):
                listed = np.where(self.used_listed[:, place], listed, listed + left[:, place])
            losses = losses + LEFT_LISTED * listed
            losses = losses + np.where(self.used_listed[:, 0], 0.0, units.index.leading[self.tokens[:, 0]])
            contradict = heavy_left & (self.strong & ~self.used_listed).any(axis=1) & ~self.single
            losses = np.where(contradict, losses * CONTRADICTS, losses)
        self.agreed &= self.strong
        agreeing = _distinct(self.agreed, self.tokens)
        enough = np.where(self.single, self.used_listed.all(axis=1) & self.stands, agreeing >= 2) & (self.joined > 0)
        raw = np.divide(self.gained, self.joined + losses, out=np.zeros(len(self.names)), where=enough)
        complete: Bools = np.logical_not((self.strong & ~self.used_listed).any(axis=1))
        if units.query.cut:
            complete[:] = True
        reached = np.flatnonzero(enough & (raw >= floors - 2 * HALF))
        distinctive = _distinct(self.agreed & (self.weights >= DISTINCTIVE), self.tokens)
        facts = zip(
            reached.tolist(), raw[reached].tolist(), floors[reached].tolist(), agreeing[reached].tolist(),
            distinctive[reached].tolist(), self.single[reached].tolist(), complete[reached].tolist(),
            heavy_left[reached].tolist(), strict=True,
        )  # fmt: skip
        for row, found, floor, agree, heavy, single, whole, left_heavy in facts:
            value = round(min(1.0, found), 4)
            if value >= floor:
                yield row, NameScore(value, agree, heavy, single, whole, not left_heavy, ())


def _distinct(flags: Bools, tokens: Ids) -> Ids:
    """How many different tokens are flagged, row by row."""
    same = tokens[:, :, None] == tokens[:, None, :]
    same &= EARLIER[: tokens.shape[1], : tokens.shape[1]]
    same &= flags[:, None, :]
    found: Ids = (flags & ~same.any(axis=2)).sum(axis=1)
    return found
