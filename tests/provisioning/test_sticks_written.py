"""Headquarters' side of a stick: nothing outside its folder, the old paper or the new one, next steps that help."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from authority_kit import Desk, enrol, prov

from provisioning import files
from provisioning.errors import StickError
from provisioning.stick_tree import MAX_BOXES, StickTree, read_request


def test_only_the_folder_of_papers_is_written(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"picture")
    StickTree(tmp_path).write("claim", "here.claim", b"1")
    StickTree(tmp_path).write("claim", "here.claim", b"2")
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        "BORDERPOST", "BORDERPOST/claim", "BORDERPOST/claim/here.claim", "holiday.jpg",
    ]  # fmt: skip
    assert (tmp_path / "BORDERPOST" / "claim" / "here.claim").read_bytes() == b"2"


@pytest.mark.parametrize("where", ["BORDERPOST", "BORDERPOST/claim", "BORDERPOST/claim/here.claim"])
def test_a_link_on_the_stick_leads_nowhere(tmp_path: Path, where: str) -> None:
    stick, elsewhere = tmp_path / "stick", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (stick / where).parent.mkdir(parents=True)
    (stick / where).symlink_to(elsewhere)
    with pytest.raises(StickError, match=r"is no folder|is a link"):
        StickTree(stick).write("claim", "here.claim", b"1")
    assert list(elsewhere.iterdir()) == []


def test_a_file_in_the_folder_s_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "BORDERPOST").write_bytes(b"")
    with pytest.raises(StickError, match="is no folder"):
        StickTree(tmp_path).write("claim", "here.claim", b"1")
    with pytest.raises(StickError, match="no folder"):
        StickTree(tmp_path / "nowhere").write("claim", "here.claim", b"1")


@pytest.mark.parametrize(("number", "advice"), [
    (errno.ENOSPC, "make room on the stick"), (errno.EROFS, "write protection"), (errno.EIO, "take another stick"),
])  # fmt: skip
def test_a_stick_that_fails_leaves_the_old_paper_and_the_number_kept(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
) -> None:
    stick = tmp_path / "stick"
    box, _ = enrol(desk, stick)
    before, real = prov(stick, box), files.write_new

    def full(path: Path, data: bytes, mode: int) -> None:
        if stick in path.parents:
            path.write_bytes(data[:10])
            raise OSError(number, os.strerror(number))
        real(path, data, mode)

    with monkeypatch.context() as patched:
        patched.setattr(files, "write_new", full)
        error = desk.refuses("renew", "north-gate-1", "--stick", stick)
    assert advice in error
    assert "number 2 is signed and kept" in error
    assert f"sign --again {box.serial}" in error
    assert prov(stick, box) == before
    assert [p.name for p in (stick / "BORDERPOST" / "prov").iterdir()] == [f"{box.serial}.prov"]
    assert desk.run("sign", "--again", box.serial, "--stick", stick).code == 0
    assert box.takes(prov(stick, box))[0].sequence == 2


def test_requests_are_found_among_odd_things(tmp_path: Path) -> None:
    assert StickTree(tmp_path).requests() == []
    out = tmp_path / "BORDERPOST" / "out"
    for name in ("b", "a"):
        (out / name).mkdir(parents=True)
        (out / name / "request.json").write_bytes(b"{}")
    (out / "empty").mkdir()
    (out / "file").write_bytes(b"")
    (out / "linked").symlink_to(out / "a")
    (out / "inside").mkdir()
    (out / "inside" / "request.json").symlink_to("/etc/passwd")
    assert [path.parent.name for path in StickTree(tmp_path).requests()] == ["a", "b"]
    with pytest.raises(StickError, match="is a link"):
        read_request(out / "inside" / "request.json")
    (out / "a" / "request.json").write_bytes(bytes(60_001))
    with pytest.raises(StickError, match="larger than"):
        read_request(out / "a")
    assert MAX_BOXES >= 2000


def test_a_request_that_is_damaged_says_so_by_its_code(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "BORDERPOST" / "out" / "x"
    place.mkdir(parents=True)
    (place / "request.json").write_bytes(b"\xff" * 100)
    assert "BP-303" in desk.refuses("sign", "--stick", tmp_path)
    (row,) = desk.run("show", "requests", "--stick", tmp_path, "--json").json
    assert "BP-303" in row["problem"]
