"""A headquarters that lost its store, or was put back from a backup, gets the rows again where no link is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import carry_kit as kit
import journal_kit
import pytest
from carry_kit import Headquarters, what

from edge.carry.acks import AcksApplied, apply_acks
from edge.core.acks import AckOutcome
from hq.carry import acks_file
from hq.carry.importing import Report
from hq.store import Store

BY = kit.sender()


class Post:
    """A box without a link; ``acks`` is the folder at headquarters, which outlives the store."""

    def __init__(self, folder: Path) -> None:
        self.journal = kit.filled(folder, 20)
        self.folder = folder
        self.sessions: list[str] = []

    def stick(self) -> Path:
        self.sessions.append(f"carry-session-{len(self.sessions) + 1}")
        target = self.folder / self.sessions[-1]
        kit.bundle(self.journal, target, by=BY, session=self.sessions[-1])
        return target

    def answered(self, report: Report) -> bytes:
        return acks_file.add(self.folder / "acks", report.device, [*report.acks, *report.holdings]).read_bytes()

    def hear(self, data: bytes) -> AcksApplied:
        return apply_acks(data, self.journal, kit.ACK_KEYS, self.sessions)

    @property
    def pending(self) -> list[int]:
        return [item.seq for item in self.journal.pending_all()]


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    made = Post(tmp_path)
    yield made
    made.journal.close()


def begun_anew(folder: Path, name: str, hours: int) -> Headquarters:
    (folder / name).mkdir()
    made = Headquarters(folder / name)
    made.store.close()
    made.path = folder / name / "anew.sqlite"
    made.store = Store(made.path, new_id=lambda: f"store-{name}", conflict_rows=10, quarantine_rows=100)
    made.now = kit.NOW + timedelta(hours=hours)
    return made


def test_a_store_begun_anew_gets_every_row_though_the_old_one_acked_them(post: Post, tmp_path: Path) -> None:
    first = begun_anew(tmp_path, "aaaa", 0)
    post.hear(post.answered(first.take(post.stick())))
    assert post.pending == []
    second = begun_anew(tmp_path, "bbbb", 24)  # the first is gone with its disk
    journal_kit.record(post.journal, range(100, 105))
    report = second.take(post.stick())
    assert what(report) == (5, 0, 0, 0)
    post.hear(post.answered(report))
    assert (post.pending, post.journal.counts().store) == (list(range(1, 21)), "store-bbbb")
    second.now += timedelta(hours=24)
    post.hear(post.answered(second.take(post.stick())))
    assert (post.pending, second.held()) == ([], 25)


def test_acks_of_two_stores_in_one_envelope_count_for_the_newer_alone(post: Post, tmp_path: Path) -> None:
    """Two folders of acks were put into one envelope: neither order of them may bring the dead store back."""
    old = begun_anew(tmp_path, "aaaa", 0)
    report = old.take(post.stick())
    stale = acks_file.add(tmp_path / "old", report.device, report.acks).read_bytes()
    new = begun_anew(tmp_path, "bbbb", 24)
    journal_kit.record(post.journal, range(100, 105))
    new.take(post.stick())  # all 25, but its acks get lost; the next stick brings them again
    report = new.take(post.stick())
    fresh = acks_file.add(tmp_path / "new", report.device, report.acks).read_bytes()
    for data in (fresh[:-2] + b"," + stale[1:], stale[:-2] + b"," + fresh[1:]):
        applied = post.hear(data)
        assert (applied.refused, post.journal.counts().store) == ({AckOutcome.OVERTAKEN: 1}, "store-bbbb")


def test_a_late_envelope_does_not_bring_a_dead_store_back(post: Post, tmp_path: Path) -> None:
    old, new = begun_anew(tmp_path, "aaaa", 0), begun_anew(tmp_path, "bbbb", 24)
    stick = post.stick()
    late = acks_file.add(tmp_path / "old", journal_kit.DEVICE, old.take(stick).acks).read_bytes()
    assert post.hear(post.answered(new.take(stick))).rows == 20
    assert post.hear(late).refused == {AckOutcome.OVERTAKEN: 1}
    assert (post.journal.counts().store, post.pending) == ("store-bbbb", [])


def test_a_backup_put_back_asks_by_stick_for_what_it_lacks(post: Post, tmp_path: Path) -> None:
    """Same store id, fewer rows: no ack tells; what is held does, also against acks that were kept from before."""
    hq = begun_anew(tmp_path, "aaaa", 0)
    backup = begun_anew(tmp_path, "backup", 48)
    backup.store._db.execute("update meta set value = 'store-aaaa' where key = 'store'")
    backup.store.close()
    backup.store = Store(backup.path, new_id=lambda: "no", conflict_rows=10, quarantine_rows=100)
    part = tmp_path / "part"
    post.sessions.append("carry-session-1")
    kit.bundle(post.journal, part, by=BY, session="carry-session-1", max_rows=8)
    backup.take(part)
    hq.take(part)
    post.hear(post.answered(hq.take(post.stick())))
    assert post.pending == []
    report = backup.take(post.stick())  # nothing to carry, but the box says what it has
    assert (what(report), backup.held()) == ((0, 0, 0, 0), 8)
    answer = post.answered(report)
    post.hear(answer)
    assert post.pending == list(range(9, 21))
    post.hear(answer)
    assert post.pending == list(range(9, 21))
    backup.now += timedelta(hours=1)
    post.hear(post.answered(backup.take(post.stick())))
    assert (post.pending, backup.held()) == ([], 20)


def test_old_holdings_do_not_ask_again_for_what_was_acked_since(post: Post, tmp_path: Path) -> None:
    hq = begun_anew(tmp_path, "aaaa", 0)
    part = tmp_path / "part"
    post.sessions.append("carry-session-1")
    kit.bundle(post.journal, part, by=BY, session="carry-session-1", max_rows=8)
    early = post.answered(hq.take(part))
    hq.now += timedelta(hours=5)
    assert post.hear(post.answered(hq.take(post.stick()))).rows >= 12
    assert post.hear(early).refused == {AckOutcome.OVERTAKEN: 1}
    assert post.pending == []


def test_holdings_that_name_rows_gone_from_the_shelf_still_ask_for_what_is_lacked(post: Post, tmp_path: Path) -> None:
    hq = begun_anew(tmp_path, "aaaa", 0)
    stick = post.stick()
    post.hear(post.answered(hq.take(stick)))
    with hq.store.batch(hq.now):
        hq.store._db.execute("delete from messages where seq > 15")
    hq.now += timedelta(hours=1)
    again = hq.take(post.stick())
    post.journal._call(lambda db: db.execute("delete from outbox where seq < 6"))  # given up for space meanwhile
    assert post.hear(post.answered(again)).refused == {AckOutcome.UNKNOWN_ROWS: 2}
    assert post.pending == [16, 17, 18, 19, 20]
