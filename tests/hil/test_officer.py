"""What the officer saw, as it comes out of a guest: whole lines count, torn ones do not."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.bench.target import TargetError
from hil_tests.vm import officer as officers
from hil_tests.vm.officer import Lines, Officer


def line(passage: str, *, kind: str = "verdict", recorded: bool = True) -> bytes:
    return json.dumps({"type": kind, "passage": passage, "recorded": recorded, "outcome": "CLEAR"}).encode() + b"\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "verdicts.log"


@pytest.fixture
def officer(log: Path) -> Iterator[Officer]:
    seen = Officer(log)
    yield seen
    seen.close()


def add(log: Path, data: bytes) -> None:
    with log.open("ab") as file:
        file.write(data)


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_lines_come_however_they_are_cut(step: int) -> None:
    data, lines, found = line("a") + b"\n" + line("b"), Lines(), []
    for at in range(0, len(data), step):
        found += lines.feed(data[at : at + step])
    assert [one["passage"] for one in found] == ["a", "b"]
    assert lines.torn == 0


def test_a_torn_line_is_counted_and_not_shown() -> None:
    lines = Lines()
    assert lines.feed(line("a")[:20]) == []
    found = lines.feed(b"\n" + line("b") + b"[1]\n\xff\xfe\n")
    assert [one["passage"] for one in found] == ["b"]
    assert lines.torn == 3


def test_a_line_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(officers, "LINE_LIMIT", 100)
    lines = Lines()
    assert lines.feed(b"x" * 101) == []
    assert [one["passage"] for one in lines.feed(line("a"))] == ["a"]
    assert lines.torn == 1


def test_what_was_shown_has_the_time_at_which_it_came(officer: Officer, log: Path) -> None:
    begun = time.monotonic()
    add(log, line("a") + line("", kind="hello") + line("b", recorded=False))
    shown = officer.wait(2, 5)
    assert [one.passage for one in shown] == ["a", "b"]
    assert begun <= shown[0].at <= time.monotonic()
    assert shown[0]["outcome"] == "CLEAR"
    assert officer.passages() == {"a"}, "a verdict that was not recorded is no acknowledgement"
    assert [one.kind for one in officer.everything()] == ["verdict", "hello", "verdict"]


def test_what_stood_there_before_is_not_its_own(log: Path) -> None:
    add(log, line("old"))
    seen = Officer(log)
    add(log, line("new"))
    assert [one.passage for one in seen.wait(1, 5)] == ["new"]
    seen.close()


def test_the_oldest_go_first_and_are_counted(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(officers, "KEPT", 3)
    seen = Officer(log)
    add(log, b"".join(line(str(number)) for number in range(5)))
    assert [one.passage for one in seen.wait(3, 5)] == ["2", "3", "4"]
    assert seen.lost == 2
    seen.close()


def test_a_wait_says_what_is_missing(officer: Officer, log: Path) -> None:
    add(log, line("a"))
    with pytest.raises(TargetError, match="1 of 2 verdicts within 0 s"):
        officer.wait(2, 0.1)
