"""A device in one of the guest's USB ports: how QEMU is told to plug and to pull it, and what the guest's kernel sees.

Laws:
1. A pull is a surprise removal: QEMU takes the device off the bus without a word to the guest. ``pull`` and ``unplug``
   return when the guest's kernel has seen it; the bus is free at once.
2. A device knows whether it is in its port (``inserted``) apart from whether there is power.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hil_tests.bench.readers_side import ReaderSide
from hil_tests.bench.sticks import read_stick
from hil_tests.bench.target import TargetError

if TYPE_CHECKING:
    from hil_tests.vm.guest import Guest

BUS = "usb.0"  # QEMU's name of the controller's bus (argv.py)
SEEN_S = 10.0  # of a box of metal
BY_ID = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_{}-if00-port0"
# A device's port is the same on the controller's two root hubs; which of them depends on its speed.
AT_PORT = "for at in /sys/bus/usb/devices/[12]-{0}; do [ -e $at/idVendor ] && echo $at; done; true"


class Plugged:
    """A device and its port; which one is kept while it is out. ``inserted``: it is in, with or without power."""

    def __init__(self, guest: Guest, name: str, port: int) -> None:
        self.guest, self.name, self.port = guest, name, port
        self.inserted = self._on_bus = False

    def put(self) -> None:
        """Into its port, at once; harmless when it is in. Of a machine that is off it is there at the next power on."""
        self.inserted = True
        if self.guest.running() and not self._on_bus:
            self._attach()
            self._on_bus = True

    def take(self) -> None:
        """Out, at once; harmless when it is out."""
        self.inserted = False
        if self._on_bus and self.guest.running():
            self._detach()
        self.no_power()

    def no_power(self) -> None:
        """The machine is off."""
        self._on_bus = False

    def _attach(self) -> None:
        raise NotImplementedError

    def _detach(self) -> None:
        raise NotImplementedError

    def path(self) -> str:
        """Its folder in the guest's /sys; "" when the kernel does not see it."""
        return self.guest.pipe(AT_PORT.format(self.port)).decode().strip()

    def seen(self) -> None:
        """Wait until the guest's kernel knows it. Raises TargetError."""

        def known() -> bool:
            """the guest's kernel sees what was plugged in"""
            return bool(self.path())

        self.guest.until(known, SEEN_S)

    def unseen(self) -> None:
        """Wait until the guest's kernel has let go of it. Raises TargetError."""

        def gone() -> bool:
            """the guest's kernel sees that it was pulled"""
            return not self.path()

        if self.guest.running():
            self.guest.until(gone, SEEN_S)


class VmReader(Plugged):
    """See bench.lab.Reader; ``side`` has the further hands (blocks, noise, raw bytes, fingers)."""

    def __init__(self, guest: Guest, name: str, port: int, side: ReaderSide, serial: str) -> None:
        super().__init__(guest, name, port)
        self.side, self.serial = side, serial

    @property
    def device(self) -> str:
        """The name by which a box is configured for it: of its serial number, whatever port it is in."""
        return BY_ID.format(self.serial)

    @property
    def tty(self) -> str:
        """What the kernel calls it now, as ``ttyUSB0``; "" until it has a driver. Of twins each has its own."""
        return self.guest.pipe(f"ls {self.path()}:1.0 2>/dev/null | grep -m1 ^tty; true").decode().strip()

    def present(self, lines: Sequence[str], *, cut: int | None = None) -> None:
        """See bench.lab.Reader. Raises TargetError when it does not go out."""
        at = self.side.present(lines, cut=cut, wait_s=5.0 * self.guest.slow)
        if at is None and self._on_bus:
            raise TargetError(f"{self.name}: the document was not taken")

    def remove(self) -> None:
        """See bench.lab.Reader."""
        self.side.remove()

    def plug(self) -> None:
        """See bench.lab.Reader."""
        self.put()
        self.seen()

    def unplug(self) -> None:
        """See bench.lab.Reader."""
        self.take()
        self.unseen()

    def no_power(self) -> None:
        """See Plugged: what the adapter has not handed on is lost with it."""
        super().no_power()
        self.side.unplug()

    def _attach(self) -> None:
        qmp, line = self.guest.qmp, f"line-{self.name}"
        qmp.chardev_add_socket(line, self.side.path)
        try:
            self.side.plug()
            qmp.device_add("usb-serial", self.name, chardev=line, serial=self.serial, bus=BUS, port=str(self.port))
        except BaseException:
            qmp.chardev_remove(line)
            raise

    def _detach(self) -> None:
        self.guest.qmp.device_del(self.name)
        self.guest.qmp.chardev_remove(f"line-{self.name}")


class VmStick(Plugged):
    """See bench.lab.Stick; ``image`` is the stick itself."""

    def __init__(self, guest: Guest, name: str, port: int, image: Path) -> None:
        super().__init__(guest, name, port)
        self.image = image

    def pull(self) -> None:
        """See bench.lab.Stick."""
        self.take()
        self.unseen()

    def contents(self, to: Path) -> Path:
        """See bench.lab.Stick."""
        if self.inserted:
            raise TargetError(f"{self.name} is plugged in: pull it first")
        return read_stick(self.image, to)

    def _attach(self) -> None:
        qmp, medium = self.guest.qmp, f"medium-{self.name}"
        qmp.blockdev_add(medium, self.image)
        more = {"drive": medium, "serial": f"STICK-{self.name}", "removable": True}
        try:
            qmp.device_add("usb-storage", self.name, bus=BUS, port=str(self.port), **more)
        except BaseException:
            qmp.blockdev_del(medium)
            raise

    def _detach(self) -> None:
        self.guest.qmp.device_del(self.name)
        self.guest.qmp.blockdev_del(f"medium-{self.name}")

    def disk(self) -> str:
        """What the kernel calls it now, as ``sda``; "" until it knows its medium."""
        found = self.guest.pipe(f"ls -d {self.path() or '/nowhere'}:1.0/host*/target*/*/block/* 2>/dev/null; true")
        return found.decode().strip().rpartition("/")[2]

    def visited(self, limit_s: float = 30.0) -> None:
        """Wait until the box has started its visit and ended it. ``limit_s`` is of metal. Raises TargetError."""
        names = ("ActiveState", "ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic")

        def ended() -> bool:
            """the stick's unit has run and ended"""
            disk = self.disk()
            if not disk:
                return False
            unit = f"borderpost-stick@{disk}1.service"
            said = self.guest.run("systemctl", "show", *(f"-p{name}" for name in names), unit)
            found = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
            begun, over = (int(found.get(name, "0") or "0") for name in names[1:])
            return found.get("ActiveState") in ("inactive", "failed") and over >= begun > 0

        self.guest.until(ended, limit_s, every_s=0.5)
