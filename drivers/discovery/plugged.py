"""One thing that is plugged in and could be a reader, made from udev's properties of it. Pure.

Laws:
1. Only what could be a reader or a fingerprint scanner: serial ports on USB, serial ports on the board that really have
   a chip, USB devices that type (HID boot keyboards: interface class 03, subclass 01, protocol 01), and those whose ids
   a driver of scanners knows.
2. What a device says of itself is a stranger's text: printable characters, at most ``MAX_TEXT`` of them.
3. Nothing here raises: a property that is missing or odd leaves a field empty.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drivers.catalog import SCANNERS

MAX_TEXT = 126  # characters of a name or serial number: what a USB string can hold
BY_ID, BY_PATH = "/dev/serial/by-id/", "/dev/serial/by-path/"
KEYBOARD = ":030101:"  # in ID_USB_INTERFACES: a HID boot keyboard
CHIPS = ("S", "AMA", "mxc", "O", "THS", "HS", "LP")  # serial chips on a board, as the kernel calls their ports
ON_BOARD = re.compile(rf"/dev/tty(?:{'|'.join(CHIPS)})\d{{1,3}}")
NO_CHIP = ("", "0")  # sysfs `type` of a serial port the kernel made room for, and found nothing at (PORT_UNKNOWN)
PLACE = re.compile(r"/(\d{1,3}-\d{1,3}(?:\.\d{1,3}){0,6})(?=[/:]|$)")
HEX_ID = re.compile(r"[0-9a-f]{4}")
NAMELESS = {"keyboard": "a USB keyboard", "scanner": "a fingerprint scanner", "serial": "a USB serial port"}
ESCAPE = re.compile(r"\\x([0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Plugged:
    """``node`` is where it is now (never to be configured), the rest says which one it is.

    ``subsystem`` is ``tty`` or ``usb``; ``vid`` and ``pid`` are four lower-case hexadecimal digits, ``path_id``
    udev's ID_PATH, ``usb_place`` the place as sysfs writes it (1-1.2), ``interface`` two digits. What is not
    known is empty; a port on the board has neither ids nor place.
    """

    node: str
    subsystem: str
    vid: str = ""
    pid: str = ""
    serial: str = ""
    manufacturer: str = ""
    product: str = ""
    path_id: str = ""
    by_id: str = ""
    by_path: str = ""
    usb_place: str = ""
    interface: str = ""

    @property
    def usb_id(self) -> str:
        """``2b78:0005``, or empty."""
        return f"{self.vid}:{self.pid}" if self.vid else ""

    @property
    def kind(self) -> str:
        """``keyboard``, ``scanner`` (of fingers), ``serial`` (on USB) or ``board``."""
        if self.subsystem == "usb":
            return "scanner" if self.scanner_driver else "keyboard"
        return "serial" if self.usb_place or self.vid else "board"

    @property
    def scanner_driver(self) -> str:
        """The driver of fingerprint scanners that knows its ids; empty if none does."""
        return scanner_driver(self.vid, self.pid) if self.subsystem == "usb" else ""

    @property
    def place(self) -> str:
        """Where it is plugged in: udev's path if there is one, else the USB place, else nothing."""
        return self.path_id or self.usb_place

    @property
    def title(self) -> str:
        """What it calls itself, for people."""
        said = " ".join(filter(None, (self.manufacturer, self.product)))
        return said or NAMELESS.get(self.kind, "a serial port")


def from_properties(properties: Mapping[str, str], *, port_type: str = "") -> Plugged | None:
    """What udev's ``properties`` of one device describe, or None where it could be no reader (law 1).

    ``port_type`` is the sysfs attribute ``type`` of a serial port on the board.
    """
    get = properties.get
    node, subsystem = get("DEVNAME", ""), get("SUBSYSTEM", "")
    places = PLACE.findall(get("DEVPATH", ""))
    on_usb = get("ID_BUS", "") == "usb" or bool(places)
    if subsystem == "usb":
        known = scanner_driver(_hex_id(get("ID_VENDOR_ID", "")), _hex_id(get("ID_MODEL_ID", "")))
        if get("DEVTYPE", "") != "usb_device" or not (known or KEYBOARD in get("ID_USB_INTERFACES", "")):
            return None
    elif subsystem != "tty" or not node:
        return None
    elif not on_usb:
        if not ON_BOARD.fullmatch(node) or port_type in NO_CHIP:
            return None
        path = printable(get("ID_PATH", ""))
        return Plugged(node, "tty", path_id=path, by_path=_by_path(get("DEVLINKS", ""), path))
    path = printable(get("ID_PATH", ""))
    links = get("DEVLINKS", "")
    return Plugged(
        node=node, subsystem=subsystem,
        vid=_hex_id(get("ID_VENDOR_ID", "")), pid=_hex_id(get("ID_MODEL_ID", "")),
        serial=_serial(get("ID_SERIAL_SHORT", "")),
        manufacturer=_name(properties, "ID_VENDOR"), product=_name(properties, "ID_MODEL"),
        path_id=path,
        by_id=next((link for link in sorted(links.split()) if link.startswith(BY_ID)), ""),
        by_path=_by_path(links, path),
        usb_place=places[-1] if places else "",
        interface=printable(get("ID_USB_INTERFACE_NUM", "")),
    )


def scanner_driver(vid: str, pid: str) -> str:
    """The driver of fingerprint scanners that knows these ids, each four hexadecimal digits; empty if none does."""
    if not (vid and pid):
        return ""
    ids = int(vid, 16), int(pid, 16)
    return next((name for name, entry in SCANNERS.items() if entry.bus == "usb" and ids in entry.usb_ids), "")


def _by_path(links: str, path: str) -> str:
    """The link that udev makes of ID_PATH; newer systemd makes a second one that names the USB revision."""
    found = sorted(link for link in links.split() if link.startswith(BY_PATH))
    own = [link for link in found if path and (link == BY_PATH + path or link.startswith(f"{BY_PATH}{path}-port"))]
    return next(iter(own or found), "")


def _name(properties: Mapping[str, str], key: str) -> str:
    """A name as the device writes it (…_ENC has \\x20 for what udev would make an underscore)."""
    encoded = properties.get(f"{key}_ENC", "")
    if encoded:
        return printable(ESCAPE.sub(lambda found: chr(int(found[1], 16)), encoded))
    name = properties.get(key, "")
    return "" if HEX_ID.fullmatch(name) else printable(name.replace("_", " "))  # without a name, udev puts the id


def _serial(text: str) -> str:
    """As the device gives it, for it is compared: what cannot be printed is marked, not left out."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:MAX_TEXT])


def _hex_id(text: str) -> str:
    lower = text.lower()
    return lower if HEX_ID.fullmatch(lower) else ""


def printable(text: str) -> str:
    """Law 2."""
    return "".join(c for c in text if c.isprintable()).strip()[:MAX_TEXT]
