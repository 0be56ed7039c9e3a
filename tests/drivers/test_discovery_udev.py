"""Discovery against udev itself, played by umockdev (udev_world.py is the child that runs inside)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from drivers import discovery

WORLD = Path(__file__).resolve().parents[1] / "udev_world.py"


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    wrapper = shutil.which("umockdev-wrapper")
    if wrapper is None:
        pytest.skip("umockdev is not on PATH")
    words = [wrapper, sys.executable, str(WORLD)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def nodes(told: dict[str, Any], step: str) -> list[str]:
    return [seen["node"] for seen in told[step]["seen"]]


def test_what_was_plugged_in_before_the_monitor_ran_is_heard(told):
    assert (told["available"], told["why"]) == (True, "")
    assert told["missed nothing"]


def test_devices_appear_with_their_identity_as_they_are_plugged_in(told):
    assert told["second"]["heard"]
    first, second = told["second"]["seen"]
    assert (first["node"], first["serial"], first["usb_place"]) == ("/dev/ttyACM0", "SN1", "1-1.2")
    assert first["by_id"] == "/dev/serial/by-id/usb-Maker_Reader_SN1-if00"
    assert (second["serial"], second["path_id"]) == ("", "pci-0000:00:14.0-usb-0:1.3:1.0")
    assert second["by_path"] == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.3:1.0"


def test_where_udev_has_not_been_the_device_itself_is_asked(told):
    keys = next(p for p in told["keys"]["seen"] if p["subsystem"] == "usb")
    assert (keys["vid"], keys["pid"], keys["serial"], keys["usb_place"]) == ("046a", "0001", "KB 1", "1-2")
    bare = next(p for p in told["bare"]["seen"] if p["node"] == "/dev/ttyACM2")
    assert (bare["vid"], bare["pid"], bare["serial"], bare["by_path"]) == ("0c2e", "0b61", "H7", "")


def test_a_burst_of_events_is_one_call(told):
    assert told["burst"]["heard"]
    assert told["calls for the burst"] == 1


@pytest.mark.parametrize("action", ["bind", "unbind", "move", "change"])
def test_every_action_leads_to_a_look(told, action):
    assert told[action]["heard"]


def test_what_is_behind_a_configured_port(told):
    seen = told["seen at"]
    assert seen["/dev/ttyACM0"]["serial"] == "SN1"
    assert seen["/dev/ttyACM1"]["path_id"] == "pci-0000:00:14.0-usb-0:1.3:1.0"
    assert seen["usb:046a:0001"] == seen["usb:046a:0001@1-2"]
    assert seen["usb:046a:0001"]["product"] == "Wedge"
    assert [port for port, one in seen.items() if one is None] == [
        "usb:046a:0001@1-9", "/dev/ttyACM9", "socket://127.0.0.1:1", "usb:nonsense", "/dev/null"
    ]


def test_a_removed_port_is_heard_and_gone(told):
    assert told["gone"]["heard"]
    assert "/dev/ttyACM0" in nodes(told, "change")
    assert "/dev/ttyACM0" not in nodes(told, "gone")
    assert told["ended"]


@pytest.mark.parametrize("port", ["", "/dev/pts/0", "/dev", "\x00", "/proc/self/fd/999", "usb:", "usb:1:2@", "usbip://"])
def test_a_port_that_means_nothing_is_nothing(port):
    assert discovery.seen_at(port) is None


def test_a_circle_of_links_is_nothing(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert discovery.seen_at(str(tmp_path / "a")) is None
