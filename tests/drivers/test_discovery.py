"""What udev's properties mean: which devices could be readers, which name stays theirs, what a swap looks like."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Tier
from drivers.discovery import Plugged, differs, fitting, from_properties, identity, lines_for, names, suggestions
from drivers.discovery.identity import free_name, quoted
from drivers.discovery.plugged import MAX_TEXT
from drivers.profiles import Profile, load
from drivers.transport.names import UsbName, usb_name

PCI = "/devices/pci0000:00/0000:00:14.0/usb1"

# In the shape of Debian 12 (systemd 252); names and serial numbers invented.
CDC = {
    "SUBSYSTEM": "tty", "DEVNAME": "/dev/ttyACM0", "DEVPATH": f"{PCI}/1-1/1-1.2/1-1.2:1.0/tty/ttyACM0",
    "ID_BUS": "usb", "ID_VENDOR_ID": "2B78", "ID_MODEL_ID": "0005", "ID_SERIAL_SHORT": "IDB1077",
    "ID_VENDOR": "ELYCTIS", "ID_VENDOR_ENC": "ELYCTIS", "ID_MODEL": "ID_BOX_One", "ID_MODEL_ENC": "ID\\x20BOX\\x20One",
    "ID_SERIAL": "ELYCTIS_ID_BOX_One_IDB1077", "ID_PATH": "pci-0000:00:14.0-usb-0:1.2:1.0",
    "ID_USB_INTERFACE_NUM": "00", "ID_USB_DRIVER": "cdc_acm",
    "DEVLINKS": "/dev/serial/by-path/pci-0000:00:14.0-usbv2-0:1.2:1.0 "
                "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0 "
                "/dev/serial/by-id/usb-ELYCTIS_ID_BOX_One_IDB1077-if00",
}  # fmt: skip
WEDGE = {
    "SUBSYSTEM": "usb", "DEVTYPE": "usb_device", "DEVNAME": "/dev/bus/usb/001/009", "DEVPATH": f"{PCI}/1-3",
    "ID_BUS": "usb", "ID_VENDOR_ID": "0db5", "ID_MODEL_ID": "013a", "ID_SERIAL_SHORT": "", "ID_VENDOR": "0db5",
    "ID_MODEL": "Keyboard_Reader", "ID_USB_INTERFACES": ":030101:030000:",
}


def made(properties: dict[str, str], **more: str) -> Plugged:
    found = from_properties({**properties, **more})
    assert found is not None
    return found


def adapter(port: int, place: str = "1-4", serial: str = "FT9Z2K") -> Plugged:
    """One port of a four-port adapter: one USB interface each, or one interface with port numbers."""
    path = f"pci-0000:00:14.0-usb-0:{place[2:]}:1.0"
    return made(
        CDC, DEVNAME=f"/dev/ttyUSB{port}", DEVPATH=f"{PCI}/{place}/{place}:1.0/ttyUSB{port}/tty/ttyUSB{port}",
        ID_VENDOR_ID="110a", ID_MODEL_ID="1410", ID_SERIAL_SHORT=serial, ID_PATH=path,
        DEVLINKS=f"/dev/serial/by-id/usb-Moxa_UPort_{serial}-if00-port{port} /dev/serial/by-path/{path}-port{port}",
    )


def profile(name: str, driver: str = "text", *, usb: tuple[str, ...] = (), ports: tuple[str, ...] = (),
            shipped: bool = True) -> Profile:
    return Profile(name, name, driver, Tier.VIRTUAL, "invented", Path(name), shipped, usb=usb, ports=ports)


# what it is


def test_a_usb_serial_port_as_udev_describes_it():
    assert made(CDC) == Plugged(
        node="/dev/ttyACM0", subsystem="tty", vid="2b78", pid="0005", serial="IDB1077", manufacturer="ELYCTIS",
        product="ID BOX One", path_id="pci-0000:00:14.0-usb-0:1.2:1.0",
        by_id="/dev/serial/by-id/usb-ELYCTIS_ID_BOX_One_IDB1077-if00",
        by_path="/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0", usb_place="1-1.2", interface="00",
    )
    assert (made(CDC).usb_id, made(CDC).kind, made(CDC).title) == ("2b78:0005", "serial", "ELYCTIS ID BOX One")


def test_a_device_that_types():
    keys = made(WEDGE)
    assert (keys.kind, keys.usb_id, keys.usb_place, keys.place) == ("keyboard", "0db5:013a", "1-3", "1-3")
    assert (keys.manufacturer, keys.title) == ("", "Keyboard Reader")  # udev's 0db5 is no name


@pytest.mark.parametrize("change", [
    {"ID_USB_INTERFACES": ":030102:080650:"},  # a mouse and a disk
    {"ID_USB_INTERFACES": ""},
    {"DEVTYPE": "usb_interface"},
])
def test_what_does_not_type_is_no_keyboard(change):
    assert from_properties({**WEDGE, **change}) is None


def test_a_port_on_the_board_counts_if_it_has_a_chip():
    port = {"SUBSYSTEM": "tty", "DEVNAME": "/dev/ttyS0", "DEVPATH": "/devices/pnp0/00:05/tty/ttyS0"}
    assert from_properties(port, port_type="0") is from_properties(port) is None
    found = from_properties(port, port_type="4")  # 16550A
    assert found is not None
    assert (found.kind, found.usb_id, identity(found, []).port) == ("board", "", "/dev/ttyS0")
    assert from_properties({**port, "DEVNAME": "/dev/tty7"}, port_type="4") is None
    arm = from_properties({**port, "DEVNAME": "/dev/ttyAMA0"}, port_type="32")
    assert arm is not None
    assert identity(arm, []).port == "/dev/ttyAMA0"


@given(st.dictionaries(
    st.sampled_from([*CDC, *WEDGE]), st.one_of(st.text(max_size=300), st.sampled_from([*CDC.values(), *WEDGE.values()]))
))
def test_no_properties_are_too_odd_and_what_is_printed_is_printable(properties):
    found = from_properties(properties, port_type="4")
    if found is None:
        return
    shown = (found.manufacturer, found.product, found.serial, found.path_id, found.vid, found.pid)
    assert all(text.isprintable() and len(text) <= MAX_TEXT for text in shown)
    stable = identity(found, [found])
    assert lines_for(found, "text", stable).name in ("", "text")
    assert differs(found, "", "") == ""


# which name stays its own


def test_a_serial_number_of_its_own_is_the_identity():
    found = identity(made(CDC), [made(CDC)])
    assert found.port == "/dev/serial/by-id/usb-ELYCTIS_ID_BOX_One_IDB1077-if00"
    assert (found.serial, found.path) == ("IDB1077", "pci-0000:00:14.0-usb-0:1.2:1.0")


def test_two_with_the_same_serial_number_stay_apart_by_place():
    one = made(CDC)
    other = replace(one, node="/dev/ttyACM1", usb_place="1-1.3", by_path="/dev/serial/by-path/x:1.3")
    ports = {identity(p, [one, other]).port for p in (one, other)}
    assert ports == {one.by_path, other.by_path}
    assert "also that of another device" in identity(one, [one, other]).why
    assert identity(one, [one, replace(other, pid="0006")]).port == one.by_id  # another kind may count alike


def test_two_without_serial_numbers_stay_apart_by_place():
    one = made(CDC, ID_SERIAL_SHORT="")
    other = replace(one, node="/dev/ttyACM1", usb_place="1-1.3", by_path="/dev/serial/by-path/x:1.3")
    assert {identity(p, [one, other]).port for p in (one, other)} == {one.by_path, other.by_path}


@pytest.mark.parametrize("serial", [
    "", "0001", "0", "00000000", "0000:00:14.0", "12345678", "0123456789ABCDEF", "ffffffff", "None", "2b78", "0005",
    "2B780005", "ELYCTIS", "ID_BOX_One", "1234567890", "------",
])
def test_factory_values_are_no_identity(serial):
    found = identity(made(CDC, ID_SERIAL_SHORT=serial), [])
    assert found.port == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0"
    assert found.serial == ""
    assert "serial number" in found.why


def test_the_ports_of_one_adapter_are_kept_apart():
    four = [adapter(n) for n in range(4)]
    assert len({identity(p, four).port for p in four}) == 4
    assert {identity(p, four).port[-6:] for p in four} == {f"-port{n}" for n in range(4)}
    bare = [adapter(n, serial="0001") for n in range(4)]
    assert {identity(p, bare).port for p in bare} == {
        f"/dev/serial/by-path/pci-0000:00:14.0-usb-0:4:1.0-port{n}" for n in range(4)
    }


@given(st.sampled_from([CDC, WEDGE]), st.text(max_size=20), st.sampled_from(["", "0001", "SN 1", "a@b", "SN:1"]),
       st.booleans())
def test_the_order_of_plugging_is_never_an_identity(base, links, serial, keep_links):
    properties = {**base, "ID_SERIAL_SHORT": serial}
    if not keep_links and "DEVLINKS" in properties:
        properties["DEVLINKS"] = links
    plugged = from_properties(properties)
    assert plugged is not None
    port = identity(plugged, [plugged]).port
    assert "ttyACM" not in port
    assert "ttyUSB" not in port
    assert "/bus/usb" not in port
    if plugged.kind == "keyboard":
        assert isinstance(usb_name(port), UsbName)
        assert names(port, plugged)


def test_keyboards_are_named_by_ids_and_serial_number_or_place():
    assert identity(made(WEDGE), []).port == "usb:0db5:013a@1-3"
    own = made(WEDGE, ID_SERIAL_SHORT="AX-7")
    assert (identity(own, [own]).port, identity(own, [own]).path) == ("usb:0db5:013a:AX-7", "1-3")
    assert identity(made(WEDGE, ID_SERIAL_SHORT="A X"), []).port == "usb:0db5:013a@1-3"


SCANNER = {
    "SUBSYSTEM": "usb", "DEVTYPE": "usb_device", "DEVNAME": "/dev/bus/usb/001/050", "ID_BUS": "usb",
    "DEVPATH": "/devices/pci0000:00/0000:00:14.0/usb1/1-9", "ID_VENDOR_ID": "05ba", "ID_MODEL_ID": "000a",
    "ID_SERIAL_SHORT": "{FB0B9071-2E08}", "ID_PATH": "pci-0000:00:14.0-usb-0:9", "ID_USB_INTERFACES": ":ffffff:",
}


def test_a_fingerprint_scanner_is_known_by_its_ids():
    one = made(SCANNER)
    assert (one.kind, one.scanner_driver, one.usb_place) == ("scanner", "uru4000", "1-9")
    assert from_properties({**SCANNER, "ID_MODEL_ID": "ffff"}) is None
    assert made(CDC).scanner_driver == ""
    named = identity(one, [one])
    assert named.port == "usb:05ba:000a:{FB0B9071-2E08}"
    assert names(named.port, one)
    assert identity(made(SCANNER, ID_SERIAL_SHORT=""), []).port == "usb:05ba:000a@1-9"


def test_the_lines_of_a_scanner_name_its_driver():
    one = made(SCANNER)
    lines = lines_for(one, "uru4000", identity(one, [one]), taken=["uru4000"])
    assert lines.name == "uru4000-2"
    assert tomllib.loads(lines.text) == {"scanner": [{
        "name": "uru4000-2", "port": "usb:05ba:000a:{FB0B9071-2E08}", "driver": "uru4000",
        "serial": "{FB0B9071-2E08}", "path": "pci-0000:00:14.0-usb-0:9",
    }]}


def test_no_profile_of_a_reader_fits_a_scanner():
    one = made(SCANNER)
    assert fitting(one, load().values()) == []
    assert suggestions(one, load().values()) == []


def test_without_any_link_there_is_no_identity_and_it_is_said():
    bare = made(CDC, DEVLINKS="")
    found = identity(bare, [])
    assert found.port == ""
    assert "no name that stays" in found.why
    assert lines_for(bare, "text", found).text == ""


# which configured port means it


def test_a_configured_port_means_the_device_its_links_lead_to():
    plugged = made(CDC)
    for port in (plugged.by_id, plugged.by_path, plugged.node):
        assert names(port, plugged)
    assert names("/dev/passport", plugged, resolved="/dev/ttyACM0")
    assert not names("/dev/ttyACM1", plugged)
    assert not names("", plugged)
    keys = made(WEDGE, ID_SERIAL_SHORT="AX-7")
    for port in ("usb:0DB5:013A", "usb:0db5:013a:AX-7", "usb:0db5:013a@1-3", "usb:0db5:013a:AX-7@1-3"):
        assert names(port, keys)
        assert not names(port, plugged)
    for port in ("usb:0db5:013b", "usb:0db5:013a:AX-8", "usb:0db5:013a@1-4", "usb:", "usb:0db5", keys.node):
        assert not names(port, keys)


def test_a_link_that_two_devices_could_have_means_the_one_to_which_it_leads():
    one = made(CDC)
    twin = replace(one, node="/dev/ttyACM7", usb_place="1-1.3", by_path="/dev/serial/by-path/x:1.3")
    assert [names(one.by_id, plugged, twin.node) for plugged in (one, twin)] == [False, True]
    assert [names(one.by_path, plugged, one.node) for plugged in (one, twin)] == [True, False]
    assert [names(one.by_id, plugged, one.by_id) for plugged in (one, twin)] == [True, True]  # no link that leads on


# what a swap looks like


def test_a_swap_is_what_can_be_seen_of_it():
    seen = made(CDC)
    assert differs(seen, "", "") == ""
    assert differs(seen, "IDB1077", "pci-0000:00:14.0-usb-0:1.2:1.0") == ""
    assert differs(seen, "IDB1077", "1-1.2", ["2b78:*"]) == ""
    assert differs(seen, "IDB2", "") == "serial number IDB1077 is plugged in where IDB2 was set up"
    assert "without a serial number" in differs(replace(seen, serial=""), "IDB2", "")
    assert differs(seen, "IDB1077", "1-1.3") == (
        "it is plugged in at pci-0000:00:14.0-usb-0:1.2:1.0, and was set up at 1-1.3"
    )


def test_another_kind_of_device_is_a_swap_and_an_adapter_is_not():
    seen = made(CDC, ID_VENDOR_ID="0c2e", ID_MODEL_ID="0b61", ID_SERIAL_SHORT="")
    assert differs(seen, "", "", ["2b78:0005"]) == "a device 0c2e:0b61 is plugged in where 2b78:0005 was set up"
    assert differs(seen, "", "", ["2b78:0005", "0C2E:*"]) == ""
    assert differs(replace(seen, vid="0403", pid="6001"), "", "", ["2b78:0005"]) == ""  # a UART model on an adapter


def test_two_alike_without_serial_numbers_exchanged_cannot_be_noticed():
    one = made(CDC, ID_SERIAL_SHORT="")
    assert differs(one, identity(one, []).serial, identity(one, []).path) == ""


# which profile fits


def test_the_nearer_match_wins_and_only_what_the_driver_can_open():
    vendor, product = profile("a-vendor", usb=("2b78:*",)), profile("b-product", usb=("2B78:0005",))
    port = profile("c-port", ports=("/dev/serial/by-path/*-usb-0:1.2:*",))
    keys = profile("keys", "hid_keyboard", usb=("2b78:0005", "0db5:013a"))
    other = profile("other", usb=("2b78:0006", "0c2e:*"))
    everything = [vendor, product, port, keys, other, profile("general")]
    assert [fit.profile.name for fit in fitting(made(CDC), everything)] == ["c-port", "b-product", "a-vendor"]
    assert [fit.profile.name for fit in fitting(made(WEDGE), everything)] == ["keys"]


def test_a_port_is_named_by_its_place_never_by_the_order_of_plugging():
    numbered, board = profile("numbered", ports=("/dev/ttyACM*",)), profile("board", ports=("/dev/ttyS?",))
    own = replace(made(CDC), node="/dev/ttyS3", subsystem="tty", vid="", pid="", by_id="", by_path="", usb_place="")
    assert fitting(made(CDC), [numbered, board]) == []
    assert [fit.profile.name for fit in fitting(own, [numbered, board])] == ["board"]


def test_among_equals_the_technicians_own_comes_first():
    own, shipped = profile("z-own", usb=("2b78:0005",), shipped=False), profile("a", usb=("2b78:0005",))
    assert [fit.profile.name for fit in fitting(made(CDC), [shipped, own])] == ["z-own", "a"]


def test_what_no_profile_names_gets_the_general_ones_to_choose_from():
    everything = [profile("general"), profile("keys", "hid_keyboard"), profile("named", usb=("1234:0001",))]
    assert fitting(made(CDC), everything) == []
    assert [p.name for p in suggestions(made(CDC), everything)] == ["general"]
    assert [p.name for p in suggestions(made(WEDGE), everything)] == ["keys"]


# the lines


def test_the_lines_say_name_port_profile_serial_and_path():
    plugged = made(CDC)
    lines = lines_for(plugged, "elyctis-id-box", identity(plugged, [plugged]), taken=["elyctis-id-box"])
    assert lines.name == "elyctis-id-box-2"
    assert tomllib.loads(lines.text) == {"reader": [{
        "name": "elyctis-id-box-2", "port": plugged.by_id, "profile": "elyctis-id-box", "serial": "IDB1077",
        "path": "pci-0000:00:14.0-usb-0:1.2:1.0",
    }]}


@given(st.text(max_size=60).filter(str.isprintable))
def test_any_text_a_device_tells_stands_in_toml(text):
    plugged = replace(made(CDC), serial=text, product=text, by_id=f"/dev/serial/by-id/{text}")
    lines = lines_for(plugged, "text", identity(plugged, []))
    (table,) = tomllib.loads(lines.text)["reader"]
    assert table.get("serial", "") in (text, "")
    assert tomllib.loads(f"x = {quoted(text)}") == {"x": text}


@given(st.text(max_size=80), st.sets(st.sampled_from(["reader", "reader-2", "a", "a-2"])))
def test_a_suggested_name_is_free_and_fits(wish, taken):
    name = free_name(wish, taken)
    assert name not in taken
    assert 1 <= len(name) <= 40
    assert name.isascii()
