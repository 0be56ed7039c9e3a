"""A hand in front of one reader: plugs, unplugs, lays down and disturbs at random from one seed, and judges each."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from system.plugging_tally import MAX_TOLD, Inbox, Sent, Tally

from drivers.catalog import open_reader
from drivers.virtual.control import VirtualReader
from edge.core.mrz import compose
from edge.crew import Pulse
from edge.lifecycle import OPEN
from edge.readers import ReaderKeeper, ReaderState

QUIET_S = 0.6      # after which a line counts as quiet: twice the longest gap inside a frame
ARRIVE_S = 3.0     # a document that has not arrived by then is lost
OPEN_LIMIT_S = 75.0  # a reader that is plugged in is open again by then, power cycle and back-off included


@dataclass(frozen=True, slots=True)
class Kind:
    """One family on the bench: words for the virtual device, settings for the driver."""

    driver: str
    options: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)


KINDS: dict[str, Kind] = {
    "elyctis": Kind("elyctis", ("--fragment", "7", "--delay-ms", "1")),
    "text": Kind("text", ("--fragment", "5", "--delay-ms", "1")),
    "honeywell": Kind("honeywell", ("--fragment", "3", "--delay-ms", "1")),
    "rte": Kind("rte", ("--fragment", "11", "--delay-ms", "2")),
    "est": Kind("est", ("--fragment", "16", "--delay-ms", "1")),
    "elyctis-slow": Kind("elyctis", ("--fragment", "1", "--delay-ms", "1")),
    "text-outer": Kind(
        "text", ("--fragment", "16", "--delay-ms", "4", "--start", "24", "--end", "0d0a", "--line-end", "crlf"),
        {"device_start": "24", "device_end": "0d0a", "row_end": "crlf"},
    ),
}
FOUR = ("elyctis", "text", "honeywell", "rte")


def document(number: int, dice: random.Random) -> tuple[str, ...]:
    """An invented passport whose two rows both carry ``number`` (up to 26**5)."""
    letters = ""
    left = number
    for _ in range(5):
        left, digit = divmod(left, 26)
        letters += chr(65 + digit)
    return compose.td3(
        issuing_state="UTO", surname=f"QUILLIGAN{letters}", given_names=dice.choice(("ISOLDE", "BARNABAS", "CALLIOPE")),
        number=f"X{number:08d}", nationality="UTO", birth_date=f"{dice.randint(50, 99)}0{dice.randint(1, 9)}11",
        sex=dice.choice("MF"), expiry_date="310101",
    )


class Hand:
    """Moves in front of one reader, one random action after another, and judges each."""

    def __init__(self, name: str, folder: Path, seed: int) -> None:
        kind = KINDS[name]
        self.name, self.kind = name, kind
        self.dice = random.Random(f"{seed}-{name}")
        self.tally = Tally()
        self.inbox = Inbox(self.tally)
        self.device = VirtualReader(folder / f"{name}.tty", folder / f"{name}.ctl", kind.driver, list(kind.options))
        reader = open_reader(
            kind.driver, name, {"port": str(folder / f"{name}.tty"), **kind.settings}, time.monotonic
        )
        self.keeper = ReaderKeeper(
            reader, deliver=self.inbox.deliver, announce=self._hear, jitter=random.Random(f"{seed}+{name}").random
        )
        self.plugged = True
        self.number = 0
        self._quiet_at = 0.0
        self._stopping: Callable[[], bool] = lambda: False
        self._ready = threading.Event()

    def _hear(self, _name: str, state: ReaderState) -> None:
        if state is ReaderState.READY:
            self._ready.set()

    def play(self, pulse: Pulse) -> None:
        """Act until told to stop; leaves the reader plugged in."""
        actions: Sequence[tuple[int, Callable[[], None]]] = (
            (60, self.lay_down), (8, self.pull_and_plug), (6, self.pull_within_a_frame), (6, self.break_off),
            (5, self.burst), (3, self.lay_down_in_noise), (2, self.flood), (1, self.storm), (4, self.wobble),
        )
        weights = [weight for weight, _ in actions]
        self._stopping = pulse.is_set
        while not pulse.is_set():
            (action,) = self.dice.choices([action for _, action in actions], weights)
            action()
            pulse.wait(self.dice.uniform(0.0, 0.3))
        pulse.wait(3600)  # a thread that returns has died

    # -- actions -----------------------------------------------------------------------------------

    def lay_down(self) -> None:
        """A document over a quiet line: the one that must arrive."""
        self.wait_open()
        time.sleep(max(0.0, self._quiet_at - time.monotonic()))
        before = self._standing()
        sent, at = self._present()
        if at is None or before is None:
            self.tally.unheard += 1
            self.tally.unheard_delivered += sent.whole.wait(QUIET_S)
            return
        arrived = sent.whole.wait(ARRIVE_S)
        if self._standing() != before and not arrived:
            self.tally.unheard += 1
            return
        self.tally.documents += 1
        if arrived:
            self.tally.delivered += 1
            self.tally.slowest_read_ms = max(self.tally.slowest_read_ms, round((sent.at - at) * 1000, 1))
        else:
            self.tally.lost += 1
            if len(self.tally.losses) < MAX_TOLD:
                self.tally.losses.append(self._circumstances())

    def pull_and_plug(self) -> None:
        """Out, a while, and in again."""
        self.device.remove()
        self.pull()
        time.sleep(self.dice.choice((0.02, 0.3, 1.0, 2.5)))
        self.plug()

    def pull_within_a_frame(self) -> None:
        """The cable goes while a document is on its way."""
        self.break_off(pause_s=0.0)
        self.pull()
        self.tally.unplugs_in_a_frame += 1
        time.sleep(self.dice.uniform(0.0, 1.5))
        self.device.remove()
        self.plug()

    def break_off(self, pause_s: float = 0.05) -> None:
        """A frame that ends half-way."""
        self.tally.cut += 1
        with self.disturbing():
            sent, _ = self._present(cut=self.dice.randrange(1, 90))
        if pause_s:
            self.tally.cut_delivered += sent.whole.wait(pause_s)
            self.device.remove()

    def burst(self) -> None:
        """A line that picks up something."""
        self._noise(self.dice.choice((1, 20, 300, 5000)))

    def flood(self) -> None:
        """As much as the line takes, for seconds."""
        self._noise(self.dice.choice((100_000, 400_000)))

    def lay_down_in_noise(self) -> None:
        """Noise that ends where the document begins."""
        self.wait_open()
        self._noise(self.dice.choice((3, 50, 700)))
        sent, at = self._present()
        if at is not None:
            self.tally.in_noise += 1
            self.tally.in_noise_delivered += sent.whole.wait(1.0)

    def storm(self) -> None:
        """A dirty window: a dozen broken frames and no good one; the error budget has its say."""
        self.wait_open()
        self.tally.storms += 1
        for _ in range(12):
            if not self._stopping():
                self.break_off(0.35)
        time.sleep(self.dice.choice((0.0, 4.0)))

    def wobble(self) -> None:
        """A plug that is moved in its socket."""
        self.device.remove()
        for _ in range(self.dice.randint(2, 4)):
            self.pull()
            time.sleep(self.dice.uniform(0.0, 0.1))
            self.plug(wait=False)
            time.sleep(self.dice.uniform(0.0, 0.1))

    # -- means -------------------------------------------------------------------------------------

    def pull(self) -> None:
        """Unplug."""
        self.device.unplug()
        self.tally.unplugs += 1

    def plug(self, wait: bool = True) -> None:
        """Plug in; the next action may come before the reader is open."""
        self.device.plug()
        self.keeper.wake() if self.dice.random() < 0.5 else None  # sometimes without hotplug: polling must do
        self.tally.plugs += 1
        if wait and self.dice.random() < 0.7:
            self.wait_open()

    def wait_open(self) -> None:
        """Until the reader is open on the port that is there now; how long that took is noted."""
        started = time.monotonic()
        while not self._is_open():
            if time.monotonic() - started > OPEN_LIMIT_S:
                self.tally.not_open += 1
                return
            time.sleep(0.01)
        self.tally.slowest_open_s = max(self.tally.slowest_open_s, round(time.monotonic() - started, 2))

    def _is_open(self) -> bool:
        # What the keeper believes is tested by a lost document, not here: but a hang-up takes an instant to arrive.
        opens = self.keeper.opens
        if self.keeper.state not in OPEN:
            return False
        time.sleep(0.05)
        return self.keeper.state in OPEN and self.keeper.opens == opens

    def _standing(self) -> tuple[int, int, int] | None:
        """Equal before and after: the reader was open all the time."""
        keeper = self.keeper
        return (keeper.opens, keeper.losses, keeper.power_cycles) if keeper.state in OPEN else None

    def _circumstances(self) -> str:
        told = self.keeper.health()
        kept = ("state", "opens", "power_cycles", "reads", "garbled", "others", "noise_bytes")
        return f"document {self.number}, " + ", ".join(f"{key} {told[key]}" for key in kept)

    def _present(self, cut: int | None = None) -> tuple[Sent, float | None]:
        self.number += 1
        rows = document(self.number, self.dice)
        sent = self.inbox.expect(rows)
        at = self.device.present(rows, wait_s=4.0 if cut is None else 1.0, cut=cut)
        return sent, at

    @contextlib.contextmanager
    def disturbing(self) -> Iterator[None]:
        """What goes over the line meanwhile is no clean frame; it counts as quiet again ``QUIET_S`` later."""
        self.inbox.foul_until = float("inf")
        yield
        self._quiet_at = self.inbox.foul_until = time.monotonic() + QUIET_S

    def _noise(self, count: int) -> None:
        with self.disturbing():
            self.tally.noise_bytes += self.device.noise(count, seed=self.dice.randrange(1 << 30))
