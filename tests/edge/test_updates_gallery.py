"""Galleries on their way to a box: whole, then by deltas that compose the very file; everything else is refused."""

from __future__ import annotations

import hashlib
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from gallery_kit import AS_OF, Wanted, generation, some, written
from updated_box import World

from edge.core.distribution import Offer, Step, plan
from edge.core.distribution.offers import OfferedFile
from edge.core.fingerprints import gallery as galleries
from edge.core.fingerprints.gallery import GalleryTable
from edge.core.fingerprints.gallery_delta import DeltaHead, make
from edge.core.vault import KeyRing, RingEntry, seal_file
from edge.core.watch import manifest as manifests
from edge.updates.errors import UpdateError
from edge.updates.gallery_place import DELTA, GalleryPlace
from edge.updates.placing import DivergedError
from edge.watchlists import Watchlists
from hq.distribution.errors import PublishError

KEY = RingEntry("un", 1, bytes(range(32)))
OTHER = RingEntry("un", 3, bytes(range(1, 33)))
RING = KeyRing.of([KEY, OTHER])
ONE = some(60)


def next_of(wanted: Wanted, seed: int, *, gone: int = 3, new: int = 4) -> Wanted:
    """The same without its first references, and with others."""
    fresh = some(200, seed=seed)
    added = [key for key in fresh if key not in wanted][:new]
    return {**dict(list(wanted.items())[gone:]), **{key: fresh[key] for key in added}}


TWO = next_of(ONE, 7)
THREE = next_of(TWO, 8)


