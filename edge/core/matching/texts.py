"""Two names scored without a list: the same rules, weights from the built-in table alone."""

from __future__ import annotations

from edge.core import names
from edge.core.matching.likes import known_of
from edge.core.matching.scoring import NameScore, QueryName, score


def score_texts(query: QueryName, listed: str) -> NameScore | None:
    """The best score of ``query`` against any rendering of ``listed``; None if too little agrees."""
    best: NameScore | None = None
    for tokens in names.renderings(listed):
        known, ids = known_of(query, tokens)
        found = score(query, ids, known)
        if found is not None and (best is None or found.score > best.score):
            best = found
    return best
