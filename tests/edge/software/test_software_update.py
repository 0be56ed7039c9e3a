"""Software from headquarters' command to a version in use: signed, relayed, verified again, tried, kept or left.

Everything is real (commands of headquarters, TUF, archives, folders, child processes) but systemctl, in whose place the
test starts what it would start.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from software_kit import PLATFORM, archive, entries, installed
from update_kit import NOW, World

from edge.software import trial, update
from edge.updates import run as updating
from edge.updates.software import Handover

STEP = 65.0  # seconds between two looks, more than a trial takes


class Box:
    """A box that takes software from ``world``'s repository through its daemon's folder."""

    def __init__(self, root: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.world, self.base = world, installed(root / "opt")
        self.offered, self.state = root / "handover", root / "update-state"
        self.offered.mkdir()
        self.state.mkdir()
        self.now = 1000.0
        self.boot = "boot-1"
        self.tried: list[str] = []
        self.works = True
        self.restarts = 0
        self.after_restart: Callable[[], object] = lambda: None
        monkeypatch.setattr(updating, "handover", lambda: Handover(self.offered, PLATFORM))

    def publish(self, version: str, *, platform: str = "debian12", **told: object) -> None:
        packed = archive(self.world.root / f"{version}-{platform}.tar.xz", entries(version, release=platform, **told))
        both = keys(self.world, "software-1", "software-2")
        self.world.hq("publish", "software", str(self.world.repo), str(packed), *both)
        self.world.hq("publish", "timestamp", str(self.world.repo), *keys(self.world, "snapshot", "timestamp"))

    def relay(self) -> list[str]:
        """The daemon's own update from the repository as a stick: what became of the software."""
        task = updating.Task(
            state_dir=str(self.world.state), lists_dir=str(self.world.lists), source=str(self.world.repo),
            root=str(self.world.repo / "metadata" / "1.root.json"),
        )
        report = updating.update(task, now=NOW)
        assert report.refused is None, report.refused
        return [one.outcome for one in report.lists if one.list == "software"]

    def look(self) -> update.Told:
        root = (self.world.repo / "metadata" / "1.root.json").read_bytes()
        places = update.Places(self.base, self.offered, self.state, root, number=1, own="1.0")
        return update.look(places, update.Hands(self._try, self._restart), self.here())

    def here(self) -> trial.Here:
        return trial.Here(self.base, self.boot, self.now)

    def _try(self, version: str) -> bool:
        self.tried.append(version)
        assert (self.base / "versions" / version / "bin" / "borderpost").exists()
        return self.works

    def _restart(self) -> bool:
        self.restarts += 1
        self.after_restart()
        return True

    def start(self, *, up: bool) -> None:
        trial.starting(self.here())
        if up:
            trial.ready(self.here())

    @property
    def version(self) -> str:
        return trial.current(self.base)


def keys(world: World, *names: str) -> list[str]:
    return [word for name in names for word in ("--key", str(world.keys / f"{name}.pem"))]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = World(tmp_path_factory.mktemp("headquarters"), lists=("un",))
    world.hq("publish", "timestamp", str(world.repo), *keys(world, "snapshot", "timestamp"))
    return world


