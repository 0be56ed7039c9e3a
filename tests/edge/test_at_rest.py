"""A box that is switched off: no listed name or number is found on its disk, and with its keys it screens the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import shared_data
from box_world import STOLEN, BoxWorld, zone
from memory_lists import TRUSTED

from edge.core import names
from edge.core.mrz import compose
from edge.core.screening import Query, Screener
from edge.core.vault import KeyRing, RingEntry
from edge.core.watch import PersonEntry
from edge.core.watch import manifest as manifests
from edge.core.watch.entries import DocumentEntry
from edge.core.watch.manifest import DOCUMENTS, PERSONS, folder_name
from edge.list_keys import SEALED, ListKeys
from edge.watchlists import Watchlists
from hq import list_keys
from hq.publisher import SourceSpec, build
from hq.sources.catalog import KINDS

DEMO = Path(__file__).resolve().parents[2] / "demo" / "lists"
DEMO_SOURCES = (f"sltd-csv:{DEMO / 'sltd.csv'}", f"persons-csv:{DEMO / 'persons.csv'}")
# Shorter words stand in any megabyte of noise: (2/256)^7 a place and word, without regard to case; numbers (1/256)^6.
WORD, NUMBER = 7, 6


def published(out: Path, sources: Sequence[str]) -> Path:
    build(out, [SourceSpec.parse(s) for s in sources], now=datetime.now(UTC))
    return out


def ring_of(*list_ids: str) -> KeyRing:
    return KeyRing.of(RingEntry(i, 1, bytes((n + 1,)) * 32) for n, i in enumerate(list_ids))


def secrets(sources: Sequence[str]) -> tuple[set[str], set[str]]:
    """Every written name and every longer word of one, upper case; every number and reference."""
    words: set[str] = set()
    numbers: set[str] = set()
    for spec in map(SourceSpec.parse, sources):
        for item in KINDS[spec.kind].reader(spec.path):
            if isinstance(item, PersonEntry):
                for name in item.names:
                    words.add(name.text.upper())
                    words.update(t for t in names.tokens(name.text))
                    words.update(re.split(r"\W+", name.text.upper()))
                numbers.update(d.number for d in item.documents)
            elif isinstance(item, DocumentEntry):
                numbers.add(item.number)
    return {w for w in words if len(w) >= WORD}, {n for n in numbers if len(n) >= NUMBER}


def found_on(disk: Sequence[Path], words: set[str], numbers: set[str]) -> set[str]:
    """What of it stands in any file of the disk, in any encoding that a program would use."""
    found: set[str] = set()
    for root in disk:
        for path in [root] if root.is_file() else [p for p in root.rglob("*") if p.is_file()]:
            data = path.read_bytes()
            upper = data.upper()  # ASCII alone; other scripts are searched as written and in upper case
            whole = data.decode("utf-8", "ignore").upper()
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                found |= {n for n in numbers if n.encode(encoding) in data}
                found |= {w for w in words if w.isascii() and w.encode(encoding) in upper}
            found |= {w for w in words if not w.isascii() and w in whole}
    return found


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path / "box") as made:
        yield made


def test_a_box_that_screened_and_was_switched_off_holds_no_listed_name_and_no_number(
    world: BoxWorld, tmp_path: Path
) -> None:
    clear = published(tmp_path / "headquarters", DEMO_SOURCES)
    words, numbers = secrets(DEMO_SOURCES)
    assert len(words) > 10
    assert STOLEN in numbers
    assert found_on([clear], words, set()) >= {w for w in words if w.isascii() and " " in w}  # the search does find
    ring = ring_of("national", "sltd")
    made = list_keys.seal_newest(clear, world.lists, ring)
    assert [(i, g) for i, g, _ in made] == [("national", 1), ("sltd", 1)]
    code, line, _ = world.ask("lists", "box-key")
    assert code == 0
    (world.state / SEALED).write_bytes(list_keys.for_box(ring, line.strip(), []))
    code, told, _ = world.ask("lists", "keys")
    assert (code, "national  from generation 1 on" in told, ring.entries[0].key.hex() in told) == (0, True, False)
    assert world.ask("lists", "inspect", str(world.lists))[0] == 0  # with --config: the helper gives it
    world.start()
    assert world.scan(zone(number=STOLEN))["outcome"] == "HIT"
    person = compose.td3(
        issuing_state="UTO", surname="Zarqelli", given_names="Tamur Yadiel", number="L898902C3", nationality="UTO",
        birth_date="790823", sex="M", expiry_date="310415",
    )  # fmt: skip
    assert world.scan(person)["outcome"] == "HIT"
    assert world.scan(zone())["outcome"] == "CLEAR"
    assert world.end() == 0
    disk = [world.state, world.lists, world.config, world.log]
    assert sum(p.stat().st_size for d in disk[:2] for p in d.rglob("*") if p.is_file()) > 50_000
    assert found_on(disk, words, numbers) == set()


def test_without_its_key_a_list_is_named_and_not_asked(tmp_path: Path) -> None:
    clear = published(tmp_path / "clear", DEMO_SOURCES)
    ring = ring_of("national", "sltd")
    list_keys.seal_newest(clear, tmp_path / "sealed", ring)
    (national, sltd) = Watchlists.open(tmp_path / "sealed", keys=lambda: ring.only(["sltd"])).lists
    assert (sltd.problem, national.manifest) == (None, None)
    assert "its key" in (national.problem or "")
    assert "damaged" not in (national.problem or "")
    held: list[KeyRing] = [KeyRing()]
    lists = Watchlists.open(tmp_path / "sealed", keys=lambda: held[0])
    assert lists.generations() == {}
    held[0] = ring
    assert lists.refresh().generations() == {"national": 1, "sltd": 1}  # taken up as soon as the ring is there


def test_a_sealed_file_of_another_list_generation_or_place_is_refused(tmp_path: Path) -> None:
    clear = published(tmp_path / "clear", DEMO_SOURCES)
    published(clear, DEMO_SOURCES)
    ring = ring_of("national", "sltd")
    place = clear / "national" / folder_name(2)
    good = list_keys.sealed_generation(place, ring.entries[0])
    older = list_keys.sealed_generation(clear / "national" / folder_name(1), ring.entries[0])
    other = list_keys.sealed_generation(clear / "sltd" / folder_name(2), ring.entries[1])
    for name, data in ((PERSONS, older[PERSONS]), (PERSONS, other[PERSONS]), (PERSONS, good[DOCUMENTS])):
        told = manifests.decode(good["manifest.json"])
        told = msgspec.structs.replace(told, files={**told.files, name: list_keys._digest(data)})
        target = tmp_path / "box" / "national" / folder_name(2)
        target.mkdir(parents=True, exist_ok=True)
        for file, content in {**good, name: data, "manifest.json": manifests.encode(told)}.items():
            (target / file).write_bytes(content)
        (entry,) = Watchlists.open(tmp_path / "box", keys=lambda: ring).lists
        assert entry.manifest is None
        assert "was sealed as another file" in (entry.problem or "")


def test_the_un_list_screens_the_same_sealed_and_none_of_its_names_is_on_the_disk(tmp_path: Path) -> None:
    source = f"un-xml:{shared_data.path('lists/un/UN_consolidated.xml')}"
    clear = published(tmp_path / "clear", [source])
    state, sealed = tmp_path / "state", tmp_path / "sealed"
    state.mkdir()
    keys = ListKeys(state, {})
    line = keys.public_line()
    ring = ring_of("un")
    list_keys.seal_newest(clear, sealed, ring)
    (state / SEALED).write_bytes(list_keys.for_box(ring, line, ["un"]))
    plain, hidden = Watchlists.open(clear).lists, Watchlists.open(sealed, keys=keys.ring).lists
    assert hidden[0].problem is None
    persons = plain[0].persons
    assert persons is not None
    for number in range(0, persons.n_names, 97):
        query = Query.of_fields({"surname": persons.name(number).text, "birth_date": "1965"})
        assert Screener().screen(query, plain, TRUSTED).reasons == Screener().screen(query, hidden, TRUSTED).reasons
    words, numbers = secrets([source])
    assert (len(words) > 2000, len(numbers) > 150) == (True, True)
    assert found_on([sealed, state], words, numbers) == set()
