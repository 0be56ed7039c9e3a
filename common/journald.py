"""Log events with fields of their own in the system's journal: an id that its catalogue explains, a weight, the event.

Sources: systemd.io/JOURNAL_NATIVE_PROTOCOL, journalctl(1) --catalog, systemd.exec(5) $JOURNAL_STREAM.

Laws:
1. The journal is spoken to where it listens to this process's standard error already, and nowhere else: what is sent
   elsewhere (a file, a pipe, a terminal) stays there.
2. No line waits: what the journal does not take at once goes to standard error, as before.
3. The id of an event follows from its name, so that no table has to be kept.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol, TextIO
from uuid import UUID, uuid5

SOCKET: Final = "/run/systemd/journal/socket"
EVENTS: Final = UUID("af82c3c3-4975-45d3-9b27-f3cc09b81aec")  # the space of names of our events
PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)
MAX_BYTES: Final = 64 * 1024  # of one line; ours have a few hundred


def message_id(event: str) -> str:
    """The catalogue's id of an event: 32 hex digits (law 3)."""
    return uuid5(EVENTS, event).hex


def is_journal(environ: Mapping[str, str], stream: TextIO) -> bool:
    """True if ``stream`` is what systemd connected to its journal (law 1): $JOURNAL_STREAM names device and inode."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


def datagram(fields: Mapping[str, str]) -> bytes:
    """Fields as the journal takes them; a value with a line break is sent with its length before it."""
    parts = []
    for name, value in fields.items():
        data = value.encode("utf-8", "replace")
        if b"\n" in data:
            parts.append(name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n")
        else:
            parts.append(name.encode() + b"=" + data + b"\n")
    return b"".join(parts)


class Line(Protocol):
    """Where a finished line goes."""

    def __call__(self, text: str) -> None:
        """Write one line."""


class Journal:
    """The journal's socket; ``otherwise`` gets what it does not take (law 2)."""

    def __init__(self, otherwise: Line, identifier: str, path: str = SOCKET) -> None:
        self._otherwise, self._identifier, self._path = otherwise, identifier, path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def send(self, text: str, event: str, level: str) -> None:
        """One line, already without personal data."""
        data = datagram({
            "MESSAGE": text, "PRIORITY": str(PRIORITIES.get(level, 6)), "SYSLOG_IDENTIFIER": self._identifier,
            "MESSAGE_ID": message_id(event), "BORDERPOST_EVENT": event,
        })
        try:
            if len(data) > MAX_BYTES:
                raise OSError("too long")
            self._socket.sendto(data, socket.MSG_DONTWAIT, self._path)
        except OSError:
            self._otherwise(text)


class JournalLogger:
    """What structlog writes to; its processors end with ``as_line``."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def msg(self, text: str, event: str, level: str) -> None:
        """One line of any weight."""
        self._journal.send(text, event, level)

    debug = info = warning = warn = error = critical = fatal = log = msg


def as_line(render: Any) -> Any:
    """A last processor: the line that ``render`` makes, with the event's name and weight beside it."""

    def line(logger: object, method: str, event: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        name, level = str(event.get("event", "")), str(event.get("level", method))
        return (render(logger, method, event), name, level), {}

    return line


def open_journal(environ: Mapping[str, str]) -> Journal | None:
    """The journal, if it is what this process writes to; None otherwise (also where no socket may be made)."""
    if not is_journal(environ, sys.stderr) or not os.path.exists(SOCKET):  # noqa: PTH110 - a path of the system
        return None

    def plain(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    try:
        return Journal(plain, os.path.basename(sys.argv[0]) or "borderpost")  # noqa: PTH119 - a word, not a path
    except OSError:
        return None
