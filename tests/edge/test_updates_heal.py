"""Copies of a list that are damaged or not headquarters': the next update takes the list whole, never a lower one."""

from __future__ import annotations

import shutil
import threading
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from distribution_kit import T0, key
from keyed_kit import KEY, RING, Told, base_bytes, changed
from memory_lists import TRUSTED
from updated_box import CARD, ONE, TWO, World

from edge.core.keyed import card as cards
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.core.screening import Screener
from edge.core.vault import KeyRing, RingEntry
from edge.crew import Pulse
from edge.keyed_files import KeyedList
from edge.keyed_install import adopt_base, install_base
from edge.list_keys import RING as RING_FILE
from edge.list_keys import SEALED, ListKeys
from edge.lists_in_use import ListsInUse
from edge.state import State
from edge.update_report import ListOutcome
from edge.watchlists import Watchlists
from hq.distribution.publishing import offer_of

THREE = changed(TWO, 3, [(document_text("UTO", f"T{i}"), Record("P", "lost")) for i in range(9)], [])
FOUR = changed(THREE, 4, [(document_text("UTO", f"F{i}"), Record("P", "lost")) for i in range(9)], [])


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A box with generation 2 of a list, by way of a base and a delta."""
    world = World(tmp_path)
    for generation, told in ((1, ONE), (2, TWO)):
        world.keyed(told, generation, T0 + timedelta(days=generation))
        world.publish()
        assert world.one().now == generation
    return world


def spoil(path: Path, at: int = -9) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.unlink()
    path.write_bytes(data)


def stranger(world: World) -> None:
    """The box has another set under the number 2."""
    shutil.rmtree(world.lists / "sltd")
    other = changed(ONE, 2, [], list(ONE)[:50])
    install_base(world.lists / "sltd", "sltd", [base_bytes(other, 2)])
    shutil.copy(world.out / "sltd" / "card.json", world.lists / "sltd" / "card.json")


def is_headquarters(world: World, told: Told, outcome: ListOutcome, generation: int) -> None:
    assert (outcome.outcome, outcome.now, outcome.refused) == ("updated", generation, None)
    assert world.box().problem is None
    list(world.box().verify())
    assert world.box().header.count == len(told)
    assert world.marks() == {"sltd": generation}
    assert world.one().outcome == "current"


def test_another_set_under_the_same_number_is_replaced(world: World) -> None:
    stranger(world)
    is_headquarters(world, TWO, world.one(), 2)


def test_another_set_is_replaced_when_a_delta_does_not_fit(world: World) -> None:
    stranger(world)
    world.keyed(THREE, 3, T0 + timedelta(days=3))
    world.publish()
    is_headquarters(world, THREE, world.one(), 3)


def test_a_generation_that_headquarters_never_published_is_left_behind(world: World) -> None:
    other = changed(TWO, 3, [], list(TWO)[:5])
    install_base(world.lists / "sltd", "sltd", [base_bytes(other, 3)])
    world.keyed(FOUR, 4, T0 + timedelta(days=4))
    world.publish()  # of the bases only the first is offered, and deltas lead on from it
    is_headquarters(world, FOUR, world.one(), 4)


@pytest.mark.parametrize("name", ["base-0000000001.sdl", "overlay-0000000002.sdo", "CURRENT"])
@pytest.mark.parametrize("newer", [False, True])
def test_a_rotten_file_that_the_running_box_found_is_replaced(world: World, name: str, newer: bool) -> None:
    spoil(world.lists / "sltd" / name)
    with_lists(world).run(Once())
    if newer:
        world.keyed(THREE, 3, T0 + timedelta(days=3))
        world.publish()
    is_headquarters(world, THREE if newer else TWO, world.one(), 3 if newer else 2)


@pytest.mark.parametrize("at", [0, 100])
def test_a_header_that_rotted_is_replaced_without_anybody_saying_so(world: World, at: int) -> None:
    spoil(world.lists / "sltd" / "base-0000000001.sdl", at)
    is_headquarters(world, TWO, world.one(), 2)


def test_where_no_whole_list_leads_on_the_refusal_says_what_headquarters_must_do(world: World) -> None:
    with world.hq.open() as repository:
        signed = repository.draft("list-sltd")
        for path in [path for path in signed.targets if "/base-" in path]:
            del signed.targets[path]
        repository.submit("list-sltd", signed, [key("sltd")])
    world.hq.stamp()
    stranger(world)
    for _ in range(2):
        outcome = world.one()
        assert outcome.refused is not None
        assert (outcome.refused.code, outcome.now) == ("no_whole", 2)
        assert "--whole" in outcome.refused.advice
        assert world.box().header.count == 250
    made = world.publish(whole=True)
    assert [(e.start, e.to) for e in made.editions] == [(0, 2)]
    is_headquarters(world, TWO, world.one(), 2)
    assert world.publish(whole=True).editions == ()


def test_a_list_below_its_mark_is_not_brought_from_nothing(world: World) -> None:
    with world.hq.open() as repository:  # the base is there, and nothing leads from it to what the box had
        signed = repository.draft("list-sltd")
        for path in [path for path in signed.targets if "/delta-" in path]:
            del signed.targets[path]
        repository.submit("list-sltd", signed, [key("sltd")])
        assert offer_of("sltd", signed).newest == 1
    world.hq.stamp()
    shutil.rmtree(world.lists / "sltd")
    outcome = world.one()
    assert outcome.refused is not None
    assert (outcome.refused.code, outcome.now) == ("older", 0)


def test_a_key_of_another_list_does_not_count(world: World) -> None:
    ring = KeyRing.of([RingEntry("other", 1, KEY)])
    world.bring_ring(ring)
    world.keyed(THREE, 3, T0 + timedelta(days=3))
    world.publish()
    outcome = world.one()
    assert outcome.refused is not None
    assert (outcome.refused.code, outcome.now) == ("no_key", 2)


def test_by_hand_the_keys_of_the_service_are_used(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = world.state.parent / "credentials"
    credentials.mkdir()
    ring = ListKeys(world.state).ring()
    (credentials / RING_FILE).write_bytes(ring.encode())
    (world.state / SEALED).unlink()
    world.keyed(THREE, 3, T0 + timedelta(days=3))
    world.publish()
    assert world.one().refused is not None
    monkeypatch.setattr("edge.list_keys.UNIT_CREDENTIALS", credentials)
    assert world.one().now == 3


# -- a running box ----------------------------------------------------------------------------------------------------


class Once(Pulse):
    """Two looks."""

    def __init__(self, looks: int = 2) -> None:
        super().__init__(threading.Event(), lambda: 0.0)
        self._looks = looks

    def wait(self, timeout_s: float, /) -> bool:
        self._looks -= 1
        return self._looks < 0


def with_lists(world: World) -> ListsInUse:
    state = State(world.state / "state.sqlite")
    ring = KeyRing.of([RingEntry("sltd", 1, KEY)])
    opened = Watchlists.open(world.lists, high_water=state.high_water(), keys=lambda: ring)
    lists = ListsInUse(opened, state=state, screener=Screener(), now=lambda: TRUSTED, refresh_s=1.0)
    lists.begin()
    return lists


@pytest.mark.parametrize("by_delta", [False, True])
def test_a_running_box_goes_down_where_the_mark_fell_and_nowhere_else(world: World, by_delta: bool) -> None:
    ahead = changed(TWO, 900, [], list(TWO)[:200])
    if by_delta:
        world.keyed(ahead, 900, T0 + timedelta(days=3))
        world.publish()
        assert world.one().now == 900
    else:
        install_base(world.lists / "sltd", "sltd", [base_bytes(ahead, 900)])
        State(world.state / "state.sqlite").raise_high_water("sltd", 900)
    lists = with_lists(world)
    assert lists.generations() == {"sltd": 900}
    # somebody puts the old base there: it is asked at most as what lies behind, and nothing is CLEAR by it
    base = world.root.parent / "old.sdl"
    base.write_bytes(base_bytes(ONE, 1))
    adopt_base(world.lists / "sltd", "sltd", base, anew=True)
    lists.run(Once())
    (one,) = lists.current.lists
    assert one.problem is not None
    assert world.marks() == {"sltd": 900}
    # the mark fell, as it does where root holders gave the list another key
    State(world.state / "state.sqlite").reset_high_water("sltd", 1)
    lists.run(Once())
    (one,) = lists.current.lists
    assert (one.problem, one.behind, one.generation) == (None, False, 1)
    KeyedList.open(world.lists / "sltd", "sltd", RING.get)
    assert world.marks() == {"sltd": 1}


def test_what_a_running_box_has_in_memory_is_let_go_where_the_base_stays(world: World) -> None:
    """The overlay alone goes: the base in memory is the one on disk."""
    from edge import keyed_folder

    lists = with_lists(world)
    assert lists.generations() == {"sltd": 2}
    with keyed_folder.writing(world.lists / "sltd", "sltd"):
        keyed_folder.set_current(world.lists / "sltd", "sltd", keyed_folder.Pair(1, 1))
        keyed_folder.sweep(world.lists / "sltd", keyed_folder.Pair(1, 1))
    lists.run(Once())
    (one,) = lists.current.lists
    assert one.generation == 2  # goes on with what it has, and says so
    assert one.problem is not None
    State(world.state / "state.sqlite").reset_high_water("sltd", 1)
    lists.run(Once())
    (one,) = lists.current.lists
    assert (one.problem, one.generation) == (None, 1)


@pytest.mark.parametrize("harm", ["flipped", "silent", "gone", "another"])
def test_a_card_that_is_not_headquarters_is_fetched_alone(world: World, harm: str) -> None:
    card = world.lists / "sltd" / "card.json"
    sound = card.read_bytes()
    card.unlink()
    if harm != "gone":
        card.write_bytes({
            "flipped": sound.replace(b"Documents", b"Dokuments"), "silent": sound.replace(b"false", b"true"),
            "another": cards.encode(msgspec.structs.replace(CARD, silent=True)),
        }[harm])  # fmt: skip
    opened = Watchlists.open(world.lists, keys=lambda: KeyRing.of([RingEntry("sltd", 1, KEY)])).lists[0]
    assert (opened.problem is None) == (harm == "another")
    before = world.standing()
    one = world.one()
    assert (one.outcome, one.now, one.files) == ("updated", 2, 1)
    assert one.bytes < 1000
    assert card.read_bytes() == sound
    assert world.standing() == before
    assert world.one().outcome == "current"
