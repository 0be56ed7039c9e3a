"""Unpacking a version: what it refuses, and that it is whole or not there."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest
from software_kit import PLATFORM, Entry, archive, entries, manifest

from edge.software import bundle
from edge.updates.errors import UpdateError


@pytest.fixture
def versions(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    return folder


def test_a_version_is_unpacked_with_its_links_and_modes(tmp_path: Path, versions: Path) -> None:
    packed = archive(tmp_path / "v.tar.xz", entries("2.0", ("2.0/lib", None), ("2.0/lib/a.py", b"a = 1\n")))
    told = bundle.unpack(packed, versions, platform=PLATFORM, base=1)
    assert told.version == "2.0"
    place = versions / "2.0"
    assert (place / "lib/a.py").read_text() == "a = 1\n"
    assert stat.S_IMODE((place / "lib/a.py").stat().st_mode) == 0o644
    assert stat.S_IMODE((place / "bin/borderpost").stat().st_mode) == 0o755
    assert (place / "bin/python3").readlink() == Path("/usr/bin/python3")
    assert bundle.manifest_of(place) == told
    assert [path.name for path in versions.iterdir()] == ["2.0"]


def test_a_version_that_is_there_stays_as_it_is(tmp_path: Path, versions: Path) -> None:
    packed = archive(tmp_path / "v.tar.xz", entries("2.0"))
    bundle.unpack(packed, versions, platform=PLATFORM, base=1)
    (versions / "2.0" / "mark").touch()
    bundle.unpack(packed, versions, platform=PLATFORM, base=1)
    assert (versions / "2.0" / "mark").exists()


def test_what_a_cut_left_behind_is_begun_again(tmp_path: Path, versions: Path) -> None:
    (versions / "2.0.partial" / "bin").mkdir(parents=True)
    (versions / "2.0.partial" / "bin" / "old").touch()
    bundle.unpack(archive(tmp_path / "v.tar.xz", entries("2.0")), versions, platform=PLATFORM, base=1)
    assert not (versions / "2.0" / "bin" / "old").exists()


@pytest.mark.parametrize(
    "more",
    [
        ("3.0/beside", b""), ("/etc/cron.d/x", b"x"), ("2.0/../../out", b""), ("2.0/bin/sh", "/bin/sh"),
        ("2.0/up", "../../.."), ("2.0/python", "/usr/bin/python3/../../../etc"), ("2.0/nowhere/file", b""),
        ("2.0/bin/python3/file", b""),
    ],
    ids=["beside", "absolute", "dots", "link out", "link up", "link in disguise", "no folder", "through a link"],
)
def test_nothing_leaves_the_version_s_folder(tmp_path: Path, versions: Path, more: Entry) -> None:
    packed = archive(tmp_path / "v.tar.xz", [*entries("2.0"), more])
    with pytest.raises(UpdateError) as refused:
        bundle.unpack(packed, versions, platform=PLATFORM, base=1)
    assert refused.value.code == "not_usable"
    assert not (versions / "2.0").exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE])
def test_no_device_no_pipe_no_hard_link(tmp_path: Path, versions: Path, kind: bytes) -> None:
    packed = archive(tmp_path / "plain.tar.xz", entries("2.0"))
    odd = tmp_path / "odd.tar.xz"
    with tarfile.open(packed) as plain, tarfile.open(odd, "w:xz") as tar:
        for member in plain:
            tar.addfile(member, plain.extractfile(member) if member.isreg() else None)
        info = tarfile.TarInfo("2.0/odd")
        info.type, info.linkname = kind, "2.0/version.json"
        tar.addfile(info)
    with pytest.raises(UpdateError, match="no plain file"):
        bundle.unpack(odd, versions, platform=PLATFORM, base=1)


def test_what_is_for_another_system_or_a_newer_package_is_refused(tmp_path: Path, versions: Path) -> None:
    other = archive(tmp_path / "other.tar.xz", entries("2.0", release="debian13"))
    with pytest.raises(UpdateError, match="debian13-amd64"):
        bundle.unpack(other, versions, platform=PLATFORM, base=1)
    newer = archive(tmp_path / "newer.tar.xz", entries("2.0", needs_base=2))
    with pytest.raises(UpdateError, match="base 2"):
        bundle.unpack(newer, versions, platform=PLATFORM, base=1)
    assert not list(versions.iterdir())


def test_limits_hold(tmp_path: Path, versions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = archive(tmp_path / "v.tar.xz", entries("2.0"))
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 5)
    with pytest.raises(UpdateError, match="more than 5 files"):
        bundle.unpack(packed, versions, platform=PLATFORM, base=1)
    monkeypatch.setattr(bundle, "MAX_MEMBERS", 100)
    monkeypatch.setattr(bundle, "MAX_BYTES", 10)
    with pytest.raises(UpdateError, match="more than"):
        bundle.unpack(packed, versions, platform=PLATFORM, base=1)


def test_a_manifest_that_stands_there_twice_is_refused(tmp_path: Path, versions: Path) -> None:
    packed = archive(tmp_path / "v.tar.xz", [*entries("2.0"), ("2.0/version.json", manifest("2.0", needs_base=9))])
    with pytest.raises(UpdateError):
        bundle.unpack(packed, versions, platform=PLATFORM, base=1)
    assert not (versions / "2.0").exists()


def test_every_cut_and_every_flipped_byte_leaves_no_half_version(tmp_path: Path, versions: Path) -> None:
    whole = archive(tmp_path / "v.tar.xz", entries("2.0")).read_bytes()
    damaged = tmp_path / "damaged.tar.xz"
    for at in range(0, len(whole), 7):
        for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]):
            damaged.write_bytes(data)
            try:
                told = bundle.unpack(damaged, versions, platform=PLATFORM, base=1)
            except UpdateError:
                assert not (versions / "2.0").exists()
            else:  # what lies outside the compressed blocks may change without harm
                assert told.version == "2.0"
                assert (versions / "2.0/bin/borderpost").read_text() == "#!/bin/sh\necho 2.0\n"
                __import__("shutil").rmtree(versions / "2.0")


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"PK\x03\x04", io.BytesIO(b"\0" * 10_000).read()):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(UpdateError):
            bundle.manifest_in(tmp_path / "x")
