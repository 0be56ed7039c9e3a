"""A new epoch in a journal that goes on: older rows keep their ids, wait, go out and are acked beside the new ones."""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import journal_kit as kit
import msgspec
import pytest
from talk_bench import Bench

from edge.core import wire
from edge.core.acks import AckOutcome
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.journal import Journal, JournalError, JournalUnavailableError, Shelf, read_only
from edge.uplink.states import State
from hq.store import View

FORMER = Path(__file__).with_name("former") / "journal-first.sqlite.gz"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = _with_tokens(tmp_path / "journal.db")
    made.start()
    kit.record(made, range(5))
    yield made
    made.close()


def _with_tokens(path: Path) -> Journal:
    made = kit.journal(path)
    made._token = kit.tokens()
    return made


def _held(journal: Journal, epoch: str) -> dict[int, bytes]:
    return {i.seq: hashlib.sha256(i.body).digest() for i in journal.pending_all() if i.epoch == epoch}


def _word(journal: Journal, epoch: str, held: dict[int, bytes], **more: object) -> wire.AckPayload:
    return msgspec.structs.replace(kit.word(journal, held, **more), epoch=epoch)  # type: ignore[arg-type]


def test_rows_before_and_after_keep_the_ids_that_they_were_sealed_under(journal: Journal) -> None:
    assert journal.renew_epoch("disk_restored") == journal.epoch == "epoch-2"
    recorded = journal.record(kit.new_passage(100, Outcome.HIT)).result(10)
    assert (recorded.seq, recorded.message_id) == (7, f"{kit.DEVICE}:epoch-2:7")
    items = list(journal.pending_all())
    assert [(i.seq, i.epoch) for i in items] == [(s, "epoch-1") for s in range(1, 6)] + [(6, "epoch-2"), (7, "epoch-2")]
    for item in items:  # a body opens under its own id alone
        assert _opened(item.epoch, item.seq, item.body)
    notice = kit.open_body(journal, 6, items[5].body)
    assert isinstance(notice, wire.NoticeBody)
    assert notice.detail == {"before": "epoch-1", "epoch": "epoch-2", "first": 6, "reason": "disk_restored"}
    assert journal.shelves() == [Shelf("epoch-1", 1, 5), Shelf("epoch-2", 6, 7)]
    counts = journal.counts()
    assert (counts.epoch, counts.oldest, counts.newest, counts.pending) == ("epoch-2", 6, 7, 7)
    assert journal.verify_audit().sound


def test_a_word_about_one_epoch_touches_no_row_of_another(journal: Journal) -> None:
    old = _held(journal, "epoch-1")
    journal.renew_epoch("disk_restored")
    kit.record(journal, [100, 101])
    new = _held(journal, "epoch-2")
    foreign = _word(journal, "epoch-1", new)  # true digests of the other epoch's rows
    assert journal.apply_ack(foreign) is AckOutcome.UNKNOWN_ROWS
    assert journal.apply_ack(_word(journal, "epoch-9", old)) is AckOutcome.FOREIGN
    assert journal.apply_ack(_word(journal, "epoch-1", old)) is AckOutcome.APPLIED
    assert [i.seq for i in journal.pending_all()] == [6, 7, 8]
    nothing = msgspec.structs.replace(
        _word(journal, "epoch-2", new, kind="holdings"), ranges=[], span=(1, 8), digest=wire.digest_of([])
    )
    assert journal.apply_holdings(nothing) is AckOutcome.APPLIED
    assert [i.seq for i in journal.pending_all()] == [6, 7, 8]  # the old ones stay acked
    lacking = _word(journal, "epoch-1", {1: old[1]}, kind="holdings", span=(1, 8))
    assert journal.apply_holdings(lacking) is AckOutcome.APPLIED
    assert journal.apply_ack(_word(journal, "epoch-2", new)) is AckOutcome.APPLIED
    assert [i.seq for i in journal.pending_all()] == [2, 3, 4, 5]


def test_an_unknown_store_makes_rows_of_every_epoch_pending(journal: Journal) -> None:
    old = _held(journal, "epoch-1")
    journal.apply_ack(_word(journal, "epoch-1", old))
    journal.renew_epoch("disk_restored")
    new = _held(journal, "epoch-2")
    assert journal.apply_ack(_word(journal, "epoch-2", new, store="store-bbbb")) is AckOutcome.APPLIED
    assert [i.seq for i in journal.pending_all()] == [1, 2, 3, 4, 5]


