"""The whole post on one desk, as a newcomer starts it: the command itself, its output, its exit code."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo import cast
from demo.broker import find_mosquitto
from demo.cli import scan

BIN = Path(sys.executable).parent
SCANNED = (*cast.before_the_list(), *cast.with_link(), *cast.without_link())
WITH_FINGERS = (*cast.before_the_list(), *cast.with_link(), *cast.at_the_desk(), *cast.without_link())
HIDDEN = """\
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("nbis", "PIL", "onnxruntime", "wsq", "nistitl"):
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Hidden())
"""


def played(*words: str, environ: dict[str, str] | None = None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What the demo says of each passage, and of all."""
    done = subprocess.run(
        [BIN / "borderpost-demo", "--once", "--json", *words],
        capture_output=True, text=True, timeout=150, check=False, env={**os.environ, **(environ or {})},
    )
    assert done.returncode == 0, done.stderr
    *rows, summary = map(json.loads, done.stdout.splitlines())
    return rows, summary


@pytest.mark.timeout(180)
@pytest.mark.parametrize("broker", ["mosquitto", "iotcore"])
def test_the_demo_loses_nothing_and_judges_as_its_script_says(broker: str) -> None:
    if broker == "mosquitto" and not find_mosquitto():
        pytest.skip("mosquitto is not on PATH (Debian: apt install mosquitto)")
    if broker == "iotcore":
        pytest.importorskip("iotcore", reason="the iotcore wheel is not installed (extra: demo)")
    rows, summary = played("--broker", broker)
    assert summary == {
        "passages": len(WITH_FINGERS), "fingers": 3, "at_headquarters": len(WITH_FINGERS), "lost": 0,
        "duplicates_removed": summary["duplicates_removed"],
    }
    assert [(r["outcome"], r["shown"]) for r in rows] == [(str(t.outcome), str(t.shown)) for t in WITH_FINGERS]
    assert all(r["recorded"] and r["headquarters_after_seconds"] is not None for r in rows)
    assert [r["fingers"] for r in rows if r["fingers"]] == [["POSSIBLE", "POSSIBLE"], ["CLEAR"]]


@pytest.mark.timeout(180)
def test_without_the_packages_for_fingers_it_goes_on_without_them(home: Path) -> None:
    (home / "sitecustomize.py").write_text(HIDDEN, encoding="utf-8")
    path = os.pathsep.join([str(home), str(Path(__file__).resolve().parents[2])])
    rows, summary = played(environ={"PYTHONPATH": path})
    assert (summary["passages"], summary["fingers"], summary["lost"]) == (len(SCANNED), 0, 0)
    assert [r["shown"] for r in rows] == [str(t.shown) for t in SCANNED]


def test_the_script_covers_all_outcomes_and_a_silent_hit() -> None:
    assert len(SCANNED) >= 8
    assert {str(t.shown) for t in SCANNED} == {"HIT", "POSSIBLE", "UNREADABLE", "INCOMPLETE", "CLEAR"}
    assert any(t.outcome != t.shown for t in SCANNED)


class Terminal:
    """The demo as a person runs it: on a terminal, until Ctrl-C."""

    def __init__(self, home: Path) -> None:
        self.environ = {**os.environ, "TMPDIR": str(home)}
        ours, its = os.openpty()
        self.process = subprocess.Popen([BIN / "borderpost-demo"], stdout=its, stderr=its, env=self.environ)
        os.close(its)
        self.screen = ours
        self.text = ""

    def wait_for(self, words: str, seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while words not in self.text:
            assert time.monotonic() < end, self.text
            if select.select([self.screen], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.screen, 65536).decode()
                except OSError:  # the terminal's other end is closed
                    assert words in self.text, self.text

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        os.close(self.screen)


def child_of(terminal: Terminal, word: str) -> int:
    """The process id of a piece of this demo."""
    for pid in Path(f"/proc/{terminal.process.pid}/task/{terminal.process.pid}/children").read_text().split():
        if word in Path(f"/proc/{pid}/cmdline").read_text():
            return int(pid)
    raise AssertionError(word)


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="d-") as folder:  # short: socket paths have 108 bytes
        yield Path(folder)


@pytest.mark.timeout(120)
def test_the_post_stays_open_takes_the_line_to_copy_and_says_when_the_box_ends(home: Path) -> None:
    terminal = Terminal(home)
    try:
        terminal.wait_for("close a lead")
        (folder,) = home.glob("borderpost-demo-*")
        assert f"{folder}/box/edge.toml" in terminal.text
        lines = re.findall(r"'([A-Z0-9<]{44})'", scan.help or "")
        scanned = subprocess.run(
            [BIN / "borderpost-demo", "scan", *lines], env=terminal.environ, capture_output=True, text=True, check=False
        )
        assert scanned.returncode == 0, scanned.stderr
        terminal.wait_for("● CLEAR")
        os.kill(child_of(terminal, "edge.toml"), signal.SIGKILL)
        terminal.wait_for(f"the box ended (signal 9); its log: {folder}/box.log")
        assert terminal.process.wait(30) == 1
        assert (folder / "box.log").exists()
    finally:
        terminal.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("words", "code"), [("INCOMPLETE", 130), ("close a lead", 0)])
def test_ctrl_c_cleans_up_during_the_script_and_after_it(home: Path, words: str, code: int) -> None:
    terminal = Terminal(home)
    try:
        terminal.wait_for(words)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == code
        assert list(home.iterdir()) == []
    finally:
        terminal.close()
