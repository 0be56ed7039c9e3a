"""``borderpost devices``: what is plugged in, which profile fits, and the lines for edge.toml.

Laws:
1. It looks and opens nothing: a reader that is at work is not disturbed.
2. It works without an edge.toml, and beside a wrong one: its lines are what mends that.
3. What only our own emulator has spoken to is called unproven.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edge.verbs.options import config_option, json_option

if TYPE_CHECKING:
    from drivers.discovery import Plugged
    from drivers.profiles import Profile, Profiles
    from edge.config import Config, ReaderConfig, ScannerConfig

DEFAULT_PROFILES = "/etc/borderpost/profiles"
PROVEN = {"virtual": "unproven", "recorded": "proven on a recording", "certified": "certified"}
NOTHING = """\
nothing is plugged in that could be a reader
next:  plug the reader in and wait two seconds; a USB reader that still does not show up has no power, a bad cable,
       or no driver (see: journalctl -k -n 20); one on a terminal server needs no finding: port = "socket://HOST:PORT"\
"""


@click.command("devices")
@config_option
@json_option
@click.option(
    "--profiles", "folder", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="DIR",
    help="A folder with reader profiles, *.toml  [default: box.profiles_dir of edge.toml]",
)
@click.option("--as", "wished", metavar="PROFILE", help="Take this profile for devices that no profile names.")
@click.pass_context
def command(context: click.Context, config_path: Path, as_json: bool, folder: Path | None, wished: str | None) -> None:
    """List what is plugged in and could be a reader, and what to write into edge.toml.

    For each device: its place, the profile that fits and how far that is proven, the name by which it stays the
    same one (its serial number if that is its own, else the place it is plugged in; never ttyUSB0), and the
    configured reader that uses it. Then the lines to paste for those that are not configured. Opens no device.

    \b
    Try it:  borderpost devices
             borderpost devices --as cute-text      a reader on an adapter, that no profile can know

    \b
    Exit codes: 0 listed        1 nothing found, or this machine's devices cannot be listed
                2 wrong usage   78 edge.toml is wrong (the devices are listed all the same)
    """
    import msgspec

    from common.settings import ConfigError
    from drivers import discovery, profiles
    from drivers.api import DriverError
    from edge import config
    from edge.core.errors import BorderpostError

    settings: Config | None = None
    wrong: ConfigError | None = None
    given = context.get_parameter_source("config_path") is not click.core.ParameterSource.DEFAULT
    if given or config_path.exists():
        try:
            settings = config.load(config_path)
        except ConfigError as error:
            wrong = error
    folder = folder or Path(settings.box.profiles_dir if settings else DEFAULT_PROFILES)
    known = profiles.load([folder])
    try:
        chosen = known.find(wished) if wished else None
        found = discovery.devices()
    except DriverError as error:
        raise BorderpostError(error.message, advice=error.advice) from error
    readers, scanners = (settings.reader, settings.scanner) if settings else ((), ())
    answer = report(found, known, readers, chosen, scanners)
    if as_json:
        click.echo(msgspec.json.encode(answer))
    else:
        show(answer, terminal=sys.stdout.isatty())
    if wrong is not None:
        raise wrong
    if not found:
        raise SystemExit(1)


def report(
    found: Sequence[Plugged], profiles: Profiles, readers: Sequence[ReaderConfig], wished: Profile | None = None,
    scanners: Sequence[ScannerConfig] = (),
) -> dict[str, Any]:
    """Everything the verb has to say, as ``--json`` says it."""
    from drivers.discovery import identity, lines_for

    taken = {reader.name for reader in readers} | {scanner.name for scanner in scanners}
    entries: list[dict[str, Any]] = []
    for plugged in found:
        if plugged.kind == "scanner":
            entry = _scanner_entry(plugged, found, scanners)
        else:
            entry = _entry(plugged, found, profiles, readers, wished)
        if entry["profile"] and not entry["reader"]:
            named = lines_for(plugged, entry["profile"]["name"], identity(plugged, found), taken)
            entry["lines"] = named.text
            taken.add(named.name)
        entries.append(entry)
    used = {entry["reader"] for entry in entries}
    configured = [(one.name, one.port) for one in readers] + [(one.name, one.port) for one in scanners]
    return {
        "devices": entries,
        "absent": [{"reader": name, "port": port} for name, port in configured if name not in used and _local(port)],
        "problems": [
            {"file": str(p.file), "key": p.key, "message": p.message, "advice": p.advice} for p in profiles.problems
        ],
        "notices": list(profiles.notices),
    }


def _entry(
    plugged: Plugged, found: Sequence[Plugged], profiles: Profiles, readers: Sequence[ReaderConfig],
    wished: Profile | None,
) -> dict[str, Any]:
    from drivers.discovery import fitting, identity, suggestions
    from drivers.discovery.fitting import can_open

    stable = identity(plugged, found)
    fits = [fit.profile for fit in fitting(plugged, profiles.values())]
    reader = _reader_of(plugged, readers)
    twin = _twin(plugged, found, profiles) if not fits else ""
    if not fits and not twin and wished is not None and can_open(wished, plugged):
        fits = [wished]
    could_be = [] if fits or twin or reader else suggestions(plugged, profiles.values())
    return {
        "node": plugged.node, "kind": plugged.kind, "usb": plugged.usb_id, "title": plugged.title,
        "manufacturer": plugged.manufacturer, "product": plugged.product, "serial": plugged.serial,
        "place": plugged.place, "usb_place": plugged.usb_place, "by_id": plugged.by_id, "by_path": plugged.by_path,
        "interface": plugged.interface,
        "port": stable.port, "why": stable.why,
        "profile": _told(fits[0]) if fits else None,
        "also": [profile.name for profile in fits[1:]],
        "could_be": [profile.name for profile in could_be],
        "same_device_as": twin,
        "reader": reader.name if reader else "",
        "differs": _differs(plugged, reader, profiles) if reader else "",
        "lines": "",
    }


def _scanner_entry(plugged: Plugged, found: Sequence[Plugged], scanners: Sequence[ScannerConfig]) -> dict[str, Any]:
    """The same of a fingerprint scanner: its driver stands where a reader's profile does."""
    from drivers.discovery import identity, names, scanner_entry, unlike_unheard

    stable, driver, entry = identity(plugged, found), plugged.scanner_driver, scanner_entry(plugged)
    mine = next((one for one in scanners if names(one.port, plugged)), None)
    return {
        "node": plugged.node, "kind": plugged.kind, "usb": plugged.usb_id, "title": plugged.title,
        "manufacturer": plugged.manufacturer, "product": plugged.product, "serial": plugged.serial,
        "place": plugged.place, "usb_place": plugged.usb_place, "by_id": "", "by_path": "", "interface": "",
        "port": stable.port, "why": stable.why,
        "profile": {"name": driver, "title": entry.title, "driver": driver, "tier": str(entry.tier)},
        "also": [], "could_be": [], "same_device_as": "",
        "reader": mine.name if mine else "",
        "differs": unlike_unheard(plugged, mine.serial, mine.path, (), mine.driver) if mine else "",
        "lines": "",
    }


