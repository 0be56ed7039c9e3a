"""What the verbs share that put one question to the lists: which lists, by which rules, and how the answer is told.

Nothing of a question or an answer is logged.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from edge.core.errors import BorderpostError

if TYPE_CHECKING:
    from edge.core.screening import Screener
    from edge.core.trusted import Trusted
    from edge.core.verdicts import Verdict
    from edge.watchlists import OpenList

DAY_SECONDS: Final = 86_400.0
_COLOURS: Final = {
    "HIT": "red", "POSSIBLE": "yellow", "UNREADABLE": "magenta", "INCOMPLETE": "blue", "CLEAR": "green",
}
_STATES: Final = {
    "not_applicable": "holds nothing to ask by the fields given", "time_untrusted": "its age cannot be judged",
}  # fmt: skip
ENCODER: Final = msgspec.json.Encoder()


class ScreenUsageError(BorderpostError):
    """The lists to ask are not named, or are no folder."""


def days(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    """A click callback: a finite number of days."""
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("a number of days is needed")
    return value


def lists_options(verb: Callable[..., Any]) -> Callable[..., Any]:
    """Which lists are asked, and by which rules."""
    for option in (
        click.option("--max-age", "max_age_days", type=click.FloatRange(min=0), callback=days, metavar="DAYS",
                     help="Lists older than this make the verdict INCOMPLETE (default: no limit)."),
        click.option("--config", "config_path", type=click.Path(path_type=Path), envvar="BORDERPOST_CONFIG",
                     show_envvar=True, help="An edge.toml: its lists folder, keys, required lists and age limits."),
        click.option("--lists", "folder", type=click.Path(path_type=Path), help="Folder of lists."),
    ):  # fmt: skip
        verb = option(verb)
    return verb


def answer(id_: msgspec.Raw, verdict: Verdict) -> dict[str, Any]:
    """The answer of ``--jsonl`` to one question."""
    return {
        "id": id_,
        "outcome": verdict.outcome,
        "shown": verdict.shown().outcome,
        "unreadable": verdict.unreadable,
        "reasons": [
            {
                "list": r.list_id, "record": r.record, "kind": r.kind, "score": r.score,
                "evidence": r.evidence, "outcome": r.outcome, "category": r.category, "action": r.action,
                "silent": r.silent, "name": r.name,
            }
            for r in verdict.reasons
        ],
        "coverage": [
            {
                "list": c.list_id, "generation": c.generation, "age_seconds": c.age_seconds, "freshness": c.freshness,
                "records": c.records, "state": c.state, "required": c.required,
            }
            for c in verdict.coverage
        ],
    }  # fmt: skip


def lists_and_rules(
    folder: Path | None, config_path: Path | None, max_age_days: float | None
) -> tuple[Sequence[OpenList], Screener]:
    """The lists below a folder, and the screener that the options and the configuration ask for."""
    from edge.core.screening import Screener
    from edge.core.vault import KeyRing
    from edge.list_keys import ListKeys, beside_the_unit
    from edge.watchlists import Watchlists

    state = Path()
    screener = Screener()
    if config_path is not None:
        from edge import config, rules

        settings = config.load(config_path)
        folder, state = folder or Path(settings.box.lists_dir), Path(settings.box.state_dir)
        screener = rules.screener(settings.screening)
    if max_age_days is not None:
        screener = replace(screener, max_age_seconds=max_age_days * DAY_SECONDS, max_age_seconds_of={})
    if folder is None:
        raise ScreenUsageError("no lists to ask", advice="name their folder with --lists, or give --config")
    if folder.exists() and not folder.is_dir():
        raise ScreenUsageError(f"{folder} is no folder", advice="give the folder that `borderpost-hq lists build` made")
    keys = ListKeys(state, beside_the_unit()).ring if config_path is not None else KeyRing
    return Watchlists.open(folder, keys=keys).lists, screener


def warn(asked: Sequence[OpenList], *, looked: bool) -> None:
    """Say on standard error what is wrong with the lists; ``looked``: there was a configuration that names keys."""
    if not asked:
        click.echo(
            "no list is there: every verdict is INCOMPLETE (make one with: borderpost-hq lists build)", err=True
        )
    for entry in asked:
        if entry.problem:
            problem, step = told_problem(entry, looked=looked), _next(entry, looked=looked)
            click.echo(f"{entry.list_id}: {problem} ({step})", err=True)


def told_problem(entry: OpenList, *, looked: bool) -> str | None:
    """What is wrong with a list; that its key is not on this box only where somebody looked for keys."""
    from edge.checks_keys import NOT_LOOKED, lacks_key

    return NOT_LOOKED if not looked and lacks_key(entry.problem) else entry.problem


def _next(entry: OpenList, *, looked: bool) -> str:
    from edge.checks_keys import NAME_CONFIG, SEAL_AGAIN, lacks_key

    if lacks_key(entry.problem):
        return SEAL_AGAIN if looked else NAME_CONFIG
    return "bring a newer generation" if entry.erased else "copy the list again from headquarters"


def now() -> Trusted:
    """This computer's time, believed."""
    from edge.core.trusted import ClockState, Trusted

    at = datetime.now(UTC)
    return Trusted(ClockState.SYSTEM, at, at)


def show(verdict: Verdict, words: Mapping[str, str]) -> None:
    """For a person: colour on a terminal, plain lines in a pipe. ``words`` say each doubt."""
    from edge.core.texts import DEFAULT, evidence_text, listed_text, text

    terminal = sys.stdout.isatty()
    word = str(verdict.outcome)
    click.echo(click.style(word, fg=_COLOURS[word], bold=True) if terminal else word)
    shown = verdict.shown().outcome
    if shown is not verdict.outcome:
        click.echo(f"  a counter shows {shown}: the rest is silent")
    for doubt in verdict.unreadable:
        click.echo(f"  doubtful: {words.get(doubt, doubt)}")
    for reason in verdict.reasons:
        silent = ", silent" if reason.silent else ""
        click.echo(f"{reason.outcome}  {reason.list_id} {reason.record}  {reason.kind}  {reason.score:.2f}{silent}")
        if reason.name:
            click.echo(f"  {reason.name}")
        if reason.category or reason.action:
            category = text(DEFAULT, f"category.{reason.category}") if reason.category else ""
            click.echo(f"  {': '.join(filter(None, (category, reason.action)))}")
        for line in reason.evidence:
            pair = " ~ ".join(filter(None, (line.query, listed_text(DEFAULT, line.rule, line.listed))))
            worth = f"  {line.similarity:.2f} x {line.weight:.2f}" if line.weight else ""
            points = f"  {line.points:+.2f}" if line.points else ""
            click.echo(f"    {evidence_text(DEFAULT, line.rule):<40} {pair}{worth}{points}".rstrip())
    for part in verdict.coverage:
        age = "age unknown" if part.age_seconds is None else f"{part.age_seconds / DAY_SECONDS:.1f} days old"
        state = _STATES.get(part.state, str(part.state))
        if part.freshness == "old":
            age += ", more than it should be"
        number = "no generation" if part.generation is None else f"generation {part.generation}"
        click.echo(f"{part.list_id}: {state}, {number}, {part.records:,} records, {age}")
