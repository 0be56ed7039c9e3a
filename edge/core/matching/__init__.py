"""Names against lists of names: pairs of tokens, scores with their reasons, candidates without loss."""

from __future__ import annotations

from edge.core.matching.index import index_of
from edge.core.matching.pairs import Likeness, pair
from edge.core.matching.scoring import NEAR_EXACT, NameScore, QueryName, score
from edge.core.matching.search import Floors, explain, search, search_born
from edge.core.matching.texts import score_texts

__all__ = [
    "NEAR_EXACT", "Floors", "Likeness", "NameScore", "QueryName", "explain", "index_of", "pair", "score", "score_texts",
    "search", "search_born",
]
