"""The store: once is once, other bytes are a conflict, and every table has its limit."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hq.errors import StoreError
from hq.store import Arrived, Gap, Index, Put, Store, View, mark_done
from hq.store.reading import without
from hq.store.writing import ALARMS_A_DEVICE

NOW = datetime(2026, 5, 17, 8, tzinfo=UTC)


def open_store(folder: Path, name: str = "store-one") -> Store:
    return Store(folder / "hq.sqlite", new_id=lambda: name, conflict_rows=3, quarantine_rows=3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path)
    with made.batch(NOW):
        made.seen("box-one", limit=10)
        made.epoch("box-one", "epoch-a")
    yield made
    made.close()


def arrived(seq: int, sealed: bytes = b"sealed", *, device: str = "box-one", epoch: str = "epoch-a") -> Arrived:
    return Arrived(
        device=device, epoch=epoch, seq=seq, time="2026-05-17T08:00:00.000Z", clock="signed", boot="b", mono=1,
        digest=hashlib.sha256(sealed).digest(), sealed=sealed,
    )  # fmt: skip


def put(store: Store, *seqs: int, sealed: bytes = b"sealed", index: Index | None = None) -> list[Put]:
    with store.batch(NOW):
        found = [store.put(arrived(seq, sealed)) for seq in seqs]
        for one in store.unread(100):
            store.read(one, index or Index("passage"))
        return found


def view(tmp_path: Path) -> View:
    return View(tmp_path / "hq.sqlite")


def test_once_is_once_and_other_bytes_are_a_conflict(store: Store, tmp_path: Path) -> None:
    assert put(store, 1, 1, 2) == [Put.NEW, Put.DUPLICATE, Put.NEW]
    assert put(store, 1, sealed=b"other") == [Put.CONFLICT]
    assert put(store, 1, sealed=b"other") == [Put.DUPLICATE]  # these very bytes stand beside already
    with view(tmp_path) as seen:
        assert seen.counts() == {"messages": 2, "conflicts": 1, "quarantine": 0, "duplicates": 2}
        assert [m.sealed for m in seen.messages(0)] == [b"sealed", b"sealed", b"other"]
    assert [seq for seq, _ in store.held("box-one", "epoch-a", 1, 9)] == [2]  # a seq in conflict is not vouched for


def test_conflicts_and_quarantine_have_limits(store: Store, tmp_path: Path) -> None:
    put(store, 1)
    for number in range(6):
        put(store, 1, sealed=b"other %d" % number)
    with store.batch(NOW):
        for number in range(6):
            store.quarantine("topic", "reason", b"%d" % number)
    with view(tmp_path) as seen:
        assert (seen.counts()["conflicts"], seen.counts()["quarantine"]) == (3, 3)
        assert seen.posts()[0].conflicts == 6
    left = sqlite3.connect(tmp_path / "hq.sqlite").execute("SELECT payload FROM quarantine ORDER BY n").fetchall()
    assert left == [(b"3",), (b"4",), (b"5",)]


def test_a_batch_is_whole_or_not_at_all(store: Store, tmp_path: Path) -> None:
    def fail() -> None:
        with store.batch(NOW):
            assert store.put(arrived(1)) is Put.NEW
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with view(tmp_path) as seen:
        assert seen.counts()["messages"] == 0
    assert put(store, 1) == [Put.NEW]


def test_a_batch_that_the_disk_refuses_is_an_error_and_undone(store: Store, tmp_path: Path) -> None:
    pages = store._db.execute("PRAGMA page_count").fetchone()[0]
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match="did not take"):
        put(store, *range(1, 50), sealed=b"x" * 4000)
    store._db.execute("PRAGMA max_page_count = 1000000")
    with view(tmp_path) as seen:
        assert seen.counts()["messages"] == 0
    assert put(store, 1) == [Put.NEW]


def test_the_store_id_stays_with_the_file(tmp_path: Path) -> None:
    first = open_store(tmp_path, "store-one")
    first.close()
    again = open_store(tmp_path, "store-two")
    assert again.id == "store-one"
    again.close()
    with view(tmp_path) as seen:
        assert seen.store_id() == "store-one"


def test_gaps_are_what_is_missing_below_the_newest_and_not_reported_as_dropped(store: Store, tmp_path: Path) -> None:
    put(store, 3, 4, 8, 12)
    with store.batch(NOW):
        store.offered("box-one", "epoch-a", 2)
        store.dropped("box-one", "epoch-a", 9, 10)
    with view(tmp_path) as seen:
        assert seen.posts()[0].gaps == (
            Gap("epoch-a", 2, 2), Gap("epoch-a", 5, 7), Gap("epoch-a", 11, 11),
        )  # fmt: skip
    put(store, 2, 5, 6, 7, 11)
    with view(tmp_path) as seen:
        assert seen.posts()[0].gaps == ()


def test_a_second_epoch_of_a_known_device_is_told(store: Store) -> None:
    with store.batch(NOW):
        assert not store.epoch("box-one", "epoch-a")
        assert store.epoch("box-one", "epoch-b")
        assert not store.epoch("box-one", "epoch-b")
        store.seen("box-two", limit=10)
        assert not store.epoch("box-two", "epoch-b")


def test_strangers_beyond_the_limit_are_refused(store: Store) -> None:
    with store.batch(NOW):
        assert store.seen("box-two", limit=2)
        assert not store.seen("box-three", limit=2)
        assert store.seen("box-one", limit=2)


def test_a_death_of_an_older_session_is_stale(store: Store, tmp_path: Path) -> None:
    with store.batch(NOW):
        assert store.presence("box-one", online=True, session="session-a", body={})
        assert store.presence("box-one", online=True, session="session-b", body={"software": "0.1.0"})
        assert not store.presence("box-one", online=False, session="session-a", body={})
    with view(tmp_path) as seen:
        assert seen.posts()[0].online
    with store.batch(NOW + timedelta(seconds=5)):
        assert store.presence("box-one", online=False, session="session-b", body={})
    with view(tmp_path) as seen:
        assert (seen.posts()[0].online, seen.posts()[0].since) == (False, "2026-05-17T08:00:05.000Z")


def test_alarms_are_counted_settled_and_come_back(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "hq.sqlite"
    for _ in range(3):
        with store.batch(NOW):
            store.alarm("box-one", "conflict", "text", subject="epoch-a")
    with view(tmp_path) as seen:
        (alarm,) = seen.alarms()
        assert (alarm.code, alarm.times, seen.posts()[0].alarms) == ("conflict", 3, 1)
    assert mark_done(path, alarm.n, NOW)
    assert not mark_done(path, alarm.n, NOW)
    with view(tmp_path) as seen:
        assert seen.alarms() == []
        assert [a.done for a in seen.alarms(done=True)] == ["2026-05-17T08:00:00.000Z"]
    with store.batch(NOW):
        store.alarm("box-one", "conflict", "text", subject="epoch-a")
    with view(tmp_path) as seen:
        assert seen.alarms()[0].times == 4


def test_kinds_of_alarm_have_a_limit_a_device(store: Store, tmp_path: Path) -> None:
    with store.batch(NOW):
        for number in range(ALARMS_A_DEVICE + 20):
            store.alarm("box-one", "unopened", "text", subject=f"epoch-{number}")
        store.alarm("box-one", "unopened", "text", subject="epoch-1")
    with view(tmp_path) as seen:
        by_code = {a.code: a.times for a in seen.alarms()}
        assert len(seen.alarms()) == ALARMS_A_DEVICE + 1
        assert by_code["too_many_alarms"] == 20


def test_hits_and_their_closings_are_found_in_order(store: Store, tmp_path: Path) -> None:
    put(store, 1, index=Index("passage", "p-1", "CLEAR", "CLEAR"))
    put(store, 2, index=Index("passage", "p-2", "HIT", "CLEAR", ("un", "national")))
    put(store, 3, index=Index("passage", "p-3", "POSSIBLE", "POSSIBLE", ("un",)))
    put(store, 4, index=Index("closing", "p-3"))
    with view(tmp_path) as seen:
        found = seen.hits(0)
        assert [(h.id, h.outcome, h.closed) for h in found] == [
            ("box-one:epoch-a:2", "HIT", False),
            ("box-one:epoch-a:3", "POSSIBLE", True),
            ("box-one:epoch-a:4", "", True),
        ]
        assert found[0].lists == ("un", "national")
        assert seen.hits(found[-1].n) == []
        assert seen.first_since(NOW) == 0
        assert seen.first_since(NOW + timedelta(seconds=1)) == seen.last() == 4


def test_no_store_is_said_with_advice(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        view(tmp_path)
    (tmp_path / "hq.sqlite").write_bytes(b"this is not a database at all" * 50)
    with pytest.raises(StoreError):
        view(tmp_path)
    with pytest.raises(StoreError):
        open_store(tmp_path)
    with pytest.raises(StoreError):
        mark_done(tmp_path / "absent.sqlite", 1, NOW)


@given(
    st.tuples(st.integers(1, 40), st.integers(0, 20)).map(lambda p: (p[0], p[0] + p[1])),
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 10)).map(lambda p: (p[0], p[0] + p[1]))),
)
def test_without_takes_out_exactly_the_ranges(span: tuple[int, int], told: list[tuple[int, int]]) -> None:
    left = {n for a, b in without(span, sorted(told)) for n in range(a, b + 1)}
    gone = {n for a, b in told for n in range(a, b + 1)}
    assert left == set(range(span[0], span[1] + 1)) - gone


def test_what_nobody_has_looked_into_is_held_but_hidden_from_whoever_follows(store: Store, tmp_path: Path) -> None:
    put(store, 1, index=Index("passage", "p-1", "HIT", "HIT"))
    with store.batch(NOW):
        assert store.put(arrived(2)) is Put.NEW
    with view(tmp_path) as seen:
        assert seen.counts()["messages"] == 2
        assert seen.last() == 1  # a tail that went past row 2 now would miss what it turns out to be
        assert [h.passage for h in seen.messages(0)] == ["p-1"]
    with store.batch(NOW):
        (waiting,) = store.unread(10)
        assert (waiting.device, waiting.seq, waiting.sealed) == ("box-one", 2, b"sealed")
        store.read(waiting, Index("passage", "p-2", "HIT", "CLEAR"))
        assert store.unread(10) == []
    with view(tmp_path) as seen:
        assert [h.passage for h in seen.hits(1)] == ["p-2"]
