"""Recordings of real devices, replayed to plain pyusb and the system's own libusb: every pixel is compared.

They are libfprint's (LGPL-2.1+) and lie beside the project, never in it; what the device of this house's own emulator
recorded is in tests/recordings and replayed by test_uru4000_captures.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import shared_data

SCRIPT = Path(__file__).resolve().parents[1] / "replay_scanner.py"
SEED = "51ea2124"  # what libfprint takes where its tests replay a device
replayed = pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev-run not on PATH: install umockdev")


def replay(folder: Path, port: str, seed: str, out: Path, *more: str) -> dict[str, Any]:
    """What replay_scanner.py says of the recording in ``folder``."""
    device = folder / "device"
    place = device.read_text("utf-8").splitlines()[0].removeprefix("P: ")
    words = ["umockdev-run", "-d", str(device), "-p", f"/sys{place}={folder / 'capture.pcapng'}", "--"]
    words += [sys.executable, str(SCRIPT), port, seed, str(out), *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel cannot refuse writable and executable memory (6.3 and newer can)")
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def differing(folder: Path, pixels: bytes) -> int:
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed: pip install -r requirements.lock")
    with image.open(folder / "capture.png") as picture:
        wanted = picture.convert("L").tobytes()
    assert len(wanted) == len(pixels) == 384 * 290
    return sum(one != other for one, other in zip(wanted, pixels, strict=True))


@replayed
@pytest.mark.shared_data
def test_uru4000_4500_replay(tmp_path: Path) -> None:
    folder = shared_data.path("usb-recordings/uru4000-4500")
    answer = replay(folder, "usb:05ba:000a", SEED, tmp_path / "pixels")
    assert answer == {
        "size": [384, 290], "lifted": True, "firmware": "1000-1501", "captures": 1, "present": True,
        "serial": "{FB0B9071-2E08-7742-BC16-2FAA247CEF66}", "product": "DigitalPersona U.are.U 4000B/4500",
    }
    assert differing(folder, (tmp_path / "pixels").read_bytes()) == 0


@replayed
@pytest.mark.shared_data
def test_uru4000_msv2_replay(tmp_path: Path) -> None:
    folder = shared_data.path("usb-recordings/uru4000-msv2")
    answer = replay(folder, "usb:045e:00ca", SEED, tmp_path / "pixels")
    assert answer["product"] == "Microsoft Fingerprint Reader, second generation"
    assert (answer["captures"], answer["lifted"], answer["firmware"]) == (1, True, "5900-3400")
    assert differing(folder, (tmp_path / "pixels").read_bytes()) == 0


@replayed
@pytest.mark.shared_data
def test_uru4000_works_under_the_hardening_of_the_service(tmp_path: Path) -> None:
    folder = shared_data.path("usb-recordings/uru4000-4500")
    assert replay(folder, "usb:05ba:000a", SEED, tmp_path / "pixels", "hardened")["captures"] == 1
