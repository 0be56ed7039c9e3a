"""What stands around an emulated guest: readers, sticks, a scanner, the link, the mains, the officer's eyes.

Laws:
1. What is plugged in when the mains go is plugged in when they come back, before the first instruction.
2. ``close`` leaves no device, no thread and no socket; it may be called at any moment.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hil_tests.bench.lab import Cannot
from hil_tests.bench.readers_side import SERIAL_FAMILIES, ReaderSide
from hil_tests.bench.sticks import LABEL, make_stick, missing
from hil_tests.bench.target import TargetError
from hil_tests.bench.usb_port import UsbDevice, UsbPort
from hil_tests.vm.argv import USB_IP, USB_PORTS
from hil_tests.vm.gadget import CompositeStick
from hil_tests.vm.guest import Guest
from hil_tests.vm.officer import Officer, Shown, seated
from hil_tests.vm.plugged import SEEN_S, Plugged, VmReader, VmStick

FINGER_S, DESK_S = 300.0, 30.0  # of this computer; of a box of metal
CARD, INTERFACE = "net0", "eth0"  # QEMU's id of the network card (argv.py), and the guest's name for it


class VmLab:
    """See bench.lab.Lab. The guest may be off: what is plugged in then is there when it is switched on."""

    def __init__(self, guest: Guest) -> None:
        self.guest, self.target = guest, guest
        self._usb: UsbPort | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="bl"))  # short: sockets are in it
        self._things: list[Plugged] = []
        self._made = 0
        self.officer = Officer(guest.verdicts_log)

    def __enter__(self) -> VmLab:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Law 2."""
        for thing in self._things:
            with contextlib.suppress(TargetError):  # a guest that has just died has lost them anyway
                thing.take()
            if isinstance(thing, VmReader):
                thing.side.close()
        self._things.clear()
        if self.guest.running():
            with contextlib.suppress(TargetError):
                self.guest.qmp.set_link(CARD, up=True)
        self.officer.close()
        if self._usb is not None:
            self._usb.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def plug_reader(
        self, family: str = "text", *, serial: str = "SN0001", port: int | None = None, options: Any = None,
        fragment: int = 0, delay_s: float = 0.0,
    ) -> VmReader:
        """See bench.lab.Lab; ``port`` 1 to 15 (None: the first free one); the rest as in ReaderSide."""
        if family not in SERIAL_FAMILIES:
            raise Cannot(f"{family} has no serial line: use attach")
        name = self._name("reader")
        side = ReaderSide(self._folder / name, family, options=options, fragment=fragment, delay_s=delay_s)
        reader = VmReader(self.guest, name, self._free(port), side, serial)
        self._things.append(reader)
        reader.put()
        if self.guest.running():
            reader.seen()
        return reader

    def plug_stick(
        self, folder: Path, *, mib: int = 64, label: str = LABEL, port: int | None = None, seen: bool = True
    ) -> VmStick:
        """See bench.lab.Lab; without ``seen`` it returns before the kernel has looked at it.

        Into a machine that is off: it is there when that is switched on.
        """
        if reason := missing():
            raise Cannot(reason)
        name = self._name("stick")
        image = make_stick(self.guest.folder / f"{name}.img", folder, label=label, mib=mib)
        stick = VmStick(self.guest, name, self._free(port), image)
        self._things.append(stick)
        stick.put()
        if seen and self.guest.running():
            stick.seen()
        return stick

    def swap(self, one: Plugged, other: Plugged) -> None:
        """Pull both, and put each into the other's port."""
        for thing in (one, other):
            thing.take()
        for thing in (one, other):
            thing.unseen()
        one.port, other.port = other.port, one.port
        for thing in (one, other):
            thing.put()
            thing.seen()

    @property
    def usb(self) -> UsbPort:
        """The USB/IP port to which the guest's network leads."""
        if self._usb is None:
            self._usb = UsbPort(self._folder, port=self.guest.usbip_port)
        return self._usb

    def plug_scanner(self) -> UsbDevice:
        """A U.are.U 4500."""
        return self.attach("scanner")

    def attach(self, what: str) -> UsbDevice:
        """Attach ``scanner`` or ``keyboard`` by USB/IP in the guest; its hands. Raises TargetError.

        Pull it with ``unplug`` of what is returned; after that, or a power cut, ``attach`` again.
        """
        device: UsbDevice = {"scanner": self.usb.scanner, "keyboard": self.usb.keyboard}[what]
        device.plug()
        self.target.run("modprobe", "vhci-hcd")
        self.target.run("usbip", "attach", "-r", USB_IP.partition(":")[0], "-b", device.bus_id)

        def attached() -> bool:
            """the guest's kernel sees what was attached"""
            return self.attached(device)

        self.target.until(attached, SEEN_S)
        return device

    def take_finger(self, scanner: UsbDevice, passage: str, seed: int, *, impression: int = 0) -> dict[str, Any]:
        """Lay a finger down, have the box take it for a passage, lift it: the box's last word, also of a failure.

        ``seed`` and ``impression`` are of drivers.virtual.prints. Raises TargetError when the box refuses to try.
        """
        scanner.finger(seed, impression)
        try:
            said = self.target.run("borderpost", "fingers", "take", passage, "--json", check=False, limit_s=FINGER_S)
        finally:
            scanner.remove()
        lines = said.split("\n")
        told: list[dict[str, Any]] = [json.loads(line) for line in lines if line.startswith('{"type":"fingers"')]
        if not told:
            raise TargetError(f"nothing came of the finger: {said}")
        return told[-1]

    def attached(self, device: UsbDevice) -> bool:
        """Does the guest's kernel have this USB/IP device?"""
        script = "cat /sys/devices/platform/vhci_hcd.*/usb*/*-*/serial 2>/dev/null; true"
        return device.serial in self.target.pipe(script).decode().split()

    def composite_stick(self, folder: Path) -> CompositeStick:
        """A stick with a keyboard in it, made inside the guest."""
        if reason := missing():
            raise Cannot(reason)
        return CompositeStick(self.target, folder, self.guest.folder / f"{self._name('composite')}.img")

    def link(self, *, up: bool) -> None:
        """See bench.lab.Lab."""
        self.guest.qmp.set_link(CARD, up=up)

    def quality(self, delay_ms: int = 0, loss_percent: float = 0.0) -> None:
        """Make what the guest sends late and lossy; 0 and 0: well again."""
        rule = ["tc", "qdisc", "replace", "dev", INTERFACE, "root"]
        if not delay_ms and not loss_percent:
            self.target.execute(["tc", "qdisc", "del", "dev", INTERFACE, "root"])  # an error where none was
            return
        self.target.run(*rule, "netem", "delay", f"{delay_ms}ms", "loss", f"{loss_percent}%")

    def watch_verdicts(self) -> Officer:
        """The officer, once there is a desk to sit at: it is waited for. Raises TargetError."""

        def ready() -> bool:
            """the desk is there, and the officer's view of it"""
            return seated(self.target)

        self.target.until(ready, DESK_S, every_s=0.5)
        return self.officer

    @property
    def verdicts(self) -> list[Shown]:
        """What the officer was shown, oldest first."""
        return self.officer.verdicts()

    def cut_power(self) -> None:
        """See bench.lab.Lab."""
        self.guest.kill()
        for thing in self._things:
            thing.no_power()

    def power_on(self) -> float:
        """See bench.lab.Lab; law 1."""
        for thing in self._things:
            thing.no_power()  # also when the machine went down by itself

        def plug() -> None:
            for thing in self._things:
                if thing.inserted:
                    thing.put()

        return self.guest.boot(plug=plug)

    def _name(self, kind: str) -> str:
        self._made += 1
        return f"{kind}{self._made}"

    def _free(self, wanted: int | None) -> int:
        taken = {thing.port for thing in self._things if thing.inserted}
        kept = {thing.port for thing in self._things if isinstance(thing, VmReader)}  # to be plugged in again
        for port in range(1, USB_PORTS + 1) if wanted is None else (wanted,):
            if port not in (taken | kept if wanted is None else taken):
                return port
        raise TargetError(f"USB port {wanted or 'of any number'} is taken")
