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
from edge.core.matching.batch import Asked, Hit, asked, score_names
from edge.core.matching.bits import Ids, Window, inside
from edge.core.matching.candidates import Search, candidates, single_candidates
from edge.core.matching.index import index_of
from edge.core.matching.likes import NameTable
from edge.core.matching.scoring import NameScore, QueryName, score
from edge.core.matching.units import Units


@dataclass(frozen=True, slots=True)
class Floors:
    """The score a name must reach, 0..1: its person was born on the same day (``equal``; also all records of one
    token that do not contradict), overlaps or has day and month swapped (``near``), may be meant or has no known
    date (``unsure``), or contradicts it
    (then three tokens must agree, or two of which one is no common name, and the list must not hold the name more than
    once by chance alone: ``NameIndex.namesakes_expected``)."""

    equal: float
    near: float
    unsure: float
    contradicting: float


def search(query: QueryName, table: NameTable, minimum: float) -> list[Hit]:
    """Every listed name that scores at least ``minimum``, without evidence, by rising id."""
    if not query.tokens or not table.n_names:
        return []
    with Units(query, index_of(table)) as units:
        names = _once([candidates(units, minimum), single_candidates(units)])
        return _by_id(score_names(units, asked(names, minimum)))


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
            groups = [asked(_once([single]), floors.equal), asked(candidates(units, floors.unsure), floors.unsure)]
            return _by_id(score_names(units, _all(groups)))
        meant = index.births.meant(birth)
        find = Search(units, (floors.near, floors.unsure, floors.contradicting))
        single = single[inside(meant.every, single)]
        apart = find.apart(2, index.several & index.rare)
        groups = [
            asked(np.concatenate([meant.equal, single]), floors.equal),
            asked(np.concatenate([meant.near_too, find.within(Window(meant.near), 0)]), floors.near),
            asked(find.within(Window(meant.unsure), 1), floors.unsure),
            asked(apart[~inside(meant.every, apart)], floors.contradicting, apart=True),
        ]
        return _by_id(score_names(units, _first(_all(groups))))


def _once(parts: list[Ids]) -> Ids:
    return np.unique(np.concatenate(parts))


def _all(groups: list[Asked]) -> Asked:
    return Asked(*(np.concatenate(parts) for parts in zip(*groups, strict=True)))


def _first(every: Asked) -> Asked:
    """Each name once, as it is asked for first."""
    order = np.argsort(every.names, kind="stable")
    some = every.of(order)
    return some.of(np.append(np.ones(min(len(order), 1), np.bool_), some.names[1:] != some.names[:-1]))


def _by_id(hits: list[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda h: h.name_id)


def explain(query: QueryName, table: NameTable, name_id: int) -> NameScore | None:
    """The score of one listed name with its evidence."""
    index = index_of(table)
    return score(query, index.tokens(name_id), index.known(query))
