"""The intake: every kind of message, every kind of mischief, and what is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_kit import ACK, BOX, EPOCH, NOW, SESSION, Desk, clear, heard, on, sealed, wrapped

from edge.core import sealing
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import (
    MAX_SPAN,
    ClosingBody,
    DroppedBody,
    Event,
    Health,
    NoticeBody,
    Presence,
    SyncRequest,
    Topic,
    digest_of,
)
from edge.core.wire.bodies import Body
from hq.alarms import ADVICE, UNKNOWN, advice
from hq.collector.answers import MAX_SYNC_SPANS, Speaker, Talk
from hq.store import Store


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_an_ack_names_what_is_on_the_disk(desk: Desk) -> None:
    bodies = {seq: sealed(clear(f"p-{seq}"), seq) for seq in (1, 2, 4)}
    taken = desk.take(*[on(Topic.PASSAGE, wrapped(b, seq)) for seq, b in bodies.items()])
    (answer,) = taken.answers
    ack = heard(answer)
    assert answer.topic == "bp/v1/box-one/down/ack"
    assert (ack.kind, ack.device, ack.epoch, ack.session, ack.store) == ("ack", BOX, EPOCH, SESSION, "store-one")
    assert (ack.span, ack.ranges, ack.server_time) == ((1, 4), [(1, 2), (4, 4)], NOW)
    assert ack.digest == digest_of((seq, hashlib.sha256(b).digest()) for seq, b in bodies.items())
    with desk.view() as view:
        assert [m.sealed for m in view.messages(0)] == list(bodies.values())


def test_a_duplicate_is_counted_and_acked_again_to_the_session_that_sent_it(desk: Desk) -> None:
    body = sealed(clear(), 1)
    desk.take(on(Topic.PASSAGE, wrapped(body, 1)))
    taken = desk.take(on(Topic.PASSAGE, wrapped(body, 1, session="session-b")))
    assert heard(taken.answers[0]).session == "session-b"
    assert (desk.intake.counts.stored, desk.intake.counts.duplicates) == (1, 1)


def test_two_sessions_in_a_batch_get_their_own_acks(desk: Desk) -> None:
    taken = desk.take(
        on(Topic.PASSAGE, wrapped(sealed(clear("p-1"), 1), 1)),
        on(Topic.PASSAGE, wrapped(sealed(clear("p-2"), 2), 2, session="session-b")),
    )
    assert [(heard(a).session, heard(a).ranges) for a in taken.answers] == [
        (SESSION, [(1, 1)]),
        ("session-b", [(2, 2)]),
    ]


def test_other_bytes_under_a_used_number_are_kept_beside_alarmed_and_acked_as_themselves(desk: Desk) -> None:
    first, other = sealed(clear("p-1"), 1), sealed(clear("p-9", Outcome.HIT), 1)
    desk.take(on(Topic.PASSAGE, wrapped(first, 1)))
    taken = desk.take(on(Topic.PASSAGE, wrapped(other, 1)))
    assert heard(taken.answers[0]).digest == digest_of([(1, hashlib.sha256(other).digest())])  # never as the first
    assert (BOX, "conflict") in desk.alarms()
    with desk.view() as view:
        assert view.counts()["conflicts"] == 1
        assert [m.passage for m in view.messages(0)] == ["p-1", "p-9"]
        (hit,) = view.hits(0)
        assert (hit.passage, hit.outcome, hit.id) == ("p-9", "HIT", f"{BOX}:{EPOCH}:1")
        assert view.last() == hit.n > view.messages(0)[0].n
    both = desk.take(on(Topic.PASSAGE, wrapped(first, 1)), on(Topic.PASSAGE, wrapped(other, 1)))
    assert heard(both.answers[0]).ranges == [(1, 1)]  # one ack names one body


def test_a_conflict_that_there_is_no_room_for_is_not_acked(desk: Desk) -> None:
    bodies = [sealed(clear(f"p-{n}"), 1) for n in range(20)]
    answers = [bool(desk.take(on(Topic.PASSAGE, wrapped(body, 1))).answers) for body in bodies]
    with desk.view() as view:
        kept = view.counts()["conflicts"]
    assert answers == [True] * (kept + 1) + [False] * (19 - kept)
    assert 0 < kept < 19


def test_what_stands_in_clear_is_no_name_and_no_number(desk: Desk) -> None:
    desk.take(on(Topic.PASSAGE, wrapped(sealed(clear("p-1", Outcome.HIT, Outcome.CLEAR), 1), 1)))
    with desk.view() as view:
        (hit,) = view.hits(0)
    assert (hit.outcome, hit.shown, hit.lists, hit.kind) == ("HIT", "CLEAR", ("national",), "passage")
    desk.store.close()
    assert b"ERIKSSON" not in desk.path.read_bytes()
    desk.store = Store(desk.path, new_id=str, conflict_rows=1, quarantine_rows=1)


def test_a_body_for_other_keys_is_held_and_acked_and_alarmed(desk: Desk) -> None:
    other = sealing.generate_seal_key().public_key()
    taken = desk.take(on(Topic.PASSAGE, wrapped(sealed(clear(), 1, to=other), 1)))
    assert heard(taken.answers[0]).ranges == [(1, 1)]
    assert (BOX, "unopened") in desk.alarms()
    with desk.view() as view:
        assert [m.kind for m in view.messages(0)] == ["unopened"]


def test_a_body_moved_to_another_number_stays_closed(desk: Desk) -> None:
    desk.take(on(Topic.PASSAGE, wrapped(sealed(clear(), 1), 2)))
    with desk.view() as view:
        assert [(m.kind, m.id) for m in view.messages(0)] == [("unopened", "box-one:epoch-a:2")]


def test_closings_drops_and_notices(desk: Desk) -> None:
    bodies: list[Body] = [
        clear("p-1", Outcome.HIT),
        ClosingBody(passage="p-1", code="confirmed", at=NOW, clock=ClockState.SIGNED),
        DroppedBody(ranges=[(4, 6)], count=3, at=NOW, clock=ClockState.SIGNED),
        NoticeBody(code="journal_set_aside", at=NOW, clock=ClockState.SIGNED),
    ]
    for seq, body in zip((1, 2, 7, 8), bodies, strict=True):
        desk.take(on(Topic.PASSAGE, wrapped(sealed(body, seq), seq)))
    with desk.view() as view:
        assert [(m.kind, m.closed) for m in view.hits(0)] == [("passage", True), ("closing", True)]
        assert [(g.first, g.last) for g in view.posts()[0].gaps] == [(3, 3)]
    assert {(BOX, "dropped"), (BOX, "journal_set_aside")} <= desk.alarms()


def test_a_topic_of_another_box_is_nobodys_message(desk: Desk) -> None:
    taken = desk.take(on(Topic.PASSAGE, wrapped(sealed(clear(), 1), 1), device="box-two"))
    assert taken.answers == ()
    assert desk.alarms() == {("box-two", "foreign_source")}
    with desk.view() as view:
        assert view.counts() == {"messages": 0, "conflicts": 0, "quarantine": 1, "duplicates": 0}


def test_an_id_that_contradicts_its_parts_is_put_aside(desk: Desk) -> None:
    false = msgspec.structs.replace(wrapped(sealed(clear(), 1), 1), id="box-one:epoch-a:2")
    assert desk.take(on(Topic.PASSAGE, false)).answers == ()
    assert desk.alarms() == {(BOX, "not_understood")}


def test_a_sync_is_answered_span_by_span(desk: Desk) -> None:
    bodies = {seq: sealed(clear(f"p-{seq}"), seq) for seq in (1, 3)}
    desk.take(*[on(Topic.PASSAGE, wrapped(b, seq)) for seq, b in bodies.items()])
    newest = 2 * MAX_SPAN + 5
    taken = desk.take(on(Topic.SYNC, SyncRequest(epoch=EPOCH, session="session-c", oldest=1, newest=newest, pending=9)))
    spans = [heard(a) for a in taken.holdings[BOX]]
    assert [p.span for p in spans] == [(1, MAX_SPAN), (MAX_SPAN + 1, 2 * MAX_SPAN), (2 * MAX_SPAN + 1, newest)]
    assert [p.ranges for p in spans] == [[(1, 1), (3, 3)], [], []]
    assert spans[0].digest == digest_of((seq, hashlib.sha256(b).digest()) for seq, b in bodies.items())
    assert {p.kind for p in spans} == {"holdings"}
    assert {p.session for p in spans} == {"session-c"}


def test_an_empty_shelf_and_an_absurd_one_are_answered_too(desk: Desk) -> None:
    def spans(oldest: int, newest: int) -> list[tuple[int, int]]:
        sync = SyncRequest(epoch=EPOCH, session="session-c", oldest=oldest, newest=newest, pending=0)
        return [heard(a).span for a in desk.take(on(Topic.SYNC, sync)).holdings[BOX]]

    assert spans(0, 0) == [(1, 1)]
    assert spans(7, 5) == [(5, 5)]
    speaker = Speaker("store-one", ACK, lambda: NOW)
    answers = speaker.holdings(Talk(BOX, EPOCH, SESSION), 1, 2**52, lambda _a, _b: [])
    first = heard(next(answers))
    assert first.span[0] == 2**52 - MAX_SYNC_SPANS * MAX_SPAN + 1
    assert first.span[1] - first.span[0] == MAX_SPAN - 1


def test_a_new_epoch_of_a_known_box_is_alarmed(desk: Desk) -> None:
    for epoch in (EPOCH, "epoch-b"):
        desk.take(on(Topic.SYNC, SyncRequest(epoch=epoch, session=SESSION, oldest=0, newest=0, pending=0)))
    assert desk.alarms() == {(BOX, "new_epoch")}


def test_presence_health_and_events(desk: Desk) -> None:
    desk.take(
        on(Topic.STATE, Presence(online=True, session=SESSION, epoch=EPOCH, software="0.1.0", lists={"un": 3})),
        on(Topic.HEALTH, Health(at=NOW, clock=ClockState.SIGNED, session=SESSION, outbox=12)),
        on(
            Topic.EVENT,
            Event(code="publish_refused", at=NOW, clock=ClockState.SIGNED, session=SESSION, detail={"rc": 135}),
        ),
    )
    with desk.view() as view:
        (post,) = view.posts()
        assert post.online
        assert (post.presence["lists"], post.health["outbox"]) == ({"un": 3}, 12)
        assert view.alarms()[0].text == "rc 135"
    desk.take(on(Topic.STATE, Presence(online=False, session="session-older", reason="lost")))
    with desk.view() as view:
        assert view.posts()[0].online
    desk.take(on(Topic.STATE, Presence(online=False, session=SESSION, reason="lost")))
    with desk.view() as view:
        assert not view.posts()[0].online


@pytest.mark.parametrize(
    ("where", "payload", "alarm"),
    [
        ("bp/v1/box-one/up/passage", b"", (BOX, "not_understood")),
        ("bp/v1/box-one/up/passage", b"\xff\x00" * 50, (BOX, "not_understood")),
        ("bp/v1/box-one/up/passage", b"[" * 60_000, (BOX, "not_understood")),
        ("bp/v1/box-one/up/sync", b'{"epoch": 1}', (BOX, "not_understood")),
        ("bp/v1/box-one/up/state", b"null", (BOX, "not_understood")),
        ("bp/v1/box-one/up/health", b"{}", (BOX, "not_understood")),
        ("bp/v1/box-one/up/event", b'{"code": "A B"}', (BOX, "not_understood")),
        ("bp/v1/box-one/up/passage", b"x" * 70_000, (BOX, "too_long")),
        ("bp/v1/box-one/up/other", b"{}", ("", "strange_topic")),
        ("bp/v1/box-one/down/ack", b"{}", ("", "strange_topic")),
        ("bp/v1/BOX/up/passage", b"{}", ("", "strange_topic")),
    ],
)
def test_poison_is_put_aside_and_the_rest_of_the_batch_goes_on(
    desk: Desk, where: str, payload: bytes, alarm: tuple[str, str]
) -> None:
    good = on(Topic.PASSAGE, wrapped(sealed(clear(), 1), 1))
    taken = desk.take((where, payload), good)
    assert heard(taken.answers[0]).ranges == [(1, 1)]
    assert desk.alarms() == {alarm}
    assert desk.intake.counts.quarantined == 1


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([str(t).replace("{d}", BOX) for t in Topic]),
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["id", "seq", "epoch", "session", "online", "code", "data_base64"]), inner
                )
            ),
            max_leaves=8,
        ).map(msgspec.json.encode),
    ),
)
def test_no_message_raises(desk: Desk, where: str, payload: bytes) -> None:
    desk.take((where, payload))


def test_posts_beyond_the_limit_are_refused_loudly(tmp_path: Path) -> None:
    desk = Desk(tmp_path, devices=1)
    desk.take(on(Topic.PASSAGE, wrapped(sealed(clear(), 1), 1)))
    desk.take(on(Topic.STATE, Presence(online=True, session=SESSION), device="box-two"))
    assert ("", "too_many_posts") in desk.alarms()
    with desk.view() as view:
        assert [p.device for p in view.posts()] == [BOX]
    desk.store.close()


def test_acks_never_span_more_than_the_contract_allows() -> None:
    speaker = Speaker("store-one", ACK, lambda: NOW + timedelta(seconds=1))
    rows = [(seq, b"h" * 32) for seq in (9000, 1, MAX_SPAN, MAX_SPAN + 1, 9000)]
    spans = [heard(a).span for a in speaker.acks(Talk(BOX, EPOCH, SESSION), rows)]
    assert spans == [(1, MAX_SPAN), (MAX_SPAN + 1, MAX_SPAN + 1), (9000, 9000)]


def test_every_alarm_has_advice_and_stands_in_the_operators_page() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "headquarters.md").read_text(encoding="utf-8")
    for code, what in ADVICE.items():
        assert f"`{code}`" in page
        assert advice(code) == what
    assert advice("something_new") == UNKNOWN
