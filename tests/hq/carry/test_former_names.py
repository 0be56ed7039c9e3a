"""A box that is called otherwise now: its earlier rows keep the id that they were sealed under, and are not lost."""

from __future__ import annotations

from pathlib import Path

import carry_kit as kit
import journal_kit
import msgspec
import pytest
from carry_kit import Headquarters, what

from edge.carry.acks import AcksApplied, apply_acks
from edge.carry.bundle import Sender, message
from edge.carry.rescue import rescue
from edge.core import sealing
from edge.core.verdicts import Outcome
from edge.core.wire import BODY_TYPE, PassageEnvelope, Signed, decode
from edge.journal import Journal, read_only
from edge.journal.salvage import salvage
from hq.carry.importing import Importer, Report
from hq.store import View

NEW = "post-8"


def renamed(folder: Path, monkeypatch: pytest.MonkeyPatch, before: str = journal_kit.DEVICE) -> Journal:
    """A journal with a hit and two passages of ``before``, opened by the box that is called ``NEW`` now."""
    monkeypatch.setattr(journal_kit, "DEVICE", before)
    old = kit.filled(folder, 2)
    journal_kit.record(old, [50], Outcome.HIT)
    old.close()
    monkeypatch.setattr(journal_kit, "DEVICE", NEW)
    made = journal_kit.journal(folder / "journal.sqlite")
    made._token = lambda: "epoch-new"
    made.start()
    journal_kit.record(made, [60])
    return made


def importer(hq: Headquarters, *former: str) -> Importer:
    return Importer(
        hq.store, kit.SEAL_KEYS, hq.speaker(), hq.senders, hq.importer().limits, lambda: hq.now, hq.folder / "logs",
        former=former, pause=hq.pauses.append,
    )  # fmt: skip


def hear(journal: Journal, report: Report) -> AcksApplied:
    words = [msgspec.json.decode(a.payload, type=Signed) for a in [*report.acks, *report.holdings]]
    return apply_acks(msgspec.json.encode(words), journal, kit.ACK_KEYS, kit.SESSION)


def test_rows_keep_the_id_of_their_time_and_a_new_epoch_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = renamed(tmp_path, monkeypatch)
    old, new = journal.shelves()
    assert (old.device, new.device, new.epoch) == ("post-7", "", "epoch-new")
    items = list(journal.pending_all())
    assert [item.device for item in items] == ["post-7"] * 3 + [""] * 2
    assert [(n.code, n.detail["before"], n.detail["pending"]) for n in journal.notices] == [
        ("device_renamed", "post-7", 3)
    ]
    for item in items:
        sent = decode(message(journal.device, item, kit.SESSION), PassageEnvelope)
        assert sent.device == (item.device or NEW)
        assert sealing.open_sealed(sent.body(), message_id=sent.id, type=BODY_TYPE, keys=kit.SEAL_KEYS)
    journal.close()
    again = journal_kit.journal(tmp_path / "journal.sqlite")
    again.start()
    assert (again.epoch, again.notices) == ("epoch-new", ())  # once, not at each start
    again.close()
    with read_only(tmp_path / "journal.sqlite") as view:
        assert [shelf.device for shelf in view.shelves()] == ["post-7", ""]
    with salvage(tmp_path / "journal.sqlite") as dead:
        assert [item.device for item in dead.rows()] == ["post-7"] * 3 + [""] * 2


def test_a_box_called_as_before_has_its_own_rows_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed(tmp_path, monkeypatch).close()
    monkeypatch.setattr(journal_kit, "DEVICE", "post-7")
    journal = journal_kit.journal(tmp_path / "journal.sqlite")
    journal._token = lambda: "epoch-third"
    journal.start()
    assert [shelf.device for shelf in journal.shelves()] == ["", NEW, ""]
    journal.close()


def test_what_a_blank_box_wrote_comes_by_stick_for_its_serial_proves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = kit.sender(NEW)
    journal = renamed(tmp_path, monkeypatch, before=box.serial)
    hq = Headquarters(tmp_path)
    kit.bundle(journal, tmp_path / "rows", by=box)
    report = hq.take(tmp_path / "rows")
    assert (what(report), report.closed, report.former) == ((5, 0, 0, 0), 0, set())
    with View(hq.path) as view:
        assert [hit.id for hit in view.hits(0)] == [f"{box.serial}:epoch-0:3"]
    assert hear(journal, report).rows == 5
    assert journal.counts().pending == 0
    journal.close()


def test_another_boxs_name_needs_a_persons_word_and_nothing_is_acked_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = renamed(tmp_path, monkeypatch)
    hq = Headquarters(tmp_path)
    kit.bundle(journal, tmp_path / "rows", by=kit.sender(NEW))
    report = hq.take(tmp_path / "rows")
    assert (what(report), report.former) == ((2, 0, 0, 3), {"post-7"})
    assert (NEW, "former_rows") in hq.alarms()
    hear(journal, report)
    assert [item.device for item in journal.pending_all()] == ["post-7"] * 3
    report = importer(hq, "post-7").take(tmp_path / "rows")
    assert (what(report), report.former) == ((3, 2, 0, 0), set())
    with View(hq.path) as view:
        assert [hit.id for hit in view.hits(0)] == ["post-7:epoch-0:3"]
        assert "unopened" not in {hit.kind for hit in view.messages(0)}
    hear(journal, report)
    assert journal.counts().pending == 0
    journal.close()


def test_a_dead_boxs_disk_gives_the_rows_of_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed(tmp_path, monkeypatch).close()
    target = tmp_path / "rescued"
    done = rescue([tmp_path / "journal.sqlite"], target, recipients=[journal_kit.HQ], session=kit.SESSION,
                  created=kit.NOW)  # fmt: skip
    assert (done.device, done.rows) == (NEW, 5)
    hq = Headquarters(tmp_path)
    taken = importer(hq, "post-7")
    report = Importer(taken.store, taken.seal_keys, taken.speaker, taken.senders, taken.limits, taken.clock, taken.logs,
                      vouched=NEW, former=["post-7"], pause=hq.pauses.append).take(target)  # fmt: skip
    assert what(report) == (5, 0, 0, 0)


def test_a_damaged_journal_of_another_name_is_restored_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.filled(tmp_path, 3).close()
    with (tmp_path / "journal.sqlite").open("r+b") as file:
        file.write(b"no database file")
    monkeypatch.setattr(journal_kit, "DEVICE", NEW)
    journal = journal_kit.journal(tmp_path / "journal.sqlite")
    journal.start()
    assert [item.device for item in journal.pending_all()][:3] == ["post-7"] * 3
    journal.close()


def test_what_stays_closed_is_kept_and_not_acked(tmp_path: Path) -> None:
    journal, hq = kit.filled(tmp_path, 4), Headquarters(tmp_path)
    box: Sender = kit.sender()
    kit.bundle(journal, tmp_path / "rows", by=box)
    other = "update bodies set body = (select body from bodies where seq = 1) where seq = 2"
    journal._call(lambda db: db.execute(other))
    kit.bundle(journal, tmp_path / "rows", by=box)
    report = hq.take(tmp_path / "rows")
    assert (what(report), report.closed) == ((4, 0, 0, 0), 1)
    hear(journal, report)
    assert [item.seq for item in journal.pending_all()] == [2]
    assert hq.held() == 4
    journal.close()
