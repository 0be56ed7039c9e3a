"""One look of the installer: end a trial that went well, take what was laid down, try it, put it in place.

Laws:
1. Every signature is verified here again, by marks that nobody else can write; a lower generation is refused whatever
   the daemon's folder says.
2. A version is tried (``borderpost selftest``, without a network, as the daemon's user) before it is used, and stays on
   trial afterwards (edge.software.trial). While one is on trial no other is begun.
3. A version that failed on this box is not taken again. Its generation counts as taken, so that the next one is newer.
4. The version in use, the one before, and the package's own stay; older ones go.
5. Power may fail at every point: what is half done is begun again by the next look.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from edge.core.distribution import SOFTWARE, Way
from edge.core.trusted import ClockState, Trusted
from edge.software import bundle, trial
from edge.state import State
from edge.update_report import holds_update
from edge.updates.errors import UpdateError
from edge.updates.fetchers import DirFetcher
from edge.updates.marks import StateMarks
from edge.updates.reference import reference
from edge.updates.software import only
from edge.updates.updater import Updates

LOOKED: Final = "software.looked"  # digest of the timestamp that was looked into last
TOLD: Final = "software.told"  # the outcome that was told last
SELFTEST_S: Final = 120.0
RESTART_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Places:
    """``base``: where versions lie; ``offered``: what the daemon laid down; ``state``: our own folder.

    ``root``: the text of the first root file; ``number``: of the installed package's base; ``own``: its version.
    """

    base: Path
    offered: Path
    state: Path
    root: bytes
    number: int = 0
    own: str = ""


@dataclass(frozen=True, slots=True)
class Hands:
    """What touches the system; True if it went well. ``tried(version)``: its self-test; ``restart()``: the daemon."""

    tried: Callable[[str], bool]
    restart: Callable[[], bool]


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of a look. ``outcome``: nothing, kept, returned, on_trial, taken, refused."""

    outcome: str
    version: str = ""
    generation: int = 0
    code: str = ""
    reason: str = ""
    advice: str = ""


def look(places: Places, hands: Hands, now: trial.Here) -> Told:
    """One look. Raises nothing but faults of this program."""
    trial.settle(now)
    with contextlib.closing(State(places.state / "state.sqlite")) as state:
        news = _news(places.base, state)
        if news is not None:
            _sweep(places)
            return news
        under_way = trial.read(places.base)
        if under_way is not None and trial.current(places.base) == under_way.version:
            return Told(outcome="on_trial", version=under_way.version, generation=under_way.generation)
        digest = _digest(places.offered)
        if not digest or state.get(LOOKED) == digest:
            return Told(outcome="nothing")
        try:
            told = _take(places, hands, state)
        except UpdateError as error:
            told = Told(outcome="refused", code=error.code, reason=error.message, advice=error.advice)
            if error.code in ("no_space", "disk", "busy"):  # not this software's fault: looked at again
                return told
        state.put(LOOKED, digest)
        return told


def _take(places: Places, hands: Hands, state: State) -> Told:
    at = reference(Trusted(ClockState.UNTRUSTED, None, None), state.floor())
    before = trial.current(places.base)
    have = bundle.manifest_of(places.base / trial.VERSIONS / before)
    if have is None:
        raise UpdateError("not_usable", "the version in use does not say what it is: install the package again")
    source = DirFetcher(places.offered)
    with Updates(places.state / "updates", places.root, source, marks=StateMarks(state), at=at) as updates:
        offers = updates.check()
        if refused := offers.refused.get(SOFTWARE):
            raise refused
        offered = offers.lists.get(SOFTWARE)
        if offers.issued is not None:
            state.raise_floor(offers.issued)
        if offered is None or offered.offer.newest <= offered.mark:
            return Told(outcome="nothing")
        plan = updates.plan(offered, offered.mark, whole=True)
        thin = only(plan, have.platform) if plan.way is Way.FORWARD else None
        if thin is None:
            return Told(outcome="nothing")
        (files,) = updates.take(thin).files
        (archive,) = files.values()
        versions = places.base / trial.VERSIONS
        manifest = bundle.unpack(archive, versions, platform=have.platform, base=places.number)
        told = Told(outcome="taken", version=manifest.version, generation=plan.to)
        if manifest.version in trial.bad_versions(places.base):
            told = _refused(told, "it failed on this box before")
        elif manifest.version == before:
            told = Told(outcome="nothing", version=before, generation=plan.to)
        elif not hands.tried(manifest.version):
            shutil.rmtree(versions / manifest.version)
            told = _refused(told, "its self-test failed: `journalctl -u borderpost-selftest@*` says why")
        else:
            trial.begin(places.base, manifest.version, before, plan.to)
        updates.accepted(SOFTWARE, plan.to)
    if told.outcome == "taken" and not hands.restart():
        return _refused(told, "the daemon could not be restarted; it changes over with its next start")
    return told


def _refused(told: Told, reason: str) -> Told:
    return msgspec.structs.replace(
        told, outcome="refused", code="not_usable", reason=reason,
        advice="tell headquarters; the box goes on with the version that it has",
    )


def _news(base: Path, state: State) -> Told | None:
    """The end of a trial, told once."""
    try:
        text = (base / trial.OUTCOME).read_text("utf-8")[: trial.MAX_FILE]
        ended = msgspec.json.decode(text, type=Told)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if state.get(TOLD) == text:
        return None
    state.put(TOLD, text)
    return ended


def _digest(offered: Path) -> str:
    try:
        if not holds_update(offered):
            return ""
        with (offered / "metadata" / "timestamp.json").open("rb") as file:
            return sha256(file.read(trial.MAX_FILE)).hexdigest()
    except OSError:
        return ""


def _sweep(places: Places) -> None:
    """Law 4."""
    keep = {trial.current(places.base), places.own}
    with contextlib.suppress(OSError, ValueError, msgspec.MsgspecError):
        told = msgspec.json.decode((places.base / trial.OUTCOME).read_bytes())
        keep.add(str(told.get("previous", "")) if told.get("outcome") == "kept" else "")
    with contextlib.suppress(OSError):
        for version in (places.base / trial.VERSIONS).iterdir():
            if version.name not in keep:
                shutil.rmtree(version)


def system_hands() -> Hands:
    """By systemctl."""
    return Hands(
        tried=lambda version: _succeeds(["systemctl", "start", f"borderpost-selftest@{version}.service"], SELFTEST_S),
        restart=lambda: _succeeds(["systemctl", "--no-block", "restart", "borderpost.service"], RESTART_S),
    )


def _succeeds(words: Sequence[str], limit_s: float) -> bool:
    try:
        return subprocess.run(words, check=False, timeout=limit_s).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