def test_epochs_are_there_again_after_a_restart_and_for_whoever_reads(tmp_path: Path) -> None:
    journal = _with_tokens(tmp_path / "journal.db")
    journal.start()
    kit.record(journal, range(3))
    for _ in range(2):
        journal.renew_epoch("machine_changed")
    journal.close()
    journal = _with_tokens(tmp_path / "journal.db")
    journal.start()
    assert journal.epoch == "epoch-3"
    with read_only(tmp_path / "journal.db") as view:
        assert view.shelves() == journal.shelves() == [
            Shelf("epoch-1", 1, 3), Shelf("epoch-2", 4, 4), Shelf("epoch-3", 5, 5)
        ]  # fmt: skip
        assert list(view.pending_all()) == list(journal.pending_all())
    journal.close()


def test_clear_rows_of_an_earlier_epoch_are_given_up_under_their_own(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "journal.db", quota_bytes=100 * 4096, drop_rows=8)
    journal._token = kit.tokens()
    journal.start()
    kit.record(journal, range(6))
    journal.renew_epoch("disk_restored")
    kit.record(journal, range(100, 180))
    bodies = [_opened(i.epoch, i.seq, i.body) for i in journal.pending_all()]
    reports = [b for b in bodies if isinstance(b, wire.DroppedBody)]
    assert [(r.epoch, r.ranges) for r in reports[:2]] == [("epoch-1", [(1, 6)]), ("", [(8, 15)])]
    assert sum(r.count for r in reports) == journal.counts().dropped
    journal.close()


def _opened(epoch: str, seq: int, body: bytes) -> wire.Body:
    name = wire.message_id(kit.DEVICE, epoch, seq)
    keys = {kit.HQ.key_id: kit.HQ_KEY}
    return wire.decode_body(kit.sealing.open_sealed(body, message_id=name, type=wire.BODY_TYPE, keys=keys))


# -- the link ---------------------------------------------------------------------------------------


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_rows_of_both_epochs_reach_headquarters_and_its_acks_count(bench: Bench) -> None:
    bench.record(3)
    old = bench.journal.epoch
    bench.journal.renew_epoch("disk_restored")
    bench.record(3)
    bench.connect()
    for _ in range(8):
        bench.turn()
    assert (bench.state, bench.pending()) == (State.SENDING, 0)
    assert bench.alarms == []
    rows = sqlite3.connect(bench.folder / "hq.sqlite").execute("select epoch, seq from messages order by n").fetchall()
    new = bench.journal.epoch
    assert rows == [(old, 1), (old, 2), (old, 3), (new, 4), (new, 5), (new, 6), (new, 7)]
    with View(bench.folder / "hq.sqlite") as view:
        (post,) = view.posts()
        assert (post.epochs, post.held, post.gaps, post.conflicts, post.unopened) == (2, 7, (), 0, 0)


def test_an_epoch_that_begins_on_an_open_line_is_asked_for_before_its_rows_go(bench: Bench) -> None:
    bench.record(1)
    for _ in range(3):
        bench.turn()
    assert (bench.state, bench.pending()) == (State.SENDING, 0)
    syncs = bench.tally.syncs
    bench.journal.renew_epoch("disk_restored")
    bench.turn(deliver=False)
    assert bench.passages() == []
    assert bench.state is State.SYNCING
    for _ in range(24):
        bench.turn()
    assert (bench.state, bench.pending()) == (State.SENDING, 0)
    assert bench.tally.syncs >= syncs + 2  # the old epoch's shelf, and the new one's


def test_an_older_headquarters_gets_the_rows_of_earlier_epochs_again(bench: Bench) -> None:
    """Restored from a copy of before: the sync of each epoch shows what it lacks."""
    bench.record(2)
    for _ in range(3):
        bench.turn()
    db = sqlite3.connect(bench.folder / "hq.sqlite")
    db.execute("pragma wal_checkpoint(truncate)")
    db.close()
    copy = (bench.folder / "hq.sqlite").read_bytes()
    bench.record(2)
    bench.journal.renew_epoch("disk_restored")
    bench.connect()
    for _ in range(6):
        bench.turn()
    assert bench.pending() == 0
    assert bench.store is not None
    bench.store.close()
    for name in ("hq.sqlite-wal", "hq.sqlite-shm"):
        (bench.folder / name).unlink(missing_ok=True)
    (bench.folder / "hq.sqlite").write_bytes(copy)
    bench.store = None
    bench.open_store()
    bench.connect()
    for _ in range(8):
        bench.turn()
    assert (bench.state, bench.pending()) == (State.SENDING, 0)
    with View(bench.folder / "hq.sqlite") as view:
        assert view.counts()["messages"] == 5


