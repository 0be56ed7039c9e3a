"""The lists folder as the box sees it: damage is named, the older generation serves, nothing goes back."""

from __future__ import annotations

import hashlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge import watchlists
from edge.core.watch import (
    DocumentEntry,
    EntryName,
    FileDigest,
    Lost,
    Manifest,
    PersonEntry,
    Records,
    build_documents,
    build_persons,
)
from edge.core.watch import manifest as manifests
from edge.watchlists import OpenList, Watchlists, WatchlistsError

DATE = datetime(2026, 2, 1, tzinfo=UTC)


def put(root: Path, list_id: str, generation: int, *, count: int = 1, claimed: int | None = None) -> Path:
    """A generation of ``count`` invented documents and persons."""
    persons = [PersonEntry(f"UTO-{i}", (EntryName(f"SPECIMEN {'ABCDEFGH'[i]}NNA"),)) for i in range(count)]
    files = {
        "documents.bin": build_documents(DocumentEntry(f"UTO{i}0000", reference=str(generation)) for i in range(count)),
        "persons.bin": build_persons(persons),
    }
    place = root / list_id / f"{generation:010d}"
    place.mkdir(parents=True)
    for name, data in files.items():
        (place / name).write_bytes(data)
    manifest = Manifest(
        list_id=list_id,
        title="Invented",
        generation=generation,
        source_date=DATE,
        built_at=DATE,
        records=Records(documents=count if claimed is None else claimed, persons=count, names=count),
        lost=Lost(rows=0, of=count),
        files={n: FileDigest(bytes=len(d), sha256=hashlib.sha256(d).hexdigest()) for n, d in files.items()},
        silent=False,
        action="Confirm with the NCB.",
    )
    (place / "manifest.json").write_bytes(manifests.encode(manifest))
    return place


def flip(path: Path, at: int = -20) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def only(lists: Watchlists) -> OpenList:
    (entry,) = lists.lists
    return entry


def generation(entry: OpenList) -> int | None:
    return entry.manifest.generation if entry.manifest else None


def test_the_newest_generation_of_every_list_serves(tmp_path: Path) -> None:
    for list_id, number in (("un", 1), ("un", 3), ("sltd", 2)):
        put(tmp_path, list_id, number)
    lists = Watchlists.open(tmp_path)
    assert lists.generations() == {"sltd": 2, "un": 3}
    assert [e.problem for e in lists.lists] == [None, None]
    assert lists.lists[1].documents is not None
    assert next(lists.lists[1].documents.find("UTO00000")).reference == "3"


def test_no_root_holds_no_lists(tmp_path: Path) -> None:
    assert Watchlists.open(tmp_path / "none").lists == ()


def test_a_root_that_is_a_file_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WatchlistsError) as caught:
        Watchlists.open(tmp_path / "file")
    assert caught.value.advice


def test_foreign_folders_are_passed_over(tmp_path: Path) -> None:
    put(tmp_path, "un", 1)
    for name in (".build-x", "UPPER", "un/.build-y", "un/latest", "un/12", "un/0000000000"):
        (tmp_path / name).mkdir(parents=True)
    assert only(Watchlists.open(tmp_path)).problem is None


