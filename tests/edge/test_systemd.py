"""sd_notify: the words, both address kinds, and that nobody is missed who does not listen."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge.systemd import Notifier, from_environment


def ear(address: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(address)
    sock.settimeout(5)
    return sock


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_words_reach_the_socket_that_systemd_named(tmp_path: Path, abstract: bool) -> None:
    named = f"@borderpost-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with ear("\0" + named[1:] if abstract else named) as sock:
        notifier = Notifier({"NOTIFY_SOCKET": named, "WATCHDOG_USEC": "30000000"})
        notifier.ready("1/1 readers")
        notifier.alive("2 passages")
        notifier.stopping()
        words = [sock.recv(1024) for _ in range(3)]
    assert words == [b"READY=1\nSTATUS=1/1 readers", b"WATCHDOG=1\nSTATUS=2 passages", b"STOPPING=1"]
    assert notifier.watchdog_s == 30.0


def test_where_nobody_listens_nothing_happens(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, {"NOTIFY_SOCKET": "x" * 300}):
        notifier = Notifier(environ)
        notifier.ready("")
        notifier.alive("")
        notifier.stopping()


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5"])
def test_an_odd_watchdog_time_is_none(text: str) -> None:
    assert Notifier({"WATCHDOG_USEC": text}).watchdog_s is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with ear(str(tmp_path / "notify")) as sock:
        from_environment().stopping()
        assert sock.recv(64) == b"STOPPING=1"
