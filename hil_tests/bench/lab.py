"""What stands around a box under test: readers, sticks, scanners, the link, the mains. Emulated, or a person's hands.

Laws:
1. Whatever a lab cannot do it says, and the test skips with that line; it never passes for want of a device.
2. What was plugged is pulled at the end of the test, and what was cut is whole again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hil_tests.bench.target import Target


class Cannot(Exception):  # noqa: N818 - no error: the lab has no such thing
    """This lab has no such device; its text is the reason with which a test is skipped."""


class Reader(Protocol):
    """A passport reader on a USB port of the box."""

    serial: str
    """Its USB serial number; the box sees it in /dev/serial/by-id."""

    def present(self, lines: Sequence[str], *, cut: int | None = None) -> None:
        """Lay down a document; with ``cut``, its frame ends after that many bytes and nothing follows."""

    def remove(self) -> None:
        """Take the document away."""

    def unplug(self) -> None:
        """Pull the reader; the box's kernel has seen it when this returns."""

    def plug(self) -> None:
        """Put it back, into the same port."""


class Stick(Protocol):
    """A USB stick in a port of the box."""

    def pull(self) -> None:
        """Pull it, whatever is being written."""

    def contents(self, to: Path) -> Path:
        """What is on it, copied into a folder (after it was pulled)."""


class Lab(Protocol):
    """Everything around one box."""

    @property
    def target(self) -> Target:
        """The box."""

    def plug_reader(self, family: str = "text", *, serial: str = "SN0001") -> Reader:
        """A reader of that family, powered on. Raises Cannot."""

    def plug_stick(self, folder: Path) -> Stick:
        """A FAT stick called BORDERPOST that holds what is in ``folder`` (``BORDERPOST/…``). Raises Cannot."""

    def link(self, *, up: bool) -> None:
        """The network cable. Raises Cannot."""

    def cut_power(self) -> None:
        """No more mains: at once, whatever is being written. Raises Cannot."""

    def power_on(self) -> float:
        """Mains again; returns when systemd inside answers: the seconds that took."""
