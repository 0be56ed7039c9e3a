"""Two demos at once, and what others may have put into the folder for temporary files."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from demo import place


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_the_demo_that_opened_last_is_found_and_the_other_when_it_ends(temporary: Path) -> None:
    first, second = place.make(), place.make()
    assert first.parent == second.parent == temporary
    assert first.stat().st_mode & 0o777 == 0o700
    assert place.newest() is None
    with place.opened(first):
        os.utime(first / place.LOCK, (1, 1))
        assert place.newest() == first
        with place.opened(second):
            assert place.newest() == second
        assert place.newest() == first
    assert place.newest() is None


def test_what_is_no_folder_of_ours_is_passed_over(temporary: Path) -> None:
    other = temporary / "elsewhere"
    other.mkdir()
    (temporary / f"{place.prefix()}link").symlink_to(other)
    (temporary / f"{place.prefix()}file").write_text("")
    (temporary / f"{place.prefix()}dead").symlink_to("nowhere")
    folder = temporary / f"{place.prefix()}folder"
    (folder / place.LOCK).mkdir(parents=True)
    with place.opened(other):
        assert place.newest() is None
