"""Box, broker and headquarters in one: nothing acknowledged is lost, whatever dies or freezes."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import Authority
from broker_world import ALLOW_ALL, World, state_is
from link_world import Post, passage, until

from edge.config import TlsConfig
from edge.core import sealing
from edge.core.verdicts import Outcome
from edge.core.wire import (
    PassageEnvelope,
    decode,
)
from edge.uplink import State
from hq.config import TlsConfig as HqTlsConfig

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]


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
