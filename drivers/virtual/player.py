"""``python -m drivers.virtual.player RECORDING --link PATH``: a recording that plays its device on a pty.

With ``--usb`` it plays a keyboard over USB/IP instead: the recording's bytes are its reports. One process, driven
over its standard input and output, one JSON line each: it says ``{"ready": PORT}`` when the port PORT is there;
``{"play": true}`` begins; ``{"played": …}`` comes when the last byte has gone out. The end of standard input ends
it, and the port with it.

Laws:
1. A chunk goes out when it came in the recording (divided by the speed), and never before the host has written as
   much as had been written before it. A host that writes less is waited for as long as the recorded one took (real
   seconds at any speed: its clock is its own) and ``PATIENCE_S``, and after ``MISSES`` waits in vain, or if it never
   wrote at all, no more; how often it went on alone is in the report.
2. The clock begins with the host's first byte if the recording begins with one, else with ``play``; at the latest
   ``PATIENCE_S`` after ``play``.
3. At speed ``max`` pauses under ``--silence`` seconds are left out and those over LONGEST_S cut to it: a silence that
   ended a frame or a document still ends it.
4. It reads the recording's text by itself: it is the device side, and shares no code with the drivers.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drivers.virtual.port import VirtualPort
from drivers.virtual.usb_keyboard import UsbKeyboard
from drivers.virtual.usb_share import UsbShare

PATIENCE_S = 5.0       # real seconds that a host may be late with what it writes
MISSES = 3             # waits in vain, after which no more is waited for
MAX_ENTRIES = 100_000
LONGEST_S = 2.0        # rows that come one at a time are waited for 1.5 s
STALL_S = 5.0          # a line that takes no byte for so long has nobody at its end
RETRY_S = 0.001        # between two tries of a line that is full, or of a host that asks for no report

Entry = tuple[float, str, bytes]


def entries_of(path: Path) -> list[Entry]:
    """(seconds, ``<`` or ``>``, bytes) of each line. Raises ValueError for a file that is no recording."""
    entries: list[Entry] = []
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip() and not line.startswith("#"):
                at, direction, data = line.split()
                entries.append((float(at), direction, bytes.fromhex(data)))
            if len(entries) > MAX_ENTRIES:
                raise ValueError("more chunks than a recording may have")
    return entries


def cut_pauses(entries: list[Entry], silence_s: float) -> Iterator[Entry]:
    """Law 3: the same with short pauses left out and long ones cut."""
    now, before = 0.0, entries[0][0] if entries else 0.0
    for at, direction, data in entries:
        pause, before = at - before, at
        now += min(pause, LONGEST_S) if pause >= silence_s else 0.0
        yield now, direction, data


def gaps_of(entries: list[Entry]) -> list[float]:
    """Of each entry: seconds since the device's chunk before it, or since the beginning."""
    gaps: list[float] = []
    before = entries[0][0] if entries else 0.0
    for at, direction, _ in entries:
        gaps.append(at - before)
        before = at if direction == "<" else before
    return gaps


