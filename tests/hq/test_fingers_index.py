"""The index of prints: whatever stands in a cell, a row is a finger or a lost row, and the rows behind it are read."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core.fingerprints.model import Position
from hq.sources.base import Complaint
from hq.sources.finger_entry import FingerEntry
from hq.sources.fingers_index import FingersIndex

SOUND = {"record": "W-1", "reference": "F-1", "position": "right-index", "file": "print.png"}
NUMBERS = st.integers() | st.floats() | st.integers(4000, 6000).map(lambda n: "7" * n)
CELL = st.none() | st.booleans() | NUMBERS | st.text(max_size=700) | st.lists(st.text(max_size=3), max_size=2)
PIECES = st.sampled_from([".", "..", "/", "\\", ":", "~", "print.png", "c", "\0", " "])
PATHS = st.lists(PIECES, max_size=6).map("".join)


def read(folder: Path, *rows: dict[str, object]) -> list[FingerEntry | Complaint]:
    """What the source says of these rows, the last of which is sound."""
    (folder / "print.png").write_bytes(b"a picture, for all that the index knows")
    lines = [msgspec.json.encode(row) for row in (*rows, {**SOUND, "record": "the last"})]
    (folder / "index.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    found = list(FingersIndex(folder / "index.jsonl"))
    assert all(isinstance(one, FingerEntry | Complaint) for one in found)
    return [one for one in found if isinstance(one, FingerEntry | Complaint)]


@pytest.mark.parametrize("file", [".", "./", "./.", ".\\", "..", "/", "c:x", "\0", "print.png/.."])
def test_a_file_that_is_none_loses_its_row_alone(tmp_path: Path, file: str) -> None:
    lost, last = read(tmp_path, {**SOUND, "file": file})
    assert isinstance(lost, Complaint)
    assert (lost.lost, lost.line) == (True, 1)
    assert lost.reason.startswith("file leads out")
    assert isinstance(last, FingerEntry)
    assert last.told.record == "the last"


@pytest.mark.parametrize("position", ["7" * 5000, "-1", "11", "²", ""])
def test_a_position_that_is_none_loses_its_row_alone(tmp_path: Path, position: str) -> None:
    lost, last = read(tmp_path, {**SOUND, "position": position})
    assert isinstance(lost, Complaint)
    assert lost.reason.startswith("position is none of")
    assert isinstance(last, FingerEntry)


@pytest.mark.parametrize(("position", "meant"), [
    ("Right Index", Position.RIGHT_INDEX), ("left_little", Position.LEFT_LITTLE), ("0", Position.UNKNOWN),
    ("02", Position.RIGHT_INDEX), ("10", Position.LEFT_LITTLE),
])  # fmt: skip
def test_a_position_is_a_word_or_a_number(tmp_path: Path, position: str, meant: Position) -> None:
    first, _ = read(tmp_path, {**SOUND, "position": position})
    assert isinstance(first, FingerEntry)
    assert first.told.position is meant


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(["file", "position", "ppi", "name", "silent", "review_date", "record"]), CELL),
       st.none() | PATHS)  # fmt: skip
def test_no_cell_ends_the_build(cells: dict[str, object], file: str | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        *_, last = read(Path(folder), {**SOUND, **cells, **({} if file is None else {"file": file})})
    assert isinstance(last, FingerEntry)
    assert last.told.record == "the last"
