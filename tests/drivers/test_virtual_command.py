"""``python -m drivers.virtual`` says in two lines what it cannot do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    "words",
    [["present", "--control", "nope", "A", "B"], ["text", "--link", "no/port", "--control", "no/socket"]],
    ids=["present", "text"],
)
def test_a_path_that_leads_nowhere_is_an_error_with_advice(words: list[str], tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "drivers.virtual", *words], capture_output=True, text=True, timeout=30, check=False,
        cwd=tmp_path, env={"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "next"]