class Fingers(World):
    """A world of one sealed gallery."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.bring_ring(RING)

    def built(self, wanted: Wanted, number: int, key: RingEntry | None = KEY) -> None:
        generation(self.out, wanted, number, as_of=self.day(number), key=key)

    def day(self, number: int) -> datetime:
        return AS_OF + timedelta(days=number)

    def file(self, number: int, out: bool = False) -> bytes:
        place = (self.out if out else self.lists) / "un" / manifests.folder_name(number)
        return (place / manifests.GALLERY).read_bytes()

    def there(self) -> list[str]:
        return sorted(p.name for p in (self.lists / "un").iterdir())


@pytest.fixture
def world(tmp_path: Path) -> Fingers:
    """A box with generation 1, and generation 2 built."""
    world = Fingers(tmp_path)
    world.built(ONE, 1)
    world.publish("un", ring=RING, in_clear=False)
    assert (world.one("un").outcome, world.one("un").outcome) == ("updated", "current")
    world.built(TWO, 2)
    return world


def test_a_delta_composes_the_very_file_of_headquarters(world: Fingers) -> None:
    made = world.publish("un", ring=RING, in_clear=False)
    assert [(e.start, e.to, sorted(e.files)) for e in made.editions] == [(1, 2, ["gallery.delta", "manifest.json"])]
    assert (made.kind, made.records, made.kept) == ("gallery", len(TWO), (1, 2))
    took = world.one("un")
    assert (took.before, took.now, took.records, took.files) == (1, 2, len(TWO), 2)
    assert took.bytes < len(world.file(2)) / 3
    assert world.file(2) == world.file(2, out=True)
    assert world.there() == ["0000000001", "0000000002"]
    assert world.marks()["un"] == 2
    opened = Watchlists.open(world.lists, keys=lambda: RING).lists
    assert [(one.list_id, one.generation, one.problem, one.fingers) for one in opened if one.list_id == "un"] == [
        ("un", 2, None, True)
    ]


def test_a_box_far_behind_takes_several_deltas_or_the_whole_list(world: Fingers) -> None:
    world.publish("un", ring=RING)
    world.built(THREE, 3)
    world.publish("un", ring=RING)
    assert world.one("un").now == 3
    assert world.file(3) == world.file(3, out=True)
    shutil.rmtree(world.lists / "un")
    world.publish("un", whole=True, ring=RING)
    again = world.one("un")
    assert (again.now, again.refused) == (3, None)
    assert world.file(3) == world.file(3, out=True)


def test_without_the_ring_a_sealed_gallery_goes_whole(world: Fingers) -> None:
    made = world.publish("un", in_clear=False)
    assert [(e.start, e.to) for e in made.editions] == [(0, 2)]
    assert [(start, to) for start, to, why in made.unmade if "--ring" not in why and "key" in why] == [(1, 2)]
    assert world.one("un").now == 2


def test_in_clear_it_goes_by_somebodys_word_alone(tmp_path: Path) -> None:
    world = Fingers(tmp_path)
    world.built(ONE, 1, key=None)
    with pytest.raises(PublishError, match="60 templates of fingers in clear"):
        world.publish("un", in_clear=False)
    world.publish("un")
    world.one("un")
    world.built(TWO, 2, key=None)
    made = world.publish("un")
    assert [(e.start, e.to) for e in made.editions] == [(1, 2)]
    assert world.one("un").now == 2
    assert world.file(2) == written(TWO)


def test_another_list_key_begins_anew_whole(world: Fingers) -> None:
    generation(world.out, THREE, 3, as_of=world.day(3), key=OTHER)
    made = world.publish("un", ring=RING)
    assert (made.begins, [(e.start, e.to) for e in made.editions]) == (True, [(0, 3)])
    assert world.one("un").now == 3


def test_without_its_key_nothing_is_taken_and_the_old_one_serves(world: Fingers) -> None:
    world.publish("un", ring=RING)
    world.bring_ring(KeyRing.of([OTHER]))
    refused = world.one("un").refused
    assert refused is not None
    assert (refused.code, world.there()) == ("no_key", ["0000000001"])


def test_a_box_with_another_set_takes_the_whole_list(world: Fingers) -> None:
    world.publish("un", ring=RING, whole=True)
    shutil.rmtree(world.lists / "un")
    generation(world.lists, next_of(ONE, 9), 1, as_of=world.day(1), key=KEY)
    took = world.one("un")
    assert (took.now, took.refused) == (2, None)
    assert world.file(2) == world.file(2, out=True)


def test_a_box_whose_copy_is_of_another_key_takes_the_whole_list(world: Fingers) -> None:
    world.publish("un", ring=RING, whole=True)
    shutil.rmtree(world.lists / "un")
    generation(world.lists, ONE, 1, as_of=world.day(1), key=OTHER)
    assert world.one("un").now == 2


def test_a_rotten_copy_is_replaced_whole(world: Fingers) -> None:
    world.publish("un", ring=RING, whole=True)
    path = world.lists / "un" / "0000000001" / manifests.GALLERY
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.unlink()
    path.write_bytes(data)
    assert world.one("un").now == 2
    assert world.file(2) == world.file(2, out=True)


def _forged(world: Fingers, delta: bytes, *, seal: RingEntry | None = KEY, number: int = 2) -> UpdateError:
    """What a place says of this delta under the true manifest of generation 2, signed or not."""
    place = GalleryPlace(world.lists, "un", lambda ident: entry.key if (entry := RING.find(ident)) else None)
    told = world.out / "un" / manifests.folder_name(2) / manifests.FILE_NAME
    path = world.out.parent / DELTA
    path.write_bytes(seal_file(delta, seal, generation=number, kind="GDLT") if seal else delta)
    step = Step("un", 1, 2, world.day(2), len(TWO), hashlib.sha256(told.read_bytes()).hexdigest(), ())
    with pytest.raises(UpdateError) as caught:
        place.put(step, {manifests.FILE_NAME: told, DELTA: path})
    assert world.there() == ["0000000001"]
    assert place.standing().generation == 1
    return caught.value


def _head(world: Fingers, **other: object) -> DeltaHead:
    told = (world.out / "un" / manifests.folder_name(1) / manifests.FILE_NAME).read_bytes()
    parts = {"list_id": "un", "since": 1, "to": 2, "before": hashlib.sha256(told).hexdigest(), **other}
    return DeltaHead(**parts)  # type: ignore[arg-type]


def test_wrong_and_forged_deltas_change_nothing(world: Fingers) -> None:
    old, new, other = (GalleryTable(written(one)) for one in (ONE, TWO, THREE))
    right = make(_head(world), old, new)
    assert _forged(world, make(_head(world), old, other)).code == "mismatch"
    assert _forged(world, make(_head(world, list_id="sltd"), old, new)).code == "mismatch"
    assert _forged(world, make(_head(world, since=2, to=3), old, new)).code == "mismatch"
    assert isinstance(_forged(world, make(_head(world, before="0" * 64), old, new)), DivergedError)
    assert isinstance(_forged(world, right, seal=OTHER), DivergedError)
    assert _forged(world, right, seal=None).code in ("mismatch", "no_whole")
    assert _forged(world, right, number=3).code == "not_usable"
    assert _forged(world, right[:-40]).code == "not_usable"
    assert _forged(world, right[:200], seal=None).code == "not_usable"
    assert _forged(world, b"", seal=None).code == "not_usable"
    spoiled = bytearray(right)
    spoiled[len(right) // 2] ^= 1
    assert _forged(world, bytes(spoiled)).code in ("mismatch", "not_usable")


def test_a_gallery_that_no_search_here_can_open_is_refused(world: Fingers, monkeypatch: pytest.MonkeyPatch) -> None:
    world.publish("un", ring=RING, whole=True)
    shutil.rmtree(world.lists / "un" / "0000000001")
    monkeypatch.setattr(galleries, "describer", lambda: "0" * 16)
    refused = world.one("un").refused
    assert refused is not None
    assert refused.code == "not_usable"
    assert "another version" in refused.message
    assert world.there() == []


def test_a_list_becomes_a_gallery_by_somebodys_word(tmp_path: Path) -> None:
    world = Fingers(tmp_path)
    world.watch("Zarqelli")
    world.publish("un")
    assert world.one("un").now == 1
    generation(world.out, ONE, 2, as_of=world.day(2), key=KEY)
    with pytest.raises(PublishError, match="gallery of fingers"):
        world.publish("un", ring=RING)
    made = world.publish("un", ring=RING, change_kind=True)
    assert (made.begins, [(e.start, e.to) for e in made.editions]) == (True, [(0, 2)])
    assert world.one("un").now == 2


def test_the_manifests_of_many_deltas_do_not_make_the_way_too_long() -> None:
    names = ("gallery.delta", manifests.FILE_NAME)
    steps = [
        Step("un", number, number + 1, AS_OF, 1, "", tuple(OfferedFile(name, 100, ()) for name in names))
        for number in range(1, 15)
    ]
    base = Step("un", 0, 15, AS_OF, 1, "", (OfferedFile(manifests.GALLERY, 10**8, ()),))
    found = plan(Offer("un", (base, *steps)), 1)
    assert [(step.start, step.to) for step in found.steps] == [(n, n + 1) for n in range(1, 15)]
