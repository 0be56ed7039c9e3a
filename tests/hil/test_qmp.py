"""Control of an emulated machine, against servers that speak its protocols on UNIX sockets; QEMU is not needed."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil_tests.bench.target import TargetError
from hil_tests.vm.agent import Agent
from hil_tests.vm.argv import Machine, argv, overlay_node
from hil_tests.vm.messages import (
    Event,
    Failed,
    Greeting,
    Lines,
    QmpError,
    RefusedError,
    Returned,
    dial,
    encode,
    parse,
)  # fmt: skip
from hil_tests.vm.qmp import EVENTS, Qmp

GREETING = {"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 22}, "package": ""}, "capabilities": []}}
Answer = Callable[[dict[str, Any]], bytes | None]


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="q", dir="/tmp") as made:
        yield Path(made)


def line(body: object) -> bytes:
    return json.dumps(body).encode() + b"\r\n"


def event(name: str, **data: Any) -> bytes:
    return line({"event": name, "data": data, "timestamp": {"seconds": 1, "microseconds": 2}})


class Server:
    """One connection: a greeting, then ``answer`` for each command; None says nothing. ``cut``: bytes a send."""

    def __init__(self, path: Path, answer: Answer, greeting: bytes = b"", cut: int = 1 << 20) -> None:
        self.asked: list[dict[str, Any]] = []
        self.connection: socket.socket | None = None
        self._answer, self._greeting, self._cut = answer, greeting, cut
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(1)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        assert self.connection is not None
        for at in range(0, len(data), self._cut):
            self.connection.sendall(data[at : at + self._cut])

    def hang_up(self) -> None:
        assert self.connection is not None
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        if self.connection is not None:
            self.hang_up()
        self._thread.join(5)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            self.connection, _ = self._listening.accept()
            self.send(self._greeting)
            for raw in self.connection.makefile("rb"):
                asked = json.loads(raw.lstrip(b"\xff"))
                self.asked.append(asked)
                if (answer := self._answer(asked)) is not None:
                    self.send(answer)


def returns(asked: dict[str, Any], value: Any = None) -> bytes:
    return line({"return": {} if value is None else value, "id": asked.get("id")})


@contextlib.contextmanager
def qemu(folder: Path, answer: Answer, cut: int = 1 << 20) -> Iterator[tuple[Server, Qmp]]:
    def with_capabilities(asked: dict[str, Any]) -> bytes | None:
        return returns(asked) if asked["execute"] == "qmp_capabilities" else answer(asked)

    server = Server(folder / "qmp", with_capabilities, line(GREETING), cut)
    qmp = Qmp.connect(folder / "qmp", 5)
    try:
        yield server, qmp
    finally:
        qmp.close()
        server.close()


# The codec


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_lines_come_out_whole_however_they_are_cut(size: int) -> None:
    lines, got = Lines(), []
    data = b'{"a": 1}\r\n\r\n{"b": 2}\n{"c"'
    for at in range(0, len(data), size):
        got += lines.feed(data[at : at + size])
    assert got == [b'{"a": 1}', b'{"b": 2}']
    assert lines.feed(b": 3}\n") == [b'{"c": 3}']


def test_a_line_has_a_limit() -> None:
    lines = Lines(limit=10)
    assert lines.feed(b"123456789\n123456789") == [b"123456789"]
    assert lines.feed(b"0\n") == [b"1234567890"]
    with pytest.raises(QmpError, match="over 10 bytes"):
        lines.feed(b"12345678901")
    with pytest.raises(QmpError, match="over 10 bytes"):
        Lines(limit=10).feed(b"1\n12345678901\n")


def test_messages_are_told_apart() -> None:
    assert parse(line(GREETING)) == Greeting((7, 2, 22))
    assert parse(b'{"return": {"status": "running"}, "id": 3}') == Returned(3, {"status": "running"})
    assert parse(b'{"error": {"class": "GenericError", "desc": "no"}, "id": 4}') == Failed(4, "GenericError", "no")
    assert parse(event("RESET", guest=True), 1.5) == Event("RESET", {"guest": True}, 1.5)
    assert parse(b'{"event": "STOP"}') == Event("STOP", {}, 0.0)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"3", b"null", b"{}", b'{"QMP": 1}', b'{"error": "no"}', b"\xff{}"])
def test_what_is_no_message_is_an_error(raw: bytes) -> None:
    with pytest.raises(QmpError, match="no message"):
        parse(raw)


def test_a_command_is_one_line() -> None:
    raw = encode("device_add", {"driver": "usb-serial", "serial": "a\nb"}, 7)
    assert raw.count(b"\n") == 1
    assert json.loads(raw) == {
        "execute": "device_add", "arguments": {"driver": "usb-serial", "serial": "a\nb"}, "id": 7,
    }  # fmt: skip
    assert json.loads(encode("stop", {}, 8)) == {"execute": "stop", "id": 8}


def test_a_path_that_no_socket_can_have_is_said_so() -> None:
    with pytest.raises(QmpError, match="107 bytes"):
        dial(Path("/" + "x" * 107), 0.1)


def test_a_socket_that_comes_late_is_waited_for_and_one_that_never_comes_is_not(folder: Path) -> None:
    with pytest.raises(QmpError, match="nobody listens"):
        dial(folder / "never", 0.05)
    late = threading.Timer(0.1, lambda: servers.append(Server(folder / "late", returns)))
    servers: list[Server] = []
    late.start()
    dial(folder / "late", 5).close()
    late.join()
    servers[0].close()


# The machine's control


@pytest.mark.parametrize("cut", [1, 1 << 20])
def test_an_answer_is_found_among_events_and_answers_to_others(folder: Path, cut: int) -> None:
    def answer(asked: dict[str, Any]) -> bytes:
        stale = line({"return": {"status": "stale"}, "id": asked["id"] - 1})
        return event("STOP") + stale + returns(asked, {"status": "paused"}) + event("RESUME")

    with qemu(folder, answer, cut) as (server, qmp):
        assert qmp.version == (7, 2, 22)
        assert qmp.status() == "paused"
        qmp.wait_event("RESUME", 5)
        assert [one.name for one in qmp.events()] == ["STOP"]
        assert [one["execute"] for one in server.asked] == ["qmp_capabilities", "query-status"]


def test_a_refusal_says_which_command_and_why(folder: Path) -> None:
    def answer(asked: dict[str, Any]) -> bytes:
        return line({"error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}, "id": asked["id"]})

    with qemu(folder, answer) as (_, qmp), pytest.raises(RefusedError, match="set_link: Device 'x'") as refused:
        qmp.set_link("x", up=False)
    assert refused.value.kind == "DeviceNotFound"


def test_a_pulled_device_is_awaited_and_an_old_event_does_not_count(folder: Path) -> None:
    pulled = threading.Event()

    def answer(asked: dict[str, Any]) -> bytes:
        if asked["execute"] == "device_del":
            pulled.set()
        return returns(asked)

    with qemu(folder, answer) as (server, qmp):
        server.send(event("DEVICE_DELETED", device="reader", path="/machine/peripheral/reader"))
        qmp.execute("query-status")  # so the old event has been read
        with pytest.raises(QmpError, match="not within"):
            qmp.device_del("reader", limit_s=0.1)
        assert pulled.is_set()
        other, this = event("DEVICE_DELETED", device="other"), event("DEVICE_DELETED", device="reader")
        sender = threading.Timer(0.1, server.send, (event("DEVICE_DELETED", path="/x") + other + this,))
        sender.start()
        qmp.device_del("reader", limit_s=5)
        sender.join()
        assert [one.data.get("device") for one in qmp.events()] == [None, "other"]


def test_an_event_is_taken_once_and_the_list_of_them_is_bounded(folder: Path) -> None:
    with qemu(folder, returns) as (server, qmp):
        for number in range(EVENTS + 5):
            server.send(event("TICK", number=number))
        server.send(event("WATCHDOG", action="reset"))
        assert qmp.wait_event("WATCHDOG", 5).data == {"action": "reset"}
        with pytest.raises(QmpError):
            qmp.wait_event("WATCHDOG", 0.05)
        assert len(qmp.events()) == EVENTS - 1
        assert qmp.wait_event("TICK", 1).data == {"number": 6}


def test_a_character_device_that_is_still_busy_is_asked_again(folder: Path) -> None:
    left = [3]

    def answer(asked: dict[str, Any]) -> bytes:
        left[0] -= 1
        if left[0]:
            return line({"error": {"class": "GenericError", "desc": "Chardev 'r1' is busy"}, "id": asked["id"]})
        return returns(asked)

    with qemu(folder, answer) as (server, qmp):
        qmp.chardev_remove("r1", 5)
        assert len(server.asked) == 1 + 3
        left[0] = 1000
        with pytest.raises(RefusedError, match="busy"):
            qmp.chardev_remove("r1", 0.1)


def test_names_with_a_hyphen_get_through(folder: Path) -> None:
    with qemu(folder, returns) as (server, qmp):
        qmp.blockdev_add("stick", Path("/x/stick.img"), read_only=True)
        asked = server.asked[-1]["arguments"]
    assert (asked["node-name"], asked["read-only"], asked["file"]["filename"]) == ("stick", True, "/x/stick.img")


def test_a_migration_that_failed_is_no_snapshot(folder: Path) -> None:
    told = iter([{}, {"status": "active"}, {"status": "failed", "error-desc": "no space"}])

    def answer(asked: dict[str, Any]) -> bytes:
        return returns(asked, next(told) if asked["execute"] == "query-migrate" else None)

    with qemu(folder, answer) as (server, qmp):
        with pytest.raises(QmpError, match="no space"):
            qmp.migrate(folder / "a b", 5)
        uri = next(one["arguments"]["uri"] for one in server.asked if one["execute"] == "migrate")
    assert uri.endswith(f"'{folder}/a b'")


def test_a_machine_that_ends_ends_every_wait_at_once(folder: Path) -> None:
    def answer(asked: dict[str, Any]) -> None:
        threading.Timer(0.1, server.hang_up).start()

    with qemu(folder, answer) as (server, qmp):
        begun = time.monotonic()
        with pytest.raises(QmpError, match="gone"):
            qmp.execute("stop", limit_s=30)
        with pytest.raises(QmpError):
            qmp.wait_event("RESET", 30)
        with pytest.raises(QmpError):
            qmp.cont()
        assert time.monotonic() - begun < 5


def test_one_that_does_not_answer_is_given_up(folder: Path) -> None:
    with qemu(folder, lambda _: None) as (_, qmp), pytest.raises(QmpError, match="an answer to stop"):
        qmp.execute("stop", limit_s=0.05)


@pytest.mark.parametrize("greeting", [b"SSH-2.0-x\r\n", b""])
def test_what_does_not_greet_as_qemu_is_not_spoken_to(folder: Path, greeting: bytes) -> None:
    server = Server(folder / "qmp", returns, greeting)
    with pytest.raises(QmpError):
        Qmp.connect(folder / "qmp", 0.2)
    assert server.asked == []
    server.close()


# The agent inside


class Inside:
    """What an agent does: ``polls`` questions until a command has ended with ``told``."""

    def __init__(self, told: dict[str, Any], polls: int = 2, rubbish: bytes = b"") -> None:
        self.told, self.polls, self.rubbish = told, polls, rubbish
        self.started: list[dict[str, Any]] = []

    def __call__(self, asked: dict[str, Any]) -> bytes:
        if asked["execute"] == "guest-sync-delimited":
            return self.rubbish + b"\xff" + line({"return": asked["arguments"]["id"]})
        if asked["execute"] == "guest-exec":
            self.started.append(asked["arguments"])
            return line({"return": {"pid": 77}, "id": asked["id"]})
        self.polls -= 1
        return returns(asked, {"exited": False} if self.polls > 0 else {"exited": True, **self.told})


@contextlib.contextmanager
def agent(folder: Path, answer: Answer) -> Iterator[tuple[Server, Agent]]:
    server = Server(folder / "agent", answer)
    connected = Agent(folder / "agent", 5)
    try:
        yield server, connected
    finally:
        connected.close()
        server.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_command_s_input_output_and_code_are_bytes_as_they_were(folder: Path) -> None:
    inside = Inside({"exitcode": 3, "out-data": b64(b"\xff\0out"), "err-data": b64(b"err\n")})
    with agent(folder, inside) as (_, connected):
        done = connected.execute(("tr", "a", "b"), stdin=b"\0\xffin")
    assert (done.code, done.out, done.err) == (3, b"\xff\0out", b"err\n")
    (start,) = inside.started
    assert (start["path"], start["arg"], start["input-data"]) == ("tr", ["a", "b"], b64(b"\0\xffin"))


def test_a_signal_is_told_as_a_shell_tells_it(folder: Path) -> None:
    with agent(folder, Inside({"signal": 9})) as (_, connected):
        assert connected.execute(("x",)).code == 137


def test_half_an_answer_from_before_a_restore_does_not_disturb(folder: Path) -> None:
    rubbish = b'{"return": {"exited": true, "out-da' + b"\xff" + line({"return": 1})
    with agent(folder, Inside({"exitcode": 0}, rubbish=rubbish)) as (_, connected):
        connected.sync(5)
        assert connected.execute(("true",)).code == 0


def test_an_agent_that_comes_late_is_asked_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil_tests.vm.agent.RESYNC_S", 0.05)
    inside, deaf = Inside({"exitcode": 0}), [3]

    def answer(asked: dict[str, Any]) -> bytes | None:
        deaf[0] -= 1
        return None if deaf[0] >= 0 else inside(asked)

    with agent(folder, answer) as (server, connected):
        connected.sync(5)
        assert len(server.asked) == 4


def test_every_question_of_an_agent_that_comes_late_is_answered_at_last(folder: Path) -> None:
    inside = Inside({"exitcode": 0})

    def answer(asked: dict[str, Any]) -> bytes | None:
        late = b"\xff" + line({"return": 5, "id": None})
        return inside(asked) + late if asked["execute"] == "guest-sync-delimited" else late + inside(asked)

    with agent(folder, answer) as (_, connected):
        connected.sync(5)
        assert connected.execute(("true",)).code == 0


def test_a_late_answer_is_not_taken_for_the_next_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil_tests.vm.agent.RESYNC_S", 0.2)
    held: list[bytes] = []

    def answer(asked: dict[str, Any]) -> bytes | None:
        if asked["execute"] == "guest-sync-delimited":
            return b"".join(held) + b"\xff" + line({"return": asked["arguments"]["id"]})
        if asked["execute"] == "guest-info":
            held.append(returns(asked, "late"))
            return None
        return b"".join(held) + returns(asked, "right")

    with agent(folder, answer) as (_, connected):
        connected.sync(5)
        with pytest.raises(QmpError, match="guest-info"):
            connected.request("guest-info", limit_s=0.1)
        assert connected.request("guest-ping") == "right"


def test_a_command_over_its_time_is_killed_inside(folder: Path) -> None:
    inside = Inside({}, polls=1 << 30)
    with agent(folder, inside) as (_, connected), pytest.raises(TargetError, match="sleep"):
        connected.execute(("sleep", "9"), limit_s=0.1)
    assert [(one["path"], one["arg"]) for one in inside.started] == [("sleep", ["9"]), ("kill", ["-KILL", "77"])]


def test_output_that_the_agent_cut_off_is_not_passed_on(folder: Path) -> None:
    inside = Inside({"exitcode": 0, "out-data": b64(b"x"), "out-truncated": True})
    with agent(folder, inside) as (_, connected), pytest.raises(TargetError, match="16 MiB"):
        connected.execute(("cat", "big"))


def test_a_program_that_is_not_there_has_a_shell_s_code(folder: Path) -> None:
    def answer(asked: dict[str, Any]) -> bytes:
        if asked["execute"] == "guest-sync-delimited":
            return b"\xff" + line({"return": asked["arguments"]["id"]})
        text = "Failed to execute child process “x” (No such file or directory)"
        return line({"error": {"class": "GenericError", "desc": text}, "id": asked["id"]})

    with agent(folder, answer) as (_, connected):
        done = connected.execute(("x",))
    assert done.code == 127
    assert b"No such file" in done.err


def test_a_machine_that_is_cut_off_ends_the_command_at_once(folder: Path) -> None:
    inside = Inside({}, polls=1 << 30)
    with agent(folder, inside) as (server, connected):
        threading.Timer(0.2, server.hang_up).start()
        begun = time.monotonic()
        with pytest.raises(QmpError):
            connected.execute(("sleep", "60"), limit_s=60)
        assert time.monotonic() - begun < 5


# The machine's description


def machine(folder: Path) -> Machine:
    return Machine(folder / "vmlinuz", folder / "initrd", folder / "disk.qcow2", folder, folder / "s", 18883, 13240)


def test_the_machine_is_emulated_leads_nowhere_and_keeps_the_flush(folder: Path) -> None:
    words = argv(machine(folder))
    assert words[words.index("-accel") + 1] == "tcg,thread=multi"
    assert not any("kvm" in word for word in words)
    network = words[words.index("-netdev") + 1]
    assert "restrict=on" in network
    assert network.count("guestfwd=") == 2
    assert "guestfwd=tcp:10.0.2.100:8883-cmd:socat - TCP:127.0.0.1:18883" in network
    node = overlay_node(folder / "disk.qcow2")
    assert "no-flush=on" not in node
    assert node.count("cache.no-flush=off") == 2
    assert "virtio-blk-pci,drive=disk,id=disk0,write-cache=on" in words


def test_a_restored_machine_has_the_devices_of_the_one_that_was_kept(folder: Path) -> None:
    fresh, restored = argv(machine(folder)), argv(machine(folder), "zstd -dc x")
    assert restored[: len(fresh)] == fresh
    assert restored[len(fresh) :] == ["-incoming", "exec:zstd -dc x"]
