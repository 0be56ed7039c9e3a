"""pyudev's side of discovery: enumeration, and what is now behind a configured port.

Laws:
1. A Context belongs to the call that made it: pyudev's objects are not for several threads.
2. Where udev has not been (a container, early boot), ids and serial number come from the USB device's own
   attributes in sysfs; links are then missing, and said to be.
3. ``seen_at`` never raises: a box screens on, whatever udev knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyudev

from drivers.api import DeviceError
from drivers.discovery.identity import names
from drivers.discovery.plugged import Plugged, from_properties
from drivers.transport.names import USB, is_path

MAX_DEVICES = 4096  # sysfs entries looked at; a large PC has some hundreds
MISSING = (ImportError, OSError, LookupError, ValueError, MemoryError, pyudev.DeviceNotFoundError)
OWN_WORDS = (
    ("ID_VENDOR_ID", "idVendor"), ("ID_MODEL_ID", "idProduct"), ("ID_SERIAL_SHORT", "serial"),
    ("ID_VENDOR", "manufacturer"), ("ID_MODEL", "product"),
)  # udev's property <- the USB device's attribute (law 2)


class NoUdev(DeviceError):  # noqa: N818 - read as a sentence
    """This machine's devices cannot be listed."""


def devices() -> list[Plugged]:
    """Everything plugged in that could be a reader, by place. Raises NoUdev where that cannot be known."""
    try:
        return enumerate_devices(pyudev.Context())
    except MISSING as problem:
        raise NoUdev(
            f"what is plugged in cannot be listed: {problem}",
            advice="install libudev1 and run this on the box itself, not in a container",
        ) from None


def enumerate_devices(context: Any, subsystems: Sequence[str] = ("tty", "usb")) -> list[Plugged]:
    """The same for a ``pyudev.Context``."""
    found = []
    for subsystem in subsystems:
        for device in islice(context.list_devices(subsystem=subsystem), MAX_DEVICES):
            one = None if "/virtual/" in device.sys_path else _plugged(device)
            if one is not None:
                found.append(one)
    return sorted(found, key=lambda p: (p.kind == "board", p.usb_place, p.interface, p.node))


def seen_at(port: str) -> Plugged | None:
    """What is plugged in behind a configured port now; None where nothing is, or udev knows nothing (law 3)."""
    try:
        context = pyudev.Context()
        if port.startswith(USB):
            matching = [p for p in enumerate_devices(context, ("usb",)) if names(port, p)]
            return matching[0] if len(matching) == 1 else None
        if not is_path(port):
            return None
        node = Path(port).resolve(strict=True)
        here = _plugged(pyudev.Devices.from_name(context, "tty", node.name))
        return here if here and here.node == str(node) else None
    except (*MISSING, RuntimeError):  # RuntimeError: links in a circle
        return None


def _plugged(device: Any) -> Plugged | None:
    """One of pyudev's devices; None when it could be no reader, or vanished while it was looked at."""
    try:
        properties = dict(islice(device.properties.items(), 256))
        properties = {**_from_sysfs(device, properties), **properties}
        if properties.get("DEVTYPE") == "usb_device":
            # udev makes underscores of what it does not like; a usb: port is compared with the device's own word
            properties["ID_SERIAL_SHORT"] = _text(device, "serial")
        return from_properties(properties, port_type=_text(device, "type").strip())
    except MISSING:
        return None


def _from_sysfs(device: Any, properties: dict[str, str]) -> dict[str, str]:
    """Law 2."""
    if "ID_VENDOR_ID" in properties:
        return {}
    usb = device if properties.get("DEVTYPE") == "usb_device" else device.find_parent("usb", "usb_device")
    if usb is None:
        return {}
    found = {key: _text(usb, attribute) for key, attribute in OWN_WORDS}
    if usb is device:
        found["ID_USB_INTERFACES"] = f":{':'.join(islice(_interfaces(usb), 32))}:"
    return {key: text for key, text in found.items() if text}


def _interfaces(usb: Any) -> Iterator[str]:
    for child in usb.children:
        if child.properties.get("DEVTYPE") == "usb_interface":
            parts = (_text(child, f"bInterface{part}") for part in ("Class", "SubClass", "Protocol"))
            yield "".join(parts)


def _text(device: Any, attribute: str) -> str:
    try:
        value = device.attributes.get(attribute)
    except MISSING:
        return ""
    return value.decode("utf-8", "replace").removesuffix("\n") if isinstance(value, bytes) else ""
