"""What ports are called, and whether something is plugged in there."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import BadSetting
from drivers.transport import check, is_path, open_port, present
from drivers.transport.base import LineSettings
from drivers.transport.names import NetworkName, UsbIpName, UsbName, parse


@pytest.mark.parametrize(("port", "name"), [
    ("usb:1209:0001", UsbName(0x1209, 1)),
    ("usb:046a:00FF:SN 1/x", UsbName(0x046A, 0xFF, "SN 1/x")),
    ("usb:1209:0001@1-1.2", UsbName(0x1209, 1, place="1-1.2")),
    ("usb:1209:0001:A:B@3-1.4.2", UsbName(0x1209, 1, "A:B", "3-1.4.2")),
    ("usbip://127.0.0.1:3240/1-1", UsbIpName("127.0.0.1", 3240, "1-1")),
    ("usbip://[::1]:3240/2-1.4", UsbIpName("::1", 3240, "2-1.4")),
    ("socket://server.lan:4001", NetworkName("socket", "server.lan", 4001)),
    ("rfc2217://192.0.2.1:7001", NetworkName("rfc2217", "192.0.2.1", 7001)),
    ("/dev/serial/by-path/x:y", "/dev/serial/by-path/x:y"),
])
def test_a_good_name_is_taken_apart(port: str, name: object) -> None:
    assert parse(port) == name
    assert is_path(port) == isinstance(name, str)


@pytest.mark.parametrize(("port", "part"), [
    ("usb:", "vendor id ''"), ("usb:12:0001", "vendor id '12'"), ("usb:1209", "product id ''"),
    ("usb:1209:00x1", "product id '00x1'"), ("usb:1209:0001:", "0 characters"),
    ("usb:1209:0001@", "place ''"), ("usb:1209:0001@1", "place '1'"), ("usb:1209:0001@1-0", "place '1-0'"),
    ("usb:1209:0001:" + "s" * 127, "127 characters"),
    ("usbip://host/1-1", "'host' is not HOST:PORT"), ("usbip://host:1", "bus id ''"),
    ("usbip://host:70000/1-1", "70000 is not within"), ("usbip://host:1/" + "1" * 40, "bus id"),
    ("socket://host", "'host' is not HOST:PORT"), ("rfc2217://host:1?logging=debug", "is not HOST:PORT"),
    ("socket://user@host:1", "is not HOST:PORT"), ("socket://[::1", "is not HOST:PORT"),
    ("foo://x", "'foo' is no kind"), ("loop://", "'loop' is no kind"), ("SOCKET://host:1", "'SOCKET' is no kind"),
    ("socket:host:1", "'socket' is no kind"), ("USB:1209:0001", "'USB' is no kind"), ("/dev/x\0y", "NUL"),
])
def test_a_wrong_name_is_refused_with_what_is_wrong(port: str, part: str) -> None:
    for refuse in (check, parse, lambda name: open_port(name, LineSettings())):
        with pytest.raises(BadSetting) as caught:
            refuse(port)
        assert part in caught.value.message
        assert caught.value.key == "port"
        assert caught.value.advice


@given(st.text(max_size=60), st.sampled_from(["usb:", "usbip://", "socket://", "rfc2217://", ""]))
def test_no_text_does_anything_but_parse_or_be_refused(text: str, scheme: str) -> None:
    with contextlib.suppress(BadSetting):
        assert is_path(scheme + text) == isinstance(parse(scheme + text), str)
    assert present(scheme + text, usb_devices=Path("/nonexistent")) in (None, True, False)


def plug(folder: Path, place: str, vendor: str, product: str, serial: str | None = None) -> None:
    device = folder / place
    device.mkdir(parents=True)
    (device / "idVendor").write_text(vendor + "\n")
    (device / "idProduct").write_text(product + "\n")
    if serial is not None:
        (device / "serial").write_text(serial + "\n")


def test_sysfs_tells_what_is_plugged_in(tmp_path: Path) -> None:
    folder = tmp_path / "devices"
    assert present("usb:1209:0001", usb_devices=folder) is None  # no USB on this machine: only opening tells
    (folder / "1-0:1.0").mkdir(parents=True)  # an interface: it has no ids
    assert present("usb:1209:0001", usb_devices=folder) is False
    plug(folder, "1-1.2", "1209", "0001", "SN1")
    plug(folder, "2-1", "046a", "00ff")
    for port, there in [
        ("usb:1209:0001", True), ("usb:1209:0001:SN1", True), ("usb:1209:0001:SN2", False),
        ("usb:1209:0001@1-1.2", True), ("usb:1209:0001:SN1@1-1.2", True), ("usb:1209:0001@2-1", False),
        ("usb:1209:0001@3-1", False), ("usb:046A:00FF", True), ("usb:046a:00ff:X", False),
    ]:
        assert present(port, usb_devices=folder) is there, port


def test_present_of_other_ports(tmp_path: Path) -> None:
    (tmp_path / "reader").touch()
    assert present(str(tmp_path / "reader")) is True
    assert present(str(tmp_path / "other")) is False
    assert present("socket://192.0.2.1:1") is None
    assert present("usbip://192.0.2.1:1/1-1") is None
    assert present("usb:nonsense") is None
