"""The listed names that reach a floor: all of them, the same as if every name were scored.

With a birth date a name is held to the floor that its person's dates call for: everybody whose date agrees is
looked at whatever the name (there are few); then the names are read that could belong to somebody whose date
is not known or is off by a slip of the pen; and, as strictly as ``Floors.contradicting`` says, those of
everybody else, because birth dates are forged.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.core.documents import DateInterval
from edge.core.matching.batch import Hit, score_names
from edge.core.matching.candidates import candidates, single_candidates, union
from edge.core.matching.index import index_of
from edge.core.matching.likes import NameTable
from edge.core.matching.scoring import NameScore, QueryName, score
from edge.core.matching.units import Units


@dataclass(frozen=True, slots=True)
class Floors:
    """The score a name must reach, 0..1: its person's birth date agrees (``near``; also all records of
    one token that do not contradict), it may be meant or is not known (``unsure``), it contradicts."""

    near: float
    unsure: float
    contradicting: float


def search(query: QueryName, table: NameTable, minimum: float) -> list[Hit]:
    """Every listed name that scores at least ``minimum``, without evidence, by rising id."""
    return search_born(query, None, table, Floors(minimum, minimum, minimum))


def search_born(query: QueryName, birth: DateInterval | None, table: NameTable, floors: Floors) -> list[Hit]:
    """Every listed name that reaches its floor, by rising id. A name may reach ``near`` or ``unsure`` though its
    person's dates call for more; records of one token whose date contradicts are left out."""
    if not query.tokens or not table.n_names:
        return []
    index = index_of(table)
    with Units(query, index) as units:
        least = floors.unsure if birth is None else min(floors.unsure, floors.contradicting)
        several, single = candidates(units, least), single_candidates(units)
        if birth is None:
            return _by_id(score_names(units, several, floors.unsure) + score_names(units, single, floors.near))
        near = union([index.births.near(birth), single[~index.births.contradicting(single, birth)]], index.marks)
        index.marks[near] = 1
        several = several[index.marks[several] == 0]
        index.marks[near] = 0
        apart = index.births.contradicting(several, birth)
        hits = score_names(units, near, floors.near)
        hits += score_names(units, several[~apart], floors.unsure)
        hits += [h._replace(contradicts=True) for h in score_names(units, several[apart], floors.contradicting)]
    return _by_id(hits)


def _by_id(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda h: h.name_id)


def explain(query: QueryName, table: NameTable, name_id: int) -> NameScore | None:
    """The score of one listed name with its evidence."""
    index = index_of(table)
    return score(query, index.tokens(name_id), index.known(query))
