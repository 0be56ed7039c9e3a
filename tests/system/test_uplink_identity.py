"""Who a box is at the broker: its certificate, and nothing that it says of itself. Mutual TLS, a real broker."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from broker import Authority, Broker, Identity
from link_world import Headquarters, Post, until
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from common.settings import TlsConfig
from edge.core.wire import MAX_CARRIED, Topic, topic
from edge.uplink import Papers, Proof

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

ACL = (Path(__file__).resolve().parents[2] / "docs" / "headquarters.md").read_text(encoding="utf-8")
ACL = ACL.split("```acl\n")[1].split("```")[0]  # what stands on the operator's page is what is tried
ACL = f"user desk\ntopic readwrite #\n\n{ACL}"  # beside the collector: two of one name throw each other off


class Scene:
    """A broker as the operator's page sets it up, with headquarters behind it."""

    def __init__(self, folder: Path, stack: ExitStack, *, revoked: tuple[str, ...] = ()) -> None:
        self.folder, self._stack = folder, stack
        self.authority = Authority(folder / "ca")
        self.own = {name: self.authority.issue(name) for name in ("hq", "desk", "box-one", "box-two")}
        self.crl = self.authority.revoke(*(self.own[name] for name in revoked))
        server = self.authority.issue("localhost", server=True)
        self.broker = stack.enter_context(Broker(folder / "broker", acl=ACL, tls=server, crl=self.crl, verbose=True))
        self.hq = Headquarters(folder / "hq", self.broker.port, tls=tls(self.own["hq"]))
        stack.callback(self.hq.stop)
        self.hq.start()

    def post(self, identity: Identity, name: str = "box", *, start: bool = True, **options: Any) -> Post:
        post = Post(self.folder / name, self.broker.port, self.hq, tls=tls(identity), **options)
        self._stack.callback(post.stop)
        return post.start() if start else post

    def client(self, name: str, client_id: str = "") -> Client:
        client = Client(self.broker.port, self.own[name], client_id or name)
        self._stack.callback(client.close)
        return client


def tls(identity: Identity) -> TlsConfig:
    return TlsConfig(ca=str(identity.ca), cert=str(identity.certificate), key=str(identity.key))


