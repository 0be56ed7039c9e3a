"""Killed at any point, a box has the old files or the new ones, goes on where it stopped, and never goes back."""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from distribution_kit import Box, Headquarters

from edge.core.distribution import targets
from edge.state import State
from edge.updates import DirFetcher, StateMarks, UpdateError, parts
from edge.updates import fetchers as fetching

PART = 5000
BASE = random.Random(1).randbytes(23_456)


@pytest.fixture
def hq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Headquarters:
    monkeypatch.setattr(targets, "PART_BYTES", PART)
    monkeypatch.setattr(fetching, "BLOCK", 700)
    made = Headquarters(tmp_path / "hq")
    made.add("un", 0, 1, BASE)
    made.stamp()
    return made


class Counting(DirFetcher):
    """Counts the bytes of targets, and is killed after ``limit`` of them."""

    def __init__(self, root: Path, limit: int | None = None) -> None:
        super().__init__(root)
        self.given, self.limit = 0, limit

    def open(self, path: str, offset: int = 0) -> Iterator[bytes]:
        blocks = super().open(path, offset)
        return self._counted(blocks) if path.startswith("targets/") else blocks

    def _counted(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            if self.limit is not None and self.given >= self.limit:
                os.kill(os.getpid(), signal.SIGKILL)
            self.given += len(block)
            yield block


def killed(work: Callable[[], object]) -> bool:
    """Run ``work`` in a process of its own; True if that was killed before its end."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_killed_while_fetching_it_goes_on_where_it_stopped(tmp_path: Path, hq: Headquarters) -> None:
    for limit in range(0, len(BASE) - 1000, 977):
        box = Box(tmp_path / f"box-{limit}", hq.root())
        assert killed(lambda: box.take(Counting(hq.path, limit)))  # noqa: B023
        partial = box.folder / "staging/un/0-1/documents.bin.partial"
        there = partial.stat().st_size
        assert not partial.with_name("documents.bin").exists()
        source = Counting(hq.path)
        assert box.take(source) == [{"documents.bin": BASE}]
        assert source.given == len(BASE) - there
        assert there >= limit // PART * PART  # whole parts are never fetched twice


def test_fetching_needs_no_room_beyond_the_file_itself(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    most = 0

    class Watching(Counting):
        def _counted(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
            nonlocal most
            for block in super()._counted(blocks):
                most = max(most, sum(p.stat().st_size for p in box.folder.glob("staging/**/*") if p.is_file()))
                yield block

    before = set(Path(os.environ.get("TMPDIR", "/tmp")).iterdir())
    assert box.take(Watching(hq.path)) == [{"documents.bin": BASE}]
    assert most <= len(BASE)
    assert not [p for p in set(Path(os.environ.get("TMPDIR", "/tmp")).iterdir()) - before if p.name.startswith("tmp")]


def test_what_a_power_cut_left_wrong_is_fetched_again(tmp_path: Path, hq: Headquarters) -> None:
    for number, spoil in enumerate((
        lambda data: data[:7000] + b"\0" * 3000,  # length without content
        lambda data: b"\0" * len(data),
        lambda data: data + b"more than there ever was" * 1000,
        lambda _: b"",
    )):  # fmt: skip
        box = Box(tmp_path / f"box-{number}", hq.root())
        assert killed(lambda: box.take(Counting(hq.path, 10_000)))  # noqa: B023
        partial = box.folder / "staging/un/0-1/documents.bin.partial"
        partial.write_bytes(spoil(partial.read_bytes()))
        assert box.take(hq.path) == [{"documents.bin": BASE}]


@pytest.mark.parametrize("call", ["fsync", "rename", "truncate"])
def test_killed_at_every_step_of_the_disk(
    tmp_path: Path, hq: Headquarters, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """The state file is real here: marks are on disk before anything that they guard."""
    shutil.copytree(hq.path, tmp_path / "old")
    hq.add("un", 1, 2, b"two")
    hq.stamp()
    points = 0
    for point in range(60):
        folder = tmp_path / f"{call}-{point}"
        folder.mkdir()
        state = State(folder / "state.sqlite")
        _box(folder, hq, state).take(tmp_path / "old")
        state.close()  # a process that is forked off must not share it

        def dying(folder: Path = folder, point: int = point) -> None:
            box = _box(folder, hq, State(folder / "state.sqlite"))
            box.have = {"un": 1}
            left = [point]

            def counted(real: Callable[..., object]) -> Callable[..., object]:
                def stand_in(*args: object, **words: object) -> object:
                    left[0] -= 1
                    if left[0] < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return real(*args, **words)

                return stand_in

            with pytest.MonkeyPatch.context() as patch:
                if call == "fsync":
                    patch.setattr(os, "fsync", counted(os.fsync))
                elif call == "rename":
                    patch.setattr(Path, "replace", counted(Path.replace))
                else:
                    patch.setattr(parts, "_append", counted(parts._append))
                box.take(hq.path)

        if not killed(dying):
            break
        points += 1
        state = State(folder / "state.sqlite")
        again = _box(folder, hq, state)
        again.have = {"un": 1}
        assert again.take(hq.path) == [{"documents.bin": b"two"}]
        with pytest.raises(UpdateError) as refused:
            again.take(tmp_path / "old")
        assert refused.value.code == "older"
        state.close()
    assert points >= {"fsync": 6, "rename": 4, "truncate": 1}[call]


def _box(folder: Path, hq: Headquarters, state: State) -> Box:
    box = Box(folder / "updates", hq.root())
    box.marks = StateMarks(state)  # type: ignore[assignment]
    return box


def test_a_cache_that_a_power_cut_emptied_lets_no_old_stick_in(tmp_path: Path, hq: Headquarters) -> None:
    shutil.copytree(hq.path, tmp_path / "old")
    hq.add("un", 1, 2, b"two")
    hq.stamp()
    for spoil in (lambda path: path.write_bytes(b""), lambda path: path.unlink(), lambda path: path.write_bytes(b"{")):
        box = Box(tmp_path / "box", hq.root())
        box.take(hq.path)
        for path in (box.folder / "metadata").iterdir():
            spoil(path)
        with pytest.raises(UpdateError) as refused:
            box.take(tmp_path / "old")
        assert refused.value.code == "older"
        assert "this box has seen" in refused.value.message
        assert box.take(hq.path) == []
        shutil.rmtree(box.folder)


def test_progress_is_told_and_never_falls(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    assert killed(lambda: box.take(Counting(hq.path, 12_000)))
    told: list[tuple[str, int, int]] = []
    with box.updates(hq.path) as updates:
        offered = updates.check().lists["un"]
        updates.take(updates.plan(offered, 0), lambda *now: told.append(now))
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert told[0][1] >= PART
    assert told[-1] == ("documents.bin", len(BASE), len(BASE))


def test_what_was_begun_for_another_way_is_cleared(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    assert killed(lambda: box.take(Counting(hq.path, 12_000)))
    hq.add("un", 0, 2, BASE[::-1])
    hq.stamp()
    assert box.take(hq.path) == [{"documents.bin": BASE[::-1]}]
    assert not any(p.is_file() for p in (box.folder / "staging").rglob("*"))


def test_one_update_at_a_time(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    with box.updates(hq.path), pytest.raises(UpdateError) as refused:
        box.take(hq.path)
    assert refused.value.code == "busy"


def test_no_room_is_said_before_the_first_byte(
    tmp_path: Path, hq: Headquarters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SPARE", 1 << 60)
    source = Counting(hq.path)
    with pytest.raises(UpdateError) as refused:
        Box(tmp_path / "box", hq.root()).take(source)
    assert refused.value.code == "no_space"
    assert source.given == 0
