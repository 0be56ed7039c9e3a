"""``borderpost replay``: a recording through the real daemon, and nothing left of it."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from box_world import LISTS, STOLEN, WAIT_S, BoxWorld, until, zone

from drivers.named import NamedDevice
from drivers.trace import Entry, Trace, write_trace
from drivers.virtual.text_device import TextDevice
from edge import replaying
from hq.publisher import SourceSpec, build

RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
LIMIT_S = 60.0


def begin(tmp_path: Path, *more: str) -> subprocess.Popen[str]:
    words = [str(Path(sys.executable).parent / "borderpost"), "replay", *more]
    return subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )


def replay(tmp_path: Path, *more: str) -> tuple[int, str, str]:
    run = begin(tmp_path, *more)
    out, err = run.communicate(timeout=LIMIT_S)
    assert not list(tmp_path.glob("borderpost-replay-*"))
    return run.returncode, out, err


def counts(said: str) -> dict[str, object]:
    last: dict[str, object] = json.loads(said.splitlines()[-1])
    assert last["type"] == "counts"
    return last


@pytest.mark.parametrize(
    ("recording", "verdicts"),
    [
        ("elyctis/broken-off", 2), ("honeywell/row-by-row", 2), ("est/td1", 1), ("hid_keyboard/german-rolling", 2),
    ],
)
def test_recordings_of_families_that_differ(recording: str, verdicts: int, tmp_path: Path) -> None:
    code, out, err = replay(tmp_path, str(RECORDINGS / f"{recording}.trace"), "--speed", "max", "--json")
    assert code == 0, out + err
    found = counts(out)
    assert found["verdicts"] == verdicts
    assert found["expected"] is True
    assert found["differs"] == []
    assert not any(text in out + err for text in ("ERIKSSON", "L898902C3", "D23145890"))


def test_it_is_screened_against_the_lists_that_are_given(tmp_path: Path) -> None:
    build(tmp_path / "lists", [SourceSpec.parse(f"sltd-csv:{LISTS / 'sltd.csv'}")], now=datetime.now(UTC))
    path = tmp_path / "stolen.trace"
    written(path, TextDevice().present(zone(STOLEN)))
    code, out, _ = replay(tmp_path, str(path), "--lists", str(tmp_path / "lists"), "--speed", "max")
    assert code == 0
    assert out.split()[:2] == ["HIT", "TD3"]
    assert "1 reads, 1 verdicts" in out
    assert "expected" not in out


def written(path: Path, data: bytes, **settings: object) -> None:
    header = {"Device": "virtual", "Driver": "text", "Settings": json.dumps(settings), "Date": "2026-01-01",
              "Submitter": "the test", "Documents": "invented"}
    with path.open("w", encoding="ascii") as out:
        write_trace(out, Trace(header, (Entry(0.5, "<", data),)))


def test_an_expectation_that_is_not_met_is_said_and_is_the_exit_code(tmp_path: Path) -> None:
    for name in ("td3.trace", "td3.expect"):
        shutil.copy(RECORDINGS / "text" / name, tmp_path / name)
    expect = tmp_path / "td3.expect"
    expect.write_text(expect.read_text().replace('"reads": 1', '"reads": 2'))
    code, out, _ = replay(tmp_path, str(tmp_path / "td3.trace"), "--speed", "max")
    assert code == 1
    assert "NOT as expected: reads: 1 instead of 2" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_behind(number: signal.Signals, tmp_path: Path) -> None:
    run = begin(tmp_path, str(RECORDINGS / "elyctis" / "rearm.trace"))
    until(lambda: list(tmp_path.glob("borderpost-replay-*/state/journal.sqlite")), "the box is up", LIMIT_S)
    folder = next(tmp_path.glob("borderpost-replay-*"))
    children = processes_of(folder)
    assert len(children) == 2
    run.send_signal(number)
    _, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 130
    assert "stopped" in err
    assert not folder.exists()
    assert processes_of(folder) == []


def test_a_kill_leaves_nothing_behind(tmp_path: Path) -> None:
    run = begin(tmp_path, str(RECORDINGS / "elyctis" / "rearm.trace"))
    until(lambda: any(b"reader_ready" in log.read_bytes() for log in tmp_path.glob("*/box.log")), "it is up", LIMIT_S)
    folder = next(tmp_path.glob("borderpost-replay-*"))
    assert len(processes_of(folder)) == 2
    run.kill()
    run.communicate(timeout=WAIT_S)
    until(lambda: not processes_of(folder), "box and player have ended", WAIT_S)
    assert not folder.exists()


def test_a_driver_that_does_not_fit_is_said_and_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    text = (RECORDINGS / "elyctis" / "td3.trace").read_text()
    path.write_text(text.replace("# Driver: elyctis", "# Driver: text"))
    code, out, err = replay(tmp_path, str(path), "--speed", "max")
    assert code == 1
    assert "0 reads" in out
    assert "the driver differs" in out
    assert "nothing was read, though the device sent" in err
    assert "driver 'text'" in err
    assert "--reader" in err


def test_nothing_read_is_as_it_should_be_where_nothing_is_expected(tmp_path: Path) -> None:
    path = tmp_path / "noise.trace"
    written(path, b"\x00\xff" * 40)
    nothing = {"event": "counts", "reads": 0, "others": 0}
    for expected, code in ((True, 0), (False, 1)):
        path.with_suffix(".expect").write_text(json.dumps(nothing) + "\n")
        if not expected:
            path.with_suffix(".expect").unlink()
        ended, out, err = replay(tmp_path, str(path), "--speed", "max", "--json")
        assert ended == code, err
        assert counts(out)["expected"] is expected


def test_a_device_that_told_nothing_but_what_it_is_was_understood(tmp_path: Path) -> None:
    path = tmp_path / "quiet.trace"
    lines = (RECORDINGS / "elyctis" / "td3.trace").read_text().splitlines()
    asked = [at for at, line in enumerate(lines) if " < " in line][:2]
    path.write_text("\n".join(lines[: asked[-1] + 1]) + "\n")
    code, out, err = replay(tmp_path, str(path), "--speed", "max")
    assert code == 0, out + err
    assert "0 reads" in out


def test_the_whole_replay_has_a_limit(tmp_path: Path) -> None:
    wanted = replaying.Wanted(tmp_path / "a.trace", NamedDevice("text"), seconds=20.0)
    assert wanted.limit_s == 20.0 + replaying.SPARE_S
    assert replace(wanted, speed="max").limit_s == wanted.limit_s
    assert replace(wanted, speed="0.5").limit_s == 40.0 + replaying.SPARE_S
    with pytest.raises(replaying.ReplayError, match="did not come to its end within 0 s"):
        replaying._follow(queue.Queue(), tmp_path, tmp_path / "none", lambda _what, _message: None, 0.0)


def processes_of(folder: Path) -> list[int]:
    """The processes whose command line names the replay's folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if str(folder).encode() in line:
            found.append(int(path.parent.name))
    return found


