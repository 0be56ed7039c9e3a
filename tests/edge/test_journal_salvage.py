"""A damaged journal: its un-acked rows go on under their old ids, and what is lost is named; nothing is invented."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from collections.abc import Callable
from pathlib import Path

import journal_kit as kit
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from talk_bench import Bench

from edge.core import wire
from edge.core.acks import AckOutcome
from edge.core.verdicts import Outcome
from edge.journal import Journal, JournalUnavailableError, asides, restoring
from edge.journal.pages import INDEX_LEAF, TABLE_LEAF, BrokenCellError, Pages, varint
from edge.journal.salvage import Lost, salvage
from edge.journal.writer import Writer
from hq.store import View

PAGE = 4096
SECOND = 42  # a row at the beginning of the second epoch
IMAGE_PAGES = 10  # of the one long body
FORMER = Path(__file__).with_name("former") / "journal-first.sqlite.gz"
Told = dict[tuple[str, int], bytes]


def _journal(folder: Path, **limits: object) -> Journal:
    journal = kit.journal(folder / "journal.db", **limits)
    journal._token = _tokens(folder)
    journal.start()
    return journal


def _tokens(folder: Path) -> Callable[[], str]:
    numbers = iter(range(1, 100))
    return lambda: f"epoch-{len(list(folder.glob('*.corrupt-*')))}-{next(numbers)}"


def _rows(source: object) -> Told:
    return {(i.epoch, i.seq): i.body for i in source}  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Told, Told]:
    """A journal of two epochs, some rows acked, some with a long body: its file, its un-acked rows, its acked ones."""
    folder = tmp_path_factory.mktemp("made")
    journal = _journal(folder)
    kit.record(journal, range(40), Outcome.HIT)
    everything = _rows(journal.pending_all())
    held = {s: h for s, h in kit.hashes(journal).items() if s <= 10}
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED
    journal.renew_epoch("disk_restored")
    kit.record(journal, range(100, 120))
    journal.record_finger(kit.new_finger(100, opens=True, image=b"WSQ" * 9000)).result(10)
    pending = _rows(journal.pending_all())
    acked = {key: body for key, body in everything.items() if key not in pending}
    journal.close()
    assert (len(pending), len(acked)) == (52, 10)
    return (folder / "journal.db").read_bytes(), pending, acked


def test_a_sound_file_is_read_whole_with_or_without_its_log(tmp_path: Path) -> None:
    journal = _journal(tmp_path, wal_pages=7)
    for number in range(60):
        kit.record(journal, [number], Outcome.HIT)
        with salvage(tmp_path / "journal.db") as found:
            assert _rows(found.rows()) == _rows(journal.pending_all())
            assert (found.newest, found.lost(), found.device) == (number + 1, (), kit.DEVICE)
            assert found.audit == (number + 1, journal.counts().audit_head)
    journal.close()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with salvage(tmp_path / "journal.db") as found:
        assert len(_rows(found.rows())) == 60
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before  # it only reads


def test_a_file_of_the_former_version_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_bytes(gzip.decompress(FORMER.read_bytes()))
    with salvage(tmp_path / "journal.db") as found:
        assert [(i.epoch, i.seq) for i in found.rows()] == [("epoch-0", s) for s in (3, 4, 5, 6)]
        assert (found.newest, found.lost(), found.device) == (6, (), "")


def test_every_page_that_is_lost_costs_its_own_rows_alone(tmp_path: Path, made: tuple[bytes, Told, Told]) -> None:
    data, pending, acked = made
    cost = []
    for page in range(len(data) // PAGE):
        for junk in (bytes(PAGE), b"\xff" * PAGE):
            path = tmp_path / "damaged.db"
            path.write_bytes(data[: page * PAGE] + junk + data[(page + 1) * PAGE :])
            cost.append(_judged(path, pending, acked))
    assert max(cost) <= 2  # a body takes most of a page; a long one shares its first page with another
    assert sum(cost) <= 2 * (len(pending) + IMAGE_PAGES)


@pytest.mark.parametrize(("beside", "certain"), [("epochs", True), ("meta", True), ("epochs, audit", False)])
def test_a_page_that_is_lost_together_with_those_that_name_epochs_costs_no_row_its_name(
    tmp_path: Path, made: tuple[bytes, Told, Told], beside: str, certain: bool
) -> None:
    data, pending, acked = made
    others = [_renewal(data) if one == "audit" else kit.root_page(data, one) - 1 for one in beside.split(", ")]
    for page in range(len(data) // PAGE):
        for junk in (bytes(PAGE), b"\xff" * PAGE):
            path = tmp_path / "damaged.db"
            changed = bytearray(data)
            for lost in (page, *others):
                changed[lost * PAGE : (lost + 1) * PAGE] = junk
            path.write_bytes(changed)
            assert _judged(path, pending, acked, certain=certain) <= 2


def _renewal(data: bytes) -> int:
    """The page, from 0, on which the audit chain says that the second epoch began."""
    return data.index(b"epoch_renewed") // PAGE


def _judged(path: Path, pending: Told, acked: Told, *, certain: bool = True) -> int:
    """How many un-acked rows are gone: all that is given out is true, all that is gone is named.

    ``certain``: every row is given out under its own epoch alone; else that one is among those that it is given under.
    """
    with salvage(path) as found:
        rows, lost = _rows(found.rows()), found.lost()
    true = {**pending, **acked}
    bodies = {seq: body for (_, seq), body in true.items()}
    assert all(bodies[seq] == body for (_, seq), body in rows.items())
    assert {seq for _, seq in rows} == {seq for epoch, seq in rows if (epoch, seq) in true}
    assert not certain or rows.keys() <= true.keys()
    missing = {key for key in pending if key not in rows}
    named = {(part.epoch, seq) for part in lost for seq in range(part.first, part.last + 1)}
    if rows:  # else nothing may be left that could name it
        inside = {key for key in missing if min(s for _, s in rows) < key[1] < max(s for _, s in rows)}
        assert inside <= named | (set() if certain else {(e, s) for e, s in inside if ("", s) in named})
    return len(missing)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=300)), max_size=20), st.integers(0, 9))
@example([(0.0, bytes(100))], 0)
@example([(0.0, b"\xff" * 28)], 0)
@example([(0.55, b"\0\0"), (0.15, b"\0\0")], 0)  # the page of the epochs, and one of the outbox
def test_any_damage_gives_true_rows_and_never_a_fault(
    tmp_path: Path, made: tuple[bytes, Told, Told], damage: list[tuple[float, bytes]], cut: int
) -> None:
    data, pending, acked = made
    changed = bytearray(data)
    for share, junk in damage:
        at = int(share * (len(data) - 1))
        changed[at : at + len(junk)] = junk[: len(data) - at]
    left = bytes(changed[: len(changed) - cut * len(changed) // 10])
    path = tmp_path / "damaged.db"
    path.write_bytes(left)
    with salvage(path) as found:
        items = list(found.rows())
        rows = _rows(items)
        found.lost()
    assert len(items) == len(rows)  # each once
    true = {**pending, **acked}
    bodies = {seq: (epoch, body) for (epoch, seq), body in true.items()}
    for (epoch, seq), body in rows.items():
        own, sealed = bodies[seq]
        # A body whose outbox row is lost cannot be tried: it may be a damaged one, and headquarters refuses it.
        assert body == sealed or len(body) == len(sealed)
        assert epoch == own or (own, seq) in rows or own not in _texts(left)


def _texts(data: bytes) -> str:
    """Every text of every row and index entry that can be read still."""
    pages = Pages(lambda at, size: data[at : at + size], len(data))
    leaves = (n for n in range(1, pages.count + 1) if pages.kind(n) in (INDEX_LEAF, TABLE_LEAF))
    return "\n".join(v for n in leaves for record in pages.records(n) for v in record.values if isinstance(v, str))


@settings(max_examples=300)
@given(st.binary(max_size=600), st.binary(max_size=600))
def test_no_bytes_at_all_are_too_odd(data: bytes, wal: bytes) -> None:
    pages = Pages(lambda at, size: data[at : at + size], len(data), wal)
    for number in range(1, pages.count + 1):
        list(pages.records(number))
    for at in range(min(len(data), 20)):
        try:
            assert varint(data, at)[0] >= 0
        except BrokenCellError:
            assert at + 9 > len(data)


def test_what_is_no_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(JournalUnavailableError) as caught:
        salvage(tmp_path / "none.db")
    assert caught.value.advice
    (tmp_path / "empty.db").write_bytes(b"")
    with salvage(tmp_path / "empty.db") as found:
        assert (list(found.rows()), found.lost(), found.newest) == ([], (), 0)


# -- into the new journal ---------------------------------------------------------------------------


def _damage(folder: Path, data: bytes, pages: tuple[int, ...] = ()) -> None:
    changed = bytearray(data)
    changed[:16] = bytes(16)
    for page in pages:
        changed[page * PAGE : (page + 1) * PAGE] = b"\xff" * PAGE
    (folder / "journal.db").write_bytes(changed)


def test_the_new_journal_goes_on_with_the_rows_of_the_damaged_one(
    tmp_path: Path, made: tuple[bytes, Told, Told]
) -> None:
    data, pending, _ = made
    _damage(tmp_path, data, pages=(30, 31))
    journal = _journal(tmp_path)
    assert journal.epoch == "epoch-1-1"
    assert kit.record(journal, [500]) == [64]  # 62 rows there were, and the notice of it all
    rows = _rows(i for i in journal.pending_all() if i.epoch != journal.epoch)
    assert rows.items() <= pending.items()
    assert len(rows) == len(pending) - 2
    (notice,) = journal.notices
    lost = sorted(set(pending) - set(rows))
    assert {k: notice.detail[k] for k in ("file", "salvaged", "left", "lost", "audit_rows")} == {
        "file": "journal.corrupt-1", "salvaged": len(rows), "left": 0, "lost": 2, "audit_rows": 63,
    }  # fmt: skip
    assert str(lost[0][1]) in str(notice.detail["ranges"])
    told = kit.open_body(journal, 63, journal.pending(62)[0].body)
    assert isinstance(told, wire.NoticeBody)
    assert told.detail == notice.detail
    assert journal.verify_audit().sound
    journal.close()
    journal = _journal(tmp_path)
    assert (journal.notices, journal.counts().pending) == ((), len(rows) + 2)
    journal.close()


def _naming(data: bytes) -> tuple[int, ...]:
    """The pages, from 0, that say when the second epoch began: of the epochs, the audit chain, and its first rows."""
    return kit.root_page(data, "epochs") - 1, _renewal(data), kit.outbox_leaf(data, SECOND) - 1


def test_a_row_whose_epoch_nobody_tells_any_more_counts_once_and_its_file_is_kept(
    tmp_path: Path, made: tuple[bytes, Told, Told]
) -> None:
    data, pending, _ = made
    _damage(tmp_path, data, pages=_naming(data))
    with salvage(tmp_path / "journal.db") as found:
        given = [(i.epoch, i.seq) for i in found.rows()]
        assert found.lost() == ()
    doubtful = {seq for epoch, seq in given if (epoch, seq) not in pending}
    assert {seq for _, seq in given} == {seq for _, seq in pending}
    assert len(given) == len(pending) + len(doubtful)
    assert len(doubtful) > 2
    journal = _journal(tmp_path)
    (notice,) = journal.notices
    assert {k: notice.detail.get(k) for k in ("salvaged", "left", "lost", "taken", "doubtful")} == {
        "salvaged": len(pending), "left": 0, "lost": 0, "taken": None, "doubtful": len(doubtful),
    }  # fmt: skip
    assert [i.seq for i in journal.pending_all() if i.epoch != journal.epoch] == [seq for _, seq in sorted(pending)]
    journal.close()
    kept = tmp_path / "journal.corrupt-1"
    for _ in range(2):
        journal = _journal(tmp_path)
        assert journal.notices == ()
        journal.close()
        assert asides.unfinished(tmp_path / "journal.db") == [kept]
    with salvage(kept) as found:
        assert pending.items() <= _rows(found.rows()).items()


def test_a_doubtful_row_that_has_no_room_is_tried_again(tmp_path: Path, made: tuple[bytes, Told, Told]) -> None:
    data, pending, _ = made
    _damage(tmp_path, data, pages=_naming(data))
    journal = _journal(tmp_path, quota_bytes=60 * PAGE)
    (first,) = journal.notices
    assert int(first.detail["salvaged"]) + int(first.detail["left"]) == len(pending)
    assert int(first.detail["left"]) > 0
    journal.close()
    journal = _journal(tmp_path)
    (then,) = journal.notices
    assert (then.detail["salvaged"], then.detail["left"]) == (len(pending), 0)
    journal.close()
    assert [p.name for p in asides.unfinished(tmp_path / "journal.db")] == ["journal.corrupt-1"]


@pytest.mark.parametrize("stop_at", range(1, 8))
def test_a_salvage_that_is_broken_off_goes_on_at_the_next_start(
    tmp_path: Path, made: tuple[bytes, Told, Told], monkeypatch: pytest.MonkeyPatch, stop_at: int
) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    monkeypatch.setattr(restoring, "BATCH", 8)
    real, calls = restoring._put, []

    def put(*args: object) -> bool:
        calls.append(args)
        if len(calls) == stop_at:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(restoring, "_put", put)
    with pytest.raises(KeyboardInterrupt):
        _journal(tmp_path)
    monkeypatch.setattr(restoring, "_put", real)
    journal = _journal(tmp_path)
    assert _rows(i for i in journal.pending_all() if i.epoch != journal.epoch) == pending
    assert [n.code for n in journal.notices] == ["journal_set_aside"]
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1
    journal.close()


def test_a_crash_after_setting_aside_loses_nothing(tmp_path: Path, made: tuple[bytes, Told, Told]) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    (tmp_path / "journal.db").rename(tmp_path / "journal.corrupt-1")  # and there the power went
    journal = _journal(tmp_path)
    assert _rows(i for i in journal.pending_all() if i.epoch != journal.epoch) == pending
    journal.close()


def test_what_has_no_room_stays_in_the_file_and_is_told(tmp_path: Path, made: tuple[bytes, Told, Told]) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    journal = _journal(tmp_path, quota_bytes=60 * PAGE)
    (notice,) = journal.notices
    assert int(notice.detail["salvaged"]) + int(notice.detail["left"]) == len(pending)
    assert int(notice.detail["left"]) > 0
    kit.record(journal, range(500, 505), Outcome.HIT)  # what happens now has room
    with salvage(tmp_path / "journal.corrupt-1") as found:
        assert _rows(found.rows()) == pending
    journal.close()


def test_damage_after_damage_keeps_every_epoch(tmp_path: Path, made: tuple[bytes, Told, Told]) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    journal = _journal(tmp_path)
    kit.record(journal, range(500, 510), Outcome.HIT)
    every = _rows(journal.pending_all())
    journal.close()
    _damage(tmp_path, (tmp_path / "journal.db").read_bytes())
    journal = _journal(tmp_path)
    assert _rows(i for i in journal.pending_all() if i.epoch != journal.epoch) == every
    assert pending.items() <= every.items()
    kit.record(journal, [600])
    assert [s.epoch for s in journal.shelves()] == ["epoch-0-1", "epoch-0-2", "epoch-1-1", journal.epoch]
    journal.close()


def _broken_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start that dies in the second batch of rows."""
    real, calls = restoring._put, []

    def put(*args: object) -> bool:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(restoring, "BATCH", 8)
        patch.setattr(restoring, "_put", put)
        with pytest.raises(KeyboardInterrupt):
            _journal(folder)
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as db:
        db.execute("pragma wal_checkpoint(truncate)")


