"""Reader profiles: what one reader model needs of its driver, as a TOML file instead of code.

    [profile]
    name = "kiosk-x"                 # as edge.toml calls it
    title = "Kiosk X document slot"
    driver = "text"                  # the frame kind: one of drivers.catalog.DRIVERS
    tier = "virtual"                 # how far it is proven: virtual, recorded, certified
    source = "Kiosk X interface manual, 2.1, page 7"
    [match]
    usb = ["1a2b:0001", "1a2b:*"]    # ids it is known by; * for a vendor's whole range is the weaker match
    ports = ["/dev/ttyS1"]           # or the ports it is built in at, with * and ?
    [settings]                       # the driver's own, docs/drivers.md; all but port
    baud = 19200

Laws:
1. A file is checked whole when it is loaded, its settings by the driver itself (nothing is opened); a fault
   names the file and the path of the key.
2. A bad file stops nothing: it becomes a Problem, and every other profile stays, a shipped one of the same
   name included.
3. A technician's profile stands before a shipped one of the same name, and that is said.
4. A profile says where its facts are from, and claims no more than its tier.
5. A port is named by where it is built in or plugged in: a pattern that fits ``ttyUSB`` or ``ttyACM``, whose numbers
   are given out in the order of plugging, is refused.
6. Limits: ``MAX_PROFILES`` files a folder, ``MAX_BYTES`` a file; what is no regular file is not waited for.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec

from drivers.api import BadSetting, DriverMisuse, Tier
from drivers.catalog import DRIVERS, check_settings

MAX_PROFILES = 256
MAX_BYTES = 64 * 1024
MAX_ENTRIES = 4096  # directory entries looked at
BY_ORDER, MAX_NUMBER = ("/dev/ttyUSB", "/dev/ttyACM"), 256  # the kernel gives them out from 0; no more of a kind
SHIPPED = Path(str(resources.files("drivers") / "profiles_data"))

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
Line = Annotated[str, msgspec.Meta(min_length=1, max_length=400, pattern=r"^[^\x00-\x1f\x7f-\x9f]*\Z")]
UsbId = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Fa-f]{4}:([0-9A-Fa-f]{4}|\*)\Z")]
PortGlob = Annotated[str, msgspec.Meta(pattern=r"^/dev/[!-~]{1,200}\Z")]


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Unknown keys are refused: a mistyped setting must not be a silent default."""


class Head(_Section, frozen=True, kw_only=True):
    """``[profile]``: what it is, which frame kind it speaks, how far that is proven, who says so."""

    name: Name
    title: Line
    driver: str
    tier: Tier = Tier.VIRTUAL
    source: Line
    notes: Annotated[tuple[Line, ...], msgspec.Meta(max_length=16)] = ()  # setting up the reader, a step each


class Match(_Section, frozen=True):
    """``[match]``: by what it is known when it is plugged in; nothing: it is chosen by hand."""

    usb: Annotated[tuple[UsbId, ...], msgspec.Meta(max_length=32)] = ()
    ports: Annotated[tuple[PortGlob, ...], msgspec.Meta(max_length=32)] = ()


