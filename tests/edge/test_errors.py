"""How errors reach a person: two lines and an exit code, never a traceback."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from edge.config import ConfigError
from edge.core.errors import BorderpostError
from edge.desk import DeskError
from edge.errors import EXIT_CONFIG, EXIT_CREW, EXIT_NO, guarded
from edge.journal import NoSuchPassageError


def raising(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("box.device is wrong", advice="mend it"), EXIT_CONFIG),
        (BorderpostError("it is so", advice="mend it"), EXIT_NO),
        (DeskError("the box does not answer", advice="mend it"), EXIT_NO),
        (NoSuchPassageError("no such passage", advice="mend it"), EXIT_NO),
    ],
)
def test_what_happened_and_what_next_and_a_code(
    capsys: pytest.CaptureFixture[str], error: BorderpostError, code: int
) -> None:
    assert guarded(raising(error)) == code
    assert capsys.readouterr().err == f"error: {error.message}\nnext:  mend it\n"


def test_the_exit_codes_are_those_of_the_unit_file() -> None:
    assert (EXIT_NO, EXIT_CREW, EXIT_CONFIG) == (1, 70, 78)
    unit = Path(__file__).resolve().parents[2] / "systemd" / "borderpost.service"
    assert f"RestartPreventExitStatus={EXIT_CONFIG}\n" in unit.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (click.UsageError("no such option"), 2),
        (click.Abort(), 130),
        (KeyboardInterrupt(), 130),
        (SystemExit(70), 70),
        (SystemExit("text"), 1),
    ],
)
def test_other_ends_have_their_codes(error: BaseException, code: int) -> None:
    assert guarded(raising(error)) == code


def test_a_plain_exit_is_no_failure() -> None:
    assert guarded(raising(SystemExit())) == 0
    assert guarded(raising(SystemExit(0))) == 0
    assert guarded(lambda: None) == 0


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 / 0)


def test_a_pipe_that_closes_early_ends_the_command_in_silence() -> None:
    words = f"{Path(sys.executable).parent / 'borderpost'} mrz --jsonl | head -n 1"
    line = b'{"id": 1, "lines": ["x"]}\n'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {words}"], input=line * 3000, capture_output=True, timeout=30, check=False
    )
    assert done.stderr == b""
    assert done.returncode == 141  # as after SIGPIPE
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("words", ["--help", "mrz --help", "lists inspect DIR --json", "mrz --jsonl"])
@pytest.mark.parametrize("where", [">/dev/full", ">&-"])
def test_output_that_cannot_be_written_is_two_lines_and_exit_1(tmp_path: Path, words: str, where: str) -> None:
    command = f"{Path(sys.executable).parent / 'borderpost'} {words.replace('DIR', str(tmp_path))} {where}"
    line = b'{"id": 1, "lines": ["x"]}\n'
    done = subprocess.run(["bash", "-c", command], input=line * 500, capture_output=True, timeout=30, check=False)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 1, said
    assert [text.split(":")[0] for text in said] == ["error", "next"]
    assert said[0].startswith("error: the output cannot be written: ")


def test_a_closed_input_is_an_empty_one() -> None:
    command = f"{Path(sys.executable).parent / 'borderpost'} mrz --jsonl <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=30, check=False)
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""


def test_a_fault_of_another_file_is_not_taken_for_the_outputs() -> None:
    with pytest.raises(OSError, match="No space"):
        guarded(raising(OSError(errno.ENOSPC, "No space left on device")))


@pytest.mark.parametrize("verb", ["run", "status", "doctor", "passages", "close", "counter", "audit"])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    from edge.cli import borderpost

    assert guarded(lambda: borderpost([verb, "--help"], standalone_mode=False)) == 0
    assert "Usage: " in capsys.readouterr().out


@pytest.mark.parametrize("words", [["status"], ["doctor"], ["run"], ["passages"], ["counter"], ["audit", "verify"]])
def test_a_configuration_that_is_not_there_is_78_for_every_verb(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from edge.cli import borderpost

    command = [*words, "--config", str(tmp_path / "edge.toml")]
    assert guarded(lambda: borderpost(command, standalone_mode=False)) == EXIT_CONFIG
    said = capsys.readouterr().err
    assert str(tmp_path / "edge.toml") in said
    assert "next:" in said
