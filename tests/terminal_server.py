"""A terminal server on the loopback address: raw TCP, or RFC 2217 by pyserial's own server side over a pty."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import termios
import threading
import tty
from types import TracebackType
from typing import Any

import serial
import serial.rfc2217


class PtySerial(serial.Serial):
    """A pty has no modem lines; what they were set to is kept instead."""

    lines: tuple[bool, bool] = (True, True)
    cts = dsr = cd = True
    ri = False

    def _reconfigure_port(self, force_update: bool = False) -> None:
        with contextlib.suppress(termios.error):  # a pty knows 8 bits without parity only
            super()._reconfigure_port(force_update)

    def _update_dtr_state(self) -> None:
        self.lines = (self._dtr_state, self.lines[1])

    def _update_rts_state(self) -> None:
        self.lines = (self.lines[0], self._rts_state)


class TerminalServer:
    """One serial port on one TCP port, one client at a time. ``device_says`` is what comes down the serial line.

    With ``rfc2217``, ``dies_after`` is the number of bytes of its own protocol after which the server vanishes, its
    connection reset; None: never.
    """

    dies_after: int | None = None

    def __init__(self, *, rfc2217: bool = False) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self._listener.getsockname()[1]
        self.url = f"{'rfc2217' if rfc2217 else 'socket'}://127.0.0.1:{self.number}"
        self.master, slave = os.openpty()
        tty.setraw(slave)
        tty.setraw(self.master)
        self.line = PtySerial(os.ttyname(slave), timeout=0)
        os.close(slave)
        self._rfc2217 = rfc2217
        self._stop, self._told = os.pipe()
        self._client: socket.socket | None = None
        self._connected = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> TerminalServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._told)
        self._thread.join(10)
        self.line.close()
        for descriptor in (self.master, self._stop):
            os.close(descriptor)

    def device_says(self, data: bytes) -> None:
        assert self._connected.wait(10)
        while data:
            data = data[os.write(self.master, data) :]

    def device_hears(self, count: int) -> bytes:
        data = b""
        while len(data) < count and select.select([self.master], [], [], 5)[0]:
            data += os.read(self.master, 4096)
        return data

    def hang_up(self) -> None:
        assert self._connected.wait(10)
        client = self._client
        if client is not None:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with self._listener:
            while self._listener in select.select([self._listener, self._stop], [], [])[0]:
                self._client, _ = self._listener.accept()
                with self._client, contextlib.suppress(OSError):
                    self._talk(self._client)
                self._connected.clear()

    def _talk(self, client: socket.socket) -> None:
        manager: Any = None
        if self._rfc2217:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            manager = serial.rfc2217.PortManager(self.line, Wire(client, self.dies_after))
        self._connected.set()
        towards_line = b""  # while it holds something the client is not heard: the line sets the pace
        while True:
            listen = [self._stop, self.line.fileno()] + ([] if towards_line else [client])
            ready, room, _ = select.select(listen, [self.line.fileno()] if towards_line else [], [])
            if self._stop in ready:
                return
            if client in ready:
                data = client.recv(4096)
                if not data:
                    return
                towards_line = b"".join(manager.filter(data)) if manager else data
            if room:
                towards_line = towards_line[os.write(self.line.fileno(), towards_line) :]
            if self.line.fileno() in ready:
                data = self.line.read(4096)
                client.sendall(b"".join(manager.escape(data)) if manager else data)


class Wire:
    """What PortManager writes to; ``left`` bytes until it breaks."""

    def __init__(self, client: socket.socket, left: int | None) -> None:
        self._client, self._left = client, left

    def write(self, data: bytes) -> None:
        if self._left is None:
            self._client.sendall(data)
            return
        now, self._left = data[: self._left], self._left - len(data)
        self._client.sendall(now)
        if self._left <= 0:
            self._client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raise ConnectionResetError("the server dies")
