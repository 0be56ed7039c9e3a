"""The table of an activation: the phase that three facts on the disk say, and where each leads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.enrol import generations, kept, visits
from edge.enrol.activation import MAX_TRIES, Activation, Pending, Phase, phase_of
from edge.enrol.disk import Disk
from edge.enrol.places import Places

PENDING = Pending(sequence=5, nonce="", envelope="e" * 64, previous=4, visit="stick-1-1",
                  created="2026-03-01T12:00:00+00:00")


@pytest.mark.parametrize(
    ("changes", "current", "sequence", "boot", "phase"),
    [
        ({}, 4, 4, "b", Phase.STAGED),
        ({}, 5, 4, "b", Phase.TRYING),
        ({"boot": "b", "tries": 2}, 5, 4, "b", Phase.TRYING),
        ({"boot": "b", "tries": MAX_TRIES}, 5, 4, "b", Phase.GIVING_UP),
        ({"boot": "a", "tries": MAX_TRIES}, 5, 4, "b", Phase.TRYING),  # another boot: a power cut proves nothing
        ({"refused": "wrong"}, 5, 4, "b", Phase.GIVING_UP),
        ({"refused": "wrong"}, 4, 4, "b", Phase.GIVING_UP),
        ({}, 5, 5, "b", Phase.COMMITTED),
        ({"refused": "wrong"}, 5, 5, "b", Phase.COMMITTED),
    ],
)
def test_the_disk_says_the_phase(
    changes: dict[str, object], current: int, sequence: int, boot: str, phase: Phase
) -> None:
    assert phase_of(msgspec.structs.replace(PENDING, **changes), current, sequence, boot) is phase


def test_nothing_pending_is_idle() -> None:
    assert phase_of(None, 4, 4, "b") is Phase.IDLE


@dataclass
class World:
    """A state folder with generations 4 and 5, 4 in use."""

    places: Places

    @classmethod
    def made(cls, folder: Path) -> World:
        places = Places(state=folder / "state")
        disk = Disk()
        disk.folder(places.state)
        for number in (4, 5):
            generations.put(disk, places, number, {"edge.toml": b"%d" % number})
        generations.use(disk, places, 4)
        kept.save(disk, places, kept.Kept(sequence=4))
        return cls(places)

    def activation(self, boot: str = "b") -> Activation:
        return Activation(Disk(), self.places, boot)


def test_a_generation_that_works_is_committed(tmp_path: Path) -> None:
    world = World.made(tmp_path)
    world.activation().begin(PENDING)
    trying = world.activation()
    assert trying.resume() is Phase.TRYING
    assert trying.commit() is not None
    assert trying.resume() is Phase.IDLE
    assert generations.current(world.places) == kept.load(world.places).sequence == 5
    progress = visits.load(world.places, PENDING.visit)
    assert progress is not None
    assert [str(part.code) for part in progress.parts] == ["BP-102"]


def test_a_generation_that_is_refused_goes_back_at_the_next_start(tmp_path: Path) -> None:
    world = World.made(tmp_path)
    world.activation().begin(PENDING)
    world.activation().give_up("no such reader")
    assert world.activation().resume() is Phase.IDLE
    assert generations.current(world.places) == 4
    now = kept.load(world.places)
    assert (now.sequence, now.failed) == (4, PENDING.envelope)
    progress = visits.load(world.places, PENDING.visit)
    assert progress is not None
    assert [(str(p.code), p.detail) for p in progress.parts] == [("BP-315", "no such reader")]


@given(starts=st.lists(st.sampled_from(["crash", "cut"]), max_size=12))
def test_only_crashes_of_one_boot_count(starts: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Law 3 against a model: three starts in a row within one boot end it, whatever came before."""
    world = World.made(tmp_path_factory.mktemp("world"))
    world.activation("0").begin(PENDING)
    boot, in_boot = 0, 0
    for start in starts:
        expected = Phase.IDLE if in_boot >= MAX_TRIES else Phase.TRYING
        assert world.activation(str(boot)).resume() is expected
        if expected is Phase.IDLE:
            assert generations.current(world.places) == 4
            return
        in_boot += 1
        if start == "cut":
            boot, in_boot = boot + 1, 0
    assert generations.current(world.places) == 5


def test_a_damaged_note_of_the_activation_holds_nothing_up(tmp_path: Path) -> None:
    world = World.made(tmp_path)
    world.activation().begin(PENDING)
    (world.places.config / "pending.json").write_bytes(b"\0" * 100)
    assert world.activation().resume() is Phase.IDLE
    assert not (world.places.config / "pending.json").exists()


def test_what_is_kept_outlives_the_damage_of_one_of_its_two_files(tmp_path: Path) -> None:
    world = World.made(tmp_path)
    world.places.kept.write_bytes(b"{")
    assert kept.load(world.places).sequence == 4
    world.places.kept.unlink()
    assert kept.load(world.places).sequence == 4
