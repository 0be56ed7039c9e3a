"""kill -9 at every third system call of an update: the old generation or the new one; the next run goes on."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from updated_box import ONE, TWO, World

CALLS = ("open", "write", "pwrite", "fsync", "fdatasync", "rename", "replace", "link", "unlink", "mkdir", "rmdir")


def killed_at(work: Callable[[], object], step: int) -> bool:
    """Run ``work`` in a child that kills itself before its call number ``step``; True if it got to its end."""
    child = os.fork()
    if child == 0:
        seen = 0

        def wrapped(name: str) -> Callable[..., object]:
            real = getattr(os, name)

            def call(*args: object, **named: object) -> object:
                nonlocal seen
                seen += 1
                if seen == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **named)

            return call

        for name in CALLS:
            setattr(os, name, wrapped(name))
        try:
            work()
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def test_killed_at_any_step_there_is_the_old_generation_or_the_new_one(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.keyed(ONE, 1)
    world.watch("Zarqelli")
    world.publish()
    world.publish("un")
    world.update()
    old = world.standing()
    world.keyed(TWO, 2)
    world.watch("Marwazeh")
    world.publish()
    world.publish("un")
    start = (world.state, world.lists)
    seen: set[tuple[int, int]] = set()
    for step in range(1, 2000, 3):
        world.state, world.lists = tmp_path / f"s{step}", tmp_path / f"l{step}"
        for here, there in zip(start, (world.state, world.lists), strict=True):
            shutil.copytree(here, there)
        ended = killed_at(world.update, step)
        generation, digest = world.standing()
        assert world.box().problem is None
        list(world.box().verify())
        assert (generation, digest == old[1]) in ((1, True), (2, False))
        watch = [int(p.name) for p in (world.lists / "un").iterdir() if p.name.isdigit()]
        assert max(watch) in (1, 2)
        assert world.marks()["sltd"] <= generation
        assert world.marks()["un"] <= max(watch)
        seen.add((generation, max(watch)))
        if step % 30 == 1 or ended:  # the next run goes on from there
            assert {row.now for row in world.update().lists} == {2}
            assert not [p for p in (world.lists / "un").iterdir() if not p.name.isdigit()]
        shutil.rmtree(world.state)
        shutil.rmtree(world.lists)
        if ended:
            break
    else:
        pytest.fail("never came to its end")
    assert seen == {(1, 1), (2, 1), (2, 2)}


def test_killed_while_it_takes_a_damaged_list_anew_the_next_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    for generation, told in ((1, ONE), (2, TWO)):
        world.keyed(told, generation)
        world.publish()
        world.update()
    sound = world.standing()
    (world.lists / "sltd" / "CURRENT").write_bytes(b"rot")
    start = (world.state, world.lists)
    for step in range(1, 2000, 4):
        world.state, world.lists = tmp_path / f"s{step}", tmp_path / f"l{step}"
        for here, there in zip(start, (world.state, world.lists), strict=True):
            shutil.copytree(here, there)
        ended = killed_at(world.update, step)
        assert world.box().generation in (1, 2)  # the files stay, whatever is named
        assert {row.now for row in world.update().lists if row.list == "sltd"} == {2}
        assert (world.standing(), world.box().problem, world.marks()["sltd"]) == (sound, None, 2)
        shutil.rmtree(world.state)
        shutil.rmtree(world.lists)
        if ended:
            return
    pytest.fail("never came to its end")
