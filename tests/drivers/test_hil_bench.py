"""The contract of hil_tests in every test run: all families on the virtual bench and on recordings.

On the bench frames are cut at every 29th byte and floods have 0.1 MB, because a pty gives a reader that rests between
reads about 0.2 MB a second; by hand it is every byte, and as many as --flood-mb says. Recordings take 10 MB here too.
"""

from __future__ import annotations

import re
import shutil

import pytest
from hil_kit import end, start

from drivers.catalog import DRIVERS
from drivers.virtual.control import VirtualReader
from hil_tests.capabilities import Can, missing
from hil_tests.rigs import SERIAL_CANNOT, USB_CANNOT, RealRig

BOUNDED = ("--flood-mb", "0.1", "--every", "29")


@pytest.fixture(scope="module")
def runs():
    """All families at once: they wait most of the time."""
    started = {driver: start("--device", f"virtual:{driver}", *BOUNDED) for driver in DRIVERS}
    yield started
    for run in started.values():
        if run.poll() is None:
            run.kill()
            run.wait()


@pytest.mark.parametrize("driver", list(DRIVERS))
def test_on_the_virtual_bench(runs, driver):
    said = end(runs[driver])
    ran = re.search(rf"virtual:{driver}: (\d+) points", said)
    assert ran is not None, said
    assert int(ran[1]) >= 20
    assert "failed" not in said
    assert "skipped" not in said


@pytest.mark.timeout(330)  # ten megabytes for each family, beside whatever else runs
def test_on_recordings():
    said = end(start("--device", "recordings"), limit_s=300.0)
    assert re.findall(r"recordings:(\w+): \d+ points", said) == list(DRIVERS)
    assert said.count("flood: 10.0 MB") == len(DRIVERS)
    assert "it cannot hold the port for one owner: a recording has no port (test_it_has_one_owner)" in said
    played = "3 points of the contract ran" if shutil.which("umockdev-run") else "umockdev-run is not on PATH"
    assert "captures:hid_keyboard: " in said
    assert played in said


@pytest.mark.parametrize("form", ["text={}", "text:{}", "text={},baud=19200,stx=02", "profile:cute-text={}"])
def test_a_device_is_named_as_a_person_writes_it(form, tmp_path):
    """A pty stands in for the device, and nobody for the person: only points without hands."""
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock", "text") as virtual:
        said = end(start("--device", form.format(virtual.link), "-k", "opens or owner or in_time or split"))
    assert "real:text: 3 points of the contract ran" in said
    assert "it cannot put chosen bytes on the line: a real device sends what it wants to" in said


def test_without_a_device_the_reason_is_said():
    assert "no device given: use --device virtual" in end(start())


def test_a_device_that_cannot_be_read_so_is_told():
    said = end(start("--device", "honeywel=/dev/ttyS0", "-k", "owner"), code=1)
    assert "write it as DRIVER=PORT" in said


def test_what_a_backend_cannot_do_is_said_in_words():
    for cannot in (RealRig.cannot, SERIAL_CANNOT, USB_CANNOT):
        assert all(cannot.values())
        assert set(cannot) < set(Can)
    assert missing((Can.PRESENT,), RealRig.cannot) == ""
    assert missing((Can.PRESENT, Can.FLOOD), RealRig.cannot).startswith("it cannot flood the line: a real device")
