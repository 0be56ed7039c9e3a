"""What a recording leaves behind when it is cut short: by a kill, by the power, by a disk that is full."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import WAIT_S, until, zone

from drivers.trace import read_trace
from drivers.virtual.control import VirtualReader
from edge import recording
from edge.recording import SYNC_S

HEADER = ("--model", "virtual reader", "--submitter", "the test", "--documents", "specimen UTO")
ROWS = zone()
LIMITED = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
os.execv(sys.argv[2], sys.argv[2:])
"""
SMALL = 2048  # bytes: the header and a few documents


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.ctl", "elyctis") as virtual:
        yield virtual


def begin(reader: VirtualReader, path: Path, *, file_bytes: int = 0) -> subprocess.Popen[str]:
    """The command at work; ``file_bytes`` is the most that the system lets it write into one file."""
    words = [str(Path(sys.executable).parent / "borderpost"), "record", f"elyctis={reader.link}", str(path), *HEADER]
    if file_bytes:
        words = [sys.executable, "-c", LIMITED, str(file_bytes), *words]
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def recorded(part: Path) -> bytes:
    """What the device sent, as it stands in an unfinished recording."""
    lines = part.read_text("utf-8").splitlines() if part.exists() else []
    return b"".join(entry.data for entry in read_trace(lines).entries)


def test_what_came_before_a_kill_is_in_the_part_file(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    part = tmp_path / "swipe.trace.part"
    run = begin(reader, path)
    try:
        for count in range(1, 4):
            assert reader.present(ROWS, wait_s=WAIT_S) is not None
            until(lambda count=count: recorded(part).count(ROWS[1].encode()) == count, "it is in the file")  # type: ignore[misc]
    finally:
        run.kill()
        run.communicate(timeout=WAIT_S)
    assert recorded(part).count(ROWS[1].encode()) == 3
    assert not path.exists()


def test_what_came_is_synced_at_intervals_and_only_if_there_is_something_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[float] = []
    now = 0.0
    with (tmp_path / "a.part").open("w") as out:
        sync = recording._Sync(out, lambda: now)
        monkeypatch.setattr(os, "fsync", lambda file: synced.append(now))
        for turn in range(400):  # a quarter of a second each
            now = turn / 4
            sync(written=min(max(0, turn - 20), 100))  # 25 seconds of bytes that come, then silence
    assert synced == [5.25 + SYNC_S * n for n in range(14)]  # the last of them just after the last byte


def test_what_is_masked_is_not_on_the_disk_before() -> None:
    recording._Sync(io.StringIO(), lambda: 0.0)(written=1)


def test_a_disk_that_takes_no_more_is_said_plainly_and_what_came_stays(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    run = begin(reader, path, file_bytes=SMALL)
    for _ in range(30):
        if run.poll() is not None:
            break
        reader.present(ROWS, wait_s=1.0)
    out, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 1, out + err
    assert "error: " in err
    assert "next:  " in err
    assert "Traceback" not in err
    part = tmp_path / "swipe.trace.part"
    whole = part.read_text("utf-8").rpartition("\n")[0].splitlines()
    assert any(entry.data for entry in read_trace(whole).entries)
