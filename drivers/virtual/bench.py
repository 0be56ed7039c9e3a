"""Plays one virtual device: its pty, its control socket, one loop.

Control: JSON lines over a UNIX stream socket, one answer per order, in order:
``{"present": [rows], "cut": n?, "wait_s": s?}``, ``{"remove": true}``, ``{"block": "text"}``,
``{"bytes": "hex"}``, ``{"noise": n, "seed": s, "rate": bytes per second?}``, ``{"unplug": true}``,
``{"plug": true}``, ``{"status": true}``, ``{"quit": true}``. Each answer has ``ok``; orders that send have
``sent`` (bytes), ``whole`` and ``at`` (monotonic seconds just after the last byte was written, or null).
``status`` tells ``plugged``, ``unsent`` and, of devices that remember them, the host's last ``orders`` in hexadecimal.
A document that waits for the host's order is answered when it went out, or after ``wait_s`` (5 s).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.virtual.device import VirtualDevice
from drivers.virtual.outlet import STALL_S, Job, Outlet, noise, pieces
from drivers.virtual.port import DevicePort, VirtualPort

MAX_ORDER_BYTES = 64 * 1024
MAX_CLIENTS = 8
IDLE_S = 1.0
Answer = Callable[[dict[str, Any]], None]


def tell_nobody(sent: int, whole: bool) -> None:
    """For bytes that no order asked for."""


class Client:
    """One connection to the control socket: half a line in, answers out."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.half = b""

    def answer(self, message: dict[str, Any]) -> None:
        """One JSON line; a client that has gone gets nothing."""
        with contextlib.suppress(OSError):
            self.connection.sendall(json.dumps(message).encode() + b"\n")


