"""What a recording says when its driver reads it: without a device, without waiting, in the recording's own time.

The outcome as JSON lines is what stands in a recording's ``.expect``: every document with its second and its
rows, every other block with its length, then the counts and what the device told about itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drivers.api import Clock, DeviceGone, DocumentRead, DriverMisuse, OtherRead, PassportReader, ReaderStatus
from drivers.named import NamedDevice
from drivers.trace import BadTrace, ReplayTransport, Trace
from drivers.transport import Transport

SLICE_S = 0.5  # recorded seconds a read may wait
NO_PORT = "recorded"
COUNTS = ("reads", "others", "garbled", "noise_bytes")
FACTS = ("firmware", "serial", "product")




@dataclass(frozen=True, slots=True)
class Played:
    """What came out of one recording."""

    reads: tuple[DocumentRead | OtherRead, ...]
    status: ReaderStatus

    def lines(self) -> list[str]:
        """The outcome as JSON lines."""
        told: list[dict[str, Any]] = [_told(read) for read in self.reads]
        told.append({"event": "counts", **{key: getattr(self.status, key) for key in COUNTS}})
        told.append({"event": "facts", **{key: getattr(self.status, key) for key in FACTS}})
        return [json.dumps(one) for one in told]


def _told(read: DocumentRead | OtherRead) -> dict[str, Any]:
    if isinstance(read, DocumentRead):
        return {"event": "rows", "at": round(read.at, 3), "rows": list(read.lines)}
    return {"event": "other", "at": round(read.at, 3), "length": len(read.raw)}


def device_of(provenance: Mapping[str, str]) -> NamedDevice:
    """The driver and settings that a recording's header names. Raises BadTrace."""
    driver = provenance.get("Driver", "")
    try:
        settings = json.loads(provenance.get("Settings", "{}"))
    except ValueError:
        settings = None
    if not driver or not isinstance(settings, dict):
        raise BadTrace(
            "the recording's header names no driver with its settings",
            advice="give --config and --reader, or restore its lines '# Driver: …' and '# Settings: {…}'",
        )
    return NamedDevice(driver, settings | {"port": NO_PORT}, provenance.get("Profile", ""))


def play(trace: Trace, device: NamedDevice | None = None) -> Played:
    """Read a whole recording with the driver of its header, or with ``device``. Raises DriverMisuse."""
    device = device or device_of(trace.provenance)
    replay = ReplayTransport(trace)
    reader = over(device.reader("replayed", replay.clock), lambda: replay, replay.clock)
    return Played(tuple(read_on(reader)), reader.status())


def over(reader: PassportReader, connect: Callable[[], Transport], clock: Clock) -> PassportReader:
    """``reader`` with another port. Raises DriverMisuse for a reader whose port cannot be changed."""
    move = getattr(reader, "over", None)
    if move is None:
        raise DriverMisuse(f"reader {reader.name!r} cannot play a recording", advice="use another driver")
    moved: PassportReader = move(connect, clock)
    return moved


def read_on(reader: PassportReader) -> Iterable[DocumentRead | OtherRead]:
    """Open it and give out documents and other blocks until the recording has ended."""
    reader.open()
    try:
        while True:
            event = reader.read(SLICE_S)
            if isinstance(event, DocumentRead | OtherRead):
                yield event
    except DeviceGone:
        return
    finally:
        reader.close()
