"""Words to systemd (sd_notify(3), over $NOTIFY_SOCKET) and open files kept by it over a restart (sd_listen_fds(3)).

Laws:
1. Where nobody listens nothing happens: no word to systemd is a reason to stop screening.
2. A file is kept under a name that is used once; systemd hands back all that it kept, and who takes it
   (edge.passthrough) closes what nobody claims.
3. A kept file is not watched by systemd unless asked: a pty without a PC looks like a broken one to it (FDPOLL=0).
4. No word waits: a systemd that is busy, or stopped, holds no thread of ours. A word of the watchdog or of the stop
   may be lost; READY is said again with the next sign of life, a file by who keeps it.
"""

from __future__ import annotations

import array
import errno
import os
import socket
from collections.abc import Mapping, MutableMapping

FIRST_FD = 3  # SD_LISTEN_FDS_START
MAX_KEPT = 256
LATER = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETOOMANYREFS)  # not for ever


class Notifier:
    """Sends datagrams to the socket that systemd named, or does nothing where there is none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # A leading @ stands for the abstract namespace, which the kernel writes as a NUL.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        watchdog = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s = int(watchdog) / 1e6 if watchdog.isdigit() else None
        self._ready_owed = False

    @property
    def listening(self) -> bool:
        """True if systemd named a socket: what is stored may come back."""
        return bool(self._address)

    def ready(self, status: str) -> None:
        """Say that start-up is over."""
        self._ready_owed = not self._send(f"READY=1\nSTATUS={status}")

    def alive(self, status: str) -> None:
        """Feed the watchdog; call it only after looking at every thread's progress."""
        word = f"WATCHDOG=1\nSTATUS={status}"
        if self._send(f"READY=1\n{word}" if self._ready_owed else word):
            self._ready_owed = False

    def stopping(self) -> None:
        """Say that the stop is wanted."""
        self._send("STOPPING=1")

    def store(self, name: str, fd: int, *, watch: bool = False) -> bool:
        """Have systemd keep the open file ``fd`` for the next process, called ``name`` (letters, digits, ``-``).

        With ``watch`` it is let go when its other end hangs up (law 3). The unit needs FileDescriptorStoreMax.
        False if systemd takes no word now (law 4): say it again later.
        """
        return self._send(f"FDSTORE=1\nFDNAME={name}" + ("" if watch else "\nFDPOLL=0"), (fd,))

    def forget(self, name: str) -> bool:
        """Let go what is kept under that name; harmless when nothing is. False as with ``store``."""
        return self._send(f"FDSTOREREMOVE=1\nFDNAME={name}")

    def _send(self, text: str, fds: tuple[int, ...] = ()) -> bool:
        """False if it may be taken later (law 4); where nobody listens there is no later (law 1)."""
        if not self._address:
            return True
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s:
                s.sendmsg([text.encode()], rights, socket.MSG_DONTWAIT, self._address)
        except OSError as problem:
            return problem.errno not in LATER
        return True


def inherited(environ: MutableMapping[str, str], *, pid: int | None = None) -> dict[str, int]:
    """The open files that systemd hands to this process, by name; each is the caller's to close.

    Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of ``environ``, so that no child believes them its own.
    A name that stands there twice keeps its first file; the other is closed.
    """
    meant_for, count, names = (environ.pop(key, "") for key in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if meant_for != str(os.getpid() if pid is None else pid) or not count.isdigit():
        return {}
    kept: dict[str, int] = {}
    named = names.split(":")
    for at, fd in enumerate(range(FIRST_FD, FIRST_FD + min(int(count), MAX_KEPT))):
        name = named[at] if at < len(named) else f"unnamed-{at}"
        try:
            os.set_inheritable(fd, False)
        except OSError:
            continue  # the number says more than is there
        if name in kept:
            os.close(fd)
        else:
            kept[name] = fd
    return kept


def from_environment() -> Notifier:
    """The notifier for this process."""
    return Notifier(os.environ)
