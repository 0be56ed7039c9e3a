"""Commands inside the guest: QEMU's guest agent on a UNIX socket.

Laws:
1. One request is under way at a time; its answer is known by its id, whatever else still comes.
2. After a boot, a restore or an answer that did not come the two sides agree anew where a message begins
   (``guest-sync-delimited``: the answer stands behind a byte 0xFF, which no JSON holds).
3. No wait is without a limit; a command that outlives its own is killed inside.

Source: docs/interop/qemu-ga.rst and qga/qapi-schema.json of QEMU 7.2.
"""

from __future__ import annotations

import base64
import contextlib
import secrets
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hil_tests.bench.target import COMMAND_S, Done, TargetError
from hil_tests.vm.messages import Failed, Lines, QmpError, RefusedError, Returned, dial, encode, parse

ANSWER_S = 60.0  # of the agent itself, in an emulated machine under load
RESYNC_S = 2.0  # a question of where we are is asked again that often
DELIMITER = b"\xff"
ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "HOME=/root")
NOT_FOUND = 127  # a shell's exit code of a program that is not there
FIRST_POLL_S, LAST_POLL_S = 0.005, 0.2


class Agent:
    """The agent's connection. Any thread may call."""

    def __init__(self, path: Path, limit_s: float = ANSWER_S) -> None:
        self._lock, self._socket, self._lines = threading.Lock(), dial(path, limit_s), Lines()
        self._waiting: list[bytes] = []
        self._asked = secrets.randbits(30)  # ids differ from those of a connection before
        self._in_step = False

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def sync(self, limit_s: float = ANSWER_S) -> None:
        """Until the agent answers, and no older answer can be taken for a newer one. Raises QmpError."""
        with self._lock:
            self._sync(time.monotonic() + limit_s)

    def request(self, command: str, *, limit_s: float = ANSWER_S, **arguments: Any) -> Any:
        """One command of the agent's own; what it returns. Raises RefusedError, QmpError."""
        with self._lock:
            end = time.monotonic() + limit_s
            if not self._in_step:
                self._sync(end)
            self._asked += 1
            self._in_step = False
            self._send(encode(command, arguments, self._asked))
            while True:
                line = self._line(end, command).rpartition(DELIMITER)[2]  # late answers to a sync come with theirs
                answer = parse(line)
                if isinstance(answer, Returned | Failed) and answer.ident == self._asked:
                    break
            self._in_step = True
        if isinstance(answer, Failed):
            raise RefusedError(answer.kind, f"{command}: {answer.text}")
        return answer.value

    def execute(self, words: Sequence[str], *, stdin: bytes = b"", limit_s: float = COMMAND_S) -> Done:
        """Run a command as root and wait for it; what it wrote, up to 16 MiB a stream (the agent's limit).

        A child that it leaves behind and that holds its output open counts as the command. ``limit_s`` in seconds
        of this computer. Raises TargetError when it takes longer, or writes more.
        """
        end = time.monotonic() + limit_s
        start: dict[str, Any] = {"path": words[0], "arg": list(words[1:]), "env": ENVIRONMENT, "capture-output": True}
        if stdin:
            start["input-data"] = base64.b64encode(stdin).decode()
        try:
            pid = self.request("guest-exec", **start)["pid"]
        except RefusedError as error:
            if "No such file" in error.text:
                return Done(NOT_FOUND, b"", error.text.encode())
            raise
        pause = FIRST_POLL_S
        while True:
            told = self.request("guest-exec-status", pid=pid)
            if told["exited"]:
                return _done(words, told)
            if time.monotonic() > end:
                with contextlib.suppress(TargetError):
                    self.request("guest-exec", path="kill", arg=["-KILL", str(pid)], env=ENVIRONMENT)
                raise TargetError(f"not within {limit_s:.0f} s: {list(words)}")
            time.sleep(pause)
            pause = min(pause * 1.5, LAST_POLL_S)

    def _sync(self, end: float) -> None:
        asked: set[int] = set()
        self._waiting.clear()
        while True:
            ident = secrets.randbits(30)
            asked.add(ident)
            self._send(DELIMITER + encode("guest-sync-delimited", {"id": ident}, None))
            again = min(end, time.monotonic() + RESYNC_S)
            try:
                while True:
                    line = self._line(again, "guest-sync-delimited")
                    _, found, rest = line.rpartition(DELIMITER)
                    with contextlib.suppress(QmpError):  # what stands before it may be half of anything
                        answer = parse(rest) if found else None
                        if isinstance(answer, Returned) and answer.value in asked:
                            self._in_step = True
                            return
            except _LateError as error:
                if time.monotonic() >= end:
                    raise QmpError(f"the guest's agent does not answer: {error}") from error

    def _send(self, data: bytes) -> None:
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise QmpError(f"the guest's agent: {error}") from error

    def _line(self, end: float, awaited: str) -> bytes:
        while not self._waiting:
            self._socket.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError as error:
                raise _LateError(f"no answer in time to {awaited}") from error
            except OSError as error:
                raise QmpError(f"the guest's agent: {error}") from error
            if not data:
                raise QmpError(f"the machine is gone, awaited: an answer to {awaited}")
            self._waiting += self._lines.feed(data)
        return self._waiting.pop(0)


class _LateError(QmpError):
    """Nothing came in time."""


def _done(words: Sequence[str], told: dict[str, Any]) -> Done:
    if told.get("out-truncated") or told.get("err-truncated"):
        raise TargetError(f"it wrote more than the agent takes (16 MiB): {list(words)}")
    code = int(told["exitcode"]) if "exitcode" in told else 128 + int(told.get("signal", 0))  # as a shell says it
    return Done(code, base64.b64decode(told.get("out-data", "")), base64.b64decode(told.get("err-data", "")))
