"""What is plugged in, by which name it stays the same one, and when that changes.

udev's properties are the only source: they survive re-plugging and re-boots, which /dev/ttyUSB0 does not. The
rules are pure functions over those properties (``plugged``, ``identity``, ``fitting``); pyudev stands in ``udev``
and ``monitor`` alone, and where it finds no udev (a container) they say so and the box goes on by looking.
"""

from __future__ import annotations

from drivers.discovery.fitting import Fit, fitting, scanner_entry, suggestions
from drivers.discovery.identity import Identity, Lines, differs, identity, lines_for, names, serial_doubt
from drivers.discovery.monitor import Monitor
from drivers.discovery.plugged import Plugged, from_properties
from drivers.discovery.swaps import unlike, unlike_unheard
from drivers.discovery.udev import NoUdev, devices, enumerate_devices, seen_at

__all__ = [
    "Fit", "Identity", "Lines", "Monitor", "NoUdev", "Plugged", "devices", "differs", "enumerate_devices", "fitting",
    "from_properties", "identity", "lines_for", "names", "scanner_entry", "seen_at", "serial_doubt", "suggestions",
    "unlike", "unlike_unheard",
]
