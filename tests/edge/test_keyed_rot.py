"""Rot in one file of a keyed list: what the other holds is still answered, and what mends it."""

from __future__ import annotations

from pathlib import Path

from keyed_kit import LIST, RING, Told, base_bytes, changed, opened

from edge.core.keyed import header as headers
from edge.core.keyed.delta import make_delta
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.keyed_files import KeyedList
from edge.keyed_install import install_base

TEXTS = [document_text("UTO", f"A{i:05d}") for i in range(3000)]
ONE: Told = {(text, Record("P", "stolen")): 1 for text in TEXTS[:2000]}
TWO = changed(ONE, 2, [(t, Record("P", "lost")) for t in TEXTS[2000:2500]], list(ONE)[:100])
TO_2 = make_delta(opened(base_bytes(ONE, 1)), opened(base_bytes(TWO, 2)))


def open_list(folder: Path) -> KeyedList:
    return KeyedList.open(folder, "sltd", RING.get)


def rot(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_base_of_the_serving_generation_mends_a_rotten_overlay(tmp_path: Path) -> None:
    folder = tmp_path / "sltd"
    install_base(folder, "sltd", [base_bytes(ONE, 1)])
    open_list(folder).apply(TO_2)
    rot(folder / "overlay-0000000002.sdo", 5000)
    assert install_base(folder, "sltd", [base_bytes(TWO, 2)]).written
    here = open_list(folder)
    assert (here.generation, here.problem) == (2, None)
    assert {p.name for p in folder.iterdir()} - {"LOCK"} == {"CURRENT", "base-0000000002.sdl"}


def test_damage_of_one_part_hides_nothing_of_the_other(tmp_path: Path) -> None:
    texts = [document_text("UTO", f"C{i:07d}") for i in range(140_000)]
    old: Told = {(text, Record("P", "lost")): 1 for text in texts}
    new = changed(old, 2, [(text, Record("P", "stolen")) for text in texts[:70_000]], [])
    folder = tmp_path / "sltd"
    install_base(folder, "sltd", [base_bytes(old, 1)])
    open_list(folder).apply(make_delta(opened(base_bytes(old, 1)), opened(base_bytes(new, 2))))
    doomed = min(texts[:70_000], key=lambda text: LIST.mac(text)[:8])
    calm = max(texts[:70_000], key=lambda text: LIST.mac(text)[:8])
    for name, kept in (("base-0000000001.sdl", "stolen"), ("overlay-0000000002.sdo", "lost")):
        sound = (folder / name).read_bytes()
        at = headers.SIZE + 16 * 400  # in the first chunk, beside the row that is asked for
        rot(folder / name, at)
        here = open_list(folder)
        assert not here.damaged
        assert [found.record.category for found in here.find(doomed)] == [kept]
        assert (here.damaged, "chunk 0" in str(here.problem)) == (True, True)
        assert {found.record.category for found in here.find(calm)} == {"lost", "stolen"}
        (folder / name).write_bytes(sound)
