"""What `borderpost lists update` tells a person: repairs, keys that are gone, room, and folders that hold nothing."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner
from update_kit import World, documents

from edge.cli import borderpost
from edge.list_keys import SEALED
from edge.update_report import Task
from edge.updates import parts
from edge.updates.keyed_place import KeyedPlace
from edge.updates.run import update


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A box with one list of documents, taken from a stick."""
    made = World(tmp_path)
    made.build_keyed(1, documents(*range(300)))
    made.publish("sltd")
    made.stamp()
    told(made)
    return made


def told(world: World, *words: str, code: int = 0) -> str:
    """Both streams of the box's own command."""
    source = words or ("--from", str(world.repo))
    done = CliRunner().invoke(borderpost, ["lists", "update", *source, "--config", str(world.config)])
    assert done.exit_code == code, done.output
    return done.output


def flip(path: Path, at: int) -> None:
    """One byte where it lies, as a sector rots: the same inode."""
    with path.open("r+b") as file:
        file.seek(at)
        old = file.read(1)[0]
        file.seek(at)
        file.write(bytes([old ^ 0xFF]))


@pytest.mark.parametrize("at", [4096, -1])
def test_a_repaired_list_is_said_to_be_repaired(world: World, at: int) -> None:
    base = world.lists / "sltd" / "base-0000000001.sdl"
    sound = base.read_bytes()
    flip(base, at % len(sound))
    assert re.search(r"sltd +repaired +generation 1, 300 records, \d files", told(world))
    assert base.read_bytes() == sound
    assert "up to date" in told(world)


def test_a_disk_that_loses_what_was_put_is_not_called_a_forgery(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.build_keyed(2, documents(*range(310)))
    world.publish("sltd")
    world.stamp()
    monkeypatch.setattr(KeyedPlace, "_put", lambda *_, **__: None)
    task = Task(
        state_dir=str(world.state), lists_dir=str(world.lists), source=str(world.repo),
        root=str(world.repo / "metadata" / "1.root.json"),
    )
    (refusal,) = [one.refused for one in update(task, now=datetime.now(UTC)).lists if one.refused]
    assert (refusal.code, "not there as it was put" in refusal.message) == ("disk", True)


@pytest.mark.parametrize("harm", ["damaged", "gone"])
def test_keys_that_are_gone_are_named_although_the_lists_are_up_to_date(world: World, harm: str) -> None:
    if harm == "gone":
        (world.state / SEALED).unlink()
    else:
        (world.state / SEALED).write_bytes(os.urandom(200))
    said = told(world)
    assert "up to date" in said
    assert "list sltd cannot be asked" in said
    assert "keys seal-ring" in said
    assert (SEALED in said) is (harm == "damaged")


def test_a_full_disk_says_what_is_kept_free_and_how_much_is_needed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.build_keyed(2, documents(*range(310)))
    world.publish("sltd")
    world.stamp()
    monkeypatch.setattr(parts, "SPARE", 1 << 60)
    said = told(world, "--from", str(world.repo), code=1)
    assert re.search(r"MB are free; 1 MB are to come, and 1152921504606 MB beside them stay free for the journal", said)
    assert re.search(r"make \d+ MB more room", said)


@pytest.mark.parametrize("place", ["empty", "metadata", "absent"])
def test_a_folder_without_a_repository_is_not_an_incomplete_update(world: World, place: str) -> None:
    folder = world.repo / "metadata" if place == "metadata" else world.root / place
    if place == "empty":
        folder.mkdir()
    said = told(world, "--from", str(folder), code=1)
    assert "[nothing_there]" in said
    assert str(folder) in said
    assert "is the stick mounted?" in said


def test_progress_of_a_small_file_is_not_nothing_of_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.verbs.lists_update.EVERY_S", 0.0)
    flip(world.lists / "sltd" / "base-0000000001.sdl", 5000)
    assert re.search(r"sltd  base.sdl  [1-9][0-9.]* of [1-9][0-9.]* KiB", told(world))
