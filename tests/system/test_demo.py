"""The whole post on one desk, as a newcomer starts it: the command itself, its output, its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from demo import cast
from demo.broker import find_mosquitto

SCANNED = (*cast.before_the_list(), *cast.with_link(), *cast.without_link())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("broker", ["mosquitto", "iotcore"])
def test_the_demo_loses_nothing_and_judges_as_its_script_says(broker: str) -> None:
    if broker == "mosquitto" and not find_mosquitto():
        pytest.skip("mosquitto is not on PATH (Debian: apt install mosquitto)")
    if broker == "iotcore":
        pytest.importorskip("iotcore", reason="the iotcore wheel is not installed (extra: demo)")
    command = Path(sys.executable).parent / "borderpost-demo"
    done = subprocess.run(
        [command, "--once", "--json", "--broker", broker], capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stderr
    *rows, summary = map(json.loads, done.stdout.splitlines())
    assert summary == {
        "passages": len(SCANNED), "at_headquarters": len(SCANNED), "lost": 0,
        "duplicates_removed": summary["duplicates_removed"],
    }
    assert [(r["outcome"], r["shown"]) for r in rows] == [(str(t.outcome), str(t.shown)) for t in SCANNED]
    assert all(r["recorded"] and r["headquarters_after_seconds"] is not None for r in rows)


def test_the_script_covers_all_outcomes_and_a_silent_hit() -> None:
    assert len(SCANNED) >= 8
    assert {str(t.shown) for t in SCANNED} == {"HIT", "POSSIBLE", "UNREADABLE", "INCOMPLETE", "CLEAR"}
    assert any(t.outcome != t.shown for t in SCANNED)
