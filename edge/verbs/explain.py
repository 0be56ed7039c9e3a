"""``borderpost explain``: how one name is scored against another, and why; no list is asked.

Laws:
1. ``--jsonl`` answers every line of input with one line, in order, at once, and goes on whatever a line holds. A line
   that is no request is answered with the score 0 and an ``error``.
2. Input lines are bounded by ``MAX_LINE`` bytes; what is longer is skipped and said.
3. A key that is no field, and a value that cannot be read, are named in ``error``; what was understood is scored all
   the same.
4. The score is the one of screening (``edge.core.screening.explain``). Nothing of a question or an answer is logged.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click
import msgspec

from edge.core.texts import LANGUAGES
from edge.verbs import jsonl as stream
from edge.verbs.jsonl import MAX_LINE, NULL

if TYPE_CHECKING:
    from edge.core.screening.explain import Explained

SIDES: Final = ("a", "b")
_encoder = msgspec.json.Encoder()


@click.command("explain")
@click.argument("names", nargs=-1, metavar="[TRAVELLER RECORD]")
@click.option("--jsonl", is_flag=True, help="One JSON request a line on standard input, one answer a line.")
@click.option("--birth-dates", nargs=2, metavar="A B", help="Birth dates YYYY[-MM[-DD]] of traveller and record.")
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default="en", show_default=True,
              help="Language of the reasons.")
def command(names: tuple[str, ...], jsonl: bool, birth_dates: tuple[str, str] | None, language: str) -> None:
    """Score a traveller's name against a record's, and say why.

    A request of --jsonl is {"id", "a", "b"}: a is the traveller, b the record, each with any of name, birth_date, sex
    and nationality. A name may be in any script, or a raw name field of a zone, with <; at 30, 31 or 39 characters
    it may have been cut. The answer is {"id", "score", "evidence"}: the score 0..1 that screening compares with the
    thresholds of a list, and every step to it. Weights come from a built-in table; in a list, rarity counts too.

    \b
    Try it:
      borderpost explain 'ERIKSSON<<ANNA<MARIA<<<<<<<<<<' 'Erikson, Anna Maria' --birth-dates 1974-08-12 1974
      echo '{"id": 1, "a": {"name": "ERIKSSON ANNA"}, "b": {"name": "Erikson Ana", "birth_date": "1974"}}' |
        borderpost explain --jsonl
    """
    if jsonl:
        if names or birth_dates:
            raise click.UsageError("--jsonl reads standard input: leave out names and --birth-dates.")
        _serve(sys.stdin.buffer, sys.stdout.buffer)
        return
    if len(names) != len(SIDES):
        raise click.UsageError("Give the traveller's name and the record's, each quoted, or --jsonl.")
    births = birth_dates or (None, None)
    sides = {side: {"name": name, "birth_date": birth} for side, name, birth in zip(SIDES, names, births, strict=True)}
    found, doubts = _explained(sides)
    _show(found, language)
    for doubt in doubts:
        click.echo(f"not understood: {doubt}", err=True)


def answer(id_: msgspec.Raw, found: Explained) -> dict[str, Any]:
    """The answer of ``--jsonl`` to one question."""
    return {"id": id_, "score": found.score, "evidence": found.evidence}


def _serve(source: BinaryIO, sink: BinaryIO) -> None:
    for number, raw in stream.numbered(source):
        if raw is None:
            reply = _refusal(NULL, f"line {number} is longer than {MAX_LINE} bytes and was skipped")
        else:
            reply = _reply(raw, number)
        sink.write(_encoder.encode(reply) + b"\n")
        sink.flush()


def _refusal(id_: msgspec.Raw, message: str) -> dict[str, Any]:
    return {"id": id_, "error": message, "score": 0.0, "evidence": []}


def _reply(raw: bytes, number: int) -> dict[str, Any]:
    id_, request = stream.understood(raw)
    if request is None:
        return _refusal(id_, f"line {number} is not a JSON object")
    found, doubts = _explained(request)
    unknown = [key for key, value in request.items() if value is not None and key not in {"id", *SIDES}]
    reply = answer(id_, found)
    faults = [f"unknown keys: {stream.key_names(unknown)}"] if unknown else []
    faults += [f"not understood: {', '.join(doubts)}"] if doubts else []
    if faults:
        reply["error"] = f"line {number}: {'; '.join(faults)}"
    return reply


def _explained(request: Mapping[str, Any]) -> tuple[Explained, list[str]]:
    """What is to be said of ``a`` and ``b``, and what of them was not understood."""
    from edge.core.screening.explain import FIELDS, Person, explain_pair

    people, doubts = [], []
    for side in SIDES:
        given = request.get(side)
        fields = given if isinstance(given, dict) else {}
        person = Person.of_fields(fields, record=side == "b")
        unknown = [key for key, value in fields.items() if value is not None and key not in FIELDS]
        doubts += [] if isinstance(given, dict) else [f"{side} is no object"]
        doubts += [f"{side}.{key}" for key in person.doubts]
        doubts += [f"{side} has unknown keys {stream.key_names(unknown)}"] if unknown else []
        doubts += [f"{side}.name is empty"] if isinstance(given, dict) and not person.name else []
        people.append(person)
    return explain_pair(*people), doubts


def _show(found: Explained, language: str) -> None:
    from edge.core.texts import evidence_text

    click.echo(f"{found.score:.2f}")
    for step in found.evidence:
        pair = " ~ ".join(filter(None, (step.query, step.listed)))
        worth = f"  {step.similarity:.2f} x {step.weight:.2f}" if step.weight else ""
        points = f"  {step.points:+.2f}" if step.points else ""
        click.echo(f"  {evidence_text(language, step.rule)}: {pair}{worth}{points}")
