"""Is the device behind a configured port the one that was set up there? One answer for the box and its tools. Pure.

Laws:
1. A serial number in edge.toml is that of the USB device or the one that the device itself tells; either is enough.
2. A port on the board knows no serial number, an adapter only its own.
3. What could be settled by the device's own word alone is no difference while nobody has heard it.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.catalog import DRIVERS
from drivers.discovery.identity import ADAPTERS, differs
from drivers.discovery.plugged import Plugged


def unlike(seen: Plugged | None, serial: str, path: str, usb: Sequence[str], own: str) -> str:
    """How what is ``seen`` at a port (None: nobody knows) differs from what was set up, in words; empty if it does not.

    ``serial`` and ``path`` are those of edge.toml, ``usb`` the ids that the profile knows, each empty where there is
    none; ``own`` is the serial number that the device itself has told, empty while it has not.
    """
    if own and own == serial:
        serial = ""  # its own word is enough
    elif own and serial and not (seen and seen.serial):
        return f"it says serial number {own}, and {serial} was set up"
    if seen is None:
        return ""
    return differs(seen, serial if seen.kind != "board" else "", path, usb)


def unlike_unheard(seen: Plugged, serial: str, path: str, usb: Sequence[str], driver: str) -> str:
    """The same for who opens no device; ``driver`` is the family that is configured there (law 3)."""
    entry = DRIVERS.get(driver)
    may_be_its_own = seen.vid in ADAPTERS and entry is not None and entry.tells_serial
    return unlike(seen, "" if may_be_its_own else serial, path, usb, "")
