"""Whether what a person asked of a run can be done at all: said before minutes of building, in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hil_tests.bench.report import ROOT
from hil_tests.bench.ssh import SshTarget, parse
from hil_tests.bench.target import TargetError

COLLECT_S = 120.0


def no_file(path: Path | None) -> str:
    """Why the summary could not be written there; empty if it could."""
    if path is None:
        return ""
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        return f"--json {path}: {folder} is no folder that can be written to" if not path.is_dir() else (
            f"--json {path}: that is a folder, name a file")
    return ""


def no_tests(words: Sequence[str]) -> str:
    """Why pytest, called with these words, would run nothing; empty if it would, or if a file cannot be read (that is
    told by the run, with its reason)."""
    command = [sys.executable, "-m", "pytest", *words, "--collect-only", "-q"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=COLLECT_S, check=False,
                              stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return f"the tests could not be listed within {COLLECT_S:.0f} s"
    if done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED:
        return "no test fits that (`--collect-only -q` lists them; long ones run with make bench-long)"
    if done.returncode == pytest.ExitCode.USAGE_ERROR:
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if "rror:" in line or "ERROR" in line]
        return said[-1] if said else "pytest does not know these words: see `--help`"
    return ""


def no_box(target: str) -> str:
    """Why the box behind ``--target`` cannot be reached; empty if it can."""
    try:
        with SshTarget(parse(target.removeprefix("ssh:"))) as box:
            box.run("true")
    except (TargetError, ValueError) as error:
        return str(error)
    return ""
