"""What no type can say of edge.toml: names that must be there, ports and ways out that must not meet.

Law: a message names the file, the section and the key that a person has to mend.
"""

from __future__ import annotations

import os.path
import re
from pathlib import Path
from typing import TYPE_CHECKING

from common.settings import ConfigError

if TYPE_CHECKING:
    from edge.config import Config, ReaderConfig, ScannerConfig, UpdatesConfig

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://|(?:socket|rfc2217|usb|usbip):", re.IGNORECASE)
SOCKET_PATH = 107  # bytes: what a UNIX socket address holds


def check_updates(updates: UpdatesConfig, where: str) -> None:
    """An update needs a root to be checked by, and pairs that are whole."""
    given = [name for name in ("folder", "url") if getattr(updates, name)]
    if given and not updates.root:
        raise ConfigError(
            f"{where}: updates.{given[0]}: there is no updates.root to check an update by",
            advice='add root = "…/1.root.json", the file of headquarters\' repository (docs/distribution.md)',
        )
    if updates.url and not updates.url.startswith("https://"):
        raise ConfigError(f"{where}: updates.url: does not begin with https://", advice="write https://HOST/PATH")
    if bool(updates.cert) != bool(updates.key):
        raise ConfigError(f"{where}: updates.cert and updates.key go together", advice="give both, or neither")
    if updates.backoff_min_s > updates.every_s:
        raise ConfigError(
            f"{where}: updates.backoff_min_s is above updates.every_s", advice="make the pause the smaller one"
        )


def check_names(config: Config, where: str) -> None:
    """Names stand once, and lead to what they name."""
    readers = [r.name for r in config.reader]
    counters = [c.name for c in config.counter]
    used = [name for c in config.counter for name in c.readers]
    ends = [p.to for p in config.passthrough]
    for what, names in (
        ("reader", readers), ("counter", counters), ("counter.readers", used), ("passthrough.to", ends)
    ):
        doubles = sorted({n for n in names if names.count(n) > 1})
        if doubles:
            raise ConfigError(f"{where}: {what}: {doubles[0]!r} stands there twice", advice="give each its own name")
    strangers = sorted(set(used) - set(readers))
    if strangers:
        raise ConfigError(
            f"{where}: counter.readers: no [[reader]] is named {strangers[0]!r}", advice="add it or mend the name"
        )
    for reader in config.reader:
        if bool(reader.driver) == bool(reader.profile):
            raise ConfigError(
                f"{where}: reader {reader.name!r}: give a driver or a profile, one of them",
                advice="take the lines that `borderpost devices` prints",
            )
        if "port" in reader.settings:
            raise ConfigError(
                f"{where}: reader {reader.name!r}: settings.port: the port is no setting of the driver",
                advice="write port = \"…\" under [[reader]], beside name",
            )
    unknown = sorted({name for p in config.passthrough for name in p.readers} - set(readers))
    if unknown:
        raise ConfigError(
            f"{where}: passthrough.readers: no [[reader]] is named {unknown[0]!r}", advice="add it or mend the name"
        )
    idle = sorted(set(readers) - set(used))
    if idle:
        raise ConfigError(f"{where}: reader {idle[0]!r} belongs to no counter", advice="name it in a [[counter]]")


def check_scanners(config: Config, where: str) -> None:
    """Scanners have names of their own, also among the readers, and each serves one counter."""
    names = [r.name for r in config.reader] + [s.name for s in config.scanner]
    used = [c.scanner for c in config.counter if c.scanner]
    if shared := sorted({name for name in used if used.count(name) > 1}):
        raise ConfigError(
            f"{where}: counter.scanner: {shared[0]!r} is the scanner of two counters, and a scanner serves one",
            advice="keep it in one: others take fingers there, `borderpost fingers take PASSAGE --counter NAME`",
        )
    for what, them in (("scanner", names), ("fingers.positions", config.fingers.positions)):
        doubles = sorted({n for n in them if them.count(n) > 1})
        if doubles:
            raise ConfigError(f"{where}: {what}: {doubles[0]!r} stands there twice", advice="give each its own name")
    known = {s.name for s in config.scanner}
    if strangers := sorted(set(used) - known):
        raise ConfigError(
            f"{where}: counter.scanner: no [[scanner]] is named {strangers[0]!r}", advice="add it or mend the name"
        )
    if idle := sorted(known - set(used)):
        raise ConfigError(f"{where}: scanner {idle[0]!r} belongs to no counter", advice="name it in a [[counter]]")
    for scanner in config.scanner:
        if "port" in scanner.settings:
            raise ConfigError(
                f"{where}: scanner {scanner.name!r}: settings.port: the port is no setting of the driver",
                advice="write port = \"…\" under [[scanner]], beside name",
            )


