"""A finger in the journal: one transaction with its passage, late when the disk refused, dropped only if CLEAR."""

from __future__ import annotations

import threading
from pathlib import Path

import journal_kit as kit
import pytest

from edge.core import sealing, wire
from edge.core.padding import IMAGE_SIZE
from edge.core.verdicts import Outcome
from edge.journal import Journal, JournalUnavailableError, NoSuchPassageError


def test_a_finger_opens_its_passage_in_the_transaction_that_seals_it(journal: Journal) -> None:
    kit.record(journal, [1])
    recorded = journal.record_finger(kit.new_finger(1, opens=True)).result(10)
    row = journal.passage("passage-000001")
    assert row is not None
    assert (row.seq, row.shown, row.state, row.delivered) == (1, Outcome.POSSIBLE, "awaiting", False)
    assert [dict(one) for one in row.summary] == [
        {"list": "prints", "record": "F-1", "kind": "finger", "score": 0.99}
    ]
    assert [item.seq for item in journal.pending()] == [1, recorded.seq]
    assert journal.verify_audit().sound
    journal.close_passage("passage-000001", code="misread", at=kit.START, clock=kit.ClockState.SIGNED
                          ).result(10)


def test_without_a_candidate_nothing_but_the_report_is_added(journal: Journal) -> None:
    kit.record(journal, [1])
    before = journal.passage("passage-000001")
    journal.record_finger(kit.new_finger(1, silent=True)).result(10)
    assert journal.passage("passage-000001") == before
    with pytest.raises(NoSuchPassageError):
        journal.close_passage("passage-000001", code="x", at=kit.START, clock=kit.ClockState.SIGNED).result(10)


def test_a_finger_of_a_passage_that_is_gone_is_reported_all_the_same(journal: Journal) -> None:
    journal.record_finger(kit.new_finger(9, opens=True)).result(10)
    assert journal.passage("passage-000009") is None
    (item,) = journal.pending()
    body = kit.open_body(journal, item.seq, item.body)
    assert isinstance(body, wire.FingersBody)
    assert body.passage == "passage-000009"


def test_what_the_disk_refused_is_late_of_the_same_size_and_in_order(tmp_path: Path) -> None:
    refusing = threading.Event()

    def sealer(block: bytes, message_id: str) -> bytes:
        if refusing.is_set():
            raise OSError("no")
        return kit.SEALER(block, message_id)

    journal = kit.journal(tmp_path / "journal.sqlite", sealer=sealer)
    journal.start()
    try:
        refusing.set()
        for future in (journal.record(kit.new_passage(1)), journal.record_finger(kit.new_finger(1, opens=True))):
            with pytest.raises(JournalUnavailableError):
                future.result(10)
        with pytest.raises(JournalUnavailableError):
            journal.close_passage(
                "passage-000001", code="misread", at=kit.START, clock=kit.ClockState.SIGNED
            ).result(10)
        refusing.clear()
        kit.record(journal, [2])
        bodies = [kit.open_body(journal, item.seq, item.body) for item in journal.pending()]
        assert [type(b).__name__ for b in bodies] == ["PassageBody", "FingersBody", "ClosingBody", "PassageBody"]
        assert [getattr(b, "late", None) for b in bodies] == [True, True, True, False]
        assert len(journal.pending()[1].body) == sealing.sealed_size(1, IMAGE_SIZE)
        row = journal.passage("passage-000001")
        assert row is not None
        assert (row.shown, row.code) == (Outcome.POSSIBLE, "misread")
    finally:
        journal.close()


def test_for_want_of_space_only_fingers_without_any_candidate_go(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "journal.sqlite", quota_bytes=6_000_000, drop_rows=8)
    journal.start()
    try:
        numbers = range(200)
        kit.record(journal, numbers)
        futures = [
            journal.record_finger(kit.new_finger(n, opens=n % 20 == 0, silent=n % 20 == 1)) for n in numbers
        ]
        for future in futures:
            future.result(30)
        fingers = [
            body for item in journal.pending(limit=10_000)
            if isinstance(body := kit.open_body(journal, item.seq, item.body), wire.FingersBody)
        ]
        kept = {body.passage for body in fingers if body.outcome is Outcome.POSSIBLE}
        assert kept == {f"passage-{n:06}" for n in numbers if n % 20 in (0, 1)}
        assert journal.counts().dropped > 0
        assert len(fingers) < len(numbers)
    finally:
        journal.close()
