"""``borderpost-hq watch``: hits as they arrive, opened with the private key."""

from __future__ import annotations

import contextlib
import math
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hq.verbs.options import config_option, now, say_json, stream_option

if TYPE_CHECKING:
    from edge.core.sealing import SealPrivate
    from edge.core.wire import BodyReason, ClosingBody, FingersBody, PassageBody
    from hq.store import Hit

POLL_S = 0.2
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
FEWEST = 1e-6  # strangers: of fewer nothing was ever measured
# Rules of the evidence of a finger (edge.core.screening.by_finger)
EXPECTED = "strangers expected to reach this score in one search"
AGREE, AGREE_TOO_LITTLE = "both fingers together agree", "both fingers together agree too little"
_COLOURS = {"HIT": "red", "POSSIBLE": "yellow"}


def when(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    """A time: ``2h`` (ago; s, m, h, d) or a date or time in ISO 8601 (UTC unless it says otherwise)."""
    if text is None:
        return None
    ago = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if ago:
        return now() - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time: give 30m, 2h, 7d or 2026-05-17T08:00") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


@click.command()
@config_option
@stream_option
@click.option(
    "--since",
    callback=when,
    metavar="TIME",
    help="begin there (30m, 2h, 7d, or a date); without it: from now on",
)
@click.option("--site", default="", help="Only what was sent from this site, by whichever box stood there.")
@click.option("--once", is_flag=True, help="print what is there (all of it without --since) and exit")
def command(config_path: Path, as_json: bool, since: datetime | None, once: bool, site: str) -> None:
    """Follow HIT and POSSIBLE passages, silent ones marked, their fingers, and the decisions that close them.

    A hit is a lead: confirm it with the NCB. This output holds personal data; it is not logged.
    """
    from hq import config, keys
    from hq.store import View

    settings = config.load(config_path)
    opened = keys.load_seal([Path(p) for p in settings.keys.seal], keys.read_passphrase(settings.keys))
    say = say_json if as_json else _say_text
    with View(Path(settings.store.path)) as view:
        after = view.first_since(since) if since else 0 if once else view.last()
        while True:
            found = view.hits(after, site=site)
            for hit in found:
                say(record(hit, opened))
                after = hit.n
            if once and not found:
                return
            if not found:
                time.sleep(POLL_S)


def record(hit: Hit, keys: Mapping[str, SealPrivate]) -> dict[str, object]:
    """One line: what stands in clear, and with ``opened`` true what the sealed body says."""
    from edge.core.sealing import SealError, open_sealed
    from edge.core.wire import BODY_TYPE, ClosingBody, FingersBody, PassageBody, WireError, decode_body

    line: dict[str, object] = {
        "kind": hit.kind,
        "id": hit.id,
        "post": hit.device,
        "site": hit.site,
        "passage": hit.passage,
        "received": hit.received,
        "time": hit.time,
        "clock": hit.clock,
        "outcome": hit.outcome,
        "shown": hit.shown,
        "silent": hit.kind in ("passage", "fingers") and hit.shown != hit.outcome,
        "closed": hit.closed,
        "lists": list(hit.lists),
        "opened": False,
    }
    try:
        body = decode_body(open_sealed(hit.sealed, message_id=hit.id, type=BODY_TYPE, keys=keys))
    except (SealError, WireError):
        return line
    if isinstance(body, PassageBody):
        line |= {"opened": True} | _passage(body)
    elif isinstance(body, FingersBody):
        line |= {"opened": True} | _fingers(body)
    elif isinstance(body, ClosingBody):
        line |= {"opened": True} | _closing(body)
    return line


def _position(number: int) -> str:
    from edge.core.fingerprints.model import Position
    from edge.core.screening.by_finger import position_word

    return position_word(Position(number)) if number in set(map(int, Position)) else str(number)


def _passage(body: PassageBody) -> dict[str, object]:
    import msgspec

    return {
        "counter": body.counter,
        "direction": body.direction,
        "document": msgspec.to_builtins(body.document) if body.document else None,
        "reasons": [_reason(r) for r in body.reasons],
        "findings": list(body.findings),
    }


def _fingers(body: FingersBody) -> dict[str, object]:
    return {
        "counter": body.counter,
        "at_counter": body.scanner or body.counter,
        "purpose": body.purpose,
        "positions": [_position(p) for p in body.positions],
        "reasons": [_reason(r) for r in body.reasons],
        "generations": {c.list: c.generation for c in body.coverage},
        "templates": body.templates,
        "extractor": body.extractor,
        "quality": body.quality,
        "score": body.score,
        "same": body.same,
        "problem": body.problem,
        "after": body.after,
        "image_bytes": len(body.image),
    }


def _reason(reason: BodyReason) -> dict[str, object]:
    return (_finger(reason) if reason.fingers else {}) | {
        "list": reason.list,
        "record": reason.record,
        "kind": reason.kind,
        "outcome": reason.outcome,
        "score": reason.score,
        "silent": reason.silent,
        "category": reason.category,
        "name": reason.name,
        "action": reason.action,
    }


def _finger(reason: BodyReason) -> dict[str, object]:
    """What a finger is judged by; ``expected`` and ``agrees`` are None where the body had no room to say them."""
    said = {e.rule: e for e in reason.evidence}
    expected: float | None = None
    with contextlib.suppress(KeyError, ValueError):
        expected = float(said[EXPECTED].listed)
    if expected is None and 0 < reason.score < 1:
        expected = float(f"{-math.log(reason.score):.1g}")  # the score of such a reason: by_finger, law 3
    agrees = True if AGREE in said else False if AGREE_TOO_LITTLE in said else None
    return {
        "reference": reason.reference, "position": _position(reason.position), "comparison": reason.comparison,
        "fingers": reason.fingers, "expected": expected, "agrees": agrees,
    }  # fmt: skip


def _closing(body: ClosingBody) -> dict[str, object]:
    return {"code": body.code, "note": body.note}


def _say_text(line: Mapping[str, object]) -> None:
    when = str(line["received"]).replace("T", " ")[:19]
    if line["kind"] == "closing":
        click.echo(f"{when}  {line['post']}  closed  {line['passage']}  {line.get('code', 'sealed')}")
        return
    outcome = str(line["outcome"])
    mark = "  SILENT: the counter was shown " + str(line["shown"]) if line["silent"] else ""
    word = click.style(outcome, fg=_COLOURS.get(outcome), bold=True)
    place = f"{line.get('counter', '?')} {line.get('direction', '')}".strip()
    click.echo(f"{when}  {line['post']}  {place}  {word}  {line['passage']}{mark}")
    if not line["opened"]:
        click.echo("    the body is sealed to a key that hq.toml does not name")
        return
    if line["kind"] == "fingers":
        _say_fingers(line)
    document = line.get("document")
    if isinstance(document, Mapping):
        names = ", ".join(filter(None, (document.get("surname", ""), document.get("given_names", ""))))
        facts = (document.get("type"), document.get("issuing_state"), document.get("number"), names,
                 document.get("birth_date"), document.get("sex"), document.get("nationality"))  # fmt: skip
        click.echo("    " + "  ".join(str(f) for f in facts if f))
    reasons = line.get("reasons")
    for reason in reasons if isinstance(reasons, list) else []:
        silent = " silent" if reason["silent"] else ""
        name = f" {reason['name']}" if reason["name"] else ""
        score = "" if "reference" in reason else f" {reason['score']:.2f}"  # of a finger it is 1.00 for every one
        click.echo(
            f"    {reason['list']}{silent} {reason['record']} {reason['kind']} {reason['outcome']}"
            f"{score}{name} {reason['category']}".rstrip()
        )
        if "reference" in reason:
            _say_candidate(reason)
        if reason["action"]:
            click.echo(f"      {reason['action']}")
    sys.stdout.flush()


def _say_candidate(reason: Mapping[str, object]) -> None:
    """What a candidate by a finger is judged by: with the reference and both prints a person compares."""
    two = reason["fingers"] != 1
    what = "and another finger, sum of both comparison scores" if two else "comparison score"
    comma = " " if two else ", "
    click.echo(f"      reference {reason['reference']}, {reason['position']}{comma}{what} {reason['comparison']:.2f}")
    expected = reason["expected"]
    if isinstance(expected, float):
        few = "under 1e-6" if expected < FEWEST else f"{expected:.1g}"
        click.echo(f"      strangers expected to reach it in one search: {few}")
    if reason["agrees"] is not None:
        click.echo("      both fingers together agree" if reason["agrees"] else
                   "      the second finger does not agree: another person, the wrong finger, or badly taken")


def _say_fingers(line: Mapping[str, object]) -> None:
    positions, reasons = line["positions"], line["reasons"]
    assert isinstance(positions, list)
    fingers = " and ".join(positions)
    if line["problem"]:
        said = f"not searched: {line['problem']}"
        if line["purpose"] == "second":
            stands = f"what the first finger found in {line['templates']} templates stands"
            said = f"not compared: {line['problem']}; {stands}"
    elif line["purpose"] == "verify":
        said = "no decision" if line["same"] is None else (
            "the same finger as before" if line["same"] else "not the same finger as before")
        said += f", score {line['score']}"
    else:
        found = "candidates, to be compared by a person" if reasons else "no candidate, which is no clearance"
        said = f"{found}: {line['templates']} templates, extractor {line['extractor']}, quality {line['quality']}"
    late = {"closed": ", after the passage was closed", "kept": ", after its time"}.get(str(line["after"]), "")
    image = ", with an image" if line["image_bytes"] else ""
    click.echo(f"    finger {fingers} at {line['at_counter']}: {said}{late}{image}")
