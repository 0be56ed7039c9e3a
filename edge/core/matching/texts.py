"""Two names scored without a list: the same rules, weights from the built-in table alone."""

from __future__ import annotations

from edge.core import names
from edge.core.matching.likes import (
    as_joined,
    cut_likeness,
    half_ids,
    halves,
    split_of,
    token_weight,
)
from edge.core.matching.pairs import Likeness, pair
from edge.core.matching.scoring import NameScore, QueryName, score


class _Words:
    """The tokens of one name as a vocabulary."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def token(self, token_id: int) -> str:
        return self.words[token_id]


class _Known:
    """``scoring.Likenesses`` computed pair by pair."""

    def __init__(self, query: QueryName, words: list[str]) -> None:
        self._query, self._words = query, words

    def single(self, unit: int, token_id: int) -> tuple[Likeness, bool] | None:
        token, listed = self._query.tokens[unit], self._words[token_id]
        likeness = pair(token, listed)
        found = (likeness, len(token) > 1 and token not in names.WEAK) if likeness.similarity else None
        if found is None and len(listed) == 1 and len(token) > 1 and token[0] == listed:
            found = (Likeness(0.75, "initial"), False)
        cut = cut_likeness(self._query, unit)
        better = found is None or (cut is not None and found[0].similarity < cut.similarity)
        if cut is not None and listed.startswith(token) and better:
            return cut, len(token) >= 3
        return found

    def joined(self, first: int, token_id: int) -> Likeness | None:
        a, b = self._query.tokens[first], self._query.tokens[first + 1]
        if len(a) < 2 or len(b) < 2:
            return None
        likeness = pair(a + b, self._words[token_id])
        return as_joined(likeness) if likeness.similarity else None

    def split(self, unit: int, left: int, right: int) -> Likeness | None:
        table = _Words(self._words)
        for a, b in halves(self._query.tokens[unit]):
            first = half_ids(a, range(len(self._words)), table)
            second = half_ids(b, range(len(self._words)), table)
            if left in first and right in second:
                return split_of(a, first, b, second, table).likeness
        return None

    def query_weight(self, unit: int) -> float:
        return token_weight(self._query.tokens[unit], 1, 0)

    def weight(self, token_id: int) -> float:
        return token_weight(self._words[token_id], 1, 0)

    def token(self, token_id: int) -> str:
        return self._words[token_id]


def score_texts(query: QueryName, listed: str) -> NameScore | None:
    """The best score of ``query`` against any rendering of ``listed``; None if too little agrees."""
    best: NameScore | None = None
    for tokens in names.renderings(listed):
        words = sorted(set(tokens))
        found = score(query, [words.index(t) for t in tokens], _Known(query, words))
        if found is not None and (best is None or found.score > best.score):
            best = found
    return best
