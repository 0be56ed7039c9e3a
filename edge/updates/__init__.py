"""Signed lists and software from headquarters: verified, forward only, whole or not at all.

    at = reference(clock.now(), state.floor())
    with Updates(folder, root, DirFetcher(stick), marks=StateMarks(state), at=at) as updates:
        offered = updates.check()                             # verifies; refused lists stand in offered.refused
        for list_id, offer in offered.lists.items():
            plan = updates.plan(offer, have(list_id))         # the way forward, or an UpdateError
            taken = updates.take(plan, progress)              # verified files, step by step
            ...                                               # open them, compare digest_after, take into use
            updates.accepted(list_id, plan.to)
    clock.signed_word(offered.issued)                         # headquarters' signed time, where it says one

Importing takes 0.2 s (tuf): import it where an update begins.
"""

from __future__ import annotations

from edge.updates.errors import CATALOGUE, UpdateError
from edge.updates.fetchers import DirFetcher, Fetcher
from edge.updates.marks import Mark, Marks, StateMarks
from edge.updates.reference import Reference, reference
from edge.updates.updater import ListOffer, Offered, Taken, Updates

__all__ = [
    "CATALOGUE", "DirFetcher", "Fetcher", "ListOffer", "Mark", "Marks", "Offered", "Reference", "StateMarks", "Taken",
    "UpdateError", "Updates", "reference",
]
