"""One fingerprint scanner and the hands in front of it, for the contract of scanners: a rig for each kind.

A rig plays its device's virtual side in a thread of the test's own process. ``faults`` says, for each fault of the
contract that this kind of device can have, which of the virtual device's own faults it is.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np

from drivers.api import Tier
from drivers.catalog import open_scanner
from drivers.fingers import FingerprintScanner
from drivers.virtual.bench import Bench
from drivers.virtual.control import ask
from drivers.virtual.prints import synthetic_print
from drivers.virtual.scanner_bench import ScannerBench
from drivers.virtual.uru4000_device import MODELS, Uru4000Device, Uru4000Options
from drivers.virtual.uru4000_frames import LAYOUTS, seen
from drivers.virtual.usb_bench import UsbScannerBench
from drivers.virtual.zfm_device import Faults as ZfmFaults
from drivers.virtual.zfm_device import ZfmDevice, ZfmOptions

Faults = Mapping[str, dict[str, Any]]


class Rig:
    """What the contract needs of any of them."""

    faults: ClassVar[Faults] = {}  # the contract's name of a fault -> what is ordered for it; {} mends nothing
    capture_s = 5.0          # longest good capture of a finger that lies there
    patience_s = 10.0        # longest capture whatever goes wrong, when two seconds are given
    bench: Bench

    def __init__(self, folder: Path) -> None:
        self.control, self.link = folder / "control", folder / "port"
        self._wake, self._end = os.pipe()

    def __enter__(self) -> Rig:
        self._thread = threading.Thread(target=self.bench.serve, args=(self._wake,))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.order(quit=True)
        self._thread.join(5)
        os.close(self._wake)
        os.close(self._end)

    def order(self, **words: Any) -> dict[str, Any]:
        return ask(self.control, words)

    def scanner(self) -> FingerprintScanner:
        """A driver for it, not yet open."""
        raise NotImplementedError

    def expected(self, seed: int) -> bytes:
        """The pixels that a right driver gives of finger ``seed``."""
        raise NotImplementedError

    def finger(self, seed: int) -> None:
        self.order(finger=seed)

    def lift(self) -> None:
        self.order(remove=True)

    def fault(self, name: str, times: int = 1) -> None:
        """Break it as the contract calls it."""
        for key, value in self.faults[name].items():
            self.order(fault={key: value * times if isinstance(value, int) else value})

    def mend(self) -> None:
        """Nothing is wrong any more."""
        raise NotImplementedError

    def pull(self) -> None:
        self.order(unplug=True)

    def plug(self) -> None:
        self.order(plug=True)


class Uru4000Rig(Rig):
    """A U.are.U over USB/IP."""

    faults: ClassVar[Faults] = {
        "short image": {"short": 1},
        "empty image": {"empty": 1},
        "stall": {"stall": 1},
        "stale image": {"stale": 1},
        "silence instead of an image": {"mute": 1},
        "late image": {"late": 1},
        "impossible size": {"lines": 1},
        "parts that do not add up": {"blocks": 1},
        "wrong key": {"wrong_key": 1},
        "noise": {"noise": 1},
        "pulled in mid-image": {"pulled": 1},
        "silence when it is switched on": {"silent": 1},
        "power that does not come": {"powerless": 1},
        "refused orders": {"refuse": 1},
    }

    def __init__(self, folder: Path, options: Uru4000Options | None = None) -> None:
        super().__init__(folder)
        self.options = options or Uru4000Options(bytes_s=0)
        self.device = Uru4000Device(self.options)
        self.bench = UsbScannerBench(self.device, self.control, self.link)
        self.port = self.link.read_text("ascii").strip()

    def scanner(self) -> FingerprintScanner:
        return open_scanner("uru4000", "north", {"port": self.port}, time.monotonic, tier=Tier.VIRTUAL)

    def expected(self, seed: int) -> bytes:
        return seen(
            synthetic_print(seed, 384, 290, self.options.ppi), LAYOUTS[self.options.layout],
            upside_down=MODELS[self.options.model].upside_down, really=self.options.honest,
        )

    def mend(self) -> None:
        self.order(fault=dict.fromkeys((key for fault in self.faults.values() for key in fault), 0))


class PacedRig(Uru4000Rig):
    """The same on a full-speed bus, where an image takes a tenth of a second to come across."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Uru4000Options())


class MicrosoftRig(Uru4000Rig):
    """The one that asks a riddle; its images are those of the other."""

    faults: ClassVar[Faults] = {
        name: fault for name, fault in Uru4000Rig.faults.items()
        if name.split()[0] in ("late", "pulled", "wrong", "silence", "power")
    }

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Uru4000Options(model="ms-2", power_ons=1, bytes_s=0))


class ZfmRig(Rig):
    """A serial module of the EF01 family on a pty; ``paced``: at the speed of its line."""

    faults: ClassVar[Faults] = {
        "short image": {"short": 100},
        "stall": {"stall_after": 100},
        "silence instead of an image": {"stall_after": 0},
        "late image": {"late": 1},
        "noise": {"noise": "ef01ffffffff0700030055"},
        "wrong sums": {"bad_sum": [0, 143, 287]},
        "lost packet": {"lose": 42},
        "answers with a wrong sum": {"bad_answers": 1},
        "orders unheard": {"mute": 1},
        "speed changed behind our back": {"baud": 9600},
        "unknown codes": {"codes": {"01": [0x77], "0A": [0x78]}},
        "pulled in mid-image": {"pulled": 1},
        "silence when it is switched on": {"mute": 1},
        "refused orders": {"codes": {"13": [0xFE]}},
    }
    counted = frozenset({"mute", "late", "bad_answers", "pulled"})

    def __init__(self, folder: Path, options: ZfmOptions | None = None, *, paced: bool = False) -> None:
        super().__init__(folder)
        self.device = ZfmDevice(options)
        self.bench = ScannerBench(self.device, self.link, self.control, paced=paced)

    def scanner(self, **settings: Any) -> FingerprintScanner:
        given = {"port": str(self.link), "poll_s": 0.02} | settings
        return open_scanner("zfm", "flat", given, time.monotonic, tier=Tier.VIRTUAL)

    def expected(self, seed: int) -> bytes:
        options = self.device.options
        return four_bits(seed, width=options.width, height=options.height)

    def fault(self, name: str, times: int = 1) -> None:
        self.order(fault={"images": times})
        for key, value in self.faults[name].items():
            if key == "codes":
                self.order(fault={key: {order: codes * times for order, codes in value.items()}})
            else:
                self.order(fault={key: value * times if key in self.counted else value})

    def mend(self) -> None:
        whole = ("bad_sum", "noise", "codes", "short", "lose", "stall_after", *self.counted)
        self.order(fault={name: getattr(ZfmFaults(), name) for name in whole})


def four_bits(seed: int, impression: int = 0, width: int = 256, height: int = 288) -> bytes:
    """What a four-bit sensor makes of a finger, reckoned from the finger itself."""
    grey = np.frombuffer(synthetic_print(seed, width, height, impression=impression), np.uint8)
    return ((grey // 16) * 17).astype(np.uint8).tobytes()


@dataclass(frozen=True)
class Entry:
    """One kind of rig, and how it is made."""

    kind: type[Rig]
    make: Callable[[Path], Rig]


RIGS: dict[str, Entry] = {
    "uru4000": Entry(Uru4000Rig, Uru4000Rig),
    "uru4000-paced": Entry(PacedRig, PacedRig),
    "uru4000-ms": Entry(MicrosoftRig, MicrosoftRig),
    "zfm": Entry(ZfmRig, ZfmRig),
}
