"""Keyed lists in the lists folder as the box sees them: real files, keys of a ring, damage, news, the way back."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from keyed_kit import KEY, base_bytes, changed, opened, some
from memory_lists import NOW, TRUSTED

from edge import tombstones
from edge.core.keyed import card as cards
from edge.core.keyed.card import Card
from edge.core.keyed.delta import make_delta
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.core.screening import Query, Screener, ThingQuery
from edge.core.vault import KeyRing, RingEntry
from edge.core.verdicts import CoverageState
from edge.crew import Pulse
from edge.keyed_files import KeyedList
from edge.keyed_install import install_base
from edge.lists_in_use import ListsInUse
from edge.state import State
from edge.watchlists import OpenList, Watchlists
from hq.publisher import BuildOptions, SourceSpec, build

CARD = Card("sltd", "Invented", "documents", False, "Confirm with the NCB.").sealed()
RING = KeyRing.of([RingEntry("sltd", 1, KEY)])
FIRST = some(200)
LOST = document_text("UTO", "L898902C3")
SECOND = changed(FIRST, 2, [(LOST, Record("P", "lost"))], [])
ASKED = Query.of_fields({"document_number": "L898902C3", "issuing_state": "UTO"})


def put(root: Path, told: dict[tuple[str, Record], int] = FIRST, generation: int = 1, card: Card = CARD) -> Path:
    folder = root / card.list_id
    install_base(folder, card.list_id, [base_bytes(told, generation, list_id=card.list_id)])
    (folder / cards.FILE_NAME).write_bytes(cards.encode(card))
    return folder


def look(root: Path, ring: KeyRing = RING, mark: int = 0) -> OpenList:
    return Watchlists.open(root, high_water={"sltd": mark} if mark else None, keys=lambda: ring).lists[0]


def news(folder: Path, before: dict[tuple[str, Record], int], after: dict[tuple[str, Record], int], to: int) -> None:
    """What the updates of another process do: a delta laid over the list on disk."""
    delta = make_delta(opened(base_bytes(before, to - 1, last_layer=to - 1)), opened(base_bytes(after, to)))
    KeyedList.open(folder, "sltd", {RING.entries[0].key_id: KEY}.get).apply(delta)


def test_a_keyed_list_is_asked_beside_the_others(tmp_path: Path) -> None:
    put(tmp_path, SECOND, 2)
    one = look(tmp_path)
    assert (one.problem, one.generation, one.manifest, one.card) == (None, 2, None, CARD)
    verdict = Screener().screen(ASKED, [one], TRUSTED)
    assert (verdict.outcome, verdict.coverage[0].records, verdict.coverage[0].generation) == ("HIT", 201, 2)


def test_a_list_without_its_key_says_so_until_the_ring_comes(tmp_path: Path) -> None:
    put(tmp_path)
    rings = [KeyRing(), KeyRing.of([RingEntry("other", 1, KEY)]), RING]
    lists = Watchlists.open(tmp_path, keys=lambda: rings[0])
    for _ in range(2):
        one = lists.lists[0]
        assert one.keyed is None
        assert RING.entries[0].key_id.hex() in str(one.problem)
        verdict = Screener().screen(ASKED, lists.lists, TRUSTED)
        assert (verdict.outcome, verdict.coverage[0].state) == ("INCOMPLETE", CoverageState.DAMAGED)
        rings.pop(0)
        lists = lists.refresh()
    assert lists.lists[0].problem is None
    assert lists.generations() == {"sltd": 1}


def test_a_list_of_vehicles_that_does_not_open_is_still_none_for_travellers(tmp_path: Path) -> None:
    put(tmp_path)
    put(tmp_path, card=msgspec.structs.replace(CARD, list_id="vehicles", thing="vehicles"))
    lists = Watchlists.open(tmp_path, keys=lambda: RING).lists  # whose ring has no key for it
    calm = Query.of_fields({"document_number": "X1", "issuing_state": "UTO"})
    verdict = Screener().screen(calm, lists, TRUSTED)
    assert [c.state for c in verdict.coverage] == [CoverageState.ASKED, CoverageState.NOT_APPLICABLE]
    assert verdict.outcome == "CLEAR"
    asked = Screener().screen(ThingQuery.of_vehicle({"plate": "AB123CD"}), lists, TRUSTED)
    assert (asked.outcome, asked.coverage[1].state) == ("INCOMPLETE", CoverageState.DAMAGED)


def test_a_list_that_changes_its_kind_is_asked_all_the_while(tmp_path: Path) -> None:
    source = tmp_path / "sltd.csv"
    source.write_text("document_number,issuing_state,fraud_category\nL898902C3,UTO,stolen\n")
    root, ring, specs = tmp_path / "lists", lambda: RING, [SourceSpec("sltd-csv", "sltd", source)]

    def outcome(lists: Watchlists) -> str:
        assert lists.lists[0].problem is None
        return str(Screener().screen(ASKED, lists.lists, TRUSTED).outcome)

    build(root, specs, now=NOW, options=BuildOptions(source_date=NOW))
    lists = Watchlists.open(root, keys=ring)
    assert outcome(lists) == "HIT"
    folder = root / "sltd"
    (folder / cards.FILE_NAME).write_bytes(cards.encode(CARD))  # an update brings the card first, the base takes long
    lists = lists.refresh()
    assert (outcome(lists), lists.generations()) == ("HIT", {"sltd": 1})
    put(root, SECOND, 2)
    lists = lists.refresh()
    assert lists.lists[0].keyed is not None
    assert (outcome(lists), lists.generations()) == ("HIT", {"sltd": 2})
    build(tmp_path / "hq", specs, now=NOW, options=BuildOptions(source_date=NOW, generation=3))
    (tmp_path / "hq/sltd/0000000003").rename(folder / "0000000003")  # as an update brings it
    lists = lists.refresh()
    assert lists.lists[0].keyed is None
    assert (outcome(lists), lists.generations()) == ("HIT", {"sltd": 3})


@pytest.mark.parametrize("name", ["base-0000000001.sdl", "CURRENT", "card.json"])
@pytest.mark.parametrize("how", ["cut", "gone", "noise", "folder"])
def test_damage_is_named_and_never_raised(tmp_path: Path, name: str, how: str) -> None:
    place = put(tmp_path) / name
    data = place.read_bytes()
    place.unlink()
    if how == "folder":
        place.mkdir()
    elif how != "gone":
        place.write_bytes(data[:20] if how == "cut" else b"\x00" * len(data))
    one = look(tmp_path)
    assert one.problem
    verdict = Screener().screen(ASKED, [one], TRUSTED)
    usable = name == "CURRENT"  # the newest pair of files serves on
    assert (one.keyed is not None) is usable
    assert verdict.outcome == ("CLEAR" if usable else "INCOMPLETE")


def test_a_card_of_another_list_is_refused(tmp_path: Path) -> None:
    folder = put(tmp_path)
    (folder / cards.FILE_NAME).write_bytes(cards.encode(msgspec.structs.replace(CARD, list_id="tdawn")))
    assert "another list" in str(look(tmp_path).problem)


def test_behind_its_mark_a_list_is_asked_and_counts_as_damaged(tmp_path: Path) -> None:
    put(tmp_path, SECOND, 2)
    one = look(tmp_path, mark=5)
    assert one.behind
    assert "older than 5" in str(one.problem)
    assert Screener().screen(ASKED, [one], TRUSTED).outcome == "HIT"
    calm = Query.of_fields({"document_number": "X1", "issuing_state": "UTO"})
    assert Screener().screen(calm, [one], TRUSTED).outcome == "INCOMPLETE"


def test_news_are_taken_up_and_who_asks_keeps_the_old_files(tmp_path: Path) -> None:
    folder = put(tmp_path)
    lists = Watchlists.open(tmp_path, keys=lambda: RING)
    assert lists.refresh() is lists
    news(folder, FIRST, SECOND, 2)
    old, fresh = lists.lists[0], lists.refresh()
    assert fresh.generations() == {"sltd": 2}
    assert fresh.refresh() is fresh
    assert old.generation == 1
    assert Screener().screen(ASKED, [old], TRUSTED).outcome == "CLEAR"
    assert Screener().screen(ASKED, fresh.lists, TRUSTED).outcome == "HIT"
    assert old.keyed is not None
    assert fresh.lists[0].keyed is not None
    assert old.keyed._open.store.base is fresh.lists[0].keyed._open.store.base  # with all that was verified of it


def test_a_new_card_and_a_new_base_are_taken_up(tmp_path: Path) -> None:
    folder = put(tmp_path)
    lists = Watchlists.open(tmp_path, keys=lambda: RING)
    (folder / cards.FILE_NAME).write_bytes(cards.encode(msgspec.structs.replace(CARD, silent=True)))
    silent = lists.refresh()
    assert silent.lists[0].card is not None
    assert silent.lists[0].card.silent
    put(tmp_path, SECOND, 7)
    assert silent.refresh().generations() == {"sltd": 7}


def test_what_is_in_memory_stays_while_its_base_does(tmp_path: Path) -> None:
    folder = put(tmp_path)
    lists = Watchlists.open(tmp_path, keys=lambda: RING)
    (folder / cards.FILE_NAME).write_bytes(b"{")
    kept = lists.refresh()
    assert kept.lists[0].problem
    assert kept.lists[0].generation == 1
    assert kept.refresh() is kept
    shutil.rmtree(folder)
    assert kept.refresh().lists == ()


def test_an_erased_list_does_not_come_back(tmp_path: Path) -> None:
    folder = put(tmp_path)
    when = datetime(2026, 1, 1, tzinfo=UTC)
    tombstones.write(folder, tombstones.Tombstone("sltd", 1, when, when, 3600))
    one = look(tmp_path)
    assert one.keyed is None
    assert Screener().screen(ASKED, [one], TRUSTED).coverage[0].state is CoverageState.ERASED
    put(tmp_path, SECOND, 2)
    assert look(tmp_path).generation == 2


class Looks(Pulse):
    """So many looks at the folder, and no waiting."""

    def __init__(self, looks: int) -> None:
        self._left = looks

    def wait(self, _timeout_s: float, /) -> bool:
        self._left -= 1
        return self._left < 0


def in_use(tmp_path: Path) -> tuple[ListsInUse, State]:
    state = State(tmp_path / "state.sqlite")
    lists = ListsInUse(
        Watchlists.open(tmp_path / "lists", keys=lambda: RING), state=state, screener=Screener(),
        now=lambda: TRUSTED, refresh_s=1.0,
    )  # fmt: skip
    return lists, state


def test_the_box_marks_what_it_uses_and_finds_rot_while_it_works(tmp_path: Path) -> None:
    many = {(document_text("UTO", f"C{i:07d}"), Record("P", "lost")): 1 for i in range(140_000)}
    folder = put(tmp_path / "lists", many)
    with (folder / "base-0000000001.sdl").open("r+b") as file:
        file.seek(4096 + 1000)  # the first chunk: directories and header lie in others
        file.write(b"\xff")
    lists, state = in_use(tmp_path)
    lists.begin()
    assert lists.generations() == {"sltd": 1}
    assert state.high_water() == {"sltd": 1}
    assert Screener().screen(ASKED, lists.current.lists, TRUSTED).outcome == "CLEAR"
    lists.run(Looks(1))
    assert "chunk 0" in str(lists.current.lists[0].problem)
    verdict = Screener().screen(ASKED, lists.current.lists, TRUSTED)
    assert (verdict.outcome, verdict.coverage[0].state) == ("INCOMPLETE", CoverageState.DAMAGED)
    install_base(folder, "sltd", [base_bytes(many, 1)])  # the same generation once more, for the one that rotted
    lists.run(Looks(1))
    assert lists.current.lists[0].problem is None
    assert Screener().screen(ASKED, lists.current.lists, TRUSTED).outcome == "CLEAR"