def test_damage_while_the_rows_are_put_back_costs_none_of_them(
    tmp_path: Path, made: tuple[bytes, Told, Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    for number in (1, 2, 3):  # three new journals in turn are damaged before they have all rows
        _broken_off(tmp_path, monkeypatch)
        assert len(asides.numbers(tmp_path / "journal.db")) == number
        _damage(tmp_path, (tmp_path / "journal.db").read_bytes())
    journal = _journal(tmp_path)
    assert _rows(i for i in journal.pending_all() if i.epoch != journal.epoch) == pending
    journal.close()
    assert not list(tmp_path.glob("*.partial"))  # all four are done with
    journal = _journal(tmp_path)
    assert journal.notices == ()
    journal.close()


def test_a_file_is_not_done_with_before_its_notice_is_on_disk(
    tmp_path: Path, made: tuple[bytes, Told, Told], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "_put", _full)
        journal = _journal(tmp_path)
        assert [n.code for n in journal.notices] == ["journal_set_aside"]
        journal.close()
    journal = _journal(tmp_path)
    assert [n.code for n in journal.notices] == ["journal_set_aside"]  # told again
    journal.close()
    journal = _journal(tmp_path)
    assert journal.notices == ()
    assert _rows(i for i in journal.pending_all() if i.epoch != journal.epoch).keys() >= pending.keys()
    journal.close()


def _full(*_: object) -> int:
    raise sqlite3.OperationalError("the disk does not answer")


def test_what_was_left_is_tried_again_at_each_start(tmp_path: Path, made: tuple[bytes, Told, Told]) -> None:
    data, pending, _ = made
    _damage(tmp_path, data)
    journal = _journal(tmp_path, quota_bytes=60 * PAGE)
    assert int(journal.notices[0].detail["left"]) > 0
    journal.close()
    journal = _journal(tmp_path, quota_bytes=60 * PAGE)
    assert journal.notices == ()  # as much is left as was told
    journal.close()
    journal = _journal(tmp_path)  # now there is room
    assert [(n.detail["left"], n.detail["salvaged"]) for n in journal.notices] == [(0, len(pending))]
    old = {key for key in _rows(journal.pending_all()) if key in pending}
    assert old == pending.keys()
    journal.close()
    journal = _journal(tmp_path)
    assert journal.notices == ()
    journal.close()


def test_files_that_are_done_with_are_kept_within_a_number_and_others_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    for number in range(1, 13):
        path.write_bytes(b"x" * 1000)
        assert asides.set_aside(path) == f"journal.corrupt-{number}"
    for number in {*range(1, 13)} - {2}:
        asides.finish(path, f"journal.corrupt-{number}")
    asides.prune(path, ["journal.corrupt-2"], 1 << 20)
    assert asides.numbers(path) == [2, *range(5, 13)]
    asides.prune(path, [], 1000)  # and within twice the quota; no mark says that the second is done with
    assert asides.numbers(path) == [2, 11, 12]
    assert [p.name for p in asides.unfinished(path)] == ["journal.corrupt-2"]


def test_salvaged_rows_reach_headquarters_once_and_its_acks_count(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.record(20)
    bench.turn()
    for _ in range(2):
        bench.turn()  # some are held already, some acked
    assert 0 < bench.pending() < 20
    bench.close()
    path = tmp_path / "journal.sqlite"
    path.write_bytes(bytes(16) + path.read_bytes()[16:])
    bench = Bench(tmp_path)
    bench.number = 20
    assert [n.code for n in bench.journal.notices] == ["journal_set_aside"]
    bench.record(3)
    for _ in range(20):
        bench.turn()
    assert bench.pending() == 0
    with View(tmp_path / "hq.sqlite") as view:
        (post,) = view.posts()
        assert (post.held, post.gaps, post.conflicts, post.unopened, post.epochs) == (24, (), 0, 0, 2)
    bench.close()


def test_ranges_are_told_briefly() -> None:
    lost = (Lost("a", 1, 1), Lost("a", 3, 5), Lost("", 7, 9))
    assert restoring.told(lost) == "a 1 3-5, ? 7-9"
    many = restoring.told(tuple(Lost("epoch", n, n) for n in range(1, 4000, 2)))
    assert len(many) == restoring.MAX_TOLD
    assert many.endswith("…")
