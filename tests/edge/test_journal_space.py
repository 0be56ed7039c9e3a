"""When there is no room: what goes, in which order, and that nothing else ever does."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import journal_kit as kit
import pytest

from edge.core import wire
from edge.core.acks import AckOutcome
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.journal import Journal, JournalUnavailableError

QUOTA = 100 * 4096  # bytes; about 70 passages


def _start(path: Path, **limits: object) -> Journal:
    journal = kit.journal(path, **{"quota_bytes": QUOTA, "drop_rows": 8, **limits})
    journal.start()
    return journal


def _bodies(journal: Journal) -> dict[int, wire.Body]:
    return {i.seq: kit.open_body(journal, i.seq, i.body) for i in journal.pending(limit=10_000)}


def test_acked_bodies_go_first_and_silently(tmp_path: Path) -> None:
    journal = _start(tmp_path / "journal.db")
    kit.record(journal, range(40), Outcome.HIT)
    assert journal.apply_ack(kit.word(journal, kit.hashes(journal))) is AckOutcome.APPLIED
    kit.record(journal, range(100, 160))
    counts = journal.counts()
    assert (counts.dropped, counts.pending, counts.failures > 0) == (0, 60, True)
    assert counts.acked < 40
    assert counts.used_bytes <= QUOTA
    journal.close()


def test_then_clear_passages_go_each_reported_and_nothing_else(tmp_path: Path) -> None:
    journal = _start(tmp_path / "journal.db")
    kinds = [Outcome.CLEAR, Outcome.HIT, Outcome.CLEAR, Outcome.INCOMPLETE, Outcome.UNREADABLE, Outcome.CLEAR]
    kept, gone = set(), set()
    for number in range(150):
        outcome = kinds[number % len(kinds)] if number % 11 else Outcome.HIT
        shown = Outcome.CLEAR if number % 11 == 0 else outcome  # every eleventh is a silent hit
        try:
            (seq,) = kit.record(journal, [number], outcome, shown=shown)
        except JournalUnavailableError:
            break
        (gone if outcome is Outcome.CLEAR else kept).add(seq)
    bodies = _bodies(journal)
    reports = [b for b in bodies.values() if isinstance(b, wire.DroppedBody)]
    reported = {s for r in reports for low, high in r.ranges for s in range(low, high + 1)}
    assert reports
    assert kept <= set(bodies)
    assert reported == gone - set(bodies)
    assert sum(r.count for r in reports) == len(reported) == journal.counts().dropped
    assert journal.verify_audit().sound
    assert journal.counts().retrying == 1  # the quota is used up by what may not go; the last one waits
    journal.close()


@pytest.mark.parametrize("truth", [Outcome.CLEAR, Outcome.HIT])
def test_shown_leads_and_notes_have_a_reserve_that_nothing_else_takes(tmp_path: Path, truth: Outcome) -> None:
    """The quota is used up by what may not go: what is shown as CLEAR is refused alike, whatever its truth is."""
    journal = _start(tmp_path / "journal.db", retry_entries=1)
    number, refused = 0, 0
    while not refused:  # nothing here may be given up
        refused = journal.record(kit.new_passage(number, Outcome.UNREADABLE)).exception(10) is not None
        number += 1
    for more in range(3):
        assert journal.record(kit.new_passage(1000 + more, truth, Outcome.CLEAR)).exception(10) is not None
    before = journal.counts()
    assert journal.record(kit.new_passage(2000, Outcome.HIT)).exception(10) is None
    assert journal.note("stick_visit", {"number": 1}).exception(10) is None
    closing = journal.close_passage("passage-002000", code="same", at=kit.START, clock=ClockState.SIGNED)
    assert closing.exception(10) is None
    assert journal.record(kit.new_passage(3000, truth, Outcome.CLEAR)).exception(10) is not None
    counts = journal.counts()
    assert (counts.newest, counts.audit_rows) == (before.newest + 2, before.audit_rows + 3)
    held = kit.hashes(journal)
    while journal.record(kit.new_passage(number + 4000, Outcome.HIT)).exception(10) is None:
        number += 1  # until that reserve is used up too
    held = kit.hashes(journal)
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED  # it has one of its own
    assert journal.record(kit.new_passage(9000)).exception(10) is None
    assert journal.verify_audit().sound
    journal.close()


def test_a_flood_of_notes_leaves_the_reserve_of_leads_alone(tmp_path: Path) -> None:
    """Sticks put in thousands of times while the quota is used up by what may not go; then a lead, and its closing."""
    journal = _start(tmp_path / "journal.db", retry_entries=4, quota_bytes=400 * 4096)
    number, refused = 0, 0
    while not refused:
        refused = journal.record(kit.new_passage(number, Outcome.UNREADABLE)).exception(10) is not None
        number += 1
    notes = [journal.note("stick_visit", {"number": n}).exception(10) is None for n in range(500)]
    assert notes[0]  # they have a part of their own
    assert not notes[-1]  # and it was used up
    for lead in range(5000, 5010):
        assert journal.record(kit.new_passage(lead, Outcome.HIT)).exception(10) is None
        closing = journal.close_passage(f"passage-{lead:06}", code="same", at=kit.START, clock=ClockState.SIGNED)
        assert closing.exception(10) is None
    assert journal.verify_audit().sound
    journal.close()


def test_headquarters_can_still_compare_digests_after_a_drop(tmp_path: Path) -> None:
    journal = _start(tmp_path / "journal.db")
    kit.record(journal, [0], Outcome.HIT)
    held: dict[int, bytes] = {}
    for number in range(1, 100):
        kit.record(journal, [number])
        held |= kit.hashes(journal)
    assert journal.counts().dropped > 0
    span = (1, journal.counts().newest)
    assert journal.apply_holdings(kit.word(journal, held, kind="holdings", span=span)) is AckOutcome.APPLIED
    assert journal.pending() == []
    journal.close()


def test_what_the_disk_refuses_waits_and_is_recorded_late(tmp_path: Path) -> None:
    journal = _start(tmp_path / "journal.db", retry_entries=4)
    number = _record_until_refused(journal)
    closing = journal.close_passage(f"passage-{number:06}", code="same", at=kit.START, clock=ClockState.SIGNED)
    with pytest.raises(JournalUnavailableError):
        closing.result(10)
    assert journal.counts().retrying == 2
    hashes = kit.hashes(journal)
    assert journal.apply_ack(kit.word(journal, hashes)) is AckOutcome.APPLIED  # now there is something to give up
    assert kit.record(journal, [number + 1], Outcome.HIT) == [number + 3]
    late = _bodies(journal)
    passage, closed, new = late[number + 1], late[number + 2], late[number + 3]
    assert isinstance(passage, wire.PassageBody)
    assert isinstance(closed, wire.ClosingBody)
    assert isinstance(new, wire.PassageBody)
    assert (passage.passage, passage.late, closed.late, new.late) == (f"passage-{number:06}", True, True, False)
    row = journal.passage(passage.passage)
    assert row is not None
    assert (row.late, row.state) == (True, "closed")
    assert journal.counts().retrying == 0
    journal.close()


def test_memory_has_a_limit_and_forgets_clear_first(tmp_path: Path) -> None:
    journal = _start(tmp_path / "journal.db", retry_entries=3, quota_bytes=16 * 4096)
    refused = 0
    for number in range(60):
        outcome = Outcome.CLEAR if number % 2 and refused else Outcome.HIT
        try:
            kit.record(journal, [number], outcome)
        except JournalUnavailableError:
            refused += 1
    counts = journal.counts()
    assert (counts.retrying, counts.forgotten) == (3, refused - 3)
    journal.close()


def test_waiting_entries_are_written_on_the_timer(tmp_path: Path) -> None:
    """No later write is needed: the quiet interval (here 50 ms) tries again."""
    journal = _start(tmp_path / "journal.db")
    _record_until_refused(journal)
    written = _Signal(journal)
    journal.apply_ack(kit.word(journal, kit.hashes(journal)))
    assert written.wait(10)
    assert journal.counts().retrying == 0
    journal.close()


def _record_until_refused(journal: Journal) -> int:
    """Record HITs until the disk refuses one; its number."""
    for number in range(10_000):
        future = journal.record(kit.new_passage(number, Outcome.HIT))
        error = future.exception(10)
        if error is not None:
            assert isinstance(error, JournalUnavailableError)
            assert error.advice
            return number
    raise AssertionError("the quota was never reached")


def _fill(file: BinaryIO) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


class _Signal:
    def __init__(self, journal: Journal) -> None:
        self._event = threading.Event()
        journal.add_listener(self._event.set)

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 6 MiB."""
    mount = ctypes.CDLL(None, use_errno=True)
    where = tmp_path / "disk"
    where.mkdir()
    if mount.mount(b"none", os.fsencode(where), b"tmpfs", 0, b"size=6m") != 0:
        pytest.skip(f"mounting a small tmpfs is not allowed here: {os.strerror(ctypes.get_errno())}")
    yield where
    mount.umount2(os.fsencode(where), 2)


