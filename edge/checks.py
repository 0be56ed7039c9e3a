"""The checks of `borderpost doctor`: each says what it looked at, what it found and what to do.

Laws:
1. A check looks, it changes nothing; it works whether the box runs or not, and as root or as the box's user.
2. ``error`` stops the post from screening or recording, or is a certificate that nobody will accept;
   ``warning`` will some day; only errors make the exit code 1.
   ``info`` is what nobody could look at.
3. While the box runs, its own word on its readers is the only one: their ports are its own then, not the doctor's.
4. No personal data: counts, ages, paths.
"""

from __future__ import annotations

import enum
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.api import Tier
from edge.config import Config, named
from edge.core.errors import BorderpostError
from edge.core.screening import facts_of
from edge.desk import DeskClient, DeskError
from edge.journal import JournalLimits, read_only
from edge.lifecycle import OPEN
from edge.list_keys import ListKeys, beside_the_unit
from edge.state import accepted, known_galleries
from edge.watchlists import Watchlists

MIN_FREE_MB = 200
ANSWER_TIMEOUT_S = 3.0
MANY_GARBLED = 20  # garbled frames that are worth a word, if there are also more of them than reads
UNPROVEN = "unproven: only our own emulator has spoken to this driver"


class Grade(enum.StrEnum):
    """How a check came out."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's answer."""

    name: str
    grade: Grade
    found: str
    advice: str = ""


def examine(config: Config, where: str = "edge.toml") -> Iterator[Check]:
    """Every check in the order in which a technician mends things; ``where``: the file that ``config`` stands in."""
    from edge.checks_identity import identity
    from edge.checks_scanners import extractor, scanners
    from edge.checks_software import software

    said = _ask(config)
    for name, checks in (
        ("state", _state(config)), ("keys", _keys(config)), ("readers", _readers(config, said, where)),
        ("scanners", scanners(config, said, where)),
        ("extractor", extractor(config, said)), ("identity", identity(config)),
        ("lists", _lists(config, said)), ("journal", _journal(config)), ("disk", _disk(config)),
        ("updates", _updates(config)), ("software", software()), ("running", _running(config, said)),
        ("link", _link(config)),
    ):
        yield from _guarded(name, checks, where)


def _guarded(name: str, checks: Iterator[Check], where: str) -> Iterator[Check]:
    try:
        with named(where):
            yield from checks
    except BorderpostError as error:
        yield Check(name, Grade.ERROR, error.message, error.advice)
    except OSError as error:
        yield Check(name, Grade.ERROR, f"cannot be looked at: {error.strerror or error}",
                    "run this as the box's user or as root")


def _state(config: Config) -> Iterator[Check]:
    path = Path(config.box.state_dir)
    if path.exists() and not path.is_dir():
        yield Check("state", Grade.ERROR, f"{path} is no folder", "move it away, or mend box.state_dir")
    elif not path.is_dir():
        yield Check("state", Grade.WARNING, f"{path} is not there yet", "it is made when the box first runs")
    elif not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Check("state", Grade.ERROR, f"{path} is closed to this user", "run this as the box's user or as root")
    elif path.stat().st_mode & 0o077:
        yield Check("state", Grade.WARNING, f"{path} is open to other users", f"chmod 700 {path}")
    else:
        yield Check("state", Grade.OK, str(path))


def _keys(config: Config) -> Iterator[Check]:
    from edge.keys import headquarters

    recipients, _ = headquarters(config)
    yield Check("keys", Grade.OK, f"headquarters' keys can be read; {len(recipients)} recipient(s) of every body")


def _ask(config: Config) -> Mapping[str, Any] | Check:
    """What the running box says of itself, or why it says nothing."""
    try:
        with DeskClient(Path(config.box.socket), ANSWER_TIMEOUT_S) as desk:
            answer = desk.ask({"do": "status"})
    except DeskError as error:
        return Check("box", Grade.ERROR, error.message, "start it: systemctl start borderpost, or `borderpost run`")
    except OSError as error:
        return Check("box", Grade.ERROR, f"cannot be asked: {error.strerror or error}", "run this as the box's user")
    if not answer.get("ok"):
        return Check("box", Grade.ERROR, f"runs, but is not well: {answer.get('error')}", str(answer.get("advice")))
    status: Mapping[str, Any] = answer["status"]
    return status


