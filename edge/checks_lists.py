"""What `borderpost doctor` says of the age of lists. Only the running box knows the time, so its word is taken.

Law: what makes verdicts INCOMPLETE is an error, what officers are told beside an outcome a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge.checks import Check, Grade
from edge.core.verdicts import CoverageState, Freshness

BRING = "bring a fresh generation: over the link, or by stick"


def ages(status: Mapping[str, Any], required: frozenset[str]) -> Iterator[Check]:
    """A line for each list that is older than it should be; ``required`` is empty where all are."""
    for entry in status.get("lists", ()):
        name, age = f"age of list {entry['list']}", entry["age_seconds"]
        bad = Grade.ERROR if not required or entry["list"] in required else Grade.WARNING
        if entry["state"] == CoverageState.STALE:
            yield Check(name, bad, f"{age / 86_400:.1f} days, more than it may be: no verdict is CLEAR by it", BRING)
        elif entry["freshness"] == Freshness.OLD:
            yield Check(name, Grade.WARNING, f"{age / 86_400:.1f} days, more than it should be: officers are told",
                        BRING)


def clock(state: str, *, records_expire: bool) -> Check:
    """What the clock means for lists and records."""
    if records_expire:
        return Check("clock", Grade.OK, f"time is {state}")
    return Check("clock", Grade.ERROR,
                 f"time is {state}: the age of lists cannot be judged, records do not expire, no list is erased",
                 "bring the link up once: headquarters' signed word sets the time")