def _told(profile: Profile) -> dict[str, str]:
    return {"name": profile.name, "title": profile.title, "driver": profile.driver, "tier": str(profile.tier)}


def _reader_of(plugged: Plugged, readers: Iterable[ReaderConfig]) -> ReaderConfig | None:
    """The configured reader whose port leads to this device."""
    from drivers.discovery import names

    for reader in readers:
        if names(reader.port, plugged, str(Path(reader.port).resolve()) if _file(reader.port) else ""):
            return reader
    return None


def _differs(plugged: Plugged, reader: ReaderConfig, profiles: Profiles) -> str:
    """As the box judges it, but for the device's own word: it is not asked (law 1)."""
    from drivers.discovery import unlike_unheard

    profile = profiles.get(reader.profile)
    usb, driver = (profile.usb, profile.driver) if profile else ((), reader.driver)
    return unlike_unheard(plugged, reader.serial, reader.path, usb, driver)


def _twin(plugged: Plugged, found: Iterable[Plugged], profiles: Profiles) -> str:
    """The serial port of the same device, where a profile fits that one: this is its keyboard side."""
    from drivers.discovery import fitting

    if plugged.kind != "keyboard" or not plugged.usb_place:
        return ""
    same = (p for p in found if p.kind == "serial" and p.usb_place == plugged.usb_place)
    return next((p.node for p in same if fitting(p, profiles.values())), "")


