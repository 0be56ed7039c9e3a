"""USB recordings: captures of whole transfers, played to the system's own libusb by umockdev (``--device recordings``).

The reader runs in a process of its own below umockdev, so the points of the contract that need a hand in between
cannot be shown here; the same driver shows them on the bench and on its traces.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.virtual.usb_capture import PLACE
from hil_tests.capabilities import Can
from tests.recordings.hid_keyboard.remake import CASES, FOLDER

BACKEND = "captures:hid_keyboard"
SCRIPT = Path(__file__).resolve().parents[1] / "tests" / "replay_keyboard.py"
WHY = "a capture plays its one document to libusb at its own pace"


@pytest.fixture
def played(request, case, summary):
    if shutil.which("umockdev-run") is None:
        summary.cannot(BACKEND, "it cannot be played: umockdev-run is not on PATH: install umockdev", request.node.name)
        pytest.skip("declared: umockdev-run is not on PATH: install umockdev")
    rows, typing = CASES[case]
    words = ["umockdev-run", "-d", str(FOLDER / "device"), "-p", f"/sys{PLACE}={FOLDER / case}.pcapng", "--"]
    words += [sys.executable, str(SCRIPT), "usb:1209:0001", typing.layout, str(len(rows))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    summary.ran(BACKEND, request.node.originalname)
    others = [can.value for can in Can if can is not Can.PRESENT]
    summary.cannot(BACKEND, f"{WHY}: it cannot {', '.join(others)}")
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", CASES)
def test_a_capture_is_read_whole(case, played):
    assert played["present"]
    assert [row for read in played["rows"] for row in read] == list(CASES[case][0])
    assert (played["garbled"], played["others"]) == (0, 0)
