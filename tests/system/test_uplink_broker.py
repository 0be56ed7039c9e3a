"""Box, broker and headquarters in one: nothing acknowledged is lost, nothing false is believed."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from broker import Authority, Broker, Spy
from link_world import Headquarters, Post, now, passage, until

from edge.config import TlsConfig
from edge.core import sealing
from edge.core.acks import AckOutcome, sign_ack
from edge.core.verdicts import Outcome
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
from hq.config import TlsConfig as HqTlsConfig

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

ALLOW_ALL = "topic readwrite #\n"


class World:
    """Makes the parts of one test below its folder, and ends them in the right order."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.broker: Broker
        self.hq: Headquarters

    def start_broker(self, **options: str) -> Broker:
        self.broker = self._stack.enter_context(Broker(self.folder / "broker", **options))  # type: ignore[arg-type]
        return self.broker

    def make_hq(self, tls: HqTlsConfig | None = None) -> Headquarters:
        self.hq = Headquarters(self.folder / "hq", self.broker.port, tls=tls)
        self._stack.callback(self.hq.stop)
        return self.hq

    def start_post(self, **options: object) -> Post:
        folder = self.folder / str(options.get("device", "box"))
        post = Post(folder, self.broker.port, self.hq, **options)  # type: ignore[arg-type]
        self._stack.callback(post.stop)
        return post.start()

    def spy(self, *topics: str) -> Spy:
        spy = Spy(self.broker.port, *topics)
        self._stack.callback(spy.close)
        return spy


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, stack: ExitStack) -> World:
    return World(tmp_path, stack)


def state_is(post: Post, *states: State) -> Callable[[], bool]:
    return lambda: post.uplink.status().state in states


def test_what_is_recorded_reaches_headquarters(world: World) -> None:
    world.start_broker()
    hq = world.make_hq().start()
    post = world.start_post()
    post.record(50)
    post.record(1, Outcome.HIT)
    post.drained()
    assert hq.held() == 51
    with hq.view() as view:
        (seen,) = view.posts()
        assert (seen.device, seen.online, seen.held, seen.gaps) == ("box-one", True, 51, ())
        # Headquarters says what it holds before it has looked into the last of it.
        until(lambda: [h.outcome for h in view.hits(0)] == ["HIT"], "headquarters opens the bodies")
        assert view.counts()["duplicates"] == 0
    assert post.signed
    assert post.uplink.status().tally.disbelieved == {}


def test_every_passage_is_the_same_size_on_one_topic(world: World) -> None:
    world.start_broker()
    world.make_hq().start()
    spy = world.spy("bp/v1/+/up/passage")
    post = world.start_post()
    for outcome, shown in ((Outcome.CLEAR, Outcome.CLEAR), (Outcome.HIT, Outcome.CLEAR), (Outcome.HIT, Outcome.HIT)):
        post.journal.record(passage(len(spy.heard) + 1000 + outcome.rank * 10 + shown.rank, outcome, shown)).result(5)
    post.drained()
    until(lambda: len(spy.heard) == 3, "the spy hears all")
    bodies = [decode(p, PassageEnvelope).body() for _, p in spy.heard]
    assert {len(b) for b in bodies} == {sealing.sealed_size(1)}
    assert {t for t, _ in spy.heard} == {"bp/v1/box-one/up/passage"}


def test_rows_wait_while_headquarters_is_down(world: World) -> None:
    world.start_broker()
    hq = world.make_hq()
    spy = world.spy("bp/v1/+/up/#")
    post = world.start_post()
    post.record(20)
    until(lambda: len(spy.of("/up/sync")) >= 2, "the box asks again")
    assert post.pending == 20
    assert spy.of("/up/passage") == []  # nothing is poured into the broker before headquarters has spoken
    hq.start()
    post.drained()
    assert hq.held() == 20
    hq.stop()
    until(state_is(post, State.SYNCING), "the box hears that headquarters is away")
    post.record(5)
    assert post.pending == 5
    hq.start()
    post.drained()
    assert hq.held() == 25


def test_a_refusal_by_the_access_list_deletes_nothing(world: World) -> None:
    broker = world.start_broker(acl="topic deny bp/v1/box-one/up/passage\n" + ALLOW_ALL)
    hq = world.make_hq().start()
    post = world.start_post()
    post.record(10)
    until(lambda: post.uplink.status().tally.refused > 0, "the broker refuses")
    assert post.pending == 10
    until(lambda: "publish_refused" in hq.alarms(), "headquarters is told")
    assert hq.held() == 0
    broker.set_acl(ALLOW_ALL)
    post.drained()
    assert hq.held() == 10


