"""Makes the recordings beside it anew, from the virtual devices: ``python tests/recordings/make.py``.

Each is one of our drivers talking to one of our virtual devices, in the device's own time: nothing waits, and the same
command gives the same bytes. So their tier is *virtual*: they hold the driver to what it did, and say nothing about a
real device. Documents are specimens (Doc 9303 part 4, appendix A, and part 5, appendix A) and invented ones.

After a change that is meant: ``pytest tests/drivers/test_recordings.py --rebuild-expectations``.
"""

from __future__ import annotations

import heapq
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path[:0] = [str(FOLDER.parents[1])]

from drivers.catalog import open_reader  # noqa: E402 - the project may not be installed
from drivers.replays import over  # noqa: E402
from drivers.trace import RecordingTransport, TraceWriter  # noqa: E402
from drivers.virtual.device import VirtualDevice  # noqa: E402
from drivers.virtual.elyctis_device import ElyctisDevice  # noqa: E402
from drivers.virtual.est_device import EstDevice  # noqa: E402
from drivers.virtual.honeywell_device import HoneywellDevice, HoneywellOptions  # noqa: E402
from drivers.virtual.keyboard_device import KeyboardDevice, Typing  # noqa: E402
from drivers.virtual.outlet import noise, pieces  # noqa: E402
from drivers.virtual.rte_device import RteDevice, RteOptions  # noqa: E402
from drivers.virtual.text_device import TextDevice, TextShape  # noqa: E402

