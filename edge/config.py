"""edge.toml -> frozen structures: every default and every limit of the box, with its unit.

Laws:
1. Unknown keys are errors (a mistyped limit must not be a silent default); a message names the key's path.
2. Nothing here opens a device, a socket or a database; paths are kept as written and made absolute
   against the folder of the file.
3. What goes to a PC leads to no file of the box's own and to no reader: a pty's link, or a frame, would take its place.
4. No two readers have one port: only one of them could ever open it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from common import settings
from common.settings import ConfigError, Section, TlsConfig
from edge.config_checks import (
    SCHEME,
    check_fingers,
    check_names,
    check_ports,
    check_scanners,
    check_updates,
    check_ways_out,
    way_out,
)

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
DeviceId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{3,40}$")]
ListId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{2,40}$")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86400)]
Days = Annotated[float, msgspec.Meta(gt=0, le=3650)]


class BoxConfig(Section, frozen=True):
    """Who this box is and where it keeps things."""

    device: DeviceId                                  # the box's own id; certificate common name
    site: str = ""                                    # the post, for people
    state_dir: str = "/var/lib/borderpost"            # journal, clock floor, box key (0700)
    lists_dir: str = "/var/lib/borderpost/lists"      # list generations
    profiles_dir: str = "/etc/borderpost/profiles"    # a technician's own reader profiles, *.toml
    socket: str = "/run/borderpost/counter.sock"      # the counter's local socket


class CounterConfig(Section, frozen=True):
    """One desk or lane."""

    name: Name                                        # as officers call it
    direction: Literal["entry", "exit"]               # which way travellers go
    readers: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=8)]  # names of [[reader]] entries
    scanner: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{0,39})?$")] = ""  # name of a [[scanner]] entry


class ReaderConfig(Section, frozen=True):
    """One passport reader: a ``profile`` or a ``driver``. ``settings`` belong to the driver and are checked by it."""

    name: Name                                        # as technicians call it
    port: Annotated[str, msgspec.Meta(min_length=1)]  # /dev/serial/by-path/…, socket://ADDRESS:PORT, usb:…
    driver: str = ""                                  # one of docs/drivers.md; leave out with a profile
    profile: str = ""                                 # one of docs/readers.md, or of profiles_dir
    serial: str = ""                                  # its serial number when it was set up; another one is an alarm
    path: str = ""                                    # the USB place where it was set up; another one is an alarm
    settings: dict[str, Any] = msgspec.field(default_factory=dict)  # the driver's own, see docs/drivers.md


class ScannerConfig(Section, frozen=True):
    """One fingerprint scanner (docs/fingerprint-scanners.md). ``settings`` belong to its driver, which checks them."""

    name: Name                                        # as technicians call it
    port: Annotated[str, msgspec.Meta(min_length=1)]  # usb:…, /dev/serial/by-path/…, socket://ADDRESS:PORT
    driver: Annotated[str, msgspec.Meta(min_length=1)]  # uru4000 or zfm
    serial: str = ""                                  # its serial number when it was set up; another one is an alarm
    path: str = ""                                    # the USB place where it was set up; another one is an alarm
    settings: dict[str, Any] = msgspec.field(default_factory=dict)  # the driver's own


Finger = Literal[
    "right-thumb", "right-index", "right-middle", "right-ring", "right-little",
    "left-thumb", "left-index", "left-middle", "left-ring", "left-little",
]


class FingersConfig(Section, frozen=True):
    """How fingers are taken and searched, at every counter with a scanner (docs/fingerprints.md)."""

    extractor: Literal["leader", "mindtct"] = "leader"  # as the galleries were made; leader is better and slower
    ask: Literal["never", "leads", "doubts", "always"] = "leads"  # after which shown verdicts a finger is asked for
    positions: Annotated[tuple[Finger, ...], msgspec.Meta(min_length=1, max_length=10)] = ("right-index", "left-index")
    tries: Annotated[int, msgspec.Meta(ge=1, le=3)] = 3  # frames of one finger; the best is kept
    capture_wait_s: Annotated[float, msgspec.Meta(ge=1, le=300)] = 30.0  # how long a finger is waited for
    keep_s: Annotated[float, msgspec.Meta(ge=10, le=3600)] = 120.0  # so long a passage takes a finger, or is compared
    false_candidates: Annotated[float, msgspec.Meta(ge=1e-6, le=0.5)] = 0.01  # share of searches that show a false one
    required: tuple[ListId, ...] = ()                 # galleries that must be here: without one a finger is INCOMPLETE
    verify_threshold: Annotated[float, msgspec.Meta(ge=0)] | None = None  # score of 1:1; left out: the extractor's own
    work_s: Annotated[float, msgspec.Meta(ge=1, le=60)] = 10.0  # longest extraction, longest search
    extract_mb: Annotated[int, msgspec.Meta(ge=256, le=16384)] = 1536  # memory of the extracting child process, MiB
    search_mb: Annotated[int, msgspec.Meta(ge=256, le=65536)] = 4096  # memory of the searching child process, MiB


class AssemblyConfig(Section, frozen=True):
    """How rows that come one at a time become a document, and when the same one is a new passage."""

    row_wait_ms: Annotated[int, msgspec.Meta(ge=100, le=10000)] = 1500  # after it what was seen goes on, UNREADABLE
    same_document_s: Annotated[float, msgspec.Meta(ge=0, le=300)] = 10.0  # the same document within it: one passage


class PassThroughConfig(Section, frozen=True):
    """Every read goes on, unchanged and at once, to the officer's PC."""

    to: Annotated[str, msgspec.Meta(min_length=1)]    # a serial port, pty:PATH (a link), or unix:PATH (a socket)
    readers: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=8)]  # names of [[reader]] entries
    form: Literal["frame", "text"] = "frame"          # frame: the device's bytes; text: rows or bar code, with CR
    others: bool = True                               # bar codes and stripes too
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 9600  # of a serial port
    parity: Literal["N", "E", "O"] = "N"              # of a serial port


