"""The gallery file: written, opened, and every damaged byte of it refused."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from gallery_kit import AS_OF, EXTRACTOR, Wanted, entry, finger, generation, some, written
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.errors import LayoutError
from edge.core.fingerprints import gallery as galleries
from edge.core.fingerprints import gallery_texts, gallery_write
from edge.core.fingerprints.cylinders import Described, describe
from edge.core.fingerprints.gallery import GalleryEntry, GalleryTable
from edge.core.fingerprints.gallery_delta import DeltaHead, GalleryDelta, changes, compose, make
from edge.core.fingerprints.gallery_write import build
from edge.core.fingerprints.model import FingerError, Position
from edge.core.watch.entries import MAX_ACTION
from edge.core.watch.manifest import FILE_NAME, FileDigest, GalleryInfo, Records, Tail, decode, encode

STEP = DeltaHead("wanted", 1, 2, "ab" * 32)


def test_what_was_written_is_read() -> None:
    wanted = some(40)
    table = GalleryTable(written(wanted))
    assert len(table) == 40
    assert table.extractor_id == "invented-1"
    assert table.persons == 20
    ordered = sorted(wanted.values(), key=lambda pair: pair[0].key)
    for row, (told, seed) in enumerate(ordered):
        assert table.entry(row) == told
        made, found = finger(seed, told.position), table.template(row)
        for name in ("x", "y", "angle", "kind", "quality"):
            np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
        assert (found.width, found.height, found.position) == (made.width, made.height, told.position)


def test_shards_hold_every_template_once_by_position() -> None:
    wanted = some(60)
    table = GalleryTable(written(wanted))
    seeds = [seed for _, seed in sorted(wanted.values(), key=lambda pair: pair[0].key)]
    seen: list[int] = []
    for position in Position:
        shard, rows = table.shard(position), table.rows(position).tolist()
        assert len(shard) == table.positions[position] == len(rows)
        seen += rows
        for i, row in enumerate(rows):
            assert table.entry(row).position == position
            made, found = describe(finger(seeds[row], position)), shard.one(i)
            for name in ("bits", "angle", "x", "y"):
                np.testing.assert_array_equal(getattr(found, name), getattr(made, name))
    assert sorted(seen) == list(range(60))


def test_an_empty_gallery_opens() -> None:
    table = GalleryTable(written({}))
    assert len(table) == table.persons == 0
    assert len(table.shard(Position.LEFT_INDEX)) == 0


def test_the_order_given_changes_no_byte() -> None:
    wanted = some(30)
    assert written(dict(reversed(wanted.items()))) == written(wanted)


def test_no_repr_tells_of_a_person() -> None:
    table = GalleryTable(written({("R", "a", Position.RIGHT_THUMB): (entry("SECRET", name="NAME"), 1)}))
    for thing in (table, table.entry(0), table.shard(Position.RIGHT_INDEX), table.template(0)):
        assert "SECRET" not in repr(thing)
        assert "NAME" not in repr(thing)
        assert "array" not in repr(thing)


def test_what_no_gallery_may_hold_is_refused() -> None:
    one = (entry("R"), finger(1), describe(finger(1)))
    build(EXTRACTOR, *([x] for x in one))
    with pytest.raises(ValueError, match="twice"):
        build(EXTRACTOR, *([x, x] for x in one))
    with pytest.raises(FingerError):
        build("another", *([x] for x in one))
    narrow = Described(EXTRACTOR, one[2].bits[:, :5], one[2].x, one[2].y, one[2].angle)
    with pytest.raises(ValueError, match="fit together"):
        build(EXTRACTOR, [one[0]], [one[1]], [narrow])
    with pytest.raises(ValueError, match="another finger"):
        build(EXTRACTOR, [entry("R", Position.LEFT_THUMB)], [one[1]], [one[2]])
    for bad in (entry(""), entry("R", name="x" * 301), entry("R", quality=101), entry("R", category="c" * 61)):
        with pytest.raises(ValueError, match="reference"):
            build(EXTRACTOR, [bad], [one[1]], [one[2]])


def test_what_was_described_another_way_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(some(3))
    monkeypatch.setattr(galleries, "describer", lambda: "0" * 16)
    with pytest.raises(LayoutError, match="another version"):
        GalleryTable(data)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_delta_leads_to_the_very_bytes(data: st.DataObject) -> None:
    old, fresh = some(data.draw(st.integers(0, 30))), some(40, seed=3)
    new: Wanted = {}
    for key, (was, number) in old.items():
        told, seed = was, number
        fate = data.draw(st.sampled_from(["stays", "stays", "gone", "finger", "name", "silence", "category"]))
        if fate == "finger":
            seed += 50_000
        if fate in ("name", "silence", "category"):
            changed = {"name": {"name": "Other"}, "silence": {"silent": not told.silent},
                       "category": {"category": "arson"}}[fate]  # fmt: skip
            told = dataclasses.replace(told, **changed)  # type: ignore[arg-type]
        if fate != "gone":
            new[key] = (told, seed)
    for key in data.draw(st.lists(st.sampled_from(sorted(fresh)), unique=True)):
        new.setdefault(key, fresh[key])
    before, after = GalleryTable(written(old)), written(new)
    delta = make(STEP, before, GalleryTable(after))
    assert b"".join(compose(before, GalleryDelta(delta))) == after
    assert delta == make(STEP, before, GalleryTable(after))
    gone, came = changes(before, GalleryTable(after))
    same = [key for key in old if key in new and old[key] == new[key]]
    assert (len(old) - len(gone), len(new) - len(came)) == (len(same), len(same))


def test_a_delta_that_does_not_fit_is_refused() -> None:
    old, new = some(20), some(24)
    before, after = GalleryTable(written(old)), GalleryTable(written(new))
    delta = make(STEP, before, after)
    with pytest.raises(LayoutError, match="is there"):
        compose(after, GalleryDelta(delta))
    gone = GalleryDelta(make(STEP, after, before))
    assert len(gone.removed) == 4
    with pytest.raises(LayoutError, match="not there"):
        compose(GalleryTable(written(some(2))), gone)
    templates = [dataclasses.replace(finger(1), extractor_id="another")]
    other = GalleryTable(build("another", [entry("R")], templates, [describe(templates[0])]))
    with pytest.raises(LayoutError, match="two extractors"):
        make(STEP, before, other)
    with pytest.raises(LayoutError, match="two extractors"):
        compose(other, GalleryDelta(delta))


def forged(monkeypatch: pytest.MonkeyPatch, *entries: GalleryEntry, extractor_id: str = EXTRACTOR) -> bytes:
    """What a builder without limits would write."""
    monkeypatch.setattr(gallery_write, "_check", lambda *_: None)
    monkeypatch.setattr(gallery_write, "is_extractor_id", lambda _: True)
    templates = [dataclasses.replace(finger(i), extractor_id=extractor_id) for i in range(len(entries))]
    return build(extractor_id, entries, templates, [describe(one) for one in templates])


@pytest.mark.parametrize(
    "told",
    [
        {"name": "n" * 301}, {"name": "é" * 301}, {"name": "n" * 2_000_000}, {"category": "c" * 61},
        {"action": "a" * (MAX_ACTION + 1)}, {"record": ""}, {"record": "r" * 61}, {"reference": ""},
        {"reference": "f" * 61},
    ],
)  # fmt: skip
def test_every_bound_of_a_text_is_checked_when_a_gallery_is_opened(
    monkeypatch: pytest.MonkeyPatch, told: dict[str, str]
) -> None:
    """Else the search would end when that very person is found, and somebody would see it end."""
    for silent in (False, True):
        bad = dataclasses.replace(entry("R-9", silent=silent), **told)
        with pytest.raises(LayoutError, match="too long"):
            GalleryTable(forged(monkeypatch, entry("R-1"), bad))


def test_texts_as_long_as_they_may_be_are_read() -> None:
    longest = entry("𝕽" * 60, reference="𝕱" * 60, category="c" * 60, action="a" * MAX_ACTION, name="é" * 300)
    one = finger(1)
    table = GalleryTable(build(EXTRACTOR, [longest], [one], [describe(one)]))
    assert table.entry(0) == longest
    assert table.keys() == [longest.key]


@pytest.mark.parametrize(("was", "put", "why"), [
    (b"R-00001", b"R-00003", "order"),  # twice the same key, or a step back
    (b"R-00002", b"R-\xff0002", "read"),
    (b"R-00001F-0", b"R-0000\xc3\xa9-0", "read"),  # a character of two texts
])  # fmt: skip
def test_the_order_and_the_words_are_checked_when_a_gallery_is_opened(was: bytes, put: bytes, why: str) -> None:
    data = written(some(40))
    assert was in data
    with pytest.raises(LayoutError, match=why):
        GalleryTable(data.replace(was, put[: len(was)], 1))


def test_the_order_is_checked_across_the_runs_in_which_texts_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = written(some(40))
    whole = GalleryTable(data).keys()
    for run in (1, 2, 7, 39, 40, 41):
        monkeypatch.setattr(gallery_texts, "RUN", run)
        assert GalleryTable(data).keys() == whole
        with pytest.raises(LayoutError, match="order"):
            GalleryTable(data.replace(b"R-00010", b"R-00008"))


@pytest.mark.parametrize("name", ["", "a b", "a\n", "\x1b[2J", "leader-é", "x" * 101])
def test_an_extractor_has_a_plain_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="extractor's id"):
        build(name, [], [], [])
    data = forged(monkeypatch, entry("R-1"), extractor_id=name)
    with pytest.raises(LayoutError, match="extractor"):
        GalleryTable(data)
    manifest = decode((generation(tmp_path, some(4), 1) / FILE_NAME).read_bytes())
    assert manifest.fingers is not None
    told = msgspec.structs.replace(manifest.fingers, extractor_id=name)
    with pytest.raises(LayoutError):
        decode(encode(msgspec.structs.replace(manifest, gallery=told)))


def _opened(data: bytes) -> None:
    table = GalleryTable(data)
    for row in range(len(table)):
        table.entry(row)
        table.template(row)
    for position in Position:
        table.shard(position)
    table.keys()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.binary(min_size=1, max_size=9), st.booleans())
def test_damage_raises_nothing_but_a_layout_error(at: int, put: bytes, cut: bool) -> None:
    gallery = written(some(7))
    delta = make(STEP, GalleryTable(gallery), GalleryTable(written(some(9, seed=2))))
    for whole, look in ((gallery, _opened), (delta, lambda d: compose(GalleryTable(gallery), GalleryDelta(d)))):
        place = at % len(whole)
        damaged = whole[:place] if cut else whole[:place] + put + whole[place + len(put) :]
        try:
            look(damaged)
        except LayoutError:
            continue


@pytest.mark.parametrize(
    "changed",
    [
        {"gallery": msgspec.UNSET},
        {"files": {"documents.bin": FileDigest(1, "0" * 64), "persons.bin": FileDigest(1, "0" * 64)}},
        {"files": {"gallery.bin": FileDigest(1, "0" * 64), "persons.bin": FileDigest(1, "0" * 64)}},
        {"records": Records(0, 3, 0)},
        {"gallery": GalleryInfo(EXTRACTOR, 5, 2, (0,) * 11)},
        {"gallery": GalleryInfo(EXTRACTOR, 4, 2, (4, *(0,) * 10), tail=Tail(4.7, 3.2, 9, 1, datetime(2026, 3, 1)))},  # noqa: DTZ001
    ],
)
def test_a_manifest_that_contradicts_itself_is_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    place = generation(tmp_path, some(4), 1)
    manifest = decode((place / FILE_NAME).read_bytes())
    assert manifest.fingers is not None
    assert manifest.held == 4
    with pytest.raises(LayoutError):
        decode(encode(msgspec.structs.replace(manifest, **changed)))


def test_a_tail_goes_through_the_manifest(tmp_path: Path) -> None:
    manifest = decode((generation(tmp_path, some(4), 1) / FILE_NAME).read_bytes())
    assert manifest.fingers is not None
    tail = Tail(4.71, 3.2, 200_000, 7, AS_OF)
    told = encode(msgspec.structs.replace(manifest, gallery=msgspec.structs.replace(manifest.fingers, tail=tail)))
    assert b'"lambda": 3.2' in told
    found = decode(told).fingers
    assert found is not None
    assert found.tail == tail
