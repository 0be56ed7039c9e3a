"""How a run on the bench went: a line for each test while it runs, and the table at its end."""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hil_tests.bench.live import Live
from hil_tests.bench.report import FIGURES, KEPT, LIVE

PHASES = {"setup": "what it stands on is being made", "call": "runs", "teardown": "is being taken down"}
WIDTH = 110
INTERRUPTED = 130  # a run's exit code after Ctrl-C
CUT = "cut off"  # it began, and the run was interrupted before its end


@dataclass
class Row:
    """One test. ``reason`` is why it was skipped, or the last line of how it failed."""

    outcome: str = CUT
    seconds: float = 0.0
    reason: str = ""


class Story:
    """A plugin of pytest: tells the run as it goes, and holds what the table needs."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._first_s: float | None = None
        self._rows: dict[str, Row] = {}
        self._figures: dict[str, str] = {}
        self._kept: list[tuple[str, Path]] = []
        self._long_left = 0
        self.uncollected = False  # a file of tests could not be read
        self._of = 0

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Tests say what goes on through the same lines."""
        config.stash[LIVE] = self._live

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        """Long rounds that were left out."""
        self._long_left += sum(item.get_closest_marker("long") is not None for item in items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Pytest ends as if it had been interrupted when a file cannot be read."""
        if report.failed:
            self.uncollected = True
            self._live.line(f"cannot be read: {report.nodeid}: {last_line(report)}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """How many there are to run."""
        self._of = len(session.items)
        self._live.step(counted(self._of))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """See PHASES."""
        self._phase(item, "setup")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> None:
        """The first call is the first test."""
        if self._first_s is None:
            self._first_s = self._live.seconds()
            self._live.line(f"the first test begins after {self._first_s / 60:.1f} minutes")
        self._phase(item, "call")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        """See PHASES."""
        self._phase(item, "teardown")

    def _phase(self, item: pytest.Item, when: str) -> None:
        self._live.doing(f"{name_of(item.nodeid)}: {PHASES[when]}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Gather; a test's line comes with its end."""
        row = self._rows.setdefault(report.nodeid, Row())
        row.seconds += report.duration
        if report.failed:
            row.outcome, row.reason = "failed", last_line(report)
        elif report.passed and report.when == "call":
            row.outcome = "passed"
        elif report.skipped and row.outcome != "failed":
            expected = hasattr(report, "wasxfail")
            row.outcome, row.reason = ("passed", "") if expected else ("skipped", skip_reason(report))
        if report.when == "teardown":
            number = f"{len(self._rows):3}/{self._of}"
            self._live.line(f"{number} {row.outcome:7} {row.seconds:6.1f} s  {name_of(report.nodeid)}"
                            + (f": {row.reason}" if row.reason else ""))

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str]:
        """The lines are ours: pytest prints no letter."""
        counted = report.failed or report.skipped or report.when == "call"
        return (report.outcome if counted else "", "", "")

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Take over what was noted while it is there."""
        stash = session.config.stash
        if FIGURES in stash:
            figures, kept = stash[FIGURES], stash[KEPT]
            self._figures, self._kept = dict(figures), list(kept)

    def told(self) -> dict[str, Any]:
        """Everything for the table, as plain values."""
        return {
            "first_test_s": None if self._first_s is None else round(self._first_s, 1), "collected": self._of,
            "tests": {name: {"outcome": row.outcome, "seconds": round(row.seconds, 1), "reason": row.reason}
                      for name, row in self._rows.items()},
            "figures": self._figures, "long_left": self._long_left,
            "kept": [{"test": test, "folder": str(folder)} for test, folder in self._kept],
        }


def name_of(nodeid: str) -> str:
    """A test as people read it: tier, file, name."""
    return nodeid.removeprefix("hil_tests/").replace(".py::", " ").replace("test_", "", 1)


def skip_reason(report: pytest.TestReport) -> str:
    """The words of a skip."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return " ".join(text.removeprefix("Skipped: ").split())


def last_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    """How it failed, in a line."""
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr)
    return next((line.strip() for line in text.splitlines() if line.strip()), "failed")[:200]


def counted(tests: int) -> str:
    """How many tests, in words."""
    return "1 test" if tests == 1 else f"{tests} tests"


def minutes(seconds: float | None) -> str:
    """As the table has it."""
    return "none ran" if seconds is None else f"{seconds / 60:.1f} minutes"


def table(told: dict[str, Any]) -> str:
    """The end of a run for people. ``told``: Story.told(), and what the run knows besides; also with parts missing."""
    line = "=" * WIDTH
    if told.get("skipped"):
        return f"\n{line}\nvirtual bench: SKIPPED, nothing was tested: {told['skipped']}\n{line}\n"
    if told.get("broken"):
        return f"\n{line}\nvirtual bench: BROKEN, nothing was tested: {told['broken']}\n{line}\n"
    tests: dict[str, dict[str, Any]] = told["tests"]
    count = Counter(row["outcome"] for row in tests.values())
    ran = count["passed"] + count["failed"]
    rows = [
        ("commit", f"{told['commit']}, target {told['target']}" + (", with the long rounds" if told["long"] else "")),
        ("to the first test", minutes(told["first_test_s"])),
        ("  programs, package and guest", f"{told.get('programs_s', 0.0):.0f} s, {told.get('image_s', 0.0):.0f} s"),
        ("in total", minutes(told["seconds"])),
        ("tests", f"{ran} ran, {count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped"),
    ]
    if (left := told["collected"] - len(tests) + count[CUT]) > 0:
        rows.append(("not reached", counted(left)))
    if told["long_left"]:
        rows.append(("left to make bench-long", counted(told["long_left"])))
    rows += [(f"  {name}", value) for name, value in told["figures"].items()]
    title = "virtual bench, INTERRUPTED" if told.get("exit") == INTERRUPTED else "virtual bench"
    out = ["", line, title, line, *(f"{name:<52} {value}" for name, value in rows)]
    for reason, names in _by_reason(tests).items():
        out += textwrap.wrap(f"skipped ({len(names)}): {reason}", WIDTH, subsequent_indent="    ")
        out += textwrap.wrap(", ".join(names), WIDTH, initial_indent="    ", subsequent_indent="    ")
    for name, row in tests.items():
        if row["outcome"] == "failed":
            out.append(f"FAILED {name_of(name)}: {row['reason']}")
            out += [f"    {kept['folder']}" for kept in told["kept"] if kept["test"] == name]
    slowest = sorted(tests.items(), key=lambda item: -item[1]["seconds"])[:5]
    out += [f"slowest: {row['seconds']:6.1f} s  {name_of(name)}" for name, row in slowest if row["seconds"] >= 1]
    if count["skipped"] and not ran and not count[CUT]:
        out.append("EVERY test was skipped: this run shows nothing")
    return "\n".join([*out, line, ""])


def _by_reason(tests: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, row in tests.items():
        if row["outcome"] == "skipped":
            found.setdefault(row["reason"], []).append(name_of(name))
    return found