def _file(port: str) -> bool:
    return port.startswith("/")


def _local(port: str) -> bool:
    """Would it be listed here if it were plugged in?"""
    return port.startswith(("/dev/", "usb:"))


def show(answer: dict[str, Any], *, terminal: bool) -> None:
    """For a person: a block a device on a terminal; in a pipe one line each, its fields parted by tabs."""
    for entry in answer["devices"]:
        if terminal:
            _block(entry)
        else:
            profile = entry["profile"]
            proven = PROVEN[profile["tier"]] if profile else "-"
            fields = (
                entry["place"] or entry["node"], entry["usb"], entry["title"], profile["name"] if profile else "-",
                proven, entry["port"], entry["reader"],
            )
            click.echo("\t".join(field or "-" for field in fields))
    if not answer["devices"]:
        click.echo(NOTHING)
    for absent in answer["absent"]:
        click.echo(f"reader {absent['reader']}: configured, and not plugged in at {absent['port']}")
    for notice in answer["notices"]:
        click.echo(f"profile: {notice}")
    for bad in answer["problems"]:
        place = ": ".join(filter(None, (bad["file"], bad["key"], bad["message"])))
        click.secho(f"bad profile: {place}", fg="red" if terminal else None)
        click.echo(f"next:  {bad['advice']}")
    lines = [entry["lines"] for entry in answer["devices"] if entry["lines"]]
    if lines:
        scans = any(entry["kind"] == "scanner" and entry["lines"] for entry in answer["devices"])
        also = ", the scanner as its scanner" if scans else ""
        to_do = f"Paste into edge.toml, and name the reader in the readers of a [[counter]]{also}:"
        click.secho(f"\n{to_do}\n", bold=terminal)
        click.echo("\n".join(lines), nl=False)


def _block(entry: dict[str, Any]) -> None:
    serial = f"  serial number {entry['serial']}" if entry["serial"] else ""
    head = "  ".join(filter(None, (entry["usb_place"] or entry["place"], entry["usb"], entry["title"])))
    click.secho(head + serial, bold=True)
    scans = entry["kind"] == "scanner"
    rows = [("now at", entry["node"]), ("driver" if scans else "profile", _profile_text(entry))]
    rows += [("identity", entry["port"] or "none"), ("", entry["why"])]
    rows.append(("scanner" if scans else "reader", entry["reader"] or "not configured"))
    for name, text in rows:
        colour = "yellow" if name == "profile" and "unproven" in text else None
        click.echo(f"    {name:9} ", nl=False)
        click.secho(text, fg=colour)
    if entry["differs"]:
        click.secho(f"    swapped?  {entry['differs']}", fg="red")


def _profile_text(entry: dict[str, Any]) -> str:
    profile = entry["profile"]
    if profile:
        also = f"; also {', '.join(entry['also'])}" if entry["also"] else ""
        return f"{profile['name']}, {PROVEN[profile['tier']]}{also}"
    if entry["same_device_as"]:
        return f"none: the keyboard side of the reader at {entry['same_device_as']}"
    if entry["could_be"]:
        return f"none names it; if it is a reader, try --as {', '.join(entry['could_be'])}"
    return "none"
