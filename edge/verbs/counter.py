"""``borderpost counter``: the officer's terminal view over the box's local socket."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from edge.core.texts import DEFAULT, LANGUAGES, evidence_text, listed_text, text
from edge.core.verdicts import CoverageState, Freshness
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
RETRY_S = 1.0  # between two tries to find the box again
WORKS = ("ready", "reading", "opening")
GONE: dict[str, Any] = {"type": "notice", "text": text(DEFAULT, "say.box_gone")}


@click.command("counter")
@config_option
@click.option("--counter", "name", default=None, help="Only this counter (default: all of the box).")
@click.option("--lang", "language", type=click.Choice(LANGUAGES), default=DEFAULT, show_default=True,
              help="Language of the view.")
@click.option("--json", "as_json", is_flag=True, help="The box's messages as they come, one JSON line each.")
@click.option("--count", default=0, metavar="N", help="End after N verdicts (0: go on until Ctrl-C).")
def command(config_path: Path, name: str | None, language: str, as_json: bool, count: int) -> None:
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
            show({**GONE, "text": text(language, "say.box_gone")} if message is GONE else message, language)
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


def show(message: Mapping[str, Any], language: str = DEFAULT) -> None:
    """Print one message for a person; what comes from documents and lists cannot steer the terminal."""
    message = _tame(message)
    kind = message.get("type")
    if kind == "hello":
        click.echo(f"box {message['device']}  counters: {', '.join(message['counters'])}")
        for lead in message["open"]:
            word = text(language, "say.open")
            click.echo(f"  {word}: {lead['passage']}  {lead['shown']}  {lead['counter']}  {lead['at']}")
        for reader in message.get("readers", ()):
            _reader(reader, language)
    elif kind == "verdict":
        _verdict(message, language)
    elif kind == "again":
        _again(message, language)
    elif kind == "closed":
        code = message["outcome"]
        word = code if language == DEFAULT else f"{code} ({text(language, f'code.{code}')})"
        click.echo(f"  {text(language, 'say.closed', passage=message['passage'], word=word)}")
    elif kind == "reader":
        _reader(message, language)
    elif kind in ("finger", "fingers"):
        from edge.verbs import finger_view

        (finger_view.show_step if kind == "finger" else finger_view.show_fingers)(message, language)
    elif kind == "notice":
        click.secho(f"  {message['text']}", fg="yellow", bold=True)


def _reader(message: Mapping[str, Any], language: str) -> None:
    name, state = message["reader"], message["state"]
    if state == "unread":
        click.secho(f"  {text(language, 'say.unread', name=name)}", fg="yellow", bold=True)
    elif state in WORKS:
        click.echo(f"  {text(language, 'say.reader', name=name, state=state)}")
    else:
        click.secho(f"  {text(language, 'say.reader_gone', name=name, state=state)}", fg="yellow", bold=True)


def _tame(value: Any) -> Any:
    if isinstance(value, str):
        return STEERING.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, Mapping):
        return {key: _tame(inner) for key, inner in value.items()}
    return [_tame(inner) for inner in value] if isinstance(value, list) else value


def outcome_word(outcome: str, language: str) -> str:
    """The outcome's English word, which the reports use, and beside it the translated one."""
    return outcome if language == DEFAULT else f"{outcome}  {text(language, f'outcome.{outcome}')}"


def _verdict(message: Mapping[str, Any], language: str) -> None:
    outcome = message["outcome"]
    colour, shape = LOOKS[outcome]
    word = outcome_word(outcome, language)
    click.echo()
    click.secho(f" {shape} {word} ", fg="white" if colour != "yellow" else "black", bg=colour, bold=True, nl=False)
    click.echo(f"  {message['counter']} ({message['direction']})  {message['passage']}  {message['elapsed_ms']:.0f} ms")
    if not message["recorded"]:
        click.secho(f"   {text(language, 'say.not_recorded')}", fg="red", bold=True)
    if outcome_advice := text(language, f"next.{outcome}"):
        click.echo(f"   {outcome_advice}")
    _rows(message["rows"], language)
    _document(message["document"], language)
    for reason in message["reasons"]:
        show_reason(reason, language)
    for finding in message["findings"]:
        said = finding["message"] if language == DEFAULT else _finding(finding, language)
        click.echo(f"   - {said}")
    ages = "  ".join(_coverage(c, language) for c in message["coverage"])
    click.secho(f"   {text(language, 'say.lists')}: {ages or text(language, 'say.none')}", dim=True)
    for said in remarks(message["coverage"], language, records_expire=message["records_expire"]):
        click.secho(f"   {said}", fg="yellow")
    if outcome in ("HIT", "POSSIBLE"):
        click.echo(f"   {text(language, 'say.when_decided')} borderpost close {message['passage']} --outcome CODE")