def test_a_really_full_disk_loses_nothing_that_was_confirmed(small_disk: Path) -> None:
    """The quota is larger than the disk; then somebody else's file takes the rest."""
    path = small_disk / "journal.db"
    journal = _start(path, quota_bytes=64 * 1024 * 1024, ballast_bytes=256 * 1024, wal_bytes=512 * 1024)
    seqs = kit.record(journal, range(100), Outcome.HIT)
    with (small_disk / "other").open("wb", buffering=0) as other:
        _fill(other)
        confirmed, refused, number = list(seqs), 0, 1000
        while not refused and number < 2000:
            try:
                confirmed += kit.record(journal, [number], Outcome.HIT)
            except JournalUnavailableError:
                refused += 1
            number += 1
        assert refused, "the disk was not full"
        other.truncate(0)
    written = _Signal(journal)
    assert written.wait(10)
    counts = journal.counts()
    assert (counts.retrying, counts.forgotten, counts.pending) == (0, 0, len(confirmed) + 1)
    journal.close()
    journal = _start(path)
    assert set(confirmed) <= {i.seq for i in journal.pending(limit=10_000)}
    assert journal.verify_audit().sound
    assert journal.notices == ()
    journal.close()


def test_the_ballast_gives_way_to_the_journal_and_comes_back(small_disk: Path) -> None:
    journal = _start(small_disk / "journal.db", quota_bytes=64 * 1024 * 1024, ballast_bytes=256 * 1024)
    ballast = small_disk / "journal.db.ballast"
    assert ballast.stat().st_blocks * 512 >= 256 * 1024
    kit.record(journal, range(20))
    with (small_disk / "other").open("wb", buffering=0) as other:
        _fill(other)
        kit.record(journal, range(100, 120))  # CLEAR may go: that needs nothing of the ballast
        left, number = ballast.stat().st_size, 200
        while ballast.stat().st_size == left:  # when nothing may go any more, leads take of it
            kit.record(journal, [number], Outcome.HIT)
            number += 1
        other.truncate(0)
    deadline = time.monotonic() + 10
    while ballast.stat().st_size < 256 * 1024 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ballast.stat().st_size == 256 * 1024
    journal.close()
