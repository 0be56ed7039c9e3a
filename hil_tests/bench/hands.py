"""A laboratory with real devices: what an emulator does by a command, a person does who is told to.

Laws:
1. Whatever a person was asked for is looked up on the box: a test goes on when the box has seen it, not when Enter was
   pressed.
2. Without a terminal, and for what no hand can do, it is Cannot with the reason. Nothing passes for want of a device.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hil_tests.bench.lab import Cannot
from hil_tests.bench.ssh import CANNOT, SshTarget
from hil_tests.bench.target import Target, TargetError

PERSON_S = 300.0  # for a person to do something
SEEN_S = 60.0  # for the box to see it
TERMINAL = "/dev/tty"
BROKER = 8883  # where the box looks for headquarters, on its own 127.0.0.1 (docs/bench.md)
PORTS = "/dev/serial/by-id/* /dev/serial/by-path/* /dev/input/by-path/*"
READERS = f'for d in {PORTS}; do [ -e "$d" ] && echo "$d"; done'
STICKS = "for d in /dev/disk/by-label/*; do case ${d##*/} in [Bb][Oo][Rr][Dd][Ee][Rr][Pp]*) echo $d; esac; done"

Ask = Callable[[str], None]


def at_terminal(text: str, *, terminal: str = TERMINAL, limit_s: float = PERSON_S) -> None:
    """Ask a person and wait for Enter, past whatever catches this process's own input. Raises Cannot."""
    try:
        opened = os.open(terminal, os.O_RDWR | os.O_NOCTTY)
    except OSError:
        raise Cannot(f"nobody is at a terminal who could be asked: {text}") from None
    try:
        os.write(opened, f"\n>>> {text}, then press Enter: ".encode())
        ready, _, _ = select.select([opened], [], [], limit_s)
        if not ready or not os.read(opened, 1024):
            raise Cannot(f"nobody answered within {limit_s:.0f} s: {text}")
    finally:
        os.close(opened)


@dataclass(slots=True)
class HandReader:
    """A real reader. ``names``: how the box calls it, below /dev/serial or /dev/input; ``port`` is the best of them."""

    lab: SshLab
    family: str
    serial: str
    names: frozenset[str]

    @property
    def port(self) -> str:
        """For the configuration: by its serial number where it has one, otherwise by its socket."""
        return min(self.names, key=lambda name: ("/by-id/" not in name, name))

    def present(self, lines: Sequence[str], *, cut: int | None = None) -> None:
        """See Reader; what the box makes of it is the test's to look up."""
        if cut is not None:
            raise Cannot(f"needs emulated moment: {CANNOT['emulated moment']}")
        self.lab.ask(f"lay a specimen with this zone on the {self.family} reader {self.serial}:\n"
                     + "\n".join(lines) + "\n")

    def remove(self) -> None:
        """See Reader."""
        self.lab.ask(f"take the document off the {self.family} reader {self.serial}")

    def unplug(self) -> None:
        """See Reader."""
        self.lab.ask(f"pull the {self.family} reader {self.serial} out of the box")
        self.lab.seen(READERS, lambda now: not self.names & now, f"reader {self.serial} is still there")

    def plug(self) -> None:
        """See Reader."""
        self.lab.ask(f"plug the {self.family} reader {self.serial} into the same port of the box")
        self.lab.seen(READERS, lambda now: self.names <= now, f"reader {self.serial} did not come back")


@dataclass(slots=True)
class HandStick:
    """A real stick in the box."""

    lab: SshLab
    names: frozenset[str]

    def pull(self) -> None:
        """See Stick."""
        self.lab.ask("pull the stick out of the box")
        self.lab.seen(STICKS, lambda now: not self.names & now, "the stick is still there")

    def contents(self, to: Path) -> Path:
        """See Stick."""
        to.mkdir(parents=True, exist_ok=True)
        self.lab.ask(f"plug the stick into this computer and copy everything on it into {to}")
        if not any(to.iterdir()):
            raise TargetError(f"nothing was copied into {to}")
        return to


class SshLab:
    """Hands around a box behind OpenSSH. ``broker_port``: headquarters' here, where a test has one."""

    def __init__(self, target: SshTarget, *, ask: Ask = at_terminal, broker_port: int | None = None) -> None:
        self.target: Target = target
        self.box, self.ask, self._broker = target, ask, broker_port
        self._up = False
        if broker_port is not None:
            self.link(up=True)

    def seen(self, question: str, enough: Callable[[frozenset[str]], bool], otherwise: str) -> frozenset[str]:
        """What the box answers as soon as it is enough (law 1). Raises TargetError."""
        begun = time.monotonic()
        while not enough(now := self._names(question)):
            if time.monotonic() - begun > SEEN_S:
                raise TargetError(f"{otherwise}, {SEEN_S:.0f} s later; the box sees {sorted(now) or 'nothing'}")
            time.sleep(0.3)
        return now

    def _names(self, question: str) -> frozenset[str]:
        return frozenset(self.target.run("sh", "-c", f"{question}; true").split())

    def plug_reader(self, family: str = "text", *, serial: str = "SN0001") -> HandReader:
        """See Lab. The reader's own serial number takes the place of ``serial``, which is an emulated one's."""
        before = self._names(READERS)
        self.ask(f"plug a reader of the family {family} into the box (the emulated bench calls it {serial})")
        new = self.seen(READERS, lambda now: bool(now - before), "no new reader") - before
        own = [name.partition("-if")[0].rpartition("_")[2] for name in new if "/usb-" in name and "-if" in name]
        return HandReader(self, family, own[0] if own else min(new), new)

    def plug_stick(self, folder: Path) -> HandStick:
        """See Lab."""
        before = self._names(STICKS)
        if before:
            raise TargetError(f"a stick is in the box already: {sorted(before)}")
        self.ask(f"copy everything in {folder} onto an empty FAT stick with the label BORDERPOST, plug it into the box")
        return HandStick(self, self.seen(STICKS, bool, "no stick called BORDERPOST"))

    def link(self, *, up: bool) -> None:
        """The way to headquarters, which goes through the bench's own connection; the cable itself stays in."""
        if self._broker is None:
            raise Cannot("there is no headquarters on this computer, and the cable carries the bench's own connection")
        if up and not self._up:
            self.box.forward(BROKER, self._broker)
        if self._up and not up:
            self.box.cancel(BROKER)
        self._up = up

    def cut_power(self) -> None:
        """See Lab."""
        self.ask("pull the mains plug of the box at once")
        begun = time.monotonic()
        while True:
            try:
                self.target.execute(("true",), limit_s=5)
            except TargetError:
                return
            if time.monotonic() - begun > SEEN_S:
                raise TargetError("the box still answers")
            time.sleep(1.0)

    def power_on(self) -> float:
        """See Lab."""
        self.ask("put the mains plug back, and switch the box on")
        return self.box.wait_up()
