"""Captures of the virtual scanner, replayed to plain pyusb and the system's own libusb: every pixel is compared."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recordings.uru4000.remake import CASES, FOLDER, SEED, expected, files

from drivers.virtual.uru4000_device import MODELS
from drivers.virtual.usb_capture import PLACE

SCRIPT = Path(__file__).resolve().parents[1] / "replay_scanner.py"
replayed = pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev-run not on PATH: install umockdev")


def replay(case: str, port: str, seed: int, out: Path) -> dict[str, Any]:
    words = ["umockdev-run", "-d", str(FOLDER / f"{case}.device"), "-p", f"/sys{PLACE}={FOLDER / case}.pcapng", "--"]
    words += [sys.executable, str(SCRIPT), port, f"{seed:x}", str(out)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def port_of(case: str) -> str:
    model = MODELS[CASES[case][1].model]
    return f"usb:{model.vendor:04x}:{model.product:04x}"


@replayed
@pytest.mark.parametrize("case", CASES)
def test_uru4000_capture_gives_its_finger_through_libusb(case: str, tmp_path: Path) -> None:
    answer = replay(case, port_of(case), SEED, tmp_path / "pixels")
    assert (answer["size"], answer["captures"], answer["lifted"]) == ([384, 290], 1, True)
    assert answer["serial"] == "VIRTUAL-1"
    assert (tmp_path / "pixels").read_bytes() == expected(case)


@replayed
@pytest.mark.parametrize("more", [":VIRTUAL-1", "@1-1", ":VIRTUAL-1@1-1"])
def test_serial_number_and_place_find_it_through_libusb(more: str, tmp_path: Path) -> None:
    assert replay("4500", port_of("4500") + more, SEED, tmp_path / "pixels")["captures"] == 1


@replayed
@pytest.mark.parametrize("port", ["usb:05ba:000a:OTHER", "usb:05ba:000a@1-2", "usb:05ba:0007"])
def test_another_one_is_not_taken(port: str, tmp_path: Path) -> None:
    assert replay("4500", port, SEED, tmp_path / "pixels")["error"] == "DeviceGone"


def test_the_captures_are_those_that_the_code_makes() -> None:
    made = files()
    assert [name for name, content in made.items() if (FOLDER / name).read_bytes() != content] == []
    kept = {path.name for pattern in ("*.pcapng", "*.device") for path in FOLDER.glob(pattern)}
    assert kept == set(made)
