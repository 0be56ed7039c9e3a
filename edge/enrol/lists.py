"""Lists from a stick: the same update as from anywhere else, told in the words of an outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.inbox import Part
from edge.crew import Stopping
from edge.update_report import OLD_NEWS, TRANSIENT, Report

TRIES: Final = 30     # while another update is under way
PAUSE_S: Final = 2.0  # between two tries
TAKE_UP_S: Final = 15.0  # longest wait for a list that was taken to be asked
LOOK_S: Final = 0.5
Take = Callable[[Path, Stopping], Report | None]


def taken(
    take: Take, folder: Path, pulse: Stopping, generations: Callable[[], Mapping[str, int]] = dict
) -> list[Part]:
    """Look into the copy in ``folder`` and say what came of it."""
    report = take(folder, pulse)
    for _ in range(TRIES):
        if report is None or not _is_busy(report) or pulse.wait(PAUSE_S):
            break
        report = take(folder, pulse)
    _taken_up(report, pulse, generations)
    return parts_of(report)


def _taken_up(report: Report | None, pulse: Stopping, generations: Callable[[], Mapping[str, int]]) -> None:
    """Wait until what was taken is what the counters ask: the result of the visit tells how the lists stand."""
    news = {one.list: one.now for one in report.lists if one.outcome == "updated"} if report else {}
    for _ in range(int(TAKE_UP_S / LOOK_S)):
        asked = generations()
        if all(asked.get(name, 0) >= number for name, number in news.items()) or pulse.wait(LOOK_S):
            return


def parts_of(report: Report | None) -> list[Part]:
    """What an update did, as parts: what was taken, what was refused."""
    if report is None:
        return [Part(part="lists", code=Code.BUSY, grade=Grade.FAULT, detail="the update gave no report")]
    parts = []
    news = [f"{one.list} {one.now}" for one in report.lists if one.outcome == "updated"]
    if news:
        parts.append(Part(part="lists", code=Code.LISTS_UPDATED, grade=Grade.OK, detail=", ".join(news)[:200]))
    problems = [(name, one) for name, one in report.problems if one.code not in OLD_NEWS]
    if problems:
        said = ", ".join(f"{name or 'all'}: {one.code}" for name, one in problems)
        parts.append(Part(part="lists", code=Code.LISTS_REFUSED, grade=Grade.REFUSED, detail=said[:200]))
    elif not news:
        parts.append(Part(part="lists", code=Code.UP_TO_DATE, grade=Grade.OK))
    return parts


def _is_busy(report: Report) -> bool:
    return any(one.code in TRANSIENT and one.code.endswith("busy") for _, one in report.problems)