def test_a_reader_of_the_configuration_reads_it(tmp_path: Path) -> None:
    with BoxWorld(tmp_path / "post") as world:
        path = tmp_path / "a.trace"
        written(path, TextDevice().present(zone()))
        path.write_text(path.read_text().replace("# Driver: text\n", ""))
        code, _, err = replay(tmp_path, str(path), "--speed", "max")
        assert code == 1
        assert "give --config and --reader" in err
        code, out, _ = replay(
            tmp_path, str(path), "--speed", "max", "--json", "--config", str(world.config), "--reader", "page-1"
        )
    assert code == 0
    assert counts(out)["reads"] == 1


@pytest.mark.parametrize(
    ("content", "more", "code", "said"),
    [
        (None, (), 1, "No such file"),
        ("# Device: x\n", (), 1, "holds no bytes"),
        ("# Driver: text\n1 < zz\n", (), 1, "line 2"),
        ("# Driver: texte\n1 < 00\n", (), 1, "texte"),
        ("# Driver: text\n# Settings: {\"baud\": 1}\n1 < 00\n", (), 1, "baud"),
        ("# Driver: text\n1 < 00\n", ("--speed", "0"), 2, "above 0"),
        ("# Driver: text\n1 < 00\n", ("--speed", "nan"), 2, "above 0"),
        ("# Driver: text\n1 < 00\n", ("--lists", "/none"), 2, "does not exist"),
    ],
)
def test_what_is_wrong_is_said_with_the_next_step(
    content: str | None, more: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "a.trace"
    if content is not None:
        path.write_text(content)
    began = time.monotonic()
    ended, _, err = replay(tmp_path, str(path), *more)
    assert ended == code
    assert said in err
    assert code == 2 or "next:" in err
    assert time.monotonic() - began < WAIT_S
