"""What `borderpost doctor` says of the age of lists.

Laws:
1. What makes verdicts INCOMPLETE is an error, what officers are told beside an outcome a warning.
2. While the box runs, its word is taken. A box that does not run is judged by what it would believe at its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from common.times import rfc3339, told_age
from edge.checks import Check, Grade
from edge.clock import ClockPolicy, believed
from edge.config import Config
from edge.core.verdicts import CoverageState, Freshness
from edge.opened_list import OpenList
from edge.rules import screener
from edge.state import floor_of

BRING = "bring a fresh generation: over the link, or by stick"


def ages(entries: Iterable[Mapping[str, Any]], required: frozenset[str]) -> Iterator[Check]:
    """A line for each list that is older than it should be; ``required`` is empty where all are."""
    for entry in entries:
        name, age = f"age of list {entry['list']}", entry["age_seconds"]
        if entry["state"] == CoverageState.STALE:
            old = f"{told_age(age)}, more than it may be"
            if not required or entry["list"] in required:
                yield Check(name, Grade.ERROR, f"{old}: no verdict is CLEAR by it", BRING)
            else:
                yield Check(name, Grade.WARNING, f"{old}; it is not in screening.required, so a verdict may be CLEAR "
                            "all the same", f"{BRING}; or require it, or take it off this box")
        elif entry["freshness"] == Freshness.OLD:
            yield Check(name, Grade.WARNING, f"{told_age(age)}, more than it should be: officers are told", BRING)


def stopped(config: Config, lists: Sequence[OpenList]) -> list[dict[str, Any]]:
    """The ages of the lists of a box that does not run, as its status would tell them (law 2)."""
    policy = ClockPolicy(disciplined=config.clock.source == "system", hold=timedelta(days=config.clock.held_days))
    now = believed(datetime.now(UTC), floor_of(Path(config.box.state_dir) / "state.sqlite"), policy)
    rules = screener(config.screening)
    return [
        {"list": one.list_id, "age_seconds": one.age_seconds, "state": one.state, "freshness": one.freshness}
        for one in (*rules.coverage(lists, now), *rules.galleries(lists, now))
    ]


def dated(source: datetime, age: float | None, *, stopped: bool) -> str:
    """How old a list is, or why nobody can say."""
    if age is not None:
        told = f"{told_age(age)} old"
    else:
        told = "its age is not judged: the box does not run, and no signed time is near its clock" if stopped else (
            "its age is not known")
    return f"source of {rfc3339(source)}, {told}"


def clock(state: str, *, records_expire: bool) -> Check:
    """What the clock means for lists and records."""
    if records_expire:
        return Check("clock", Grade.OK, f"time is {state}")
    return Check("clock", Grade.ERROR,
                 f"time is {state}: the age of lists cannot be judged, records do not expire, no list is erased",
                 "bring the link up once: headquarters' signed word sets the time")
