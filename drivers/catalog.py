"""Every driver there is, in one explicit table. No plug-in magic: what is not here does not exist."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.api import BadSetting, Clock, DriverMisuse, PassportReader, Tier
from drivers.fingers import FingerprintScanner
from drivers.transport import Through, directly

if TYPE_CHECKING:
    from drivers.profiles import Profile

NO_PORT = {"serial": "/dev/null", "usb": "usb:0000:0000"}  # stands for a port where only settings are checked


@dataclass(frozen=True, slots=True)
class DriverEntry:
    """One driver: what it is for, where its code is, how far it is proven, its devices' USB ids.

    ``bus`` says what kind of port it opens: ``serial`` (also over a terminal server) or ``usb``; ``tells_serial``
    whether its devices say their serial number over the line (``ReaderStatus.serial``).
    """

    title: str
    module: str
    tier: Tier
    bus: str = "serial"
    usb_ids: tuple[tuple[int, int], ...] = ()  # (vendor, product)
    tells_serial: bool = False


DRIVERS: dict[str, DriverEntry] = {
    "elyctis": DriverEntry(
        title="ELYCTIS ID BOX, USB CDC or UART",
        module="drivers.elyctis",
        tier=Tier.VIRTUAL,
        usb_ids=((0x2B78, 0x0005), (0x2B78, 0x0010)),  # CDC; keyboard and CDC
        tells_serial=True,
    ),
    "text": DriverEntry(
        title="text between STX and ETX (airline style), serial",
        module="drivers.text",
        tier=Tier.VIRTUAL,
    ),
    "honeywell": DriverEntry(
        title="OCR imagers with menu commands (Honeywell Xenon, Vuquest and kin), USB serial or RS-232",
        module="drivers.honeywell",
        tier=Tier.VIRTUAL,
        usb_ids=((0x0C2E, 0x0B61),),  # Vuquest 3310g
        tells_serial=True,
    ),
    "rte": DriverEntry(
        title='3M / Rochford Thompson RTE6700 family, "RTE Native" frames, serial',
        module="drivers.rte",
        tier=Tier.VIRTUAL,
    ),
    "est": DriverEntry(
        title="EST-100PR kiosk engines, JSON between STX and ETX, serial 256000 8O1",
        module="drivers.est",
        tier=Tier.VIRTUAL,
    ),
    "hid_keyboard": DriverEntry(
        title="readers that type like a USB keyboard (HID boot protocol)",
        module="drivers.hid_keyboard",
        tier=Tier.VIRTUAL,
        bus="usb",
    ),
}

SCANNERS: dict[str, DriverEntry] = {
    "uru4000": DriverEntry(
        title="DigitalPersona U.are.U 4000/4500 and Microsoft Fingerprint Reader, USB",
        module="drivers.uru4000",
        tier=Tier.RECORDED,
        bus="usb",
        usb_ids=(
            (0x05BA, 0x000A), (0x05BA, 0x0007), (0x05BA, 0x0008),
            (0x045E, 0x00BB), (0x045E, 0x00BC), (0x045E, 0x00BD), (0x045E, 0x00CA),
        ),
        tells_serial=True,
    ),
    "zfm": DriverEntry(
        title="ZhianTec ZFM, FPM10A, R30x, AS608, GROW R50x (EF01 frames), serial: four bits a pixel, slow",
        module="drivers.zfm",
        tier=Tier.VIRTUAL,
        tells_serial=True,
    ),
}


def open_reader(
    name: str, device_name: str, settings: Mapping[str, object], clock: Clock, *, through: Through = directly,
    tier: Tier | None = None, profile: str = "",
) -> PassportReader:
    """Make the reader ``device_name`` of driver ``name``; its port is opened by its own ``open()``.

    ``settings`` is the reader's table (``port = "/dev/..."`` and what the driver knows besides), ``clock``
    gives monotonic seconds, ``through`` wraps the port each time it is opened (a recorder, for one); ``tier``
    and ``profile`` are those of the profile that the settings came from, if one did.
    Raises DriverMisuse for an unknown driver, BadSetting for a wrong setting.
    """
    entry = DRIVERS.get(name)
    if entry is None:
        raise DriverMisuse(
            f"reader {device_name!r}: no driver is called {name!r}",
            advice=f"choose one of: {', '.join(DRIVERS)}",
        )
    family = importlib.import_module(entry.module)
    reader: PassportReader = family.build(device_name, settings, clock, tier or entry.tier, through, profile)
    return reader


def open_profiled(
    profile: Profile, device_name: str, port: str, overrides: Mapping[str, object], clock: Clock, *,
    through: Through = directly,
) -> PassportReader:
    """The reader ``device_name`` at ``port`` as its profile describes it; not yet open.

    ``overrides`` are the settings of edge.toml, which stand before the profile's. Raises BadSetting.
    """
    return open_reader(
        profile.driver, device_name, profile.settings_with(port, overrides), clock, through=through,
        tier=profile.tier, profile=profile.name,
    )


def check_settings(name: str, device_name: str, settings: Mapping[str, object]) -> None:
    """Have driver ``name`` judge ``settings`` (all but the port), opening nothing. Raises BadSetting."""
    entry = DRIVERS[name]
    open_reader(name, device_name, {**settings, "port": NO_PORT[entry.bus]}, lambda: 0.0)


def open_scanner(
    driver: str, device_name: str, settings: Mapping[str, object], clock: Clock, *, tier: Tier | None = None,
) -> FingerprintScanner:
    """Make the fingerprint scanner ``device_name`` of ``driver``; its port is opened by its own ``open()``.

    ``settings`` is the scanner's table (``port = "usb:..."`` and what the driver knows besides), ``clock`` gives
    monotonic seconds. Raises DriverMisuse for an unknown driver, BadSetting for a wrong setting.
    """
    entry = SCANNERS.get(driver)
    if entry is None:
        raise DriverMisuse(
            f"scanner {device_name!r}: no driver is called {driver!r}",
            advice=f"choose one of: {', '.join(SCANNERS)}",
        )
    port = str(settings.get("port", ""))
    if entry.bus == "serial" and port.lower().startswith(("usb:", "usbip:")):
        raise BadSetting(
            f"{device_name}: {port!r} is a USB port, and the scanners of {driver!r} are serial ones", key="port",
            advice="give /dev/serial/by-path/… or socket://ADDRESS:PORT, or the driver uru4000",
        )
    family = importlib.import_module(entry.module)
    scanner: FingerprintScanner = family.build(device_name, settings, clock, tier or entry.tier)
    return scanner


def check_scanner(driver: str, device_name: str, settings: Mapping[str, object]) -> None:
    """Have ``driver`` judge ``settings`` (all but the port), opening nothing. Raises DriverMisuse, BadSetting."""
    entry = SCANNERS.get(driver)
    open_scanner(driver, device_name, {**settings, "port": NO_PORT[entry.bus if entry else "usb"]}, lambda: 0.0)
