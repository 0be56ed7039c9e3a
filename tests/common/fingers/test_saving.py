"""A file with a finger in it: whole or not at all, for its owner alone, never over another."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from common.fingers.saving import check_free, save
from edge.core.fingerprints.model import FingerError


def test_it_is_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save(tmp_path / "a", b"finger", replace=False)
    finally:
        os.umask(before)
    assert (tmp_path / "a").read_bytes() == b"finger"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_is_there_stays_unless_replacing_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    for refuse in (lambda: check_free(path, replace=False), lambda: save(path, b"new", replace=False)):
        with pytest.raises(FingerError, match="is there already") as raised:
            refuse()
        assert "--force" in raised.value.advice
    assert path.read_bytes() == b"old"
    save(path, b"new", replace=True)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_that_leads_nowhere_counts_as_there_and_is_replaced_itself(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FingerError, match="is there already"):
        save(tmp_path / "a", b"new", replace=False)
    save(tmp_path / "a", b"new", replace=True)
    assert not (tmp_path / "a").is_symlink()
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_that_comes_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    sync = os.fsync

    def other_comes(handle: int) -> None:
        path.write_bytes(b"other")
        sync(handle)

    monkeypatch.setattr(os, "fsync", other_comes)
    with pytest.raises(FingerError, match="is there already"):
        save(path, b"mine", replace=False)
    assert path.read_bytes() == b"other"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_disk_without_links_is_written_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    save(tmp_path / "a", b"finger", replace=False)
    assert (tmp_path / "a").read_bytes() == b"finger"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(FingerError, match="No space left") as raised:
        save(tmp_path / "a", b"finger", replace=False)
    assert "free space" in raised.value.advice
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FingerError, match="cannot be written"):
        save(tmp_path / "none" / "a", b"x", replace=False)