def _readers(config: Config, said: Mapping[str, Any] | Check, where: str) -> Iterator[Check]:
    from edge.app import mono
    from edge.checks_twins import twins_here
    from edge.configured import shared_ports
    from edge.devices import make_reader, profiles_of

    profiles = profiles_of(config)
    running = None if isinstance(said, Check) else {reader["name"]: reader for reader in said["readers"]}
    for reader in config.reader:
        name = f"reader {reader.name}"
        try:
            with named(where):
                made = make_reader(reader, profiles, mono).reader
        except BorderpostError as error:  # the box would not start
            yield Check(name, Grade.ERROR, error.message, error.advice)
            continue
        unproven = made.status().tier == Tier.VIRTUAL
        if running is None:
            yield from port_check(name, reader.port, made.present(), unproven)
        elif reader.name in running:
            yield from _reader(running[reader.name], unproven)
        else:
            yield Check(name, Grade.WARNING, "the running box does not know it", "restart the box: it read an older "
                        "edge.toml")
        if "ttyUSB" in reader.port or "ttyACM" in reader.port:
            yield Check(name, Grade.WARNING, f"{reader.port} may be another device after the next boot",
                        "use the path below /dev/serial/by-id or by-path")
    yield from twins_here(config.reader)
    for shared in shared_ports(config.reader):
        yield Check(f"reader {shared.second.name}", Grade.ERROR, f"{where}: {shared.found}", shared.advice)
    for problem in profiles.problems:
        yield Check(f"profile {problem.file.name}", Grade.WARNING, f"{problem.key}: {problem.message}".lstrip(": "),
                    problem.advice)


def port_check(name: str, port: str, present: bool | None, unproven: bool) -> Iterator[Check]:
    """What a look at the port of a device says while the box does not run."""
    if present is None:
        yield Check(name, Grade.INFO, f"{port}: not tried, only opening tells" + (f"; {UNPROVEN}" if unproven else ""),
                    "start the box and look again")
    elif not present:
        yield Check(name, Grade.ERROR, f"{port} is absent", "plug it in; `borderpost devices` shows what is")
    elif port.startswith("/") and not _is_device(port):
        yield Check(name, Grade.ERROR, f"{port} is no serial port", "`borderpost devices` gives the line to write")
    elif port.startswith("/") and not os.access(port, os.R_OK | os.W_OK):
        yield Check(name, Grade.ERROR, f"{port} may not be opened by this user", "add the user to the group dialout")
    else:
        yield _fine(name, f"{port} is present", unproven)


def _is_device(port: str) -> bool:
    try:
        return stat.S_ISCHR(Path(port).stat().st_mode)
    except OSError:
        return True  # gone since, or not to be looked at: not for this check to say


def _fine(name: str, found: str, unproven: bool) -> Check:
    if not unproven:
        return Check(name, Grade.OK, found)
    return Check(name, Grade.OK, f"{found}; {UNPROVEN}",
                 "send a recording: borderpost record; docs/readers.md says how")


def _lists(config: Config, said: Mapping[str, Any] | Check) -> Iterator[Check]:
    from edge import checks_fingers, checks_keys, checks_lists

    state = Path(config.box.state_dir) / "state.sqlite"
    known = known_galleries(state) | set(config.fingers.required)
    keys = ListKeys(Path(config.box.state_dir), beside_the_unit())
    lists = Watchlists.open(
        Path(config.box.lists_dir), high_water=accepted(state), galleries=known, keys=keys.ring
    ).lists
    opened = {entry.list_id: entry for entry in lists if not entry.fingers}
    fingers = {entry.list_id for entry in lists} - set(opened)
    yield from checks_keys.ring(keys)
    stopped = isinstance(said, Check)
    ages = checks_lists.stopped(config, lists) if isinstance(said, Check) else [
        *said.get("lists", ()), *said.get("galleries", ())]
    old = {one["list"]: one["age_seconds"] for one in ages}
    for list_id in sorted({*opened, *config.screening.required} - fingers):
        entry = opened.get(list_id)
        required = list_id in config.screening.required
        bad = Grade.ERROR if required else Grade.WARNING
        if entry is None:
            yield Check(f"list {list_id}", bad, f"no generation in {config.box.lists_dir}",
                        "bring the list; until then verdicts are INCOMPLETE")
        elif entry.problem or (facts := facts_of(entry)) is None:
            yield Check(f"list {list_id}", bad, entry.problem or "no sound generation",
                        checks_keys.SEAL_AGAIN if checks_keys.lacks_key(entry.problem) else "bring a fresh generation")
        elif entry.card is not None:
            yield Check(f"list {list_id}", Grade.OK,
                        f"generation {facts.generation}, {facts.records} {entry.card.thing}, "
                        f"{checks_lists.dated(facts.source_date, old.get(list_id), stopped=stopped)}")
        elif entry.manifest is not None:
            records = entry.manifest.records
            yield Check(f"list {list_id}", Grade.OK,
                        f"generation {entry.manifest.generation}, {records.documents} documents, "
                        f"{records.persons} persons, "
                        f"{checks_lists.dated(facts.source_date, old.get(list_id), stopped=stopped)}")
    if stopped:
        others, prints = (([a for a in ages if (a["list"] in fingers) is kind]) for kind in (False, True))
        yield from checks_lists.ages(others, frozenset(config.screening.required))
        yield from checks_lists.ages(prints, frozenset())
    yield from checks_fingers.galleries(config, lists, old, stopped=stopped)
    yield from checks_fingers.search(None if isinstance(said, Check) else said.get("fingers"))
    if not config.screening.required:
        yield Check("lists", Grade.WARNING, "no list is required",
                    "name the lists of this post in screening.required, so that a missing one is noticed")


