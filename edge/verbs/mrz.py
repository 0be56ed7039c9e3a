"""``borderpost mrz``: what the parser makes of a machine-readable zone.

Laws:
1. ``--jsonl`` answers every line of input with one line, in order, at once (each is flushed), and
   goes on whatever a line holds. A line that is no request gets a finding ``input`` and no fields.
2. Input lines are bounded by ``MAX_LINE`` bytes; what is longer is skipped and said. Keys of a request
   other than ``id`` and ``lines`` are ignored: they change nothing in what a zone says.
3. The verb alone reads the clock, and only where ``--today`` does not replace it.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import click
import msgspec

from edge.verbs import jsonl as stream
from edge.verbs.jsonl import MAX_LINE, NULL

if TYPE_CHECKING:
    from edge.core.documents import TravelDocument

MAX_PLAIN: Final = 16      # lines of standard input looked at without --jsonl


NO_REQUEST: Final = 'not a request: an object with "lines", an array of strings, is needed.'


class _Request(msgspec.Struct):
    lines: list[str] | None = None
    id: msgspec.Raw = NULL  # echoed byte for byte: it may be anything


_request = msgspec.json.Decoder(_Request)
_encoder = msgspec.json.Encoder()


@click.command("mrz")
@click.argument("lines", nargs=-1)
@click.option("--jsonl", is_flag=True, help="One JSON request a line on standard input, one answer a line.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document instead of text for a person.")
@click.option(
    "--today", "today_text", metavar="YYYY-MM-DD", help="Judge centuries and expiry by this day, not by now."
)
def command(lines: tuple[str, ...], jsonl: bool, as_json: bool, today_text: str | None) -> None:
    """Read a machine-readable zone and explain it.

    LINES are the two or three lines of one document, quoted (a bare < means redirection to the shell).
    Without LINES they come from standard input. Formats: TD1 (3x30), TD2 (2x36), TD3 (2x44), MRV-A
    (2x44), MRV-B (2x36), French identity card (2x36).

    \b
    Try it:
      borderpost mrz 'P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<' \\
                     'L898902C36UTO7408122F1204159ZE184226B<<<<<10'
      borderpost mrz < document.txt
      echo '{"id": 1, "lines": ["P<UTO...", "L898..."]}' | borderpost mrz --jsonl

    A finding of severity error makes the zone invalid: a format, a character, a check digit, a sex,
    a month or day, a digit in a name. Warnings and infos do not. Screening goes on in either case.
    A request of --jsonl has the keys id and lines; others are ignored.

    \b
    Exit codes: 0 the zone is valid (--jsonl: always, unless the usage is wrong)
                1 it has an error        2 wrong usage
    """
    today = _day(today_text)
    if jsonl:
        if lines or as_json:
            raise click.UsageError("--jsonl reads standard input: leave out LINES and --json.")
        _serve(sys.stdin.buffer, sys.stdout.buffer, today)
        return
    from edge.core.mrz import parse

    given = [stream.printable(line) for text in lines for line in text.strip().split("\n")]
    document = parse(given or _from_stdin(), today=today)
    if as_json:
        click.echo(_encoder.encode(answer(NULL, document)).decode())
    else:
        _show(document)
    if not document.valid:
        raise SystemExit(1)


def answer(id_: msgspec.Raw, document: TravelDocument) -> dict[str, Any]:
    """The answer of ``--jsonl`` to one document."""
    return {
        "id": id_,
        "format": document.format,
        "valid": document.valid,
        "findings": document.findings,
        "fields": document.fields,
        "document": _interpreted(document),
        "alternatives": document.alternatives,
    }


def _interpreted(document: TravelDocument) -> dict[str, Any] | None:
    if document.fields is None:
        return None
    return {
        "primary": document.primary,
        "secondary": document.secondary,
        "truncated": document.truncated,
        "birth_date": document.birth_date and str(document.birth_date),
        "expiry_date": document.expiry_date and str(document.expiry_date),
        "sex": document.fields.sex if document.fields.sex in ("M", "F") else None,
        "long_number_weighting": document.long_number_weighting,
        "readings": document.readings,
    }


def _refusal(id_: msgspec.Raw, number: int, message: str) -> dict[str, Any]:
    found = {"code": "input", "severity": "error", "field": "", "line": None, "column": None}
    return {
        "id": id_, "format": None, "valid": False,
        "findings": [found | {"message": f"Input line {number}: {message}"}],
        "fields": None, "document": None, "alternatives": [],
    }  # fmt: skip


def _serve(source: BinaryIO, sink: BinaryIO, today: date) -> None:
    from edge.core.mrz import parse

    for number, raw in stream.numbered(source):
        if raw is None:
            reply = _refusal(NULL, number, f"longer than {MAX_LINE} bytes; skipped.")
        else:
            request = _understood(raw)
            if isinstance(request.lines, list):
                reply = answer(request.id, parse(request.lines, today=today))
            else:
                reply = _refusal(request.id, number, NO_REQUEST)
        sink.write(_encoder.encode(reply) + b"\n")
        sink.flush()


def _understood(raw: bytes) -> _Request:
    """The request in a line; without ``lines`` if it holds none, without an id if there is none to find.

    What the strict reader refuses (bytes that are no UTF-8, lone surrogates, a wrong ``lines``) is read
    again leniently, so that garbled input still gets its findings under its own id.
    """
    try:
        request = _request.decode(raw)
        return _Request(request.lines, stream.echoed(request.id))
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    id_, found = stream.leniently(raw)
    lines = (found or {}).get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        lines = None
    return _Request(lines, id_)


def _day(text: str | None) -> date:
    if text is None:
        return datetime.now(tz=UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write a day as YYYY-MM-DD", param_hint="--today") from error


def _from_stdin() -> list[str]:
    """The lines of one document; blank lines fall out, bytes that are no UTF-8 become illegal characters."""
    if sys.stdin.isatty():
        click.echo("Type the lines of one document, then Ctrl-D:", err=True)
    texts = (raw for _, raw in stream.numbered(sys.stdin.buffer))
    found = [(raw or b"").decode("utf-8", "replace") for raw, _ in zip(texts, range(MAX_PLAIN), strict=False)]
    if not found:
        raise click.UsageError("No lines given: write them as arguments or on standard input.")
    return found


def _show(document: TravelDocument) -> None:
    """For a person: marks and colour on a terminal, plain ``name: value`` lines in a pipe."""
    terminal = sys.stdout.isatty()
    rows: list[tuple[str, str]] = [("format", document.format or "none")]
    if document.fields is not None:
        fields = document.fields
        rows += [
            ("document", f"{fields.document_type} {fields.issuing_state} {fields.document_number}".strip()),
            ("surname", fields.surname),
            ("given names", fields.given_names + (" … (may be cut)" if document.truncated else "")),
            ("nationality", fields.nationality),
            ("sex", fields.sex),
            ("born", str(document.birth_date or "unknown")),
            ("expires", str(document.expiry_date or "not stated")),
            ("optional data", " ".join(filter(None, (fields.optional1, fields.optional2)))),
        ]
        if document.long_number_weighting:
            rows.append(("long number", f"< in the digit's place {document.long_number_weighting}"))
    for name, value in rows:
        click.echo(f"{name + ':':<15}{value}".rstrip())
    for finding in document.findings:
        place = f"line {finding.line} column {finding.column}: " if finding.line else ""
        mark = {"error": "red", "warning": "yellow", "info": "cyan"}[finding.severity]
        word = click.style(f"{finding.severity}:", fg=mark) if terminal else f"{finding.severity}:"
        click.echo(f"{word} {place}{finding.message} [{finding.code}]")
    for alternative in document.alternatives:
        click.echo(f"alternative:   {alternative.field} {alternative.value} ({alternative.changes} changed)")
    verdict = "valid" if document.valid else "not valid"
    colour = "green" if document.valid else "red"
    click.echo(click.style(verdict, fg=colour, bold=True) if terminal else verdict)
