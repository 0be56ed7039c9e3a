"""What headquarters' word does to the rows: only a fitting digest marks, all else sends again."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import journal_kit as kit
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.core.acks import AckOutcome
from edge.core.verdicts import Outcome
from edge.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = kit.journal(tmp_path / "journal.db")
    made.start()
    kit.record(made, range(10))
    yield made
    made.close()


def _pending(journal: Journal) -> list[int]:
    return [item.seq for item in journal.pending()]


def test_an_ack_marks_exactly_its_rows(journal: Journal) -> None:
    held = {s: h for s, h in kit.hashes(journal).items() if s in (1, 2, 5)}
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED
    assert _pending(journal) == [3, 4, 6, 7, 8, 9, 10]
    assert {p.delivered for p in journal.passages()} == {None}  # none was shown as a lead
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED  # twice does no harm
    assert (journal.counts().acked, journal.counts().store) == (3, kit.STORE)


def test_pending_goes_on_after_a_seq_and_stops_at_a_limit(journal: Journal) -> None:
    assert [i.seq for i in journal.pending(after=4, limit=3)] == [5, 6, 7]
    assert journal.pending(after=10) == []


def test_an_ack_that_does_not_fit_changes_nothing(journal: Journal) -> None:
    held = kit.hashes(journal)
    good = kit.word(journal, held)
    foreign = msgspec.structs.replace(good, device="post-8")
    other_epoch = msgspec.structs.replace(good, epoch="epoch-9")
    wrong = kit.word(journal, {**held, 3: bytes(32)})
    beyond = kit.word(journal, {**held, 11: bytes(32)})
    holdings = kit.word(journal, held, kind="holdings")
    assert [journal.apply_ack(w) for w in (foreign, other_epoch, wrong, beyond, holdings)] == [
        AckOutcome.FOREIGN,
        AckOutcome.FOREIGN,
        AckOutcome.DIGEST_MISMATCH,
        AckOutcome.UNKNOWN_ROWS,
        AckOutcome.MALFORMED,
    ]
    assert journal.apply_holdings(good) is AckOutcome.MALFORMED
    assert _pending(journal) == list(range(1, 11))
    assert journal.counts().store == ""


def test_holdings_that_lack_rows_make_them_pending_again(journal: Journal) -> None:
    held = kit.hashes(journal)
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED
    restored = {s: h for s, h in held.items() if s <= 6 and s != 3}
    assert journal.apply_holdings(kit.word(journal, restored, kind="holdings", span=(1, 10))) is AckOutcome.APPLIED
    assert _pending(journal) == [3, 7, 8, 9, 10]
    assert journal.verify_audit().sound


def test_holdings_mark_what_headquarters_has_and_the_box_did_not_know(journal: Journal) -> None:
    held = {s: h for s, h in kit.hashes(journal).items() if s in (4, 5)}
    assert journal.apply_holdings(kit.word(journal, held, kind="holdings", span=(1, 10))) is AckOutcome.APPLIED
    assert _pending(journal) == [1, 2, 3, 6, 7, 8, 9, 10]


def test_empty_holdings_of_a_span_leave_the_rest_alone(journal: Journal) -> None:
    held = kit.hashes(journal)
    journal.apply_ack(kit.word(journal, held))
    empty = msgspec.structs.replace(kit.word(journal, held, kind="holdings"), ranges=[], span=(3, 5), digest=_nothing())
    assert journal.apply_holdings(empty) is AckOutcome.APPLIED
    assert _pending(journal) == [3, 4, 5]


def test_holdings_with_another_digest_make_the_whole_span_pending(journal: Journal) -> None:
    held = kit.hashes(journal)
    journal.apply_ack(kit.word(journal, held))
    wrong = kit.word(
        journal, {s: (bytes(32) if s == 4 else h) for s, h in held.items() if 2 <= s <= 6}, kind="holdings"
    )
    assert journal.apply_holdings(wrong) is AckOutcome.DIGEST_MISMATCH
    assert _pending(journal) == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("kind", ["ack", "holdings"])
def test_an_unknown_store_makes_the_whole_shelf_pending(journal: Journal, kind: str) -> None:
    held = kit.hashes(journal)
    journal.apply_ack(kit.word(journal, held))
    kit.record(journal, [50])
    some = {s: h for s, h in held.items() if s in (1, 2)}
    payload = kit.word(journal, some, kind=kind, store="store-bbbb")  # type: ignore[arg-type]
    apply = journal.apply_ack if kind == "ack" else journal.apply_holdings
    assert apply(payload) is AckOutcome.APPLIED
    assert _pending(journal) == [3, 4, 5, 6, 7, 8, 9, 10, 11]
    assert journal.counts().store == "store-bbbb"


def test_an_unknown_store_whose_ack_does_not_fit_is_not_adopted(journal: Journal) -> None:
    held = kit.hashes(journal)
    journal.apply_ack(kit.word(journal, held))
    wrong = kit.word(journal, {1: bytes(32)}, store="store-bbbb")
    assert journal.apply_ack(wrong) is AckOutcome.DIGEST_MISMATCH
    assert (_pending(journal), journal.counts().store) == ([], kit.STORE)


def test_the_word_survives_a_restart(tmp_path: Path) -> None:
    journal = kit.journal(tmp_path / "j.db")
    journal.start()
    kit.record(journal, range(4))
    journal.apply_ack(kit.word(journal, {s: h for s, h in kit.hashes(journal).items() if s < 3}))
    journal.close()
    journal = kit.journal(tmp_path / "j.db")
    journal.start()
    assert (_pending(journal), journal.counts().store) == ([3, 4], kit.STORE)
    journal.close()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.booleans(), st.sets(st.integers(1, 10)), st.booleans()), max_size=6))
def test_a_row_is_delivered_only_if_a_fitting_word_named_it(
    journal: Journal, words: list[tuple[bool, set[int], bool]]
) -> None:
    """Any order of true and false words: a row that is not pending was in the last true word about it."""
    bodies = {i.seq: h for i, h in zip(journal.pending(), kit.hashes(journal).values(), strict=True)}
    allowed: set[int] = set(range(1, 11)) - set(_pending(journal))
    everything = _ALL.setdefault(journal.epoch + str(id(journal)), bodies)
    for is_ack, seqs, honest in words:
        held = {s: everything[s] if honest else bytes(32) for s in seqs if s in everything}
        if not held:
            continue
        payload = kit.word(journal, held, kind="ack" if is_ack else "holdings")
        (journal.apply_ack if is_ack else journal.apply_holdings)(payload)
        span = set(range(payload.span[0], payload.span[1] + 1))
        if honest:
            allowed = allowed | set(held) if is_ack else (allowed - span) | set(held)
        elif not is_ack:
            allowed -= span
        assert set(range(1, 11)) - set(_pending(journal)) == allowed


_ALL: dict[str, dict[int, bytes]] = {}


def _nothing() -> str:
    return kit.wire.digest_of([])


def test_values_are_frozen(journal: Journal) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        journal.pending()[0].seq = 9  # type: ignore[misc]


def test_delivery_is_told_of_shown_leads_and_of_nothing_else(journal: Journal) -> None:
    lead, silent = Outcome.HIT, kit.new_passage(40, Outcome.HIT, shown=Outcome.CLEAR)
    seqs = [journal.record(p).result(10).seq for p in (kit.new_passage(41, lead), silent, kit.new_passage(42, lead))]
    held = {s: h for s, h in kit.hashes(journal).items() if s in seqs[:2]}
    assert journal.apply_ack(kit.word(journal, held)) is AckOutcome.APPLIED
    assert [p.delivered for p in journal.passages(3)] == [False, None, True]
