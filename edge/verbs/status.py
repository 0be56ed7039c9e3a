"""``borderpost status``: how the running box is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from common.times import told_age
from edge.enrol.places import NATIONAL, STATE
from edge.verbs.options import hand_made_option, json_option

ANSWER_TIMEOUT_S = 5.0


@click.command("status")
@hand_made_option
@click.option("--state", type=click.Path(path_type=Path), default=STATE, envvar="BORDERPOST_STATE", show_default=True,
              help="Where a box without edge.toml keeps what headquarters sent.")
@click.option("--national", type=click.Path(path_type=Path), default=NATIONAL, show_default=True,
              help="Whom such a box obeys.")
@json_option
def command(config_path: Path, state: Path, national: Path, as_json: bool) -> None:
    """Ask the running box for readers, lists, outbox, link and clock.

    \b
    Try it:  borderpost status --json
    If the box does not run:  borderpost doctor
    """
    import msgspec

    from edge.core.errors import BorderpostError
    from edge.desk import DeskClient
    from edge.enrol.looking import bare
    from edge.enrol.places import Places
    from edge.enrol.running import running

    places = Places(state=state.absolute(), national=national)
    settings, _ = running(config_path, places)
    if settings is None:
        raise bare(places)
    with DeskClient(Path(settings.box.socket), ANSWER_TIMEOUT_S) as desk:
        answer = desk.ask({"do": "status"})
    if not answer.get("ok"):
        raise BorderpostError(str(answer.get("error")), advice=str(answer.get("advice")))
    status = answer["status"]
    if as_json:
        click.echo(msgspec.json.encode(status))
        return
    for line in lines(status):
        click.echo(line)


def _edition(entry: dict[str, Any]) -> str:
    if entry["generation"] is None:
        return "no generation that can be used is on this box"
    age = "age unknown" if entry["age_seconds"] is None else f"{told_age(entry['age_seconds'])} old"
    return f"generation {entry['generation']}  {entry['records']} records  {age}"


def _reader(r: dict[str, Any]) -> list[str]:
    """One line, and one more for each thing that is not as it should be."""
    age = "never" if r["last_read_age_s"] is None else f"{r['last_read_age_s']:.0f} s ago"
    what = f"{r['driver']}, profile {r['profile']}" if r["profile"] else r["driver"]
    proven = str(r["tier"]) if r["proven"] else f"{r['tier']}: unproven"
    device = "".join(f"  {key} {r[key]}" for key in ("firmware", "serial", "product") if r[key])
    text = [
        f"reader   {r['name']:12} {r['state']:8} {what} ({proven})  reads {r['reads']}  garbled {r['garbled']}  "
        f"others {r['others']}  noise {r['noise_bytes']} B  last read {age}{device}"
    ]
    if r["losses"] or r["power_cycles"] or r["overflow"]:
        text.append(
            f"         opened {r['opens']} times, lost {r['losses']}, switched off and on {r['power_cycles']}, "
            f"reads not taken {r['overflow']}"
        )
    if r["problem"]:
        text.append(f"         {r['problem']}; next: {r['advice']}")
    if r["remark"]:
        text.append(f"         the device: {r['remark']}")
    if r["swapped"]:
        text.append(f"         not the one that was set up: {r['swapped']}")
    return text


def _scanner(s: dict[str, Any]) -> list[str]:
    """One line, and one more for each thing that is not as it should be."""
    proven = str(s["tier"]) if s["proven"] else f"{s['tier']}: unproven"
    device = "".join(f"  {key} {s[key]}" for key in ("firmware", "serial", "product") if s[key])
    text = [
        f"scanner  {s['name']:12} {s['state']:8} {s['driver']} ({proven})  counter {s['counter']}  "
        f"fingers {s['taken']}  failed {s['failed']}  images {s['captures']}  told to try again {s['retries']}{device}"
    ]
    if s["losses"] or s["faults"]:
        text.append(f"         opened {s['opens']} times, lost {s['losses']}, faults {s['faults']}")
    if s["problem"]:
        text.append(f"         {s['problem']}; next: {s['advice']}")
    if s["remark"]:
        text.append(f"         the device: {s['remark']}")
    if s["swapped"]:
        text.append(f"         not the one that was set up: {s['swapped']}")
    return text


def _galleries(status: dict[str, Any]) -> list[str]:
    """Galleries of fingers as they lie on the disk, and what the search holds of them."""
    fingers = status.get("fingers")
    held = {one["list"]: one for one in fingers["search"]["galleries"]} if fingers else {}
    text = []
    for entry in status.get("galleries", ()):
        one = held.get(entry["list"])
        problem = (one["problem"] if one else entry["problem"]) or ""
        state = "old" if entry["state"] == "asked" and entry["freshness"] == "old" else entry["state"]
        edition = _edition(entry).replace(" records ", " templates ")
        text.append(f"gallery  {entry['list']:12} {state:14} {edition}{'  ' * bool(problem)}{problem}")
        if one and one["generation"] != entry["generation"]:
            serving = f"generation {one['generation']} serves" if one["generation"] else "none is loaded yet"
            text.append(f"         {serving}")
    if fingers:
        extract, search = fingers["extract"], fingers["search"]
        text.append(f"extract  {extract['problem'] or 'ready'}  started {extract['starts']} times")
        state = search["problem"] or ("loading" if search["loading"] else "ready")
        text.append(f"search   {state}  {search['memory_mb']:.0f} MB of galleries in memory, "
                    f"{search['locked_mb']:.0f} of them locked  started {search['starts']} times")
    return text


def _updates(report: dict[str, Any] | None) -> list[str]:
    """What the last update brought, and why what was refused was."""
    if report is None:
        return []
    whole = [report["refused"]] if report["refused"] else []
    refused = whole + [one["refused"] for one in report["lists"] if one["refused"]]
    brought = ", ".join(f"{one['list']} {one['now']}" for one in report["lists"] if one["outcome"] == "updated")
    said = brought or ("refused" if refused else "nothing newer")
    text = [f"updates  {report['at'][:16].replace('T', ' ')} from {report['source']}: {said}"]
    return text + [f"         {one['message']} [{one['code']}]; next: {one['advice']}" for one in refused]


def _enrolment(told: dict[str, Any] | None) -> list[str]:
    """Which box this is to headquarters, and what is under way."""
    if told is None:
        return []
    if told.get("problem"):
        return [f"papers   {told['problem']}"]
    end = f"  certificate until {told['certificate_until'][:10]}" if told["certificate_until"] else ""
    made = "  edge.toml made by hand" if told["by_hand"] else ""
    text = [f"papers   serial {told['serial']}  number {told['sequence']}{end}{made}"]
    return text + ([f"         {told['pending']}"] if told["pending"] else [])


def lines(status: dict[str, Any]) -> list[str]:
    """The status for a person, one fact a line."""
    clock, outbox, link = status["clock"], status["outbox"], status["uplink"]
    text = [
        f"box      {status['device']}  {status['site']}  up {status['uptime_seconds']} s",
        f"clock    {clock['state']}  {clock['time'] or 'time unknown'}",
    ]
    text += _enrolment(status.get("enrolment"))
    if not clock["records_expire"]:
        text.append("         the age of lists cannot be judged, records do not expire, no list is erased")
    for r in status["readers"]:
        text += _reader(r)
    for one in status.get("scanners", ()):
        text += _scanner(one)
    for one in status["passthrough"]:
        text.append(
            f"to PC    {one['to']:12} {one['state']:8} PCs {one['connected']}  passed on {one['emitted']}  "
            f"dropped {one['dropped']}  nobody there {one['unheard']}"
        )
    for c in status["counters"]:
        shown = "  ".join(f"{k} {v}" for k, v in c["shown"].items() if v)
        text.append(
            f"counter  {c['name']:12} passages {c['passages']}  repeats {c['repeats']}  {shown}  "
            f"not recorded {c['not_recorded']}"
        )
    for entry in status["lists"]:
        problem = f"  {entry['problem']}" if entry["problem"] else ""
        state = "old" if entry["state"] == "asked" and entry["freshness"] == "old" else entry["state"]
        text.append(f"list     {entry['list']:12} {state:14} {_edition(entry)}{problem}")
    text += _galleries(status)
    text += _updates(status.get("updates"))
    waiting = "" if outbox["oldest_seconds"] is None else f", the oldest for {outbox['oldest_seconds']} s"
    text.append(
        f"outbox   {outbox['pending']} waiting{waiting}  acknowledged {outbox['acked']}  "
        f"dropped {outbox['dropped']}  open leads {outbox['awaiting']}"
    )
    text.append(f"link     {link['state']}" + (f"  {link['problem']}" if link.get("problem") else ""))
    text.append(f"disk     {status['disk_free_mb']} MB free")
    return text
