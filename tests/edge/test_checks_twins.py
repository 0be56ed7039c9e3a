"""What `borderpost doctor` says of a port whose name two devices bear."""

from __future__ import annotations

from dataclasses import replace

from drivers.discovery import Plugged
from edge.checks import Grade
from edge.checks_twins import twins
from edge.config import ReaderConfig

BY_ID = "/dev/serial/by-id/usb-A_READER_SN7-if00-port0"
ONE = Plugged(
    "/dev/ttyUSB0", "tty", vid="0403", pid="6001", serial="SN7", path_id="pci-0000:00:06.0-usb-0:5:1.0", by_id=BY_ID,
    by_path="/dev/serial/by-path/pci-0000:00:06.0-usb-0:5:1.0-port0", usb_place="1-5",
)
TWIN = replace(
    ONE, node="/dev/ttyUSB1", path_id="pci-0000:00:06.0-usb-0:6:1.0", usb_place="1-6",
    by_path="/dev/serial/by-path/pci-0000:00:06.0-usb-0:6:1.0-port0",
)


def reader(port: str) -> ReaderConfig:
    return ReaderConfig(name="page-1", port=port, driver="text")


def test_a_name_that_two_devices_bear_is_told_with_both_places() -> None:
    (check,) = twins([reader(BY_ID)], [ONE, TWIN])
    assert (check.name, check.grade) == ("reader page-1", Grade.WARNING)
    assert ONE.place in check.found
    assert TWIN.place in check.found
    assert "serial number SN7 is also that of another device here" in check.found
    assert "borderpost devices" in check.advice


def test_one_device_of_that_name_and_a_port_by_its_place_are_well() -> None:
    assert not list(twins([reader(BY_ID)], [ONE]))
    assert not list(twins([reader(ONE.by_path), reader(TWIN.by_path)], [ONE, TWIN]))
    other = replace(TWIN, serial="SN8", by_id=BY_ID.replace("SN7", "SN8"))
    assert not list(twins([reader(BY_ID)], [ONE, other]))
    ports_of_one = replace(ONE, node="/dev/ttyUSB1", interface="01", by_id=BY_ID.replace("if00", "if01"))
    assert not list(twins([reader(BY_ID)], [ONE, ports_of_one]))
