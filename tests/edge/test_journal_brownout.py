"""The power goes at any write of a commit, of folding in, or of a change of the schema: the old state or the new one.

What a disk may leave behind is built from the files before and after: what was written is cut at every sector, a
sector is missing or garbage though later ones are there, a page is half old and half new. After each, the box starts.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path

import journal_kit as kit
import pytest

from edge.core.verdicts import Outcome
from edge.journal import Journal
from edge.journal.schema import connect

SECTOR = 512
PAGE = 4096
FORMER = Path(__file__).with_name("former") / "journal-first.sqlite.gz"


def _files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("journal.db", "journal.db-wal") if (folder / name).exists()}


def _started_on(folder: Path, files: dict[str, bytes]) -> Journal:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    journal = kit.journal(folder / "journal.db")
    journal.start()
    return journal


@pytest.fixture(scope="module")
def commit(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Ten passages are acknowledged; the files before and after the eleventh is."""
    folder = tmp_path_factory.mktemp("commit")
    journal = kit.journal(folder / "journal.db")
    journal.start()
    kit.record(journal, range(10), Outcome.HIT)
    before = _files(folder)
    kit.record(journal, [10], Outcome.HIT)
    after = _files(folder)
    journal.close()
    assert before["journal.db"] == after["journal.db"]  # a commit writes to the log alone
    return before, after


def _written(before: bytes, after: bytes) -> list[int]:
    """Offsets of the sectors that differ."""
    length = max(len(before), len(after))
    old, new = before.ljust(length, b"\0"), after.ljust(length, b"\0")
    return [at for at in range(0, length, SECTOR) if old[at : at + SECTOR] != new[at : at + SECTOR]]


def _torn(before: bytes, after: bytes) -> Iterator[bytes]:
    """What the log may be when the power goes before its fsync has returned."""
    sectors = _written(before, after)
    length = max(len(before), len(after))
    old, new = bytearray(before.ljust(length, b"\0")), after.ljust(length, b"\0")
    for at in sectors:  # written in order, and cut; the file may have grown already, or not
        yield bytes(old)
        yield bytes(old[: max(at, len(before))])
        old[at : at + SECTOR] = new[at : at + SECTOR]
    for at in sectors:  # all but one arrived
        for missing in (bytes(SECTOR), b"\xa5" * SECTOR):
            yield new[:at] + missing + new[at + SECTOR :]


def test_a_commit_is_there_whole_or_not_at_all(
    tmp_path: Path, commit: tuple[dict[str, bytes], dict[str, bytes]]
) -> None:
    before, after = commit
    states = seen = 0
    for wal in _torn(before["journal.db-wal"], after["journal.db-wal"]):
        journal = _started_on(tmp_path / "box", {**after, "journal.db-wal": wal})
        counts, check = journal.counts(), journal.verify_audit()
        assert journal.notices == ()
        assert (counts.newest, counts.passages, counts.pending) in ((10, 10, 10), (11, 11, 11))
        assert (check.sound, check.rows) == (True, counts.newest)
        assert {p.seq for p in journal.passages()} == {i.seq for i in journal.pending_all()}
        assert kit.record(journal, [50]) == [counts.newest + 1]
        journal.close()
        states, seen = states + 1, seen + (counts.newest == 11)
    assert states > 100
    assert 0 < seen < states / 4  # there, where nothing but the padding after it is wanting
    journal = _started_on(tmp_path / "box", after)
    assert journal.counts().newest == 11
    journal.close()


def test_folding_in_the_log_loses_nothing_wherever_it_stops(
    tmp_path: Path, commit: tuple[dict[str, bytes], dict[str, bytes]]
) -> None:
    _, after = commit
    folder = tmp_path / "folded"
    folder.mkdir()
    for name, data in after.items():
        (folder / name).write_bytes(data)
    db = connect(folder / "journal.db", kit.JournalLimits())
    db.execute("pragma wal_checkpoint(full)").fetchall()
    folded = (folder / "journal.db").read_bytes()
    db.close()
    length = len(folded)
    old = bytearray(after["journal.db"].ljust(length, b"\0"))
    for at in range(0, length, PAGE // 2):  # half a page, a page, half of the next
        old[at : at + PAGE // 2] = folded[at : at + PAGE // 2]
        for data in (bytes(old), bytes(old[: max(at + PAGE // 2, len(after["journal.db"]))])):
            journal = _started_on(tmp_path / "box", {**after, "journal.db": data})
            assert (journal.counts().newest, journal.verify_audit().rows, journal.notices) == (11, 11, ())
            journal.close()


def test_a_change_of_the_schema_stops_anywhere_and_is_made_at_the_next_start(tmp_path: Path) -> None:
    former = gzip.decompress(FORMER.read_bytes())
    folder = tmp_path / "changed"
    journal = _started_on(folder, {"journal.db": former})
    wal = (folder / "journal.db-wal").read_bytes()
    journal.close()
    for length in range(0, len(wal) + 1, SECTOR):
        journal = _started_on(tmp_path / "box", {"journal.db": former, "journal.db-wal": wal[:length]})
        assert [(i.seq, i.epoch) for i in journal.pending_all()] == [(s, "epoch-0") for s in (3, 4, 5, 6)]
        assert (journal.notices, journal.verify_audit().sound) == ((), True)
        journal.close()
