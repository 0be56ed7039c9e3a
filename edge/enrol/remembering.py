"""What the state file and ``kept.json`` say of each other, so that the marks outlive a reset and a lost state file.

Laws:
1. Marks are recalled into a state file that is new, and into no other: what a state file says itself is newer, also
   where it is lower because the root's word lowered it.
2. They are recalled before the clock begins and before the lists are opened, and as marks alone: the floor says that it
   is not earlier, never what time it is.
3. ``kept.json`` follows the state file, downwards too: marks at once, the floor when it fell or rose by ``KEEP_STEP``.
   A state file that was not recalled is not followed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from edge.enrol import kept
from edge.enrol.disk import Disk
from edge.enrol.places import Places
from edge.state import State

KEEP_STEP: Final = timedelta(hours=1)  # so much of the clock's floor can be lost together with the state file
RECALLED: Final = "kept.recalled"      # in the state file: it knows what kept.json knew
UPDATES: Final = "updates."            # begins the names of the marks of update metadata


def recall(places: Places, state: State) -> bool:
    """Bring the marks into a new state file; True if it was one. Raises ProvisioningError, StateError."""
    if state.get(RECALLED) is not None:
        return False
    now = kept.load(places)
    for list_id, generation in now.lists.items():
        state.raise_high_water(list_id, generation)
    for name, value in now.marks.items():
        if state.get(name) is None:
            state.put(name, value)
    if now.floor is not None:
        state.raise_floor(now.floor)
    state.put(RECALLED, "1")  # last: what was cut before it is done again, and only raises
    return True


def follow(disk: Disk, places: Places, state: State) -> bool:
    """Copy what has changed in the state file; True if anything had. Raises ProvisioningError, StateError."""
    if state.get(RECALLED) is None:
        return False
    now = kept.load(places)
    if now.erasing:
        return False
    after = msgspec.structs.replace(
        now, lists=state.high_water(), marks=state.named(UPDATES), floor=_floor(now.floor, state.floor())
    )
    if after == now:
        return False
    kept.save(disk, places, after)
    return True


def _floor(before: datetime | None, now: datetime | None) -> datetime | None:
    if now is None or before is None:
        return now or before
    return now if now < before or now - before >= KEEP_STEP else before
