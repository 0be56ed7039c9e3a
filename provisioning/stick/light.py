"""What a technician without a screen sees and hears: lights, the console's bell, the PC's speaker.

The patterns are few, and the same on every output: busy is a slow blink; the end is counted (three short: done, one
long: refused, three short and one long: some of each, five short: the box is not well), and repeated for a minute.
No light is ever a reason to fail.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

from edge.core.provisioning.codes import Grade

SHORT: Final = 0.2  # seconds on
LONG: Final = 1.2
GAP: Final = 0.25  # seconds off between two of one group
REST: Final = 1.6  # seconds off before the group comes again
BUSY: Final = ((1.0, 1.0),)  # (on, off) in seconds, over and over
PATTERNS: Final[Mapping[Grade, tuple[tuple[float, float], ...]]] = {
    Grade.OK: ((SHORT, GAP), (SHORT, GAP), (SHORT, REST)),
    Grade.REFUSED: ((LONG, REST),),
    Grade.PART: ((SHORT, GAP), (SHORT, GAP), (SHORT, GAP), (LONG, REST)),
    Grade.FAULT: ((SHORT, GAP),) * 4 + ((SHORT, REST),),
}
Pattern = tuple[tuple[float, float], ...]

# Lights of a board that mean "look here": the last part of a name ``device:colour:function`` of the kernel's LED class.
FUNCTIONS: Final = ("status", "indicator", "activity", "alarm", "fault", "programming", "borderpost")
TONE_HZ: Final = 880
# struct input_event of linux/input.h: seconds, microseconds, type, code, value
_EVENT: Final = struct.Struct("@llHHi")
_EV_SND: Final = 0x12
_SND_TONE: Final = 0x02


class Output(Protocol):
    """One thing that is on or off. Raises OSError."""

    def set(self, on: bool) -> None:
        """Switch it."""


class Led:
    """A folder of the LED class (Documentation/leds/leds-class.rst of the kernel)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with contextlib.suppress(OSError):
            (folder / "trigger").write_text("none", encoding="ascii")
        try:
            self._full = str(int((folder / "max_brightness").read_text(encoding="ascii")))
        except (OSError, ValueError):
            self._full = "1"

    def set(self, on: bool) -> None:
        """See Output."""
        (self._folder / "brightness").write_text(self._full if on else "0", encoding="ascii")


class Bell:
    """A terminal's bell: one sound at every switching on."""

    def __init__(self, terminal: Path) -> None:
        self._terminal = terminal

    def set(self, on: bool) -> None:
        """See Output."""
        if on:
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC  # it is nobody's terminal
            descriptor = os.open(self._terminal, flags)
            try:
                os.write(descriptor, b"\a")
            finally:
                os.close(descriptor)


class Speaker:
    """The PC's speaker as an input device (``/dev/input/by-path/…pcspkr-event-spkr``)."""

    def __init__(self, device: Path) -> None:
        self._device = device

    def set(self, on: bool) -> None:
        """See Output."""
        with self._device.open("ab", buffering=0) as device:
            device.write(_EVENT.pack(0, 0, _EV_SND, _SND_TONE, TONE_HZ if on else 0))


def find_leds(folder: Path) -> list[Path]:
    """The lights below ``/sys/class/leds`` that may be taken for this."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.rpartition(":")[2] in FUNCTIONS)
    except OSError:
        return []


def switching(pattern: Pattern) -> Iterator[tuple[bool, float]]:
    """(on or off, for how many seconds), for ever."""
    while True:
        for on_s, off_s in pattern:
            yield True, on_s
            yield False, off_s


class Light:
    """Shows one pattern at a time on all outputs, from a thread of its own.

    ``wait(seconds)`` waits at most so long and is True once the pattern is to end; without it the thread's own event.
    """

    def __init__(self, lights: Sequence[Output], sounds: Sequence[Output] = ()) -> None:
        self._lights, self._sounds = tuple(lights), tuple(sounds)
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def busy(self) -> None:
        """Slowly, and without a sound, until something else is shown."""
        self._show(BUSY, self._lights)

    def end(self, grade: Grade) -> None:
        """The end, until ``off``."""
        self._show(PATTERNS[grade], self._lights + self._sounds)

    def off(self) -> None:
        """Dark and still."""
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None

    def _show(self, pattern: Pattern, outputs: tuple[Output, ...]) -> None:
        self.off()
        if outputs:
            self._ended = threading.Event()
            arguments = (pattern, outputs, self._ended.wait)
            self._thread = threading.Thread(target=play, args=arguments, name="light", daemon=True)
            self._thread.start()


def play(pattern: Pattern, outputs: Sequence[Output], wait: Callable[[float], bool]) -> None:
    """Switch the outputs in that pattern until ``wait(seconds)`` says True; then off. One that fails is left alone."""
    working = list(outputs)
    for on, seconds in switching(pattern):
        _set(working, on)
        if wait(seconds):
            break
    _set(working, False)


def _set(outputs: list[Output], on: bool) -> None:
    for output in tuple(outputs):
        try:
            output.set(on)
        except OSError:
            outputs.remove(output)
