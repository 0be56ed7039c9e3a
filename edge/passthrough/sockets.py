"""A local UNIX socket: any number of programs on this machine, up to ``MAX_PCS``, each gets every read.

Laws:
1. Mode 0660 with the service's group: who may connect sees what travellers show.
2. Listener and connections outlive this process where systemd keeps them.
3. A socket on which somebody answers is left to him; a file that is no socket is never replaced.
4. Whom the system cannot take in now (no descriptors left) waits in the listener's queue, and wakes nobody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.passthrough.keep import Wishes, kept_name
from edge.passthrough.lane import Lane
from edge.passthrough.output import Line, Output, Unusable, hear, shut

MAX_PCS = 8
MODE = 0o660
SEND_BUFFER = 4096  # bytes asked of the kernel: what a program leaves unread in it grows old there


@dataclass(slots=True)
class _Pc:
    kept: str
    lane: Lane
    gone: bool = False  # closed by the own thread, soon


class SocketOutput(Output):
    """``unix:PATH``. ``inherited`` holds the descriptors that an earlier process left, by the name they were kept."""

    def __init__(self, to: str, mono: Callable[[], float], keep: Wishes, inherited: dict[str, int]) -> None:
        super().__init__(to, mono)
        self._path = Path(to.partition(":")[2])
        self._keep = keep
        self._name = kept_name(to)
        self._inherited = inherited
        self._listener: socket.socket | None = None
        self._pcs: list[_Pc] = []
        self._full = False  # law 4

    @property
    def connected(self) -> int:
        """See Output."""
        return sum(not pc.gone for pc in self._pcs) if self._open else 0

    def _interest(self) -> list[tuple[int, int]]:
        listener = self._listener
        wanted = [] if listener is None or self._full else [(listener.fileno(), select.POLLIN)]
        return wanted + [(pc.lane.fd, select.POLLIN | (select.POLLOUT if len(pc.lane) else 0)) for pc in self._pcs]

    def _start(self) -> None:
        inherited, self._inherited = self._inherited, {}
        listener = inherited.pop(self._name, -1)
        with self._lock:
            for kept, fd in inherited.items():
                os.set_blocking(fd, False)
                self._pcs.append(_Pc(kept, Lane(fd, self.tally)))
        try:
            self._listener = self._adopt(listener) or self._bind()
        except OSError as problem:
            raise Unusable(
                f"{self._path}: the socket cannot be made: {problem.strerror or problem}",
                advice="give a path (under 100 characters) that does not exist yet, in a folder that the service may "
                "write (/run/borderpost)",
            ) from None

    def _adopt(self, fd: int) -> socket.socket | None:
        """The listener of the process before, if its path still leads to it."""
        if fd < 0:
            return None
        if not self._path.is_socket():
            shut(fd)
            self._keep.forget(self._name)
            return None
        listener = socket.socket(fileno=fd)
        listener.setblocking(False)
        return listener

    def _bind(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if self._path.is_socket():
                if _answers(self._path):
                    raise OSError(errno.EADDRINUSE, "another process serves it")
                self._path.unlink()  # left by a process that was killed
            listener.bind(str(self._path))
            self._path.chmod(MODE)  # before listen: until then nobody can connect
            listener.listen(MAX_PCS)
        except OSError:
            listener.close()
            raise
        self._keep.store(self._name, listener.fileno())
        return listener

    def _send(self, frame: bytes, now: float) -> None:
        listening = [pc for pc in self._pcs if not pc.gone]
        if not listening:
            self.tally.unheard += 1
        for pc in listening:
            try:
                pc.lane.push(frame, now)
            except OSError:
                pc.gone = True

    def _tend(self, now: float) -> None:
        for pc in list(self._pcs):
            try:
                if not pc.gone and hear(pc.lane.fd):
                    pc.lane.pump(now)
                    continue
            except OSError:
                pass
            self._part(pc)
        self._take_in()

    def _take_in(self) -> None:
        assert self._listener is not None
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as problem:  # nobody waits, he has gone again, or law 4
                self._full = problem.errno not in (errno.EAGAIN, errno.ECONNABORTED)
                return
            if len(self._pcs) >= MAX_PCS:
                connection.close()
                continue
            with contextlib.suppress(OSError):  # a courtesy
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            connection.setblocking(False)
            held = {pc.kept for pc in self._pcs}
            kept = next(name for name in (f"{self._name}-{n}" for n in range(MAX_PCS)) if name not in held)
            self._pcs.append(_Pc(kept, Lane(connection.detach(), self.tally)))
            self._keep.store(kept, self._pcs[-1].lane.fd, watch=True)

    def _part(self, pc: _Pc) -> None:
        self._pcs.remove(pc)
        pc.lane.clear()
        shut(pc.lane.fd)
        self._keep.forget(pc.kept)

    def _lanes(self) -> list[Lane]:
        return [pc.lane for pc in self._pcs]

    def _waiting(self) -> bool:
        return super()._waiting() or any(pc.gone for pc in self._pcs)

    def _end(self) -> Line | None:
        listener, self._listener = self._listener, None
        pcs, self._pcs = self._pcs, []
        for pc in pcs:
            shut(pc.lane.fd)
        if listener is not None:
            listener.close()
            if not self._keep.listening:
                with contextlib.suppress(OSError):
                    self._path.unlink()
        return None


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its queue is full: somebody is there
            return True
        except OSError:
            return False
        return True
