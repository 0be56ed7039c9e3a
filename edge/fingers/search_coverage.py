"""The galleries' part in an answer: which generation of each was searched, how old it is, or why it was not.

Laws:
1. A gallery that was searched has the generation and the age of what the child held, not of what lies on the disk.
2. Its state is the worse of two: how that generation stands, and how the list stands on the disk. One whose newer
   generation could not be read is DAMAGED, though it was searched: what is not found may stand in the newer one.
3. One that was not searched has no generation and no templates, and is never ASKED. One of which nothing is left is
   MISSING.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.core.screening import Screener
from edge.core.trusted import Trusted
from edge.core.verdicts import Coverage, CoverageState, Freshness
from edge.fingers.search_talk import Part
from edge.opened_list import OpenList


@dataclass(frozen=True, slots=True)
class Standing:
    """``listed`` as it lies on the disk, ``held`` as the child has it, its ``part`` in the search if it had one."""

    listed: OpenList
    held: OpenList | None
    part: Part | None
    refused: bool


def coverage(standings: Sequence[Standing], screener: Screener, now: Trusted) -> tuple[Coverage, ...]:
    """One entry a gallery, in their order."""
    return tuple(_one(standing, screener, now) for standing in standings)


def _one(standing: Standing, screener: Screener, now: Trusted) -> Coverage:
    (listed,) = screener.galleries([standing.listed], now)
    part = standing.part
    if standing.held is None or part is None or part.problem:
        unasked = CoverageState.MISSING if _gone(standing.listed) else _worse(listed.state, CoverageState.DAMAGED)
        return Coverage(listed.list_id, None, None, 0, unasked, freshness=Freshness.UNKNOWN)
    (held,) = screener.galleries([standing.held], now)
    state = _worse(held.state, listed.state)
    if standing.refused:
        state = _worse(state, CoverageState.DAMAGED)
    return replace(held, generation=part.generation, records=part.templates, state=state)


def _gone(listed: OpenList) -> bool:
    return listed.generation is None and not listed.seen and listed.erased is None


def _worse(one: CoverageState, other: CoverageState) -> CoverageState:
    return other if one is CoverageState.ASKED else one
