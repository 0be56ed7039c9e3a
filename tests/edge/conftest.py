"""Fixtures of many tests in this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import journal_kit
import pytest

from edge.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """A started journal with nothing in it, at ``journal.sqlite`` in the test's folder."""
    made = journal_kit.journal(tmp_path / "journal.sqlite")
    made.start()
    yield made
    made.close()
