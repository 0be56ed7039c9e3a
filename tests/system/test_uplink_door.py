"""The renewal door of the reliability page: a box whose certificate has ended asks there, and can do nothing else."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import threading
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from broker import Authority, Broker, Identity, free_port, program
from link_world import Headquarters, Post, until
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from common.settings import TlsConfig
from edge.core.wire import Topic, topic
from edge.uplink import Papers, State
from provisioning import broker_files

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONF, DOOR_ACL, MORE_ACL = re.findall(
    r"^```(?:conf|acl)\n(.*?)^```", (DOCS / "reliability.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
ACL = re.findall(r"^```acl\n(.*?)^```", (DOCS / "headquarters.md").read_text(encoding="utf-8"), re.DOTALL | re.M)[0]
DESK = "user desk\ntopic readwrite #\n\n"  # beside the collector: two clients of one name throw each other off


def tls(identity: Identity) -> TlsConfig:
    return TlsConfig(ca=str(identity.ca), cert=str(identity.certificate), key=str(identity.key))


def test_the_pages_text_is_what_the_broker_verb_writes() -> None:
    assert broker_files.renewal_conf("/etc/mosquitto", 8884, 8883) == CONF
    assert broker_files.RENEWAL_ACL == DOOR_ACL
    assert broker_files.BRIDGE_ACL == MORE_ACL
    head, _, _ = broker_files.acl(["box-nine"], renewal=True).partition("pattern")
    assert f"\n{MORE_ACL}" in head


class Scene:
    """Broker, door and headquarters as the two pages set them up; only ports and folders are the test's."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.authority = Authority(folder / "ca")
        self.server = self.authority.issue("localhost", server=True)
        head, _, patterns = ACL.partition("pattern")
        self.broker = stack.enter_context(
            Broker(folder / "broker", acl=f"{DESK}{head}{MORE_ACL}\npattern{patterns}", tls=self.server)
        )
        self.port = free_port()
        self._door()
        self.hq = Headquarters(folder / "hq", self.broker.port, tls=tls(self.authority.issue("hq")))
        stack.callback(self.hq.stop)
        self.hq.start()

    def _door(self) -> None:
        folder = self.folder / "door"
        folder.mkdir()
        (folder / "renewal.acl").write_text(DOOR_ACL)
        (folder / "renewal.acl").chmod(0o600)
        own = self.authority.issue("renewal")
        text = CONF.replace("listener 8884", f"listener {self.port} 127.0.0.1")
        text = text.replace("localhost:8883", f"localhost:{self.broker.port}")
        for name, path in {
            "renewal.acl": folder / "renewal.acl", "ca.pem": self.authority.path, "broker.pem": self.server.certificate,
            "broker.key": self.server.key, "renewal.pem": own.certificate, "renewal.key": own.key,
        }.items():
            text = text.replace(f"/etc/mosquitto/{name}", str(path))
        (folder / "renewal.conf").write_text(text + ("user root\n" if os.geteuid() == 0 else ""))
        with (folder / "log").open("wb") as log:
            door = subprocess.Popen([program(), "-c", str(folder / "renewal.conf")], stdout=log, stderr=log)
        self._stack.callback(door.wait, 5)
        self._stack.callback(door.terminate)

    def stranger(self, client_id: str) -> Stranger:
        made = Stranger(self.port, self.authority.path, client_id)
        self._stack.callback(made.close)
        return made

    def desk(self) -> Stranger:
        """Somebody at headquarters, with its certificate."""
        made = Stranger(self.broker.port, self.authority.path, "desk", self.authority.issue("desk"))
        self._stack.callback(made.close)
        return made

    def post(self, identity: Identity, **options: Any) -> Post:
        post = Post(self.folder / "box", self.broker.port, self.hq, tls=tls(identity), **options)
        self._stack.callback(post.stop)
        return post