class ScreeningConfig(Section, frozen=True):
    """Which lists must be there, how old they may be, and how evenly verdicts come."""

    required: tuple[ListId, ...] = ()                 # missing, damaged, stale: INCOMPLETE; empty: all there are
    max_age_days: Days = 7.0                          # for every list that has no own limit below; older: INCOMPLETE
    max_age_days_of: dict[ListId, Days] = msgspec.field(default_factory=dict)  # limits of single lists, by list id
    warn_age_days: Days | None = None                 # older: officers are told; left out: half of what a list may have
    warn_age_days_of: dict[ListId, Days] = msgspec.field(default_factory=dict)  # the same of single lists, by list id
    pace_ms: Annotated[int, msgspec.Meta(ge=0, le=500)] = 30  # verdicts leave on this grid after the last byte
    refresh_seconds: Seconds = 5.0                    # how often the lists folder is looked at


class HeadquartersConfig(Section, frozen=True):
    """Headquarters' public keys, as `borderpost-hq keys create` prints them (base64, raw)."""

    seal_key: str                                     # X25519: bodies are sealed to it
    ack_key: str                                      # Ed25519: only acks signed by it are believed
    escrow_keys: tuple[str, ...] = ()                 # further recipients of every body


class UplinkConfig(Section, frozen=True):
    """The way to the broker. Leave the section out for a box without a link."""

    host: Annotated[str, msgspec.Meta(min_length=1)]  # the broker, as its certificate names it
    port: Port = 8883                                 # TCP
    tls: TlsConfig | None = None                      # leave out on a test bench only
    renewal_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0  # for a certificate that has ended; 0: none
    keepalive_s: Annotated[int, msgspec.Meta(ge=5, le=600)] = 20       # MQTT ping; a dead line shows after 1.5 of it
    connect_timeout_s: Seconds = 30.0                 # satellite links need it
    backoff_min_s: Seconds = 1.0                      # pause after the first failure
    backoff_max_s: Seconds = 300.0                    # and the longest
    sync_retry_s: Seconds = 10.0                      # headquarters is asked again so often until it answers
    ack_timeout_s: Seconds = 10.0                     # unanswered rows are sent again after it (and twice as long…)
    health_s: Seconds = 60.0                          # between two health reports
    in_flight: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 20        # messages awaiting PUBACK
    await_ack: Annotated[int, msgspec.Meta(ge=1, le=10000)] = 1000     # messages awaiting headquarters


class UpdatesConfig(Section, frozen=True):
    """Signed lists from headquarters (docs/distribution.md). Without ``root`` this box takes none."""

    root: str = ""                                    # headquarters' 1.root.json, brought by a hand that you trust
    folder: str = ""                                  # a copy of the repository: looked into when it is there
    url: str = ""                                     # https://HOST[:PORT]/PATH of the repository
    ca: str = ""                                      # PEM of the server's authority; empty: the system's own
    cert: str = ""                                    # PEM of the box's certificate, where the server wants one
    key: str = ""                                     # PEM of its private key
    lists: tuple[ListId, ...] = ()                    # take these alone; empty: all that are offered
    every_s: Annotated[float, msgspec.Meta(ge=10, le=604_800)] = 3600.0  # between two looks, a tenth more or less
    backoff_min_s: Seconds = 30.0                     # pause after a look that found no source; doubles up to every_s
    connect_s: Seconds = 30.0                         # longest wait for a connection
    read_s: Seconds = 60.0                            # longest wait between two pieces of a file
    run_s: Annotated[float, msgspec.Meta(ge=60, le=604_800)] = 86_400.0  # longest update; goes on there next time


