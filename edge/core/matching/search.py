"""The listed names that score at least a floor: all of them, the same as if every name were scored."""

from __future__ import annotations

import numpy as np

from edge.core.matching.batch import Hit, score_names
from edge.core.matching.candidates import candidates, single_candidates
from edge.core.matching.index import index_of
from edge.core.matching.likes import NameTable
from edge.core.matching.scoring import NameScore, QueryName, score
from edge.core.matching.units import Units


def search(query: QueryName, table: NameTable, minimum: float) -> list[Hit]:
    """(name id, score without evidence) of every listed name that scores at least ``minimum``, by rising id."""
    if not query.tokens or not table.n_names:
        return []
    with Units(query, index_of(table)) as units:
        names = np.union1d(candidates(units, minimum), single_candidates(units))
        return score_names(units, names, minimum)


def explain(query: QueryName, table: NameTable, name_id: int) -> NameScore | None:
    """The score of one listed name with its evidence."""
    index = index_of(table)
    return score(query, index.tokens(name_id), index.known(query))
