"""The demo's broker: found or said to be missing, started, killed, started again on the same port."""

from __future__ import annotations

import importlib.util
import socket
from pathlib import Path

import pytest

from demo import broker as brokers
from demo.broker import Broker, BrokerError, find_mosquitto

CONNECT = bytes.fromhex("101100044d5154540502003c0000047465737400")[:-1]  # MQTT 5, client id "test"


def made(folder: Path, prefer: str) -> Broker:
    if prefer == "mosquitto" and not find_mosquitto():
        pytest.skip("mosquitto is not on PATH (Debian: apt install mosquitto)")
    if prefer == "iotcore" and importlib.util.find_spec("iotcore") is None:
        pytest.skip("the iotcore wheel is not installed (extra: demo)")
    return Broker(folder, prefer=prefer)


def answers(broker: Broker) -> bool:
    with socket.create_connection(("127.0.0.1", broker.port), timeout=5) as sock:
        sock.sendall(CONNECT)
        return sock.recv(1) == b"\x20"  # CONNACK


@pytest.mark.parametrize("prefer", ["mosquitto", "iotcore"])
def test_a_broker_takes_clients_is_killed_and_comes_back_on_its_port(tmp_path: Path, prefer: str) -> None:
    broker = made(tmp_path, prefer)
    assert broker.kind == prefer
    assert "authorises nobody" in broker.describe
    assert not broker.running
    try:
        broker.start()
        assert broker.running
        assert answers(broker)
        port = broker.port
        broker.kill()
        assert not broker.running
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        broker.start()
        assert broker.port == port
        assert answers(broker)
    finally:
        broker.stop()
    assert not broker.running
    broker.stop()
    broker.kill()


def test_where_there_is_no_broker_the_next_step_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brokers, "find_mosquitto", lambda: None)
    with pytest.raises(BrokerError) as caught:
        Broker(tmp_path, prefer="mosquitto")
    assert "apt install mosquitto" in caught.value.advice


def test_a_broker_that_does_not_start_says_where_its_words_are(tmp_path: Path) -> None:
    broker = made(tmp_path, "mosquitto")
    (tmp_path / "mosquitto.conf").write_text("no such word\n")
    with pytest.raises(BrokerError) as caught:
        broker.start()
    assert "broker.log" in caught.value.advice
    assert not broker.running
    assert (tmp_path / "broker.log").read_bytes()
