"""The counter's local UNIX socket: verdicts out, outcome codes and questions in.

Protocol: JSON lines both ways. Out: ``hello`` on connect, then ``verdict``, ``closed``, ``reader``,
``notice``, ``finger`` (what the person does now) and ``fingers`` (what came of it); a request is answered with
``reply``. In: ``{"do": "close"|"finger"|"verify"|"passages"|"status", …}``.

Laws:
1. One thread owns every socket; others hand it bytes through a deque and a wake pipe, so that no
   officer's terminal can slow a verdict down. Replies have a queue of their own: who asks much cannot push
   verdicts out.
2. Only what ``Verdict.shown()`` projects reaches this file (ARCHITECTURE law 8).
3. Every client has limits: ``MAX_CLIENTS``, ``MAX_REQUEST_BYTES``, ``MAX_BACKLOG_BYTES``. One that does not
   read is dropped, and may come back.
4. A socket on which somebody answers is left to him.
5. A word that was given while nobody was connected (the box has just started, and a document lies on the reader) is
   given to whoever connects within MISSED_S.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import structlog

from edge.core.errors import BorderpostError
from edge.crew import Stopping

MAX_CLIENTS = 16
MAX_REQUEST_BYTES = 4096
MAX_BACKLOG_BYTES = 1024 * 1024
MAX_QUEUE = 1024  # messages waiting for the desk's thread
MAX_WAITING = 32  # requests of one client without a reply yet
MISSED_S = 30.0
MAX_KEPT = 256  # messages that a client holds because they came before a reply
MAX_MISSED = 16  # words
WORDS = (b'{"type":"verdict"', b'{"type":"again"', b'{"type":"fingers"')
FULL = b'{"type":"notice","text":"too many terminals are open at this box: close one and start again"}\n'

log = structlog.get_logger("desk")

Reply = Callable[[Mapping[str, Any]], None]
Handler = Callable[[Mapping[str, Any], int, Reply], None]  # request, uid of the asking process, answer


class DeskError(BorderpostError):
    """The socket cannot be made or reached."""


@dataclass(slots=True)
class _Client:
    sock: socket.socket
    uid: int
    incoming: bytearray = field(default_factory=bytearray)
    outgoing: bytearray = field(default_factory=bytearray)
    waiting: int = 0  # requests without a reply yet


class Desk:
    """Serves the socket at ``path`` (mode 0660) from its own thread: hire ``run``."""

    def __init__(
        self, path: Path, hello: Callable[[], Mapping[str, Any]], handle: Handler,
        *, mono: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._mono = mono
        self._missed: deque[tuple[float, bytes]] = deque(maxlen=MAX_MISSED)  # law 5
        self._hello = hello
        self._handle = handle
        self._news: deque[bytes] = deque(maxlen=MAX_QUEUE)
        self._replies: deque[tuple[_Client, bytes]] = deque()  # at most MAX_WAITING a client
        self.lost = 0  # messages that found the queue full
        self._wake_r, self._wake_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._clients: dict[int, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = _listen(path)

    def publish(self, message: bytes) -> None:
        """Send one JSON document (no newline inside) to every client; never blocks; any thread."""
        if len(self._news) == MAX_QUEUE:
            self.lost += 1
            log.error("verdicts_lost", count=self.lost, advice="the desk's thread hangs: restart the box")
        self._news.append(message + b"\n")
        self._wake()

    def run(self, stopping: Stopping) -> None:
        """Serve until ``stopping`` is set."""
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._wake_r, selectors.EVENT_READ)
        try:
            while not stopping.is_set():
                for key, mask in self._selector.select(0.5):
                    self._dispatch(key.fd, mask)
                self._flush_queue()
        finally:
            self._close()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake_w, b"x")

    def _dispatch(self, fd: int, mask: int) -> None:
        if fd == self._listener.fileno():
            self._accept()
        elif fd == self._wake_r:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_r, 4096)
        elif client := self._clients.get(fd):
            if mask & selectors.EVENT_READ:
                self._receive(client)
            if mask & selectors.EVENT_WRITE and fd in self._clients:
                self._send(client)

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        if len(self._clients) >= MAX_CLIENTS:
            with contextlib.suppress(OSError):
                sock.send(FULL)
            sock.close()
            return
        sock.setblocking(False)
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        client = _Client(sock, struct.unpack("3i", raw)[1])
        self._clients[sock.fileno()] = client
        self._selector.register(sock, selectors.EVENT_READ)
        self._hand(client, msgspec.json.encode({"type": "hello", **self._hello()}) + b"\n")
        for at, message in self._missed:
            if self._mono() - at <= MISSED_S:
                self._hand(client, message)

    def _receive(self, client: _Client) -> None:
        try:
            data = client.sock.recv(MAX_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(client)
            return
        client.incoming += data
        while (end := client.incoming.find(b"\n")) >= 0:
            line = bytes(client.incoming[:end])
            del client.incoming[: end + 1]
            if client.waiting >= MAX_WAITING:
                log.warning("client_dropped", reason="asks faster than it can be answered", count=client.waiting)
                self._drop(client)
                return
            self._request(client, line)
        if len(client.incoming) > MAX_REQUEST_BYTES:
            self._drop(client)

    def _request(self, client: _Client, line: bytes) -> None:
        def reply(answer: Mapping[str, Any]) -> None:
            self._replies.append((client, msgspec.json.encode({"type": "reply", **answer}) + b"\n"))
            self._wake()

        client.waiting += 1

        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            reply({"ok": False, "error": "not a JSON object", "advice": "send one JSON object a line"})
            return
        self._handle(request, client.uid, reply)

    def _flush_queue(self) -> None:
        while self._news:
            message = self._news.popleft()
            if not self._clients and message.startswith(WORDS):
                self._missed.append((self._mono(), message))
            for client in list(self._clients.values()):
                self._hand(client, message)
        while self._replies:
            asker, answer = self._replies.popleft()
            asker.waiting -= 1
            self._hand(asker, answer)

    def _hand(self, client: _Client, message: bytes) -> None:
        if self._clients.get(client.sock.fileno()) is client:
            client.outgoing += message
            self._send(client)

    def _send(self, client: _Client) -> None:
        try:
            sent = client.sock.send(client.outgoing) if client.outgoing else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop(client)
            return
        del client.outgoing[:sent]
        if len(client.outgoing) > MAX_BACKLOG_BYTES:
            log.warning("client_dropped", reason="does not read", bytes=len(client.outgoing))
            self._drop(client)
            return
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.outgoing else 0)
        self._selector.modify(client.sock, wanted)

    def _drop(self, client: _Client) -> None:
        self._clients.pop(client.sock.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(client.sock)
        client.sock.close()

    def _close(self) -> None:
        for client in list(self._clients.values()):
            self._drop(client)
        self._listener.close()
        self._selector.close()
        self._path.unlink(missing_ok=True)


def _listen(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_socket():
            if _answers(path):
                raise DeskError(
                    f"{path}: another process serves this socket",
                    advice="stop it, or give this box a box.socket of its own",
                )
            path.unlink()  # left by a process that was killed
        sock.bind(str(path))
        path.chmod(0o660)
        sock.listen(MAX_CLIENTS)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise DeskError(
            f"{path}: the counter's socket cannot be made: {error.strerror or error}",
            advice="set box.socket to a path (under 100 characters) in a folder this user may write",
        ) from error
    return sock


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:
            return True  # its queue is full, so there is one
        except OSError:
            return False
        return True


class DeskClient:
    """The other end, for the command line: iterates messages, sends requests."""

    def __init__(self, path: Path, timeout_s: float | None = None) -> None:
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._sock.settimeout(timeout_s)
        try:
            self._sock.connect(str(path))
        except OSError as error:
            self._sock.close()
            raise DeskError(
                f"{path}: the box does not answer: {error.strerror or error}",
                advice="start it with `borderpost run`, or give the right --config",
            ) from error
        self._file = self._sock.makefile("rb")
        self._kept: deque[dict[str, Any]] = deque(maxlen=MAX_KEPT)

    def __enter__(self) -> DeskClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._sock.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """Every message until the box goes away; TimeoutError after ``timeout_s`` of silence, which ends it.

        First those that came while a reply was awaited, the newest MAX_KEPT of them.
        """
        try:
            while (message := self._kept.popleft() if self._kept else self._next()) is not None:
                yield message
        except ConnectionError:
            return

    def _next(self) -> dict[str, Any] | None:
        line = self._file.readline()
        return msgspec.json.decode(line, type=dict[str, Any]) if line else None

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and wait for its reply; ``messages`` gives what comes before it."""
        try:
            self._sock.sendall(msgspec.json.encode(request) + b"\n")
            while (message := self._next()) is not None:
                if message.get("type") == "reply":
                    return message
                self._kept.append(message)
        except ConnectionError:
            pass
        except TimeoutError as error:
            raise DeskError("the box did not answer in time", advice="look at `borderpost doctor`") from error
        raise DeskError("the box went away", advice="look at `borderpost doctor`")
