"""A pty that looks like a serial port to a program on this machine, behind a link that stays.

Laws:
1. The PC's side is raw for whoever opens it: not one byte is changed or echoed for a program that sets nothing.
2. Nobody has it open: frames are not written, so that they cannot wait for whoever opens it next. What the last
   program left unread is thrown away when it closes, or when this process starts if it closed while none was there.
3. The master outlives this process where systemd keeps it: the program's open handle goes on.
4. Only a link to a pty is ever replaced: no file, and no link to a device.
5. The PC's side belongs to the service's group: the system gives it to the group that may write to terminals (tty).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import struct
import termios
import tty
from collections.abc import Callable
from pathlib import Path

from edge.passthrough.keep import Wishes, kept_name
from edge.passthrough.lane import Lane
from edge.passthrough.output import Line, Output, Unusable, hear, shut

TIOCGPTN, TIOCSPTLCK = 0x80045430, 0x40045431  # linux/asm-generic/ioctls.h: number, unlock
MODE = 0o660
PTYS = "/dev/pts/"
FLAGS = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC


class PtyOutput(Output):
    """``pty:PATH``. ``inherited`` is the master that an earlier process left, or -1."""

    def __init__(self, to: str, mono: Callable[[], float], keep: Wishes, inherited: int = -1) -> None:
        super().__init__(to, mono)
        self._link = Path(to.partition(":")[2])
        self._keep, self._inherited = keep, inherited
        self._lane: Lane | None = None
        self._device = ""
        self._heard = False  # a program has it open

    @property
    def connected(self) -> int:
        """See Output."""
        return int(self._open and self._heard)

    def _interest(self) -> list[tuple[int, int]]:
        lane = self._lane
        if lane is None or not self._heard:  # the master is always ready to say so: it is looked at by time instead
            return []
        return [(lane.fd, select.POLLIN | (select.POLLOUT if len(lane) else 0))]

    def _start(self) -> None:
        master, self._inherited = self._inherited, -1
        fresh = master < 0
        try:
            if fresh:
                master = os.open("/dev/ptmx", FLAGS)
                fcntl.ioctl(master, TIOCSPTLCK, struct.pack("i", 0))
            os.set_blocking(master, False)
            self._device = f"{PTYS}{struct.unpack('i', fcntl.ioctl(master, TIOCGPTN, bytes(4)))[0]}"
            self._let_in()
            if fresh or not _heard(master):
                self._clean(master)
            self._place_link()
        except OSError as problem:
            shut(master)
            raise Unusable(
                f"{self._link}: the pty cannot be made: {problem.strerror or problem}",
                advice="put borderpost-pty.conf into /etc/systemd/system/borderpost.service.d (docs/technician.md, "
                "section 9)" if problem.errno == errno.EPERM else
                "give a path that does not exist yet in a folder that the service may write (/run/borderpost)",
            ) from None
        self._lane, self._heard = Lane(master, self.tally), _heard(master)
        if fresh:
            self._keep.forget(kept_name(self.to))  # one that a program has spoilt for others, if there was one
            self._keep.store(kept_name(self.to), master)

    def _let_in(self) -> None:
        """Law 5."""
        device = Path(self._device)
        if device.stat().st_gid != os.getegid():
            os.chown(device, -1, os.getegid())
        device.chmod(MODE)

    def _place_link(self) -> None:
        aside = self._link.with_name(self._link.name + ".new")
        for path in (self._link, aside):
            if not _replaceable(path):
                raise FileExistsError(errno.EEXIST, f"{path.name} exists and is no link to a pty")
        self._link.parent.mkdir(parents=True, exist_ok=True)
        aside.unlink(missing_ok=True)
        aside.symlink_to(self._device)
        aside.rename(self._link)

    def _send(self, frame: bytes, now: float) -> None:
        lane = self._listened()
        if lane is None:
            self.tally.unheard += 1
        else:
            lane.push(frame, now)

    def _tend(self, now: float) -> None:
        lane = self._listened()
        if lane is not None:
            with contextlib.suppress(OSError):  # hung up between the two calls: seen at the next turn
                hear(lane.fd)
            lane.pump(now)

    def _listened(self) -> Lane | None:
        """The lane while a program listens (law 2)."""
        lane, before = self._lane, self._heard
        assert lane is not None
        self._heard = _heard(lane.fd)
        if self._heard:
            return lane
        if before:
            lane.clear()
            self._clean(lane.fd)
        return None

    def _clean(self, master: int) -> None:
        """Laws 1 and 2. The short opening also makes the master say that nobody listens, from the first time on."""
        slave = os.open(self._device, FLAGS)
        try:
            tty.setraw(slave, termios.TCSANOW)
            termios.tcflush(master, termios.TCOFLUSH)  # what is on its way
            termios.tcflush(slave, termios.TCIOFLUSH)  # what has arrived
        except termios.error as problem:
            raise OSError(*problem.args) from None
        finally:
            os.close(slave)

    def _lanes(self) -> list[Lane]:
        return [] if self._lane is None else [self._lane]

    def _end(self) -> Line | None:
        lane, self._lane = self._lane, None
        if lane is not None:
            shut(lane.fd)
            if not self._keep.listening:
                with contextlib.suppress(OSError):
                    self._link.unlink()
        return None


def _replaceable(path: Path) -> bool:
    """Law 4: nothing is there, or a link to a pty."""
    return str(path.readlink()).startswith(PTYS) if path.is_symlink() else not path.exists()


def _heard(master: int) -> bool:
    """True while a program has the other side open."""
    poll = select.poll()
    poll.register(master, select.POLLIN)
    return not any(events & select.POLLHUP for _, events in poll.poll(0))