class Player:
    """One recording on one port."""

    def __init__(
        self, entries: list[Entry], port: VirtualPort | UsbShare, speed: float, recorded: list[Entry] | None = None
    ) -> None:
        """``recorded``: the entries before their pauses were cut."""
        self._entries, self._port, self._speed = entries, port, speed
        self._gaps = gaps_of(recorded or entries)
        self.host_bytes = 0    # written by the host so far
        self.due_bytes = 0     # written by the recorded host so far
        self.sent = 0
        self.lost = 0          # bytes that the line did not take
        self.unanswered = 0    # chunks that went out although the host had written less
        self._asked: float | None = None  # when it was told to play
        self._began: float | None = None
        self._before = 0.0                # when the last chunk went out
        self._misses = 0
        self._next = 0
        self._late_since: float | None = None

    @property
    def waits_for_host(self) -> bool:
        """Law 2."""
        return bool(self._entries) and self._entries[0][1] == ">"

    def play(self, now: float) -> None:
        """Told to play: begins now, or with the host's first byte."""
        if self._asked is None:
            self._asked = now
        if not self.waits_for_host or self.host_bytes:
            self.begin(now)

    def begin(self, now: float) -> None:
        """From here on the recording's clock runs; harmless when it runs already."""
        if self._began is None:
            self._began = now - (self._entries[0][0] / self._speed if self._entries else 0.0)
            self._before = now

    def heard(self, count: int) -> None:
        """The host wrote ``count`` bytes."""
        self.host_bytes += count

    @property
    def over(self) -> bool:
        """True when nothing is left to send."""
        return self._next >= len(self._entries)

    def wait_s(self, now: float) -> float:
        """How long nothing is to be done, if the host says nothing."""
        if self._began is None or self.over:
            return 0.25
        due = self._began + self._entries[self._next][0] / self._speed
        return min(1.0, max(0.0, due - now)) if due > now else 0.01

    def step(self, now: float) -> None:
        """Send what is due (law 1)."""
        if self._began is None and self._asked is not None and now >= self._asked + PATIENCE_S:
            self._misses += 1
            self.begin(now)
        while self._began is not None and not self.over:
            at, direction, data = self._entries[self._next]
            if direction == ">":
                self.due_bytes += len(data)
            elif now < self._began + at / self._speed or not self._answered(now):
                return
            else:
                self._late_since = None
                self._send(data)
                self._before = now
            self._next += 1

    def _answered(self, now: float) -> bool:
        if self.host_bytes >= self.due_bytes:
            return True
        if self._late_since is None:
            self._late_since = now
        mute = self._misses and not self.host_bytes
        until = max(self._late_since, self._before + self._gaps[self._next]) + PATIENCE_S
        if now < until and not mute and self._misses < MISSES:
            return False
        self._misses += 1
        self.unanswered += 1
        self.due_bytes = self.host_bytes  # once is enough
        return True

    def _send(self, data: bytes) -> None:
        until = time.monotonic() + STALL_S
        while data and time.monotonic() < until:
            taken = self._port.write(data)
            self.sent += taken
            data = data[taken:]
            if data:
                time.sleep(RETRY_S)
                self.heard(len(self._port.read()))
        self.lost += len(data)

    def report(self) -> dict[str, Any]:
        """What became of it."""
        return {
            "sent": self.sent, "lost": self.lost, "unanswered": self.unanswered, "host_bytes": self.host_bytes,
            "recorded_host_bytes": sum(len(data) for _, way, data in self._entries if way == ">"),
        }


def run(player: Player, port: VirtualPort | UsbShare, name: str) -> None:
    """Play, then stay plugged in until standard input ends."""
    say({"ready": name})
    told = False
    half = b""
    while True:
        now = time.monotonic()
        ready, _, _ = select.select([sys.stdin.fileno(), port.fileno()], [], [], player.wait_s(now))
        if port.fileno() in ready:
            player.heard(len(port.read()))
            if player.waits_for_host:
                player.begin(time.monotonic())
        if sys.stdin.fileno() in ready:
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                return
            *lines, half = (half + data).split(b"\n")
            if any(json.loads(line).get("play") for line in lines):
                player.play(time.monotonic())
        player.step(time.monotonic())
        if player.over and not told:
            told = True
            say({"played": player.report()})


def say(message: dict[str, Any]) -> None:
    """One JSON line."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> int:
    """The exit code: 0 when told to end, 1 when the recording cannot be played."""
    parser = argparse.ArgumentParser(prog="python -m drivers.virtual.player", description=__doc__.split("\n")[0])
    parser.add_argument("recording", type=Path)
    parser.add_argument("--link", type=Path, required=True, help="the path that becomes the serial port")
    parser.add_argument("--usb", action="store_true", help="over USB/IP; the link becomes a file with the port's name")
    parser.add_argument("--speed", default="1", help="times as fast, or max")
    parser.add_argument("--silence", type=float, default=0.25, help="seconds: shorter pauses are left out at speed max")
    given = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it, by its standard input
    try:
        entries = entries_of(given.recording)
        speed = 1.0 if given.speed == "max" else float(given.speed)
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"error: {given.recording}: {problem}\nnext:  give a recording and a speed above 0\n")
        return 1
    recorded = entries
    if given.speed == "max":
        entries = list(cut_pauses(entries, given.silence))
    port = UsbShare(UsbKeyboard(), given.link) if given.usb else VirtualPort(given.link)
    port.plug()
    try:
        run(Player(entries, port, speed, recorded), port, port.name if isinstance(port, UsbShare) else str(given.link))
    finally:
        port.unplug()
    return 0


if __name__ == "__main__":
    sys.exit(main())
