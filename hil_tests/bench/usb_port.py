"""USB devices that are no serial line, for a box on the other side of a network: one USB/IP server, several devices.

The devices are those of ``drivers.virtual``, each a share of its own; this file gives them bus ids behind one TCP port,
as ``usbip attach -r HOST -b BUSID`` asks for them.

Laws (Linux, Documentation/usb/usbip_protocol.rst):
1. It listens on 127.0.0.1 and knows one request, OP_REQ_IMPORT; who asks for anything else is refused and cut off.
2. After the import bytes pass unchanged, at most ``CHUNK`` of them held; who takes none for ``TAKE_S`` is cut off.
3. When the device is pulled the importer's connection ends at once, in the midst of whatever is said.
4. At most ``MAX_CONNECTIONS`` at a time; ``close`` ends them all, and every thread.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from drivers.virtual.control import VirtualReaderFault, ask
from drivers.virtual.keyboard_device import KeyboardDevice, Typing
from drivers.virtual.uru4000_device import Uru4000Device, Uru4000Options
from drivers.virtual.usb_bench import UsbBench, UsbScannerBench
from drivers.virtual.usb_keyboard import UsbIdentity
from drivers.virtual.usb_share import BUS_ID, IMPORT, NO_DEVICE, VERSION

CHUNK = 64 * 1024
TAKE_S = 30.0
GREET_S = 30.0  # an emulator under load
END_S = 10.0
MAX_CONNECTIONS = 8
REQUEST, ANSWER_HEAD, ANSWER_BODY = 40, 8, 312
BUS_ID_AT = 256  # in the body of the answer, behind the path
SCANNER, KEYBOARD = "1-1", "1-2"
KNOWN_KEYBOARD = UsbIdentity(0x0DB5, 0x013A, "KB0001", "borderpost", "virtual keyboard reader")  # ids of our udev rule
KEY_S = 0.01  # between reports, as with many real ones
HOST_S = 20.0  # an emulated host may be so late to ask for a report


def asked_for(request: bytes) -> str | None:
    """The bus id that an import's 40 bytes name; None if they are no import."""
    _version, code, _status = struct.unpack_from(">HHI", request)
    return request[8:REQUEST].split(b"\0")[0].decode("ascii", "replace") if code == IMPORT else None


def import_of(bus_id: str) -> bytes:
    """The 40 bytes that ask for it."""
    return struct.pack(">HHI32s", VERSION, IMPORT, 0, bus_id.encode())


def refusal(status: int) -> bytes:
    """The 8 bytes that refuse an import."""
    return struct.pack(">HHI", VERSION, 3, status)


def renamed(body: bytes, bus_id: str) -> bytes:
    """The facts of an imported device under another bus id: its importer compares it with what it asked for."""
    return body[:BUS_ID_AT] + struct.pack("32s", bus_id.encode()) + body[BUS_ID_AT + 32 :]


class UsbDevice:
    """One device of a port: the bench that plays it, in a thread, and the hands in front of it."""

    def __init__(self, bus_id: str, bench: UsbBench, control: Path) -> None:
        self.bus_id, self._bench, self._control = bus_id, bench, control
        self._wake, self._waker = os.pipe()
        self._thread = threading.Thread(target=bench.serve, args=(self._wake,), name=f"usb {bus_id}")
        self._thread.start()

    @property
    def tcp_port(self) -> int:
        """Where the share itself listens while it is plugged."""
        return self._bench.share.port

    @property
    def serial(self) -> str:
        """Its USB serial number."""
        return self._bench.share.side.identity.serial

    @property
    def plugged(self) -> bool:
        """False after it was pulled, by a hand or by a fault."""
        return bool(self.order(status=True)["plugged"])

    def order(self, *, limit_s: float = 30.0, **order: Any) -> dict[str, Any]:
        """Any order of drivers.virtual.usb_bench, and its answer. Raises VirtualReaderFault."""
        return ask(self._control, order, limit_s=limit_s)

    def present(self, lines: Sequence[str]) -> float | None:
        """Type a document; the monotonic second of its last report, None if the host did not take it."""
        self.order(remove=True)
        at: float | None = self.order(present=list(lines), limit_s=120.0)["at"]
        return at

    def finger(self, seed: int, impression: int = 0) -> None:
        """Lay a finger of drivers.virtual.prints down."""
        self.order(finger=seed, impression=impression)

    def remove(self) -> None:
        """Lift what lies there."""
        self.order(remove=True)

    def fault(self, **changes: Any) -> None:
        """Break it, or mend it, as its module describes: ``pulled=1`` pulls it in the midst of the next image."""
        self.order(fault=changes)

    def unplug(self) -> None:
        """Pull it: law 3."""
        self.order(unplug=True)

    def plug(self) -> None:
        """Put it back: it can be attached again."""
        self.order(plug=True)

    def close(self) -> None:
        """End its thread."""
        with contextlib.suppress(OSError, VirtualReaderFault):
            self.order(quit=True)
        self._thread.join(END_S)
        os.close(self._wake)
        os.close(self._waker)
        if self._thread.is_alive():
            raise VirtualReaderFault(f"the device {self.bus_id} did not end within {END_S:g} s")


