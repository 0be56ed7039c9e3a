"""Runs ``pytest hil_tests`` as a person does: a process of its own, and what it said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pytest", "hil_tests", "-q", "-p", "no:cacheprovider", *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def end(run: subprocess.Popen[str], *, code: int = 0, limit_s: float = 110.0) -> str:
    said, _ = run.communicate(timeout=limit_s)
    assert run.returncode == code, said
    return said
