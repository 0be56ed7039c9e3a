"""Control of a running QEMU: its machine protocol (QMP) on a UNIX socket, typed as far as the bench uses it.

Laws:
1. Bytes become messages by pure code (messages.py); what is none ends the connection.
2. One thread reads. Events wait in a list of ``EVENTS``, the oldest is dropped first; ``wait_event`` takes what it
   returns out of that list, so an event is answered once.
3. No wait is without a limit, and every wait ends at once when QEMU ends.

Source: docs/interop/qmp-spec.rst and qapi/*.json of QEMU 7.2.
"""

from __future__ import annotations

import contextlib
import shlex
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil_tests.bench.target import until
from hil_tests.vm.messages import (
    Event,
    Failed,
    Greeting,
    Lines,
    Message,
    QmpError,
    RefusedError,
    Returned,
    dial,
    encode,
    parse,
)

EVENTS = 1000
COMMAND_S = 30.0
BANDWIDTH = 1 << 34  # bytes a second: a snapshot goes to a file, not over a network


class Qmp:
    """A connection. Made by ``connect``; ended by ``close``. Any thread may call."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._lines = connection, Lines()
        self._told = threading.Condition()
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._answers: dict[int, Returned | Failed | None] = {}
        self._greeting: Greeting | None = None
        self._last = 0
        self._end: str | None = None
        threading.Thread(target=self._read, name="qmp", daemon=True).start()

    @classmethod
    def connect(cls, path: Path, limit_s: float = COMMAND_S) -> Qmp:
        """Connect and agree on the protocol. Raises QmpError."""
        qmp = cls(dial(path, limit_s))
        try:
            with qmp._told:
                qmp._wait(lambda: qmp._greeting is not None, limit_s, "a greeting")
            qmp.execute("qmp_capabilities", limit_s=limit_s)
        except BaseException:
            qmp.close()
            raise
        return qmp

    @property
    def version(self) -> tuple[int, int, int]:
        """QEMU's version."""
        assert self._greeting is not None
        return self._greeting.version

    def close(self) -> None:
        """End the connection; QEMU goes on."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def execute(
        self, command: str, arguments: Mapping[str, Any] | None = None, /, *, limit_s: float = COMMAND_S, **more: Any
    ) -> Any:
        """Run a command; what it returns. ``arguments`` is for names with a hyphen. Raises RefusedError, QmpError."""
        with self._told:
            self._last += 1
            ident = self._last
            self._answers[ident] = None
            try:
                self._socket.sendall(encode(command, {**(arguments or {}), **more}, ident))
                self._wait(lambda: self._answers[ident] is not None, limit_s, f"an answer to {command}")
                answer = self._answers[ident]
            except OSError as error:
                raise QmpError(f"{command}: {error}") from error
            finally:
                del self._answers[ident]
        if isinstance(answer, Failed):
            raise RefusedError(answer.kind, f"{command}: {answer.text}")
        assert answer is not None
        return answer.value

    def wait_event(self, name: str, limit_s: float, **data: Any) -> Event:
        """The oldest event of that name, with those ``data``, that nobody took. Raises QmpError after the limit."""
        taken: list[Event] = []

        def take() -> bool:
            for event in self._events:
                if event.name == name and data.items() <= event.data.items():
                    self._events.remove(event)
                    taken.append(event)
                    return True
            return False

        with self._told:
            self._wait(take, limit_s, f"{name} {data or ''}")
        return taken[0]

    def forget(self, name: str, **data: Any) -> None:
        """Drop events of that name: what is awaited next happens from now on."""
        with self._told:
            kept = [event for event in self._events if event.name != name or not data.items() <= event.data.items()]
            self._events.clear()
            self._events.extend(kept)

    def events(self) -> list[Event]:
        """Those that nobody took, oldest first."""
        with self._told:
            return list(self._events)

    def device_add(self, driver: str, ident: str, **properties: Any) -> None:
        """Plug a device in. Raises RefusedError."""
        self.execute("device_add", driver=driver, id=ident, **properties)

    def device_del(self, ident: str, limit_s: float = COMMAND_S) -> None:
        """Pull a device out; it is gone from the machine when this returns."""
        self.forget("DEVICE_DELETED", device=ident)
        self.execute("device_del", id=ident)
        self.wait_event("DEVICE_DELETED", limit_s, device=ident)

    def chardev_add_socket(self, ident: str, path: Path, *, server: bool = False) -> None:
        """A character device on a UNIX socket: QEMU connects to ``path``, or as ``server`` listens there."""
        backend: dict[str, Any] = {"addr": {"type": "unix", "data": {"path": str(path)}}, "server": server}
        if server:
            backend["wait"] = False
        self.execute("chardev-add", id=ident, backend={"type": "socket", "data": backend})

    def chardev_remove(self, ident: str, limit_s: float = COMMAND_S) -> None:
        """Remove it; its device must be out. QEMU is done with it a moment after DEVICE_DELETED."""
        self._until_free("chardev-remove", {"id": ident}, limit_s)

    def blockdev_add(self, node: str, path: Path, *, read_only: bool = False) -> None:
        """A raw file as a block node, for a device's ``drive``; what the guest flushes is in the file."""
        protocol = {"driver": "file", "filename": str(path), "cache": {"direct": False, "no-flush": False}}
        self.execute("blockdev-add", {"node-name": node, "driver": "raw", "read-only": read_only, "file": protocol})

    def blockdev_del(self, node: str, limit_s: float = COMMAND_S) -> None:
        """Remove it; its device must be out."""
        self._until_free("blockdev-del", {"node-name": node}, limit_s)

    def set_link(self, name: str, *, up: bool) -> None:
        """The cable of a network card, by its id."""
        self.execute("set_link", name=name, up=up)

    def stop(self) -> None:
        """Halt the processors."""
        self.execute("stop")

    def cont(self) -> None:
        """Let them go on."""
        self.execute("cont")

    def status(self) -> str:
        """As ``running``, ``paused``, ``inmigrate``, ``postmigrate``."""
        return str(self.execute("query-status")["status"])

    def migrate(self, file: Path, limit_s: float = 120.0) -> None:
        """Write memory and devices to a file (zstd), processors halted. They stay halted."""
        self.execute("migrate-set-parameters", {"max-bandwidth": BANDWIDTH})
        self.execute("migrate", uri=f"exec:zstd -q -1 -T2 -f -o {shlex.quote(str(file))}")
        self.wait_migrated(limit_s)

    def wait_migrated(self, limit_s: float) -> None:
        """Until a migration, out or in, is complete. Raises QmpError when it failed."""

        def complete() -> bool:
            told = self.execute("query-migrate")
            if told.get("status") in ("failed", "cancelled"):
                raise QmpError(f"migration: {told}")
            return bool(told.get("status") == "completed")

        until(complete, limit_s, every_s=0.02)

    def screendump(self, to: Path) -> None:
        """What the screen shows, as PNG."""
        self.execute("screendump", filename=str(to), format="png")

    def watchdog_action(self, action: str) -> None:
        """What the watchdog's bite does: ``reset``, ``none``, ``pause`` …; an event WATCHDOG in any case."""
        self.execute("watchdog-set-action", action=action)

    def _until_free(self, command: str, arguments: Mapping[str, Any], limit_s: float) -> None:
        end = time.monotonic() + limit_s
        while True:
            try:
                self.execute(command, arguments)
            except RefusedError as error:
                busy = "busy" in error.text or "in use" in error.text
                if not busy or time.monotonic() > end:
                    raise
                time.sleep(0.02)
            else:
                return

    def _wait(self, what: Any, limit_s: float, awaited: str) -> None:
        """With the condition held."""
        if not self._told.wait_for(lambda: what() or self._end is not None, limit_s):
            raise QmpError(f"not within {limit_s:.0f} s: {awaited}")
        if self._end is not None and not what():
            raise QmpError(f"QEMU is gone ({self._end}), awaited: {awaited}")

    def _read(self) -> None:
        end = "it closed the connection"
        try:
            while data := self._socket.recv(1 << 16):
                at = time.monotonic()
                for line in self._lines.feed(data):
                    self._take(parse(line, at))
        except (OSError, QmpError) as error:
            end = str(error)
        with self._told:
            self._end = end
            self._told.notify_all()

    def _take(self, message: Message) -> None:
        with self._told:
            match message:
                case Event():
                    self._events.append(message)
                case Greeting():
                    self._greeting = message
                case Returned(ident=int(ident)) | Failed(ident=int(ident)) if ident in self._answers:
                    self._answers[ident] = message
                case _:
                    pass  # the answer to a command that nobody waits for any more
            self._told.notify_all()
