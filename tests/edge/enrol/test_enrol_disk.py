"""The object through which enrolment changes the disk: whole or not at all, at whatever step a process dies."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from enrol_deaths import DyingDisk, deaths, in_child

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.enrol.disk import Disk, disk_error, read


def test_a_file_is_written_with_its_mode_and_replaced(tmp_path: Path) -> None:
    place = tmp_path / "file"
    Disk().write(place, b"one")
    Disk().write(place, b"two", 0o640)
    assert place.read_bytes() == b"two"
    assert stat.S_IMODE(place.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [place]


def test_a_death_at_any_step_of_a_write_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    place = tmp_path / "file"
    for step in deaths(lambda disk: disk.write(place, b"new" * 5000)):
        place.write_bytes(b"old")
        assert in_child(lambda at=step: DyingDisk(at).write(place, b"new" * 5000)) == DyingDisk.CODE
        assert place.read_bytes() in (b"old", b"new" * 5000)
        Disk().write(place, b"new" * 5000)
        assert place.read_bytes() == b"new" * 5000
        assert list(tmp_path.iterdir()) == [place]


def test_a_death_at_any_step_of_a_folder_leaves_the_whole_of_it_or_nothing(tmp_path: Path) -> None:
    files = {"a": b"1", "b/c": b"2", "b/d": b"3"}
    count = 0
    for step in deaths(lambda disk: disk.write_tree(tmp_path / "measure", files)):
        folder = tmp_path / f"at-{step}"
        assert in_child(lambda at=step, to=folder: DyingDisk(at).write_tree(to, files)) == DyingDisk.CODE
        if not folder.exists():
            Disk().write_tree(folder, files)
        assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == files
        count += 1
    assert count >= 7


def test_a_death_at_any_step_of_a_link_leaves_it_leading_somewhere(tmp_path: Path) -> None:
    link = tmp_path / "current"
    for step in deaths(lambda disk: disk.point(tmp_path / "measure", "2")):
        Disk().point(link, "1")
        assert in_child(lambda at=step: DyingDisk(at).point(link, "2")) == DyingDisk.CODE
        assert str(link.readlink()) in ("1", "2")
        Disk().point(link, "2")
        assert str(link.readlink()) == "2"


def test_a_tree_is_removed_without_following_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"stays")
    inside = tmp_path / "inside"
    (inside / "deep").mkdir(parents=True)
    (inside / "deep" / "link").symlink_to(outside)
    Disk().remove_tree(inside)
    Disk().remove_tree(inside)
    assert not inside.exists()
    assert (outside / "file").read_bytes() == b"stays"


def test_what_is_shredded_was_overwritten_where_it_lay(tmp_path: Path) -> None:
    place, witness = tmp_path / "secret", tmp_path / "witness"
    place.write_bytes(b"secret!!" * 4)
    os.link(place, witness)  # the same blocks under another name
    Disk().shred(place)
    Disk().shred(place)
    assert not place.exists()
    assert len(witness.read_bytes()) == 32
    assert b"secret!!" not in witness.read_bytes()


def test_a_file_above_its_limit_is_refused_and_an_absent_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"12345")
    assert read(tmp_path / "big", 5) == b"12345"
    assert read(tmp_path / "none", 5) is None
    with pytest.raises(ProvisioningError) as refused:
        read(tmp_path / "big", 4)
    assert refused.value.code is Code.TOO_LARGE_PAPER


def test_a_full_disk_has_another_code_than_a_broken_one() -> None:
    assert disk_error(OSError(28, "No space left on device")).code is Code.DISK_FULL
    assert disk_error(OSError(5, "Input/output error")).code is Code.DISK_ERROR
