"""Headquarters' builder: the same set as a dict tells, masks never used twice, memory and disk within bounds."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from keyed_kit import KEY, LIST, Told, changed, rows_of

from edge.core.errors import LayoutError
from edge.core.keyed import setdigest
from edge.core.keyed.delta import decode
from edge.core.keyed.keys import ListKey, document_text
from edge.core.keyed.record import Record
from edge.core.keyed.store import Store
from hq.keyed_build import Built, Edition, KeyedBuildError, assemble, delta_between, opened, spread, verify

TEXTS = [document_text("UTO", f"A{i:06d}") for i in range(3000)]
ONE: Told = {(text, Record("P", "stolen", detail=i, review_date=date(2030, 1, 1))): 1 for i, text in enumerate(TEXTS)}
# changes: some go, some are told with another category, some come
GONE = list(ONE)[:200]
TWO = changed(ONE, 2, [(t, Record("P", "revoked")) for t, _ in GONE[:50]] + [(f"v1|N|{i}", Record("vin")) for i in
              range(400)], GONE)


def edition(generation: int, layer: int | None = None, list_id: str = "sltd") -> Edition:
    return Edition(list_id, generation, layer or generation, 1_700_000_000, 1_699_000_000)


def build(
    out: Path, told: Iterable[tuple[str, Record]], generation: int, *, previous: Built | None = None,
    key: ListKey = LIST,
) -> Built:
    entries = [(text, record.pack()) for text, record in told]
    random.Random(generation).shuffle(entries)
    half = len(entries) // 2
    work = [out / f"work-{generation}-a", out / f"work-{generation}-b"]
    assert spread(work[0], entries[:half], key, generation) + spread(work[1], entries[half:], key, generation) == len(
        entries
    )
    return assemble(out, work, edition(generation), key, previous=previous.path if previous else None)


def agrees(built: Built, told: Told) -> None:
    with opened(built.path) as file:
        store = Store(file)
        for text, record in list(told)[::37]:
            assert (record, told[text, record]) in {(f.record, f.layer) for f in store.find(LIST, text)}
        assert store.newest.count == built.count == len(told)
        assert store.newest.digest == built.digest == setdigest.of(rows_of(told))


def test_a_first_base_holds_what_was_given(tmp_path: Path) -> None:
    built = build(tmp_path, ONE, 1)
    agrees(built, ONE)
    assert (built.added, built.removed, built.kept, built.repeated) == (3000, 0, 0, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-0000000001.sdl", "plain-0000000001.sdp"]


def test_the_next_generation_keeps_what_stayed_and_gives_the_rest_a_new_layer(tmp_path: Path) -> None:
    first = build(tmp_path, ONE, 1)
    second = build(tmp_path, TWO, 2, previous=first)
    agrees(second, TWO)
    assert (second.added, second.removed, second.kept) == (450, 200, 2800)
    delta = decode(delta_between(first.path, second.path))
    assert (len(delta.adds), len(delta.tombs)) == (450, 200)
    assert delta.digest_after == second.digest
    third = build(tmp_path, TWO, 3, previous=second)
    assert (third.added, third.removed, third.kept) == (0, 0, len(TWO))
    assert third.digest == second.digest


def test_what_comes_back_has_a_mask_of_its_own(tmp_path: Path) -> None:
    first = build(tmp_path, ONE, 1)
    second = build(tmp_path, TWO, 2, previous=first)
    back = build(tmp_path, ONE, 3, previous=second)
    agrees(back, {what: 3 if what in set(GONE) else 1 for what in ONE})


def test_entries_told_twice_stand_once(tmp_path: Path) -> None:
    built = build(tmp_path, [*ONE, *list(ONE)[:100]], 1)
    agrees(built, ONE)
    assert built.repeated == 100


def test_many_buckets_and_a_previous_base_of_many(tmp_path: Path) -> None:
    told: Told = {(f"v1|N|{i}", Record("vin", "stolen")): 1 for i in range(100_000)}
    first = build(tmp_path, told, 1)
    after = changed(told, 2, [(f"v1|N|{i}", Record("vin", "lost")) for i in range(99_000, 101_000)], list(told)[:70])
    second = build(tmp_path, after, 2, previous=first)
    agrees(second, after)
    assert (second.added, second.removed) == (2000, 70)


def test_an_empty_list_can_be_built(tmp_path: Path) -> None:
    built = build(tmp_path, {}, 1)
    assert built.count == 0
    verify(built.path)


def test_another_key_or_an_old_generation_is_no_successor(tmp_path: Path) -> None:
    first = build(tmp_path, ONE, 2)
    with pytest.raises(LayoutError, match="another list or key"):
        build(tmp_path, ONE, 3, previous=first, key=ListKey(bytes(32)))
    with pytest.raises(LayoutError, match="above the previous"):
        assemble(tmp_path, [], edition(3, layer=2), LIST, previous=first.path)
    with pytest.raises(LayoutError, match="above the previous"):
        assemble(tmp_path, [], edition(2, layer=3), LIST, previous=first.path)


def test_a_damaged_previous_generation_stops_the_build_and_leaves_no_base(tmp_path: Path) -> None:
    first = build(tmp_path, ONE, 1)
    sound = first.plain.read_bytes()
    for damaged in (sound[:-1], sound[:100] + b"?" + sound[101:], sound + b"x"):
        first.plain.write_bytes(damaged)
        with pytest.raises(LayoutError, match="plain file"):
            assemble(tmp_path, [], edition(2), LIST, previous=first.path)
    first.plain.write_bytes(sound)
    base = bytearray(first.path.read_bytes())
    base[5000] ^= 1
    first.path.write_bytes(base)
    with pytest.raises(LayoutError, match="damaged"):
        assemble(tmp_path, [], edition(2), LIST, previous=first.path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base-0000000001.sdl", "plain-0000000001.sdp"]


def test_what_another_build_left_is_never_mixed_in(tmp_path: Path) -> None:
    spread(tmp_path / "work", [(TEXTS[0], 1)], LIST, 1)
    with pytest.raises(KeyedBuildError, match="another build"):
        spread(tmp_path / "work", [(TEXTS[1], 1)], LIST, 1)
    part = next((tmp_path / "work").glob("part-*"))
    part.write_bytes(part.read_bytes()[:-1])
    with pytest.raises(KeyedBuildError, match="middle of an entry"):
        assemble(tmp_path, [tmp_path / "work"], edition(1), LIST)
    with pytest.raises(KeyedBuildError, match="cannot be built"):
        assemble(tmp_path / "work" / part.name, [], edition(1), LIST)
    with pytest.raises(ValueError, match="56 bits"):
        spread(tmp_path / "other", [(TEXTS[0], 1 << 56)], LIST, 1)


def test_the_partitions_hold_no_number(tmp_path: Path) -> None:
    spread(tmp_path / "work", [(text, record.pack()) for text, record in ONE], LIST, 1)
    data = b"".join(path.read_bytes() for path in (tmp_path / "work").iterdir())
    assert not any(text.split("|")[-1].encode() in data for text in TEXTS)


def test_memory_stays_bounded_and_progress_is_told(tmp_path: Path) -> None:
    program = f"""
import resource, sys
from pathlib import Path
from hq.keyed_build import *
from edge.core.keyed.keys import ListKey
import hq.keyed_build
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = []
key = ListKey({KEY!r})
work, out = Path({str(tmp_path)!r}) / "work", Path({str(tmp_path)!r})
spread(work, ((f"v1|N|{{i}}", i) for i in range(600_000)), key, 1, lambda what, n: told.append((what, n)))
built = assemble(out, [work], Edition("vin", 1, 1, 0, 0), key, progress=lambda what, n: told.append((what, n)))
assert built.count == 600_000 and told[0] == ("keys", 100_000) and told[-1] == ("base", 600_000), told
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60  # MiB; the partitions' buffers alone are 16
    assert resource.RUSAGE_SELF == 0
