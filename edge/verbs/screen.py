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

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click
import msgspec

from edge.verbs import jsonl as stream
from edge.verbs.asking import ENCODER, answer, lists_and_rules, lists_options, now, show, warn
from edge.verbs.jsonl import MAX_LINE, NULL

if TYPE_CHECKING:
    from edge.core.screening import Query, Screener
    from edge.core.trusted import Trusted
    from edge.watchlists import OpenList

_DOUBTS: Final = {  # about typed fields; a zone's doubts have the parser's own words
    "empty": "nothing to ask by: give a name, a number or lines",
    "name": "no letter of the name can be compared",
    "name_letters": "letters of the name stand in a script that is not read: the name was asked without them",
    "birth_date": "the birth date is no date YYYY[-MM[-DD]]",
    "sex": "the sex is none of M, F and X",
    "nationality": "the nationality is neither a code nor an English name of a State: screened without it",
    "issuing_state": "the issuing State is neither a code nor an English name: every State was asked",
    "document_number": "the document number is not 1 to 24 Latin letters and digits",
}



@click.command("screen")
@click.argument("lines", nargs=-1)
@lists_options
@click.option("--jsonl", is_flag=True, help="One JSON request a line on standard input, one answer a line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text for a person.")
@click.option("--surname", help="Surname, any script.")
@click.option("--given-names", help="Given names, any script.")
@click.option("--birth-date", metavar="YYYY[-MM[-DD]]", help="Birth date as far as it is known.")
@click.option("--sex", type=click.Choice(["M", "F"], case_sensitive=False), help="Sex.")
@click.option("--nationality", metavar="CODE", help="Nationality: ICAO code, ISO code or English name.")
@click.option("--document-number", metavar="NUMBER", help="Document number.")
@click.option("--issuing-state", metavar="CODE", help="Issuing State: ICAO code, ISO code or English name.")
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
    asked, screener = lists_and_rules(folder, config_path, max_age_days)
    warn(asked, looked=config_path is not None)
    if jsonl:
        _serve(sys.stdin.buffer, sys.stdout.buffer, asked, screener)
        return
    at = now()
    zone = [line for text in lines for line in text.strip().split("\n")]
    verdict = screener.screen(_query({"lines": zone} if lines else given, at), asked, at)
    if as_json:
        click.echo(ENCODER.encode(answer(NULL, verdict)).decode())
    else:
        show(verdict, _zone_words() if lines else _DOUBTS)
    if str(verdict.outcome) != "CLEAR":
        raise SystemExit(1)


def _refusal(id_: msgspec.Raw, message: str) -> dict[str, Any]:
    return {"id": id_, "error": message, "outcome": "UNREADABLE", "shown": "UNREADABLE",
            "unreadable": ["input"], "reasons": [], "coverage": []}  # fmt: skip


def _serve(source: BinaryIO, sink: BinaryIO, asked: Sequence[OpenList], screener: Screener) -> None:
    for number, raw in stream.numbered(source):
        if raw is None:
            reply = _refusal(NULL, f"line {number} is longer than {MAX_LINE} bytes and was skipped")
        else:
            reply = _reply(raw, number, asked, screener)
        sink.write(ENCODER.encode(reply) + b"\n")
        sink.flush()


def _reply(raw: bytes, number: int, asked: Sequence[OpenList], screener: Screener) -> dict[str, Any]:
    from edge.core.screening.query import FIELDS, unknown_fields

    id_, request = stream.understood(raw)
    if request is None:
        return _refusal(id_, f"line {number} is not a JSON object")
    lines = request.get("lines")
    if lines is not None and not (isinstance(lines, list) and all(isinstance(x, str) for x in lines)):
        return _refusal(id_, f"line {number}: lines is not an array of strings")
    at = now()
    found = answer(id_, screener.screen(_query(request, at), asked, at))
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


def _zone_words() -> Mapping[str, str]:
    from edge.core.mrz import findings

    return {code: message for code, (_severity, _field, message) in findings.TABLE.items()}
