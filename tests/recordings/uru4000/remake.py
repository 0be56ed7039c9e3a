"""Remakes the captures of this folder: ``python -m tests.recordings.uru4000.remake`` (in the project's folder).

The virtual scanner (drivers/virtual) shows a finger that the project has made itself to our own host side over USB/IP,
and the transfers are written as usbmon would have taken them. They depend on nothing but the code.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from pathlib import Path

from drivers.api import Tier
from drivers.fingers import FingerCapture
from drivers.uru4000 import Uru4000, link
from drivers.virtual.control import ask
from drivers.virtual.prints import synthetic_print
from drivers.virtual.uru4000_device import MODELS, Uru4000Device, Uru4000Options
from drivers.virtual.uru4000_frames import HEIGHT, LAYOUTS, WIDTH, seen
from drivers.virtual.usb_bench import UsbScannerBench
from drivers.virtual.usb_capture import description, pcapng
from drivers.virtual.usb_share import Exchange

FOLDER = Path(__file__).parent
SEED = 0x0BADC0DE  # what the host made its keys with
TAKEN_BACK = Exchange(0x81, b"", 64, b"", -2, b"")  # the interrupt that is under way when the host goes
CASES = {
    "4500": (7, Uru4000Options(power_ons=1, image_s=0, bytes_s=0, pause_s=0)),
    "ms-2": (8, Uru4000Options(model="ms-2", layout="renewed", power_ons=1, image_s=0, bytes_s=0, pause_s=0)),
}


def expected(case: str) -> bytes:
    """The pixels that a host is to make of it."""
    finger, mine = CASES[case]
    pixels = synthetic_print(finger, WIDTH, HEIGHT, mine.ppi)
    return seen(pixels, LAYOUTS[mine.layout], upside_down=MODELS[mine.model].upside_down)


def capture(finger: int, options: Uru4000Options) -> bytes:
    """Show a finger to a host; the capture."""
    exchanges: list[Exchange] = []
    with tempfile.TemporaryDirectory() as folder:
        control, name = Path(folder, "control"), Path(folder, "port")
        bench = UsbScannerBench(Uru4000Device(options), control, name)
        bench.share.tap = exchanges.append
        wake, end = os.pipe()
        thread = threading.Thread(target=bench.serve, args=(wake,))
        thread.start()
        port = name.read_text("ascii").strip()
        host = Uru4000(
            name="host", driver="uru4000", tier=Tier.VIRTUAL, port=port, clock=time.monotonic, seed=lambda: SEED,
            connect=lambda: link(port, time.monotonic, slice_s=10.0),
        )
        try:
            host.open()
            ask(control, {"finger": finger})
            if not isinstance(host.capture(5.0), FingerCapture):
                raise SystemExit("the virtual scanner gave no image")
            ask(control, {"remove": True})
            if not host.await_off(5.0):
                raise SystemExit("the virtual scanner does not notice that its finger was lifted")
        finally:
            host.close()
            ask(control, {"quit": True})
            thread.join()
            os.close(wake)
            os.close(end)
    return pcapng(exchanges, TAKEN_BACK)


def files() -> dict[str, bytes]:
    """Every file of this folder that is made, by name."""
    made = {}
    for name, (finger, options) in CASES.items():
        made[f"{name}.pcapng"] = capture(finger, options)
        made[f"{name}.device"] = description(Uru4000Device(options)).encode("ascii")
    return made


if __name__ == "__main__":
    for name, content in files().items():
        (FOLDER / name).write_bytes(content)
