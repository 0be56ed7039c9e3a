"""``borderpost screen``: one question, or many, put to the lists in a folder.

Laws:
1. ``--jsonl`` answers every line of input with one line, in order, at once, and goes on whatever a line
   holds. A line that is no request is answered UNREADABLE with an ``error``.
2. Input lines are bounded by ``MAX_LINE`` bytes; what is longer is skipped and said.
3. What was asked must have been understood: a key that is no field (a misspelt one) makes the answer UNREADABLE,
   with an ``error`` that names it, and never CLEAR. Null is as absent. Where ``lines`` are given the zone alone
   is asked, and other keys are ignored.
4. ``outcome`` is the truth and ``shown`` what a counter would say: this verb is for those who may read
   the list files themselves. Nothing of a question or an answer is logged.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click
import msgspec

from edge.core.errors import BorderpostError
from edge.verbs import jsonl as stream
from edge.verbs.jsonl import MAX_LINE, NULL

if TYPE_CHECKING:
    from edge.core.screening import Query, Screener
    from edge.core.trusted import Trusted
    from edge.core.verdicts import Verdict
    from edge.watchlists import OpenList

DAY_SECONDS: Final = 86_400.0
_COLOURS: Final = {
    "HIT": "red", "POSSIBLE": "yellow", "UNREADABLE": "magenta", "INCOMPLETE": "blue", "CLEAR": "green",
}
_DOUBTS: Final = {  # about typed fields; a zone's doubts have the parser's own words
    "empty": "nothing to ask by: give a name, a number or lines",
    "name": "no letter of the name can be compared",
    "birth_date": "the birth date is no date YYYY[-MM[-DD]]",
    "sex": "the sex is none of M, F and X",
    "document_number": "the document number has no letter or digit, or more than 24",
}
_STATES: Final = {
    "not_applicable": "holds nothing to ask by the fields given", "time_untrusted": "its age cannot be judged",
}  # fmt: skip
_encoder = msgspec.json.Encoder()


class ScreenUsageError(BorderpostError):
    """The lists to ask are not named, or are no folder."""


def _days(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter("a number of days is needed")
    return value


@click.command("screen")
@click.argument("lines", nargs=-1)
@click.option("--lists", "folder", type=click.Path(path_type=Path), help="Folder of list generations.")
@click.option("--config", "config_path", type=click.Path(path_type=Path),
              help="An edge.toml: its lists folder, required lists and age limits.")
@click.option("--max-age", "max_age_days", type=click.FloatRange(min=0), callback=_days, metavar="DAYS",
              help="Lists older than this make the verdict INCOMPLETE (default: no limit).")
@click.option("--jsonl", is_flag=True, help="One JSON request a line on standard input, one answer a line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text for a person.")
@click.option("--surname", help="Surname, any script.")
@click.option("--given-names", help="Given names, any script.")
@click.option("--birth-date", metavar="YYYY[-MM[-DD]]", help="Birth date as far as it is known.")
@click.option("--sex", type=click.Choice(["M", "F"], case_sensitive=False), help="Sex.")
@click.option("--nationality", metavar="CODE", help="Nationality, ICAO code.")
@click.option("--document-number", metavar="NUMBER", help="Document number.")
@click.option("--issuing-state", metavar="CODE", help="Issuing State, ICAO code.")
def command(
    lines: tuple[str, ...], folder: Path | None, config_path: Path | None, max_age_days: float | None,
    jsonl: bool, as_json: bool, **fields: str | None,
) -> None:  # fmt: skip
    """Screen a machine-readable zone or typed fields against lists, and say why.

    LINES are the lines of one document, quoted; or give any of the fields. Ages and review dates are
    judged by this computer's clock. Without --config and --max-age no list is too old.

    A surname alone may miss: it meets only records of that one name. Give given names and the birth
    date, even the year alone.

    A request of --jsonl has an id (anything) and either lines or any of surname, given_names, birth_date,
    sex, nationality, document_number, issuing_state. Null is as absent. A key of another name is named in
    error, and the answer is never CLEAR. Where lines are given, they alone are asked.

    \b
    Try it:
      borderpost screen --lists lists --surname ERIKSSON --given-names 'ANNA MARIA' --birth-date 1974
      borderpost screen --lists lists 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' \\
                                      'L898902C36UTO7408122F1204159ZE184226B<<<<<10'
      echo '{"id": 1, "surname": "ERIKSSON", "birth_date": "1974-08-12"}' |
        borderpost screen --lists lists --jsonl

    \b
    HIT         a listed document or person: a lead that a person confirms
    POSSIBLE    something near: look closer
    UNREADABLE  what was given cannot be screened for certain
    INCOMPLETE  a list is missing, damaged or too old
    CLEAR       every list for the fields given was asked and nothing agreed

    \b
    Exit codes: 0 CLEAR (--jsonl: always)   1 any other verdict   2 wrong usage
    """
    given = {name: value for name, value in fields.items() if value is not None}
    if jsonl and (lines or given or as_json):
        raise click.UsageError("--jsonl reads standard input: leave out LINES, fields and --json.")
    if not jsonl and bool(lines) == bool(given):
        raise click.UsageError("Give the lines of one document, or fields, or --jsonl.")
    asked, screener = _lists_and_rules(folder, config_path, max_age_days)
    _warn(asked)
    if jsonl:
        _serve(sys.stdin.buffer, sys.stdout.buffer, asked, screener)
        return
    now = _now()
    zone = [line for text in lines for line in text.strip().split("\n")]
    verdict = screener.screen(_query({"lines": zone} if lines else given, now), asked, now)
    if as_json:
        click.echo(_encoder.encode(answer(NULL, verdict)).decode())
    else:
        _show(verdict, _zone_words() if lines else _DOUBTS)
    if str(verdict.outcome) != "CLEAR":
        raise SystemExit(1)


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


def _refusal(id_: msgspec.Raw, message: str) -> dict[str, Any]:
    return {"id": id_, "error": message, "outcome": "UNREADABLE", "shown": "UNREADABLE",
            "unreadable": ["input"], "reasons": [], "coverage": []}  # fmt: skip


def _lists_and_rules(
    folder: Path | None, config_path: Path | None, max_age_days: float | None
) -> tuple[Sequence[OpenList], Screener]:
    from edge.core.screening import Screener
    from edge.core.vault import KeyRing
    from edge.list_keys import ListKeys
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
    keys = ListKeys(state).ring if config_path is not None else KeyRing
    return Watchlists.open(folder, keys=keys).lists, screener


def _warn(asked: Sequence[OpenList]) -> None:
    if not asked:
        click.echo(
            "no list is there: every verdict is INCOMPLETE (make one with: borderpost-hq lists build)", err=True
        )
    for entry in asked:
        if entry.problem:
            click.echo(f"{entry.list_id}: {entry.problem} (copy the list again from headquarters)", err=True)


def _serve(source: BinaryIO, sink: BinaryIO, asked: Sequence[OpenList], screener: Screener) -> None:
    for number, raw in stream.numbered(source):
        if raw is None:
            reply = _refusal(NULL, f"line {number} is longer than {MAX_LINE} bytes and was skipped")
        else:
            reply = _reply(raw, number, asked, screener)
        sink.write(_encoder.encode(reply) + b"\n")
        sink.flush()


def _reply(raw: bytes, number: int, asked: Sequence[OpenList], screener: Screener) -> dict[str, Any]:
    from edge.core.screening.query import FIELDS, unknown_fields

    id_, request = stream.understood(raw)
    if request is None:
        return _refusal(id_, f"line {number} is not a JSON object")
    lines = request.get("lines")
    if lines is not None and not (isinstance(lines, list) and all(isinstance(x, str) for x in lines)):
        return _refusal(id_, f"line {number}: lines is not an array of strings")
    now = _now()
    found = answer(id_, screener.screen(_query(request, now), asked, now))
    unknown = unknown_fields(_fields(request)) if lines is None else ()
    if unknown:
        names = stream.key_names(unknown)
        found["error"] = f"line {number}: unknown keys: {names}; keys are id, lines, {', '.join(FIELDS)}"
    return found


def _fields(request: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in request.items() if key not in {"id", "lines"}}


def _query(request: Mapping[str, Any], now: Trusted) -> Query:
    from edge.core.mrz import parse
    from edge.core.screening import Query

    lines = request.get("lines")
    if lines is None:
        return Query.of_fields(_fields(request))
    assert now.time is not None
    return Query.of_document(parse(lines, today=now.time.date()))


def _now() -> Trusted:
    from edge.core.trusted import ClockState, Trusted

    now = datetime.now(UTC)
    return Trusted(ClockState.SYSTEM, now, now)


def _zone_words() -> Mapping[str, str]:
    from edge.core.mrz import findings

    return {code: message for code, (_severity, _field, message) in findings.TABLE.items()}


def _show(verdict: Verdict, words: Mapping[str, str]) -> None:
    """For a person: colour on a terminal, plain lines in a pipe. ``words`` say each doubt."""
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
            click.echo(f"  {': '.join(filter(None, (reason.category.replace('_', ' '), reason.action)))}")
        for line in reason.evidence:
            pair = " ~ ".join(filter(None, (line.query, line.listed)))
            worth = f"  {line.similarity:.2f} x {line.weight:.2f}" if line.weight else ""
            points = f"  {line.points:+.2f}" if line.points else ""
            click.echo(f"    {line.rule:<40}{pair}{worth}{points}")
    for part in verdict.coverage:
        age = "age unknown" if part.age_seconds is None else f"{part.age_seconds / DAY_SECONDS:.1f} days old"
        state = _STATES.get(part.state, str(part.state))
        if part.freshness == "old":
            age += ", more than it should be"
        number = "no generation" if part.generation is None else f"generation {part.generation}"
        click.echo(f"{part.list_id}: {state}, {number}, {part.records:,} records, {age}")