# -- notes --------------------------------------------------------------------------------------------


def test_a_note_is_a_row_of_the_chain_and_nothing_else(journal: Journal) -> None:
    before = journal.counts()
    recorded = journal.note("stick_visit", {"number": 7, "result": "BP-102", "at_boot": False}).result(10)
    assert (recorded.seq, recorded.message_id) == (0, "")
    after = journal.counts()
    assert (after.pending, after.newest, after.audit_rows) == (before.pending, before.newest, before.audit_rows + 1)
    assert after.audit_head != before.audit_head
    assert journal.verify_audit().sound


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("passage", {}),
        ("checkpoint", {}),
        ("Stick", {}),
        ("stick\n", {}),
        ("stick", {"Name": 1}),
        ("stick", {"late": True}),
        ("stick", {"text": "x" * 201}),
        ("stick", {"number": 2**53}),
        ("stick", {f"fact_{n}": n for n in range(33)}),
    ],
)
def test_a_note_has_limits_and_no_row_of_the_journals_own(journal: Journal, kind: str, facts: dict[str, int]) -> None:
    head = journal.counts().audit_head
    with pytest.raises(JournalError):
        journal.note(kind, facts).result(10)
    assert journal.counts().audit_head == head
    with pytest.raises(JournalError):
        journal.renew_epoch("no reason")


def test_a_note_that_the_disk_refuses_is_written_late(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "journal.db", quota_bytes=60 * 4096)
    journal.start()
    number = 0
    while journal.record(kit.new_passage(number, Outcome.HIT)).exception(10) is None:
        number += 1
    error = journal.note("stick_visit", {"text": "x" * 200}).exception(10)
    while error is None:  # the last free pages take some
        error = journal.note("stick_visit", {"text": "x" * 200}).exception(10)
    assert isinstance(error, JournalUnavailableError)
    assert journal.counts().retrying > 0
    held = kit.hashes(journal)
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED
    journal.note("stick_visit", {"number": 2}).result(10)
    assert journal.counts().retrying == 0
    late = sqlite3.connect(tmp_path / "journal.db").execute(
        "select count(*) from audit where kind = 'stick_visit' and body like '%\"late\":true%'"
    ).fetchone()  # fmt: skip
    assert late[0] > 0
    assert journal.verify_audit().sound
    journal.close()


# -- a journal that the former version wrote ------------------------------------------------------------


def test_a_journal_of_the_former_version_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(gzip.decompress(FORMER.read_bytes()))
    with read_only(path) as view:  # status and the like, before the new version has run
        assert view.counts().pending == 4
        assert {i.epoch for i in view.pending_all()} == {"epoch-0"}
        assert view.shelves() == [Shelf("epoch-0", 1, 6)]
    journal = _with_tokens(path)
    journal.start()
    assert (journal.epoch, journal.notices, journal.verify_audit().sound) == ("epoch-0", (), True)
    assert [i.seq for i in journal.pending_all()] == [3, 4, 5, 6]
    assert kit.record(journal, [50]) == [7]
    held = _held(journal, "epoch-0")
    journal.renew_epoch("disk_restored")
    journal.close_passage("passage-000004", code="same", at=kit.START, clock=ClockState.SIGNED).result(10)
    assert journal.apply_ack(_word(journal, "epoch-0", held)) is AckOutcome.APPLIED
    assert [(i.seq, i.epoch) for i in journal.pending_all()] == [(8, "epoch-1"), (9, "epoch-1")]
    journal.close()


def test_a_former_journal_at_its_quota_opens_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    data = gzip.decompress(FORMER.read_bytes())
    path.write_bytes(data)
    pages = len(data) // 4096
    journal = kit.journal(path, quota_bytes=pages * 4096)
    journal.start()
    assert [i.seq for i in journal.pending_all()] == [3, 4, 5, 6]
    assert {i.epoch for i in journal.pending_all()} == {"epoch-0"}
    journal.close()
