"""The lines that QEMU and the guest's agent speak: JSON, one message a line. Pure, but for ``dial``.

Laws:
1. A line over ``LINE_LIMIT`` bytes, and one that is no message, is an error, never a guess.

Source: docs/interop/qmp-spec.rst of QEMU 7.2.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_tests.bench.target import TargetError

LINE_LIMIT = 64 << 20  # bytes; the agent's longest answer is 2 x 16 MiB in base64
PATH_LIMIT = 107  # bytes of a UNIX socket's path (unix(7): sun_path holds 108 with its zero)


class QmpError(TargetError):
    """QEMU cannot be spoken to: it ended, it did not answer in time, or it does not speak QMP."""


class RefusedError(QmpError):
    """QEMU, or the guest's agent, answered a command with an error."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind, self.text = kind, text


@dataclass(frozen=True, slots=True)
class Returned:
    """A command's answer."""

    ident: object
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A command's refusal."""

    ident: object
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """What QEMU tells unasked. ``at``: seconds of this computer's monotonic clock when it was read."""

    name: str
    data: dict[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class Greeting:
    """The first line. ``version``: QEMU's, as in (7, 2, 22)."""

    version: tuple[int, int, int]


Message = Returned | Failed | Event | Greeting


class Lines:
    """Bytes in, whole lines out."""

    def __init__(self, limit: int = LINE_LIMIT) -> None:
        self._limit, self._rest = limit, bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without their ends. Raises QmpError at a line over the limit."""
        self._rest += data
        *lines, rest = bytes(self._rest).split(b"\n") if b"\n" in data else (self._rest,)
        if max(map(len, (*lines, rest))) > self._limit:
            raise QmpError(f"a line of over {self._limit} bytes")
        self._rest = bytearray(rest) if lines else self._rest
        return [line for line in map(bytes.strip, lines) if line]


def encode(command: str, arguments: Mapping[str, Any], ident: object) -> bytes:
    """A command as a line."""
    body: dict[str, Any] = {"execute": command, "id": ident}
    if arguments:
        body["arguments"] = dict(arguments)
    return json.dumps(body).encode() + b"\n"


def parse(line: bytes, at: float = 0.0) -> Message:
    """A line as a message. Raises QmpError when it is none."""
    try:
        body = json.loads(line)
        if "event" in body:
            return Event(str(body["event"]), dict(body.get("data", {})), at)
        if "error" in body:
            return Failed(body.get("id"), str(body["error"]["class"]), str(body["error"]["desc"]))
        if "return" in body:
            return Returned(body.get("id"), body["return"])
        version = body["QMP"]["version"]["qemu"]
        return Greeting((int(version["major"]), int(version["minor"]), int(version["micro"])))
    except (ValueError, TypeError, KeyError) as error:
        raise QmpError(f"no message of QMP: {line[:200]!r}") from error


def dial(path: Path, limit_s: float) -> socket.socket:
    """Connect to a UNIX socket that may not listen yet. Raises QmpError after ``limit_s`` seconds."""
    if len(str(path).encode()) > PATH_LIMIT:
        raise QmpError(f"longer than {PATH_LIMIT} bytes: {path}")
    end = time.monotonic() + limit_s
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            if time.monotonic() > end:
                raise QmpError(f"nobody listens on {path}: {error}") from error
            time.sleep(0.01)
        else:
            return connection