class ProfileFile(_Section, frozen=True):
    """One file as written."""

    profile: Head
    match: Match = Match()
    settings: Annotated[dict[str, Any], msgspec.Meta(max_length=64)] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """One checked profile. ``usb`` in lower case; ``file`` is where it stands, ``shipped`` if it came with us."""

    name: str
    title: str
    driver: str
    tier: Tier
    source: str
    file: Path
    shipped: bool
    notes: tuple[str, ...] = ()
    usb: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def settings_with(self, port: str, overrides: Mapping[str, object]) -> dict[str, object]:
        """The driver's settings for a reader at ``port``; ``overrides`` of edge.toml stand before the profile's."""
        return {**self.settings, **overrides, "port": port}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one file is no profile. ``key`` is the path of the key (``settings.baud``), empty for the whole file."""

    file: Path
    key: str
    message: str
    advice: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (str(self.file), self.key, self.message)))


class Profiles(Mapping[str, Profile]):
    """Every profile by its name; ``problems`` are files that are none, ``notices`` what else is worth saying."""

    def __init__(
        self, profiles: Mapping[str, Profile], problems: Sequence[Problem] = (), notices: Sequence[str] = ()
    ) -> None:
        self._profiles = dict(profiles)
        self.problems, self.notices = tuple(problems), tuple(notices)

    def __getitem__(self, name: str) -> Profile:
        return self._profiles[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    def find(self, name: str) -> Profile:
        """The profile of this name. Raises DriverMisuse that says which there are, and whether its file is bad."""
        found = self._profiles.get(name)
        if found is None:
            bad = next((p for p in self.problems if p.file.stem == name), None)
            raise DriverMisuse(
                f"no profile is called {name!r}" + (f"; {bad or self.problems[0]}" if self.problems else ""),
                advice=bad.advice if bad else f"choose one of: {', '.join(self._profiles)}",
            )
        return found


class BadProfile(DriverMisuse):
    """A file is no profile; ``key`` is the path of the key at fault, empty for the whole file."""

    def __init__(self, key: str, message: str, advice: str) -> None:
        super().__init__(message, advice=advice)
        self.key = key


def load(folders: Sequence[Path] = ()) -> Profiles:
    """The shipped profiles and those of ``folders``, a later folder before an earlier one (law 3).

    A folder that does not exist holds none. Never raises over what stands in a file (law 2).
    """
    profiles: dict[str, Profile] = {}
    problems: list[Problem] = []
    notices: list[str] = []
    for folder in (SHIPPED, *folders):
        own: dict[str, Profile] = {}
        for path in _files(folder, problems):
            try:
                profile = read(path, shipped=folder == SHIPPED)
                if profile.name in own:
                    raise BadProfile(
                        "profile.name", f"{profile.name!r} is taken by {own[profile.name].file.name}",
                        "give each profile its own name",
                    )
            except BadProfile as bad:
                problems.append(Problem(path, bad.key, bad.message, bad.advice))
                continue
            own[profile.name] = profile
        for name in sorted(own.keys() & profiles.keys()):
            notices.append(f"{own[name].file} stands before the profile {name!r} of {profiles[name].file.parent}")
        profiles.update(own)
    return Profiles(dict(sorted(profiles.items())), problems, notices)


def read(path: Path, *, shipped: bool = False) -> Profile:
    """One file. Raises BadProfile."""
    try:
        file = msgspec.convert(tomllib.loads(_text(path)), ProfileFile)
    except msgspec.ValidationError as error:
        key, message = _keyed(str(error), "")
        raise BadProfile(key, message, "see the profile format in docs/readers.md") from None
    except ValueError as error:  # TOMLDecodeError, and what Python says of a number with thousands of digits
        raise BadProfile("", f"not TOML: {error}", "mend that line") from None
    except RecursionError:
        raise BadProfile("", "not TOML: nested too deeply", "write plain keys and lists") from None
    head = file.profile
    _check_ports(file.match.ports)
    _check_driver(head.driver, head.name, file.settings)
    return Profile(
        head.name, head.title, head.driver, head.tier, head.source, path, shipped, head.notes,
        tuple(usb.lower() for usb in file.match.usb), file.match.ports, file.settings,
    )


def _check_ports(patterns: Sequence[str]) -> None:
    """Law 5."""
    for number, pattern in enumerate(patterns):
        fits = re.compile(fnmatch.translate(pattern)).match
        if any(fits(f"{node}{at}") for node in BY_ORDER for at in range(MAX_NUMBER)):
            raise BadProfile(
                f"match.ports[{number}]", f"{pattern!r} fits ports whose numbers change with the order of plugging",
                "name the socket or the device: /dev/serial/by-path/… or /dev/serial/by-id/…",
            )


def _check_driver(driver: str, name: str, settings: Mapping[str, Any]) -> None:
    """Law 1: the driver itself judges its settings."""
    if driver not in DRIVERS:
        raise BadProfile("profile.driver", f"no driver is called {driver!r}", f"choose: {', '.join(DRIVERS)}")
    if "port" in settings:
        raise BadProfile("settings.port", "a profile is for every port", "leave it out: edge.toml names the port")
    try:
        check_settings(driver, name, settings)
    except BadSetting as bad:
        key, message = _keyed(bad.message.removeprefix(f"reader {name!r}: "), "settings")
        raise BadProfile(key if key != "settings" or not bad.key else f"settings.{bad.key}", message, bad.advice) \
            from None


AT = re.compile(r" - at `(?:\$\.?)?(?P<path>[^`]*)`")
FIELD = re.compile(r"(?P<missing>missing required|contains unknown) field `(?P<name>[^`]*)`")


def _keyed(text: str, section: str) -> tuple[str, str]:
    """msgspec's message as (path of the key, what is wrong)."""
    at = AT.search(text)
    parts = [section, at["path"] if at else ""]
    message = AT.sub("", text)
    which = FIELD.search(message)
    if which:
        parts.append(which["name"])
        message = "is missing" if which["missing"].startswith("missing") else "is no key that is known here"
    return ".".join(filter(None, parts)), message.replace("`", "")


def _files(folder: Path, problems: list[Problem]) -> list[Path]:
    """Its ``*.toml`` by name, within the limits (law 6)."""
    try:
        entries = islice(folder.iterdir(), MAX_ENTRIES)
        found = sorted(path for path in entries if path.suffix == ".toml" and not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        message = f"the folder cannot be read: {error.strerror}"
        problems.append(Problem(folder, "", message, "give the service's user the right to read it"))
        return []
    if len(found) > MAX_PROFILES:
        message = f"{len(found)} profiles, of which {MAX_PROFILES} are read"
        problems.append(Problem(folder, "", message, "remove those that no reader needs"))
    return found[:MAX_PROFILES]


def _text(path: Path) -> str:
    """The file's text. Law 6: a pipe or a device is refused without waiting for it."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadProfile("", f"cannot be read: {error.strerror}", "put a readable file there") from None
    if len(data) > MAX_BYTES:
        raise BadProfile("", f"larger than {MAX_BYTES} bytes", "a profile is a page of text: give the right file")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise BadProfile("", "not UTF-8 text", "save it as UTF-8") from None
