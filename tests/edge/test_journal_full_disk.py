"""Somebody else's file takes the last byte of the disk: every shown lead is recorded as long as anything may go.

The file system is real and small; its every byte is taken. Rows may be given up that headquarters has, and passages
whose truth is CLEAR.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import journal_kit as kit
import pytest
from small_disk import fill, small_disk

from edge.core import wire
from edge.core.acks import AckOutcome
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.journal import Journal

KIB = 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """12 MiB with a journal of 800 CLEAR passages beside nothing else."""
    with small_disk(tmp_path / "disk", "size=12m") as place:
        yield place


def _started(place: Path, **limits: object) -> Journal:
    journal = kit.journal(place / "journal.db", **{"ballast_bytes": 1024 * KIB, "retry_seconds": 60, **limits})
    journal.start()
    return journal


def _try(journal: Journal, numbers: range, outcome: Outcome, shown: Outcome | None = None) -> list[int]:
    """The numbers of the passages that are on disk at once."""
    return [n for n in numbers if journal.record(kit.new_passage(n, outcome, shown)).exception(20) is None]


def _prepared(place: Path, shelf: str, **limits: object) -> Journal:
    journal = _started(place, **limits)
    kit.record(journal, range(800))
    if shelf == "acked":
        assert journal.apply_ack(kit.word(journal, kit.hashes(journal))) is AckOutcome.APPLIED
    return journal


def _held(journal: Journal) -> set[str]:
    return {p.passage for p in journal.passages(limit=10_000)}


@pytest.mark.parametrize("flood", [0, 300])
@pytest.mark.parametrize("shelf", ["acked", "pending"])
def test_every_shown_lead_is_recorded_while_anything_may_go(disk: Path, shelf: str, flood: int) -> None:
    """Before a flood of CLEAR passages and after it; what was recorded is there after the next start."""
    journal = _prepared(disk, shelf)
    fill(disk)
    clear = _try(journal, range(10_000, 10_000 + flood), Outcome.CLEAR)
    assert len(clear) == flood
    leads = range(50_000, 50_100)
    assert _try(journal, leads, Outcome.HIT) == list(leads)
    assert _try(journal, range(60_000, 60_020), Outcome.HIT, Outcome.CLEAR) == list(range(60_000, 60_020))  # silent
    counts = journal.counts()
    assert (counts.retrying, counts.forgotten) == (0, 0)
    assert (counts.dropped > 0) == (shelf == "pending")
    assert journal.verify_audit().sound
    journal.close()

    journal = _started(disk)
    assert {f"passage-{n:06}" for n in [*leads, *clear]} <= _held(journal)
    assert journal.notices == ()
    bodies = {type(kit.open_body(journal, i.seq, i.body)) for i in journal.pending(limit=10_000)}
    assert wire.PassageBody in bodies
    assert _try(journal, range(70_000, 70_010), Outcome.HIT) == list(range(70_000, 70_010))  # started on a full disk
    journal.close()


@pytest.mark.parametrize("shelf", ["acked", "pending"])
def test_a_flood_that_never_ends_leaves_the_leads_their_reserve(disk: Path, shelf: str) -> None:
    """All that may go has gone, and CLEAR passages are refused: shown leads and their closings are still recorded."""
    journal = _prepared(disk, shelf, retry_entries=4)
    fill(disk)
    refused, number = 0, 10_000
    while refused < 400 and number < 16_000:
        refused += not _try(journal, range(number, number + 1), Outcome.CLEAR)
        number += 1
    assert refused == 400, "the disk never refused a CLEAR passage"
    for lead in range(50_000, 50_040):
        assert journal.record(kit.new_passage(lead, Outcome.HIT)).exception(20) is None, lead
        closing = journal.close_passage(f"passage-{lead:06}", code="same", at=kit.START, clock=ClockState.SIGNED)
        assert closing.exception(20) is None, lead
    held = dict(list(kit.hashes(journal).items())[-60:])
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED  # and acks can still be taken
    assert _try(journal, range(80_000, 80_010), Outcome.CLEAR) == list(range(80_000, 80_010))
    assert journal.verify_audit().sound
    journal.close()


def test_the_ballast_is_spent_by_leads_and_never_by_clear_passages(disk: Path) -> None:
    """A flood may take of it what folding in the log needs, once."""
    journal = _prepared(disk, "acked")
    ballast = disk / "journal.db.ballast"
    fill(disk)
    _try(journal, range(10_000, 10_050), Outcome.CLEAR)
    left = ballast.stat().st_size
    assert left >= 512 * KIB
    _try(journal, range(11_000, 11_300), Outcome.CLEAR)
    assert ballast.stat().st_size == left
    journal.close()


def test_entries_that_were_forgotten_are_told_to_headquarters_as_a_number(disk: Path) -> None:
    """Nothing may go and the memory for waiting entries is small: how many passages stand nowhere is told, and when."""
    journal = _started(disk, retry_entries=4, retry_seconds=0.05, quota_bytes=64 * 4096)
    numbers = iter(range(10_000))
    while not journal.counts().forgotten:
        journal.record(kit.new_passage(next(numbers), Outcome.UNREADABLE)).exception(20)
    forgotten = journal.counts().forgotten
    assert journal.apply_ack(kit.word(journal, kit.hashes(journal))) is AckOutcome.APPLIED
    assert _try(journal, range(20_000, 20_001), Outcome.CLEAR)
    journal.note("quiet_moment", {"number": 1}).result(20)
    bodies = [kit.open_body(journal, i.seq, i.body) for i in journal.pending(limit=10_000)]
    told = [b for b in bodies if isinstance(b, wire.NoticeBody)]
    assert [(b.code, b.detail["passages"]) for b in told] == [("entries_forgotten", forgotten)]
    assert set(told[0].detail) == {"passages", "fingers", "closings", "notes", "notices", "first", "last"}
    journal.close()


def test_what_waited_when_the_process_stopped_is_told_by_the_next_one(disk: Path) -> None:
    journal = _started(disk, quota_bytes=64 * 4096)
    numbers = iter(range(10_000))
    while journal.counts().retrying < 3:
        journal.record(kit.new_passage(next(numbers), Outcome.UNREADABLE)).exception(20)
    journal.close()
    journal = _started(disk)
    journal.note("quiet_moment", {"number": 1}).result(20)
    bodies = [kit.open_body(journal, i.seq, i.body) for i in journal.pending(limit=10_000)]
    told = [b for b in bodies if isinstance(b, wire.NoticeBody)]
    assert [(b.code, b.detail["passages"]) for b in told] == [("entries_forgotten", 3)]
    journal.close()
    journal = _started(disk)
    assert journal.counts().newest == len(bodies)  # told once
    journal.close()
