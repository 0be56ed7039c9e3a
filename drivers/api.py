"""What a driver offers and what it raises: the one page that the rooms above need to read.

Laws:
1. A device is noise until proven a frame. Bad bytes are events and counters, never exceptions.
2. An exception says who must act: ``DeviceError`` (the device or its cable, port, rights) or
   ``DriverMisuse`` (our own caller or configuration). Each carries an ``advice`` line.
3. A reader has one owner: ``open``, ``read``, ``power_cycle``, ``close`` come from one thread; the rest from any.
4. What was read is personal data: it is in no ``repr``, so it cannot reach a log by accident.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Monotonic seconds; ``time.monotonic`` outside tests."""

MAX_RAW = 16 * 1024
"""Bytes of the longest ``raw``. It is the whole frame or empty, never a part of one: a PC that is handed half a frame
waits for its end. Families whose frames fit their buffer are far below it; a keyboard at four reports a key gets there
with a line of 511 characters."""


class DriverError(Exception):
    """The root of what drivers raise. ``message`` says what happened, ``advice`` the next step, one line."""

    def __init__(self, message: str, *, advice: str) -> None:
        if type(self) is DriverError:
            raise TypeError("DriverError is abstract: raise DeviceError or DriverMisuse")
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} ({self.advice})"


class DeviceError(DriverError):
    """The device, its cable, its port or our rights to it stop us; trying again later may help."""


class DeviceGone(DeviceError):  # noqa: N818 - read as a sentence
    """The port does not exist, or vanished while it was open."""


class DeviceBusy(DeviceError):  # noqa: N818 - read as a sentence
    """Another program holds the port."""


class DeviceForbidden(DeviceError):  # noqa: N818 - read as a sentence
    """The port exists, but this user may not open it."""


class DeviceStuck(DeviceError):  # noqa: N818 - read as a sentence
    """The device takes no bytes within the write timeout."""


class DriverMisuse(DriverError):  # noqa: N818 - read as a sentence
    """Our own caller is wrong: it reads a reader that is not open, or names a driver that is not there."""


class BadSetting(DriverMisuse):
    """A setting of a reader is wrong; ``key`` names it (empty when it is the table as a whole)."""

    def __init__(self, message: str, *, key: str, advice: str) -> None:
        super().__init__(message, advice=advice)
        self.key = key


class Tier(enum.StrEnum):
    """How far a driver has been proven: on our emulator, on a recording, on the device itself."""

    VIRTUAL = "virtual"
    RECORDED = "recorded"
    CERTIFIED = "certified"


class Feedback(enum.StrEnum):
    """A sign to the officer through the device itself (beeper, light), always of what was shown."""

    GOOD = "good"    # read, and no lead shown
    LEAD = "lead"    # read, and a lead shown: look at the screen
    RETRY = "retry"  # not readable: present it again


@dataclass(frozen=True, slots=True)
class DocumentRead:
    """Rows that one device sent in one frame, as sent: a whole zone, or single rows of one.

    ``device`` is the configured name, ``lines`` one to three rows of ASCII without line ends, ``raw``
    the whole frame (at most MAX_RAW bytes; empty where a keyboard needed more), ``at`` the monotonic
    second at which its last byte had been received.
    """

    device: str
    lines: tuple[str, ...] = field(repr=False)
    raw: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that were no block, since the last Noise.

    ``count`` is in bytes; ``garbled`` counts frames that began and did not end well.
    """

    count: int
    garbled: int = 0


@dataclass(frozen=True, slots=True)
class OtherRead:
    """A whole block that is no zone (a bar code, a magnetic stripe); ``raw`` is the whole block, as in DocumentRead.

    ``text`` is what it says, in ASCII, where ``raw`` does not show it (reports of a keyboard); elsewhere it is empty.
    """

    device: str
    raw: bytes = field(repr=False)
    at: float
    text: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NothingLost:
    """After something broke on the way, the device was asked, and what lies on it is what has been read already."""


ReaderEvent: TypeAlias = DocumentRead | OtherRead | Noise | NothingLost


@dataclass(frozen=True, slots=True)
class ReaderStatus:
    """Counters since the reader was made; they survive re-opening. Texts are empty when not known."""

    name: str
    driver: str
    tier: Tier
    port: str
    open: bool
    profile: str = ""
    signs: bool = False  # the device can be made to beep or light up
    reads: int = 0
    garbled: int = 0
    others: int = 0
    noise_bytes: int = 0
    last_read_at: float | None = None  # monotonic seconds, same clock as DocumentRead.at
    last_read_age_s: float | None = None
    firmware: str = ""
    serial: str = ""
    product: str = ""
    remark: str = ""  # what the device refused or left unanswered when it was set up


class PassportReader(Protocol):
    """One document reader, whatever it speaks."""

    @property
    def name(self) -> str:
        """The configured name."""

    def open(self) -> None:
        """Open the port and greet the device. Raises DeviceError; may be called again after close()."""

    @property
    def reading(self) -> bool:
        """True while a frame has begun and not ended; from any thread."""

    def present(self) -> bool | None:
        """Is something plugged in at the port? None where only opening tells. Never blocks, never raises."""

    def signal(self, feedback: Feedback) -> None:
        """Have the device give this sign soon, if it can; from any thread, never blocks, never raises."""

    def power_cycle(self) -> None:
        """Close as near to switching off as the port allows; ``open`` follows. Never raises."""

    def read(self, timeout_s: float) -> ReaderEvent | None:
        """Wait at most ``timeout_s`` seconds (0 or more) for a document.

        Returns a DocumentRead or OtherRead as soon as one is whole; else, when the time is over, a Noise that sums
        up what else came, or None when nothing came. So noise costs one event per call, however much
        there is. Raises DeviceError when the device disappears, DriverMisuse when it is not open.
        """

    def status(self) -> ReaderStatus:
        """The counters; never blocks, never raises."""

    def close(self) -> None:
        """Let the port go; harmless when it is not open."""
