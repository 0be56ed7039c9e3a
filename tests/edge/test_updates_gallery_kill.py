"""kill -9 while a gallery is composed: the old generation or the new one, never half; the next run goes on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from gallery_kit import AS_OF, generation, some
from updated_box import World

from edge.core.vault import KeyRing, RingEntry
from edge.core.watch.manifest import GALLERY
from edge.updates.gallery_place import GalleryPlace

KEY = RingEntry("un", 1, bytes(range(32)))
RING = KeyRing.of([KEY])
CALLS = ("open", "write", "fsync", "rename", "replace", "link", "unlink", "mkdir", "rmdir")

# Stops itself (so that it is killed there for certain) before its STEP-th call that changes the disk.
CHILD = """
import os, signal, sys
from datetime import datetime
state, lists, root, source, at, step = sys.argv[1:7]
from edge.update_report import Task
from edge.updates.run import update
seen = 0
def wrapped(real):
    def call(*args, **named):
        global seen
        seen += 1
        if seen == int(step):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **named)
    return call
for name in sys.argv[7].split(","):
    setattr(os, name, wrapped(getattr(os, name)))
at = datetime.fromisoformat(at)
update(Task(state_dir=state, lists_dir=lists, root=root, source=source, clock="held", time=at, expiry=at), now=at)
print(seen)
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A box with generation 1, and a delta to generation 2 published."""
    world = World(tmp_path)
    world.bring_ring(RING)
    one = some(300)
    for number, wanted in ((1, one), (2, {**dict(list(one.items())[5:]), **dict(list(some(310).items())[300:])})):
        generation(world.out, wanted, number, as_of=AS_OF + timedelta(days=number), key=KEY)
        world.publish("un", ring=RING)
        if number == 1:
            assert world.one("un").now == 1
    return world


def _run(world: World, state: Path, lists: Path, step: int) -> tuple[int, int]:
    """Exit code, and how many calls there were."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(state), str(lists), str(world.root), str(world.hq.path), AS_OF.isoformat(),
         str(step), ",".join(CALLS)],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, int(done.stdout or 0)


def _place(world: World, lists: Path) -> GalleryPlace:
    return GalleryPlace(lists, "un", lambda ident: KEY.key if ident == KEY.key_id else None)


def _copied(world: World, to: Path) -> tuple[Path, Path]:
    state, lists = to / "state", to / "lists"
    shutil.copytree(world.state, state)
    shutil.copytree(world.lists, lists)
    return state, lists


def test_killed_at_any_step_one_whole_generation_stands(world: World, tmp_path: Path) -> None:
    old = (world.lists / "un" / "0000000001" / GALLERY).read_bytes()
    new = (world.out / "un" / "0000000002" / GALLERY).read_bytes()
    state, lists = _copied(world, tmp_path / "whole")
    code, calls = _run(world, state, lists, 0)
    assert code == 0
    assert calls > 10
    seen = set()
    for step in range(1, calls + 1, max(1, calls // 8)):
        state, lists = _copied(world, tmp_path / f"at-{step}")
        code, _ = _run(world, state, lists, step)
        assert code == -signal.SIGKILL
        stands = _place(world, lists).standing().generation
        assert stands in (1, 2)
        assert (lists / "un" / f"{stands:010d}" / GALLERY).read_bytes() == (old if stands == 1 else new)
        seen.add(stands)
        code, _ = _run(world, state, lists, 0)  # the next run goes on from there
        assert code == 0
        assert sorted(p.name for p in (lists / "un").iterdir()) == ["0000000001", "0000000002"]
        assert (lists / "un" / "0000000002" / GALLERY).read_bytes() == new
        shutil.rmtree(tmp_path / f"at-{step}")
    assert seen == {1, 2}


def test_killed_from_outside_at_any_time(world: World, tmp_path: Path) -> None:
    new = (world.out / "un" / "0000000002" / GALLERY).read_bytes()
    for tenth in range(5, 11, 2):
        state, lists = _copied(world, tmp_path / f"after-{tenth}")
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(state), str(lists), str(world.root), str(world.hq.path),
             AS_OF.isoformat(), "0", ",".join(CALLS)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(tenth / 10)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(10)
        assert _place(world, lists).standing().generation in (1, 2)
        code, _ = _run(world, state, lists, 0)
        assert code == 0
        assert (lists / "un" / "0000000002" / GALLERY).read_bytes() == new
