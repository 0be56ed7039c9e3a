"""kill -9 at any moment: what was acknowledged is there, whole and in order."""

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
    rows = {p.seq: p.passage for p in journal.passages(10_000)}
    assert acknowledged.items() <= rows.items()
    assert set(rows) == {i.seq for i in items}  # a passage and its outbox row: both or neither
    check = journal.verify_audit()
    assert (check.sound, check.rows) == (True, len(items))
    body = kit.open_body(journal, items[-1].seq, items[-1].body)
    assert isinstance(body, wire.PassageBody)
    assert body.passage == rows[items[-1].seq]
    journal.close()
