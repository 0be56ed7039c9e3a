"""The listed names that reach a floor: all of them, the same as if every name were scored.

With a birth date a name is held to the floor that its person's dates call for: everybody whose date agrees is
looked at whatever the name (there are few); then the names are read that could belong to somebody whose date
is not known or is off by a slip of the pen; and, as strictly as ``Floors.contradicting`` says, those of
everybody else, because birth dates are forged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edge.core.documents import DateInterval
from edge.core.matching.batch import Hit, score_names
from edge.core.matching.candidates import (
    APART,
    Groups,
    candidates,
    candidates_born,
    single_candidates,
    union,
)
from edge.core.matching.index import index_of
from edge.core.matching.likes import NameTable
from edge.core.matching.scoring import NameScore, QueryName, score
from edge.core.matching.units import Units


@dataclass(frozen=True, slots=True)
class Floors:
    """The score a name must reach, 0..1: its person was born on the same day (``equal``; also all records of one
    token that do not contradict), overlaps or has day and month swapped (``near``), may be meant or has no known
    date (``unsure``), or contradicts it
    (then three tokens must agree, or two of which one is no common name)."""

    equal: float
    near: float
    unsure: float
    contradicting: float


def search(query: QueryName, table: NameTable, minimum: float) -> list[Hit]:
    """Every listed name that scores at least ``minimum``, without evidence, by rising id."""
    if not query.tokens or not table.n_names:
        return []
    with Units(query, index_of(table)) as units:
        names = union([candidates(units, minimum), single_candidates(units)], None)
        return _by_id(score_names(units, names, minimum))


def search_born(query: QueryName, birth: DateInterval | None, table: NameTable, floors: Floors) -> list[Hit]:
    """Every listed name that reaches its floor, by rising id. A name may be told by a lower floor than its person's
    dates call for. Records of one token are left out where the date contradicts, and a traveller of several names
    meets only those whose person has no longer name."""
    if not query.tokens or not table.n_names:
        return []
    index = index_of(table)
    with Units(query, index) as units:
        single = single_candidates(units)
        if query.strong > 1:
            single = single[index.alone[single]]
        if birth is None:
            several = candidates(units, floors.unsure)
            return _by_id(score_names(units, several, floors.unsure) + score_names(units, single, floors.equal))
        groups, hits = Groups(index, birth), list[Hit]()
        equal = index.seen.new(np.concatenate([index.births.equal(birth), single[groups.of(single) != APART]]))
        born = candidates_born(units, groups, (floors.near, floors.unsure, floors.contradicting))
        hits += score_names(units, equal, floors.equal)
        hits += score_names(units, index.seen.new(born.near), floors.near)
        hits += score_names(units, index.seen.new(born.unsure), floors.unsure)
        apart = score_names(units, index.seen.new(born.apart), floors.contradicting)
        hits += [h._replace(contradicts=True) for h in apart]
        index.seen.clear()
    return _by_id(hits)


def _by_id(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda h: h.name_id)


def explain(query: QueryName, table: NameTable, name_id: int) -> NameScore | None:
    """The score of one listed name with its evidence."""
    index = index_of(table)
    return score(query, index.tokens(name_id), index.known(query))
