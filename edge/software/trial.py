"""A new version on trial: how often it failed to start, and the way back. Python's own library alone.

The package puts this file beside the versions (``/usr/lib/borderpost/trial.py``), where the system's own Python runs it
around every start of the daemon, so that nothing of the version on trial decides whether it stays.

    trial.py starting    before a start (ExecStartPre)
    trial.py ready       the daemon said READY (ExecStartPost)
    trial.py stopped     it ended; $SERVICE_RESULT, $EXIT_STATUS say how (ExecStopPost)

Laws:
1. A start counts as failed only if the same boot sees what came of it: power that fails, however often, counts nothing
   and takes no version away.
2. After ``MAX_FAILURES`` failures, or one start that hung for ``HUNG_S``, or a configuration that the version calls
   wrong (exit code 78), the version before is the current one again, and the bad one is never taken again.
3. The trial ends well when the daemon has been up for ``SETTLED_S`` in one piece.
4. ``trial.json`` is on the disk before ``current`` leads to the new version: a cut between the two leaves the old
   version and a trial that never began, which is dropped.
5. Nothing here keeps the daemon from starting: whatever goes wrong, the exit code is 0.
6. Every file is replaced by rename, and its folder synced.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

BASE = "/opt/borderpost"
TRIAL, OUTCOME, BAD = "trial.json", "outcome.json", "bad.json"
CURRENT, VERSIONS = "current", "versions"
MAX_FAILURES = 3
HUNG_S = 100.0  # of the unit's TimeoutStartSec=120
SETTLED_S = 60.0
MAX_BAD = 50  # versions that are remembered
MAX_FILE = 65_536  # bytes of each of these files
WRONG_CONFIGURATION = "78"
KEPT, RETURNED = "kept", "returned"


@dataclass(frozen=True)
class Trial:
    """What is known of the version on trial. ``state``: idle, starting, ready; ``since``: seconds of this boot."""

    version: str
    previous: str
    generation: int = 0
    boot: str = ""
    failures: int = 0
    state: str = "idle"
    since: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What came of the last trial. ``outcome``: kept, returned."""

    version: str
    outcome: str
    previous: str = ""
    reason: str = ""
    generation: int = 0


@dataclass(frozen=True)
class Here:
    """Where and when. ``boot``: the kernel's id of this boot; ``now``: seconds since it, sleep included."""

    base: Path
    boot: str
    now: float


def read(base: Path) -> Trial | None:
    """The trial under way; None if there is none, or if its file makes no sense."""
    try:
        with (base / TRIAL).open("rb") as file:
            value = json.loads(file.read(MAX_FILE))
        trial = Trial(**value)
    except (OSError, ValueError, TypeError):
        return None
    texts = (trial.version, trial.previous, trial.boot, trial.state)
    return trial if all(isinstance(text, str) for text in texts) and trial.version else None


def outcome(base: Path) -> Outcome | None:
    """What came of the last trial; None if there was none, or if its file makes no sense."""
    try:
        with (base / OUTCOME).open("rb") as file:
            told = Outcome(**json.loads(file.read(MAX_FILE)))
    except (OSError, ValueError, TypeError):
        return None
    texts = (told.version, told.outcome, told.previous, told.reason)
    return told if all(isinstance(text, str) for text in texts) else None


def begin(base: Path, version: str, previous: str, generation: int = 0) -> None:
    """Put ``version`` on trial and make it the current one (law 4). ``previous`` is what a failure returns to."""
    _write(base / TRIAL, asdict(Trial(version, previous, generation)))
    point(base, version)


def current(base: Path) -> str:
    """The version that ``current`` leads to; empty where there is none."""
    try:
        return (base / CURRENT).readlink().name
    except OSError:
        return ""


