"""Galleries in the lists folder: no say in a document's verdict, damage named, told by doctor, status and inspect."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
import search_kit as kit
from box_world import BoxWorld
from click.testing import CliRunner
from memory_lists import TRUSTED, memory_list
from search_kit import Wanted, people, put

from edge import checks_fingers, config, tombstones
from edge.checks import Check, Grade, examine
from edge.config import Config
from edge.core.screening import Query, Screener, facts_of
from edge.core.shown_fingers import searched
from edge.core.trusted import ClockState, Trusted
from edge.core.vault import KeyRing
from edge.core.verdicts import Coverage, CoverageState, Outcome, Verdict
from edge.core.watch import DocumentEntry, Policy
from edge.erasure import Eraser
from edge.fingers.galleries import is_gallery
from edge.fingers.searcher import Searcher, SearchPolicy
from edge.lists_in_use import ListsInUse
from edge.opened_list import OpenList
from edge.state import State
from edge.verbs.lists import command
from edge.verbs.status import lines
from edge.watchlists import Watchlists

ASKED = Query.of_fields({"document_number": "L898902C3", "issuing_state": "UTO"})
SCREENER = Screener(max_age_seconds=10 * 86_400.0)


def opened(root: Path, **more: object) -> Watchlists:
    return Watchlists.open(root, keys=lambda: kit.RING, **more)  # type: ignore[arg-type]


def only(lists: Watchlists) -> OpenList:
    (entry,) = lists.lists
    return entry


def test_a_gallery_is_opened_beside_documents_and_persons(tmp_path: Path) -> None:
    put(tmp_path, 4, people(5))
    entry = only(opened(tmp_path))
    assert (entry.generation, entry.problem, entry.fingers) == (4, None, True)
    assert entry.gallery is not None
    assert (entry.gallery.info.templates, entry.gallery.key) == (5, kit.KEY)
    assert "key=" not in repr(entry.gallery)
    assert entry.documents is entry.persons is None
    facts = facts_of(entry)
    assert facts is not None
    assert (facts.generation, facts.records, facts.action) == (4, 5, "Refer to second line. Confirm with the NCB.")
    assert opened(tmp_path).refresh().generations() == {"wanted": 4}
    lists = opened(tmp_path)
    assert lists.refresh() is lists


@pytest.mark.parametrize("how", ["sound", "damaged", "no key", "no manifest", "stale", "erased", "behind", "gone"])
def test_however_a_gallery_stands_a_documents_verdict_is_the_same(tmp_path: Path, how: str) -> None:
    """One sound list of documents, every list required: CLEAR, and the gallery is not in its coverage."""
    place = put(tmp_path, 2, people(5))
    lists = opened(tmp_path)
    match how:
        case "damaged":
            (place / "gallery.bin").write_bytes(b"short")
            lists = opened(tmp_path)
        case "no key":
            lists = Watchlists.open(tmp_path, keys=KeyRing)
        case "no manifest":
            (place / "manifest.json").unlink()
            lists = opened(tmp_path)
        case "behind":
            lists = opened(tmp_path, high_water={"wanted": 3})
        case "stale":
            shutil.rmtree(place)
            put(tmp_path, 3, people(5), source=kit.DATE - timedelta(days=400))
        case "erased":
            shutil.rmtree(place)
            put(tmp_path, 3, people(5), policy=Policy(erase_after_s=3600))
            assert Eraser(tmp_path).run(opened(tmp_path).lists, kit.TRUSTED)
        case "gone":
            shutil.rmtree(place)
    lists = lists.refresh()
    documents = memory_list("sltd", documents=[DocumentEntry("X1234567", issuing_state="UTO")])
    verdict = SCREENER.screen(ASKED, [documents, *lists.lists], TRUSTED)
    assert [c.list_id for c in verdict.coverage] == ["sltd"]
    assert verdict.outcome is Outcome.CLEAR
    (part,) = SCREENER.galleries(lists.lists, Trusted(ClockState.SIGNED, kit.NOW, kit.NOW))
    assert part.required
    assert part.state is {
        "sound": CoverageState.ASKED, "stale": CoverageState.STALE, "erased": CoverageState.ERASED,
    }.get(how, CoverageState.DAMAGED)
    assert [c.list_id for c in SCREENER.coverage([documents, *lists.lists], TRUSTED)] == ["sltd"]


def test_a_required_gallery_is_missing_to_documents_and_an_error_to_the_doctor(tmp_path: Path) -> None:
    put(tmp_path, 1, people(5))
    documents = memory_list("sltd", documents=[DocumentEntry("X1234567")])
    screener = Screener(required=frozenset({"sltd", "wanted"}))
    verdict = screener.screen(ASKED, [documents, *opened(tmp_path).lists], TRUSTED)
    assert verdict.outcome is Outcome.INCOMPLETE
    assert {c.list_id: c.state for c in verdict.coverage}["wanted"] is CoverageState.MISSING


def test_a_list_that_was_erased_is_still_known_for_a_gallery(tmp_path: Path) -> None:
    put(tmp_path, 1, people(5), policy=Policy(erase_after_s=3600))
    assert Eraser(tmp_path).run(opened(tmp_path).lists, kit.TRUSTED)
    folder = tmp_path / "wanted"
    assert sorted(p.name for p in folder.iterdir()) == ["ERASED"]
    stone = tombstones.read(folder)
    assert stone is not None
    assert (stone.gallery, stone.keys) == (True, (kit.KEY.key_id.hex(),))
    entry = only(opened(tmp_path))
    assert (entry.fingers, entry.gallery) == (True, None)
    assert entry.erased == stone
    assert Eraser(tmp_path).run([entry], kit.TRUSTED) is False


def test_a_gallery_of_which_nothing_is_left_stays_one_after_a_restart(tmp_path: Path) -> None:
    """The box remembers beside its high-water mark what it was: fingers miss it, and no document waits for it."""
    put(tmp_path / "lists", 2, people(5))
    documents = memory_list("sltd", documents=[DocumentEntry("X1234567", issuing_state="UTO")])
    state = State(tmp_path / "state.sqlite")

    def begin() -> ListsInUse:
        lists = Watchlists.open(
            tmp_path / "lists", high_water=state.high_water(), galleries=state.galleries(), keys=lambda: kit.RING)
        made = ListsInUse(lists, state=state, screener=SCREENER, now=lambda: TRUSTED, refresh_s=1.0)
        made.begin()
        return made

    begin()
    shutil.rmtree(tmp_path / "lists" / "wanted")
    lists = begin().current
    assert (only(lists).fingers, only(lists).generation, only(lists.refresh()).fingers) == (True, None, True)
    assert SCREENER.screen(ASKED, [documents, *lists.lists], TRUSTED).outcome is Outcome.CLEAR
    searcher = Searcher(lambda: lists.lists, SCREENER, lambda: TRUSTED, SearchPolicy())
    answer = searcher.search(kit.finger(9), kit.INDEX)
    assert [(c.list_id, c.state, c.required) for c in answer.coverage] == [("wanted", CoverageState.MISSING, True)]
    asked = Coverage("sltd", 1, 60, 10, CoverageState.ASKED)
    assert Verdict.of((), (asked, *answer.coverage)).outcome is Outcome.INCOMPLETE
    assert not searched(answer)
    state.close()


def test_a_list_of_documents_that_was_a_gallery_is_one_of_documents(tmp_path: Path) -> None:
    (tmp_path / "wanted" / "0000000001").mkdir(parents=True)
    (tmp_path / "wanted" / "0000000001" / "documents.bin").write_bytes(b"")
    assert not only(Watchlists.open(tmp_path, galleries={"wanted"})).fingers


def test_an_older_stone_is_read_and_one_of_documents_stays_as_it_was(tmp_path: Path) -> None:
    stone = tombstones.Tombstone("un", 3, kit.DATE, kit.NOW, 3600)
    (tmp_path / "un").mkdir()
    tombstones.write(tmp_path / "un", stone)
    assert b"gallery" not in (tmp_path / "un" / "ERASED").read_bytes()
    assert tombstones.read(tmp_path / "un") == stone
    assert not is_gallery(tmp_path / "un", ())


def test_the_older_generation_serves_while_the_newer_is_damaged(tmp_path: Path) -> None:
    put(tmp_path, 1, people(5))
    place = put(tmp_path, 2, people(6))
    data = bytearray((place / "gallery.bin").read_bytes())
    data[2000] ^= 1
    (place / "gallery.bin").write_bytes(bytes(data))
    entry = only(opened(tmp_path))
    assert (entry.generation, entry.fingers) == (1, True)
    assert entry.problem == "generation 2 is damaged: gallery.bin does not agree with its digest"


def test_a_generation_of_documents_with_a_gallery_beside_it_stays_one_of_documents(tmp_path: Path) -> None:
    put(tmp_path, 1, people(5), key=None)
    place = tmp_path / "wanted" / "0000000001"
    manifest = json.loads((place / "manifest.json").read_bytes())
    assert "gallery" in manifest
    (place / "gallery.bin").rename(place / "documents.bin")
    entry = only(opened(tmp_path))
    assert entry.generation is None
    assert not entry.fingers  # its files are those of documents, whatever the manifest says


@pytest.fixture
def world(tmp_path: Path) -> BoxWorld:
    made = BoxWorld(tmp_path)
    made.publish()
    return made


def load(world: BoxWorld) -> Config:
    return config.parse(world.config.read_text(), where="edge.toml", base=world.folder)


def found(settings: Config) -> dict[str, list[Check]]:
    by_name: dict[str, list[Check]] = {}
    for check in examine(settings):
        by_name.setdefault(check.name, []).append(check)
        assert (check.grade is Grade.OK) or check.advice, f"{check}: no next step"
    return by_name


def test_the_doctor_tells_of_galleries(world: BoxWorld) -> None:
    put(world.lists, 3, people(5), extractor="leader-1", key=None)
    (sound,) = found(load(world))["gallery wanted"]
    assert sound.grade is Grade.OK
    assert sound.found.startswith("generation 3, 5 templates of 5 persons, leader-1, source of 2026-02-01")
    put(world.lists, 4, people(5), extractor="mindtct-1", key=None)
    told = found(load(world))["gallery wanted"]
    assert [(c.grade, "never compared" in c.found) for c in told] == [(Grade.OK, False), (Grade.WARNING, True)]
    put(world.lists, 5, people(5), extractor="leader-1", key=None, tail=None)
    told = found(load(world))["gallery wanted"]
    assert [c.grade for c in told] == [Grade.OK, Grade.INFO]
    (world.lists / "wanted" / "0000000005" / "gallery.bin").write_bytes(b"")
    told = found(load(world))["gallery wanted"]
    assert (told[0].grade, "generation 5 is damaged" in told[0].found) == (Grade.WARNING, True)


def test_the_doctor_names_a_gallery_that_is_required(world: BoxWorld) -> None:
    put(world.lists, 3, people(5), extractor="leader-1", key=None)
    settings = load(world)
    screening = msgspec.structs.replace(settings.screening, required=("national", "sltd", "wanted"))
    checked = found(msgspec.structs.replace(settings, screening=screening))
    assert checked["gallery wanted"][0].grade is Grade.ERROR
    assert checked["gallery wanted"][0].advice == "take wanted out of screening.required"
    assert "list wanted" not in checked


def test_the_doctor_counts_the_memory_of_two_generations(world: BoxWorld) -> None:
    put(world.lists, 3, people(5), extractor="leader-1", key=None)
    settings = load(world)
    small = msgspec.structs.replace(settings, fingers=msgspec.structs.replace(settings.fingers, search_mb=256))
    assert "search memory" not in found(small)
    lists = Watchlists.open(world.lists).lists
    grown = [_grown(one, 40 << 20) if one.fingers else one for one in lists]
    (memory,) = [c for c in checks_fingers.galleries(small, grown, {}, stopped=True) if c.name == "search memory"]
    assert "need 280 MiB" in memory.found
    assert "fingers.search_mb to 512" in memory.advice


def _grown(one: OpenList, size: int) -> OpenList:
    assert one.gallery is not None
    return replace(one, gallery=replace(one.gallery, digest=msgspec.structs.replace(one.gallery.digest, bytes=size)))


def test_what_the_running_search_says_of_itself_is_judged() -> None:
    row = {"list": "wanted", "generation": 3, "problem": ""}
    said = {"extract": {}, "search": {"problem": "", "galleries": [row]}}
    assert list(checks_fingers.search(said)) == []
    assert list(checks_fingers.search(None)) == []
    row["problem"] = "generation 4 is damaged: x"
    assert [c.grade for c in checks_fingers.search(said)] == [Grade.WARNING]
    row |= {"generation": None, "problem": ""}
    (reading,) = checks_fingers.search(said)
    assert reading.found == "wanted is not loaded: it is being read"
    said["search"]["problem"] = "capture failed: the process for fingers was ended"
    assert [c.grade for c in checks_fingers.search(said)] == [Grade.ERROR, Grade.ERROR]


def test_inspect_tells_what_a_gallery_holds_and_no_person(tmp_path: Path) -> None:
    put(tmp_path, 3, [*people(5), Wanted("R-9", 9, kit.OTHER)], key=None, image=True)
    put(tmp_path, 1, people(2), list_id="locked", silent=True, tail=None)
    done = CliRunner().invoke(command, ["inspect", str(tmp_path)])
    assert done.exit_code == 1
    assert "locked: cannot be used: " in done.output
    assert "6 templates of 6 persons (gallery), digests agree" in done.output
    assert "invented-1; right-index 5, left-index 1; impostor tail of 1,000 pairs" in done.output
    assert "reports carry the image" in done.output
    assert "R-9" not in done.output
    done = CliRunner().invoke(command, ["inspect", str(tmp_path), "--json"])
    rows = {row["list"]: row for row in json.loads(done.stdout.splitlines()[0])["lists"]}
    assert rows["wanted"]["positions"] == {"right-index": 5, "left-index": 1}
    assert (rows["wanted"]["sealed"], rows["wanted"]["sound"], rows["locked"]["sound"]) == (False, True, False)


def status(**more: object) -> dict[str, object]:
    return {
        "device": "b", "site": "", "uptime_seconds": 1, "clock": {"state": "signed", "time": None,
        "records_expire": True}, "readers": [], "scanners": [], "passthrough": [], "counters": [], "lists": [],
        "outbox": {"pending": 0, "oldest_seconds": None, "acked": 0, "dropped": 0, "awaiting": 0},
        "uplink": {"state": "none"}, "disk_free_mb": 1, "updates": None, **more,
    }  # fmt: skip


def test_status_says_which_generation_is_searched() -> None:
    entry = {"list": "wanted", "generation": 4, "age_seconds": 7200, "freshness": "fresh", "records": 9,
             "state": "asked", "problem": None}
    held = {"list": "wanted", "generation": 3, "problem": "generation 4 is damaged: x"}
    search = {"problem": "", "loading": False, "memory_mb": 160.0, "locked_mb": 160.0, "starts": 1, "galleries": [held]}
    text = lines(status(galleries=[entry], fingers={"search": search, "extract": {"problem": "", "starts": 1}}))
    (first,) = [line for line in text if line.startswith("gallery")]
    assert "generation 4  9 templates" in first
    assert first.endswith("generation 4 is damaged: x")
    assert "         generation 3 serves" in text
    assert any(line.startswith("search   ready  160 MB of galleries in memory, 160 of them locked") for line in text)
    alone = lines(status(galleries=[entry], fingers=None))
    assert not any(line.startswith("search") for line in alone)


def test_the_doctor_names_galleries_that_must_be_here(world: BoxWorld) -> None:
    put(world.lists, 3, people(5), extractor="leader-1", key=None)
    text = world.config.read_text().replace('required = ["national", "sltd"]', "")
    world.config.write_text(f'{text}\n[fingers]\nrequired = ["wanted", "interpol", "sltd"]\n')
    told = found(load(world))
    assert [one.grade for one in told["gallery wanted"]] == [Grade.OK]
    (missing,) = told["gallery interpol"]
    assert (missing.grade, missing.found) == (
        Grade.WARNING, "stands in fingers.required and is not here: no finger is searched for certain")
    (mistaken,) = told["gallery sltd"]
    assert (mistaken.grade, mistaken.found) == (Grade.ERROR, "stands in fingers.required, but is no gallery of fingers")
