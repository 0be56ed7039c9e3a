from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge import desk as desks
from edge.desk import Desk, DeskClient, DeskError, Reply

CLOCK = [1000.0]


def hello() -> Mapping[str, Any]:
    return {"device": "box-1", "counters": ["lane-1"], "open": []}


def echo(request: Mapping[str, Any], uid: int, reply: Reply) -> None:
    reply({"ok": True, "asked": request.get("do"), "uid": uid})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[tuple[Desk, Path]]:
    path = tmp_path / "c.sock"
    made = Desk(path, hello, echo, mono=lambda: CLOCK[0])
    stopping = threading.Event()
    thread = threading.Thread(target=made.run, args=(stopping,))
    thread.start()
    yield made, path
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()
    assert not path.exists()


def test_a_client_is_greeted_and_gets_what_is_published(desk: tuple[Desk, Path]) -> None:
    made, path = desk
    with DeskClient(path, 5) as client:
        messages = client.messages()
        assert next(messages) == {"type": "hello", **hello()}
        made.publish(msgspec.json.encode({"type": "verdict", "outcome": "CLEAR"}))
        assert next(messages)["outcome"] == "CLEAR"


def test_a_request_is_answered_to_the_one_who_asked(desk: tuple[Desk, Path]) -> None:
    _, path = desk
    with DeskClient(path, 5) as client:
        assert client.ask({"do": "status"}) == {"type": "reply", "ok": True, "asked": "status", "uid": os.getuid()}


def test_what_comes_before_a_reply_is_kept_and_told_first(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    def busy(_request: Mapping[str, Any], _uid: int, reply: Reply) -> None:
        for number in range(desks.MAX_KEPT + 5):
            made.publish(msgspec.json.encode({"type": "finger", "number": number}))
        reply({"ok": True})

    made = Desk(path, hello, busy)
    stopping = threading.Event()
    thread = threading.Thread(target=made.run, args=(stopping,))
    thread.start()
    try:
        with DeskClient(path, 5) as client:
            assert client.ask({"do": "finger"})["ok"] is True
            made.publish(msgspec.json.encode({"type": "finger", "number": -1}))
            messages = client.messages()
            kept = [next(messages)["number"] for _ in range(desks.MAX_KEPT)]
            assert kept == list(range(5, desks.MAX_KEPT + 5))  # the newest, the greeting is older
            assert next(messages)["number"] == -1
    finally:
        stopping.set()
        thread.join(5)


def test_what_is_no_json_is_answered_and_too_long_a_line_ends_the_client(desk: tuple[Desk, Path]) -> None:
    _, path = desk
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(str(path))
        lines = raw.makefile("rb")
        lines.readline()
        raw.sendall(b"\xff{nonsense\n")
        assert msgspec.json.decode(lines.readline())["ok"] is False
        raw.sendall(b"x" * (desks.MAX_REQUEST_BYTES * 2))
        assert lines.readline() == b""


def test_a_client_that_does_not_read_is_dropped_and_others_go_on(desk: tuple[Desk, Path]) -> None:
    made, path = desk
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(str(path))
    with DeskClient(path, 5) as client:
        messages = client.messages()
        next(messages)
        big = msgspec.json.encode({"type": "notice", "text": "x" * 100_000})
        for _ in range(40):
            made.publish(big)
            assert next(messages)["type"] == "notice"
        made.publish(msgspec.json.encode({"type": "verdict", "outcome": "HIT"}))
        assert next(messages)["outcome"] == "HIT"
    deaf.settimeout(5)
    received = 0
    while chunk := deaf.recv(1 << 16):
        received += len(chunk)
    assert received < 40 * len(big)
    deaf.close()


def test_the_socket_is_for_owner_and_group_only(desk: tuple[Desk, Path]) -> None:
    assert stat.S_IMODE(desk[1].stat().st_mode) == 0o660


def test_a_box_that_does_not_run_is_said_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(DeskError) as caught:
        DeskClient(tmp_path / "none.sock")
    assert "borderpost run" in caught.value.advice


def test_a_request_nested_too_deeply_is_answered_and_the_desk_goes_on(desk: tuple[Desk, Path]) -> None:
    _, path = desk
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(str(path))
        lines = raw.makefile("rb")
        lines.readline()
        raw.sendall(b'{"do":' + b"[" * 1500 + b"]" * 1500 + b"}\n")
        assert b'"ok":' in lines.readline()  # how deep is too deep depends on the Python
        raw.sendall(b'{"do":"status"}\n')
        assert msgspec.json.decode(lines.readline())["ok"] is True


def test_a_socket_that_somebody_serves_is_left_to_him_and_a_dead_one_is_taken(
    desk: tuple[Desk, Path], tmp_path: Path
) -> None:
    with pytest.raises(DeskError, match="another process"):
        Desk(desk[1], hello, echo)
    with DeskClient(desk[1], 5) as client:
        assert client.ask({"do": "status"})["ok"] is True
    left = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(left))
    Desk(left, hello, echo)
    assert left.is_socket()


def test_a_path_that_cannot_be_a_socket_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DeskError, match="cannot be made") as caught:
        Desk(tmp_path / ("x" * 200), hello, echo)
    assert "100 characters" in caught.value.advice


def test_a_client_that_asks_without_end_is_dropped_and_pushes_no_verdict_out(desk: tuple[Desk, Path]) -> None:
    made, path = desk
    with DeskClient(path, 5) as officer, socket.socket(socket.AF_UNIX) as flood:
        messages = officer.messages()
        next(messages)
        flood.connect(str(path))
        with contextlib.suppress(OSError):
            flood.sendall(b"x\n" * 100_000)
        for number in range(200):
            made.publish(msgspec.json.encode({"type": "verdict", "number": number}))
        assert [next(messages)["number"] for _ in range(200)] == list(range(200))
    assert made.lost == 0


def test_the_terminal_that_is_one_too_many_is_told(desk: tuple[Desk, Path]) -> None:
    _, path = desk
    with contextlib.ExitStack() as others:
        for _ in range(desks.MAX_CLIENTS):
            client = others.enter_context(DeskClient(path, 5))
            next(client.messages())
        with DeskClient(path, 5) as late:
            assert [m["type"] for m in late.messages()] == ["notice"]


def missed(path: Path) -> list[str]:
    """What a client gets between the greeting and the answer to a question."""
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(5)
        raw.connect(str(path))
        raw.sendall(b'{"do":"status"}\n')
        lines = raw.makefile("rb")
        assert b"hello" in next(lines)
        got = []
        while (message := msgspec.json.decode(next(lines)))["type"] != "reply":
            got.append(str(message["passage"]))
        return got


def test_a_word_that_nobody_heard_is_given_to_who_comes_for_half_a_minute(desk: tuple[Desk, Path]) -> None:
    made, path = desk
    for number in range(desks.MAX_MISSED + 2):
        made.publish(msgspec.json.encode({"type": "verdict", "passage": f"P{number}"}))
    made.publish(msgspec.json.encode({"type": "reader", "reader": "page-1", "state": "ready"}))
    made.publish(msgspec.json.encode({"type": "again", "passage": "P9"}))
    until_empty(made)
    last = [f"P{number}" for number in range(3, desks.MAX_MISSED + 2)] + ["P9"]
    assert missed(path) == missed(path) == last
    CLOCK[0] += desks.MISSED_S + 1
    assert missed(path) == []


def until_empty(made: Desk) -> None:
    for _ in range(500):
        if not made._news:
            return
        threading.Event().wait(0.01)
    pytest.fail("the desk does not take what is published")
