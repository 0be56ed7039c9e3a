"""What is done before anything is shown: the wait for the grid, and the commit (ARCHITECTURE laws 3 and 8)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout

import msgspec
import structlog

from edge.counter.around import Surroundings
from edge.journal import Recorded

log = structlog.get_logger("counter")


def keep_pace(around: Surroundings, since: float, grid_s: float) -> None:
    """Wait for the next multiple of ``grid_s`` seconds after ``since`` (monotonic seconds); 0: not at all."""
    if grid_s <= 0:
        return
    used = max(0.0, around.mono() - since)
    around.wait(grid_s * (int(used / grid_s) + 1) - used)


def committed(around: Surroundings, write: Callable[[], Future[Recorded]], *, counter: str, passage: str) -> bool:
    """Wait for the disk, at most ``commit_timeout_s``. False: it is to be shown as NOT RECORDED; everybody is told."""
    try:
        write().result(around.commit_timeout_s)
    except FutureTimeout:
        reason = "took too long"
    except Exception as error:
        # Whatever kept the journal from writing, the traveller stands at the counter.
        reason = type(error).__name__
    else:
        return True
    log.error("not_recorded", counter=counter, passage=passage, reason=reason,
              advice="look at `borderpost doctor`: disk full or failing")
    around.alarm("not_recorded")
    notice(around, counter, "a passage could not be recorded: call the technician")
    return False


def notice(around: Surroundings, counter: str, text: str) -> None:
    """A sentence for the officer at this counter."""
    around.publish(msgspec.json.encode({"type": "notice", "counter": counter, "text": text}))
