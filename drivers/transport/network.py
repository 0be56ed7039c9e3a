"""Serial ports of terminal servers: raw TCP (``socket://``) and RFC 2217 (``rfc2217://``), by pyserial.

Laws:
1. Looking a name up takes at most 3 s (drivers.transport.resolve; an address is not looked up), connecting 5 s
   (pyserial's limit), negotiating RFC 2217 3 s for the one step that is not answered, a write 1 s. Another address of
   the same name is tried only if ``NEXT_S`` are not over: so 13 s in all, and the watchdog's 15 are not reached.
2. A server that closes ends the read at once with DeviceGone. One that vanishes without a word (power, cable) is
   found by TCP: keep-alive after 11 s, bytes of ours that nobody acknowledges after 10 s. Until then the port
   looks like a quiet reader; nothing better exists for a protocol without life signs.
3. ``wake`` ends a waiting read at once. With RFC 2217 the bytes come from pyserial's own thread through its queue,
   one an entry, so a wake is an empty entry of that queue; None in it is the end.
4. That queue is limited to 64 KiB; when it is full the server is made to wait. What telnet says is limited as well
   (drivers.transport.telnet).
5. A raw port cannot set the line: speed and parity are the server's own configuration.
6. Whatever fails while a port is being opened, or in pyserial's thread: the connection is closed, the thread ends,
   and the owner of the port is told by an exception of his own call.
"""

from __future__ import annotations

import contextlib
import errno
import queue
import select
import socket
import sys
import time
from typing import Any

import serial
import serial.urlhandler.protocol_socket

from drivers.api import DeviceBusy, DeviceError, DeviceForbidden, DeviceGone, DeviceStuck
from drivers.transport.base import LineSettings
from drivers.transport.bell import Bell
from drivers.transport.names import NetworkName, network_name
from drivers.transport.resolve import NameUnknown, addresses
from drivers.transport.telnet import Rfc2217

FAULTS = (serial.SerialException, OSError, ValueError, NotImplementedError)
WRITE_LIMIT_S = 1.0
STEP_S = 3
NEXT_S = 2.0
OFF_S = 0.2
MAX_WAITING = 64 * 1024  # bytes
UNACKNOWLEDGED_MS = 10_000
KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))


