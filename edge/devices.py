"""The devices of a box: configured readers, their keepers, hotplug, and the way on to the officer's PC.

The part of the composition root that reaches concrete drivers. Laws:
1. ``make_readers`` judges the whole configuration of the readers before anything is opened.
2. The monitor listens before the first reader is looked for, so that nothing is missed in between; where udev
   is not to be heard, the keepers' own looks are the safety net, and it is tried again every ten minutes.
3. A profile that is broken stops no reader but those that name it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from drivers.api import DriverMisuse, Feedback, PassportReader
from drivers.catalog import open_profiled, open_reader
from drivers.discovery import Monitor, seen_at, unlike
from drivers.profiles import Profiles, load
from drivers.transport.serial_out import SerialOut
from edge.config import Config, PassThroughConfig, ReaderConfig
from edge.configured import wrong_reader
from edge.crew import OnDeath, Pulse
from edge.passthrough import Keep, PassThrough
from edge.readers import ReaderKeeper

DEAF_S = 600.0  # between two tries to hear udev

log = structlog.get_logger("devices")


@dataclass(frozen=True, slots=True)
class Configured:
    """One reader, its port not yet opened, and the USB ids that its profile knows."""

    config: ReaderConfig
    reader: PassportReader
    usb: tuple[str, ...] = ()


def make_readers(config: Config, mono: Callable[[], float]) -> list[Configured]:
    """Every configured reader. Raises ConfigError where a driver, a profile or a setting is wrong (law 1)."""
    profiles = profiles_of(config)
    for problem in profiles.problems:  # law 3
        reason = f"{problem.key}: {problem.message}".removeprefix(": ")
        log.warning("profile_bad", path=str(problem.file), reason=reason, advice=problem.advice)
    return [make_reader(reader, profiles, mono) for reader in config.reader]


def profiles_of(config: Config) -> Profiles:
    """The shipped profiles and the technician's."""
    return load([Path(config.box.profiles_dir)])


def make_reader(config: ReaderConfig, profiles: Profiles, mono: Callable[[], float]) -> Configured:
    """One of them. Raises ConfigError."""
    try:
        if config.profile:
            profile = profiles.find(config.profile)
            reader = open_profiled(profile, config.name, config.port, config.settings, mono)
            return Configured(config, reader, profile.usb)
        settings = {**config.settings, "port": config.port}
        return Configured(config, open_reader(config.driver, config.name, settings, mono))
    except DriverMisuse as error:
        raise wrong_reader(config, error) from error


class Likeness:
    """Is the device at a port the one that was set up there? Called with the serial number that it has told itself."""

    def __init__(self, made: Configured) -> None:
        self._config, self._usb = made.config, made.usb
        self._first = ""  # the serial number that it told first since the box began

    def __call__(self, own: str) -> str | None:
        """How it differs, in words; "" if it does not; None if nobody can tell, now."""
        seen = seen_at(self._config.port)
        found = unlike(seen, self._config.serial, self._config.path, self._usb, own)
        if found:
            return found
        self._first = self._first or own
        if own and own != self._first:
            return f"it says serial number {own}, and said {self._first} before"
        return "" if own or seen is not None else None


class Devices:
    """Keepers, hotplug and pass-through of one box, as threads to be hired."""

    def __init__(
        self, made: Sequence[Configured], passing: Sequence[PassThroughConfig], *,
        inbox_of: Callable[[str], queue.Queue[Any]],
        announce: Callable[[str, str], None],
        alarm: Callable[[str, str], None],
        mono: Callable[[], float],
        jitter: Callable[[], float],
        keep: Keep,
        inherited: Mapping[str, int],
    ) -> None:
        self._passes = bool(passing)
        self.relay = PassThrough(passing, open_line=SerialOut, mono=mono, keep=keep, inherited=inherited)
        self.keepers = [
            ReaderKeeper(
                one.reader, deliver=inbox_of(one.config.name).put_nowait, tap=self.relay.emit, announce=announce,
                alarm=alarm, differs=Likeness(one), jitter=jitter, mono=mono,
            )
            for one in made
        ]
        self._by_name = {keeper.name: keeper for keeper in self.keepers}
        self._readers = {one.config.name: one.reader for one in made}
        self._monitor: Monitor | None = None

    def hire(self, hire: Callable[..., None]) -> None:
        """Start the threads: hotplug before the first look (law 2)."""
        self._monitor = Monitor(self.wake)
        if self._passes:
            self.relay.start()
            hire("passthrough", self.relay.run, OnDeath.RESTART)
        for keeper in self.keepers:
            hire(f"reader-{keeper.name}", keeper.run)
        hire("hotplug", self._hear, OnDeath.RESTART)

    def wake(self) -> None:
        """Something was plugged in or out."""
        for keeper in self.keepers:
            keeper.wake()

    def signal(self, reader: str, feedback: Feedback) -> None:
        """Have that reader give a sign, if it can; never blocks."""
        if keeper := self._by_name.get(reader):
            keeper.signal(feedback)

    def reading(self, reader: str) -> bool:
        """Is that reader in the midst of a frame? From any thread, never blocks."""
        device = self._readers.get(reader)
        return device is not None and device.reading

    def close(self) -> None:
        """After the threads have ended."""
        self.relay.close()

    def _hear(self, pulse: Pulse) -> None:
        monitor, self._monitor = self._monitor or Monitor(self.wake), None
        said = ""
        while not pulse.is_set():
            monitor.run(pulse)
            if pulse.is_set():
                return
            self.wake()
            if monitor.why != said:
                said = monitor.why
                log.info("hotplug_deaf", reason=said, advice="nothing to do: readers are looked for every second")
            pulse.wait(DEAF_S)
            monitor = Monitor(self.wake)
