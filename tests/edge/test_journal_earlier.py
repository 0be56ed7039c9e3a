"""Files that a former version set aside, without a mark: none is taken away, and each is looked through and told."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import journal_kit as kit
import pytest

from edge.carry.rescue import _is_journal
from edge.core.verdicts import Outcome
from edge.journal import Journal, asides, earlier, restoring
from edge.journal.salvage import Salvage, salvage

FILES = 11  # more than are kept of those that are done with


def _looked(journal: Journal) -> Journal:
    """The journal, started, when nothing is looked through any more."""
    journal.start()
    for thread in threading.enumerate():
        if thread.name == "journal-asides":
            thread.join(20)
            assert not thread.is_alive()
    return journal


def _told(journal: Journal) -> list[dict[str, object]]:
    bodies = [(i.seq, i.epoch, i.body) for i in journal.pending_all()]
    opened = [kit.open_body(journal, seq, body) for seq, epoch, body in bodies if epoch == journal.epoch]
    return [dict(b.detail) for b in opened if getattr(b, "code", "") == "journal_set_aside"]


def _former(folder: Path, files: int) -> Path:
    """What a former version left: each file begins at seq 1 under an epoch of its own, and bears no mark."""
    for number in range(files + 1):
        own = folder / f"own-{number}"
        own.mkdir()
        journal = kit.journal(own / "journal.sqlite")
        journal._token = f"former-{number}".__str__
        journal.start()
        kit.record(journal, range(100 * number, 100 * number + 2 + number), Outcome.HIT)
        journal.close()
        (own / "journal.sqlite").rename(folder / (f"journal.corrupt-{number}" if number else "journal.sqlite"))
    return folder / "journal.sqlite"


def test_no_file_of_a_former_version_is_taken_away(tmp_path: Path) -> None:
    path = _former(tmp_path, FILES)
    told: list[dict[str, object]] = []
    for start in range(1, 5):
        journal = _looked(kit.journal(path))
        assert asides.numbers(path) == list(range(1, FILES + 1))
        told = _told(journal)
        assert len(told) == min(FILES, start * earlier.MAX_FILES)  # bounded a start, and told once
        journal.close()
    assert {str(d["file"]): (d["salvaged"], d["left"], d["taken"]) for d in told} == {
        f"journal.corrupt-{n}": (0, n + 2, n + 2) for n in range(1, FILES + 1)
    }
    assert asides.unfinished(path) == [tmp_path / f"journal.corrupt-{n}" for n in range(1, FILES + 1)]
    with salvage(path.with_name("journal.corrupt-1")) as found:
        assert len(list(found.rows())) == 3


def test_a_journal_made_anew_takes_what_numbers_allow_and_counts_the_rest(tmp_path: Path) -> None:
    path = _former(tmp_path, 3)
    path.write_bytes(bytes(16) + path.read_bytes()[16:])
    journal = _looked(kit.journal(path))
    rows = {(i.epoch, i.seq) for i in journal.pending_all() if i.epoch != journal.epoch}
    assert rows == {("former-0", 1), ("former-0", 2)}
    left = {str(n.detail["file"]): (n.detail["salvaged"], n.detail["left"]) for n in journal.notices}
    assert left == {
        "journal.corrupt-1": (0, 3), "journal.corrupt-2": (0, 4), "journal.corrupt-3": (0, 5),
        "journal.corrupt-4": (2, 0),
    }  # fmt: skip
    journal.close()
    assert [p.name for p in asides.unfinished(path)] == [f"journal.corrupt-{n}" for n in (1, 2, 3)]
    journal = _looked(kit.journal(path))
    assert journal.notices == ()
    journal.close()


def test_rows_that_have_a_place_here_are_brought_while_the_journal_works(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = kit.journal(path)
    journal.start()
    kit.record(journal, range(30), Outcome.HIT)
    want = {(i.epoch, i.seq): i.body for i in journal.pending_all()}
    journal.close()
    aside = path.read_bytes()
    journal = kit.journal(path)
    journal.start()
    journal._transaction(lambda db: db.execute("delete from bodies where seq > 10"))
    journal._transaction(lambda db: db.execute("delete from outbox where seq > 10"))
    journal.close()
    path.with_name("journal.corrupt-1").write_bytes(aside)
    journal = _looked(kit.journal(path))
    assert want.items() <= {(i.epoch, i.seq): i.body for i in journal.pending_all()}.items()
    assert [(d["salvaged"], d["left"]) for d in _told(journal)] == [(30, 0)]
    assert asides.unfinished(path) == []  # a mark says so
    assert not _is_journal(path.with_name("journal.aside-1.done"))  # and is nothing to be rescued
    assert path.with_name("journal.aside-1.done").exists()
    journal.close()


def test_what_cannot_be_read_is_kept_and_told_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.with_name("journal.corrupt-3").symlink_to(tmp_path / "gone")
    for _ in range(3):
        journal = _looked(kit.journal(path))
        assert [d.get("unreadable") for d in _told(journal)] == [1]
        journal.close()
        assert asides.numbers(path) == [3]


def test_a_start_does_not_wait_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, go = _former(tmp_path, 2), threading.Event()
    real = restoring.salvage

    def slow(file: Path) -> Salvage:
        go.wait(20)
        return real(file)

    monkeypatch.setattr(restoring, "salvage", slow)
    try:
        journal = kit.journal(path)
        began = time.monotonic()
        journal.start()
        kit.record(journal, [7000])
        assert time.monotonic() - began < 10
        assert _told(journal) == []
    finally:
        go.set()
    for thread in threading.enumerate():
        if thread.name == "journal-asides":
            thread.join(20)
    assert len(_told(journal)) == 2
    journal.close()