class Stranger:
    """A client without a certificate, unless it is given one."""

    def __init__(self, port: int, ca: Path, client_id: str, own: Identity | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._codes: list[int] = []
        self._told = threading.Event()
        context = ssl.create_default_context(cafile=str(ca))
        if own:
            context.load_cert_chain(own.certificate, own.key)
        self._client = client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        client.tls_set_context(context)
        client.on_connect = lambda _c, _u, _f, reason, _p: self._say(reason.value)
        client.on_publish = lambda _c, _u, _m, reason, _p: self._say(reason.value)
        client.on_subscribe = lambda _c, _u, _m, reasons, _p: self._say(max(r.value for r in reasons))
        client.on_message = lambda _c, _u, m: self.heard.append((m.topic, m.payload))
        until(lambda: self._reached(port), "the port answers")
        client.loop_start()
        assert self._word() == 0

    def _reached(self, port: int) -> bool:
        try:
            self._client.connect("127.0.0.1", port)
        except ConnectionRefusedError:
            return False
        return True

    def _say(self, code: int) -> None:
        self._codes.append(code)
        self._told.set()

    def _word(self) -> int:
        assert self._told.wait(5)
        self._told.clear()
        return self._codes[-1]

    def publish(self, where: str, payload: bytes = b"x", *, retain: bool = False) -> int:
        self._client.publish(where, payload, qos=1, retain=retain)
        return self._word()

    def subscribe(self, where: str) -> int:
        self._client.subscribe(where, options=SubscribeOptions(qos=1))
        return self._word()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def scene(tmp_path: Path, stack: ExitStack) -> Scene:
    return Scene(tmp_path, stack)


def _now() -> tuple[datetime, datetime]:
    return datetime.now(UTC), datetime.now(UTC)


def test_a_box_whose_certificate_has_ended_is_renewed_and_then_comes_in_by_the_front(scene: Scene) -> None:
    desk = scene.desk()
    desk.subscribe("bp/v1/+/up/request")
    came: list[bytes] = []
    ended = scene.authority.issue("box-one", hours=(-48, -1), file="device")

    def take(envelope: bytes) -> None:  # what applying it comes to: the new certificate lies where the old one lay
        new = scene.authority.issue("box-one", file="renewed", key=ended.key)
        ended.certificate.write_bytes(new.certificate.read_bytes())
        came.append(envelope)

    post = scene.post(ended, renewal_port=scene.port, link={
        "bounds": _now, "papers": Papers(lambda: b'{"v":1}', take),
    })  # fmt: skip
    post.record(2)
    post.start()
    until(lambda: desk.heard, "headquarters gets the request")
    assert desk.heard == [("bp/v1/box-one/up/request", b'{"v":1}')]
    assert post.uplink.status().state is State.RENEWING
    assert (post.pending, scene.hq.held()) == (2, 0)
    desk.publish(topic(Topic.ENVELOPE, "box-one"), b"BPE1 sealed", retain=True)
    until(lambda: came, "the envelope comes")
    post.drained()
    assert scene.hq.held() == 2


def test_a_box_whose_certificate_holds_never_goes_to_the_door(scene: Scene) -> None:
    post = scene.post(scene.authority.issue("box-one"), renewal_port=scene.port, link={
        "bounds": _now, "papers": Papers(lambda: None, lambda _data: None),
    })  # fmt: skip
    post.record(1)
    post.start().drained()
    scene.broker.kill()
    until(lambda: post.uplink.status().problem, "the link is lost")
    scene.broker.start()
    post.record(1)
    post.drained()
    assert "box-one" not in (scene.folder / "door" / "log").read_text()


@pytest.mark.parametrize("kind", [t for t in Topic if t is not Topic.REQUEST], ids=lambda t: t.name)
def test_at_the_door_nothing_but_a_request_goes_in(scene: Scene, kind: Topic) -> None:
    stranger = scene.stranger("box-one")
    assert stranger.publish(topic(kind, "box-one")) == 0x87  # Not authorized
    assert stranger.publish(topic(Topic.REQUEST, "box-two")) == 0x87
    assert stranger.publish(topic(Topic.REQUEST, "box-one")) < 0x80


def test_at_the_door_nobody_hears_more_than_the_envelope_of_one_box_and_throws_nobody_off(scene: Scene) -> None:
    post = scene.post(scene.authority.issue("box-one")).start()
    post.record(1)
    post.drained()
    desk, stranger = scene.desk(), scene.stranger("box-one")
    stranger.subscribe("#")
    for device in ("box-one", "box-two"):
        desk.publish(topic(Topic.ENVELOPE, device), device.encode(), retain=True)
        desk.publish(topic(Topic.ACK, device), b"an ack")
    until(lambda: stranger.heard, "its own envelope")
    post.record(1)
    post.drained()
    assert stranger.heard == [("bp/v1/box-one/down/envelope", b"box-one")]
    assert post.uplink.status().tally.connections == 1
