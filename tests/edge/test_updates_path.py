"""The whole way: headquarters signs a list, a box takes it from a folder, forward only."""

from __future__ import annotations

from pathlib import Path

import pytest
from distribution_kit import Box, Headquarters

from edge.core.distribution import targets
from edge.updates import UpdateError


@pytest.fixture
def hq(tmp_path: Path) -> Headquarters:
    return Headquarters(tmp_path / "hq")


def test_a_list_comes_over_in_parts_and_then_forward_by_deltas(
    tmp_path: Path, hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "PART_BYTES", 1000)
    box = Box(tmp_path / "box", hq.root())
    base = bytes(range(256)) * 12
    hq.add("un", 0, 1, base)
    hq.stamp()
    assert len(list((hq.path / "targets/lists/un").iterdir())) == 4
    assert box.take(hq.path) == [{"documents.bin": base}]
    hq.add("un", 1, 2, b"two")
    hq.add("un", 2, 3, b"three")
    hq.stamp()
    assert box.take(hq.path) == [{"documents.bin": b"two"}, {"documents.bin": b"three"}]
    assert box.take(hq.path) == []  # the same stick again: nothing to do
    assert box.have == {"un": 3}


def test_nothing_older_is_taken_even_if_the_box_lost_everything_but_its_marks(
    tmp_path: Path, hq: Headquarters
) -> None:
    import shutil

    box = Box(tmp_path / "box", hq.root())
    hq.add("un", 0, 1, b"one")
    hq.stamp()
    shutil.copytree(hq.path, tmp_path / "old stick")
    hq.add("un", 1, 2, b"two")
    hq.stamp()
    box.take(hq.path)
    with pytest.raises(UpdateError) as refused:
        box.take(tmp_path / "old stick")
    assert refused.value.code == "older"
    shutil.rmtree(box.folder)
    box.have.clear()
    with pytest.raises(UpdateError) as refused:
        box.take(tmp_path / "old stick")
    assert refused.value.code == "older"
    assert box.take(hq.path)
