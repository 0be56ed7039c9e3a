"""The table of drivers, and settings that say what is wrong with them."""

from __future__ import annotations

import ast
import time
from pathlib import Path

import pytest

import drivers.virtual
from drivers.api import BadSetting, DeviceGone, DriverError, DriverMisuse, Tier
from drivers.catalog import DRIVERS, open_reader, open_scanner


@pytest.mark.parametrize("name", DRIVERS)
def test_every_driver_makes_a_reader(name):
    port = {"serial": "/nowhere", "usb": "usb:1209:0001@9-9"}[DRIVERS[name].bus]
    reader = open_reader(name, "north", {"port": port}, time.monotonic)
    status = reader.status()
    assert (reader.name, status.driver, status.tier, status.open) == ("north", name, Tier.VIRTUAL, False)
    with pytest.raises(DeviceGone, match="no such device") as caught:
        reader.open()
    assert "borderpost devices" in caught.value.advice
    with pytest.raises(DriverMisuse, match="not open"):
        reader.read(0)
    reader.close()


def test_the_elyctis_usb_ids():
    assert DRIVERS["elyctis"].usb_ids == ((0x2B78, 0x0005), (0x2B78, 0x0010))


def test_an_unknown_driver_is_named_with_those_there_are():
    with pytest.raises(DriverMisuse, match="'regula'") as caught:
        open_reader("regula", "north", {}, time.monotonic)
    assert "elyctis, text" in caught.value.advice


@pytest.mark.parametrize(("driver", "settings", "key"), [
    ("elyctis", {}, "port"),
    ("elyctis", {"port": ""}, "port"),
    ("elyctis", {"port": "/dev/x", "baud": "fast"}, "baud"),
    ("elyctis", {"port": "/dev/x", "baud": 1}, "baud"),
    ("elyctis", {"port": "/dev/x", "speed": 9600}, "speed"),
    ("elyctis", {"port": "/dev/x", "gap_s": 0}, "gap_s"),
    ("text", {"port": "/dev/x", "parity": "maybe"}, "parity"),
    ("text", {"port": "/dev/x", "stx": "2"}, "stx"),
    ("text", {"port": "/dev/x", "etx": "02"}, "etx"),
    ("text", {"port": "/dev/x", "device_start": "1B02"}, "device_start"),
    ("text", {"port": "/dev/x", "device_end": "xx"}, "device_end"),
    ("text", {"port": "/dev/x", "row_end": "tab"}, "row_end"),
    ("text", {"port": "/dev/x", "pad": "__"}, "pad"),
])
def test_a_wrong_setting_is_named(driver, settings, key):
    with pytest.raises(BadSetting) as caught:
        open_reader(driver, "north", settings, time.monotonic)
    assert caught.value.key == key
    assert "'north'" in caught.value.message
    assert key in caught.value.advice


def test_the_root_error_is_abstract():
    with pytest.raises(TypeError):
        DriverError("x", advice="y")


def test_the_emulators_share_nothing_with_the_codecs():
    """An emulator that imported code of ours would share its mistakes: it imports only itself."""
    files = list(Path(drivers.virtual.__file__).parent.glob("**/*.py"))
    assert len(files) >= 7
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            ours = [name for name in names if name.split(".")[0] == "drivers"]
            assert all(name.startswith("drivers.virtual") for name in ours), file


@pytest.mark.parametrize("port", [
    "socket://127.0.0.1", "socket://127.0.0.1:99999", "socket://[::1", "rfc2217://127.0.0.1:9?x=1", "usb:zz",
    "usb:1a2b", "usbip://127.0.0.1", "foo://x", "loop://", "/dev/x\0",
])
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_mistyped_port_is_refused_when_the_reader_is_made(driver, port):
    with pytest.raises(BadSetting) as caught:
        open_reader(driver, "north", {"port": port}, time.monotonic)
    assert caught.value.key == "port"
    assert caught.value.message.startswith(f"reader 'north': port {port!r}: ")
    assert caught.value.advice


@pytest.mark.parametrize("port", ["usb:05ba:000a", "USBIP://127.0.0.1:3240/1-1"])
def test_a_serial_scanner_has_no_usb_port(port: str) -> None:
    with pytest.raises(BadSetting, match="is a USB port, and the scanners of 'zfm' are serial ones") as said:
        open_scanner("zfm", "finger-1", {"port": port}, lambda: 0.0)
    assert (said.value.key, "uru4000" in said.value.advice) == ("port", True)