def remarks(coverage: Iterable[Mapping[str, Any]], language: str, *, records_expire: bool) -> Iterator[str]:
    """What is to be said of the age of the lists, in whole sentences, a line each; nothing if all is well."""
    if not records_expire:
        yield text(language, "say.time_unsure")
    for one in coverage:
        if one["freshness"] == Freshness.OLD:
            days, hours = one["age_seconds"] / 86400, one["age_seconds"] / 3600
            age = text(language, "say.days", n=f"{days:.1f}") if days >= 1 else text(
                language, "say.hours", n=f"{hours:.1f}")
            yield text(language, "say.list_old", list=one["list"], age=age)
        elif one["state"] == CoverageState.ERASED:
            yield text(language, "say.list_erased", list=one["list"])


def _finding(finding: Mapping[str, Any], language: str) -> str:
    """The finding in another language; the box's own words where the catalogue has none."""
    key = f"finding.{finding['code']}"
    found = text(language, key)
    return found if found != finding["code"] else str(finding["message"])


def _again(message: Mapping[str, Any], language: str) -> None:
    """The same document once more: what was shown still stands, and there is no second passage."""
    outcome = message["outcome"]
    colour, shape = LOOKS[outcome]
    click.echo()
    click.secho(f" {shape} {outcome_word(outcome, language)} ", fg=colour, bold=True, nl=False)
    said = text(language, "say.again", n=message["times"])
    click.echo(f"  {message['counter']} ({message['direction']})  {message['passage']}  {said}")
    _document(message["document"], language)


def _rows(rows: Mapping[str, Any], language: str) -> None:
    """What was seen of a zone that was not wholly read, and what to do."""
    read, of = rows["read"], rows["of"]
    if rows["text"] and read:
        named = f" {text(language, 'say.and')} ".join(map(str, read))
        key = "say.row_read" if len(read) == 1 else "say.rows_read"
        click.secho(f"   {text(language, key, rows=named, of=of)}", bold=True)
    for line in rows["text"]:
        click.echo(f"     {line}")


def _document(document: Mapping[str, Any], language: str) -> None:
    if document["number"] or document["surname"]:
        click.echo(
            f"   {document['format'] or '?'}  {document['issuing_state']} {document['number']}  "
            f"{document['surname']}, {document['given_names']}  {text(language, 'say.born')} {document['birth_date']}  "
            f"{document['sex']}  {document['nationality']}"
        )


def show_reason(reason: Mapping[str, Any], language: str) -> None:
    """One record that weighs, with the evidence for it."""
    name = f"  {reason['name']}" if reason["name"] else ""
    kind, category = text(language, f"kind.{reason['kind']}"), reason["category"]
    category = text(language, f"category.{category}") if category else ""
    click.secho(
        f"   {reason['outcome']:9}{reason['list']}/{reason['record']}  {kind} {category}{name}  {reason['score']:.2f}",
        bold=True,
    )
    if reason["action"]:
        action = text(language, f"action.{reason['action']}")
        click.echo(f"     {text(language, 'say.action')}: {action}")
    for step in reason["evidence"]:
        weight = f"{step['similarity']:.2f}" if step["weight"] else f"{step['points']:+.2f}" if step["points"] else ""
        rule, listed = evidence_text(language, step["rule"]), listed_text(language, step["rule"], step["listed"])
        click.echo(f"       {step['query']:22} {listed:22} {rule:18} {weight}".rstrip())


def _coverage(c: Mapping[str, Any], language: str) -> str:
    age = c["age_seconds"]
    unknown = text(language, "say.age_unknown")
    said = unknown if age is None else f"{age / 86400:.1f} d" if age >= 86400 else f"{age / 3600:.1f} h"
    state = ""
    if c["state"] not in ("asked", "not_applicable"):
        state = f" {c['state'].upper()}" if language == DEFAULT else f" {text(language, 'coverage.' + c['state'])}"
    return f"{c['list']} {said}{state}"
