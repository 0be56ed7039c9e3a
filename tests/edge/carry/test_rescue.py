"""Rows off a dead box's disk: whole or damaged, a folder or an image, and never by the box's own keys."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import carry_kit as kit
import journal_kit
import pytest
from carry_kit import Headquarters, what
from click.testing import CliRunner

from edge.carry import image
from edge.carry.acks import apply_acks
from edge.carry.rescue import RescueError, check_target, find_journals, is_of, rescue
from edge.core.sealing import public_to_text
from edge.journal.salvage import salvage
from edge.verbs.rescue import command
from hq.carry import acks_file
from hq.store import View

COUNT = 30
KEY = public_to_text(journal_kit.HQ_KEY.public_key())
MKE2FS, DEBUGFS = (shutil.which(name, path="/usr/sbin:/sbin:/usr/bin") for name in ("mke2fs", "debugfs"))


def dead(folder: Path, count: int = COUNT) -> Path:
    """The state folder of a box that died: its journal with everything in the write-ahead log still."""
    folder.mkdir(parents=True)
    journal = kit.filled(folder, count)
    copy = folder.with_name(folder.name + "-dead")
    shutil.copytree(folder, copy)
    journal.close()
    return copy


def taken(journals: list[Path], target: Path, device: str = "") -> int:
    return rescue(
        journals, target, recipients=[journal_kit.HQ], session="session-r", created=kit.NOW, device=device
    ).rows


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_rows_of_a_dead_box_reach_headquarters_by_the_word_of_an_operator(tmp_path: Path) -> None:
    state = dead(tmp_path / "box")
    before = snapshot(state)
    target = tmp_path / "rescued.sealed"
    done = rescue(find_journals(state), target, recipients=[journal_kit.HQ], session="session-r", created=kit.NOW)
    assert (done.rows, done.device, done.lost) == (COUNT, journal_kit.DEVICE, ())
    assert snapshot(state) == before  # read only: not even a file beside
    hq = Headquarters(tmp_path)
    refused = hq.take(target)
    assert (refused.rows, refused.device) == (0, "")
    assert "--rescued" in refused.advice
    assert "another box" in hq.take(target, "post-8").problem
    assert what(hq.take(target, journal_kit.DEVICE)) == (COUNT, 0, 0, 0)
    assert what(hq.take(target, journal_kit.DEVICE)) == (0, COUNT, 0, 0)
    with View(hq.path) as view:
        (alarm,) = (a for a in view.alarms() if a.code == "rescued_rows")
    assert (alarm.device, alarm.times) == (journal_kit.DEVICE, 2)
    assert f"{COUNT} of them new" in alarm.text  # also after the second time, which brought nothing
    hq.store.close()


def test_a_damaged_journal_gives_what_is_whole_and_names_the_rest(tmp_path: Path) -> None:
    kit.filled(tmp_path, 200).close()
    journal = tmp_path / "journal.sqlite"
    data = bytearray(journal.read_bytes())
    for at in range(len(data) // 3 // 4096 * 4096, len(data) // 3 + 60_000, 4096):
        data[at : at + 512] = os.urandom(512)
    data[:100] = bytes(100)  # no database any more, says SQLite
    journal.write_bytes(data)
    done = rescue([journal], tmp_path / "r.sealed", recipients=[journal_kit.HQ], session="session-r",
                  created=kit.NOW, device=journal_kit.DEVICE)  # fmt: skip
    assert 100 < done.rows < 200
    assert done.lost
    hq = Headquarters(tmp_path)
    report = hq.take(tmp_path / "r.sealed", journal_kit.DEVICE)
    assert what(report) == (done.rows, 0, 0, 0)
    assert not any(code == "unopened" for _, code in hq.alarms())  # every row that was given out opens
    hq.store.close()


def test_a_row_whose_epoch_is_not_told_any_more_is_opened_at_headquarters_under_its_own(tmp_path: Path) -> None:
    journal = kit.filled(tmp_path, 60)
    journal._token = lambda: "epoch-1"
    journal.renew_epoch("disk_restored")
    journal_kit.record(journal, range(1000, 1060))
    true = {(item.epoch, item.seq) for item in journal.pending_all()}
    journal.close()
    path = tmp_path / "journal.sqlite"
    data = bytearray(path.read_bytes())
    audit = data.index(b"epoch_renewed") // 4096 + 1
    for page in (journal_kit.root_page(bytes(data), "epochs"), audit, journal_kit.outbox_leaf(bytes(data), 61)):
        data[(page - 1) * 4096 : page * 4096] = bytes(4096)
    path.write_bytes(data)
    with salvage(path) as found:
        given = [(item.epoch, item.seq) for item in found.rows()]
    done = rescue([path], tmp_path / "r.sealed", recipients=[journal_kit.HQ], session="session-r", created=kit.NOW)
    assert (done.rows, done.lost) == (len(given), ())
    assert done.again == len(given) - len(true) > 0
    assert set(given) > true
    hq = Headquarters(tmp_path)
    report = hq.take(tmp_path / "r.sealed", journal_kit.DEVICE)
    assert (what(report), report.closed) == ((done.rows, 0, 0, 0), done.again)
    held = {(epoch, seq) for epoch, seq in given
            if [*hq.store.held(journal_kit.DEVICE, epoch, seq, seq, closed=False)]}  # fmt: skip
    assert held == true
    hq.store.close()


def test_what_headquarters_has_is_left_there(tmp_path: Path) -> None:
    folder = tmp_path / "box"
    folder.mkdir()
    journal = kit.filled(folder, 10)
    hq = Headquarters(tmp_path)
    kit.bundle(journal, tmp_path / "rows.sealed", max_rows=6)
    report = hq.take(tmp_path / "rows.sealed")
    acks = acks_file.add(tmp_path, report.device, report.acks)
    apply_acks(acks.read_bytes(), journal, kit.ACK_KEYS, kit.SESSION)
    journal.close()
    assert taken(find_journals(folder), tmp_path / "r.sealed") == 4
    assert what(hq.take(tmp_path / "r.sealed", journal_kit.DEVICE)) == (4, 0, 0, 0)
    hq.store.close()


def test_a_search_finds_journals_that_were_set_aside_and_follows_no_link(tmp_path: Path) -> None:
    state = dead(tmp_path / "disk" / "var" / "lib" / "borderpost")
    (state / "journal.corrupt-1").write_bytes((state / "journal.sqlite").read_bytes())
    (state / "journal.sqlite.ballast").write_bytes(bytes(10))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "journal.sqlite").write_bytes(b"not of this disk")
    (tmp_path / "disk" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "disk" / "journal.sqlite").symlink_to(tmp_path / "other" / "journal.sqlite")
    found = find_journals(tmp_path / "disk")
    assert [p.name for p in found if p.parent == state] == ["journal.corrupt-1", "journal.sqlite"]
    assert all("other" not in p.parts for p in found)


def test_a_folder_without_a_journal_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(RescueError, match="no journal") as error:
        find_journals(tmp_path)
    assert "noload" in error.value.advice


def test_rows_of_two_boxes_are_not_mixed(tmp_path: Path) -> None:
    state = dead(tmp_path / "box")
    with pytest.raises(RescueError, match="2 boxes"):
        taken(find_journals(state), tmp_path / "r.sealed", device="post-8")
    assert not (tmp_path / "r.sealed").exists()


def test_a_file_that_is_no_journal_has_lost_its_box(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(os.urandom(50_000))
    with pytest.raises(RescueError, match="lost the name"):
        taken([tmp_path / "journal.sqlite"], tmp_path / "r.sealed")


def disk_image(folder: Path, state: Path, *, table: str) -> Path:
    """An image of a disk with an ext4 file system that holds ``state``, behind a table of partitions."""
    assert MKE2FS
    tree = folder / "tree"
    (tree / "var" / "lib").mkdir(parents=True)
    shutil.copytree(state, tree / "var" / "lib" / "borderpost")
    plain = folder / "part.ext4"
    subprocess.run([MKE2FS, "-q", "-t", "ext4", "-d", str(tree), str(plain), "12M"], check=True, capture_output=True)
    if table == "none":
        return plain
    start = 2048
    head = bytearray(start * 512)
    head[510:512] = b"\x55\xaa"
    if table == "mbr":
        head[446:462] = struct.pack("<B3sB3sII", 0x80, b"", 0x83, b"", start, plain.stat().st_size // 512)
    else:
        head[450] = 0xEE
        head[512:520] = b"EFI PART"
        head[512 + 72 : 512 + 88] = struct.pack("<QII", 2, 128, 128)
        head[1024:1072] = b"\x01" * 32 + struct.pack("<QQ", start, start + plain.stat().st_size // 512)
    whole = folder / f"{table}.img"
    whole.write_bytes(bytes(head) + plain.read_bytes())
    return whole


@pytest.mark.skipif(not (MKE2FS and DEBUGFS), reason="mke2fs or debugfs is not on PATH (Debian: apt install e2fsprogs)")
@pytest.mark.parametrize("table", ["none", "mbr", "gpt"])
def test_an_image_of_the_disk_does_too(tmp_path: Path, table: str) -> None:
    state = dead(tmp_path / "box")
    disk = disk_image(tmp_path, state, table=table)
    before = disk.read_bytes()
    assert image.is_disk(disk)
    result = CliRunner().invoke(
        command, [str(disk), "--out", str(tmp_path / "r.sealed"), "--seal-key", KEY], catch_exceptions=False
    )
    assert result.exit_code == 0
    assert f"{COUNT} rows of {journal_kit.DEVICE}" in result.output
    assert disk.read_bytes() == before
    hq = Headquarters(tmp_path)
    assert what(hq.take(tmp_path / "r.sealed", journal_kit.DEVICE)) == (COUNT, 0, 0, 0)
    hq.store.close()


def test_a_table_of_partitions_that_lies_is_data(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(os.urandom(510) + b"\x55\xaa" + b"EFI PART" + b"\xff" * 4000)
    assert image.is_disk(disk)
    assert image.partitions(disk) == []
    (tmp_path / "text").write_text("no disk")
    assert not image.is_disk(tmp_path / "text")
    assert not image.is_disk(tmp_path)


def test_the_national_package_names_the_recipients(tmp_path: Path) -> None:
    state = dead(tmp_path / "box", 3)
    (tmp_path / "national.json").write_bytes(kit.national())
    paths = ["--out", str(tmp_path / "r.sealed"), "--national", str(tmp_path / "national.json")]
    result = CliRunner().invoke(command, [str(state), *paths, "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert f'"device":"{journal_kit.DEVICE}","rows":3' in result.output
    with pytest.raises(RescueError, match="national"):
        CliRunner().invoke(
            command, [str(state), "--national", str(tmp_path / "none.json")], catch_exceptions=False
        )


@pytest.mark.parametrize("out", ["r.sealed", "var/lib/r.sealed", "../by-a-link/r.sealed"])
def test_no_bundle_goes_onto_the_dead_disk(tmp_path: Path, out: str) -> None:
    disk = tmp_path / "disk"
    state = dead(disk / "var" / "lib" / "borderpost", 3)
    (tmp_path / "by-a-link").symlink_to(disk / "var")
    before = sorted(disk.rglob("*"))
    for source, target in ((disk, disk / out), (state / "journal.sqlite", state / "r.sealed")):
        with pytest.raises(RescueError, match="on the dead disk"):
            CliRunner().invoke(
                command, [str(source), "--out", str(target), "--seal-key", KEY], catch_exceptions=False
            )
    assert sorted(disk.rglob("*")) == before
    check_target(disk, tmp_path / "r.sealed")
    with pytest.raises(RescueError, match="No such file"):
        check_target(disk, tmp_path / "nowhere" / "r.sealed")


@pytest.mark.parametrize(("device", "refused"), [((8, 17), True), ((8, 16), True), ((8, 0), False), ((0, 40), False)])
def test_a_partition_of_the_disk_that_is_read_is_on_it(tmp_path: Path, device: tuple[int, int], refused: bool) -> None:
    """A file system's device number is its partition's, and sysfs knows whose partition that is."""
    devices, blocks = tmp_path / "devices", tmp_path / "block"
    (devices / "sdb" / "sdb1").mkdir(parents=True)
    (devices / "sda").mkdir()
    blocks.mkdir()
    for number, name in (("8:16", "sdb"), ("8:17", "sdb/sdb1"), ("8:0", "sda")):
        (blocks / number).symlink_to(devices / name)
    assert is_of(os.makedev(*device), os.makedev(8, 16), blocks) is refused


def test_a_bundle_is_not_written_over_and_the_next_step_names_it_whole(tmp_path: Path) -> None:
    state = dead(tmp_path / "box", 3)
    target = tmp_path / "r.sealed"
    words = [str(state), "--out", str(target), "--seal-key", KEY]
    done = CliRunner().invoke(command, words, catch_exceptions=False)
    assert f"next: borderpost-hq import {target} --rescued {journal_kit.DEVICE}" in done.stdout
    first = target.read_bytes()
    with pytest.raises(RescueError, match="is there already"):
        CliRunner().invoke(command, words, catch_exceptions=False)
    assert target.read_bytes() == first


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_rescue_that_finds_no_row_is_no_success(tmp_path: Path, form: list[str]) -> None:
    state = dead(tmp_path / "box", 0)
    target = tmp_path / "r.sealed"
    done = CliRunner().invoke(command, [str(state), "--out", str(target), "--seal-key", KEY, *form])
    assert done.exit_code == 1
    assert not target.exists()
    if form:
        assert '"rows":0' in done.stdout
    else:
        assert done.stdout == ""
        assert f"1 journal (journal.sqlite) of {journal_kit.DEVICE} at {state}, and no row" in done.stderr


@pytest.mark.skipif(not (MKE2FS and DEBUGFS), reason="mke2fs or debugfs is not on PATH (Debian: apt install e2fsprogs)")
def test_a_disk_without_a_journal_says_where_it_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    disk = disk_image(tmp_path, tmp_path / "empty", table="mbr")
    with pytest.raises(RescueError, match="1 ext file systems, at /var/lib/borderpost"):
        image.journals_of(disk, tmp_path / "out")
