"""What expires, by trusted time only, and that it is gone from the disk then."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from pathlib import Path

import journal_kit as kit
import pytest

from edge.core.acks import AckOutcome
from edge.core.trusted import ClockState, Trusted
from edge.core.verdicts import Outcome
from edge.journal import Expired, Journal

NOTHING = Expired(0, 0, 0, 0, more=False)


def _at(days: float, state: ClockState = ClockState.SIGNED) -> Trusted:
    time = kit.START + kit.days(days)
    return Trusted(state, time, time)


def _started(tmp_path: Path, **limits: object) -> Journal:
    journal = kit.journal(tmp_path / "journal.db", **limits)
    journal.start()
    return journal


def _all(journal: Journal, now: Trusted) -> list[Expired]:
    runs = [journal.expire(now)]
    while runs[-1].more:
        runs.append(journal.expire(now))
    return runs


def test_acked_bodies_stay_on_the_shelf_for_thirty_days(tmp_path: Path) -> None:
    journal = _started(tmp_path, batch_rows=7)
    kit.record(journal, range(20), Outcome.HIT)
    held = kit.hashes(journal)
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED
    kit.record(journal, [99], Outcome.HIT)
    assert _all(journal, _at(29.9)) == [NOTHING]
    assert journal.counts().acked == 20
    runs = _all(journal, _at(30.1))
    assert [r.bodies for r in runs] == [7, 7, 6]
    counts = journal.counts()
    assert (counts.acked, counts.pending, counts.oldest, counts.newest) == (0, 1, 21, 21)
    assert counts.dropped == 0
    journal.close()


def test_pending_bodies_never_expire(tmp_path: Path) -> None:
    journal = _started(tmp_path)
    kit.record(journal, range(5))
    journal.expire(_at(0))
    _all(journal, _at(5000))
    assert journal.counts().pending == 5
    journal.close()


@pytest.mark.parametrize("state", [ClockState.UNTRUSTED, ClockState.HELD])
def test_time_that_is_not_trusted_expires_nothing(tmp_path: Path, state: ClockState) -> None:
    """Held time: ages run on by the system clock, but expiring uses the old floor."""
    journal = _started(tmp_path)
    kit.record(journal, range(5))
    journal.apply_ack(kit.word(journal, kit.hashes(journal)))
    journal.expire(_at(0))
    floor: datetime | None = kit.START if state is ClockState.HELD else None
    late = Trusted(state, kit.START + kit.days(400) if floor else None, floor)
    assert journal.expire(late) == NOTHING
    assert (journal.counts().acked, journal.counts().passages) == (5, 5)
    journal.close()


def test_passages_age_from_the_first_trusted_moment_that_saw_them(tmp_path: Path) -> None:
    journal = _started(tmp_path)
    kit.record(journal, range(3))  # written while nobody knew the time
    kit.record(journal, [3], Outcome.HIT)
    kit.record(journal, [4], Outcome.INCOMPLETE)
    journal.expire(_at(100))
    kit.record(journal, [5])
    journal.expire(_at(101))
    assert _all(journal, _at(129.9)) == [NOTHING]
    assert sum(r.passages for r in _all(journal, _at(130.1))) == 3
    assert [p.passage[-1] for p in journal.passages()] == ["5", "4", "3"]
    assert sum(r.passages for r in _all(journal, _at(131.1))) == 1
    assert sum(r.passages for r in _all(journal, _at(465.1))) == 1  # INCOMPLETE after a year
    assert [p.passage[-1] for p in journal.passages()] == ["3"]  # the HIT awaits its outcome code
    journal.close_passage("passage-000003", code="same", at=kit.START, clock=ClockState.SIGNED).result(10)
    assert sum(r.passages for r in _all(journal, _at(466))) == 1
    journal.close()


def test_held_time_does_not_make_entries_look_old(tmp_path: Path) -> None:
    """Written on day 40 while the floor said day 0: on day 41 it is one day old, not 41."""
    journal = _started(tmp_path)
    kit.record(journal, range(3))
    journal.expire(Trusted(ClockState.HELD, kit.START + kit.days(40), kit.START))
    assert _all(journal, _at(41)) == [NOTHING]
    assert journal.counts().passages == 3
    journal.close()


def test_audit_bodies_go_and_later_the_rows_and_the_chain_verifies(tmp_path: Path) -> None:
    journal = _started(tmp_path, batch_rows=4)
    kit.record(journal, range(10))
    journal.expire(_at(0))
    kit.record(journal, range(10, 13))
    head = journal.counts().audit_head
    assert sum(r.audit_bodies for r in _all(journal, _at(365.1))) == 10
    check = journal.verify_audit(heads=[head])
    assert (check.sound, check.rows, check.redacted, check.found) == (True, 13 + 3, 10, {head: 13})  # three batches
    assert sum(r.audit_rows for r in _all(journal, _at(3 * 365 + 1))) == 10
    check = journal.verify_audit(heads=[head])
    assert (check.sound, check.after, check.rows, check.found) == (True, 10, 3 + 3 + 3, {head: 13})
    assert journal.counts().audit_rows == 9
    assert [r.audit_bodies for r in _all(journal, _at(3 * 365 + 1))] == [0]  # and nothing more is stated
    kit.record(journal, [20])
    assert journal.verify_audit().rows == 10
    journal.close()


def test_what_expired_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    journal = _started(tmp_path)
    kit.record(journal, range(30))
    secrets = [kit.new_passage(n).number_hash.encode() for n in range(30)]
    bodies = [item.body[200:260] for item in journal.pending()]
    journal.apply_ack(kit.word(journal, kit.hashes(journal)))
    journal.expire(_at(0))
    assert all(s in _disk(tmp_path) for s in secrets + bodies)
    _all(journal, _at(31))
    assert not any(s in _disk(tmp_path) for s in secrets + bodies)
    journal.close()


def test_marks_of_time_stay_few(tmp_path: Path) -> None:
    journal = _started(tmp_path, clear_passages=kit.days(2), other_passages=kit.days(3), audit_rows=kit.days(4))
    for hour in range(0, 24 * 20, 1):
        journal.expire(_at(hour / 24))
        journal.expire(_at(hour / 24 + 0.01))
    journal.close()
    db = sqlite3.connect(tmp_path / "journal.db")
    assert db.execute("select count(*) from marks").fetchone()[0] <= 4 * 24 + 2
    db.close()


def _disk(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in folder.iterdir())
