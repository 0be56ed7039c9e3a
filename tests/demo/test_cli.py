"""`borderpost-demo scan`, and what the stage says of pieces that ended."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from datetime import date
from pathlib import Path

import pytest

from demo.cli import demo, scan
from demo.stage import Stage, StageError
from drivers.virtual.control import VirtualReader
from edge.core.mrz import parse
from edge.errors import guarded


def run(*words: str) -> int:
    return guarded(lambda: demo(["scan", *words], standalone_mode=False))


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_line_to_copy_is_a_sound_zone_that_has_not_expired() -> None:
    lines = re.findall(r"'([A-Z0-9<]{44})'", scan.help or "")
    assert len(lines) == 2
    assert parse(lines, today=date.today()).findings == ()  # noqa: DTZ011 - the day on the wall


@pytest.mark.parametrize("words", [["A"] * 4, ["A" * 45], ["é"], ["A\n"]])
def test_what_is_no_zone_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert "at most 3 lines of at most 44 ASCII" in capsys.readouterr().err


def test_no_demo_is_said_with_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("A") == 1
    assert "make demo" in capsys.readouterr().err
    assert run("A", "--demo", str(tmp_path), "--reader", "x") == 1
    assert "no reader 'x'" in capsys.readouterr().err


def test_a_document_that_nobody_reads_is_not_taken(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    with VirtualReader(tmp_path / "box" / "swipe-1.tty", tmp_path / "box" / "swipe-1.ctl"):
        assert run("A" * 44, "A" * 44, "--demo", str(tmp_path)) == 1
    assert "the box did not take it" in capsys.readouterr().err


def test_a_reader_that_was_killed_is_an_error_with_advice(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.readers["swipe-1"] = VirtualReader(tmp_path / "tty", tmp_path / "ctl")
    with pytest.raises(StageError, match="swipe-1 does not answer") as caught:
        stage.present("swipe-1", ["A"])
    assert caught.value.advice


@pytest.mark.parametrize(("number", "how"), [(signal.SIGKILL, "signal 9"), (None, "exit code 0")])
@pytest.mark.parametrize(("name", "what"), [("box", "the box"), ("hq", "headquarters")])
def test_a_piece_that_ended_is_named_with_its_log(
    tmp_path: Path, number: signal.Signals | None, how: str, name: str, what: str
) -> None:
    stage = Stage(tmp_path)
    stage.processes = {other: subprocess.Popen(["sleep", "60"]) for other in ("box", "hq")}
    try:
        stage.look_after()
        if number:
            stage.processes[name].send_signal(number)
        else:
            stage.end(name)
            stage.processes[name] = subprocess.Popen(["true"])
        stage.processes[name].wait(10)
        with pytest.raises(StageError) as caught:
            stage.look_after()
        assert caught.value.message == f"{what} ended ({how}); its log: {tmp_path / name}.log"
    finally:
        stage.close()