def test_a_broker_that_dies_at_once_loses_nothing(world: World) -> None:
    broker = world.start_broker()
    hq = world.make_hq().start()
    post = world.start_post()
    for _ in range(3):
        post.record(40)
        broker.kill()
        post.record(40)
        broker.start()
    post.drained()
    assert hq.held() == 240
    with hq.view() as view:
        assert view.posts()[0].gaps == ()


def test_a_broker_that_freezes_is_left_and_found_again(world: World) -> None:
    broker = world.start_broker()
    hq = world.make_hq().start()
    post = world.start_post()
    post.record(5)
    post.drained()
    broker.freeze()
    post.record(30)
    until(lambda: post.uplink.status().problem, "the box notices that nothing is confirmed")
    assert post.pending == 30
    broker.thaw()
    post.drained()
    assert hq.held() == 35


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


def test_another_body_under_a_used_number_is_kept_and_never_acked(world: World) -> None:
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
    assert len(spy.of("/down/ack")) == acks


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


def test_the_last_will_and_the_goodbye_are_seen(world: World) -> None:
    broker = world.start_broker()
    hq = world.make_hq().start()
    post = world.start_post()

    def online() -> bool | None:
        with hq.view() as view:
            return next((p.online for p in view.posts()), None)

    until(lambda: online() is True, "birth")
    post.uplink.stop()
    until(lambda: online() is False, "goodbye")
    with hq.view() as view:
        assert view.posts()[0].presence["reason"] == "shutdown"
    assert broker.port


def test_mutual_tls(world: World, stack: ExitStack) -> None:
    authority = Authority(world.folder / "ca")
    broker = world.start_broker(acl=_documented("acl"), tls=authority.issue("localhost", server=True))  # type: ignore[arg-type]
    desk, box = authority.issue("hq"), authority.issue("box-one")
    hq = world.make_hq(HqTlsConfig(ca=str(desk.ca), cert=str(desk.certificate), key=str(desk.key))).start()
    post = world.start_post(tls=TlsConfig(ca=str(box.ca), cert=str(box.certificate), key=str(box.key)))
    post.record(25)
    post.drained()
    assert hq.held() == 25

    bare = world.start_post(device="box-two")
    stranger = Authority(world.folder / "other").issue("box-three")
    false = world.start_post(
        device="box-three", tls=TlsConfig(ca=str(box.ca), cert=str(stranger.certificate), key=str(stranger.key))
    )
    # A box with a true certificate of its own that writes in the name of another.
    thief = authority.issue("box-four")
    mask = Post(
        world.folder / "mask", broker.port, hq, device="box-one",
        tls=TlsConfig(ca=str(thief.ca), cert=str(thief.certificate), key=str(thief.key)),
    )  # fmt: skip
    stack.callback(mask.stop)
    mask.start()
    for other in (bare, false, mask):
        other.record(1)
    until(lambda: bare.uplink.status().problem and false.uplink.status().problem, "both are refused")
    until(lambda: mask.uplink.status().tally.refused, "the mask is refused")
    post.record(1)
    post.drained()
    assert [other.pending for other in (bare, false, mask)] == [1, 1, 1]
    assert hq.held() == 26

    # The page's advice for a stolen post holds for a connection that is open.
    broker.set_acl(_documented("acl") + "\nuser box-one\ntopic deny #\n")
    until(lambda: _refused(post), "the stolen post is refused")
    assert post.pending > 0


def _refused(post: Post) -> bool:
    post.record(1)  # the broker reads its list a moment after it is told to: what came before is not counted
    until(lambda: post.pending == 0 or post.uplink.status().tally.refused, "an answer")
    return post.uplink.status().tally.refused > 0


def _documented(language: str) -> str:
    """A block of the operator's page, so that what stands there is what was tried."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "headquarters.md").read_text(encoding="utf-8")
    return page.split(f"```{language}\n")[1].split("```")[0]


def _seal_public(hq: Headquarters) -> sealing.SealPublic:
    return next(iter(hq.keys.seal.values())).public_key()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
