"""One device and the hands in front of it: a person's, or those of the virtual bench."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from drivers.api import DeviceError, DeviceGone, DocumentRead, OtherRead, PassportReader, ReaderEvent
from drivers.named import NamedDevice
from drivers.transport import Through, directly
from drivers.virtual.control import USB_KIND, VirtualReader
from hil_tests.capabilities import Can
from hil_tests.frames import BAR_CODE, REPORT, SPECIMEN, bar_code, whole

SLICE_S = 0.1
HAND_S = 0.2  # no hand lays a document down sooner; a reader greets its device meanwhile
TRIES = 5
MAX_SEND = 8192  # bytes of one order to the bench
MAX_PTYS = 32  # held to take a name


class Rig:
    """``cannot`` says what this backend cannot do, and why; ``rows`` is the document that it lays down.

    ``quiet_s``: rows of one document do not lie further apart, and it is longer than any silence that ends a frame.
    """

    quiet_s = 1.5  # a person's document, read row by row
    rows: tuple[str, ...] | None = None
    cannot: Mapping[Can, str] = {}

    def __init__(self, name: str, device: NamedDevice, patience_s: float) -> None:
        self.name, self.device, self.patience_s = name, device, patience_s
        self.driver = device.driver
        self.through: Through = directly

    def reader(self, name: str = "hil") -> PassportReader:
        """A reader of it, not yet open."""
        return self.device.reader(name, time.monotonic, self.through)

    def clock(self) -> float:
        """The reader's clock."""
        return time.monotonic()

    def document(self, reader: PassportReader) -> list[DocumentRead]:
        """The reads of the next document: until its rows are whole, or the line is quiet."""
        return [event for event in self.events(reader) if isinstance(event, DocumentRead)]

    def events(self, reader: PassportReader) -> list[DocumentRead | OtherRead]:
        """The same with what came between."""
        found: list[DocumentRead | OtherRead] = []
        limit, quiet_at = self.clock() + self.patience_s, None
        while self.clock() < limit and (quiet_at is None or self.clock() < quiet_at):
            event = reader.read(SLICE_S)
            if isinstance(event, DocumentRead | OtherRead):
                found.append(event)
            if isinstance(event, DocumentRead):
                quiet_at = self.clock() + self.quiet_s
                if self.rows is not None and rows_of(found)[-len(self.rows) :] == self.rows:
                    return found
        if not rows_of(found):
            pytest.fail(f"no document within {self.patience_s:g} s: {reader.status()}")
        return found

    def quiet(self, reader: PassportReader) -> list[ReaderEvent]:
        """Whatever comes until the line has been quiet for ``quiet_s``."""
        came: list[ReaderEvent] = []
        until = self.clock() + self.quiet_s
        while self.clock() < until:
            event = reader.read(SLICE_S)
            if event is not None:
                came.append(event)
                until = self.clock() + self.quiet_s
        return came

    def gone(self, reader: PassportReader) -> DeviceGone:
        """Read until the reader says that its device is gone."""
        limit = self.clock() + self.patience_s
        while self.clock() < limit:
            try:
                reader.read(SLICE_S)
            except DeviceGone as gone:
                return gone
        pytest.fail(f"its device is gone and the reader does not say so: {reader.status()}")

    def open_again(self, reader: PassportReader) -> None:
        """Open it as soon as its device is there."""
        limit = self.clock() + self.patience_s
        while True:
            try:
                return reader.open()
            except DeviceGone:
                if self.clock() > limit:
                    raise
                time.sleep(0.05)

    # What hands do; a rig that has none of them says so in ``cannot``.

    def lay(self, reader: PassportReader) -> list[DocumentRead]:
        """Lift what lies there, lay the document down, read it."""
        raise NotImplementedError

    def lift(self) -> None:
        """Nothing lies on it any more; harmless where nothing did."""

    def send(self, data: bytes) -> None:
        """Put bytes on the line."""
        raise NotImplementedError

    def frame(self) -> bytes:
        """The document's bytes as the device sends them unasked."""
        raise NotImplementedError

    def flood(self, reader: PassportReader, size: int) -> int:
        """Noise while the reader reads; how many bytes it was."""
        raise NotImplementedError

    def block(self) -> None:
        """Show a bar code."""
        raise NotImplementedError

    def pull(self) -> None:
        """Pull the cable."""
        raise NotImplementedError

    def plug(self, *, elsewhere: bool = False) -> None:
        """Plug it in again; ``elsewhere``: under another name."""
        raise NotImplementedError


def rows_of(reads: list[Any]) -> tuple[str, ...]:
    """All rows in order."""
    return tuple(row for read in reads if isinstance(read, DocumentRead) for row in read.lines)


