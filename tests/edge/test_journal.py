"""The journal: what was recorded is there, once, in order, and says only what was shown."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import journal_kit as kit
import pytest

from edge.core import wire
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.journal import (
    Journal,
    JournalBusyError,
    JournalError,
    JournalUnavailableError,
    NoSuchPassageError,
    read_only,
)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = kit.journal(tmp_path / "journal.db")
    made.start()
    yield made
    made.close()


def test_a_passage_is_recorded_with_its_sealed_body_and_its_audit_row(journal: Journal) -> None:
    recorded = journal.record(kit.new_passage(1, Outcome.HIT)).result(10)
    assert (recorded.seq, recorded.message_id) == (1, f"{kit.DEVICE}:{journal.epoch}:1")
    (item,) = journal.pending()
    body = kit.open_body(journal, 1, item.body)
    assert isinstance(body, wire.PassageBody)
    assert (body.passage, body.outcome, body.late) == ("passage-000001", Outcome.HIT, False)
    (row,) = journal.passages()
    assert (row.passage, row.seq, row.shown, row.state, row.delivered) == (
        "passage-000001",
        1,
        Outcome.HIT,
        "awaiting",
        False,
    )
    assert row.summary == ({"list": "demo-docs", "record": "D-1", "kind": "document", "score": 1.0},)
    check = journal.verify_audit()
    assert (check.sound, check.rows, check.head) == (True, 1, journal.counts().audit_head)


def test_everything_is_there_again_after_a_restart(tmp_path: Path) -> None:
    for start in (0, 10, 20):
        journal = kit.journal(tmp_path / "journal.db")
        journal.start()
        assert kit.record(journal, range(start, start + 10)) == list(range(start + 1, start + 11))
        journal.close()
    with read_only(tmp_path / "journal.db") as view:
        counts = view.counts()
        assert (counts.epoch, counts.newest, counts.pending, counts.passages) == ("epoch-0", 30, 30, 30)
        assert [p.seq for p in view.passages()] == list(range(30, 0, -1))
        assert view.verify_audit().rows == 30


def test_a_silent_hit_leaves_the_same_trace_as_a_clear(tmp_path: Path) -> None:
    """ARCHITECTURE law 8 on disk: same rows, same lengths, nothing but ``keep`` and the body differ."""
    traces = []
    for name, passage in (("a", kit.new_passage(1)), ("b", kit.new_passage(1, Outcome.HIT, Outcome.CLEAR))):
        (tmp_path / name).mkdir()
        journal = kit.journal(tmp_path / name / "journal.db")
        journal.start()
        journal.record(passage).result(10)
        journal.close()
        db = sqlite3.connect(tmp_path / name / "journal.db")
        tables = ("passages", "outbox", "bodies", "audit")
        rows = {t: db.execute(f"select * from {t}").fetchall() for t in tables}
        hidden = {"sha256", "keep", "body", "body_hash", "hash"}
        seen = {
            t: [
                {c[1]: v for c, v in zip(db.execute(f"pragma table_info({t})"), row, strict=True) if c[1] not in hidden}
                for row in found
            ]
            for t, found in rows.items()
        }
        lengths = [len(v) for found in rows.values() for row in found for v in row if isinstance(v, str | bytes)]
        traces.append((seen, lengths, (tmp_path / name / "journal.db").stat().st_size))
        db.close()
    assert traces[0] == traces[1]


def test_no_name_and_no_number_is_on_disk_in_clear(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "journal.db")
    journal.start()
    kit.record(journal, range(20), Outcome.HIT)
    files = b"".join(p.read_bytes() for p in tmp_path.iterdir())
    journal.close()
    files += b"".join(p.read_bytes() for p in tmp_path.iterdir())
    assert b"passage-000007" in files  # the search itself works
    # Long enough that no hash or sealed byte gives them by chance: six digits alone came up in a hash.
    for secret in (b"ERIKSSON", b"ANNA<MARIA", b"ANNA MARIA", kit.NUMBER.encode(), b"7408122F120415", b"1974-08-12"):
        assert secret not in files


def test_files_are_the_services_own(journal: Journal, tmp_path: Path) -> None:
    for path in tmp_path.glob("journal.db*"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path.name


def test_a_passage_is_closed_once_with_a_code(journal: Journal) -> None:
    kit.record(journal, [1], Outcome.POSSIBLE)
    assert [p.passage for p in journal.open_passages()] == ["passage-000001"]
    closing = journal.close_passage("passage-000001", code="not_same", at=kit.START, clock=ClockState.SIGNED, note="n")
    assert closing.result(10).seq == 2
    assert journal.open_passages() == []
    row = journal.passage("passage-000001")
    assert row is not None
    assert (row.state, row.code, row.closed_at) == ("closed", "not_same", kit.START)
    body = kit.open_body(journal, 2, journal.pending()[1].body)
    assert body == wire.ClosingBody(
        passage="passage-000001", code="not_same", at=kit.START, clock=ClockState.SIGNED, note="n"
    )
    for wrong in ("passage-000001", "passage-999999"):
        with pytest.raises(NoSuchPassageError):
            journal.close_passage(wrong, code="not_same", at=kit.START, clock=ClockState.SIGNED).result(10)
    assert journal.counts().newest == 2


def test_an_entry_that_contradicts_the_journal_uses_no_seq(journal: Journal) -> None:
    kit.record(journal, [1])
    with pytest.raises(JournalError):
        kit.record(journal, [1])
    assert kit.record(journal, [2]) == [2]
    assert journal.counts().retrying == 0


def test_a_fault_while_sealing_leaves_nothing_behind(tmp_path: Path) -> None:
    failing = [True]

    def sealer(plaintext: bytes, message_id: str) -> bytes:
        if failing[0]:
            raise RuntimeError("fault")
        return kit.SEALER(plaintext, message_id)

    journal = kit.journal(tmp_path / "journal.db", sealer=sealer)
    journal.start()
    with pytest.raises(RuntimeError):
        kit.record(journal, [1])
    failing[0] = False
    assert kit.record(journal, [1]) == [1]
    assert (journal.counts().passages, journal.verify_audit().rows) == (1, 1)
    journal.close()


def test_listeners_hear_of_every_new_entry_and_cannot_undo_it(journal: Journal) -> None:
    heard: list[int] = []

    def listener() -> None:
        heard.append(1)
        raise RuntimeError("fault")

    journal.add_listener(listener)
    assert kit.record(journal, [1, 2]) == [1, 2]
    assert len(heard) == 2


def test_two_processes_cannot_own_one_journal(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalBusyError) as caught:
        kit.journal(tmp_path / "journal.db").start()
    assert caught.value.advice


def test_a_journal_that_does_not_run_says_so(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "journal.db")
    with pytest.raises(JournalUnavailableError):
        kit.record(journal, [1])
    with pytest.raises(JournalUnavailableError):
        journal.counts()
    journal.start()
    journal.close()
    with pytest.raises(JournalUnavailableError):
        kit.record(journal, [1])
    with pytest.raises(JournalUnavailableError):
        kit.journal(tmp_path / "missing" / "journal.db").start()
    with pytest.raises(JournalUnavailableError):
        read_only(tmp_path / "none.db")


@pytest.mark.parametrize("damage", ["header", "middle", "truncated", "text"])
def test_a_damaged_file_is_set_aside_and_a_new_epoch_begins(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "journal.db"
    journal = kit.journal(path)
    journal.start()
    kit.record(journal, range(50))
    journal.close()
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[:16] = bytes(16)
    elif damage == "middle":
        for page in range(2, len(data) // 4096):
            data[page * 4096 : page * 4096 + 8] = b"\xff" * 8
    elif damage == "truncated":
        del data[len(data) // 2 :]
    else:
        data = bytearray(b"this is no database\n" * 400)
    path.write_bytes(data)
    journal = kit.journal(path)
    journal.start()
    assert journal.epoch == "epoch-1"
    assert [(n.code, n.detail["file"]) for n in journal.notices] == [("journal_set_aside", "journal.corrupt-1")]
    assert (tmp_path / "journal.corrupt-1").read_bytes() == bytes(data)
    saved = [item for item in journal.pending_all() if item.epoch == "epoch-0"]
    assert len(saved) == {"header": 50, "middle": 0, "truncated": len(saved) or 1, "text": 0}[damage]
    newest = 50 if saved else 0
    assert kit.record(journal, [1]) == [newest + 2]
    notice = kit.open_body(journal, newest + 1, journal.pending(newest)[0].body)
    assert isinstance(notice, wire.NoticeBody)
    assert (notice.detail["salvaged"], notice.detail["lost"]) == (len(saved), newest - len(saved))
    assert (notice.code, journal.verify_audit().sound) == ("journal_set_aside", True)
    journal.close()


def test_a_file_that_breaks_while_in_use_ends_the_thread_and_is_checked_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = kit.journal(path)
    journal.start()
    kit.record(journal, range(200))
    journal.close()
    data = bytearray(path.read_bytes())
    journal = kit.journal(path)
    journal.start()
    for page in range(2, len(data) // 4096):
        data[page * 4096 : (page + 1) * 4096] = b"\x5a" * 4096
    with path.open("r+b") as file:
        file.write(data)
    with pytest.raises(JournalUnavailableError):
        kit.record(journal, range(1000, 1010))
    journal._thread.join(10)  # type: ignore[union-attr]
    assert not journal.alive
    assert isinstance(journal.failure, sqlite3.DatabaseError)
    journal.close()
    again = kit.journal(path)
    again.start()
    assert again.epoch == "epoch-1"
    again.close()


def test_a_changed_audit_row_is_named(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "journal.db")
    journal.start()
    kit.record(journal, range(5))
    journal.close()
    db = sqlite3.connect(tmp_path / "journal.db")
    db.execute("update audit set body = replace(body, 'CLEAR', 'HIT') where number = 3")
    db.commit()
    db.close()
    with read_only(tmp_path / "journal.db") as view:
        check = view.verify_audit()
    assert (check.sound, check.first_bad, check.problem) == (False, 3, "its body was changed")
