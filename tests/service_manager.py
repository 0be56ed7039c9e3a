"""The part of systemd that a service sees: a notify socket that keeps open files, and a start that hands them on.

As sd_notify(3) and sd_listen_fds(3) say: FDSTORE with FDNAME, FDSTOREREMOVE, FDPOLL=0; at the start
LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES with the files from 3 upwards.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

LIMIT_S = 15.0
LAUNCH = """
import fcntl, os, sys
fds = [fcntl.fcntl(int(fd), fcntl.F_DUPFD_CLOEXEC, 200) for fd in sys.argv[1].split(",") if fd]
for at, fd in enumerate(fds):
    os.dup2(fd, 3 + at)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": sys.argv[2]}
os.execv(sys.argv[3], sys.argv[3:])
"""


class ServiceManager:
    """Serves $NOTIFY_SOCKET at ``folder/notify`` from a thread."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "notify"
        self.kept: dict[str, int] = {}
        self.words: list[str] = []
        self._watched: set[str] = set()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.address))
        self._lock = threading.Lock()
        self._ended = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def start(
        self, words: Sequence[str], *, stdin: int | None = None, stdout: IO[Any] | int | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the service; its standard error goes where its output goes, or to ours."""
        with self._lock:
            self._let_go_of_the_dead()
            names, fds = list(self.kept), list(self.kept.values())
            environ = {**os.environ, "NOTIFY_SOCKET": str(self.address)}
            return subprocess.Popen(
                [sys.executable, "-c", LAUNCH, ",".join(map(str, fds)), ":".join(names), *words],
                pass_fds=fds, env=environ, stdin=stdin, stdout=stdout,
                stderr=stdout if stdout not in (None, subprocess.PIPE) else None,
            )

    def until(self, what: Callable[[], object]) -> None:
        """Wait until that is true, at most ``LIMIT_S`` seconds."""
        end = time.monotonic() + LIMIT_S
        while not what():
            assert time.monotonic() < end, f"kept {list(self.kept)}, heard {self.words[-3:]}"
            time.sleep(0.005)

    def close(self) -> None:
        """Let everything go."""
        self._ended = True
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", str(self.address))
        self._thread.join()
        self._socket.close()
        for fd in self.kept.values():
            os.close(fd)
        self.kept.clear()

    def __enter__(self) -> ServiceManager:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while not self._ended:
            data, fds, _, _ = socket.recv_fds(self._socket, 4096, 16)
            with self._lock:
                self._take(data.decode(), fds)

    def _take(self, text: str, fds: list[int]) -> None:
        said = dict(line.partition("=")[::2] for line in text.splitlines())
        name = said.get("FDNAME", "stored")
        if said.get("FDSTORE") == "1" and fds:
            self._drop(name)
            self.kept[name] = fds.pop()
            if said.get("FDPOLL") != "0":
                self._watched.add(name)
        if said.get("FDSTOREREMOVE") == "1":
            self._drop(name)
        for fd in fds:
            os.close(fd)
        self.words.append(text)

    def _drop(self, name: str) -> None:
        self._watched.discard(name)
        with contextlib.suppress(KeyError):
            os.close(self.kept.pop(name))

    def _let_go_of_the_dead(self) -> None:
        for name in list(self._watched):
            poll = select.poll()
            poll.register(self.kept[name], 0)
            if poll.poll(0):
                self._drop(name)


def filled(address: Path) -> list[socket.socket]:
    """Fill the queue of a notify socket that nobody empties; the talkers, whom the caller closes."""
    talkers: list[socket.socket] = []
    while True:
        talker = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        talkers.append(talker)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                talker.sendto(b"x", str(address))
                sent += 1
        if not sent:
            return talkers