def check_fingers(config: Config, where: str) -> None:
    """A list is of documents or of fingers; and a document that is read again takes a finger again."""
    if both := sorted(set(config.fingers.required) & set(config.screening.required)):
        raise ConfigError(
            f"{where}: fingers.required: {both[0]!r} stands in screening.required too",
            advice="name it in fingers.required if it is a gallery of fingers, else in screening.required",
        )
    if config.scanner and config.assembly.same_document_s > config.fingers.keep_s:
        raise ConfigError(
            f"{where}: assembly.same_document_s is above fingers.keep_s: between the two a passage takes no finger any "
            "more, and reading the document again begins no other",
            advice="make fingers.keep_s the larger one",
        )


def check_ports(config: Config, where: str) -> None:
    """``edge.config`` law 4; ``config`` has absolute paths. Where links lead is not looked at, as with the ways out."""
    taken: dict[str, str] = {}
    devices: list[ReaderConfig | ScannerConfig] = [*config.reader, *config.scanner]
    for reader in devices:
        port = reader.port if SCHEME.match(reader.port) else os.path.normpath(reader.port)
        if port in taken:
            raise ConfigError(
                f"{where}: readers {taken[port]!r} and {reader.name!r} have the same port: {reader.port!r}",
                advice="give each its own; `borderpost devices` shows them",
            )
        taken[port] = reader.name


def check_ways_out(config: Config, where: str) -> None:
    """``edge.config`` law 3; ``config`` has absolute paths.

    Where links lead is not looked at: an open port is exclusive anyhow.
    """
    devices: list[ReaderConfig | ScannerConfig] = [*config.reader, *config.scanner]
    readers = {os.path.normpath(device.port): device.name for device in devices}
    own = {os.path.normpath(path): key for key, path in (
        ("box.state_dir", config.box.state_dir), ("box.lists_dir", config.box.lists_dir),
        ("box.profiles_dir", config.box.profiles_dir), ("box.socket", config.box.socket),
    )}
    taken: set[str] = set()
    for to in (p.to for p in config.passthrough):
        kind, path = way_out(to)
        file = os.path.normpath(path)
        problem, advice = "", "give a path of its own, such as pty:/run/borderpost/pc"
        if not kind:
            problem, advice = "is no way to a PC", "give a serial port's path, pty:PATH or unix:PATH"
        elif file in readers:
            problem, advice = f"is the port of reader {readers[file]!r}", "the PC needs another port than the reader"
        elif inside := [key for folder, key in own.items() if folder in (file, *map(str, Path(file).parents))]:
            problem = f"is the box's own ({inside[0]})"
        elif file in taken:
            problem = "leads where another one leads"
        elif kind != "port" and (file == "/dev" or file.startswith("/dev/")):
            problem = "lies among the devices"
        elif kind == "unix" and len(file.encode()) > SOCKET_PATH:
            problem = f"is longer than a socket's path may be ({SOCKET_PATH} bytes)"
        if problem:
            raise ConfigError(f"{where}: passthrough.to: {to!r} {problem}", advice=advice)
        taken.add(file)


def way_out(to: str) -> tuple[str, str]:
    """(``pty``, ``unix`` or ``port``, path); ("", "") if it is neither."""
    scheme, colon, path = to.partition(":")
    if "\0" in to or to.endswith("/"):
        return "", ""
    if colon and scheme in ("pty", "unix"):
        return (scheme, path) if path else ("", "")
    return ("", "") if colon and "/" not in scheme else ("port", to)
