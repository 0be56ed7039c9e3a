"""Images of sticks: what a kernel and a person would find on them."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import pytest

from hil_tests.bench.sticks import (
    FIRST,
    SECTOR,
    StickError,
    faults,
    label_of,
    make_stick,
    missing,
    partition_table,
    put,
    read_stick,
)  # fmt: skip

needs_tools = pytest.mark.skipif(bool(missing()), reason=missing() or "they are there")
TREE = {
    "BORDERPOST/in/manifest.json": b'{"a": 1}\n',
    "BORDERPOST/in/lists/Liste des véhicules 2026.bin": bytes(range(256)) * 700,
    "BORDERPOST/out/.keep": b"",
    "README.TXT": b"not ours\r\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in TREE.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "folder"


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_table_has_one_partition_to_the_end() -> None:
    table = partition_table(131072, 0x0C)
    assert len(table) == SECTOR
    assert table.endswith(b"\x55\xaa")
    assert struct.unpack_from("<B3sB3sII", table, 446)[2::2] == (0x0C, FIRST)
    assert struct.unpack_from("<I", table, 458)[0] == 131072 - FIRST
    assert not any(table[462:510]), "the other three are empty"


@needs_tools
@pytest.mark.parametrize(("mib", "kind", "says"), [(64, 0x0C, b"FAT32   "), (48, 0x0C, b"FAT32   "),
                                                   (16, 0x0E, b"FAT16   "), (8, 0x0E, b"FAT16   ")])
def test_a_stick_holds_what_the_folder_holds(tmp_path: Path, folder: Path, mib: int, kind: int, says: bytes) -> None:
    image = make_stick(tmp_path / "stick.img", folder, mib=mib)
    assert image.stat().st_size == mib * 1024 * 1024
    raw = image.read_bytes()
    boot = raw[FIRST * SECTOR :][:SECTOR]
    assert raw[450] == kind
    assert boot[0x52:0x5A] == says or boot[0x36:0x3E] == says
    assert struct.unpack_from("<I", boot, 0x1C)[0] == FIRST, "hidden sectors: those before the partition"
    assert faults(image) == ""
    assert label_of(image) == "BORDERPOST"
    assert files_of(read_stick(image, tmp_path / "back")) == TREE


@needs_tools
def test_another_label_is_on_it(tmp_path: Path, folder: Path) -> None:
    assert label_of(make_stick(tmp_path / "stick.img", folder, label="HOLIDAY", mib=8)) == "HOLIDAY"


@needs_tools
def test_reading_leaves_the_image_as_it_was_and_the_folder_holds_nothing_else(tmp_path: Path, folder: Path) -> None:
    image = make_stick(tmp_path / "stick.img", folder, mib=8)
    before = hashlib.sha256(image.read_bytes()).digest()
    (tmp_path / "back").mkdir()
    (tmp_path / "back" / "old").write_bytes(b"of another visit")
    assert files_of(read_stick(image, tmp_path / "back")) == TREE
    assert hashlib.sha256(image.read_bytes()).digest() == before


@needs_tools
def test_an_empty_stick_is_read_as_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    image = make_stick(tmp_path / "stick.img", tmp_path / "none", mib=8)
    assert list(read_stick(image, tmp_path / "back").iterdir()) == []


@needs_tools
def test_more_is_put_onto_it_over_what_was_there(tmp_path: Path, folder: Path) -> None:
    image = make_stick(tmp_path / "stick.img", folder, mib=8)
    (folder / "BORDERPOST/in/manifest.json").write_bytes(b"{}")
    put(image, folder)
    assert files_of(read_stick(image, tmp_path / "back")) == TREE | {"BORDERPOST/in/manifest.json": b"{}"}


@needs_tools
def test_what_does_not_fit_is_told(tmp_path: Path, folder: Path) -> None:
    (folder / "much").write_bytes(bytes(12 * 1024 * 1024))
    with pytest.raises(StickError, match="Disk full"):
        make_stick(tmp_path / "stick.img", folder, mib=8)


@needs_tools
def test_a_broken_file_system_is_told(tmp_path: Path, folder: Path) -> None:
    image = make_stick(tmp_path / "stick.img", folder, mib=8)
    raw = bytearray(image.read_bytes())
    raw[(FIRST + 4) * SECTOR : (FIRST + 6) * SECTOR] = b"\xa5" * 2 * SECTOR  # in the first file allocation table
    image.write_bytes(raw)
    assert faults(image)


@pytest.mark.parametrize("mib", [0, 3, 5000])
def test_a_size_that_no_stick_has_is_refused(tmp_path: Path, folder: Path, mib: int) -> None:
    with pytest.raises(StickError, match="MiB"):
        make_stick(tmp_path / "stick.img", folder, mib=mib)
    assert not (tmp_path / "stick.img").exists()


@needs_tools
def test_a_torn_stick_is_not_read_as_a_whole_one(tmp_path: Path, folder: Path) -> None:
    """The last file's clusters are free in the table, as when a pull came between its name and its table.

    The bench reads a pulled stick as it is, so that an answer that only a repair brings back fails its test.
    """
    image = make_stick(tmp_path / "stick.img", folder)
    whole = read_stick(image, tmp_path / "whole")
    (whole / "RESULT.TXT").write_bytes(b"x" * 5_000)
    put(image, whole)
    torn = bytearray(image.read_bytes())
    reserved, fats, sectors = (int.from_bytes(torn[FIRST * SECTOR + at:][:size], "little")
                               for at, size in ((14, 2), (16, 1), (36, 4)))  # fmt: skip
    entry = torn.index(b"RESULT  TXT", FIRST * SECTOR)
    first = int.from_bytes(torn[entry + 20:][:2], "little") << 16 | int.from_bytes(torn[entry + 26:][:2], "little")
    for table in range(fats):
        at = (FIRST + reserved + table * sectors) * SECTOR + 4 * first
        torn[at:at + 4 * 10] = bytes(4 * 10)
    image.write_bytes(torn)
    with pytest.raises(StickError):
        read_stick(image, tmp_path / "as-it-is")
    assert "RESULT.TXT" in faults(image)
    assert image.read_bytes() == bytes(torn), "law 3"
