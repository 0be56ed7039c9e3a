"""Makes the helpers in this folder importable and gives hypothesis one profile for every machine."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import settings

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1])]
settings.register_profile("project", deadline=None, derandomize=True, max_examples=200)
settings.load_profile("project")
