"""``borderpost counter``: the officer's terminal view over the box's local socket."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from edge.core.codes import CONFIRM_ADVICE
from edge.verbs.options import config_option

# A word, a colour and a shape, so that nobody depends on one of them.
LOOKS = {
    "HIT": ("red", "■ ■ ■"),
    "POSSIBLE": ("yellow", "▲"),
    "UNREADABLE": ("magenta", "?"),
    "INCOMPLETE": ("blue", "…"),
    "CLEAR": ("green", "●"),
}
# Control characters, and those that turn the direction of writing.
STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
NEXT = {
    "HIT": f"a lead, not a judgement: {CONFIRM_ADVICE}",
    "POSSIBLE": "compare the document and the person with the record below before you ask on",
    "UNREADABLE": "clean the document and swipe again; if it stays so, type from the visual zone and refer",
    "INCOMPLETE": "not fully screened: a list is missing or too old, or the time is unsure; follow the post's fallback",
    "CLEAR": "",
}
RETRY_S = 1.0  # between two tries to find the box again
WORKS = ("ready", "reading", "opening")
GONE: dict[str, Any] = {"type": "notice", "text": "the box went away: no verdicts until it is back"}


@click.command("counter")
@config_option
@click.option("--counter", "name", default=None, help="Only this counter (default: all of the box).")
@click.option("--json", "as_json", is_flag=True, help="The box's messages as they come, one JSON line each.")
@click.option("--count", default=0, metavar="N", help="End after N verdicts (0: go on until Ctrl-C).")
def command(config_path: Path, name: str | None, as_json: bool, count: int) -> None:
    """Show verdicts as they come, with reasons and the lists that were asked.

    \b
    HIT         a listed document or person: a lead that a person confirms
    POSSIBLE    something near: look closer
    UNREADABLE  the zone could not be read for certain: read again
    INCOMPLETE  not fully screened: a list is missing or too old
    CLEAR       every list was asked and nothing agreed

    The same document within seconds is one passage: its word is shown again, without a colour behind it.
    When the box restarts, the view waits for it and goes on.
    """
    from edge import config

    seen = 0
    for told in followed(Path(config.load(config_path).box.socket)):
        message = for_counter(told, name) if name else told
        if message is None:
            continue
        if as_json:
            import msgspec

            sys.stdout.write(msgspec.json.encode(message).decode() + "\n")
            sys.stdout.flush()
        else:
            show(message)
        seen += message.get("type") == "verdict"
        if count and seen >= count:
            return


def followed(path: Path) -> Iterator[dict[str, Any]]:
    """Every message of the box, over its restarts too. Raises DeskError when it does not answer at first."""
    from edge.desk import DeskClient, DeskError

    desk = DeskClient(path)
    while True:
        with desk:
            yield from desk.messages()
        yield GONE
        while True:
            time.sleep(RETRY_S)
            with suppress(DeskError):
                desk = DeskClient(path)
                break


def for_counter(message: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What of a message concerns the counter ``name``, or None; an error for a name that the box does not have."""
    if message.get("type") != "hello":
        return message if message.get("counter") in (None, name) else None
    if name not in message["counters"]:
        from edge.core.errors import BorderpostError

        known = ", ".join(message["counters"])
        raise BorderpostError(f"this box has no counter {name!r}", advice=f"give one of: {known}")
    own = {key: [one for one in message.get(key, ()) if one["counter"] == name] for key in ("open", "readers")}
    return {**message, **own}


def show(message: Mapping[str, Any]) -> None:
    """Print one message for a person; what comes from documents and lists cannot steer the terminal."""
    message = _tame(message)
    kind = message.get("type")
    if kind == "hello":
        click.echo(f"box {message['device']}  counters: {', '.join(message['counters'])}")
        for lead in message["open"]:
            click.echo(f"  open: {lead['passage']}  {lead['shown']}  {lead['counter']}  {lead['at']}")
        for reader in message.get("readers", ()):
            _reader(reader)
    elif kind == "verdict":
        _verdict(message)
    elif kind == "again":
        _again(message)
    elif kind == "closed":
        click.echo(f"  {message['passage']} closed: {message['outcome']}")
    elif kind == "reader":
        _reader(message)
    elif kind == "notice":
        click.secho(f"  {message['text']}", fg="yellow", bold=True)


