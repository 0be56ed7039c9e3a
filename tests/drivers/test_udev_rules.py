"""The udev rules: their syntax, their ids against the shipped profiles, and what they do to a device's events."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from drivers import profiles
from drivers.catalog import SCANNERS

RULES = Path(__file__).resolve().parents[2] / "systemd" / "60-borderpost-readers.rules"
TOKEN = re.compile(r'([A-Z]+)(?:\{([^}]+)\})?(==|!=|\+=|-=|:=|=)"([^"]*)"')
# man 7 udev: what may be compared, and what may be assigned
MATCHED = {"ACTION", "SUBSYSTEM", "DRIVER", "KERNEL", "ENV", "ATTR", "ATTRS"}
ASSIGNED = {
    "ENV": "=", "ATTR": "=", "GROUP": "=", "MODE": "=", "GOTO": "=", "LABEL": "=", "IMPORT": "=", "RUN": "+=",
}
KEYBOARDS_BESIDES = {"2b78:0010"}  # ELYCTIS in its mode "HID keyboard and CDC"


def rules() -> list[list[tuple[str, str, str, str]]]:
    """Each rule as (key, attribute, operator, value); every character of it must be part of a token."""
    found = []
    for line in RULES.read_text("ascii").splitlines():
        if line.strip() and not line.startswith("#"):
            tokens = TOKEN.findall(line)
            assert TOKEN.sub("", line).replace(", ", "") == "", line
            assert line.count(", ") >= len(tokens) - 1, line
            found.append(tokens)
    return found


def is_match(operator: str) -> bool:
    return operator in ("==", "!=")


def test_every_key_is_one_of_udev_with_an_operator_it_takes() -> None:
    assert len(rules()) > 10
    for rule in rules():
        for key, attribute, operator, value in rule:
            if is_match(operator):
                assert key in MATCHED, (key, operator)
                assert value, rule
            else:
                assert ASSIGNED[key] == operator, (key, operator)
            assert bool(attribute) == (key in ("ENV", "ATTR", "ATTRS", "IMPORT")), rule


def test_every_jump_goes_forward_to_a_label_that_is_there() -> None:
    labels = {value: at for at, rule in enumerate(rules()) for key, _, _, value in rule if key == "LABEL"}
    jumps = [(value, at) for at, rule in enumerate(rules()) for key, _, _, value in rule if key == "GOTO"]
    assert {value for value, _ in jumps} == set(labels)
    assert all(at < labels[value] for value, at in jumps)


def test_udev_itself_takes_them() -> None:
    udevadm = shutil.which("udevadm")
    if udevadm is None:
        pytest.skip("udevadm not on PATH")
    done = subprocess.run([udevadm, "verify", str(RULES)], capture_output=True, text=True, timeout=30, check=False)
    if "Unknown command verb" in done.stderr:
        pytest.skip("this udevadm has no verify (systemd 254 and newer have)")
    assert done.returncode == 0, done.stdout + done.stderr


def ids_with(property_name: str) -> set[str]:
    found = set()
    for rule in rules():
        fields = {attribute: value for _, attribute, _, value in rule}
        if "idVendor" in fields and fields.get(property_name) == "1":
            found.add(f"{fields['idVendor']}:{fields['idProduct']}")
    return found


def test_the_ids_are_those_of_the_shipped_profiles() -> None:
    shipped = profiles.load()
    assert len(shipped) > 5
    typing = {one for profile in shipped.values() if profile.driver == "hid_keyboard" for one in usb_of(profile)}
    others = {one for profile in shipped.values() if profile.driver != "hid_keyboard" for one in usb_of(profile)}
    assert typing
    assert ids_with("BORDERPOST_KEYBOARD") == typing | KEYBOARDS_BESIDES
    assert others >= KEYBOARDS_BESIDES
    assert ids_with("BORDERPOST_READER") == typing | others | ids_with("BORDERPOST_SCANNER")


def test_the_ids_of_scanners_are_those_of_the_catalogue() -> None:
    known = {f"{vendor:04x}:{product:04x}" for entry in SCANNERS.values() for vendor, product in entry.usb_ids}
    assert len(known) > 5
    assert ids_with("BORDERPOST_SCANNER") == known


def test_a_scanner_belongs_to_the_daemon_and_does_not_sleep() -> None:
    scanner = device("05ba", "000a")
    assert (scanner["GROUP"], scanner["MODE"]) == ("borderpost", "0660")
    assert scanner["ATTR{power/control}"] == "on"
    assert "RUN" not in interface(scanner, "usbhid")  # the keyboard that holds it stays one


def usb_of(profile: profiles.Profile) -> set[str]:
    return {one.lower() for one in profile.usb}


# What the rules do: a small reading of them, in udev's order, for the few keys that they use.

def run(event: dict[str, str], attributes: dict[str, str], parent: dict[str, str]) -> dict[str, str]:
    """One event through the rules: its properties and assignments afterwards. ``event`` has ACTION, SUBSYSTEM, …"""
    properties, done, skip_to = dict(event), dict[str, str](), ""
    for rule in rules():
        if skip_to:
            if ("LABEL", "", "=", skip_to) not in rule:
                continue
            skip_to = ""
        if not all(fits(token, properties, attributes) for token in rule if is_match(token[2])):
            continue
        for key, attribute, operator, value in rule:
            if is_match(operator):
                continue
            if key == "ENV":
                properties[attribute] = value
            elif key == "IMPORT":
                properties |= {name: text for name, text in parent.items() if fnmatch.fnmatchcase(name, value)}
            elif key == "GOTO":
                skip_to = value
            elif key != "LABEL":
                done[f"{key}{{{attribute}}}" if attribute else key] = value
    return properties | done


def fits(token: tuple[str, str, str, str], properties: dict[str, str], attributes: dict[str, str]) -> bool:
    key, attribute, operator, value = token
    have = attributes.get(attribute, "") if key == "ATTR" else properties.get(attribute or key, "")
    return any(fnmatch.fnmatchcase(have, one) for one in value.split("|")) == (operator == "==")


def device(vendor: str, product: str, action: str = "add") -> dict[str, str]:
    event = {"ACTION": action, "SUBSYSTEM": "usb", "DEVTYPE": "usb_device", "DRIVER": "usb"}
    return run(event, {"idVendor": vendor, "idProduct": product}, {})


def interface(parent: dict[str, str], driver: str, action: str = "bind") -> dict[str, str]:
    return run({"ACTION": action, "SUBSYSTEM": "usb", "DEVTYPE": "usb_interface", "DRIVER": driver}, {}, parent)


@pytest.mark.parametrize("action", ["add", "bind", "change"])
def test_what_types_is_taken_from_the_console(action: str) -> None:
    reader = device("0db5", "013a", action)
    assert (reader["GROUP"], reader["MODE"]) == ("borderpost", "0660")
    assert reader["ATTR{power/control}"] == "on"
    taken = interface(reader, "usbhid", action)
    assert taken["RUN"] == "/bin/sh -c 'echo $kernel > /sys/bus/usb/drivers/usbhid/unbind'"
    hid = run({"ACTION": "add", "SUBSYSTEM": "hid"}, {}, taken)
    keys = run({"ACTION": "add", "SUBSYSTEM": "input"}, {}, hid)
    assert keys["LIBINPUT_IGNORE_DEVICE"] == "1"


def test_only_the_keyboard_of_a_reader_is_unbound() -> None:
    reader = device("2b78", "0010")
    assert "RUN" in interface(reader, "usbhid")
    for driver in ("cdc_acm", ""):
        assert "RUN" not in interface(reader, driver)
    assert "RUN" not in interface(reader, "usbhid", "remove")


def test_serial_readers_are_left_alone_by_others_and_their_rights_unchanged() -> None:
    for vendor, product in (("2b78", "0005"), ("0c2e", "0b61"), ("0c2e", "1234")):
        reader = device(vendor, product)
        assert reader["ID_MM_DEVICE_IGNORE"] == "1"
        assert "GROUP" not in reader
        assert "RUN" not in interface(reader, "usbhid")


@pytest.mark.parametrize(("vendor", "product"), [("046d", "c31c"), ("1209", "0001"), ("2b78", "0011")])
def test_another_keyboard_stays_a_keyboard(vendor: str, product: str) -> None:
    other = device(vendor, product)
    assert not [key for key in other if key.startswith("BORDERPOST") or key in ("GROUP", "MODE")]
    plain = interface(other, "usbhid")
    assert "RUN" not in plain
    assert "LIBINPUT_IGNORE_DEVICE" not in run({"ACTION": "add", "SUBSYSTEM": "input"}, {}, plain)


def test_a_reader_added_by_a_technician_is_treated_alike() -> None:
    event = {"ACTION": "add", "SUBSYSTEM": "usb", "DEVTYPE": "usb_device", "BORDERPOST_READER": "1",
             "BORDERPOST_KEYBOARD": "1"}
    reader = run(event, {"idVendor": "1209", "idProduct": "0001"}, {})
    assert reader["GROUP"] == "borderpost"
    assert "RUN" in interface(reader, "usbhid")