class Client:
    """A program with a certificate, and no manners. ``said`` holds the broker's words, ``heard`` the messages."""

    def __init__(self, port: int, identity: Identity, client_id: str) -> None:
        self.said: list[tuple[str, int]] = []
        self.heard: list[tuple[str, bytes]] = []
        self._told = threading.Event()
        self._client = client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        client.tls_set(str(identity.ca), str(identity.certificate), str(identity.key))
        client.on_connect = lambda _c, _u, _f, reason, _p: self._say("connect", reason.value)
        client.on_disconnect = lambda _c, _u, _f, reason, _p: self._say("disconnect", reason.value)
        client.on_publish = lambda _c, _u, _m, reason, _p: self._say("publish", reason.value)
        client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._say("subscribe", max(r.value for r in reasons))
        client.on_message = lambda _c, _u, m: self.heard.append((m.topic, m.payload))
        client.connect("127.0.0.1", port)
        client.loop_start()
        self.word()

    def _say(self, what: str, code: int) -> None:
        self.said.append((what, code))
        self._told.set()

    def word(self) -> tuple[str, int]:
        """The broker's next word."""
        assert self._told.wait(5), self.said
        self._told.clear()
        return self.said[-1]

    def publish(self, where: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        self._client.publish(where, payload, qos=1, retain=retain)
        return self.word()[1]

    def subscribe(self, where: str) -> int:
        self._client.subscribe(where, options=SubscribeOptions(qos=1))
        return self.word()[1]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def scene(tmp_path: Path, stack: ExitStack) -> Scene:
    return Scene(tmp_path, stack)


@pytest.mark.parametrize("kind", [t for t in Topic if "{d}/up" in t], ids=lambda t: t.name)
def test_another_box_cannot_publish_as_this_one(scene: Scene, kind: Topic) -> None:
    thief = scene.client("box-two")
    assert thief.publish(topic(kind, "box-two")) < 0x80
    assert thief.publish(topic(kind, "box-one")) == 0x87  # Not authorized (MQTT 5 section 3.4.2.1)


def test_another_box_hears_nothing_of_what_is_for_this_one(scene: Scene) -> None:
    thief, owner, desk = scene.client("box-two"), scene.client("box-one"), scene.client("desk")
    for pattern in ("#", "bp/v1/#", "bp/v1/+/down/#", "bp/v1/box-one/#", *(
        topic(t, "box-one") for t in Topic if "{d}/down" in t
    )):
        thief.subscribe(pattern)  # mosquitto grants it and gives nothing
    owner.subscribe("bp/v1/box-one/down/#")
    for kind in (Topic.ACK, Topic.ENVELOPE):
        assert desk.publish(topic(kind, "box-one"), b"for one alone", retain=True) < 0x80
        assert desk.publish(topic(kind, "box-two"), b"for two alone") < 0x80
    until(lambda: len(owner.heard) == 2, "the owner hears both")
    until(lambda: [m for _, m in thief.heard].count(b"for two alone") >= 2, "the thief hears what is for it")
    assert {m for where, m in thief.heard if "/box-one/" in where} == set()
    late = scene.client("box-two")  # retained messages come with a subscription
    late.subscribe("bp/v1/box-one/down/envelope")
    assert late.publish(topic(Topic.EVENT, "box-two")) < 0x80
    assert late.heard == []


def test_another_box_cannot_take_this_ones_client_id(scene: Scene) -> None:
    post = scene.post(scene.own["box-one"])
    post.record(1)
    post.drained()
    thief = scene.client("box-two", client_id="box-one")
    assert thief.said[0] == ("connect", 0)
    post.record(3)
    post.drained()
    assert post.uplink.status().tally.connections == 1  # nobody threw it off
    assert "as box-two" in scene.broker.log()  # the broker goes by the certificate


def test_a_revoked_certificate_is_refused(tmp_path: Path, stack: ExitStack) -> None:
    scene = Scene(tmp_path, stack, revoked=("box-two",))
    stolen = scene.post(scene.own["box-two"], "stolen", device="box-two")
    stolen.record(1)
    post = scene.post(scene.own["box-one"])
    post.record(1)
    post.drained()
    until(lambda: stolen.uplink.status().problem, "the stolen box is refused")
    assert "whether it was revoked" in stolen.uplink.status().advice
    assert stolen.uplink.status().tally.connections == 0
    assert (stolen.pending, scene.hq.held()) == (1, 1)


def test_a_certificate_that_ended_is_refused_and_the_box_knows_why(scene: Scene) -> None:
    ended = scene.authority.issue("box-one", hours=(-48, -1), file="ended")
    post = scene.post(ended, link={"bounds": lambda: (datetime.now(UTC), datetime.now(UTC))})
    post.record(1)
    until(lambda: "this box: its certificate ended on" in post.uplink.status().problem, "the box says why")
    assert "stick" in post.uplink.status().advice
    assert post.pending == 1


def test_the_certificate_before_serves_until_the_new_one_has_connected(tmp_path: Path, stack: ExitStack) -> None:
    scene = Scene(tmp_path, stack, revoked=("box-two",))
    old, new = scene.own["box-one"], scene.own["box-one"].certificate.with_name("device.pem")
    bad = scene.authority.issue("box-one", hours=(24, 48), file="bad", key=old.key)  # begins tomorrow
    new.write_bytes(bad.certificate.read_bytes())
    new.with_name("device.previous.pem").write_bytes(old.certificate.read_bytes())
    kept: list[str] = []
    post = scene.post(Identity(old.ca, new, old.key), link={
        "proof": Proof(recall=lambda: kept[-1] if kept else None, remember=kept.append),
    })  # fmt: skip
    post.record(2)
    post.drained()  # by the one before
    assert (kept, scene.hq.held()) == ([], 2)
    good = scene.authority.issue("box-one", file="good", key=old.key)
    new.write_bytes(good.certificate.read_bytes())
    scene.broker.kill()
    scene.broker.start()
    until(lambda: kept, "the new certificate has connected")
    post.record(1)
    post.drained()
    assert len(kept) == 1
    scene.broker.kill()  # from now on the one before is not shown, even though it lies there
    new.with_name("device.previous.pem").write_bytes(b"no certificate at all")
    scene.broker.start()
    post.record(1)
    post.drained()
    assert len(kept) == 1


def test_a_broker_that_is_down_refuses_no_certificate(scene: Scene) -> None:
    old, new = scene.own["box-one"], scene.own["box-one"].certificate.with_name("device.pem")
    good = scene.authority.issue("box-one", file="good", key=old.key)
    new.write_bytes(good.certificate.read_bytes())
    new.with_name("device.previous.pem").write_bytes(old.certificate.read_bytes())
    kept: list[str] = []
    scene.broker.kill()
    with structlog.testing.capture_logs() as said:
        post = scene.post(Identity(old.ca, new, old.key), link={
            "proof": Proof(recall=lambda: kept[-1] if kept else None, remember=kept.append),
        })  # fmt: skip
        until(lambda: "refused" in post.uplink.status().problem, "nobody listens")  # the kernel's word, no broker's
        scene.broker.start()
        post.record(1)
        post.drained()
    assert len(kept) == 1
    assert "certificate_taken" in {one["event"] for one in said}
    assert "certificate_not_taken" not in {one["event"] for one in said}


def test_requests_go_up_and_envelopes_come_down(scene: Scene) -> None:
    desk = scene.client("desk")
    desk.subscribe("bp/v1/+/up/request")
    desk.publish(topic(Topic.ENVELOPE, "box-one"), b"BPE1 an envelope", retain=True)
    came: list[bytes] = []
    due = [json.dumps({"v": 1}).encode()]
    post = scene.post(scene.own["box-one"], link={"papers": Papers(lambda: due[-1] if due else None, came.append)})
    until(lambda: came and desk.heard, "both arrive")
    assert came == [b"BPE1 an envelope"]
    assert desk.heard == [("bp/v1/box-one/up/request", due[0])]
    desk.publish(topic(Topic.ENVELOPE, "box-one"), b"x" * (MAX_CARRIED + 1), retain=True)
    desk.publish(topic(Topic.ENVELOPE, "box-one"), b"", retain=True)
    desk.publish(topic(Topic.ENVELOPE, "box-one"), b"the next")
    until(lambda: len(came) > 1, "the next one arrives")
    assert came == [b"BPE1 an envelope", b"the next"]
    post.record(1)
    post.drained()


def test_an_inbox_that_fails_costs_neither_the_link_nor_a_row(scene: Scene) -> None:
    def full(_data: bytes) -> None:
        raise OSError(28, "no space left")

    desk = scene.client("desk")
    desk.publish(topic(Topic.ENVELOPE, "box-one"), b"BPE1 an envelope", retain=True)
    post = scene.post(scene.own["box-one"], link={"papers": Papers(lambda: 1 // 0, full)})  # type: ignore[arg-type, return-value]
    post.record(3)
    post.drained()
    assert post.uplink.status().tally.connections == 1