def _reader(message: Mapping[str, Any]) -> None:
    name, state = message["reader"], message["state"]
    if state == "unread":
        click.secho(f"  {name}: a document did not come through: present it again", fg="yellow", bold=True)
    elif state in WORKS:
        click.echo(f"  reader {name}: {state}")
    else:
        click.secho(f"  reader {name}: {state}: look at its plug, cable and power", fg="yellow", bold=True)


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return STEERING.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {key: _tame(inner) for key, inner in value.items()}
    return [_tame(inner) for inner in value] if isinstance(value, list) else value


def _verdict(message: Mapping[str, Any]) -> None:
    outcome = message["outcome"]
    colour, shape = LOOKS[outcome]
    click.echo()
    click.secho(f" {shape} {outcome} ", fg="white" if colour != "yellow" else "black", bg=colour, bold=True, nl=False)
    click.echo(f"  {message['counter']} ({message['direction']})  {message['passage']}  {message['elapsed_ms']:.0f} ms")
    if not message["recorded"]:
        click.secho("   NOT RECORDED: note this traveller by hand and call the technician", fg="red", bold=True)
    if outcome_advice := NEXT[outcome]:
        click.echo(f"   {outcome_advice}")
    _rows(message["rows"])
    _document(message["document"])
    for reason in message["reasons"]:
        _reason(reason)
    for finding in message["findings"]:
        click.echo(f"   - {finding['message']}")
    ages = "  ".join(_coverage(c) for c in message["coverage"])
    click.secho(f"   lists: {ages or 'none'}", dim=True)
    if outcome in ("HIT", "POSSIBLE"):
        click.echo(f"   when it is decided: borderpost close {message['passage']} --outcome CODE")


def _again(message: Mapping[str, Any]) -> None:
    """The same document once more: what was shown still stands, and there is no second passage."""
    outcome = message["outcome"]
    colour, shape = LOOKS[outcome]
    click.echo()
    click.secho(f" {shape} {outcome} ", fg=colour, bold=True, nl=False)
    click.echo(
        f"  {message['counter']} ({message['direction']})  {message['passage']}  the same document, read "
        f"{message['times']} times: no new passage"
    )
    _document(message["document"])


def _rows(rows: Mapping[str, Any]) -> None:
    """What was seen of a zone that was not wholly read, and what to do."""
    read, of = rows["read"], rows["of"]
    if rows["text"] and read:
        named = f"row {read[0]} of {of} was" if len(read) == 1 else f"rows {' and '.join(map(str, read))} of {of} were"
        click.secho(f"   {named} read: present the document again", bold=True)
    for text in rows["text"]:
        click.echo(f"     {text}")


def _document(document: Mapping[str, Any]) -> None:
    if document["number"] or document["surname"]:
        click.echo(
            f"   {document['format'] or '?'}  {document['issuing_state']} {document['number']}  "
            f"{document['surname']}, {document['given_names']}  born {document['birth_date']}  "
            f"{document['sex']}  {document['nationality']}"
        )


def _reason(reason: Mapping[str, Any]) -> None:
    name = f"  {reason['name']}" if reason["name"] else ""
    click.secho(
        f"   {reason['outcome']:9}{reason['list']}/{reason['record']}  {reason['kind']} {reason['category']}"
        f"{name}  {reason['score']:.2f}",
        bold=True,
    )
    if reason["action"]:
        click.echo(f"     action: {reason['action']}")
    for step in reason["evidence"]:
        weight = f"{step['similarity']:.2f}" if step["weight"] else f"{step['points']:+.2f}"
        click.echo(f"       {step['query'] or '-':22} {step['listed'] or '-':22} {step['rule']:18} {weight}")


def _coverage(c: Mapping[str, Any]) -> str:
    age = c["age_seconds"]
    text = "age unknown" if age is None else f"{age / 86400:.1f} d" if age >= 86400 else f"{age / 3600:.1f} h"
    state = "" if c["state"] in ("asked", "not_applicable") else f" {c['state'].upper()}"
    return f"{c['list']} {text}{state}"
