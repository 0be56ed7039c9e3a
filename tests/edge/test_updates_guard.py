"""What an update opens of fingers is closed to others while it stands in memory, and overwritten afterwards."""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from gallery_kit import AS_OF, generation, some, written
from hypothesis import given
from hypothesis import strategies as st

from common.fingers import confine
from edge.core.distribution import Step
from edge.core.errors import LayoutError
from edge.core.fingerprints.gallery import GalleryTable
from edge.core.fingerprints.gallery_delta import DeltaHead, make
from edge.core.vault import RingEntry, seal_file
from edge.core.watch import manifest as manifests
from edge.secret_memory import allocate
from edge.updates import gallery_place
from edge.updates.errors import UpdateError
from edge.updates.gallery_place import DELTA, GalleryPlace
from edge.updates.guard import FIRST_TO_GO, wipe

KEY = RingEntry("un", 1, bytes(range(32)))
LOOK = """
import ctypes, pathlib, runpy, sys
try:
    {run}
except SystemExit:
    pass
print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), pathlib.Path("/proc/self/oom_score_adj").read_text().strip())
"""  # 3 is PR_GET_DUMPABLE, prctl(2)


def looked(run: str) -> tuple[int, int]:
    """Whether a process leaves core dumps, and how soon it goes, after it did this (with an empty input)."""
    command = [sys.executable, "-c", LOOK.format(run=run)]
    done = subprocess.run(command, check=True, input=b"", capture_output=True, timeout=60)
    dumpable, score = done.stdout.split()
    return int(dumpable), int(score)


def test_the_process_of_an_update_leaves_no_dump_and_is_the_first_to_go() -> None:
    """Before it reads its task, and so before anything is opened."""
    before = int(Path("/proc/self/oom_score_adj").read_text())
    assert looked("runpy.run_module('edge.updates', run_name='__main__')") == (0, max(before, FIRST_TO_GO))
    assert FIRST_TO_GO > confine.FIRST_TO_GO


def test_an_update_by_hand_leaves_no_dump(tmp_path: Path) -> None:
    task = f"Task(state_dir={str(tmp_path)!r}, lists_dir={str(tmp_path)!r}, root='', source={str(tmp_path)!r})"
    run = f"from edge.update_report import Task; from edge.verbs.lists_update import _run; _run({task})"
    assert looked(run)[0] == 0


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[memoryview]:
    """All memory that a place asks for. Each must have held something."""
    views: list[memoryview] = []

    def noted(size: int) -> memoryview:
        views.append(allocate(size))
        return views[-1]

    monkeypatch.setattr(gallery_place, "allocate", noted)
    return views


def blank(views: list[memoryview]) -> bool:
    return all(not any(view) for view in views)


class Box:
    """A place with generation 1, and the delta to 2 beside it."""

    def __init__(self, root: Path, key: RingEntry | None = KEY) -> None:
        self.place = GalleryPlace(root / "lists", "un", lambda _: KEY.key)
        old, new = some(40), some(44)
        first = generation(root / "lists", old, 1, key=key)
        self.second = generation(root / "out", new, 2, key=key)
        before = sha256((first / manifests.FILE_NAME).read_bytes()).hexdigest()
        delta = make(DeltaHead("un", 1, 2, before), GalleryTable(written(old)), GalleryTable(written(new)))
        (self.second / DELTA).write_bytes(seal_file(delta, KEY, generation=2, kind="GDLT") if key else delta)
        self.data = (self.second / manifests.FILE_NAME).read_bytes()

    def put(self, start: int) -> int:
        names = (manifests.FILE_NAME, DELTA if start else manifests.GALLERY)
        step = Step("un", start, 2, AS_OF, 44, sha256(self.data).hexdigest(), ())
        return self.place.put(step, {name: self.second / name for name in names}).generation


@pytest.mark.parametrize(("start", "blocks"), [(0, 1), (1, 4)])  # a whole gallery; a delta twice, the old one, the new
def test_galleries_and_deltas_are_overwritten_when_they_were_used(
    tmp_path: Path, kept: list[memoryview], monkeypatch: pytest.MonkeyPatch, start: int, blocks: int
) -> None:
    box = Box(tmp_path)
    filled: list[bool] = []
    monkeypatch.setattr(gallery_place, "wipe", lambda view: (filled.append(any(view)), wipe(view)))
    assert box.put(start) == 2
    assert (len(kept), filled) == (blocks, [True] * blocks)
    assert blank(kept)


def test_what_was_refused_is_overwritten_too(
    tmp_path: Path, kept: list[memoryview], monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(tmp_path)

    def broken(*_: object) -> object:
        raise LayoutError("a gallery cannot be read")

    monkeypatch.setattr(gallery_place, "GalleryTable", broken)
    for start in (0, 1):
        with pytest.raises(UpdateError):
            box.put(start)
    sealed = bytearray((box.second / DELTA).read_bytes())
    sealed[-20] ^= 1
    (box.second / DELTA).write_bytes(sealed)
    with pytest.raises(UpdateError):
        box.put(1)
    assert len(kept) >= 4
    assert blank(kept)


def test_files_in_clear_stay_what_they_are(tmp_path: Path) -> None:
    box = Box(tmp_path, key=None)
    before = (box.second / DELTA).read_bytes()
    assert box.put(1) == 2
    assert (box.second / DELTA).read_bytes() == before


@given(st.integers(0, 70_000))
def test_wiped_memory_is_blank(size: int) -> None:
    memory = allocate(size)
    memory[:] = b"\x5a" * size
    wipe(memory)
    assert bytes(memory) == bytes(size)
