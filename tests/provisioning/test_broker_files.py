"""The broker's files, run by a real mosquitto: who may speak as whom, and what a revoked box still can."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from authority_kit import BareBox, Desk, enrol
from broker import Identity, free_port, program
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from edge.core.wire import Topic, topic

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]
WAIT_S = 5.0


class Client:
    """One client with its certificate; what it heard, and how it ended."""

    def __init__(self, port: int, identity: Identity, *, name: str = "", listens: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answered, self.gone, self.subscribed = threading.Event(), threading.Event(), threading.Event()
        self.refused = False
        self.codes: list[str] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self._client.tls_set(str(identity.ca), str(identity.certificate), str(identity.key),
                             tls_version=ssl.PROTOCOL_TLS_CLIENT)  # fmt: skip
        self._client.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload)))
        self._client.on_connect = lambda *_: self.answered.set()
        self._client.on_disconnect = lambda *_: self.gone.set()
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_publish = lambda _c, _u, _m, code, _p: self.codes.append(str(code))
        try:
            self._client.connect("127.0.0.1", port)
        except (ssl.SSLError, ConnectionError):
            self.refused = True
            return
        self._client.loop_start()
        self.refused = not self.answered.wait(2) or self.gone.is_set()
        if listens and not self.refused:
            self._client.subscribe(listens, options=SubscribeOptions(qos=1))
            assert self.subscribed.wait(WAIT_S)

    def says(self, where: str, what: bytes) -> str:
        """Publish with QoS 1; the broker's reason code."""
        before = len(self.codes)
        self._client.publish(where, what, qos=1).wait_for_publish(WAIT_S)
        until(lambda: len(self.codes) > before)
        return self.codes[-1]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def until(true: object) -> None:
    assert callable(true)
    end = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Mosquitto on the very files that were written; only the account is ours."""
    config = folder / "mosquitto.conf"
    lines = config.read_text()
    if os.geteuid() == 0:
        lines += "user root\n"  # else it would drop to an account that cannot read the folder
    port = int(lines.partition("listener ")[2].split()[0])
    (folder / "run.conf").write_text(lines.replace(f"listener {port}", f"listener {port} 127.0.0.1"))
    log = (folder / "log").open("ab")
    process = subprocess.Popen([program(), "-c", str(folder / "run.conf")], stdout=log, stderr=log)
    try:
        end = time.monotonic() + 10
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.02)
            else:
                break
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(5)
        log.close()


def identity(folder: Path, box: BareBox, files: dict[str, bytes]) -> Identity:
    """The box's certificate and key as files, as TLS wants them."""
    folder.mkdir()
    (folder / "ca.pem").write_bytes(files["ca.pem"])
    (folder / "device.pem").write_bytes(files["device.pem"])
    (folder / "device.key").write_bytes(box.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ))  # fmt: skip
    return Identity(folder / "ca.pem", folder / "device.pem", folder / "device.key")


def test_a_box_speaks_as_itself_alone_and_a_revoked_one_not_at_all(desk: Desk, tmp_path: Path) -> None:
    program()
    stick = tmp_path / "stick"
    one, two = (identity(tmp_path / str(n), *enrol(desk, stick)) for n in (1, 2))
    port, out = free_port(), tmp_path / "broker"
    desk.signs("broker", out, "--name", "127.0.0.1", "--port", port)
    hq = Identity(out / "hq" / "ca.pem", out / "hq" / "hq.pem", out / "hq" / "hq.key")
    with running(out):
        desk_client = Client(port, hq, name="hq", listens="bp/v1/+/up/#")
        first = Client(port, one, name="north-gate-1", listens=topic(Topic.ACK, "north-gate-1"))
        second = Client(port, two, name="north-gate-1", listens="bp/v1/#")  # the other's client id counts for nothing
        assert first.says(topic(Topic.STATE, "north-gate-1"), b"here") == "Success"
        assert second.says(topic(Topic.STATE, "north-gate-1"), b"as the first") == "Not authorized"
        assert second.says(topic(Topic.STATE, "north-gate-2"), b"here too") == "Success"
        assert first.says(topic(Topic.ACK, "north-gate-1"), b"forged") == "Not authorized"
        assert desk_client.says(topic(Topic.ACK, "north-gate-1"), b"for one") == "Success"
        until(lambda: first.heard)
        until(lambda: len(desk_client.heard) == 2)
        assert {payload for _, payload in desk_client.heard} == {b"here", b"here too"}
        assert [payload for _, payload in second.heard] == []
        assert not first.gone.is_set()
        for client in (desk_client, first, second):
            client.close()
        broker_as_client = Identity(out / "ca.pem", out / "broker.pem", out / "broker.key")
        assert Client(port, broker_as_client, name="x").refused  # a server's certificate is no client's
    desk.signs("revoke", "north-gate-1", "--reason", "stolen")
    desk.signs("broker", out, "--port", port)
    assert "user north-gate-1\ntopic deny #\n" in (out / "acl").read_text()
    with running(out):
        assert Client(port, one, name="north-gate-1").refused
        still = Client(port, two, name="north-gate-2")
        assert not still.refused
        still.close()


def test_the_renewal_doors_bridge_has_a_certificate_that_no_box_has(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "broker"
    desk.signs("broker", out, "--name", "localhost")
    assert not list(out.glob("renewal.*"))
    assert "user renewal" not in (out / "acl").read_text()
    desk.signs("broker", out, "--name", "localhost", "--renewal", "--renewal-port", 8899)
    assert {path.name for path in out.glob("renewal.*")} == {
        "renewal.acl", "renewal.conf", "renewal.key", "renewal.pem"}
    made = x509.load_pem_x509_certificate((out / "renewal.pem").read_bytes())
    assert made.subject.rfc4514_string() == "CN=renewal"
    assert (out / "renewal.key").stat().st_mode & 0o077 == 0
    assert f"listener 8899\ncafile {out}/ca.pem" in (out / "renewal.conf").read_text()
    assert (out / "acl").read_text().index("user renewal") < (out / "acl").read_text().index("pattern")


def test_keys_of_servers_stay_until_their_names_change(desk: Desk, tmp_path: Path) -> None:
    assert "--name" in desk.refuses("broker", tmp_path / "b")
    desk.signs("broker", tmp_path / "b", "--name", "broker.example", "--name", "10.0.0.1")
    first = (tmp_path / "b" / "broker.key").read_bytes(), (tmp_path / "b" / "hq" / "hq.key").read_bytes()
    desk.signs("broker", tmp_path / "b")
    desk.signs("broker", tmp_path / "b", "--name", "10.0.0.1", "--name", "broker.example")
    assert ((tmp_path / "b" / "broker.key").read_bytes(), (tmp_path / "b" / "hq" / "hq.key").read_bytes()) == first
    desk.signs("broker", tmp_path / "b", "--name", "new.example", "--at", "/etc/mosquitto/borderpost")
    assert (tmp_path / "b" / "broker.key").read_bytes() != first[0]
    assert (tmp_path / "b" / "broker.key").stat().st_mode & 0o777 == 0o600
    assert "crlfile /etc/mosquitto/borderpost/crl.pem\n" in (tmp_path / "b" / "mosquitto.conf").read_text()
