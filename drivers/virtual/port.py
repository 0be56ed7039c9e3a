"""One pty that plays the serial port of a virtual device, with its stable link.

Closing the master is what the host sees as an unplugged cable: a blocked read ends at once, a write
fails with EIO. Plugging in again makes another pty behind the same link, as udev does for by-id links.
"""

from __future__ import annotations

import contextlib
import os
import termios
import tty
from pathlib import Path
from typing import Protocol

SPEEDS = {getattr(termios, f"B{speed}"): speed for speed in (9600, 19200, 38400, 57600, 115200)}


class DevicePort(Protocol):
    """What a bench needs of any port: see VirtualPort."""

    @property
    def plugged(self) -> bool:
        """True while the host can see the port."""

    def fileno(self) -> int:
        """The descriptor to wait on."""

    def plug(self) -> None:
        """Appear; harmless when it is plugged already."""

    def unplug(self) -> None:
        """Vanish."""

    def read(self) -> bytes:
        """What the host has sent; b"" if nothing."""

    def write(self, data: bytes) -> int:
        """Bytes the host took."""


class VirtualPort:
    """The device's end. ``write`` and ``read`` never block."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._master = -1
        self._slave = -1

    @property
    def plugged(self) -> bool:
        """True while the host can see the port."""
        return self._master >= 0

    def fileno(self) -> int:
        """The descriptor to wait on; -1 when unplugged."""
        return self._master

    @property
    def baud(self) -> int:
        """Bits a second that the host has set; 0 when it is not known."""
        try:
            speed = termios.tcgetattr(self._slave)[5]
        except (termios.error, ValueError):
            return 0
        return SPEEDS.get(speed, 0)

    def plug(self) -> None:
        """Make the pty and point the link at it in one step; harmless when it is plugged already."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()
        # The slave stays open here: without a holder the master would report a hang-up for ever
        # whenever the host closes the port, and the loop would spin.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        fresh = self._link.with_name(f".{self._link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(self._slave))
        fresh.replace(self._link)

    def unplug(self) -> None:
        """Take the link away and hang up."""
        if not self.plugged:
            return
        self._link.unlink(missing_ok=True)
        for descriptor in (self._slave, self._master):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._master = self._slave = -1

    def read(self) -> bytes:
        """What the host has written, at most 4 KiB; b"" if nothing."""
        try:
            return os.read(self._master, 4096)
        except OSError:  # EAGAIN: nothing there; EIO: the host's last descriptor is closing
            return b""

    def write(self, data: bytes) -> int:
        """Bytes the line took; 0 when it is full because nobody reads."""
        try:
            return os.write(self._master, data)
        except OSError:
            return 0
