"""The device side of a reader whose cable is a UNIX stream socket: what an emulator's USB serial adapter connects to.

The bytes are those of ``drivers.virtual``; this file has the cable and the hands alone.

Laws:
1. A cable that is pulled is a connection that ends: what was not sent is lost, and nothing of it goes to the next one.
   What is underway is the host's to drop, so the cable holds little (``CABLE_BYTES``).
2. A cable has one host. Who connects while it is taken waits for the next plugging in.
3. Every wait has a limit; the thread ends with ``close``.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.virtual.__main__ import KINDS, ON_USB, SERIAL_SCANNERS, part
from drivers.virtual.bench import Bench
from drivers.virtual.control import VirtualReaderFault, ask
from drivers.virtual.scanner_bench import ScannerBench

CABLE_BYTES = 2048  # asked of the kernel for what is underway; it has a least of its own (about 4.5 KiB)
CONNECT_S = 30.0    # an emulator under load
END_S = 10.0
READ_BYTES = 4096
SERIAL_FAMILIES = frozenset(KINDS) - ON_USB


class SocketPort:
    """See drivers.virtual.port.DevicePort; plugged while there is a host on the socket ``path``."""

    baud = 0  # not known: an emulated adapter passes no speed on

    def __init__(self, path: Path) -> None:
        self.path = path
        self._poll = select.epoll()
        self._host: socket.socket | None = None
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._listener.bind(str(path))
            self._listener.listen(1)
            self._listener.setblocking(False)
        except OSError:
            self._listener.close()
            self._poll.close()
            raise

    @property
    def plugged(self) -> bool:
        """True while a host is at the other end."""
        return self._host is not None

    def fileno(self) -> int:
        """The descriptor to wait on: readable when the host said something, left, or has room again."""
        return self._poll.fileno()

    def wait_for_host(self, limit_s: float = CONNECT_S) -> None:
        """Until a host has connected. Raises VirtualReaderFault after ``limit_s`` seconds."""
        if not select.select([self._listener], [], [], limit_s)[0]:
            raise VirtualReaderFault(f"nobody connected to {self.path.name} within {limit_s:g} s")

    def plug(self) -> None:
        """Take the host that has connected; harmless when there is none, or one already."""
        if self._host is not None:
            return
        with contextlib.suppress(BlockingIOError):
            host, _ = self._listener.accept()
            host.setblocking(False)
            host.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, CABLE_BYTES)
            self._poll.register(host, select.EPOLLIN)
            self._host = host

    def unplug(self) -> None:
        """Law 1."""
        host, self._host = self._host, None
        if host is not None:
            self._poll.unregister(host)
            host.close()

    def close(self) -> None:
        """For good."""
        self.unplug()
        self._listener.close()
        self._poll.close()
        self.path.unlink(missing_ok=True)

    def read(self) -> bytes:
        """What the host has sent, at most 4 KiB; b"" if nothing, or if it has left."""
        if self._host is None:
            return b""
        self._poll.modify(self._host, select.EPOLLIN)
        try:
            data = self._host.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data:
            self.unplug()
        return data

    def write(self, data: bytes) -> int:
        """Bytes the cable took; 0 when it is full because nobody reads."""
        if self._host is None:
            return 0
        try:
            taken = self._host.send(data, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            taken = 0
        except OSError:
            self.unplug()
            return 0
        if taken < len(data):
            self._poll.modify(self._host, select.EPOLLIN | select.EPOLLOUT)
        return taken


class ReaderSide:
    """A reader of ``family`` (a serial kind of ``python -m drivers.virtual``) behind the socket ``path``.

    ``options`` is the family's own dataclass (None: as it is delivered); ``fragment`` bytes go at a time (0: whole)
    with ``delay_s`` seconds between, so that there is a middle to be pulled in. ``path`` and ``path`` with ``.c``
    (its control socket) must be short enough for UNIX sockets (107 bytes). Raises VirtualReaderFault for a family
    that has no serial line. Use with ``with``.
    """

    def __init__(
        self, path: Path, family: str = "text", *, options: Any = None, fragment: int = 0, delay_s: float = 0.0
    ) -> None:
        if family not in SERIAL_FAMILIES:
            raise VirtualReaderFault(f"{family!r} is no serial family: {', '.join(sorted(SERIAL_FAMILIES))}")
        self.family, self.path = family, path
        self._control = path.with_name(path.name + ".c")
        self._port = SocketPort(path)
        words: dict[str, Any] = {"fragment": fragment, "delay_s": delay_s, "port": self._port}
        try:
            if family in SERIAL_SCANNERS:
                self._bench: Bench = ScannerBench(_device(family, options), path, self._control, **words)
            else:
                self._bench = Bench(_device(family, options), path, self._control, **words)
        except BaseException:
            self._port.close()
            raise
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=self._bench.serve, args=(self._wake,), name=f"reader {path.name}")
        self._thread.start()
        self._open = True

    def __enter__(self) -> ReaderSide:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def plugged(self) -> bool:
        """True while a host is at the other end and its bytes are heard."""
        return bool(self._ask({"status": True})["plugged"])

    @property
    def unsent(self) -> bool:
        """True while a document lies there for which the host has not asked."""
        return bool(self._ask({"status": True})["unsent"])

    @property
    def orders(self) -> bytes:
        """What the host said, of families that remember it."""
        return bytes.fromhex(self._ask({"status": True})["orders"])

    def plug(self, limit_s: float = CONNECT_S) -> None:
        """Power: the host must have connected, or do so within ``limit_s`` seconds (else VirtualReaderFault)."""
        if self.plugged:
            return
        self._port.wait_for_host(limit_s)
        self._ask({"plug": True})

    def unplug(self) -> None:
        """No power: the connection ends, and what was not sent is lost (law 1)."""
        self._ask({"unplug": True})

    def present(self, lines: Sequence[str], *, cut: int | None = None, wait_s: float = 5.0) -> float | None:
        """Lift what lies there and lay a document down; with ``cut`` only so many bytes of it go out.

        Returns the monotonic second just after its last byte went, or None if the host did not take it: at once
        when its cable is out, else within ``wait_s`` seconds.
        """
        self.remove()
        order: dict[str, Any] = {"present": list(lines), "wait_s": wait_s}
        if cut is not None:
            order["cut"] = cut
        at: float | None = self._ask(order, wait_s)["at"]
        return at

    def remove(self) -> None:
        """Lift the document."""
        self._ask({"remove": True})

    def block(self, text: str) -> float | None:
        """Show a bar code; None from families that know zones only."""
        at: float | None = self._ask({"block": text})["at"]
        return at

    def send(self, data: bytes) -> int:
        """Raw bytes (at most 16 KiB); how many went out."""
        return int(self._ask({"bytes": data.hex()})["sent"])

    def noise(self, count: int, *, seed: int = 0, rate: float = 0.0) -> int:
        """Seeded random bytes; how many went out: a host that reads nothing for a second loses the rest."""
        return int(self._ask({"noise": count, "seed": seed, "rate": rate}, 120.0)["sent"])

    def finger(self, seed: int, impression: int = 0) -> None:
        """Lay a finger of drivers.virtual.prints on a serial scanner; ``remove`` lifts it."""
        self._ask({"finger": seed, "impression": impression})

    def close(self) -> None:
        """End the thread and take the sockets away; harmless when it has ended."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(OSError, VirtualReaderFault):
            self._ask({"quit": True})
        self._thread.join(END_S)
        for descriptor in (self._wake, self._waker):
            os.close(descriptor)
        self._port.close()
        if self._thread.is_alive():
            raise VirtualReaderFault(f"the reader at {self.path.name} did not end within {END_S:g} s")

    def _ask(self, order: dict[str, Any], more_s: float = 0.0) -> dict[str, Any]:
        return ask(self._control, order, limit_s=30.0 + more_s)


def _device(family: str, options: Any) -> Any:
    """As the command ``python -m drivers.virtual`` makes it."""
    maker = part(KINDS[family], KINDS[family].device)
    return maker() if options is None else maker(options)
