"""The full scan that candidate search is held to: every name of the list, no postings, no bound on the score.

``full_scan`` scores every name that holds two tokens like the traveller's (one, for records of one token): with
fewer there is no score. ``wrong_tokens`` compares a token with every token of the vocabulary by the rule itself.
"""

from __future__ import annotations

import numpy as np

from edge.core.matching import QueryName, index_of
from edge.core.matching.batch import WIDTHS
from edge.core.matching.columns import score_rows
from edge.core.matching.likes import alike
from edge.core.matching.scoring import score
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import code_of
from edge.core.watch import PersonTable

ROWS = 20_000


def full_scan(query: QueryName, table: PersonTable, minimum: float) -> dict[int, float]:
    """Scores of all names that reach ``minimum``, by name id."""
    index = index_of(table)
    found: dict[int, float] = {}
    starts = table.name_offsets[:-1].astype(np.int64)
    sizes = np.diff(table.name_offsets).astype(np.int64)
    with Units(query, index) as units:
        held = np.add.reduceat(units.numbers(table.name_tokens) > 0, starts, dtype=np.int64)
        names = np.flatnonzero((held >= 2) | (index.single & (held > 0)))
        for at in range(0, len(names), ROWS):
            some, last = names[at : at + ROWS], 0
            for width in WIDTHS:
                rows = some[(sizes[some] > last) & (sizes[some] <= width)]
                inside = np.arange(width) < sizes[rows, None]
                places = np.where(inside, starts[rows, None] + np.arange(width), 0)
                tokens = np.where(inside, table.name_tokens[places].astype(np.int64), table.n_tokens)
                floors = np.full(len(rows), minimum)
                scored_rows = score_rows(units, rows, tokens, floors) if len(rows) else ()
                found |= {int(rows[at]): s.score for at, s in scored_rows}
                last = width
            for name in some[sizes[some] > last].tolist():
                scored = score(query, index.tokens(name), units.known, explain=False)
                if scored is not None and scored.score >= minimum:
                    found[name] = scored.score
    return found


def wrong_tokens(token: str, table: PersonTable) -> int:
    """Listed tokens that the vocabulary judges otherwise than the rule does; 0 is right."""
    vocabulary = index_of(table).vocabulary
    quick = vocabulary.alike(token)
    codes = dict(zip(quick.ids.tolist(), quick.codes.tolist(), strict=True))
    wrong = 0
    for at, word in enumerate(vocabulary.words):
        slow = alike(token, word)
        wrong += codes.get(at) != (None if slow is None else code_of(slow.likeness, counts=slow.counts))
    return wrong