@pytest.fixture
def box(published: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Box:
    for name in ("repo", "box"):
        shutil.copytree(published.root / name, tmp_path / "world" / name)
    world = object.__new__(World)
    world.__dict__.update(published.__dict__)
    world.root = tmp_path / "world"
    world.repo, world.lists, world.state = (world.root / part for part in ("repo", "box/lists", "box/state"))
    return Box(tmp_path, world, monkeypatch)


def test_a_version_is_taken_tried_used_and_kept(box: Box) -> None:
    box.publish("2.0")
    assert box.relay() == ["updated"]
    assert box.relay() == []  # it lies there already
    told = box.look()
    assert (told.outcome, told.version, told.generation) == ("taken", "2.0", 1)
    assert box.tried == ["2.0"]
    assert box.restarts == 1
    assert box.version == "2.0"
    out = subprocess.run([box.base / "current/bin/borderpost"], capture_output=True, text=True, check=True).stdout
    assert out == "2.0\n"
    box.start(up=True)
    assert box.look().outcome == "on_trial"
    box.now += STEP
    assert box.look().outcome == "kept"
    assert box.look().outcome == "nothing"
    assert sorted(path.name for path in (box.base / "versions").iterdir()) == ["1.0", "2.0"]


def test_older_versions_go_and_the_one_before_stays(box: Box) -> None:
    for version in ("2.0", "3.0", "4.0"):
        box.publish(version)
        box.relay()
        assert box.look().outcome == "taken"
        box.start(up=True)
        box.now += STEP
        assert box.look().outcome == "kept"
    # the package's own (1.0), the one before, the one in use
    assert sorted(path.name for path in (box.base / "versions").iterdir()) == ["1.0", "3.0", "4.0"]


def test_a_version_that_does_not_start_is_left_and_never_taken_again(box: Box) -> None:
    box.publish("2.0")
    box.relay()
    box.look()
    for _ in range(4):
        box.start(up=False)
    assert box.version == "1.0"
    told = box.look()
    assert (told.outcome, told.version) == ("returned", "2.0")
    assert box.look().outcome == "nothing"
    box.publish("2.0")  # headquarters insists
    box.relay()
    told = box.look()
    assert (told.outcome, told.version) == ("refused", "2.0")
    assert "failed on this box before" in told.reason
    box.publish("2.1")
    box.relay()
    assert box.look().outcome == "taken"
    assert box.version == "2.1"


def test_a_version_whose_self_test_fails_is_never_used(box: Box) -> None:
    box.works = False
    box.publish("2.0")
    box.relay()
    told = box.look()
    assert told.outcome == "refused"
    assert "self-test" in told.reason
    assert told.advice
    assert box.version == "1.0"
    assert box.restarts == 0
    assert not (box.base / "versions" / "2.0").exists()


def test_power_cuts_while_it_starts_leave_it_on_trial(box: Box) -> None:
    box.publish("2.0")
    box.relay()
    box.look()
    for number in range(50):
        box.boot = f"boot-{number}"
        box.start(up=False)
    assert box.version == "2.0"
    box.start(up=True)
    box.now += STEP
    assert box.look().outcome == "kept"


def test_software_for_other_systems_alone_is_nothing_to_this_box(box: Box) -> None:
    box.publish("2.0", platform="debian13")
    assert box.relay() == []
    assert box.look().outcome == "nothing"
    assert not list(box.offered.iterdir())


def test_a_version_that_needs_a_newer_package_is_refused(box: Box) -> None:
    box.publish("2.0", needs_base=7)
    box.relay()
    told = box.look()
    assert (told.outcome, told.code) == ("refused", "not_usable")
    assert "package base 7" in told.reason


def test_the_installer_believes_nothing_of_the_daemon_s_folder(box: Box) -> None:
    box.publish("2.0")
    box.relay()
    (part,) = (box.offered / "targets").rglob("*.tar.xz.000")
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.chmod(0o600)
    part.write_bytes(data)
    told = box.look()
    assert (told.outcome, told.code) == ("refused", "damaged")
    assert box.version == "1.0"
    assert box.look().outcome == "nothing"  # said once


def test_metadata_of_somebody_else_are_refused(box: Box, tmp_path: Path) -> None:
    other = World(tmp_path / "other", lists=("un",))
    packed = archive(tmp_path / "evil.tar.xz", entries("9.0"))
    other.hq("publish", "software", str(other.repo), str(packed), *keys(other, "software-1", "software-2"))
    other.hq("publish", "timestamp", str(other.repo), *keys(other, "snapshot", "timestamp"))
    shutil.copytree(other.repo, box.offered, dirs_exist_ok=True)
    told = box.look()
    assert told.outcome == "refused"
    assert told.code in ("foreign", "damaged", "root_gap")
    assert box.version == "1.0"


def test_one_of_two_keys_is_not_enough(box: Box) -> None:
    packed = archive(box.world.root / "v.tar.xz", entries("2.0"))
    out = box.world.hq("publish", "software", str(box.world.repo), str(packed), *keys(box.world, "software-1"))
    assert "waits for 1 more signature" in out
    box.world.hq("publish", "timestamp", str(box.world.repo), *keys(box.world, "snapshot", "timestamp"))
    assert box.relay() == []
    box.world.hq("publish", "sign", str(box.world.repo), "software", *keys(box.world, "software-2"))
    box.world.hq("publish", "timestamp", str(box.world.repo), *keys(box.world, "snapshot", "timestamp"))
    assert box.relay() == ["updated"]
    assert box.look().outcome == "taken"


def test_an_older_generation_is_refused_whoever_lays_it_down(box: Box, tmp_path: Path) -> None:
    box.publish("2.0")
    box.relay()
    shutil.copytree(box.offered, tmp_path / "old")
    box.publish("3.0")
    box.relay()
    assert box.look().version == "3.0"
    box.start(up=True)
    box.now += STEP
    assert box.look().outcome == "kept"
    shutil.rmtree(box.offered)
    shutil.copytree(tmp_path / "old", box.offered)
    told = box.look()
    assert (told.outcome, told.code) == ("refused", "older")
    assert box.version == "3.0"


def test_headquarters_takes_no_archive_that_is_none(box: Box) -> None:
    (box.world.root / "x.tar.xz").write_bytes(b"no archive")
    box.world.hq("publish", "software", str(box.world.repo), str(box.world.root / "x.tar.xz"),
                 *keys(box.world, "software-1"), code=1)  # fmt: skip
    two = [archive(box.world.root / f"{v}.tar.xz", entries(v)) for v in ("2.0", "3.0")]
    box.world.hq("publish", "software", str(box.world.repo), *map(str, two), *keys(box.world, "software-1"), code=1)


# -- with real processes ----------------------------------------------------------------------------------------------

DAEMON = """#!{python} -I
import os, sys, time
sys.stdout.write(os.path.basename(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))) + chr(10))
sys.stdout.flush()
if {crashes}:
    os.abort()
time.sleep(60)
"""


def supervised(base: Path, rounds: int) -> list[str]:
    """What systemd does: trial.py before each start, the daemon, again; the versions that started, in order."""
    started = []
    guard = [sys.executable, "-I", "-c",
             "import runpy, sys; from pathlib import Path\n"
             "sys.exit(runpy.run_path(sys.argv[1])['main']([sys.argv[2]], {}, Path(sys.argv[3])))",
             trial.__file__]  # fmt: skip
    for _ in range(rounds):
        subprocess.run([*guard, "starting", str(base)], check=True, timeout=30)
        process = subprocess.Popen([base / "current/bin/borderpost"], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        started.append(process.stdout.readline().strip())
        if process.poll() is None and not _ends(process):
            subprocess.run([*guard, "ready", str(base)], check=True, timeout=30)
            process.kill()
            process.wait(10)
            return started
        process.wait(10)
    return started


def _ends(process: subprocess.Popen[str]) -> bool:
    try:
        process.wait(0.5)
    except subprocess.TimeoutExpired:
        return False
    return True


def daemon(base: Path, version: str, *, crashes: bool) -> None:
    path = base / "versions" / version / "bin" / "borderpost"
    path.write_text(DAEMON.format(python=sys.executable, crashes=crashes))
    path.chmod(0o755)


def test_a_crashing_version_is_left_after_three_starts(tmp_path: Path) -> None:
    base = installed(tmp_path / "opt")
    (base / "versions/2.0/bin").mkdir(parents=True)
    daemon(base, "1.0", crashes=False)
    daemon(base, "2.0", crashes=True)
    trial.begin(base, "2.0", "1.0", 1)
    assert supervised(base, 10) == ["2.0", "2.0", "2.0", "1.0"]
    assert json.loads((base / "outcome.json").read_text())["outcome"] == "returned"


KILLED = """
import sys, time
from pathlib import Path
sys.path[:0] = {path!r}
from edge.software import bundle, trial
base = Path({base!r})
print("begun", flush=True)
manifest = bundle.unpack(Path({archive!r}), base / "versions", platform={platform!r}, base=1)
trial.begin(base, manifest.version, "1.0", 1)
trial.starting(trial.here(base))
trial.ready(trial.here(base))
"""


def test_killed_at_any_moment_there_is_a_whole_version_in_use(tmp_path: Path) -> None:
    base = installed(tmp_path / "opt")
    bulk = [("2.0/lib", None), *((f"2.0/lib/m{n}.py", os.urandom(4000)) for n in range(150))]
    packed = archive(tmp_path / "v.tar.xz", entries("2.0", *bulk))
    code = KILLED.format(path=sys.path[:2], base=str(base), archive=str(packed), platform=PLATFORM)
    seen = set()
    for round_ in range(16):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.004 * round_)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        version = trial.current(base)
        seen.add(version)
        out = subprocess.run([base / "current/bin/borderpost"], capture_output=True, text=True, check=True).stdout
        assert out.strip() == version
        if version == "2.0":
            assert len(list((base / "versions/2.0/lib").iterdir())) == 150
            under_way = trial.read(base)
            assert under_way is not None
            assert under_way.previous == "1.0"
            trial.point(base, "1.0")
            shutil.rmtree(base / "versions/2.0")
        else:
            shutil.rmtree(base / "versions/2.0", ignore_errors=True)
    assert "1.0" in seen
