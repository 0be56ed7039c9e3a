"""The doctor's look at the software itself: which version runs, whether it is on trial, what came of the last new one.

Law: nothing is changed; a box whose program was not put there by the package has nothing to look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.checks import Check, Grade
from edge.software import trial

BASE: Final = Path(trial.BASE)


def software(base: Path = BASE) -> Iterator[Check]:
    """One row: ok, info while a version is on trial, warning after one was given up."""
    version = trial.current(base)
    if not version:
        return
    under_way, ended = trial.read(base), trial.outcome(base)
    if under_way is not None and under_way.version == version:
        found = f"{version} is on trial, after {under_way.previous}"
        if under_way.failures:
            found += f"; {under_way.failures} of {trial.MAX_FAILURES} starts failed"
        yield Check("software", Grade.INFO, found, "look again in two minutes")
    elif ended is not None and ended.outcome == trial.RETURNED and ended.version != version:
        yield Check("software", Grade.WARNING, f"{version}; {ended.version} was given up: {ended.reason}",
                    "send headquarters the log; the next version is taken as usual")
    else:
        yield Check("software", Grade.OK, version)
