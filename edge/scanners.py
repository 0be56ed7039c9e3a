"""The fingerprint scanners of a box: configured scanners, their stations, and the child processes behind them.

The part of the composition root that reaches concrete drivers of scanners. Laws:
1. ``make_scanners`` judges the whole configuration of the scanners before anything is opened.
2. A station, and what keeps the children, restart alone: fingers failing never stops documents (ARCHITECTURE law 6).
3. A box without scanners has no thread and no process for fingers.
4. With scanners the memory that this process gives back is overwritten (``common.freed``): images pass through
   libraries and ``bytes`` that nobody else can erase.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from common.freed import overwrite_freed
from common.settings import ConfigError
from drivers.api import DriverMisuse
from drivers.catalog import SCANNERS, open_scanner
from drivers.discovery import seen_at, unlike
from drivers.fingers import FingerprintScanner
from drivers.named import SETTING
from edge.bell import Bell
from edge.config import Config, CounterConfig, FingersConfig, ScannerConfig, load
from edge.configured import wrong_scanner
from edge.core.fingerprints.model import Position
from edge.core.screening import Screener
from edge.core.trusted import Trusted
from edge.crew import OnDeath
from edge.fingers.hands import ChildHands
from edge.fingers.keeper import ScannerKeeper
from edge.fingers.orders import FingerOrder, FingerResult
from edge.fingers.policy import FingerPolicy
from edge.fingers.searcher import Searcher, SearchPolicy
from edge.fingers.station import Station, StationSettings
from edge.opened_list import OpenList


@dataclass(frozen=True, slots=True)
class MadeScanner:
    """One scanner, its port not yet opened, and the counter that it serves."""

    config: ScannerConfig
    scanner: FingerprintScanner
    counter: str


def make_scanners(config: Config, mono: Callable[[], float]) -> list[MadeScanner]:
    """Every configured scanner. Raises ConfigError where a driver or a setting is wrong (law 1)."""
    counter_of = {c.scanner: c.name for c in config.counter if c.scanner}
    return [MadeScanner(one, make_scanner(one, mono), counter_of[one.name]) for one in config.scanner]


def make_scanner(config: ScannerConfig, mono: Callable[[], float]) -> FingerprintScanner:
    """One of them. Raises ConfigError."""
    try:
        return open_scanner(config.driver, config.name, {**config.settings, "port": config.port}, mono)
    except DriverMisuse as error:
        raise wrong_scanner(config, error) from error


def named_scanner(text: str, config_path: Path, mono: Callable[[], float]) -> FingerprintScanner:
    """The scanner that a command line names: ``[[scanner]]`` of edge.toml, or DRIVER=PORT. Raises BorderpostError."""
    driver, equals, rest = text.partition("=")
    if equals:
        port, *pairs = SETTING.split(rest)
        settings = {key: _number(value) for key, value in (pair.split("=", 1) for pair in pairs)}
        return make_scanner(ScannerConfig(name="named", port=port, driver=driver, settings=settings), mono)
    known = load(config_path).scanner
    found = next((one for one in known if one.name == text), None)
    if found is None:
        names = ", ".join(one.name for one in known) or "none"
        raise ConfigError(
            f"{config_path} has no scanner {text!r}",
            advice=f"give one of: {names}; or DRIVER=PORT with a driver of: {', '.join(SCANNERS)}",
        )
    return make_scanner(found, mono)


def _number(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def policy_of(config: FingersConfig, counter: CounterConfig) -> FingerPolicy:
    """When a finger is asked for at this counter, and which. One without a scanner of its own asks for none: its
    officers may have one taken at another counter."""
    return FingerPolicy(config.ask if counter.scanner else "never", tuple(positions_of(config)), config.keep_s)


def positions_of(config: FingersConfig) -> list[Position]:
    """The configured fingers, the first one first."""
    return [Position[name.upper().replace("-", "_")] for name in config.positions]


class Scanners:
    """Stations of one box, as threads to be hired; ``offer`` and ``withdraw`` are what counters use."""

    def __init__(
        self, made: Sequence[MadeScanner], config: FingersConfig, *,
        lists: Callable[[], Sequence[OpenList]], screener: Screener, now: Callable[[], Trusted],
        deliver: Callable[[str, FingerResult], None], publish: Callable[[bytes], None],
        announce: Callable[[str, str], None], alarm: Callable[[str, str], None],
        mono: Callable[[], float], jitter: Callable[[], float],
    ) -> None:
        self.searcher = Searcher(
            lists, screener, now,
            SearchPolicy(
                config.false_candidates, config.work_s, config.search_mb, config.verify_threshold,
                required=frozenset(config.required),
            ),
            mono=mono,
        )
        self.hands = ChildHands(config.extractor, self.searcher, work_s=config.work_s, memory_mib=config.extract_mb)
        settings = StationSettings(config.capture_wait_s, config.tries)
        self.stations: dict[str, Station] = {}
        for one in made:
            bell = Bell()
            keeper = ScannerKeeper(
                one.scanner, announce=announce, alarm=alarm, differs=_likeness(one.config), jitter=jitter, mono=mono,
                bell=bell,
            )
            self.stations[one.counter] = Station(
                one.counter, keeper, self.hands, settings=settings, bell=bell, deliver=deliver,
                publish=lambda message: publish(msgspec.json.encode(message)), mono=mono,
            )

    def hire(self, hire: Callable[..., None]) -> None:
        """Start the threads (law 3)."""
        if not self.stations:
            return
        overwrite_freed()
        hire("fingers-extract", self.hands.run, OnDeath.RESTART)
        hire("fingers-search", self.searcher.run, OnDeath.RESTART)
        for name, station in self.stations.items():
            hire(f"fingers-{name}", station.run, OnDeath.RESTART)

    def offer(self, order: FingerOrder) -> bool:
        """Have the station of ``order.counter`` take a finger; False if there is none, or it is busy or away."""
        station = self.stations.get(order.counter)
        return station is not None and station.offer(order)

    def away(self, counter: str) -> bool:
        """True while the counter has no scanner that could take a finger, be it after another one."""
        station = self.stations.get(counter)
        return station is None or station.away

    def withdraw(self, order: FingerOrder) -> None:
        """Nobody waits for it any more."""
        if station := self.stations.get(order.counter):
            station.withdraw(order)

    def stop(self) -> None:
        """The box stops, and the crew was told so: end what waits for a scanner, or for a child that loads."""
        if not self.stations:
            return
        for station in self.stations.values():
            station.stop()
        self.hands.stop()

    def wake(self) -> None:
        """Something was plugged in or out."""
        for station in self.stations.values():
            station.wake()

    def health(self) -> list[dict[str, Any]]:
        """Every scanner, for `status`."""
        return [station.health() for station in self.stations.values()]

    def status(self) -> Mapping[str, Any] | None:
        """Extraction and search, for `status`; None for a box without scanners."""
        if not self.stations:
            return None
        return {"extract": self.hands.health(), "search": self.searcher.status()}

    def images(self) -> bool:
        """Does a gallery of this box want images in reports at all?"""
        return bool(self.searcher.image_lists())


def deliver_to(inboxes: Mapping[str, queue.Queue[Any]]) -> Callable[[str, FingerResult], None]:
    """Puts a result into its counter's inbox; queue.Full when there is no room."""
    def deliver(counter: str, result: FingerResult) -> None:
        inboxes[counter].put_nowait(result)

    return deliver


def _likeness(config: ScannerConfig) -> Callable[[str], str | None]:
    """How the scanner at the port differs from the one that was set up; given the serial number that it told."""
    def differs(own: str) -> str | None:
        seen = seen_at(config.port)
        found = unlike(seen, config.serial, config.path, (), own)
        return found or ("" if own or seen is not None else None)

    return differs