def _journal(config: Config) -> Iterator[Check]:
    path = Path(config.box.state_dir) / "journal.sqlite"
    if not path.exists():
        yield Check("journal", Grade.OK, "none yet: the box has not run")
        return
    with read_only(path, JournalLimits.of(config.journal)) as journal:
        counts, audit = journal.counts(), journal.verify_audit()
    share = counts.used_bytes / counts.quota_bytes
    yield Check("journal", Grade.WARNING if share > 0.8 else Grade.OK,
                f"{counts.passages} passages, {counts.pending} waiting for headquarters, {share:.0%} of its quota",
                "restore the link or carry the rows by stick before it is full" if share > 0.8 else "")
    if audit.sound:
        yield Check("audit", Grade.OK, f"{audit.rows} rows, the chain is whole")
    else:
        yield Check("audit", Grade.ERROR, f"the chain is broken at row {audit.first_bad}",
                    "keep the box as it is and call headquarters")
    aside = sorted(p.name for p in path.parent.glob("*.corrupt-*") if not p.name.endswith(("-wal", "-shm")))
    if aside:
        yield Check("set aside", Grade.WARNING, f"damaged and begun anew: {', '.join(aside)}",
                    "keep the files for headquarters' technicians; see docs/technician.md, section 6")


def _disk(config: Config) -> Iterator[Check]:
    path = Path(config.box.state_dir)
    while not path.exists():
        path = path.parent
    free = shutil.disk_usage(path).free / 1e6
    grade = Grade.ERROR if free < MIN_FREE_MB / 4 else Grade.WARNING if free < MIN_FREE_MB else Grade.OK
    yield Check("disk", grade, f"{free:.0f} MB free", "" if grade is Grade.OK else "free space below the state folder")


def _running(config: Config, status: Mapping[str, Any] | Check) -> Iterator[Check]:
    from edge import checks_lists

    if isinstance(status, Check):
        yield status
        return
    yield Check("box", Grade.OK, f"runs for {status['uptime_seconds']} s")
    state = status["clock"]["state"]
    yield checks_lists.clock(state, records_expire=state != "untrusted")
    yield from checks_lists.ages(status.get("lists", ()), frozenset(config.screening.required))
    yield from checks_lists.ages(status.get("galleries", ()), frozenset())
    link = status["uplink"]
    if link["state"] not in ("none", "sending"):
        problem = f": {link['problem']}" if link["problem"] else ""
        yield Check("link", Grade.WARNING, f"the box says {link['state']}{problem}",
                    link["advice"] or "wait a moment and look again; `borderpost status` follows it")
    for one in status["passthrough"]:
        if one["state"] != "ready":
            yield Check(f"to the PC {one['to']}", Grade.WARNING, f"is {one['state']}",
                        "look at the cable and at the path in [[passthrough]]; the log says why")


def _reader(reader: Mapping[str, Any], unproven: bool) -> Iterator[Check]:
    """What the running box says of one reader."""
    name = f"reader {reader['name']}"
    if reader["state"] in OPEN:
        yield _fine(name, f"{reader['port']} is {reader['state']}", unproven)
    else:
        problem = f": {reader['problem']}" if reader["problem"] else ""
        yield Check(name, Grade.ERROR, f"is {reader['state']}{problem}",
                    reader["advice"] or "wait a moment and look again; then look at its cable and port")
    if reader["swapped"]:
        yield Check(name, Grade.ERROR, reader["swapped"],
                    "plug each reader where it was set up, or take the lines of `borderpost devices`")
    if reader["remark"]:
        yield Check(name, Grade.WARNING, f"the device: {reader['remark']}",
                    "compare its settings with docs/readers.md, and its own set-up with its manual")
    if reader["overflow"]:
        yield Check(name, Grade.WARNING, f"{reader['overflow']} reads found no room at the counter",
                    "restart the box; report it with the log")
    if reader["power_cycles"] or reader["garbled"] > max(MANY_GARBLED, reader["reads"]):
        yield Check(name, Grade.WARNING,
                    f"{reader['garbled']} garbled frames against {reader['reads']} reads, switched off and on "
                    f"{reader['power_cycles']} times",
                    "clean its window, check its cable; compare its speed and framing with docs/readers.md")


def _updates(config: Config) -> Iterator[Check]:
    from edge.checks_updates import updates

    yield from updates(config)


def _link(config: Config) -> Iterator[Check]:
    from edge import checks_link

    uplink = config.uplink
    if uplink is None:
        yield Check("link", Grade.WARNING, "no [uplink] is configured", "rows wait for a stick")
        return
    files = list(checks_link.tls_files(uplink.tls, config.box.device)) if uplink.tls else []
    yield from files
    yield from checks_link.broker(uplink, greet=all(c.grade is not Grade.ERROR for c in files))