def point(base: Path, version: str) -> None:
    """Have ``current`` lead to that version, in one step."""
    fresh = base / (CURRENT + ".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(f"{VERSIONS}/{version}")
    fresh.rename(base / CURRENT)
    _sync(base)


def starting(here: Here) -> None:
    """A start begins: count what became of the one before (law 1), return if it was one too many (law 2)."""
    trial = _under_way(here.base)
    if trial is None:
        return
    failures, hung = trial.failures, False
    if trial.boot == here.boot and trial.state in ("starting", "ready"):
        failures += 1
        hung = trial.state == "starting" and here.now - trial.since >= HUNG_S
    if failures >= MAX_FAILURES or hung:
        give_up(here.base, trial, "it hung while it started" if hung else f"{failures} starts failed")
        return
    keep(here.base, replace(trial, boot=here.boot, failures=failures, state="starting", since=here.now))


def ready(here: Here) -> None:
    """The daemon is up."""
    trial = _under_way(here.base)
    if trial is not None:
        keep(here.base, replace(trial, boot=here.boot, state="ready", since=here.now))


def stopped(here: Here, environ: Mapping[str, str], restart: Callable[[], object]) -> None:
    """The daemon ended. An end that was asked for is no failure; a configuration called wrong ends the trial."""
    trial = _under_way(here.base)
    if trial is None:
        return
    if environ.get("EXIT_STATUS") == WRONG_CONFIGURATION:
        give_up(here.base, trial, "it calls the configuration of this box wrong")
        restart()  # the unit is not started again after that exit code
    elif environ.get("SERVICE_RESULT") == "success":
        keep(here.base, replace(trial, state="idle"))


def settle(here: Here) -> bool:
    """End the trial if the version has been up for long enough (law 3); True if it did."""
    trial = _under_way(here.base)
    if trial is None or (trial.boot, trial.state) != (here.boot, "ready") or here.now - trial.since < SETTLED_S:
        return False
    _tell(here.base, trial, KEPT, "")
    return True


def keep(base: Path, trial: Trial) -> None:
    """Write the trial down."""
    _write(base / TRIAL, asdict(trial))


def give_up(base: Path, trial: Trial, reason: str) -> None:
    """Go back to the version before (law 2). The bad one is remembered first: it is never taken again."""
    bad = [version for version in bad_versions(base) if version != trial.version]
    _write(base / BAD, [*bad, trial.version][-MAX_BAD:])
    if (base / VERSIONS / trial.previous).is_dir() and trial.previous:
        point(base, trial.previous)
    _tell(base, trial, RETURNED, reason)


def bad_versions(base: Path) -> list[str]:
    """Versions that failed on this box, oldest first."""
    try:
        with (base / BAD).open("rb") as file:
            value = json.loads(file.read(MAX_FILE))
    except (OSError, ValueError):
        return []
    return [version for version in value if isinstance(version, str)] if isinstance(value, list) else []


def _under_way(base: Path) -> Trial | None:
    """The trial, if the version on trial is the current one; a trial that never began is dropped (law 4)."""
    trial = read(base)
    if trial is not None and current(base) != trial.version:
        (base / TRIAL).unlink(missing_ok=True)
        return None
    return trial


def _tell(base: Path, trial: Trial, came: str, reason: str) -> None:
    _write(base / OUTCOME, asdict(Outcome(trial.version, came, trial.previous, reason, trial.generation)))
    (base / TRIAL).unlink(missing_ok=True)
    _sync(base)


def _write(path: Path, value: object) -> None:
    fresh = path.with_name(path.name + ".new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    fresh.chmod(0o644)
    fresh.rename(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def here(base: Path) -> Here:
    """This boot and this moment."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Here(base, boot, time.clock_gettime(time.CLOCK_BOOTTIME))


def _start_again() -> None:
    subprocess.run(["systemctl", "--no-block", "restart", "borderpost.service"], check=False, timeout=30)


def main(words: list[str], environ: Mapping[str, str], base: Path = Path(BASE)) -> int:
    """``starting``, ``ready`` or ``stopped``; law 5."""
    with contextlib.suppress(Exception):
        now = here(base)
        if words == ["starting"]:
            starting(now)
        elif words == ["ready"]:
            ready(now)
        elif words == ["stopped"]:
            stopped(now, environ, _start_again)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