TD3 = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
TD2 = ("I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
BOARDING_PASS = "M1ERIKSSON/ANNA MARIA EABC123 UTOUTPXX 0834 226F001A0025 100"
LATENCY_S = 0.001  # of the device's answer
END_S = 3.0        # listened to after the last movement


class Stage:
    """A device and the hands in front of it, as a port with a time of its own."""

    def __init__(self, device: VirtualDevice, fragment: int, pause_s: float) -> None:
        self._device, self._fragment, self._pause_s = device, fragment, pause_s
        self._now, self._order = 0.0, count()
        self._coming: list[tuple[float, int, Callable[[], bytes]]] = []
        self._last_out = 0.0

    def clock(self) -> float:
        """Seconds since the port was opened."""
        return self._now

    def at(self, when: float, action: Callable[[], bytes]) -> None:
        """Something happens at ``when``: what it returns is sent."""
        heapq.heappush(self._coming, (when, next(self._order), action))

    def _say(self, data: bytes) -> None:
        when = max(self._now + LATENCY_S, self._last_out)
        for piece in pieces(data, self._fragment):
            self.at(when, lambda piece=piece: piece)
            when += self._pause_s
        self._last_out = when

    def read(self, size: int, wait_s: float) -> bytes:
        """See Transport; a movement of a hand becomes bytes, bytes come when they are due."""
        until = self._now + max(0.0, wait_s)
        while self._coming and self._coming[0][0] <= until:
            when, _, action = heapq.heappop(self._coming)
            self._now = max(self._now, when)
            data = action()
            if data:
                assert len(data) <= size
                return data
        self._now = until
        return b""

    def hand(self, when: float, movement: Callable[[VirtualDevice], bytes]) -> None:
        """The device is presented something at ``when``; its bytes go out in fragments."""
        def action() -> bytes:
            self._say(movement(self._device))
            return b""

        self.at(when, action)

    def write(self, data: bytes) -> None:
        """See Transport."""
        self._say(self._device.receive(data))

    def rest(self, seconds: float) -> None:
        """See Transport."""
        self._now += seconds

    def wake(self) -> None:
        """See Transport."""

    def reset(self) -> None:
        """See Transport."""

    def close(self) -> None:
        """See Transport."""


Movement = Callable[[VirtualDevice], bytes]


def lay(rows: Sequence[str]) -> Movement:
    """Lift what lies there, lay this down."""
    return lambda device: device.remove() + device.present(rows)


def cut(rows: Sequence[str], part: float) -> Movement:
    """The same, but the line breaks off (a keyboard between two reports)."""
    def movement(device: VirtualDevice) -> bytes:
        whole = device.remove() + device.present(rows)
        return whole[: int(len(whole) * part) // 8 * 8]

    return movement


def block(text: str) -> Movement:
    """A bar code."""
    return lambda device: device.block(text)


def babble(size: int, seed: int) -> Movement:
    """Random bytes."""
    return lambda _: b"".join(noise(size, seed))


@dataclass(frozen=True)
class Family:
    """One driver: its device, how the device speaks, what is set, how fast it sends."""

    device: Callable[[], VirtualDevice]
    settings: Mapping[str, object] = field(default_factory=dict)
    fragment: int = 0
    pause_s: float = 0.0


@dataclass(frozen=True)
class Case:
    """One recording: who moves when, and what differs from the family."""

    movements: tuple[tuple[float, Movement], ...]
    documents: str
    only: tuple[str, ...] = ()       # drivers that can do this; empty: all
    fragment: int | None = None
    pause_s: float | None = None
    variants: Mapping[str, Family] = field(default_factory=dict)  # by driver


FAMILIES = {
    "elyctis": Family(ElyctisDevice),
    "text": Family(TextDevice),
    "honeywell": Family(HoneywellDevice),
    "rte": Family(RteDevice),
    "est": Family(EstDevice),
    "hid_keyboard": Family(KeyboardDevice, fragment=8, pause_s=0.008),
}
SPECIMEN = "specimen passport of Utopia (Doc 9303-4, appendix A)"
CARD = "specimen card of Utopia (Doc 9303-5, appendix A)"
SERIAL = ("elyctis", "text", "honeywell", "rte", "est")
REARM = {"rearm": "05", "rearm_s": 30.0}  # an order that these devices pass over
CASES = {
    "td3": Case(((1.0, lay(TD3)),), SPECIMEN),
    "td1": Case(((1.0, lay(TD1)),), CARD),
    "td2": Case(((1.0, lay(TD2)),), "specimen card of Utopia, format TD2 (Doc 9303-6, appendix A)"),
    "fragments": Case(
        ((1.0, lay(TD3)), (4.0, lay(TD1))), f"{SPECIMEN}; {CARD}", only=SERIAL, fragment=7, pause_s=0.003
    ),
    "byte-by-byte": Case(((1.0, lay(TD3)),), SPECIMEN, only=SERIAL, fragment=1, pause_s=0.0005),
    "noise": Case(
        ((1.0, babble(400, 1)), (2.0, lay(TD3)), (4.0, babble(400, 2)), (4.01, lay(TD1)), (6.0, babble(64, 3))),
        f"{SPECIMEN}; {CARD}",
    ),
    "missing-row": Case(((1.0, lay(TD3[1:])), (6.0, lay(TD3))), SPECIMEN),
    "doubled": Case(((1.0, lay(TD3)), (3.2, lay(TD3))), SPECIMEN),
    "bar-code": Case(
        ((1.0, lay(TD3)), (4.0, block("4006381333931")), (7.0, block(BOARDING_PASS)), (10.0, lay(TD1))),
        f"{SPECIMEN}; {CARD}; an invented article number and boarding pass",
        only=("text", "honeywell", "rte", "est", "hid_keyboard"),
    ),
    "broken-off": Case(((1.0, cut(TD3, 0.6)), (3.0, lay(TD1))), f"{SPECIMEN}, half of it; {CARD}"),
    "rearm": Case(
        ((1.0, lay(TD3)), (40.0, lay(TD1)), (85.0, lay(TD3))), f"{SPECIMEN}; {CARD}",
        only=("elyctis", "text", "honeywell", "est"),
        variants={"text": Family(TextDevice, REARM), "est": Family(EstDevice, REARM)},
    ),
    "row-by-row": Case(
        ((1.0, lay(TD3)), (6.0, lay(TD1))), f"{SPECIMEN}; {CARD}", only=("honeywell",),
        variants={"honeywell": Family(lambda: HoneywellDevice(HoneywellOptions(separate=True)))},
    ),
    "outer-bytes": Case(
        ((1.0, lay(TD3)), (3.0, lay(TD1))), f"{SPECIMEN}; {CARD}", only=("text",),
        variants={"text": Family(
            lambda: TextDevice(TextShape(start=b"\x1bA", end=b"\r\n", line_end="crlf", pad="_")),
            {"device_start": "1b41", "device_end": "0d0a", "row_end": "crlf", "pad": "_"},
        )},
    ),
    "wrong-bcc": Case(
        ((1.0, lay(TD3)),), SPECIMEN, only=("rte",),
        variants={"rte": Family(lambda: RteDevice(RteOptions(bcc="wrong")))},
    ),
    "german-rolling": Case(
        ((1.0, lay(TD3)), (6.0, lay(TD1))), f"{SPECIMEN}; {CARD}", only=("hid_keyboard",),
        variants={"hid_keyboard": Family(
            lambda: KeyboardDevice(Typing(layout="de", row_end="tab", rolling=True, caps_lock=True)),
            {"layout": "de"}, fragment=8, pause_s=0.008,
        )},
    ),
    "french": Case(
        ((1.0, lay(TD3)),), SPECIMEN, only=("hid_keyboard",),
        variants={"hid_keyboard": Family(
            lambda: KeyboardDevice(Typing(layout="fr", split_shift=True, glitch_every=9)),
            {"layout": "fr"}, fragment=8, pause_s=0.008,
        )},
    ),
}


def wanted() -> Iterator[tuple[str, str]]:
    """(driver, case) of every recording."""
    for name, case in CASES.items():
        yield from ((driver, name) for driver in case.only or FAMILIES)


def make(driver: str, name: str, path: Path) -> None:
    """Record one case into ``path``."""
    case = CASES[name]
    family = case.variants.get(driver, FAMILIES[driver])
    device = family.device()
    stage = Stage(
        device,
        family.fragment if case.fragment is None else case.fragment,
        family.pause_s if case.pause_s is None else case.pause_s,
    )
    provenance = {
        "Device": f"virtual device {type(device).__name__}, played by tests/recordings/make.py",
        "Driver": driver,
        "Settings": json.dumps(dict(family.settings), sort_keys=True),
        "Tier": "virtual",
        "Date": "2026-11-22",
        "Submitter": "tests/recordings/make.py",
        "Documents": case.documents,
        "Case": name,
    }
    stage._say(device.power_on())
    for when, movement in case.movements:
        stage.hand(when, movement)
    with path.open("w", encoding="ascii") as out:
        writer = TraceWriter(out, provenance, stage.clock)
        line = RecordingTransport(stage, writer)
        made = open_reader(driver, "recorded", {"port": "/dev/recorded", **family.settings}, stage.clock)
        reader = over(made, lambda: line, stage.clock)
        reader.open()
        while stage.clock() < case.movements[-1][0] + END_S:
            reader.read(0.25)
        reader.close()


def main() -> None:
    """All of them."""
    for driver, name in wanted():
        folder = FOLDER / driver
        folder.mkdir(exist_ok=True)
        make(driver, name, folder / f"{name}.trace")


if __name__ == "__main__":
    main()
