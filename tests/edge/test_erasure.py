"""Lists that end at an age: by their own policy and by trusted time alone, for good, and said once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import keyed_kit
import msgspec
import pytest
from structlog.testing import capture_logs

from edge import tombstones
from edge.core import vault
from edge.core.keyed import card as cards
from edge.core.keyed.card import Card
from edge.core.screening import Query, Screener
from edge.core.trusted import ClockState, Trusted
from edge.core.vault import KeyRing, RingEntry
from edge.core.verdicts import CoverageState, Outcome
from edge.core.watch import (
    DocumentEntry,
    EntryName,
    FileDigest,
    Lost,
    Manifest,
    PersonEntry,
    Policy,
    Records,
    build_documents,
    build_persons,
)
from edge.core.watch import manifest as manifests
from edge.crew import Pulse
from edge.erasure import Eraser
from edge.keyed_folder import writing
from edge.keyed_install import install_base
from edge.lists_in_use import ListsInUse
from edge.state import State
from edge.watchlists import Watchlists

SOURCE = datetime(2026, 2, 1, tzinfo=UTC)
DAYS = 30
POLICY = Policy(erase_after_s=DAYS * 86_400)
KEY = RingEntry("national", 1, b"k" * 32)
LISTED = Query.of_fields({"surname": "SPECIMEN", "given_names": "ANNA", "birth_date": "1980"})


def at(days: float, state: ClockState = ClockState.SIGNED) -> Trusted:
    """Trusted time so many days after the sources."""
    now = SOURCE + timedelta(days=days)
    return Trusted(state, now, now)


def put(root: Path, generation: int, *, policy: Policy | None = POLICY, source: datetime = SOURCE,
        key: RingEntry | None = None) -> Path:
    """A generation of one invented document and person."""
    files = {
        "documents.bin": build_documents([DocumentEntry("UTO00001")]),
        "persons.bin": build_persons([PersonEntry("UTO-1", (EntryName("SPECIMEN ANNA"),))]),
    }
    if key is not None:
        kinds = {"documents.bin": "DOCS", "persons.bin": "PERS"}
        files = {n: vault.seal_file(d, key, generation=generation, kind=kinds[n]) for n, d in files.items()}
    place = root / "national" / f"{generation:010d}"
    place.mkdir(parents=True)
    for name, data in files.items():
        (place / name).write_bytes(data)
    manifest = Manifest(
        list_id="national", title="Invented", generation=generation, source_date=source, built_at=source,
        records=Records(documents=1, persons=1, names=1), lost=Lost(rows=0, of=1),
        files={n: FileDigest(bytes=len(d), sha256=hashlib.sha256(d).hexdigest()) for n, d in files.items()},
        silent=False, action="Confirm with the NCB.", policy=policy or msgspec.UNSET,
    )
    (place / "manifest.json").write_bytes(manifests.encode(manifest))
    return place


def names(root: Path, list_id: str = "national") -> list[str]:
    return sorted(p.name for p in (root / list_id).iterdir())


def look(root: Path, now: Trusted, keys: Sequence[RingEntry] = (), marks: dict[str, int] | None = None) -> Watchlists:
    """One look of the lists thread; the lists as they stand then."""
    ring = KeyRing.of(keys)
    opened = Watchlists.open(root, keys=lambda: ring, high_water=marks)
    Eraser(root).run(opened.lists, now)
    return opened.refresh()


def test_a_list_past_the_age_of_its_own_policy_is_erased_in_all_generations(tmp_path: Path) -> None:
    put(tmp_path, 3, source=SOURCE - timedelta(days=9))
    put(tmp_path, 4)
    (entry,) = look(tmp_path, at(DAYS + 0.1)).lists
    assert names(tmp_path) == [tombstones.FILE_NAME]
    assert (entry.manifest, entry.persons, entry.documents) == (None, None, None)
    assert entry.erased is not None
    assert (entry.erased.generation, entry.erased.erased_at) == (4, at(DAYS + 0.1).expiry)
    assert entry.problem == "generation 4 was erased on 2026-03-03, as the list's own policy demands at 30 days"


@pytest.mark.parametrize(
    "now",
    [
        at(DAYS - 0.1),
        Trusted(ClockState.UNTRUSTED, None, None),
        at(900, ClockState.HELD),                                                           # the floor alone
        Trusted(ClockState.HELD, at(900).time, at(1).expiry),
    ],
)
def test_nothing_is_erased_before_its_time_or_by_a_time_that_nobody_vouches_for(tmp_path: Path, now: Trusted) -> None:
    put(tmp_path, 4)
    (entry,) = look(tmp_path, now).lists
    assert names(tmp_path) == ["0000000004"]
    assert entry.manifest is not None


@pytest.mark.parametrize("policy", [None, Policy(), Policy(warn_after_s=3600, incomplete_after_s=7200)])
def test_a_list_without_such_a_policy_is_never_erased(tmp_path: Path, policy: Policy | None) -> None:
    put(tmp_path, 3, policy=policy)
    put(tmp_path, 4, policy=policy)
    (entry,) = look(tmp_path, at(45_000)).lists
    assert names(tmp_path) == ["0000000003", "0000000004"]
    assert entry.generation == 4


def test_the_verdict_says_that_the_list_was_erased_and_is_never_clear(tmp_path: Path) -> None:
    put(tmp_path, 4)
    now = at(DAYS + 1)
    lists = look(tmp_path, now).lists
    for screener in (Screener(), Screener(frozenset({"national"}), 900 * 86_400.0)):
        verdict = screener.screen(LISTED, lists, now)
        assert [(c.list_id, c.state) for c in verdict.coverage] == [("national", CoverageState.ERASED)]
        assert verdict.outcome is Outcome.INCOMPLETE
        assert [c.state for c in screener.coverage(lists, now)] == [CoverageState.ERASED]


def test_what_was_erased_does_not_come_back_and_what_is_newer_does(tmp_path: Path) -> None:
    put(tmp_path, 4)
    look(tmp_path, at(DAYS + 1))
    put(tmp_path, 4)                                            # copied back, by whatever clock
    (entry,) = Watchlists.open(tmp_path).lists
    assert (entry.manifest, entry.erased is not None) == (None, True)
    (entry,) = look(tmp_path, Trusted(ClockState.UNTRUSTED, None, None)).lists
    assert names(tmp_path) == [tombstones.FILE_NAME]
    put(tmp_path, 5, source=SOURCE + timedelta(days=DAYS))
    (entry,) = look(tmp_path, at(DAYS + 1)).lists
    assert (entry.generation, entry.problem, entry.erased) == (5, None, None)


def test_old_generations_of_a_young_list_go_by_their_own_dates(tmp_path: Path) -> None:
    put(tmp_path, 2, source=SOURCE - timedelta(days=20))
    put(tmp_path, 3, source=SOURCE - timedelta(days=2))
    put(tmp_path, 4)
    (entry,) = look(tmp_path, at(DAYS - 5)).lists
    assert names(tmp_path) == ["0000000003", "0000000004"]
    assert (entry.generation, entry.erased) == (4, None)


def test_what_a_power_cut_interrupted_is_finished_whatever_the_clock_says_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, 3)
    put(tmp_path, 4)

    def cut(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("edge.erasure.shutil.rmtree", cut)
        (entry,) = look(tmp_path, at(DAYS + 1)).lists
    assert names(tmp_path) == ["0000000003", "0000000004", tombstones.FILE_NAME]
    assert entry.erased is not None                              # decided: not asked any more
    look(tmp_path, Trusted(ClockState.UNTRUSTED, None, None))
    assert names(tmp_path) == [tombstones.FILE_NAME]


def test_a_disk_without_room_for_the_stone_is_freed_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, 4)
    tries: list[bool] = []
    write = tombstones.write

    def full(folder: Path, stone: tombstones.Tombstone) -> None:
        tries.append((folder / "0000000004").exists())
        if tries[-1]:
            raise OSError(28, "No space left on device")
        write(folder, stone)

    monkeypatch.setattr(tombstones, "write", full)
    look(tmp_path, at(DAYS + 1))
    assert (tries, names(tmp_path)) == ([True, False], [tombstones.FILE_NAME])


def test_an_erasure_is_said_once_and_so_is_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, 4)
    eraser, opened = Eraser(tmp_path), Watchlists.open(tmp_path)

    def refused(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with capture_logs() as logs:
        with monkeypatch.context() as patched:
            patched.setattr("edge.erasure.shutil.rmtree", refused)
            assert [eraser.run(opened.lists, at(DAYS + 1)) for _ in range(3)] == [False] * 3
        assert [eraser.run(opened.refresh().lists, at(DAYS + 1)) for _ in range(3)] == [True, False, False]
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("list_not_erased", "error"), ("list_erased", "warning")
    ]
    assert logs[0]["reason"] == "Read-only file system"


def test_the_keys_of_a_sealed_list_are_named(tmp_path: Path) -> None:
    put(tmp_path, 4, key=KEY)
    (entry,) = look(tmp_path, at(DAYS + 1), [KEY]).lists
    assert entry.erased is not None
    assert entry.erased.keys == (KEY.key_id.hex(),)


def test_an_erased_list_leaves_nothing_of_its_files(tmp_path: Path) -> None:
    put(tmp_path, 4)
    look(tmp_path, at(DAYS + 1))
    left = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"SPECIMEN" not in left
    assert b"UTO0" not in left


@pytest.mark.parametrize("bad", [b"", b"{}", b"[", b"\xff" * 9000])
def test_a_stone_that_cannot_be_read_is_no_stone_and_no_clear(tmp_path: Path, bad: bytes) -> None:
    put(tmp_path, 4)
    look(tmp_path, at(DAYS + 1))
    (tmp_path / "national" / tombstones.FILE_NAME).write_bytes(bad)
    (entry,) = Watchlists.open(tmp_path, high_water={"national": 4}).lists
    assert (entry.erased, entry.problem) == (None, "no generation is there")
    assert Screener().screen(LISTED, [entry], at(1)).outcome is Outcome.INCOMPLETE


# -- keyed lists ---------------------------------------------------------------------------------------------

KEYED_KEY = RingEntry("sltd", 1, keyed_kit.KEY)
AS_OF = datetime.fromtimestamp(1_699_000_000, UTC)


def put_keyed(root: Path, generation: int, *, erase_after_s: int | None = DAYS * 86_400) -> None:
    folder = root / "sltd"
    install_base(folder, "sltd", [keyed_kit.base_bytes(keyed_kit.some(20), generation)])
    card = Card("sltd", "Invented", "documents", False, "Confirm with the NCB.", erase_after_s)
    (folder / cards.FILE_NAME).write_bytes(cards.encode(card))


def later(days: float) -> Trusted:
    now = AS_OF + timedelta(days=days)
    return Trusted(ClockState.SIGNED, now, now)


def test_a_keyed_list_is_erased_with_its_base_and_card(tmp_path: Path) -> None:
    put_keyed(tmp_path, 4)
    (entry,) = look(tmp_path, later(DAYS + 1), [KEYED_KEY]).lists
    assert names(tmp_path, "sltd") == [tombstones.FILE_NAME, "LOCK"]
    assert entry.keyed is None
    assert entry.erased is not None
    assert (entry.erased.generation, entry.erased.keys) == (4, (keyed_kit.LIST.ident.hex(),))
    put_keyed(tmp_path, 4)
    (entry,) = Watchlists.open(tmp_path, keys=lambda: KeyRing.of([KEYED_KEY])).lists
    assert (entry.keyed, entry.erased is not None) == (None, True)


@pytest.mark.parametrize(("days", "erase_after_s"), [(DAYS - 1, DAYS * 86_400), (45_000, None)])
def test_a_keyed_list_stays_that_is_young_or_whose_card_demands_nothing(
    tmp_path: Path, days: float, erase_after_s: int | None
) -> None:
    put_keyed(tmp_path, 4, erase_after_s=erase_after_s)
    (entry,) = look(tmp_path, later(days), [KEYED_KEY]).lists
    assert entry.generation == 4


def test_a_keyed_list_that_is_being_changed_is_left_for_the_next_look(tmp_path: Path) -> None:
    put_keyed(tmp_path, 4)
    with writing(tmp_path / "sltd", "sltd"):
        look(tmp_path, later(DAYS + 1), [KEYED_KEY])
        assert "base-0000000004.sdl" in names(tmp_path, "sltd")
    look(tmp_path, Trusted(ClockState.UNTRUSTED, None, None), [KEYED_KEY])
    assert names(tmp_path, "sltd") == [tombstones.FILE_NAME, "LOCK"]


@pytest.mark.parametrize("spoilt", ["no key", "a rotten base"])
def test_a_keyed_list_that_cannot_be_asked_goes_by_its_card(tmp_path: Path, spoilt: str) -> None:
    put_keyed(tmp_path, 4)
    if spoilt == "a rotten base":
        with (tmp_path / "sltd" / "base-0000000004.sdl").open("r+b") as file:
            file.seek(4100)
            file.write(b"rotten")
    keys = [] if spoilt == "no key" else [KEYED_KEY]
    for now in (later(DAYS - 1), Trusted(ClockState.UNTRUSTED, None, None)):
        (entry,) = look(tmp_path, now, keys).lists
        assert (entry.keyed, entry.erased) == (None, None)
    assert "base-0000000004.sdl" in names(tmp_path, "sltd")
    (entry,) = look(tmp_path, later(DAYS + 1), keys).lists
    assert names(tmp_path, "sltd") == [tombstones.FILE_NAME, "LOCK"]
    assert entry.erased is not None
    assert entry.erased.keys == (keyed_kit.LIST.ident.hex(),)


@pytest.mark.parametrize("spoilt", ["no key", "a rotten file"])
def test_a_list_that_cannot_be_asked_goes_by_its_manifest(tmp_path: Path, spoilt: str) -> None:
    place = put(tmp_path, 4, key=KEY if spoilt == "no key" else None)
    put(tmp_path, 3)
    (tmp_path / "national" / "0000000003" / "documents.bin").unlink()
    if spoilt == "a rotten file":
        (place / "persons.bin").write_bytes(b"rotten")
    assert look(tmp_path, at(DAYS - 1)).lists[0].erased is None
    assert place.exists()
    assert look(tmp_path, at(DAYS + 1)).lists[0].erased is not None
    assert names(tmp_path) == [tombstones.FILE_NAME]


def test_a_list_that_began_anew_under_new_keys_is_not_taken_for_the_erased_one(tmp_path: Path) -> None:
    put(tmp_path, 400)
    put_keyed(tmp_path, 400)
    assert [one.erased is not None for one in look(tmp_path, later(4000), [KEYED_KEY]).lists] == [True, True]
    put(tmp_path, 1, source=SOURCE + timedelta(days=40))
    (tmp_path / "sltd" / "ERASED").write_bytes(
        (tmp_path / "sltd" / "ERASED").read_bytes().replace(b"2023-11-03", b"2023-10-03")
    )
    put_keyed(tmp_path, 1)
    lists = look(tmp_path, Trusted(ClockState.UNTRUSTED, None, None), [KEYED_KEY]).lists
    assert [(one.generation, one.erased) for one in lists] == [(1, None), (1, None)]


# -- in the daemon -------------------------------------------------------------------------------------------


class Looks(Pulse):
    """So many looks of the lists thread, without waiting."""

    def __init__(self, count: int) -> None:
        self.left = count

    def wait(self, timeout_s: float, /) -> bool:
        self.left -= 1
        return self.left < 0


def test_the_lists_thread_erases_takes_the_list_out_of_use_and_keeps_its_mark(tmp_path: Path) -> None:
    root = tmp_path / "lists"
    put(root, 4)
    state = State(tmp_path / "state.sqlite")
    times = iter([at(1), at(DAYS - 1), at(DAYS + 1), at(DAYS + 1), at(DAYS + 1)])
    now = [at(1)]

    def clock() -> Trusted:
        now[0] = next(times, now[0])
        return now[0]

    lists = ListsInUse(Watchlists.open(root), state=state, screener=Screener(), now=clock, refresh_s=0.0)
    with capture_logs() as logs:
        lists.begin()
        lists.run(Looks(1))
        assert lists.current.lists[0].generation == 4
        lists.run(Looks(3))
    assert lists.current.lists[0].erased is not None
    assert state.high_water() == {"national": 4}
    assert [line["event"] for line in logs].count("list_erased") == 1
    put(root, 3)
    lists.run(Looks(1))
    assert lists.current.lists[0].generation is None
    assert not (root / "national" / "0000000003").exists()
    state.close()


def test_the_stone_has_the_rights_of_its_owner_alone(tmp_path: Path) -> None:
    put(tmp_path, 4)
    look(tmp_path, at(DAYS + 1))
    assert (tmp_path / "national" / tombstones.FILE_NAME).stat().st_mode & 0o077 == 0


def test_an_open_list_keeps_answering_whoever_holds_it(tmp_path: Path) -> None:
    put(tmp_path, 4)
    held = Watchlists.open(tmp_path)
    Eraser(tmp_path).run(held.lists, at(DAYS + 1))
    assert replace(held.lists[0]).persons is not None
    assert held.lists[0].persons is not None
    assert held.lists[0].persons.person(0).reference == "UTO-1"
