"""Where the shared inputs lie: beside the project, never in it. Tests that need one skip where it is absent."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1].parent / "shared" / "data"


def path(name: str) -> Path:
    """The file ``name`` below the shared data folder, or skip the test."""
    found = ROOT / name
    if not found.exists():
        pytest.skip(f"shared data is not beside the project: {name}")
    return found
