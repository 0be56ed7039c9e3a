"""One connection to a virtual USB device, and the words that USB/IP says on it. (Linux, usbip_protocol.rst)

Law: what a peer does not take at once waits, at most ``MAX_OUT`` bytes of it; who takes less is cut off.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections import deque
from typing import NamedTuple

SUBMIT, UNLINK, SUBMIT_ANSWER, UNLINK_ANSWER = 1, 2, 3, 4
MAX_OUT = 512 * 1024  # four images of a scanner


class Parked(NamedTuple):
    """A request of the host that waits: its number, how many bytes it asks for, of which endpoint."""

    number: int
    length: int
    endpoint: int


class Peer:
    """One connection: bytes not yet understood, bytes not yet taken, and whether it has imported the device."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection
        self.half = b""
        self.importer = False
        self.parked: deque[Parked] = deque()
        self.out = bytearray()

    def send(self, message: bytes) -> bool:
        """Say it, now or when it is taken; False if the peer is to be cut off."""
        self.out += message
        return self.flush() and len(self.out) <= MAX_OUT

    def flush(self) -> bool:
        """Say what waits; False if the peer has gone."""
        try:
            while self.out:
                del self.out[: self.connection.send(self.out)]
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True

    def waiting(self, endpoint: int) -> Parked | None:
        """The oldest request of this endpoint."""
        return next((one for one in self.parked if one.endpoint == endpoint), None)

    def close(self) -> None:
        """Hang up without a word."""
        self.parked.clear()
        with contextlib.suppress(OSError):
            self.connection.close()


def answer(command: int, number: int, status: int, data: bytes = b"", actual: int | None = None) -> bytes:
    """A 48-byte answer with what follows it."""
    count = len(data) if actual is None else actual
    return struct.pack(">IIIIIiiiii8x", command, number, 0, 0, 0, status, count, 0, 0, 0) + data


def bound(port: int) -> socket.socket:
    """A TCP socket on 127.0.0.1:``port`` (0: any free one)."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(("127.0.0.1", port))
    except OSError:
        one.close()
        raise
    return one
