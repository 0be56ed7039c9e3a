"""One USB/IP connection: requests out, answers in, in any order. (Linux kernel, Documentation/usb/usbip_protocol)

Laws:
1. One thread reads the connection and settles requests by their sequence number, so that a waiting interrupt read
   never holds up a control transfer.
2. Every wait ends: a request that is not answered in time is unlinked; a server that does not answer the unlink
   within ``UNLINK_LIMIT_S`` is gone.
3. No packet is lost to a timeout: what completes while the unlink is under way, or even after it, waits in the
   endpoint's queue for the next read, in the order of arrival.
4. A lost connection ends everything at once with ENODEV, and stays lost.
5. Limits: 64 requests under way, 128 KiB a transfer, 128 packets waiting per endpoint.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from usb.core import USBError, USBTimeoutError

from drivers.transport.names import UsbIpName
from drivers.transport.resolve import addresses

VERSION, IMPORT_REQUEST, IMPORT_REPLY = 0x0111, 0x8003, 0x0003
SUBMIT, UNLINK, SUBMIT_ANSWER, UNLINK_ANSWER = 1, 2, 3, 4
IMPORT_ERRORS = {1: errno.EBUSY, 2: errno.EBUSY, 4: errno.ENODEV}  # ST_NA, ST_DEV_BUSY, ST_NODEV; others EIO
HEADER = struct.Struct(">IIIII")       # command, sequence number, device id, direction, endpoint
SUBMIT_PART = struct.Struct(">IiIiI8s")  # flags, length, start frame, packets, interval, setup
ANSWER_PART = struct.Struct(">iiiii8x")  # status, actual length, start frame, packets, errors
DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")  # struct usbip_usb_device
IN = 0x80
CONNECT_LIMIT_S = 5.0
SEND_LIMIT_S = 1.0
UNLINK_LIMIT_S = 3.0
LONGEST_S = 60.0  # in place of pyusb's timeout 0, "for ever", which nothing could end
MAX_TRANSFER = 128 * 1024  # bytes; the image of a fingerprint scanner is 109 KiB
MAX_UNDER_WAY = 64
MAX_UNLINKED = 64
MAX_WAITING = 128  # packets


@dataclass(slots=True)
class Request:
    """One URB under way; final once ``ended``. ``status`` is 0 or a negative errno of Linux."""

    number: int
    endpoint: int  # with the direction bit
    length: int
    ended: bool = False
    unlinked: bool = False
    status: int = 0
    data: bytes = field(default=b"", repr=False)
    actual: int = 0


@dataclass(slots=True)
class InPipe:
    """An IN endpoint that is read: packets that wait, and the one request that is under way for more."""

    packets: deque[bytes] = field(default_factory=deque, repr=False)
    request: Request | None = None


class UsbIpLink:
    """A device imported from a USB/IP server, until ``close`` or the server ends it."""

    def __init__(self, name: UsbIpName) -> None:
        """Connect and import. Raises USBError (ENODEV, EBUSY, EIO) or OSError."""
        address = addresses(name.host)[0]  # within 3 s; where there are several, the next opening takes the next
        self._socket = socket.create_connection((address, name.port), timeout=CONNECT_LIMIT_S)
        try:
            self._set_up()
            self.bus, self.address, self.speed = self._import(name.busid)
        except BaseException:
            self._socket.close()
            raise
        self._socket.settimeout(None)  # the reader waits; sending is limited by SO_SNDTIMEO, closing ends both
        self._news = threading.Condition()
        self._sending = threading.Lock()
        self._number = 0
        self._requests: dict[int, Request] = {}
        self._unlinks: dict[int, Request] = {}
        self._unlinked: dict[int, Request] = {}  # may still be answered by servers that race with themselves
        self._pipes: dict[int, InPipe] = {}
        self._lost = False
        self._reader = threading.Thread(target=self._read_all, name="usbip", daemon=True)
        try:
            self._reader.start()
        except RuntimeError as problem:
            self._socket.close()
            raise USBError(f"no thread is to be had: {problem}", None, errno.ENOMEM) from None

    @property
    def lost(self) -> bool:
        """True once nothing can come any more."""
        return self._lost

    def control(self, setup: bytes, data: bytes, timeout_s: float) -> bytes:
        """A control transfer: ``setup`` is 8 bytes, ``data`` goes out if its direction is OUT. Raises USBError.

        Returns what came in (IN), at most the length in ``setup``.
        """
        way = setup[0] & IN
        request = self._submit(way, int.from_bytes(setup[6:8], "little"), setup, b"" if way else data)
        return self._result(request, timeout_s).data

    def write(self, endpoint: int, data: bytes, timeout_s: float) -> int:
        """Send to an OUT endpoint; how many bytes it took. Raises USBError."""
        request = self._submit(endpoint, len(data), bytes(8), data)
        return self._result(request, timeout_s).actual

    def read(self, endpoint: int, length: int, timeout_s: float) -> bytes:
        """The next packet of an IN endpoint, at most ``length`` bytes. Raises USBError, USBTimeoutError.

        One thread reads an endpoint.
        """
        pipe = self._pipes.setdefault(endpoint, InPipe())
        if pipe.packets:
            return pipe.packets.popleft()
        request = pipe.request
        if request is None:
            request = pipe.request = self._submit(endpoint, length, bytes(8), b"")
        if not self._wait(lambda: bool(pipe.packets) or request.ended, timeout_s or LONGEST_S):
            self._unlink(request)
        with self._news:
            if request.ended:
                pipe.request = None
            if pipe.packets:  # law 3; if the request is still under way, the next read takes it over
                return pipe.packets.popleft()
        raise failure(request)

    def _result(self, request: Request, timeout_s: float) -> Request:
        if not self._wait(lambda: request.ended, timeout_s or LONGEST_S):
            self._unlink(request)
        if request.status or request.unlinked:
            raise failure(request)
        return request

    def _wait(self, ready: Callable[[], bool], limit_s: float) -> bool:
        with self._news:
            return self._news.wait_for(ready, limit_s)

    def close(self) -> None:
        """End the connection and its thread; never raises."""
        self._lose()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._reader:
            self._reader.join(2.0)
        with self._sending:  # a closed descriptor's number may be another file's before the bytes are out
            self._socket.close()

    def _set_up(self) -> None:
        connection = self._socket
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3)):
            connection.setsockopt(socket.IPPROTO_TCP, option, seconds)
        limit = struct.pack("ll", int(SEND_LIMIT_S), 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def _import(self, busid: str) -> tuple[int, int, int]:
        self._socket.sendall(struct.pack(">HHI32s", VERSION, IMPORT_REQUEST, 0, busid.encode("ascii")))
        head = self._receive(8)
        _version, code, status = struct.unpack(">HHI", head)
        if code != IMPORT_REPLY:
            raise USBError("not a USB/IP server", None, errno.EIO)
        if status:
            raise USBError(f"the server does not give {busid} (status {status})", status,
                           IMPORT_ERRORS.get(status, errno.EIO))
        facts = DEVICE.unpack(self._receive(DEVICE.size))
        return facts[2], facts[3], facts[4]

    def _receive(self, count: int) -> bytes:
        data = bytearray()
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise USBError("the server ended the connection", None, errno.ENODEV)
            data += piece
        return bytes(data)

    def _submit(self, endpoint: int, length: int, setup: bytes, data: bytes) -> Request:
        if length > MAX_TRANSFER:
            raise USBError("the transfer is too long", None, errno.EINVAL)
        with self._news:
            if self._lost:
                raise USBError("no such device (the connection is lost)", None, errno.ENODEV)
            if len(self._requests) >= MAX_UNDER_WAY:
                raise USBError("too many transfers under way", None, errno.ENOMEM)
            request = Request(self._next(), endpoint, length)
            self._requests[request.number] = request
        head = HEADER.pack(SUBMIT, request.number, self._device, 1 if endpoint & IN else 0, endpoint & 0x0F)
        self._send(head + SUBMIT_PART.pack(0, length, 0, 0, 0, setup) + data)
        return request

    def _unlink(self, request: Request) -> None:
        """Law 2: when this returns the request has ended, one way or the other."""
        with self._news:
            if request.ended:
                return
            number = self._next()
            self._unlinks[number] = request
        head = HEADER.pack(UNLINK, number, self._device, 0, 0)
        self._send(head + struct.pack(">I24x", request.number))
        if not self._wait(lambda: request.ended, UNLINK_LIMIT_S):
            self._lose()

    @property
    def _device(self) -> int:
        return self.bus << 16 | self.address

    def _next(self) -> int:
        self._number = self._number % 0x7FFF_FFFF + 1
        return self._number

    def _send(self, message: bytes) -> None:
        try:
            with self._sending:
                self._socket.sendall(message)
        except OSError:
            self._lose()

    def _read_all(self) -> None:
        try:
            while not self._lost:
                self._take(self._receive(48))
        except (OSError, ValueError):  # USBError is an OSError
            pass
        self._lose()

    def _take(self, answer: bytes) -> None:
        command, number, _device, _way, _endpoint = HEADER.unpack_from(answer)
        status, actual, _frame, _packets, _errors = ANSWER_PART.unpack_from(answer, HEADER.size)
        with self._news:
            if command == UNLINK_ANSWER:
                self._settle_unlink(number)
                return
            request = self._requests.get(number) or self._unlinked.get(number)
        if command != SUBMIT_ANSWER or request is None or not 0 <= actual <= request.length:
            raise ValueError("not an answer to anything asked")
        data = self._receive(actual) if request.endpoint & IN and actual else b""
        with self._news:
            self._settle(request, status, data, actual)
            self._news.notify_all()

    def _settle_unlink(self, number: int) -> None:
        request = self._unlinks.pop(number, None)
        if request is None or request.ended:  # it had been answered before: that answer counts
            return
        request.unlinked = request.ended = True
        self._requests.pop(request.number, None)
        self._unlinked[request.number] = request
        while len(self._unlinked) > MAX_UNLINKED:
            del self._unlinked[next(iter(self._unlinked))]
        self._news.notify_all()

    def _settle(self, request: Request, status: int, data: bytes, actual: int) -> None:
        self._requests.pop(request.number, None)
        self._unlinked.pop(request.number, None)
        pipe = self._pipes.get(request.endpoint) if request.endpoint & 0x0F else None
        if pipe is not None and not status and len(pipe.packets) < MAX_WAITING:
            pipe.packets.append(data)
        if not request.unlinked:
            request.status, request.data, request.actual, request.ended = status, data, actual, True

    def _lose(self) -> None:
        with self._news:
            self._lost = True
            for request in (*self._requests.values(), *self._unlinks.values()):
                if not request.ended:
                    request.status, request.ended = -errno.ENODEV, True
            self._requests.clear()
            self._unlinks.clear()
            self._news.notify_all()


def failure(request: Request) -> USBError:
    """The error of a request that ended badly: ENODEV, EPIPE, ETIMEDOUT, EOVERFLOW as such, the others EIO."""
    code = -request.status
    if request.unlinked or code == errno.ETIMEDOUT:
        return USBTimeoutError("timed out", request.status, errno.ETIMEDOUT)
    if code in (errno.ENODEV, errno.ESHUTDOWN):
        return USBError("no such device", request.status, errno.ENODEV)
    if code == errno.EPIPE:
        return USBError("stalled", request.status, code)
    if code == errno.EOVERFLOW:
        return USBError("more came than was asked for", request.status, code)
    return USBError(f"transfer failed (status {request.status})", request.status, errno.EIO)
