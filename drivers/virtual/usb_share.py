"""The port of a virtual USB device: a USB/IP server on the loopback address. (Linux, usbip_protocol.rst)

Laws:
1. It listens on 127.0.0.1 and nowhere else; the device goes to one importer at a time.
2. A request of an endpoint waits until there is something for it (that is how a device says "nothing new");
   unlinking it takes it back unanswered.
3. Unplugging ends the connections at once, without a word; the TCP port stays ours, so that plugging in again gives
   the same name.
4. Who does not take the answers, or sends nonsense, is cut off.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.virtual.usb_peer import SUBMIT, SUBMIT_ANSWER, UNLINK, UNLINK_ANSWER, Parked, Peer, answer, bound
from drivers.virtual.usb_side import BULK, UsbSide

VERSION, DEVLIST, IMPORT = 0x0111, 0x8005, 0x8003
BUSY, NO_DEVICE = 2, 4
STALLED, UNLINKED, NO_MEMORY = -32, -104, -12
BUS_ID, BUS, ADDRESS = "1-1", 1, 2
MAX_CONNECTIONS, MAX_PARKED, MAX_OUT_DATA, MAX_IN_DATA = 8, 64, 4096, 128 * 1024
REPORTS, REPORT = 0x81, 8  # where a keyboard's reports go, and their bytes


@dataclass(frozen=True, slots=True)
class Exchange:
    """One transfer that has ended, for a capture: ``endpoint`` with its direction bit, ``setup`` of a control one."""

    endpoint: int
    setup: bytes
    length: int
    out: bytes
    status: int
    data: bytes
    bulk: bool = False


class UsbShare:
    """See drivers.virtual.port.VirtualPort for the calls; ``write`` hands one report of a keyboard to the host."""

    def __init__(self, side: UsbSide, link: Path, *, port: int = 0) -> None:
        self.side = side
        self._link = link
        self._poll = select.epoll()
        # holds the number while nothing listens; SO_REUSEPORT lets the listener have the same
        self._holder = bound(port)
        self.port: int = self._holder.getsockname()[1]
        self._listener: socket.socket | None = None
        self._peers: dict[int, Peer] = {}
        self._from_host = b""
        self._later: deque[tuple[float, Peer, bytes]] = deque()
        self.late_s = 0.0   # everything is said so many seconds later
        self.short: int | None = None  # the next report has only so many bytes
        self.tap: Callable[[Exchange], None] | None = None  # told of each transfer as it ends

    @property
    def plugged(self) -> bool:
        """True while a host can find the device."""
        return self._listener is not None

    @property
    def name(self) -> str:
        """What the host calls this port."""
        return f"usbip://127.0.0.1:{self.port}/{BUS_ID}"

    @property
    def due(self) -> float | None:
        """When the next late answer goes out, in monotonic seconds."""
        return self._later[0][0] if self._later else None

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._poll.fileno()

    def plug(self) -> None:
        """Listen, and write the port's name into the link file in one step; harmless when it is plugged already."""
        if self.plugged:
            return
        self.side.reset()
        self._listener = bound(self.port)
        self._listener.listen(MAX_CONNECTIONS)
        self._poll.register(self._listener, select.EPOLLIN)
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.write_text(self.name + "\n", "ascii")
        fresh.replace(self._link)

    def unplug(self) -> None:
        """Law 3."""
        self._link.unlink(missing_ok=True)
        self._later.clear()
        for peer in list(self._peers.values()):
            self._drop(peer)
        if self._listener is not None:
            self._poll.unregister(self._listener)
            self._listener.close()
            self._listener = None

    def close(self) -> None:
        """Unplugged for good."""
        self.unplug()
        self._holder.close()
        self._poll.close()

    def read(self) -> bytes:
        """Serve what has arrived; returns what the host sent to the keyboard's lights."""
        for descriptor, happened in self._poll.poll(0):
            if descriptor in self._peers and happened & select.EPOLLOUT:
                self._send(self._peers[descriptor], b"")
            if self._listener is not None and descriptor == self._listener.fileno():
                self._accept(self._listener)
            elif descriptor in self._peers and happened & ~select.EPOLLOUT:
                self._hear(self._peers[descriptor])
        out, self._from_host = self._from_host, b""
        return out

    def write(self, data: bytes) -> int:
        """Hand one report (8 bytes) to the host; how many bytes it took, 0 if it does not ask for one."""
        report = data[:REPORT]
        if not self.give(REPORTS, report if self.short is None else report[: self.short]):
            return 0
        self.short = None
        return len(report)

    def asked(self, endpoint: int) -> bool:
        """Does the host wait for something of this endpoint?"""
        return endpoint not in self.side.stalled and any(peer.waiting(endpoint) for peer in self._peers.values())

    def give(self, endpoint: int, data: bytes) -> bool:
        """Hand it what it waits for, as one transfer; False if it does not wait."""
        if endpoint in self.side.stalled:
            return False
        for peer in self._peers.values():
            parked = peer.waiting(endpoint)
            if parked is not None:
                self._settle(peer, parked, 0, data[: parked.length])
                return True
        return False

    def tear(self, endpoint: int, data: bytes) -> None:
        """Say half of it, as when the cable is pulled in the midst of it; unplugging is to follow."""
        for peer in self._peers.values():
            parked = peer.waiting(endpoint)
            if parked is not None:
                peer.parked.remove(parked)
                peer.send(answer(SUBMIT_ANSWER, parked.number, 0, data[: parked.length])[: 48 + len(data) // 2])

    def halt(self, endpoint: int = REPORTS) -> None:
        """The endpoint stalls until the host clears it."""
        self.side.stalled.add(endpoint)
        for peer in list(self._peers.values()):
            while (parked := peer.waiting(endpoint)) is not None:
                self._settle(peer, parked, STALLED, b"")

    def _settle(self, peer: Peer, parked: Parked, status: int, data: bytes) -> None:
        peer.parked.remove(parked)
        bulk = self.side.endpoints[parked.endpoint] == BULK
        self._note(Exchange(parked.endpoint, b"", parked.length, b"", status, data, bulk))
        self._say(peer, answer(SUBMIT_ANSWER, parked.number, status, data))

    def pump(self, now: float) -> None:
        """Say what is due."""
        while self._later and self._later[0][0] <= now:
            _, peer, message = self._later.popleft()
            self._send(peer, message)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        if len(self._peers) >= MAX_CONNECTIONS:
            connection.close()
            return
        self._peers[connection.fileno()] = Peer(connection)
        self._poll.register(connection, select.EPOLLIN)

    def _drop(self, peer: Peer) -> None:
        if self._peers.pop(peer.connection.fileno(), None) is not None:
            with contextlib.suppress(OSError):
                self._poll.unregister(peer.connection)
            peer.close()

    def _hear(self, peer: Peer) -> None:
        try:
            data = peer.connection.recv(64 * 1024)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(peer)
            return
        peer.half += data
        while peer.connection.fileno() in self._peers:
            size = self._urb(peer) if peer.importer else self._greeting(peer)
            if not size:
                return
            peer.half = peer.half[size:]

    def _greeting(self, peer: Peer) -> int:
        """One request before the import: its length, 0 while it is not whole."""
        if len(peer.half) < 8:
            return 0
        _version, code, _status = struct.unpack_from(">HHI", peer.half)
        if code == DEVLIST:
            interface = bytes((*self.side.interface, 0))
            self._send(peer, struct.pack(">HHII", VERSION, 5, 0, 1) + self._facts() + interface)
            return 8
        if code != IMPORT:
            self._drop(peer)
            return 0
        if len(peer.half) < 40:
            return 0
        bus_id = peer.half[8:40].split(b"\0")[0].decode("ascii", "replace")
        taken = any(one.importer for one in self._peers.values())
        status = NO_DEVICE if bus_id != BUS_ID else BUSY if taken else 0
        self._send(peer, struct.pack(">HHI", VERSION, 3, status) + (b"" if status else self._facts()))
        peer.importer = not status
        return 40

    def _facts(self) -> bytes:
        me = self.side.identity
        return struct.pack(
            ">256s32sIIIHHHBBBBBB", b"/sys/devices/virtual/usb1/" + BUS_ID.encode(), BUS_ID.encode(), BUS, ADDRESS,
            self.side.speed, me.vendor, me.product, 0x0100, 0, 0, 0, self.side.configuration, 1, 1,
        )

    def _urb(self, peer: Peer) -> int:
        """One request of the importer: its length, 0 while it is not whole."""
        if len(peer.half) < 48:
            return 0
        command, number, _device, way, endpoint, _flags, length = struct.unpack_from(">IIIIIIi", peer.half)
        setup = peer.half[40:48]
        if command == UNLINK:
            self._unlink(peer, number, struct.unpack_from(">I", peer.half, 20)[0])
            return 48
        size = 48 + (length if way == 0 else 0)
        if command != SUBMIT or not 0 <= length <= (MAX_IN_DATA if way else MAX_OUT_DATA):
            self._drop(peer)
            return 0
        if len(peer.half) < size:
            return 0
        if endpoint == 0:
            self._control(peer, number, setup, peer.half[48:size])
        elif way == 0 or endpoint | 0x80 not in self.side.endpoints or endpoint | 0x80 in self.side.stalled:
            self._say(peer, answer(SUBMIT_ANSWER, number, STALLED))
        elif len(peer.parked) >= MAX_PARKED:
            self._say(peer, answer(SUBMIT_ANSWER, number, NO_MEMORY))
        else:
            peer.parked.append(Parked(number, length, endpoint | 0x80))
        return size

    def _control(self, peer: Peer, number: int, setup: bytes, data: bytes) -> None:
        said = self.side.control(setup, data)
        if setup[:2] == b"\x21\x09":
            self._from_host += data[:1]
        way, length = setup[0] & 0x80, struct.unpack_from("<H", setup, 6)[0]
        done = 0 if said is None else len(said) if way else len(data)
        self._note(Exchange(way, setup, length, data, STALLED if said is None else 0, said or b""))
        self._say(peer, answer(SUBMIT_ANSWER, number, STALLED if said is None else 0, said or b"", done))

    def _note(self, exchange: Exchange) -> None:
        if self.tap is not None:
            self.tap(exchange)

    def _unlink(self, peer: Peer, number: int, target: int) -> None:
        waiting = [entry for entry in peer.parked if entry.number == target]
        for entry in waiting:
            peer.parked.remove(entry)
        self._say(peer, answer(UNLINK_ANSWER, number, UNLINKED if waiting else 0))

    def _say(self, peer: Peer, message: bytes) -> None:
        if self.late_s or self._later:
            self._later.append((time.monotonic() + self.late_s, peer, message))
        else:
            self._send(peer, message)

    def _send(self, peer: Peer, message: bytes) -> None:
        if not peer.send(message):
            self._drop(peer)
        elif peer.connection.fileno() in self._peers:
            self._poll.modify(peer.connection, select.EPOLLIN | (select.EPOLLOUT if peer.out else 0))
