"""The hardware tests stay runnable: on the virtual bench here, and skipped with a reason without a device."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def hil(*words: str) -> str:
    command = [sys.executable, "-m", "pytest", "hil_tests", "-q", "-p", "no:cacheprovider", *words]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_on_the_virtual_bench():
    said = hil("--device", "virtual")
    assert "14 passed" in said
    assert "skipped" not in said


def test_without_a_device_the_reason_is_said():
    assert "no device given: use --device virtual" in hil()