@pytest.mark.parametrize("name", ["documents.bin", "persons.bin", "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "empty", "remove"])
def test_a_damaged_newest_generation_is_named_and_the_older_serves(tmp_path: Path, name: str, damage: str) -> None:
    put(tmp_path, "un", 4)
    path = put(tmp_path, "un", 5) / name
    if damage == "flip":
        flip(path)
    elif damage == "remove":
        path.unlink()
    else:
        data = path.read_bytes()
        path.write_bytes({"cut": data[:-1], "grow": data + b"\0", "empty": b""}[damage])
    entry = only(Watchlists.open(tmp_path))
    if (name, damage) == ("manifest.json", "cut"):
        assert entry.problem is None  # the manifest's last byte is a line end
        return
    assert entry.problem
    assert generation(entry) == 4
    assert "generation 5" in entry.problem


@pytest.mark.parametrize("name", ["documents.bin", "persons.bin", "manifest.json"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_regular_file_is_damaged_and_nobody_waits_for_it(tmp_path: Path, name: str, kind: str) -> None:
    put(tmp_path, "un", 4)
    path = put(tmp_path, "un", 5) / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    entry = only(Watchlists.open(tmp_path))
    assert (generation(entry), entry.problem) == (4, f"generation 5 is damaged: {name} is no regular file")


def test_a_symbolic_link_to_a_regular_file_is_followed(tmp_path: Path) -> None:
    path = put(tmp_path, "un", 1) / "persons.bin"
    path.rename(tmp_path / "elsewhere.bin")
    path.symlink_to(tmp_path / "elsewhere.bin")
    assert only(Watchlists.open(tmp_path)).problem is None


def test_every_flipped_bit_of_a_manifest_is_found(tmp_path: Path) -> None:
    path = put(tmp_path, "un", 1) / "manifest.json"
    sound = path.read_bytes()
    accepted = manifests.decode(sound)
    for at in range(len(sound)):
        for bit in (1, 32):
            data = bytearray(sound)
            data[at] ^= bit
            path.write_bytes(bytes(data))
            entry = only(Watchlists.open(tmp_path))
            assert entry.manifest in (None, accepted)  # a changed space changes nothing that is said


def test_a_list_without_a_sound_generation_cannot_be_used(tmp_path: Path) -> None:
    flip(put(tmp_path, "un", 1) / "persons.bin")
    (tmp_path / "sltd").mkdir()
    sltd, un = Watchlists.open(tmp_path).lists
    assert (un.manifest, un.documents, un.persons) == (None, None, None)
    assert un.problem == "generation 1 is damaged: persons.bin does not agree with its digest"
    assert sltd.problem == "no generation is there"


def test_a_manifest_of_another_list_or_with_other_counts_is_refused(tmp_path: Path) -> None:
    shutil.copytree(put(tmp_path / "other", "sltd", 1), tmp_path / "here" / "un" / "0000000001")
    assert generation(only(Watchlists.open(tmp_path / "here"))) is None
    put(tmp_path / "counts", "un", 1, claimed=9)
    assert "counts" in (only(Watchlists.open(tmp_path / "counts")).problem or "")


def test_a_generation_below_the_high_water_mark_is_asked_but_counts_as_damaged(tmp_path: Path) -> None:
    put(tmp_path, "un", 4)
    entry = only(Watchlists.open(tmp_path, high_water={"un": 4}))
    assert (generation(entry), entry.behind, entry.problem) == (4, False, None)
    entry = only(Watchlists.open(tmp_path, high_water={"un": 5}))
    assert (generation(entry), entry.behind) == (4, True)
    assert entry.problem == "generation 4 is older than 5, which was accepted before"


def test_a_list_that_was_accepted_and_vanished_is_missing_not_forgotten(tmp_path: Path) -> None:
    entry = only(Watchlists.open(tmp_path, high_water={"un": 5}))
    assert (entry.list_id, entry.problem) == ("un", "no generation is there")


def test_refresh_is_the_same_value_when_nothing_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "un", 1)
    lists = Watchlists.open(tmp_path)

    def refuse(*_: object) -> str:
        raise AssertionError("read a file again")

    monkeypatch.setattr(watchlists, "_sha256", refuse)
    assert lists.refresh() is lists
    assert only(Watchlists.open(tmp_path)).problem is None  # verified once for this process


def test_refresh_takes_the_new_generation_and_leaves_the_old_value_working(tmp_path: Path) -> None:
    put(tmp_path, "un", 1)
    put(tmp_path, "sltd", 1)
    before = Watchlists.open(tmp_path)
    put(tmp_path, "un", 2, count=3)
    shutil.rmtree(tmp_path / "un" / "0000000001")
    after = before.refresh()
    assert after.generations() == {"sltd": 1, "un": 2}
    assert after.lists[0] is before.lists[0]
    old = before.lists[1].documents
    assert old is not None
    assert next(old.find("UTO00000")).reference == "1"


def test_refresh_keeps_the_old_generation_when_the_new_one_is_damaged_and_heals(tmp_path: Path) -> None:
    put(tmp_path, "un", 1)
    lists = Watchlists.open(tmp_path)
    place = put(tmp_path, "un", 2)
    flip(place / "documents.bin")
    lists = lists.refresh(high_water={"un": 1})
    assert generation(only(lists)) == 1
    assert only(lists).problem
    shutil.rmtree(place)
    put(tmp_path, "un", 2)
    lists = lists.refresh()
    assert (generation(only(lists)), only(lists).problem) == (2, None)


def test_the_generation_in_use_is_not_opened_again_while_a_newer_one_stays_damaged(tmp_path: Path) -> None:
    put(tmp_path, "un", 1)
    put(tmp_path, "sltd", 1)
    lists = Watchlists.open(tmp_path)
    flip(put(tmp_path, "un", 2) / "documents.bin")
    told = lists.refresh()
    assert told.lists[1].persons is lists.lists[1].persons  # an index of a million names is not made anew
    assert told.lists[1].problem
    assert told.refresh() is told
    flip(tmp_path / "un" / "0000000001" / "persons.bin")
    assert told.refresh().lists[1].manifest is None


def test_a_file_changed_after_it_was_verified_is_verified_again(tmp_path: Path) -> None:
    path = put(tmp_path, "un", 1) / "documents.bin"
    assert only(Watchlists.open(tmp_path)).problem is None
    flip(path)
    assert only(Watchlists.open(tmp_path)).problem
