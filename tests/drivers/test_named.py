"""Devices as a person names them on a command line."""

from __future__ import annotations

import pytest

from drivers.api import BadSetting, DriverMisuse, Tier
from drivers.named import parse_device
from drivers.profiles import load

BY_PATH = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0"


@pytest.mark.parametrize("mark", ["=", ":"])
def test_a_driver_and_a_port(mark):
    named = parse_device(f"elyctis{mark}{BY_PATH}")
    assert (named.driver, named.settings) == ("elyctis", {"port": BY_PATH})


@pytest.mark.parametrize("port", ["socket://10.0.0.7:4001", "usb:1209:0001:A=1@1-2", "usbip://127.0.0.1:3240/1-1"])
def test_ports_with_marks_of_their_own(port):
    assert parse_device(f"hid_keyboard={port}").port == port
    assert parse_device(f"hid_keyboard:{port}").port == port


def test_settings_have_the_type_that_the_driver_wants():
    named = parse_device(f"text={BY_PATH},baud=19200,stx=02,gap_s=0.5,parity=E")
    assert named.settings == {"port": BY_PATH, "baud": 19200, "stx": "02", "gap_s": 0.5, "parity": "E"}
    assert named.reader("x", lambda: 0.0).status().driver == "text"


def test_a_wrong_setting_is_named_by_the_driver():
    with pytest.raises(BadSetting) as caught:
        parse_device(f"text={BY_PATH},baud=fast").reader("x", lambda: 0.0)
    assert caught.value.key == "baud"


def test_a_profile():
    name = next(name for name, profile in load().items() if profile.driver == "honeywell")
    named = parse_device(f"profile:{name}={BY_PATH}")
    assert (named.driver, named.profile, named.port, named.tier) == ("honeywell", name, BY_PATH, Tier.VIRTUAL)
    assert named.title


@pytest.mark.parametrize("text", ["", "elyctis", "elyctic=/dev/x", "profile:none", "profile:=x", "profile:none=/dev/x"])
def test_what_names_no_device_says_how_to_write_one(text):
    with pytest.raises(DriverMisuse) as caught:
        parse_device(text)
    assert caught.value.advice