class UsbPort:
    """A USB/IP server on ``port`` of 127.0.0.1 (0: any free one); its files are in ``folder`` (a short path).

    ``scanner`` (bus id 1-1) is a U.are.U 4500 and ``keyboard`` (1-2) a reader that types, both plugged in, unless the
    options say which. Use with ``with``.
    """

    def __init__(
        self, folder: Path, *, port: int = 0, scanner: Uru4000Options | None = None, typing: Typing | None = None,
        identity: UsbIdentity = KNOWN_KEYBOARD,
    ) -> None:
        self._connections: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._devices: dict[str, UsbDevice] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=MAX_CONNECTIONS)
        self.port: int = self._listener.getsockname()[1]
        try:
            controls = folder / "scanner.c", folder / "keyboard.c"
            glass = Uru4000Device(scanner or Uru4000Options())
            self.scanner = self._add(
                SCANNER, UsbScannerBench(glass, controls[0], folder / "scanner.port"), controls[0])
            wedge = UsbBench(
                KeyboardDevice(typing), controls[1], folder / "keyboard.port", identity=identity,
                delay_s=KEY_S, stall_s=HOST_S)
            self.keyboard = self._add(KEYBOARD, wedge, controls[1])
        except BaseException:
            self.close()
            raise
        self._accepting = threading.Thread(target=self._accept, name="usb port")
        self._accepting.start()
        self._threads.append(self._accepting)

    def __enter__(self) -> UsbPort:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Law 4; harmless when it has ended."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the accept
        self._listener.close()
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            _hang_up(connection)
        for thread in self._threads:
            thread.join(END_S)
        devices, self._devices = self._devices, {}
        for device in devices.values():
            device.close()

    def _add(self, bus_id: str, bench: UsbBench, control: Path) -> UsbDevice:
        self._devices[bus_id] = device = UsbDevice(bus_id, bench, control)
        return device

    def _accept(self) -> None:
        while True:
            try:
                importer, _ = self._listener.accept()
            except OSError:
                return
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            if len(self._threads) > MAX_CONNECTIONS:
                importer.close()
                continue
            thread = threading.Thread(target=self._serve, args=(importer,), name="usb importer")
            self._threads.append(thread)
            thread.start()

    def _serve(self, importer: socket.socket) -> None:
        with contextlib.ExitStack() as ends, contextlib.suppress(OSError):
            self._hold(importer, ends)
            importer.settimeout(GREET_S)
            importer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            device = self._devices.get(asked_for(_exactly(importer, REQUEST)) or "")
            if device is None or not device.plugged:
                importer.sendall(refusal(NO_DEVICE))
                return
            share = socket.create_connection(("127.0.0.1", device.tcp_port), GREET_S)
            self._hold(share, ends)
            share.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            share.sendall(import_of(BUS_ID))
            head = _exactly(share, ANSWER_HEAD)
            granted = head[4:] == bytes(4)
            importer.sendall(head + (renamed(_exactly(share, ANSWER_BODY), device.bus_id) if granted else b""))
            if granted:
                _pass(importer, share)

    def _hold(self, connection: socket.socket, ends: contextlib.ExitStack) -> None:
        """Close it at the end, whichever comes first."""
        with self._lock:
            self._connections.add(connection)

        def end() -> None:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

        ends.callback(end)


def _exactly(connection: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = connection.recv(count - len(got))
        if not more:
            raise ConnectionResetError("it hung up")
        got += more
    return got


def _pass(one: socket.socket, other: socket.socket) -> None:
    """Law 2, until either hangs up."""
    for connection in (one, other):
        connection.settimeout(TAKE_S)
    while True:
        for source in select.select([one, other], [], [])[0]:
            data = source.recv(CHUNK)
            if not data:
                return
            (other if source is one else one).sendall(data)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
