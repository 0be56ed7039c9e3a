"""kill -9 at any moment: what was acknowledged is there, whole and in order; passages and their fingers."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import journal_kit as kit

from edge.core import wire

ROUNDS = 20
CHILD = Path(__file__).with_name("journal_child.py")


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    moments = random.Random(9303)
    acknowledged: dict[int, str] = {}
    for number in range(ROUNDS):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), str(path), str(number * 100_000)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        lines = [child.stdout.readline()]  # it is up and writing
        time.sleep(moments.uniform(0, 0.08))
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
        child.wait(10)
        child.stdout.close()
        acknowledged |= {int(seq): name for seq, name in (ln.split() for ln in lines if ln.endswith("\n"))}
        _check(path, acknowledged)
    assert len(acknowledged) >= ROUNDS


def _check(path: Path, acknowledged: dict[int, str]) -> None:
    journal = kit.journal(path)
    journal.start()
    assert journal.epoch == "epoch-0"
    items = journal.pending(limit=10_000)
    assert [i.seq for i in items] == list(range(1, len(items) + 1))
    rows = {p.seq: p for p in journal.passages(10_000)}
    bodies = {i.seq: kit.open_body(journal, i.seq, i.body) for i in items}
    fingers = {seq: body for seq, body in bodies.items() if isinstance(body, wire.FingersBody)}
    told = {seq: row.passage for seq, row in rows.items()}
    told |= {seq: body.passage.replace("passage", "finger") for seq, body in fingers.items()}
    assert acknowledged.items() <= told.items()
    assert set(told) == set(bodies)  # a passage or a finger, and its outbox row: both or neither
    of = {row.passage: row for row in rows.values()}
    opened = {body.passage for body in fingers.values()}
    for name, row in of.items():  # a finger and the passage that it opens: both or neither
        assert (str(row.shown) == "POSSIBLE") is (name in opened)
        assert row.state == ("closed" if str(row.shown) == "CLEAR" else "awaiting")
    check = journal.verify_audit()
    assert (check.sound, check.rows) == (True, len(items))
    last = bodies[items[-1].seq]
    assert isinstance(last, wire.PassageBody | wire.FingersBody)
    assert last.passage.replace("passage", "finger") == told[items[-1].seq].replace("passage", "finger")
    journal.close()
