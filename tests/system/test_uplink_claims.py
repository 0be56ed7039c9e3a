"""Box, broker and headquarters in one: nothing false is believed, and what cannot be read is kept."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import shutil

import msgspec
import pytest
from broker import Spy
from broker_world import World, state_is
from link_world import Headquarters, Post, now, until

from edge.core import sealing
from edge.core.acks import AckOutcome, sign_ack
from edge.core.wire import (
    AckPayload,
    PassageEnvelope,
    SyncRequest,
    Topic,
    decode,
    digest_of,
    encode,
    topic,
)
from edge.uplink import State

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]


def _sync(spy: Spy) -> SyncRequest:
    until(lambda: spy.of("/up/sync"), "the box asks")
    return decode(spy.of("/up/sync")[-1], SyncRequest)


def _claim(post: Post, sync: SyncRequest, **changes: object) -> AckPayload:
    """The answer of a headquarters that holds every row, for this very sync."""
    rows = [(i.seq, hashlib.sha256(i.body).digest()) for i in post.journal.pending(0, 1000)]
    payload = AckPayload(
        kind="holdings",
        device=post.device,
        epoch=sync.epoch,
        store="store-of-nobody",
        session=sync.session,
        server_time=now(),
        span=(rows[0][0], rows[-1][0]),
        ranges=[(rows[0][0], rows[-1][0])],
        digest=digest_of(rows),
    )
    return msgspec.structs.replace(payload, **changes)


@pytest.mark.parametrize("kind", ["holdings", "ack"])
@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("other key", AckOutcome.BAD_SIGNATURE),
        ("other device", AckOutcome.FOREIGN),
        ("other epoch", AckOutcome.FOREIGN),
        ("older session", AckOutcome.REPLAYED),
        ("other digest", AckOutcome.DIGEST_MISMATCH),
        ("unknown rows", AckOutcome.UNKNOWN_ROWS),
        ("other bytes", AckOutcome.BAD_SIGNATURE),
    ],
)
def test_a_false_ack_changes_nothing(world: World, kind: str, change: str, reason: AckOutcome) -> None:
    world.start_broker()
    hq = world.make_hq()  # its keys; it does not run
    spy = world.spy("bp/v1/+/up/#")
    post = world.start_post(sync_retry_s=60, ack_timeout_s=60)
    post.record(10)
    sync = _sync(spy)
    key = sealing.generate_sign_key() if change == "other key" else hq.keys.ack
    changes: dict[str, dict[str, object]] = {
        "other device": {"device": "box-two"},
        "other epoch": {"epoch": "another-epoch"},
        "older session": {"session": "an-older-session"},
        "other digest": {"digest": "0" * 64},
        "unknown rows": {"span": (1, 11), "ranges": [(1, 11)]},
    }
    claim = _claim(post, sync, kind=kind, **changes.get(change, {}))
    signed = sign_ack(claim, key)
    if change == "other bytes":
        moved = encode(msgspec.structs.replace(claim, server_time=now()))
        signed = msgspec.structs.replace(signed, payload=base64.b64encode(moved).decode())
    spy.publish(topic(Topic.ACK, post.device), encode(signed))
    until(lambda: post.uplink.status().tally.disbelieved.get(reason), "the box does not believe it")
    assert post.pending == 10
    assert post.uplink.status().tally.believed == 0
    assert bool(post.signed) == (reason in (AckOutcome.DIGEST_MISMATCH, AckOutcome.UNKNOWN_ROWS))


def test_a_true_ack_played_again_changes_nothing(world: World) -> None:
    world.start_broker()
    hq = world.make_hq().start()
    spy = world.spy("bp/v1/+/down/ack")
    post = world.start_post(sync_retry_s=60)
    post.record(10)
    post.drained()
    hq.stop()
    until(state_is(post, State.SYNCING), "the box hears that headquarters is away")
    hq.forget()  # its disk is lost; what it said before is played to the box in its name
    before = post.uplink.status()
    post.record(5)
    acks = spy.of("/down/ack")
    for ack in acks:
        spy.publish(topic(Topic.ACK, post.device), ack)
    spy.publish(topic(Topic.ACK, post.device), b"{}")  # read after the others, and counted
    until(lambda: post.uplink.status().tally.disbelieved.get(AckOutcome.MALFORMED), "the box has read them all")
    assert post.pending == 5
    assert post.uplink.status().tally.believed == before.tally.believed
    hq.start()
    post.drained()
    assert hq.held() == 15  # another store id: the whole shelf was sent again


def test_a_headquarters_put_back_from_an_older_copy_is_refilled(world: World) -> None:
    world.start_broker()
    hq = world.make_hq().start()
    post = world.start_post()
    post.record(60)
    post.drained()
    hq.stop()
    copy = hq.folder / "copy.sqlite"
    shutil.copy(hq.path, copy)
    hq.start()
    post.record(60)
    post.drained()
    assert hq.held() == 120
    hq.stop()
    hq.forget()
    shutil.copy(copy, hq.path)
    assert hq.held() == 60
    hq.start()
    until(lambda: hq.held() == 120, "the box sends again what the copy lacks")
    post.drained()
    with hq.view() as view:
        assert view.posts()[0].gaps == ()
        assert view.counts()["duplicates"] == 0  # only what was lacking was sent


def test_a_body_that_cannot_be_opened_is_held_acked_and_alarmed(world: World) -> None:
    world.start_broker()
    hq = world.make_hq()
    post = world.start_post()
    hq.keys = dataclasses.replace(hq.keys, seal={})
    hq.start()
    post.record(3)
    post.drained()
    assert hq.held() == 3
    with hq.view() as view:
        assert {m.kind for m in view.messages(0)} == {"unopened"}
        assert view.posts()[0].unopened == 3
    assert "unopened" in hq.alarms()


def test_another_body_under_a_used_number_is_kept_and_acked_to_nobody_but_its_sender(world: World) -> None:
    world.start_broker()
    hq = world.make_hq().start()
    spy = world.spy("bp/v1/+/#")
    post = world.start_post()
    post.record(1)
    post.drained()
    first = decode(spy.of("/up/passage")[0], PassageEnvelope)
    other = sealing.seal(
        b"{}", message_id=first.id, type=first.type, recipients=[sealing.Recipient.of(_seal_public(hq))]
    )
    acks = len(spy.of("/down/ack"))
    forged = msgspec.structs.replace(first, data_base64=_base64(other))
    spy.publish(topic(Topic.PASSAGE, post.device), encode(forged))
    until(lambda: "conflict" in hq.alarms(), "headquarters raises an alarm")
    with hq.view() as view:
        assert view.counts()["conflicts"] == 1
        assert view.messages(0)[0].sealed == first.body()
    until(lambda: len(spy.of("/down/ack")) == acks + 1, "what is kept is acked, by its own digest")
    until(lambda: post.uplink.status().tally.disbelieved, "the box whose body is another does not believe it")
    assert set(post.uplink.status().tally.disbelieved) == {AckOutcome.DIGEST_MISMATCH}


def test_a_passage_on_another_posts_topic_is_nobodys(world: World) -> None:
    world.start_broker()
    hq = world.make_hq().start()
    spy = world.spy("bp/v1/+/up/passage")
    post = world.start_post()
    post.record(1)
    post.drained()
    spy.publish("bp/v1/box-two/up/passage", spy.of("/up/passage")[0])
    spy.publish("bp/v1/box-two/up/passage", b'{"specversion": "1.0"')
    until(lambda: {"foreign_source", "not_understood"} <= hq.alarms(), "both are alarmed")
    with hq.view() as view:
        assert view.counts() == {"messages": 1, "conflicts": 0, "quarantine": 2, "duplicates": 0}


def _seal_public(hq: Headquarters) -> sealing.SealPublic:
    return next(iter(hq.keys.seal.values())).public_key()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
