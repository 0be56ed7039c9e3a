"""A traveller's tokens laid out over a list's vocabulary, so that many names are scored by look-ups alone.

A column has one entry for every listed token and a last one, always zero, for "no token here".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.core.matching.index import NameIndex
from edge.core.matching.likes import cut_counts, cut_likeness
from edge.core.matching.scoring import LEFT_LISTED, LEFT_QUERY, QueryName, cut_away
from edge.core.matching.vocabulary import SIMILARITY, SPLIT_BEST, UNIT, Alike, Splits, code_of

Floats = npt.NDArray[np.float32]


class Units:
    """One question and one list. As a context it holds the list's columns; leaving it clears them."""

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
        """Lay the codes out."""
        columns = self.index.columns
        self.codes = [columns.lay(f"code {u}", np.uint16, a.ids, a.codes) for u, a in enumerate(self.alike)]
        self.joins = [
            (u, columns.lay(f"join {u}", np.uint16, a.ids, a.codes))
            for u, a in enumerate(self.joined) if len(a.ids)
        ]
        self.apart = [
            (u, columns.lay(f"left {u}", np.uint64, *s.left), columns.lay(f"right {u}", np.uint64, *s.right))
            for u, s in enumerate(self.splits) if s is not None
        ]
        ids = [a.ids for a in (*self.alike, *self.joined)]
        ids += [side.ids for s in self.splits if s is not None for side in s]
        every = np.concatenate(ids)
        self.any = columns.lay("any", np.uint8, every, np.ones(len(every), dtype=np.uint8))
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the columns as they were found: all zero."""
        self.index.columns.clear()

    def gains(self, floor: float) -> list[Floats]:
        """Columns of ``gain``."""
        return [
            self.index.columns.lay(f"gain {u}", np.float32, found.ids, self.gain(u, found, floor, self.listed_loss))
            for u, found in enumerate(self.alike)
        ]

    def gain(self, unit: int, found: Alike, floor: float, listed_loss: float) -> Floats:
        """What joining these listed tokens adds to ``gained - floor * (joined + loss)`` over leaving both; >= 0."""
        listed = self.index.weights[found.ids]
        return _over(found, (self.weights[unit] + listed) / 2, self.loss[unit] + self._freed(found, listed_loss), floor)

    def _freed(self, found: Alike, listed_loss: float) -> npt.NDArray[np.float64]:
        freed: npt.NDArray[np.float64] = listed_loss * self.index.left_weights[found.ids]
        return freed

    def joined_gain(self, first: int, floor: float, listed_loss: float) -> Floats:
        """The same for a listed token and two of the traveller's written together."""
        found = self.joined[first]
        listed = self.index.weights[found.ids]
        freed = self.loss[first] + self.loss[first + 1] + self._freed(found, listed_loss)
        return _over(found, np.maximum(listed, self.weights[first]), freed, floor)

    def split_gain(self, unit: int, floor: float, listed_loss: float) -> float:
        """The most that two listed tokens add that are one of the traveller's."""
        return max(0.0, SPLIT_BEST - floor) + floor * (self.loss[unit] + 2 * listed_loss)


def _over(found: Alike, weight: npt.NDArray[np.float64], freed: npt.NDArray[np.float64], floor: float) -> Floats:
    gain = weight * ((found.codes & SIMILARITY) / UNIT - floor) + floor * freed
    return np.maximum(gain, 0.0).astype(np.float32)
