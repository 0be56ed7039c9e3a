"""One update of a box in this process: put in place or refused, with keys that change."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import time
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from distribution_kit import T0, days, key
from keyed_kit import base_bytes, changed
from updated_box import ONE, TWO, World

from edge import keyed_files
from edge.core.keyed.header import decode as header_of
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.core.watch import manifest as manifests
from edge.keyed_install import install_base
from edge.state import State
from edge.tombstones import Tombstone
from edge.tombstones import write as write_stone
from edge.update_report import last
from hq.distribution import editions, history
from hq.distribution.publishing import Edition, add, offer_of
from hq.distribution.retention import Generation, wanted


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_marks_are_raised_after_the_list_is_in_place(world: World) -> None:
    world.keyed(ONE, 1)
    world.watch("Zarqelli")
    world.publish()
    world.publish("un")
    assert {row.outcome for row in world.update().lists} == {"updated"}
    assert world.marks() == {"sltd": 1, "un": 1}
    assert {row.outcome for row in world.update().lists} == {"current"}
    base = world.lists / "sltd" / "base-0000000001.sdl"
    assert base.stat().st_nlink == 1  # linked from where it was fetched, and that is gone
    assert not list((world.state / "updates" / "staging").rglob("*.sdl"))
    assert last(world.state) is not None


def test_the_copy_where_the_disk_has_no_links(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    world.keyed(ONE, 1)
    world.watch("Zarqelli")
    world.publish()
    world.publish("un")
    assert {row.outcome for row in world.update().lists} == {"updated"}
    list(world.box().verify())


@pytest.mark.parametrize(("records", "digest"), [(1, ""), (0, "0" * 64)])
def test_a_base_that_is_not_what_headquarters_says_is_refused(world: World, records: int, digest: str) -> None:
    world.keyed(ONE, 1)
    world.publish()
    world.update()
    before = world.standing()
    world.keyed(TWO, 2)
    header = header_of((world.out / "sltd" / "base-0000000002.sdl").read_bytes())
    files = {"base.sdl": world.out / "sltd" / "base-0000000002.sdl", "card.json": world.out / "sltd" / "card.json"}
    said = Edition("sltd", 0, 2, T0, files, header.count + records, digest or header.digest.hex())
    with world.hq.open() as repository:
        add(repository, [said], [key("sltd")])
    world.hq.stamp()
    outcome = world.one()
    assert outcome.refused is not None
    assert (outcome.refused.code, outcome.before, outcome.now) == ("mismatch", 1, 1)
    assert world.standing() == before
    assert world.marks()["sltd"] == 1


def test_a_watch_generation_that_is_not_what_it_says_is_refused(world: World) -> None:
    world.watch("Zarqelli")
    world.publish("un")
    world.update()
    world.watch("Marwazeh")
    place = world.out / "un" / "0000000002"
    persons = bytearray((place / "persons.bin").read_bytes())
    persons[100] ^= 1
    (place / "persons.bin").write_bytes(persons)
    data = (place / "manifest.json").read_bytes()
    files = {name: place / name for name in ("manifest.json", "documents.bin", "persons.bin")}
    with world.hq.open() as repository:
        add(repository, [Edition("un", 0, 2, T0, files, 1, hashlib.sha256(data).hexdigest())], [key("un")])
    world.hq.stamp()
    outcome = world.one("un")
    assert outcome.refused is not None
    assert outcome.refused.code == "not_usable"
    assert [p.name for p in (world.lists / "un").iterdir()] == ["0000000001"]


def test_files_of_no_known_kind_and_steps_without_a_digest(world: World) -> None:
    world.hq.add("un", 0, 1, b"the list")
    world.keyed(ONE, 1)
    files = {"base.sdl": world.out / "sltd" / "base-0000000001.sdl", "card.json": world.out / "sltd" / "card.json"}
    with world.hq.open() as repository:
        add(repository, [Edition("sltd", 0, 1, T0, files, 300, "")], [key("sltd")])
    world.hq.stamp()
    assert {row.refused.code for row in world.update().lists if row.refused} == {"bad_offer"}
    assert not world.lists.exists()


def test_a_watch_list_that_rotted_is_brought_again(world: World) -> None:
    world.watch("Zarqelli")
    world.publish("un")
    world.update()
    place = world.lists / "un" / "0000000001" / "persons.bin"
    place.write_bytes(place.read_bytes()[:-1])
    assert world.one("un").outcome == "updated"
    assert world.one("un").outcome == "current"


def test_three_watch_generations_stay(world: World) -> None:
    for name in ("Alpha", "Bravo", "Charlie", "Delta", "Echo"):
        world.watch(name)
        world.publish("un")
        assert world.one("un").outcome == "updated"
    there = sorted(p.name for p in (world.lists / "un").iterdir())
    assert there == [manifests.folder_name(generation) for generation in (3, 4, 5)]


def test_an_erased_list_comes_back_only_in_a_newer_generation(world: World) -> None:
    world.watch("Zarqelli")
    world.publish("un")
    world.update()
    shutil.rmtree(world.lists / "un" / "0000000001")
    write_stone(world.lists / "un", Tombstone(
        list_id="un", generation=1, source_date=T0, erased_at=T0, erase_after_s=60,
    ))  # fmt: skip
    assert (world.one("un").outcome, world.one("un").now) == ("current", 0)
    world.watch("Marwazeh")
    world.publish("un")
    outcome = world.one("un")
    assert (outcome.outcome, outcome.before, outcome.now) == ("updated", 0, 2)


def test_a_stolen_key_and_the_way_back(world: World) -> None:
    world.keyed(ONE, 1)
    world.watch("Zarqelli")
    world.publish()
    world.publish("un")
    world.update()
    # a thief of both lists' keys publishes generations far ahead
    world.keyed(changed(ONE, 900, [], list(ONE)[:290]), 900)
    world.publish()
    thieves = world.out / "un" / "0000000900"
    shutil.copytree(world.out / "un" / "0000000001", thieves)
    manifest = manifests.decode((thieves / "manifest.json").read_bytes())
    (thieves / "manifest.json").write_bytes(manifests.encode(msgspec.structs.replace(manifest, generation=900)))
    world.publish("un")
    world.update()
    assert world.marks() == {"sltd": 900, "un": 900}
    # headquarters takes their keys away and publishes what is true, under lower numbers
    shutil.rmtree(thieves)
    (world.out / "sltd" / "base-0000000900.sdl").unlink()
    for list_id in ("sltd", "un"):
        world.hq.redelegate(list_id, f"new {list_id}")
        with world.hq.open() as repository:
            signed = repository.draft(f"list-{list_id}")
            for path in [p for p in signed.targets if "0000000900" in p]:
                del signed.targets[path]
            repository.submit(f"list-{list_id}", signed, [key(f"new {list_id}")])
            history.remember(repository.folder, list_id, history.read(repository.folder, list_id)[:1])
    with world.hq.open() as repository:
        offer = offer_of("un", repository.draft("list-un"))
        first = editions.prepare(world.out, "un", offer, [], world.out, in_clear=True)
        add(repository, first.editions, [key("new un")])
    world.hq.stamp()
    report = world.update()
    assert {(row.list, row.now, row.refused) for row in report.lists} == {("sltd", 1, None), ("un", 1, None)}
    assert world.marks() == {"sltd": 1, "un": 1}
    assert world.standing()[0] == 1
    assert [p.name for p in (world.lists / "un").iterdir()] == ["0000000001"]
    assert {row.outcome for row in world.update().lists} == {"current"}  # and no further fall
    with State(world.state / "state.sqlite")._read() as db:
        assert db.execute("select count(*) from marks").fetchone() == (2,)


def test_a_large_overlay_is_compacted_in_a_process_of_its_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_files, "COMPACT_AT", 10)
    world.keyed(ONE, 1)
    world.publish()
    world.update()
    world.keyed(TWO, 2)
    assert [(e.start, e.to) for e in world.publish().editions] == [(1, 2)]
    assert world.one().compacting
    for _ in range(600):
        if not (world.lists / "sltd" / "overlay-0000000002.sdo").exists():
            break
        time.sleep(0.05)
    assert world.standing()[0] == 2
    assert world.box().overlay_rows == 0
    assert world.one().outcome == "current"


def test_a_list_key_that_changes_begins_the_list_anew(world: World) -> None:
    from edge.core.keyed.keys import ListKey

    world.keyed(ONE, 1)
    world.publish()
    other = ListKey(bytes(32))
    (world.out / "sltd" / "base-0000000002.sdl").write_bytes(base_bytes(ONE, 2, key=other))
    made = world.publish()
    assert made.begins
    assert [(e.start, e.to) for e in made.editions] == [(0, 2)]


def test_a_base_that_was_thrown_away_is_told_and_the_whole_list_is_published(world: World) -> None:
    world.keyed(ONE, 1)
    world.publish()
    (world.out / "sltd" / "base-0000000001.sdl").unlink()
    world.keyed(TWO, 2)
    made = world.publish()
    assert [(start, to) for start, to, _ in made.unmade] == [(1, 2)]
    assert [(e.start, e.to) for e in made.editions] == [(0, 2)]
    assert world.one().now == 2


def test_six_months_behind_takes_at_most_fifteen_files(world: World) -> None:
    dice = random.Random(4)
    told, first, known = dict(ONE), T0 - days(183), []
    for generation in range(1, 184):
        if generation > 1:
            come = [(document_text("UTO", f"D{generation}-{i}"), Record("P", "lost")) for i in range(3)]
            told = changed(told, generation, come, dice.sample(list(told), 2))
        world.keyed(told, generation, first + timedelta(days=generation))
        known.append(Generation(generation, first + timedelta(days=generation)))
    with world.hq.open() as repository:  # as if each had been published on its day
        history.remember(repository.folder, "sltd", known[:-1])
    made = world.publish()
    assert made.unmade == ()
    assert {(e.start, e.to) for e in made.editions} == {(0, 183), *wanted(known)}
    newest = header_of((world.out / "sltd" / "base-0000000183.sdl").read_bytes())
    root = world.state.parent
    for start in (1, 5, 40, 171, 182):
        world.lists, state = root / f"lists-{start}", root / f"state-{start}"
        shutil.copytree(world.state, state)
        install_base(world.lists / "sltd", "sltd", [(world.out / "sltd" / f"base-{start:010d}.sdl").read_bytes()])
        shutil.copy(world.out / "sltd" / "card.json", world.lists / "sltd" / "card.json")
        outcome = world.one()
        assert (outcome.before, outcome.now) == (start, 183)
        assert outcome.files <= 15
        assert world.standing() == (183, newest.digest.hex())
        assert world.box().header.count == len(told)
        (world.state / "state.sqlite").unlink()


def test_what_is_said_to_be_kept_is_all_that_later_deltas_want() -> None:
    known: list[Generation] = []
    kept: set[int] = set()
    dice = random.Random(7)
    at, before = T0, frozenset[tuple[int, int]]()
    for number in range(1, 220):
        at += timedelta(days=dice.choice((0, 0, 1, 1, 1, 2, 8, 30)))
        known.append(Generation(number, at))
        now = wanted(known)
        assert {generation for step in now - before for generation in step} <= kept | {number}
        kept, before = history.wanted_later(known), now
        assert len(kept) <= 12  # more only where a day has many generations


def test_a_list_that_is_named_and_not_published_is_told(world: World) -> None:
    world.keyed(ONE, 1)
    world.publish()
    report = world.update(lists=("sltd", "slt"))
    assert [(row.list, row.outcome) for row in report.lists] == [("sltd", "updated"), ("slt", "refused")]
    assert report.lists[1].refused is not None
    assert report.lists[1].refused.code == "not_offered"
