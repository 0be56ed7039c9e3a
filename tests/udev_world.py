"""Plays through drivers.discovery on invented hardware, inside umockdev: prints one JSON object.

Run as a child by test_discovery_udev.py: ``umockdev-wrapper python udev_world.py``. The testbed's own /sys, /dev and
udev events are then all that this process sees. Devices are invented in the shape that Debian's udev gives.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

WAIT_S = 10.0
PCI = "/devices/pci0000:00/0000:00:14.0"


def serial_port(place: str, node: str, vid: str, pid: str, serial: str, *, udev: bool = True) -> str:
    """A CDC device at ``place`` (1-1.2) with its tty; without ``udev`` only what the kernel says."""
    usb = f"{PCI}/usb1/{place}"
    path = f"pci-0000:00:14.0-usb-0:{place.partition('-')[2]}:1.0"
    short = f"E: ID_SERIAL_SHORT={serial}\n" if serial else ""
    links = f"/dev/serial/by-path/{path} /dev/serial/by-id/usb-Maker_Reader{'_' + serial if serial else ''}-if00"
    known = (
        f"E: ID_BUS=usb\nE: ID_VENDOR_ID={vid}\nE: ID_MODEL_ID={pid}\nE: ID_VENDOR=Maker\nE: ID_MODEL=Reader\n{short}"
        f"E: ID_PATH={path}\nE: ID_USB_INTERFACE_NUM=00\nE: DEVLINKS={links}\n"
    )
    return (
        f"P: {usb}\nN: bus/usb/001/{int(pid, 16) % 100:03}\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\n"
        f"E: DEVNAME=/dev/bus/usb/001/{int(pid, 16) % 100:03}\n"
        f"A: idVendor={vid}\\n\nA: idProduct={pid}\\n\nA: manufacturer=Maker\\n\nA: product=Reader\\n\n"
        + (f"A: serial={serial}\\n\n" if serial else "")
        + f"\nP: {usb}/{place}:1.0\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\n"
        f"A: bInterfaceClass=02\\n\nA: bInterfaceSubClass=02\\n\nA: bInterfaceProtocol=01\\n\n"
        f"\nP: {usb}/{place}:1.0/tty/{node}\nN: {node}\nE: SUBSYSTEM=tty\nE: DEVNAME=/dev/{node}\n"
        + (known if udev else "") + "\n"
    )


def keyboard(place: str, vid: str, pid: str, serial: str) -> str:
    """A HID boot keyboard as the kernel shows it, before udev has looked at it."""
    usb = f"{PCI}/usb1/{place}"
    return (
        f"P: {usb}\nN: bus/usb/001/077\nE: DEVTYPE=usb_device\nE: SUBSYSTEM=usb\nE: DEVNAME=/dev/bus/usb/001/077\n"
        f"A: idVendor={vid}\\n\nA: idProduct={pid}\\n\nA: product=Wedge\\n\nA: serial={serial}\\n\n"
        f"\nP: {usb}/{place}:1.0\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\n"
        f"A: bInterfaceClass=03\\n\nA: bInterfaceSubClass=01\\n\nA: bInterfaceProtocol=01\\n\n\n"
    )


class Testbed:
    """umockdev's testbed through ctypes: no introspection packages are needed."""

    def __init__(self) -> None:
        self.lib = ctypes.CDLL("libumockdev.so.0")
        for name in ("umockdev_testbed_new", "umockdev_testbed_get_root_dir"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        self.bed = ctypes.c_void_p(self.lib.umockdev_testbed_new())

    def add(self, text: str) -> None:
        """Make the devices of a description; each new one sends an ``add`` event."""
        assert self.lib.umockdev_testbed_add_from_string(self.bed, text.encode(), None)

    def event(self, path: str, action: str) -> None:
        """Send one udev event."""
        self.lib.umockdev_testbed_uevent(self.bed, f"/sys{path}".encode(), action.encode())

    def burst(self, path: str, count: int) -> None:
        """Events a few milliseconds apart: the testbed gives up if more than ten wait to be read."""
        for _ in range(count):
            self.event(path, "change")
            time.sleep(0.02)

    def remove(self, path: str) -> None:
        """Take a device and all below it away, with its event."""
        self.lib.umockdev_testbed_uevent(self.bed, f"/sys{path}".encode(), b"remove")
        self.lib.umockdev_testbed_remove_device(self.bed, f"/sys{path}".encode())


def main() -> None:
    bed = Testbed()
    bed.add("P: /devices/platform/none\nE: SUBSYSTEM=platform\n\n")
    from drivers import discovery
    from drivers.discovery.monitor import udev_events

    told: dict[str, object] = {}
    changes: list[float] = []
    rang = threading.Event()

    def changed() -> None:
        changes.append(time.monotonic())
        rang.set()

    def after(step: str, act: object) -> None:
        """Do it, wait for the monitor's one call, and note what is there then."""
        rang.clear()
        assert callable(act)
        act()
        heard = rang.wait(WAIT_S)
        told[step] = {"heard": heard, "seen": [asdict(p) for p in discovery.devices()]}

    # the testbed plays udev without its control socket
    monitor = discovery.Monitor(changed, listen=lambda: udev_events(control=Path("/sys")))
    told["available"], told["why"] = monitor.available, monitor.why
    before = serial_port("1-1.2", "ttyACM0", "2b78", "0005", "SN1")
    bed.add(before)  # plugged in after the monitor was made, before it runs: not missed
    stopping = threading.Event()
    thread = threading.Thread(target=monitor.run, args=(stopping,))
    thread.start()
    told["missed nothing"] = rang.wait(WAIT_S)
    after("second", lambda: bed.add(serial_port("1-1.3", "ttyACM1", "2b78", "0005", "")))
    after("keys", lambda: bed.add(keyboard("1-2", "046a", "0001", "KB 1")))
    after("bare", lambda: bed.add(serial_port("1-3", "ttyACM2", "0c2e", "0b61", "H7", udev=False)))
    quiet = len(changes)
    after("burst", lambda: bed.burst(f"{PCI}/usb1/1-3", 12))
    told["calls for the burst"] = len(changes) - quiet
    for action in ("bind", "unbind", "move", "change"):
        after(action, lambda action=action: bed.event(f"{PCI}/usb1/1-3", action))
    told["seen at"] = {
        port: asdict(seen) if (seen := discovery.seen_at(port)) else None
        for port in ("/dev/ttyACM0", "/dev/ttyACM1", "usb:046a:0001", "usb:046a:0001@1-2", "usb:046a:0001@1-9",
                     "/dev/ttyACM9", "socket://127.0.0.1:1", "usb:nonsense", "/dev/null")
    }
    after("gone", lambda: bed.remove(f"{PCI}/usb1/1-1.2/1-1.2:1.0/tty/ttyACM0"))
    stopping.set()
    thread.join(WAIT_S)
    told["ended"] = not thread.is_alive()
    print(json.dumps(told))  # noqa: T201 - the answer to the test


if __name__ == "__main__":
    main()