class RealRig(Rig):
    """Asks a person."""

    cannot = dict.fromkeys(
        (Can.SEND, Can.SPLIT_BYTES, Can.SPLIT_REPORTS, Can.FLOOD, Can.PULL_AT_BYTE),
        "a real device sends what it wants to; shown on the virtual bench",
    ) | dict.fromkeys(
        (Can.IN_WAITING, Can.MODEM_LINES), "faults of a port that is missing lines; shown on a pty"
    ) | {
        Can.BLOCK: "specimens are asked for, bar codes are not",
        Can.ELSEWHERE: "the name given is that of the socket, or of the device; shown on the virtual bench",
    }

    def __init__(self, device: NamedDevice, patience_s: float, config: pytest.Config) -> None:
        super().__init__(f"real:{device.driver}", device, patience_s)
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def _ask(self, sentence: str) -> None:
        with self._capture.global_and_fixture_disabled():
            print(f"\n>>> {sentence}", flush=True)  # noqa: T201 - this is how the person is asked

    def lay(self, reader: PassportReader) -> list[DocumentRead]:
        """See Rig."""
        self._ask("lift what lies on the reader, then present the specimen")
        return self.document(reader)

    def pull(self) -> None:
        """See Rig; what follows rests on it, so it is waited for."""
        self._ask(f"pull the reader's cable, within {self.patience_s:g} seconds")
        limit = self.clock() + self.patience_s
        while not self._is_gone():
            if self.clock() > limit:
                pytest.fail(
                    f"{self.device.port} is still there after {self.patience_s:g} s: pull the cable sooner, or give "
                    "more time with --patience; the far end of an RS-232 cable cannot be seen from here"
                )
            time.sleep(SLICE_S)

    def _is_gone(self) -> bool:
        reader = self.reader("pulled")
        there = reader.present()
        if there is not None:
            return not there
        try:
            reader.open()  # on the network only opening tells
        except DeviceGone:
            return True
        except DeviceError:
            return False
        reader.close()
        return False

    def plug(self, *, elsewhere: bool = False) -> None:
        """See Rig."""
        self._ask("plug the cable in again")


SERIAL_CANNOT = {Can.SPLIT_REPORTS: "a serial line has no reports"}
USB_CANNOT = {
    Can.SPLIT_BYTES: "USB hands over whole reports; lines are split between reports",
    Can.ELSEWHERE: "a USB/IP port is named by its TCP port, which stays",
    Can.IN_WAITING: "USB has no in_waiting",
    Can.MODEM_LINES: "USB HID has no modem lines",
}


class VirtualRig(Rig):
    """Moves virtual hands."""

    rows = SPECIMEN
    quiet_s = 0.65

    def __init__(self, virtual: VirtualReader) -> None:
        super().__init__(f"virtual:{virtual.kind}", NamedDevice(virtual.kind, {"port": virtual.port}), 10.0)
        self.virtual = virtual
        self.usb = virtual.kind == USB_KIND
        self.grain = REPORT if self.usb else 1
        self.cannot = dict(USB_CANNOT if self.usb else SERIAL_CANNOT)
        if not bar_code(virtual.kind):
            self.cannot[Can.BLOCK] = "this device reads nothing but zones"
        self._held: list[int] = []
        self._was = ""

    def lay(self, reader: PassportReader) -> list[DocumentRead]:
        """See Rig."""
        return self._while(self._present, lambda: self.document(reader))

    def _present(self) -> None:
        self.virtual.remove()
        time.sleep(HAND_S)
        self.virtual.present(SPECIMEN)

    def lift(self) -> None:
        """See Rig."""
        self.virtual.remove()

    def frame(self) -> bytes:
        """See Rig."""
        return whole(self.driver)

    def send(self, data: bytes) -> None:
        """See Rig."""
        for at in range(0, len(data), MAX_SEND):
            self.virtual.send(data[at : at + MAX_SEND])

    def flood(self, reader: PassportReader, size: int) -> int:
        """See Rig."""
        sent = 0
        for seed in range(TRIES):  # the bench loses what nobody takes for a second: a busy machine may do that
            with ThreadPoolExecutor(1) as hand:
                flooding = hand.submit(self.virtual.noise, size - sent, seed=seed, limit_s=600.0)
                while not flooding.done():
                    reader.read(SLICE_S)
            sent += flooding.result()
            if sent >= size:
                break
        return sent

    def block(self) -> None:
        """See Rig."""
        self.virtual.block(BAR_CODE)

    def pull(self) -> None:
        """See Rig."""
        self._was = "" if self.usb else self.where()
        self.virtual.remove()
        self.virtual.unplug()

    def plug(self, *, elsewhere: bool = False) -> None:
        """See Rig; the name that was there is taken before, so that it gets a new one."""
        for _ in range(MAX_PTYS if elsewhere else 0):
            self._held += os.openpty()
            if os.ttyname(self._held[-1]) == self._was:
                break  # else a lower number was free
        self.virtual.plug()

    def where(self) -> str:
        """The port's present name behind its link."""
        return str(self.virtual.link.readlink())

    def close(self) -> None:
        """Let go what was held."""
        for descriptor in self._held:
            os.close(descriptor)

    def _while(self, move: Callable[[], object], watch: Callable[[], list[DocumentRead]]) -> list[DocumentRead]:
        with ThreadPoolExecutor(1) as hand:
            moving = hand.submit(move)
            found = watch()
            moving.result()
            return found