class Bench:
    """One device on one port until told to stop."""

    def __init__(
        self, device: VirtualDevice, link: Path, control: Path, *, fragment: int = 0, delay_s: float = 0.0,
        guard_stdin: bool = False, port: DevicePort | None = None, stall_s: float = STALL_S,
    ) -> None:
        self._device = device
        self._port = port or VirtualPort(link)
        self._control = control
        self._fragment, self._delay_s = fragment, delay_s
        self._guard_stdin = guard_stdin
        self._outlet = Outlet(self._port.write, stall_s)
        self._clients: dict[int, Client] = {}
        self._waiting: tuple[float, Answer] | None = None  # until when, who waits
        self._running = True
        self._plug()  # before the socket: who finds that, finds the port too
        control.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(control))
        self._listener.listen(MAX_CLIENTS)

    def run(self) -> None:
        """Serve until an order, SIGTERM, or (with the guard) the end of standard input; then clean up."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        signal.set_wakeup_fd(wake_write)
        try:
            self.serve(wake_read)
        finally:
            signal.set_wakeup_fd(-1)

    def serve(self, wake: int) -> None:
        """The loop itself; ``wake`` is a descriptor that becomes readable when the world has changed."""
        try:
            while self._running:
                self._turn(wake)
        finally:
            self._clean()

    def _clean(self) -> None:
        self._outlet.abandon()
        self._port.unplug()
        self._listener.close()
        self._control.unlink(missing_ok=True)

    def _stop(self, *_: object) -> None:
        self._running = False

    def _turn(self, wake: int) -> None:
        readable: list[int] = [wake, self._listener.fileno(), *self._clients]
        if self._guard_stdin:
            readable.append(sys.stdin.fileno())
        if self._port.plugged:
            readable.append(self._port.fileno())
        writable = [self._port.fileno()] if self._port.plugged and self._outlet.stalled else []
        ready, _, _ = select.select(readable, writable, [], self._patience())
        for descriptor in ready:
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor == self._port.fileno():
                self._hear_host()
            elif descriptor in self._clients:
                self._hear(self._clients[descriptor])
            elif self._guard_stdin and descriptor == sys.stdin.fileno() and not os.read(descriptor, 4096):
                self._running = False  # by name: a port that was pulled in this turn is a descriptor no more
        now = time.monotonic()
        self._outlet.pump(now)
        if self._waiting and now >= self._waiting[0]:
            self._answer_waiting({"ok": True, "sent": 0, "whole": False, "at": None})

    def _hear_host(self) -> None:
        self._send(self._device.receive(self._port.read()), self._document_went_out)

    def _patience(self) -> float:
        now = time.monotonic()
        until = now + IDLE_S
        if self._outlet and not self._outlet.stalled:
            until = min(until, self._outlet.due())
        if self._waiting:
            until = min(until, self._waiting[0])
        return max(0.0, until - now)

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        if len(self._clients) >= MAX_CLIENTS:
            connection.close()
        else:
            self._clients[connection.fileno()] = Client(connection)

    def _hear(self, client: Client) -> None:
        try:
            data = client.connection.recv(MAX_ORDER_BYTES)
        except OSError:
            data = b""
        client.half += data
        if not data or len(client.half) > MAX_ORDER_BYTES:
            del self._clients[client.connection.fileno()]
            client.connection.close()
            return
        *lines, client.half = client.half.split(b"\n")
        for line in lines:
            try:
                order = json.loads(line)
                self._obey(order, client.answer)
            except (ValueError, KeyError, TypeError, AttributeError) as problem:
                client.answer({"ok": False, "error": f"not an order: {type(problem).__name__}"})

    def _obey(self, order: dict[str, Any], answer: Answer) -> None:
        if "present" in order:
            self._present(order, answer)
        elif "remove" in order:
            self._send(self._device.remove(), None)
            answer({"ok": True})
        elif "block" in order:
            self._send(self._device.block(str(order["block"])), self._telling(answer))
        elif "bytes" in order:
            self._send(bytes.fromhex(order["bytes"]), self._telling(answer))
        elif "noise" in order:
            rate = float(order.get("rate", 0))
            pause = 1024 / rate if rate > 0 else 0.0
            source = noise(int(order["noise"]), int(order.get("seed", 0)))
            self._outlet.add(Job(source, pause, self._telling(answer)))
        elif "unplug" in order:
            self._unplug()
            answer({"ok": True})
        elif "plug" in order:
            self._plug()
            answer({"ok": True})
        elif "status" in order:
            orders = b"".join(getattr(self._device, "orders", ()))
            answer({"ok": True, "plugged": self._port.plugged, "unsent": self._device.unsent, "orders": orders.hex()})
        elif "quit" in order:
            self._running = False
            answer({"ok": True})
        else:
            answer({"ok": False, "error": "no such order"})

    def _present(self, order: dict[str, Any], answer: Answer) -> None:
        out = self._device.present([str(line) for line in order["present"]])
        if "cut" in order:
            out = out[: int(order["cut"])]
        if out:
            self._send(out, self._telling(answer))
        elif self._device.unsent:
            self._answer_waiting({"ok": True, "sent": 0, "whole": False, "at": None})
            self._waiting = (time.monotonic() + float(order.get("wait_s", 5.0)), answer)
        else:
            answer({"ok": True, "sent": 0, "whole": False, "at": None})

    def _send(self, data: bytes, done: Callable[[int, bool], None] | None) -> None:
        if data and self._port.plugged:
            self._outlet.add(Job(pieces(data, self._fragment), self._delay_s, done or tell_nobody))
        elif done is not None:
            done(0, False)

    def _telling(self, answer: Answer) -> Callable[[int, bool], None]:
        def done(sent: int, whole: bool) -> None:
            answer({"ok": True, "sent": sent, "whole": whole, "at": time.monotonic() if whole else None})

        return done

    def _document_went_out(self, sent: int, whole: bool) -> None:
        if self._waiting and whole and not self._device.unsent:
            self._answer_waiting({"ok": True, "sent": sent, "whole": True, "at": time.monotonic()})

    def _answer_waiting(self, message: dict[str, Any]) -> None:
        if self._waiting:
            answer, self._waiting = self._waiting[1], None
            answer(message)

    def _plug(self) -> None:
        if not self._port.plugged:
            self._port.plug()
            self._send(self._device.power_on(), None)

    def _unplug(self) -> None:
        self._outlet.abandon()
        self._port.unplug()