class NetworkTransport:
    """One port of a terminal server. See Transport."""

    def __init__(self, port: str, line: LineSettings | None = None) -> None:
        """Connect to ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT``. Raises DeviceError, BadSetting."""
        self._port = port
        name = network_name(port)
        self._raw = name.scheme == "socket"
        self._ended = False
        line = line or LineSettings()
        words: dict[str, Any] = {
            "baudrate": line.baud, "bytesize": line.bytesize, "parity": line.parity, "stopbits": line.stopbits,
            # Set once: to change a timeout of pyserial's later renegotiates the whole line.
            "timeout": 0, "write_timeout": WRITE_LIMIT_S if self._raw else None,
        }
        self._serial: Any = (serial.urlhandler.protocol_socket.Serial if self._raw else Rfc2217)(**words)
        try:
            self._bell = Bell()
        except OSError as problem:
            raise on_connect(port, problem) from None
        try:
            self._connect(name)
            self._set_up()
        except (*FAULTS, RuntimeError) as problem:  # RuntimeError: no thread is to be had for its reader
            hung_up, fault = not self._raw and self._serial.hung_up, self._fault
            self.close()
            if hung_up:
                raise DeviceGone(
                    f"{port}: the connection ended while the line was being set up" + (f": {fault}" if fault else ""),
                    advice="check that no other program uses this port of it, and that it speaks RFC 2217 there",
                ) from None
            raise on_connect(port, problem) from None

    def _connect(self, name: NetworkName) -> None:
        found = addresses(name.host)
        began = time.monotonic()
        for address in found:
            self._serial.port = url(name, address)
            try:
                self._serial.open()
            except FAULTS:
                if address == found[-1] or time.monotonic() - began > NEXT_S:
                    raise
                if not self._raw:
                    self._serial.hung_up, self._serial.fault = False, ""
            else:
                return

    def _set_up(self) -> None:
        # pyserial 3.5 keeps the connection in _socket; nothing public reaches its options.
        connection: socket.socket = self._serial._socket
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in KEEP_ALIVE:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._raw:
            self._poll = select.poll()
            self._poll.register(connection, select.POLLIN)
            self._poll.register(self._bell, select.POLLIN)
        else:
            connection.settimeout(WRITE_LIMIT_S)  # of its sendall; its reader thread goes on after a timeout
            self._waiting: queue.Queue[bytes | None] = self._serial._read_buffer
            self._waiting.maxsize = MAX_WAITING

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport."""
        try:
            return self._read_raw(size, wait_s) if self._raw else self._read_queue(size, wait_s)
        except FAULTS as problem:
            raise self._gone(problem) from None

    def _read_raw(self, size: int, wait_s: float) -> bytes:
        ready = [descriptor for descriptor, _ in self._poll.poll(max(0.0, wait_s) * 1000)]
        if ready == [self._bell.fileno()]:
            self._bell.hush()
            return b""
        if not ready:
            return b""
        data: bytes = self._serial.read(size)
        return data

    def _read_queue(self, size: int, wait_s: float) -> bytes:
        data = bytearray()
        try:
            byte = self._waiting.get(timeout=wait_s) if wait_s > 0 else self._waiting.get_nowait()
            while byte:
                data += byte
                byte = self._waiting.get_nowait() if len(data) < size else b""
        except queue.Empty:
            byte = b""
        self._ended = self._ended or byte is None or not self._serial._thread.is_alive()
        if self._ended and not data and not self._waiting.qsize():
            raise serial.SerialException("end of the connection")
        return bytes(data)

    def write(self, data: bytes) -> None:
        """See Transport."""
        try:
            self._serial.write(data)
        except (serial.SerialTimeoutException, TimeoutError):
            raise self._stuck() from None
        except FAULTS as problem:
            if "timed out" in str(problem):  # RFC 2217 wraps the socket's timeout into text
                raise self._stuck() from None
            raise self._gone(problem) from None

    def rest(self, seconds: float) -> None:
        """See Transport."""
        time.sleep(seconds)

    def wake(self) -> None:
        """See Transport."""
        if self._raw:
            self._bell.ring()
        else:
            with contextlib.suppress(queue.Full):  # then a read does not wait
                self._waiting.put_nowait(b"")

    def reset(self) -> None:
        """See Transport: with RFC 2217 the server lowers DTR and RTS; a raw port has no such lines."""
        if not self._raw:
            with contextlib.suppress(*FAULTS):
                self._serial.dtr = False
                self._serial.rts = False
                time.sleep(OFF_S)

    def close(self) -> None:
        """See Transport."""
        waiting: queue.Queue[bytes | None] | None = getattr(self._serial, "_read_buffer", None)
        connection: socket.socket | None = getattr(self._serial, "_socket", None)
        if waiting is not None:  # a reader thread that waits for room would keep close() waiting
            with waiting.not_full:
                waiting.maxsize = sys.maxsize
                waiting.not_full.notify_all()
        with contextlib.suppress(*FAULTS, AttributeError, RuntimeError):  # RuntimeError: the thread never began
            self._serial.close()
        if connection is not None:  # pyserial leaves one open whose other end is gone already
            connection.close()
        self._bell.close()

    @property
    def _fault(self) -> str:
        return "" if self._raw else str(self._serial.fault)

    def _gone(self, problem: Exception) -> DeviceGone:
        if self._fault:
            return DeviceGone(
                f"{self._port}: the connection was dropped: {self._fault}",
                advice="check that the server's port is set to RFC 2217, or use socket://; update its firmware",
            )
        return DeviceGone(
            f"{self._port}: the terminal server ended the connection: {problem}",
            advice="check the server's power and network, and that no other program uses this port of it",
        )

    def _stuck(self) -> DeviceStuck:
        return DeviceStuck(
            f"{self._port}: the terminal server takes no bytes",
            advice="check the server's flow control setting, and the cable to the device",
        )


def url(name: NetworkName, address: str) -> str:
    """What pyserial is to open: a literal address, so that it looks nothing up."""
    host = f"[{address}]" if ":" in address else address
    return f"{name.scheme}://{host}:{name.port}" + ("" if name.scheme == "socket" else f"?timeout={STEP_S}")


def on_connect(port: str, problem: BaseException) -> DeviceError:
    """The DeviceError for what kept a connection from being made; pyserial tells the reason as text and context."""
    if isinstance(problem, NameUnknown):
        return DeviceGone(f"{port}: {problem.strerror}", advice=problem.advice)
    inner: BaseException | None = problem
    code: int | None = None
    while inner is not None and code is None:
        code = getattr(inner, "errno", None)
        inner = inner.__cause__ or inner.__context__
    if code == errno.ECONNREFUSED:
        return DeviceBusy(
            f"{port}: the server refuses the connection",
            advice="check the TCP port; most servers give a serial port to one program at a time",
        )
    if code in (errno.EACCES, errno.EPERM):
        return DeviceForbidden(
            f"{port}: this machine may not connect there", advice="check the firewall between the box and the server"
        )
    if "RFC2217" in str(problem):
        return DeviceError(
            f"{port}: the server does not speak RFC 2217 on this port, or refuses the line settings",
            advice="switch its port to RFC 2217, or use socket://, and check speed and parity",
        )
    return DeviceGone(
        f"{port}: no connection: {problem}", advice="check the server's name or address, its power and the network"
    )
