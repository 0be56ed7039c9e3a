"""The talk between a real journal and a real headquarters' intake, on a wire that a test bends as it likes.

No socket and no clock: time is a number, messages lie in lists, and hypothesis decides which are lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from link_world import token
from talk_bench import ACK, DEVICE, START, Bench

from edge.core.acks import AckOutcome, sign_ack
from edge.core.wire import (
    AckPayload,
    HqState,
    SyncRequest,
    Topic,
    decode,
    digest_of,
    encode,
    topic,
)
from edge.uplink.spans import merged
from edge.uplink.states import State
from edge.uplink.talk import StalledError
from hq.store import View


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def test_nothing_is_sent_before_headquarters_has_spoken(bench: Bench) -> None:
    bench.record(3)
    for _ in range(30):
        bench.turn(deliver=False)
        assert bench.passages() == []
    assert bench.tally.syncs == 4  # at the start and every ten seconds
    bench.now += 10
    bench.talk.tick(bench.now)
    bench.turn()
    assert bench.state is State.SENDING
    assert bench.passages() == [1, 2, 3]


def test_rows_go_in_order_and_within_the_window(bench: Bench) -> None:
    bench.record(30)
    bench.turn()
    assert bench.passages() == [1, 2, 3, 4]  # in flight: four
    bench.turn(deliver=False)
    assert bench.passages() == [5, 6, 7, 8]
    bench.turn(deliver=False)
    assert bench.passages() == []  # eight wait for headquarters: no more is poured into the broker
    assert (bench.talk.in_flight, bench.talk.awaiting) == (0, 8)
    assert bench.pending() == 30


def test_late_acks_lead_to_a_sync_and_only_what_is_lacking_goes_again(bench: Bench) -> None:
    bench.record(6)
    bench.turn()
    assert bench.passages() == [1, 2, 3, 4]
    held, lost = bench.out[:2], bench.out[2:]
    for message in [*held, *lost]:
        bench.talk.on_taken(message.mid, 0, bench.now)
    bench.intake.take([(m.topic, m.payload) for m in held])  # held, but the acks do not come back
    bench.out.clear()
    bench.now += 11
    bench.talk.tick(bench.now)
    assert bench.state is State.SYNCING
    assert bench.tally.late == 1
    bench.turn()
    assert bench.state is State.SENDING
    assert bench.passages()[:2] == [3, 4]
    for _ in range(3):
        bench.turn()
    assert bench.pending() == 0
    with View(bench.folder / "hq.sqlite") as view:
        assert view.counts() == {"messages": 6, "conflicts": 0, "quarantine": 0, "duplicates": 0}


def test_the_wait_for_acks_grows_and_shrinks_again(bench: Bench) -> None:
    bench.record(1)
    bench.turn()
    waits = []
    for _ in range(3):
        since = bench.now
        while bench.state is State.SENDING:
            bench.turn(deliver=False)
        waits.append(bench.now - since)
        bench.turn()  # the sync is answered, the row goes again and is lost again
    assert waits[0] < waits[1] < waits[2]
    for _ in range(3):
        bench.turn()
    assert bench.pending() == 0


def test_a_refusal_pauses_and_deletes_nothing(bench: Bench) -> None:
    bench.record(6)
    bench.turn()
    refused, bench.out[:] = list(bench.out), []
    for message in refused:
        bench.talk.on_taken(message.mid, 0x87, bench.now)
    bench.talk.tick(bench.now + 1)
    assert bench.passages() == []
    assert bench.alarms == ["publish_refused"] * 4
    assert bench.pending() == 6
    bench.now += 6
    bench.talk.tick(bench.now)
    assert bench.passages() == [1, 2, 3, 4]


def test_a_broker_that_confirms_nothing_is_given_up(bench: Bench) -> None:
    bench.record(1)
    bench.turn()
    for _ in range(19):
        bench.turn(confirm=False, deliver=False)
    bench.now += 5
    with pytest.raises(StalledError):
        bench.talk.tick(bench.now)


def test_an_ack_that_overtakes_its_puback_is_no_late_one(bench: Bench) -> None:
    bench.record(1)
    bench.turn()
    (sent,) = bench.out
    bench.to_headquarters([sent])
    (ack,) = bench.back
    bench.talk.on_message(*ack, False, bench.now)
    bench.talk.on_taken(sent.mid, 0, bench.now)
    assert (bench.talk.in_flight, bench.talk.awaiting, bench.pending()) == (0, 0, 0)


def test_an_answer_that_a_newer_sync_has_overtaken_is_no_alarm(bench: Bench) -> None:
    bench.record(1)
    bench.to_headquarters(bench.out)
    late = list(bench.back)
    bench.back.clear()
    bench.talk.on_message(topic(Topic.HQ_STATE), _hq("store-a", "session-b"), False, bench.now)
    for where, payload in late:
        bench.talk.on_message(where, payload, False, bench.now)
    assert bench.alarms == []
    assert bench.tally.believed == 0
    assert bench.state is State.SYNCING


def test_what_hq_state_says(bench: Bench) -> None:
    where = topic(Topic.HQ_STATE)
    first = _session(bench)
    bench.talk.on_message(where, _hq("store-a", "session-a"), True, bench.now)
    assert _session(bench) == first  # retained: it stood there before the sync, which will be answered
    bench.turn()
    assert bench.state is State.SENDING
    bench.talk.on_message(where, _hq("store-a", "session-a"), False, bench.now)
    assert bench.state is State.SENDING
    bench.talk.on_message(where, _hq("store-a", "session-a", online=False), False, bench.now)
    assert bench.state is State.SYNCING
    second = _session(bench)
    bench.talk.on_message(where, _hq("store-a", "session-b"), False, bench.now)
    assert len({first, second, _session(bench)}) == 3
    bench.talk.on_message(where, b"\xff not JSON", False, bench.now)
    assert bench.tally.disbelieved == {AckOutcome.MALFORMED: 1}


def test_holdings_must_cover_the_whole_shelf(bench: Bench) -> None:
    bench.record(3)
    bench.connect()
    request = decode(bench.out[-1].payload, SyncRequest)
    assert (request.oldest, request.newest, request.pending) == (1, 3, 3)
    for span, state in (((1, 2), State.SYNCING), ((3, 3), State.SENDING)):
        payload = AckPayload(
            kind="holdings", device=DEVICE, epoch=request.epoch, store="store-a", session=request.session,
            server_time=START, span=span, ranges=[], digest=digest_of([]),
        )  # fmt: skip
        bench.talk.on_message(topic(Topic.ACK, DEVICE), encode(sign_ack(payload, ACK)), False, bench.now)
        assert bench.state is state
    assert bench.signed == [START, START]


def test_next_due_is_never_late_and_never_negative(bench: Bench) -> None:
    bench.record(2)
    for _ in range(25):
        assert 0 <= bench.talk.next_due(bench.now) <= 10
        bench.turn(deliver=False)


def _session(bench: Bench) -> str:
    syncs = [m for m in bench.out if m.topic.endswith("/up/sync")]
    return decode(syncs[-1].payload, SyncRequest).session if syncs else ""


def _hq(store: str, session: str, *, online: bool = True) -> bytes:
    return encode(HqState(online=online, store=store, session=session))


STEPS = st.lists(
    st.sampled_from(
        ["good", "good", "record", "lose out", "lose back", "lose confirm", "cut", "hq restarts", "hq restored"]
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_is_lost_nothing_is_lost(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    bench = Bench(tmp_path_factory.mktemp("bench"))
    database = bench.folder / "hq.sqlite"
    try:
        bench.record(5)
        copy = b""
        for number, step in enumerate(steps):
            _or_connect(bench, lambda step=step, copy=copy: _take_step(bench, step, database, copy))
            if number == 3:
                bench.open_store()  # folds the write-ahead log into the file
                copy = database.read_bytes()
        bench.talk.on_message(topic(Topic.HQ_STATE), _hq("store", token()), False, bench.now)
        for _ in range(60):
            _or_connect(bench, bench.turn)
            if bench.pending() == 0 and bench.state is State.SENDING:
                break
        assert bench.pending() == 0
        with View(database) as view:
            assert view.counts()["messages"] == bench.number
            assert [g for p in view.posts() for g in p.gaps] == []
        assert bench.tally.disbelieved == {}
    finally:
        bench.close()


def _or_connect(bench: Bench, step: Callable[[], None]) -> None:
    try:
        step()
    except StalledError:  # what the thread does: a new connection
        bench.connect()


def _take_step(bench: Bench, step: str, database: Path, copy: bytes) -> None:
    if step == "record":
        bench.record(3)
    elif step == "cut":
        bench.connect()
    elif step.startswith("hq"):
        if step == "hq restored" and copy:
            assert bench.store
            bench.store.close()
            bench.store = None
            for side in ("-wal", "-shm"):
                database.with_name(database.name + side).unlink(missing_ok=True)
            database.write_bytes(copy)
        bench.open_store()
        bench.talk.on_message(topic(Topic.HQ_STATE), _hq("store", token()), False, bench.now)
    else:
        bench.turn(confirm=step != "lose confirm", deliver=step != "lose out", answer=step != "lose back")


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 10)).map(lambda p: (p[0], p[0] + p[1]))))
def test_merged_spans_hold_the_same_numbers(spans: list[tuple[int, int]]) -> None:
    joined = merged(spans)
    assert {n for a, b in joined for n in range(a, b + 1)} == {n for a, b in spans for n in range(a, b + 1)}
    assert all(b + 1 < c for (_, b), (c, _) in pairwise(joined))
