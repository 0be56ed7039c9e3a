"""Whether a port that names a device by its serial number leads to one device alone. Pure but for ``twins_here``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drivers.discovery import NoUdev, Plugged, devices, serial_doubt
from drivers.discovery.plugged import BY_ID
from edge.checks import Check, Grade
from edge.config import ReaderConfig


def twins_here(readers: Sequence[ReaderConfig]) -> Iterator[Check]:
    """``twins`` of what is plugged in now; nothing where that cannot be known."""
    try:
        found = devices()
    except NoUdev:
        return
    yield from twins(readers, found)


def twins(readers: Sequence[ReaderConfig], found: Sequence[Plugged]) -> Iterator[Check]:
    """The readers whose port below /dev/serial/by-id is the name of several devices of ``found``.

    udev makes one link of that name, and it leads to whichever device it chose last.
    """
    for reader in readers:
        named = [one for one in found if one.by_id == reader.port] if reader.port.startswith(BY_ID) else []
        doubt = serial_doubt(named[0], found) if len(named) > 1 else ""
        if doubt:
            where = " or ".join(one.place for one in named)
            yield Check(f"reader {reader.name}", Grade.WARNING, f"{reader.port} may be the device at {where}: {doubt}",
                        "set each up by its place: take the lines of `borderpost devices` while both are plugged in")
