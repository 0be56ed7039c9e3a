"""``python replay_keyboard.py PORT LAYOUT COUNT [hardened]``: what the driver reads from the keyboard at PORT, as JSON.

Run inside ``umockdev-run``, whose libusb plays a capture. A transfer that times out there is lost to the capture, so
the time limit of a transfer is long. ``hardened`` first gives up memory that is writable and executable, as the
service's unit does (MemoryDenyWriteExecute); exit code 77 where this kernel cannot (before 6.3).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from drivers.api import DocumentRead, Tier
from drivers.hid_keyboard import HidKeyboardCodec
from drivers.reader import FramedReader
from drivers.transport import present
from drivers.transport.usb_port import UsbHidTransport


def main(port: str, layout: str, count: int) -> dict[str, object]:
    reader = FramedReader(
        name="north", driver="hid_keyboard", tier=Tier.VIRTUAL, port=port, clock=time.monotonic,
        codec=lambda: HidKeyboardCodec(layout), connect=lambda: UsbHidTransport(port, slice_s=5.0),  # type: ignore[arg-type]
    )
    reader.open()
    events = [reader.read(10.0) for _ in range(count)]
    status = reader.status()
    rows = [event.lines for event in events if isinstance(event, DocumentRead)]
    reader.close()
    return {"rows": rows, "present": present(port), "garbled": status.garbled, "others": status.others}


def harden() -> None:
    import ctypes

    if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):  # PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN
        raise SystemExit(77)


if __name__ == "__main__":
    if "hardened" in sys.argv:
        harden()
    try:
        answer = main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    except Exception as problem:  # the test wants its name
        answer = {"error": type(problem).__name__, "text": str(problem)}
    sys.stdout.write(json.dumps(answer) + "\n")
