"""kill -9 at every step of a change of generation: the old one or the new one, never neither, never back.

A child process counts its calls to the kernel that change a disk and kills itself before, in the middle of, or after
the one that it is told; the parent then opens the folder as a box that starts does.
"""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from keyed_kit import RING, Told, base_bytes, changed, opened

from edge import compact, keyed_folder
from edge.core.keyed.delta import make_delta
from edge.core.keyed.keys import document_text
from edge.core.keyed.record import Record
from edge.keyed_files import KeyedList
from edge.keyed_install import install_base

TEXTS = [document_text("UTO", f"A{i:05d}") for i in range(2600)]
ONE: Told = {(text, Record("P", "stolen", detail=i)): 1 for i, text in enumerate(TEXTS[:1500])}
TWO = changed(ONE, 2, [(t, Record("P", "lost")) for t in TEXTS[1500:2500]], list(ONE)[:100])
THREE = changed(TWO, 3, [(t, Record("P", "revoked")) for t in TEXTS[2500:]], list(TWO)[:50])
TOLD = {1: ONE, 2: TWO, 3: THREE}
BASES = {g: base_bytes(told, g) for g, told in TOLD.items()}
TO_2 = make_delta(opened(BASES[1]), opened(BASES[2]))
TO_3 = make_delta(opened(BASES[2]), opened(BASES[3]))
CALLS = ("open", "pwrite", "write", "fsync", "fdatasync", "rename", "unlink", "close")
SMALL = 640  # bytes of one write, so that one file takes many

Change = Callable[[Path], object]


def apply_3(folder: Path) -> None:
    KeyedList.open(folder, "sltd", RING.get).apply(TO_3)


def compact_2(folder: Path) -> None:
    compact.compact(folder, "sltd")


def install_3(folder: Path) -> None:
    install_base(folder, "sltd", [BASES[3]])


# what is done to a folder at generation 2 (base 1 and overlay 2), and the generation after it
CHANGES: dict[str, tuple[Change, int]] = {"delta": (apply_3, 3), "compaction": (compact_2, 2), "base": (install_3, 3)}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "sltd"
    install_base(folder, "sltd", [BASES[1]])
    KeyedList.open(folder, "sltd", RING.get).apply(TO_2)
    return folder


def count_calls(change: Change, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the calls that a change makes, in order."""
    made: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(keyed_folder, "_WRITE", SMALL)
        for name in CALLS:
            real = getattr(os, name)
            patch.setattr(os, name, lambda *a, _real=real, _name=name, **k: (made.append(_name), _real(*a, **k))[1])
        change(folder)
    return made


def killed_at(change: Change, folder: Path, step: int, how: str) -> bool:
    """Run a change in a child that kills itself at its call number ``step``. True if it told that it was done."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0
        keyed_folder._WRITE = SMALL  # type: ignore[misc]

        def die() -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        def wrapped(name: str) -> Callable[..., object]:
            real = getattr(os, name)

            def call(*args: object, **named: object) -> object:
                nonlocal seen
                seen += 1
                if seen != step:
                    return real(*args, **named)
                if how == "amid" and name == "pwrite":
                    data = bytes(args[1])  # type: ignore[call-overload]
                    real(args[0], data[: len(data) // 2], args[2])
                elif how == "after":
                    real(*args, **named)
                die()
                return None

            return call

        try:
            write = os.write
            for name in CALLS:
                setattr(os, name, wrapped(name))
            change(folder)
            write(tell, b"done")
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told, "rb") as pipe:
        done = pipe.read() == b"done"
    os.waitpid(child, 0)
    return done


def is_whole(folder: Path, generations: set[int]) -> int:
    here = KeyedList.open(folder, "sltd", RING.get)
    assert here.problem is None
    assert here.generation in generations
    list(here.verify())
    told = TOLD[here.generation]
    assert here.header.count == len(told)
    assert here.header.digest == opened(BASES[here.generation]).header.digest
    for text in TEXTS[::43]:
        assert {(f.record, f.layer) for f in here.find(text)} == {(r, n) for (t, r), n in told.items() if t == text}
    return here.generation


@pytest.mark.parametrize("name", CHANGES)
def test_killed_at_every_step(name: str, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    change, to = CHANGES[name]
    shutil.copytree(start, tmp_path / "count" / "sltd")
    calls = count_calls(change, tmp_path / "count" / "sltd", monkeypatch)
    points = [(i, how) for i, c in enumerate(calls, 1) for how in (["amid"] if c == "pwrite" else ["before", "after"])]
    assert len(points) >= 70
    told_done, reached = 0, []
    for step, how in points:
        folder = tmp_path / f"{step}-{how}" / "sltd"
        shutil.copytree(start, folder)
        done = killed_at(change, folder, step, how)
        generation = is_whole(folder, {2, to})
        reached.append((generation, keyed_folder.read_current(folder, "sltd")))
        if done:
            told_done += 1
            assert generation == to
        if step % 5 == 0:  # the box goes on from there, and what the killed one left is gone
            change(folder)
            assert is_whole(folder, {to}) == to
            assert len([p for p in folder.iterdir() if p.name not in {"CURRENT", "LOCK"}]) <= 2
        shutil.rmtree(folder.parent)
    assert told_done == 0
    # once the new one serves, it serves at every later step: there is one moment, and no way back
    current = [pair for _, pair in reached]
    assert current == sorted(current, key=lambda pair: pair != current[0])
    assert len(set(map(str, current))) == 2


def test_the_points_are_two_hundred_and_more(
    start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = 0
    for name, (change, _) in CHANGES.items():
        shutil.copytree(start, tmp_path / name / "sltd")
        total += len(count_calls(change, tmp_path / name / "sltd", monkeypatch))
    assert total >= 200


@pytest.mark.parametrize("name", CHANGES)
def test_a_name_is_given_only_to_what_is_on_the_disk(
    name: str, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # kill -9 leaves the kernel alive; for a power cut the order counts: file, its name, CURRENT, its name, and only
    # then may the old files go
    change, _ = CHANGES[name]
    shutil.copytree(start, tmp_path / "sltd")
    counted = {"fsync", "rename", "write", "unlink"}
    calls = [c for c in count_calls(change, tmp_path / "sltd", monkeypatch) if c in counted]
    old_files = calls.count("unlink")
    assert old_files == (1 if name == "delta" else 2)
    assert calls == ["fsync", "rename", "fsync", "write", "fsync", "rename", "fsync", *["unlink"] * old_files]
