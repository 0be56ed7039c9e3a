"""A box whose disk is full goes on screening, says what it could not record, and writes it once there is room."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import STOLEN, WAIT_S, BoxWorld, Listener, until, zone
from small_disk import fill, small_disk

SIZE_MB = 8


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with SIZE_MB of room."""
    with small_disk(tmp_path / "small", f"size={SIZE_MB}m") as place:
        yield place


def test_on_a_full_disk_every_scan_is_shown_and_told_apart_from_a_recorded_one(tmp_path: Path, small: Path) -> None:
    with BoxWorld(tmp_path / "box", state=small / "state") as world:
        world.publish()
        world.start()
        assert world.scan()["recorded"] is True
        filler = fill(small)
        listener = Listener(world)
        verdicts = []
        for number in range(120):
            world.reader.present(zone(STOLEN if number == 60 else "L898902C3"))
            verdicts.append(listener.next("verdict"))
        assert [v["outcome"] for v in verdicts] == ["CLEAR"] * 60 + ["HIT"] + ["CLEAR"] * 59
        missing = [v["passage"] for v in verdicts if not v["recorded"]]
        assert missing, "the disk was not full"
        assert world.process is not None
        assert world.process.poll() is None
        alarms = [e for e in world.events() if e["event"] == "not_recorded"]
        assert {e["passage"] for e in alarms} == set(missing)
        assert world.status() is not None
        assert world.ask("doctor", "--json")[0] in (0, 1)

        filler.unlink()
        until(lambda: world.scan()["recorded"], "the box records again")
        rows = {r["passage"]: r for r in json.loads(world.ask("passages", "--limit", "500", "--json")[1])}
        late = [p for p in missing if p in rows]
        assert late == missing
        assert all(rows[p]["late"] for p in late)
        assert json.loads(world.ask("audit", "verify", "--json")[1])["sound"] is True
        assert world.end() == 0


def test_a_box_that_starts_on_a_full_disk_says_so_and_starts_once_there_is_room(tmp_path: Path, small: Path) -> None:
    with BoxWorld(tmp_path / "box", state=small / "state") as world:
        world.publish()
        filler = fill(small)
        done = subprocess.run(world.words("run"), capture_output=True, text=True, timeout=WAIT_S, check=False)
        assert done.returncode in (1, 78)
        assert "next:" in done.stderr
        assert "Traceback" not in done.stderr
        filler.unlink()
        world.start()
        assert world.scan()["recorded"] is True
