"""What headquarters hears of the box's own software: a version that was given up, once.

The daemon that tells it is the version before, which runs again.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge.software import trial
from edge.state import State

ALARMED: Final = "software.alarmed"  # the version whose end was told


def tell_returned(state: State, alarm: Callable[..., None], base: Path = Path(trial.BASE)) -> None:
    """``alarm("software_returned", name=VERSION)`` if the last trial ended so, once. Raises StateError."""
    ended = trial.outcome(base)
    if ended is None or ended.outcome != trial.RETURNED or state.get(ALARMED) == ended.version:
        return
    alarm("software_returned", name=ended.version)
    state.put(ALARMED, ended.version)
