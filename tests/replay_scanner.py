"""``python replay_scanner.py PORT SEED OUT [hardened]``: one finger from the scanner at PORT, its pixels into OUT.

Run inside ``umockdev-run``, whose libusb plays a capture: a transfer that times out there is lost to it, so the limits
are long, and ``SEED`` (hexadecimal) is the one with which the capture was made. The answer is a line of JSON.
``hardened`` gives up memory that is writable and executable first, as the service's unit does; exit code 77 where this
kernel cannot.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from drivers.api import Tier
from drivers.fingers import FingerCapture
from drivers.uru4000 import Uru4000, link
from drivers.uru4000_power import Timing


def main(port: str, seed: int, out: Path) -> dict[str, object]:
    scanner = Uru4000(
        name="north", driver="uru4000", tier=Tier.RECORDED, port=port, clock=time.monotonic,
        connect=lambda: link(port, time.monotonic, slice_s=5.0, control_s=5.0, image_s=5.0), seed=lambda: seed,
        timing=Timing(image_s=4.0, look_s=60.0),
    )
    scanner.open()
    found = scanner.capture(10.0)
    assert isinstance(found, FingerCapture), found
    out.write_bytes(found.pixels)
    lifted = scanner.await_off(10.0)
    status = scanner.status()
    scanner.close()
    return {
        "size": [found.width, found.height], "lifted": lifted, "firmware": status.firmware, "serial": status.serial,
        "product": status.product, "captures": status.captures, "present": scanner.present(),
    }


if __name__ == "__main__":
    if "hardened" in sys.argv:
        from replay_keyboard import harden

        harden()
    try:
        answer = main(sys.argv[1], int(sys.argv[2], 16), Path(sys.argv[3]))
    except Exception as problem:  # the test wants its name
        answer = {"error": type(problem).__name__, "text": str(problem)}
    sys.stdout.write(json.dumps(answer) + "\n")
