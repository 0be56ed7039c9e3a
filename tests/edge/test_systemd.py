"""sd_notify: the words, both address kinds, and that nobody is missed who does not listen."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from service_manager import ServiceManager, filled

from edge.systemd import FIRST_FD, MAX_KEPT, Notifier, from_environment, inherited


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


def test_a_systemd_that_takes_no_words_holds_nobody_up_and_hears_of_ready_later(tmp_path: Path) -> None:
    def speak() -> None:
        notifier.alive("busy")
        kept.append(notifier.store("pc-1", 0))
        kept.append(notifier.forget("pc-1"))
        notifier.ready("1/1 readers")

    kept: list[bool] = []
    with ear(str(tmp_path / "notify")) as sock:
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        talkers = filled(tmp_path / "notify")
        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive()
        assert kept == [False, False]
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                assert sock.recv(64) == b"x"
        for talker in talkers:
            talker.close()
        notifier.alive("first")
        notifier.alive("second")
        assert notifier.store("pc-1", 0)
        words = [sock.recv(64) for _ in range(3)]
    assert words[:2] == [b"READY=1\nWATCHDOG=1\nSTATUS=first", b"WATCHDOG=1\nSTATUS=second"]
    assert words[2].startswith(b"FDSTORE=1")


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5"])
def test_an_odd_watchdog_time_is_none(text: str) -> None:
    assert Notifier({"WATCHDOG_USEC": text}).watchdog_s is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with ear(str(tmp_path / "notify")) as sock:
        from_environment().stopping()
        assert sock.recv(64) == b"STOPPING=1"


def test_open_files_travel_with_their_name_and_are_let_go_by_it(tmp_path: Path) -> None:
    with ServiceManager(tmp_path) as manager:
        notifier = Notifier({"NOTIFY_SOCKET": str(manager.address)})
        assert notifier.listening
        reading, writing = os.pipe()
        notifier.store("pc-1", reading)
        notifier.store("pc-2", writing, watch=True)
        notifier.ready("words come in order")
        manager.until(lambda: any("READY" in words for words in manager.words))
        os.write(writing, b"x")
        assert os.read(manager.kept["pc-1"], 8) == b"x"
        assert set(manager.kept) == {"pc-1", "pc-2"}
        assert "FDPOLL=0" in manager.words[0]
        assert "FDPOLL" not in manager.words[1]
        notifier.forget("pc-1")
        notifier.forget("never-there")
        manager.until(lambda: set(manager.kept) == {"pc-2"})
        for fd in (reading, writing):
            os.close(fd)


def test_the_next_process_inherits_them_by_name_and_passes_them_to_no_child(tmp_path: Path) -> None:
    script = (
        "import os, subprocess, sys; from edge.systemd import inherited\n"
        "got = inherited(os.environ)\n"
        "print(sorted(got), os.read(got['pc-1'], 9).decode(), any(os.get_inheritable(fd) for fd in got.values()),\n"
        "      [key for key in os.environ if key.startswith('LISTEN_')], inherited(os.environ))"
    )
    with ServiceManager(tmp_path) as manager:
        notifier = Notifier({"NOTIFY_SOCKET": str(manager.address)})
        reading, writing = os.pipe()
        notifier.store("pc-1", reading)
        notifier.store("pc-2", writing)
        manager.until(lambda: len(manager.kept) == 2)
        os.write(writing, b"handed on")
        done = manager.start([sys.executable, "-c", script], stdout=subprocess.PIPE)
        out, _ = done.communicate(timeout=15)
        assert out.decode().split("\n")[0] == "['pc-1', 'pc-2'] handed on False [] {}"
        for fd in (reading, writing):
            os.close(fd)


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "1"}, {"LISTEN_PID": "4242", "LISTEN_FDS": "many"},
     {"LISTEN_PID": "4242", "LISTEN_FDS": "-1"}, {"LISTEN_PID": "4242"}],
    ids=["none", "another's", "no number", "negative", "no count"],
)
def test_files_that_are_not_for_this_process_are_left_alone(environ: dict[str, str]) -> None:
    assert inherited(environ, pid=4242) == {}
    assert environ == {}


def test_a_count_beyond_what_is_open_is_no_error() -> None:
    script = (
        "from edge.systemd import inherited; import os\n"
        "e = {'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '100000', 'LISTEN_FDNAMES': 'a:a'}\n"
        "os.closerange(3, 64); os.pipe(); os.pipe()\n"
        "print(inherited(e))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == f"{{'a': {FIRST_FD}, 'unnamed-2': 5, 'unnamed-3': 6}}"
    assert MAX_KEPT >= 160  # what the unit allows


def test_the_unit_keeps_as_much_as_the_pass_through_may_store() -> None:
    unit = (Path(__file__).parents[2] / "systemd" / "borderpost.service").read_text(encoding="utf-8")
    from edge.passthrough.sockets import MAX_PCS

    assert f"FileDescriptorStoreMax={16 * (1 + MAX_PCS) + 16}\n" in unit
    assert "RuntimeDirectoryPreserve=restart\n" in unit


def test_the_unit_refuses_what_the_daemon_can_do_without_and_kills_nobody_for_asking() -> None:
    unit = (Path(__file__).parents[2] / "systemd" / "borderpost.service").read_text(encoding="utf-8")
    filters = [line.partition("=")[2] for line in unit.splitlines() if line.startswith("SystemCallFilter=")]
    assert filters == ["@system-service", "~@privileged @resources"]
    assert "SystemCallErrorNumber=EPERM\n" in unit  # a child that may not put itself last works all the same
    for_ptys = (Path(__file__).parents[2] / "systemd" / "borderpost-pty.conf").read_text(encoding="utf-8")
    assert for_ptys.endswith("[Service]\nSystemCallFilter=@chown\n")  # a pty is given to the service's group


def test_the_unit_may_open_every_port_that_is_offered() -> None:
    from drivers.discovery.plugged import CHIPS

    unit = (Path(__file__).parents[2] / "systemd" / "borderpost.service").read_text(encoding="utf-8")
    assert "DevicePolicy=closed\n" in unit
    for name in ("GS", *CHIPS):
        assert f"DeviceAllow=char-tty{name} rw\n" in unit


def test_what_is_plugged_in_after_the_daemon_has_started_may_be_opened_too() -> None:
    unit = (Path(__file__).parents[2] / "systemd" / "borderpost.service").read_text(encoding="utf-8")
    allowed = {line.partition("=")[2] for line in unit.splitlines() if line.startswith("DeviceAllow=")}
    # systemd looks a name up when the unit starts; before the first such device its kernel module is not loaded, and
    # the name is passed over. The numbers are Linux's own (Documentation/admin-guide/devices.txt).
    assert {"char-188 rw", "char-166 rw", "char-189 rw"} <= allowed
    assert not {"char-ttyUSB rw", "char-ttyACM rw", "char-usb_device rw"} & allowed


def test_memory_with_opened_lists_reaches_neither_swap_nor_a_core_dump() -> None:
    unit = (Path(__file__).parents[2] / "systemd" / "borderpost.service").read_text(encoding="utf-8")
    assert {"MemorySwapMax=0", "LimitCORE=0", "LimitMEMLOCK=2G", "OOMPolicy=continue"} <= set(unit.splitlines())