class ClockConfig(Section, frozen=True):
    """Where trusted time comes from: headquarters' signed word, or a system clock someone disciplines."""

    source: Literal["signed", "system"] = "signed"    # system: NTP, GPS or a good RTC keeps the clock
    held_days: Days = 45.0                            # how far past the last signed word a clock is believed


class JournalConfig(Section, frozen=True):
    """Limits of the record of what happened."""

    max_mb: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 512  # quota of the database, in MiB
    shelf_days: Days = 30.0                           # acked rows stay, sealed
    clear_days: Days = 30.0                           # CLEAR passages: keyed hash, then gone
    hit_days: Days = 365.0                            # all other passages, and the audit log's bodies
    commit_timeout_ms: Annotated[int, msgspec.Meta(ge=10, le=10000)] = 500  # after it: NOT RECORDED


class LogConfig(Section, frozen=True):
    """Log lines go to standard error (the journal of the system keeps them)."""

    level: Literal["debug", "info", "warning", "error"] = "info"  # least weight of a line that is written
    format: Literal["auto", "json", "text"] = "auto"  # auto: text on a terminal, else JSON lines


class Config(Section, frozen=True):
    """The whole of edge.toml."""

    box: BoxConfig
    counter: Annotated[tuple[CounterConfig, ...], msgspec.Meta(min_length=1, max_length=16)]
    reader: Annotated[tuple[ReaderConfig, ...], msgspec.Meta(min_length=1, max_length=64)]
    headquarters: HeadquartersConfig
    passthrough: Annotated[tuple[PassThroughConfig, ...], msgspec.Meta(max_length=16)] = ()
    scanner: Annotated[tuple[ScannerConfig, ...], msgspec.Meta(max_length=16)] = ()
    fingers: FingersConfig = FingersConfig()
    assembly: AssemblyConfig = AssemblyConfig()
    screening: ScreeningConfig = ScreeningConfig()
    uplink: UplinkConfig | None = None
    updates: UpdatesConfig = UpdatesConfig()
    clock: ClockConfig = ClockConfig()
    journal: JournalConfig = JournalConfig()
    log: LogConfig = LogConfig()


def load(path: Path) -> Config:
    """Read and check one edge.toml. Raises ConfigError naming file and key."""
    text = settings.read(path, advice="give the box's edge.toml with --config")
    return parse(text, where=str(path), base=path.resolve().parent)


@contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Let no ConfigError out that does not name a file: it is the one at ``path`` that is wrong."""
    try:
        yield
    except ConfigError as error:
        if error.message.startswith((str(path), "/")):  # another file may be at fault: box.key
            raise
        raise ConfigError(f"{path}: {error.message}", advice=error.advice) from error


def parse(text: str, *, where: str, base: Path) -> Config:
    """The same from text; relative paths are taken from ``base``."""
    config = settings.convert(text, Config, where=where)
    check_names(config, where)
    check_scanners(config, where)
    check_fingers(config, where)
    if config.uplink and config.uplink.backoff_max_s < config.uplink.backoff_min_s:
        raise ConfigError(
            f"{where}: uplink.backoff_max_s is below uplink.backoff_min_s", advice="make the maximum the larger one"
        )
    check_updates(config.updates, where)
    config = _absolute(config, base)
    check_ports(config, where)
    check_ways_out(config, where)
    return config


def _absolute(config: Config, base: Path) -> Config:
    def at(path: str) -> str:
        return str(base / path)

    def port(name: str) -> str:
        """A file of this machine is made absolute; what has a scheme, known or not, is for the driver to judge."""
        return name if SCHEME.match(name) else at(name)

    def absolute_way(to: str) -> str:
        kind, path = way_out(to)
        if not kind:
            return to
        return at(path) if kind == "port" else f"{kind}:{at(path)}"

    box = config.box
    box = msgspec.structs.replace(
        box, state_dir=at(box.state_dir), lists_dir=at(box.lists_dir), socket=at(box.socket),
        profiles_dir=at(box.profiles_dir),
    )
    uplink = config.uplink
    if uplink and uplink.tls:
        uplink = msgspec.structs.replace(uplink, tls=uplink.tls.absolute(base))
    updates = config.updates
    files = {name: at(path) for name in ("root", "folder", "ca", "cert", "key") if (path := getattr(updates, name))}
    updates = msgspec.structs.replace(updates, **files)
    readers = tuple(msgspec.structs.replace(r, port=port(r.port)) for r in config.reader)
    scanners = tuple(msgspec.structs.replace(s, port=port(s.port)) for s in config.scanner)
    passing = tuple(msgspec.structs.replace(p, to=absolute_way(p.to)) for p in config.passthrough)
    return msgspec.structs.replace(
        config, box=box, uplink=uplink, updates=updates, reader=readers, scanner=scanners, passthrough=passing
    )
