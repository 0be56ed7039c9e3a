"""Which generations of a list were published, and how old their data were: what retention decides by.

Laws: the file stands beside the repository's metadata and is not for posts; it is written by rename; entries older
than ``KEPT`` days before the newest are let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from edge.core.distribution import Offer
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder, cannot, write
from hq.distribution.retention import REACH, Generation, wanted

KEPT: Final = timedelta(days=400)
AHEAD: Final = (0, 1, 7, 28)  # days: the next generation may come on the same day, or in the next day, week, month
_NAME: Final = "history"


class _Entry(msgspec.Struct, frozen=True):
    """One line of the file."""

    generation: int
    as_of: datetime


def read(folder: Folder, list_id: str) -> list[Generation]:
    """The published generations of a list, in their order; none before the first. Raises PublishError."""
    path = folder.root / _NAME / f"{list_id}.json"
    try:
        if not path.exists():
            return []
        found = msgspec.json.decode(path.read_bytes(), type=list[_Entry])
    except OSError as error:
        raise cannot(error) from error
    except msgspec.MsgspecError as error:
        raise PublishError(f"{path} is damaged", advice="restore it from a backup, or publish a base") from error
    return [Generation(entry.generation, entry.as_of) for entry in found]


def joined(old: Sequence[Generation], new: Sequence[Generation]) -> list[Generation]:
    """Old and new generations in their order; one that is there keeps its date."""
    known = {g.number: g for g in [*new, *old]}
    newest = max((g.as_of for g in known.values()), default=None)
    return [known[number] for number in sorted(known) if newest is None or known[number].as_of >= newest - KEPT]


def remember(folder: Folder, list_id: str, known: Sequence[Generation]) -> None:
    """Write what was published. Raises PublishError."""
    place = folder.root / _NAME
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot(error) from error
    write(place / f"{list_id}.json", msgspec.json.encode([_Entry(g.number, g.as_of) for g in known]))


def missing(offer: Offer, generations: Sequence[Generation]) -> list[tuple[int, int]]:
    """What ought to be published and is not, as (from, to); (0, newest) when a new base is due.

    A list that is published whole wants nothing more.
    """
    if whole(offer, generations):
        return []
    return lacking(offer, generations)


def lacking(offer: Offer, generations: Sequence[Generation]) -> list[tuple[int, int]]:
    """The same for a list of which deltas are made, also while a base alone is there."""
    there = {(step.start, step.to) for step in offer.steps}
    steps = sorted(wanted(generations) - there)
    if generations and base_due(offer, generations):
        steps.insert(0, (0, max(g.number for g in generations)))
    return steps


def wanted_later(generations: Sequence[Generation]) -> set[int]:
    """The generations that deltas made with the next generation may start from or lead to: their bases are kept."""
    if not generations:
        return set()
    newest = max(generations, key=lambda g: g.number)
    found: set[int] = set()
    now = wanted(generations)
    for days in AHEAD:
        later = [*generations, Generation(newest.number + 1, newest.as_of + timedelta(days=days))]
        found |= {number for step in wanted(later) - now for number in step}
    return {g.number for g in generations} & found | {newest.number}


def whole(offer: Offer, generations: Sequence[Generation]) -> bool:
    """True for a list (or software) that is published whole each time: bases alone, the newest among them."""
    newest = max((g.number for g in generations), default=0)
    return bool(offer.steps) and not any(step.start for step in offer.steps) and offer.newest == newest


def base_due(offer: Offer, generations: Sequence[Generation]) -> bool:
    """True if no base is offered from which the newest can be reached by the deltas that are kept."""
    newest = max(generations, key=lambda g: g.number)
    young = {g.number for g in generations if (newest.as_of - g.as_of).days < REACH}
    return not any(step.start == 0 and step.to in young for step in offer.steps)


def kept(offer: Offer, generations: Sequence[Generation]) -> frozenset[tuple[int, int]] | None:
    """The steps that stay published; None (all of them) while something that ought to be there is missing."""
    if missing(offer, generations):
        return None
    newest_base = max(step.to for step in offer.steps if not step.start)
    if whole(offer, generations):
        return frozenset({(0, newest_base)})
    return wanted(generations) | {(0, newest_base)}
