"""A capture of a virtual device's transfers, as the kernel's usbmon would have taken it, and its device in words.

Laws, from Documentation/usb/usbmon.rst (binary form, 64-byte header) and draft-ietf-opsawg-pcapng:
1. The file is pcapng, little-endian, link type 220 (usbmon, memory-mapped). Each transfer is two packets: S (submitted,
   status -EINPROGRESS, data only if it goes out) and C (completed, data only if it came in), with the same id.
2. Time is counted, not taken: 10 ms a transfer from 2000-01-01, so that the same transfers give the same file.
3. The description is what ``umockdev-record`` would write of the device: its place in sysfs, its descriptors, and the
   properties udev gives it. The testbed shows what stands there and nothing else.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from drivers.virtual.usb_share import Exchange
from drivers.virtual.usb_side import LOW_SPEED, UsbSide

LINK_TYPE, BUS, DEVICE, PORT = 220, 1, 2, 1
PLACE = f"/devices/pci0000:00/0000:00:14.0/usb{BUS}/{BUS}-{PORT}"
INTERRUPT, CONTROL, BULK = 1, 2, 3
IN_PROGRESS = -115
START_S, STEP_US = 946_684_800, 10_000
HEADER = struct.Struct("<QBBBBHBBqiiII8siiII")


def block(kind: int, body: bytes) -> bytes:
    """One pcapng block."""
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)


def packet(body: bytes, time_us: int) -> bytes:
    """One enhanced packet block."""
    head = struct.pack("<IIIII", 0, time_us >> 32, time_us & 0xFFFF_FFFF, len(body), len(body))
    return block(6, head + body)


def event(exchange: Exchange, number: int, kind: str, time_us: int) -> bytes:
    """Law 1: one half of a transfer."""
    submitted = kind == "S"
    control = exchange.endpoint & 0x0F == 0
    data = exchange.out if submitted else exchange.data
    has_setup = submitted and control
    data_flag = 0 if data else ord("<") if exchange.endpoint & 0x80 else ord(">")
    return HEADER.pack(
        number, ord(kind), CONTROL if control else BULK if exchange.bulk else INTERRUPT, exchange.endpoint, DEVICE, BUS,
        0 if has_setup else ord("-"), data_flag, time_us // 1_000_000, time_us % 1_000_000,
        IN_PROGRESS if submitted else exchange.status, exchange.length if submitted else len(data), len(data),
        exchange.setup if has_setup else bytes(8), 0 if control or exchange.bulk else 8, 0, 0, 0,
    ) + data


def pcapng(exchanges: Sequence[Exchange], last: Exchange | None = None) -> bytes:
    """Transfers, in the order in which they ended, as a file.

    ``last`` was under way when the host went: it was submitted before the last of the others, and ended after it.
    """
    out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", LINK_TYPE, 0, 0))
    for number, exchange in enumerate(exchanges, 1):
        now = START_S * 1_000_000 + number * STEP_US
        if last is not None and number == len(exchanges):
            out += packet(event(last, number + 1, "S", now), now)
        out += packet(event(exchange, number, "S", now), now)
        out += packet(event(exchange, number, "C", now + STEP_US // 2), now + STEP_US // 2)
        if last is not None and number == len(exchanges):
            out += packet(event(last, number + 1, "C", now + STEP_US), now + STEP_US)
    return out


def description(side: UsbSide) -> str:
    """Law 3."""
    me = side.identity
    descriptors = (side.device_descriptor + side.configuration_descriptor).hex().upper()
    vendor, model = me.manufacturer.replace(" ", "_"), me.name.replace(" ", "_")
    properties = {
        "DEVNAME": f"/dev/bus/usb/{BUS:03}/{DEVICE:03}", "DEVTYPE": "usb_device", "DRIVER": "usb",
        "PRODUCT": f"{me.vendor:x}/{me.product:x}/100", "TYPE": "0/0/0", "BUSNUM": f"{BUS:03}",
        "DEVNUM": f"{DEVICE:03}", "MAJOR": "189", "MINOR": str(DEVICE - 1), "SUBSYSTEM": "usb", "ID_BUS": "usb",
        "ID_VENDOR": vendor, "ID_VENDOR_ID": f"{me.vendor:04x}", "ID_MODEL": model, "ID_MODEL_ID": f"{me.product:04x}",
        "ID_REVISION": "0100", "ID_SERIAL": f"{vendor}_{model}_{me.serial}", "ID_SERIAL_SHORT": me.serial,
        "ID_USB_INTERFACES": f":{bytes(side.interface).hex()}:", "ID_PATH": f"pci-0000:00:14.0-usb-0:{PORT}",
    }
    attributes = {
        "authorized": "1", "bConfigurationValue": "1", "bDeviceClass": "00", "bDeviceProtocol": "00",
        "bDeviceSubClass": "00", "bMaxPacketSize0": str(side.packet0), "bNumConfigurations": "1",
        "bNumInterfaces": " 1",
        "bcdDevice": "0100", "busnum": str(BUS), "dev": f"189:{DEVICE - 1}", "devnum": str(DEVICE),
        "devpath": str(PORT), "idProduct": f"{me.product:04x}", "idVendor": f"{me.vendor:04x}",
        "manufacturer": me.manufacturer, "maxchild": "0", "product": me.name, "serial": me.serial,
        "speed": "1.5" if side.speed == LOW_SPEED else "12", "version": " 2.00",
    }
    lines = [f"P: {PLACE}", f"N: bus/usb/{BUS:03}/{DEVICE:03}={descriptors}"]
    lines += [f"E: {key}={value}" for key, value in properties.items()]
    lines += [f"A: {key}={value}\\n" for key, value in sorted(attributes.items())]
    lines.append(f"H: descriptors={descriptors}")
    return "\n".join(lines) + "\n\n"
