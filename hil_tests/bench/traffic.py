"""Travellers at a counter while something is done to the box, and the reckoning afterwards.

Law: what the officer was shown as recorded is the measure. Each of those passages is at headquarters, once; whatever
else is there beside them is no fault, twice is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

from hil_tests.bench import steps
from hil_tests.bench.headquarters import Headquarters
from hil_tests.bench.target import DAEMON, Target
from hq.errors import StoreError
from hq.store import View

COMMIT_MS = 500  # journal.commit_timeout_ms: after it a verdict is shown as NOT RECORDED, whatever becomes of the row
SHOWN_S = 20.0  # of a box of metal: from a document to its verdict
HEARD_S = 30.0  # of a box of metal: a connection, and all that waits


class Presents(Protocol):
    """A reader under the bench's hand."""

    def present(self, lines: Sequence[str], *, cut: int | None = None) -> None:
        """See bench.lab.Reader."""


class Eyes(Protocol):
    """The officer's, as ``VmLab.officer`` has them."""

    def wait(self, count: int, limit_s: float) -> list[Any]:
        """Until so many verdicts were shown."""

    def verdicts(self) -> list[Any]:
        """The verdicts, oldest first."""

    def passages(self) -> set[str]:
        """Passages that were shown as recorded."""


def scanned(target: Target, reader: Presents, officer: Eyes, numbers: Iterable[str]) -> list[Any]:
    """Lay invented passports down, each after the other's verdict: their verdicts. Raises TargetError."""
    first = len(officer.verdicts())
    for already, number in enumerate(numbers, first + 1):
        reader.present(steps.zone(number))
        officer.wait(already, SHOWN_S * target.slow)
    return officer.verdicts()[first:]


def written(shown: Any) -> bool:
    """Recorded; or not in time, which an emulated disk may cost: the row is there all the same, and to be asked for."""
    return bool(shown["recorded"] or shown["elapsed_ms"] > COMMIT_MS)


def served(target: Target, hq: Headquarters, reader: Presents, officer: Eyes, numbers: Iterable[str]) -> int:
    """Documents with those numbers are read and written; headquarters has them, and all that was recorded before.

    How many that are. Raises TargetError.
    """
    shown = scanned(target, reader, officer, numbers)
    assert all(written(one) for one in shown), shown
    now = {one.passage for one in shown}
    return reckoned(target, hq, lambda: officer.passages() | now)


def running(target: Target, limit_s: float = 60.0, *, but: int = 0) -> float:
    """Wait until the daemon has said that it is ready, in another process than ``but``: the seconds that took."""

    def ready() -> bool:
        """the daemon runs"""
        return target.show(DAEMON, "SubState") == "running" and target.pid() != but

    return target.until(ready, limit_s, every_s=0.5)


def reckoned(target: Target, hq: Headquarters, wanted: Callable[[], set[str]]) -> int:
    """Wait until headquarters has each of those passages; none is there twice. How many there are."""

    def there() -> bool:
        """every passage that was shown as recorded is at headquarters"""
        return wanted() <= set(_passages(hq))

    target.until(there, HEARD_S, every_s=0.5)
    twice = {one: times for one, times in _passages(hq).items() if times > 1}
    assert not twice, twice
    assert not hq.counts()["conflicts"], hq.counts()
    return len(wanted())


def alarms(hq: Headquarters) -> dict[str, str]:
    """What needs a person at headquarters: code -> subject, or text where there is none."""
    with View(hq.country.folder / "hq.sqlite") as view:
        return {one.code: one.subject or one.text for one in view.alarms()}


def _passages(hq: Headquarters) -> dict[str, int]:
    try:
        return dict(hq.passages())
    except StoreError:  # the collector is making its tables
        return {}
