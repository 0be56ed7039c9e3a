"""Fixtures of many tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker_world import World


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What is entered or given back to it is ended when the test is over, last first."""
    with ExitStack() as made:
        yield made


@pytest.fixture
def world(tmp_path: Path, stack: ExitStack) -> World:
    """Room for a broker, a headquarters and posts; none is started."""
    return World(tmp_path, stack)
