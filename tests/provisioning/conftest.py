"""One country a session, one copy of it a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from authority_kit import Desk, copy_country, make_country


@pytest.fixture(scope="session")
def made_country(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return make_country(tmp_path_factory.mktemp("made"))


@pytest.fixture
def desk(made_country: Desk, tmp_path: Path) -> Desk:
    return copy_country(made_country, tmp_path)
