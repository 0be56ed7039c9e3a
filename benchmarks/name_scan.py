"""The full scan that candidate search is held to: every name of the list, no postings, no bound on the score.

``full_scan`` scores every name that holds two tokens like the traveller's (one, for records of one token): with
fewer there is no score. ``wrong_born`` holds the search by birth date to it. ``wrong_tokens`` compares a token with
every token of the vocabulary by the rule itself.
"""

from __future__ import annotations

import numpy as np

from edge.core.matching import QueryName, explain, index_of, search_born
from edge.core.matching.batch import WIDTHS
from edge.core.matching.columns import score_rows
from edge.core.matching.likes import alike
from edge.core.matching.scoring import score
from edge.core.matching.units import Units
from edge.core.matching.vocabulary import code_of
from edge.core.screening import Query
from edge.core.screening.by_person import Thresholds, floors, rare_enough
from edge.core.screening.qualifiers import Birth, compare_births
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


def wrong_born(query: Query, table: PersonTable) -> int:
    """Names that ``search_born`` leaves out, scores otherwise or tells below their floor, by every name's own dates."""
    if query.birth is None:
        raise ValueError("a question without a birth date")
    limits, index = floors(query, Thresholds()), index_of(table)
    quick = {h.name_id: h.score.score for h in search_born(query.name, query.birth, table, limits)}
    least = {
        Birth.EXACT: limits.equal, Birth.SWAPPED: limits.near, Birth.OVERLAPS: limits.near,
        Birth.CONTRADICTS: limits.contradicting,
    }  # fmt: skip
    wrong = 0
    scanned = full_scan(query.name, table, limits.equal)
    for name, scored in scanned.items():
        rule, _ = compare_births(query.birth, table.person(int(table.name_persons[name])).births)
        if index.single[name]:
            due = rule is not Birth.CONTRADICTS and (query.name.strong <= 1 or bool(index.alone[name]))
        else:
            due = scored >= least.get(rule, limits.unsure)
        if due and rule is Birth.CONTRADICTS:
            explained = explain(query.name, table, name)
            enough = explained and (explained.agreeing >= 3 or (explained.agreeing == 2 and explained.distinctive))
            due = bool(enough) and rare_enough(table, name)
        wrong += quick.get(name) != scored if due else quick.get(name, scored) != scored
    return wrong + len(quick.keys() - scanned.keys())


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
