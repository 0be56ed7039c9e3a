"""`make bench` itself: what it says, keeps and skips. The boxes here are processes of this computer."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from hil_tests.bench import report, run, tools
from hil_tests.bench.live import Live
from hil_tests.bench.summary import table
from hil_tests.bench.target import Done, Target, TargetError

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = """
import subprocess, pytest
from hil_tests.bench import report
from hil_tests.bench.target import Done, Target

pytest_plugins = ["hil_tests.bench.report"]

class Here(Target):
    def __init__(self, log): self.serial_log = log
    def execute(self, words, *, stdin=b"", limit_s=120.0):
        done = subprocess.run(list(words), input=stdin, capture_output=True, timeout=limit_s, check=False)
        return Done(done.returncode, done.stdout, done.stderr)
    def screen(self, to): to.write_bytes(b"P6 1 1 255 abc")

@pytest.fixture
def box(request, tmp_path):
    (tmp_path / "serial").write_text("the kernel's last words")
    made = Here(tmp_path / "serial")
    report.watch(request.config, made)
    yield made
    report.unwatch(request.config, made)
"""
TESTS = """
import time, pytest

def test_good(box, figure, say):
    assert box.run("echo", "here") == "here\\n"
    figure("boot to ready", "12.3 s")
    say("a box says something")

def test_bad(box):
    assert 1 == 2

def test_not_here():
    pytest.skip("there is no such device")

@pytest.mark.long
def test_hundred_times(): pass

def test_slow(): time.sleep({slow})
"""
# `prepare` builds package and guest for minutes: the one thing that is replaced. The rest is the real command.
DRIVER = """
import sys
from pathlib import Path
from hil_tests.bench import report, run
run.WORK, run.prepare = Path(sys.argv[1]), lambda given, live, told: (None, "")
report.FAILED = run.WORK / "failed"
sys.exit(run.main(sys.argv[2:]))
"""


def bench(tmp_path: Path, *words: str, slow: float = 0.0) -> subprocess.Popen[str]:
    """`make bench` on the small tests."""
    folder = tmp_path / "small"
    folder.mkdir(exist_ok=True)
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_small.py").write_text(TESTS.replace("{slow}", str(slow)))
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(tmp_path / "work"), str(folder), "-p", "no:xdist", *words],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def test_a_run_tells_every_test_the_figures_and_where_the_logs_of_a_failed_box_lie(tmp_path: Path) -> None:
    made = bench(tmp_path, "--json", str(tmp_path / "run.json"))
    out, _ = made.communicate(timeout=100)
    assert made.returncode == 1, out
    told: dict[str, Any] = json.loads((tmp_path / "run.json").read_text())
    outcomes = {name.rpartition("::")[2]: row["outcome"] for name, row in told["tests"].items()}
    assert outcomes == {"test_good": "passed", "test_bad": "failed", "test_not_here": "skipped", "test_slow": "passed"}
    assert told["figures"] == {"boot to ready": "12.3 s"}
    assert told["long_left"] == 1
    assert told["exit"] == 1
    assert 0 < told["first_test_s"] < told["seconds"]
    assert "3 ran, 2 passed, 1 failed, 1 skipped" in out
    assert "skipped (1): there is no such device" in out
    assert "a box says something" in out
    (kept,) = told["kept"]
    folder = Path(kept["folder"])
    assert str(folder) in out.partition("virtual bench")[2]
    assert (folder / "serial.log").read_text() == "the kernel's last words"
    assert (folder / "screen.ppm").read_bytes().startswith(b"P6")
    assert "PID" in (folder / "processes.txt").read_text()


def test_a_file_of_tests_that_cannot_be_read_is_no_interrupt(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "test_broken.py").write_text("import no_such_module_anywhere\n")
    made = bench(tmp_path)
    out, _ = made.communicate(timeout=100)
    assert made.returncode == 2, out
    assert "cannot be read: " in out
    assert "no_such_module_anywhere" in out
    assert "INTERRUPTED" not in out


@pytest.mark.parametrize(("words", "said"), [
    (("--bogus",), "unrecognized arguments: --bogus"),
    (("-k", "no_such_test"), "no test fits that"),
    (("-k", "hundred"), "long ones run with make bench-long"),
    (("--target", "nowhere"), "ssh:USER@HOST[:PORT] is the only kind there is"),
    (("--target", "ssh:"), "is no USER@HOST[:PORT]"),
    (("--target", "ssh:root@box7:99999"), "is no USER@HOST[:PORT]"),
    (("--json", "/no/such/folder/run.json"), "/no/such/folder is no folder that can be written to"),
])
def test_what_cannot_be_done_is_said_before_anything_is_built(tmp_path: Path, words: Sequence[str], said: str) -> None:
    made = bench(tmp_path, *words)
    out, _ = made.communicate(timeout=100)
    assert made.returncode == 2, out
    (line,) = out.splitlines()
    assert line.startswith("make bench: nothing was tested: ")
    assert said in line
    assert not (tmp_path / "work").exists()


def test_a_box_that_cannot_be_reached_is_said_once(tmp_path: Path) -> None:
    made = bench(tmp_path, "--target", "ssh:root@localhost:1")
    out, _ = made.communicate(timeout=100)
    assert made.returncode == 2, out
    assert "BROKEN, nothing was tested: no way to root@localhost" in out


def test_long_rounds_and_parts_are_asked_for(tmp_path: Path) -> None:
    made = bench(tmp_path, "--long", "--keep", "-k", "hundred or good")
    out, _ = made.communicate(timeout=100)
    assert made.returncode == 0, out
    assert "2 ran, 2 passed, 0 failed, 0 skipped" in out
    assert len(list((tmp_path / "work/kept").rglob("serial.log"))) == 1


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_run_with_a_table_and_130(tmp_path: Path, name: signal.Signals) -> None:
    made = bench(tmp_path, "-k", "good or slow", slow=60.0)
    assert made.stdout is not None
    said = []
    for line in made.stdout:  # until the slow one runs: its heartbeat says so
        said.append(line)
        if "test_slow" in line or "slow: runs" in line:
            break
    made.send_signal(name)
    out, _ = made.communicate(timeout=30)
    assert made.returncode == 130, "".join(said) + out
    assert "virtual bench, INTERRUPTED" in out
    assert "1 ran, 1 passed" in out
    assert "not reached                                          1 test\n" in out


def test_a_second_run_in_the_same_checkout_is_refused(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with run.alone(tmp_path / "work/run.lock") as free:
        assert free
        made = bench(tmp_path)
        out, _ = made.communicate(timeout=60)
    assert made.returncode == 2
    assert "another run is under way" in out


def test_where_no_guest_can_stand_one_line_says_so_and_nothing_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "WORK", tmp_path / "work")
    monkeypatch.setattr(tools, "obstacle", lambda folder: "")
    monkeypatch.setattr(tools, "PROGRAMS", {"sh": "dash", "no-such-program": "no-such-package"})
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert run.main(["--no-install", "--json", str(tmp_path / "run.json")]) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    out = capsys.readouterr().out
    assert "SKIPPED, nothing was tested: not on PATH: no-such-program" in out
    assert "apt-get install --no-install-recommends no-such-package" in out
    assert json.loads((tmp_path / "run.json").read_text())["skipped"].startswith("not on PATH: no-such-program;")


def test_a_package_that_cannot_be_built_is_no_skip_and_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def image(*_: object, **__: object) -> None:
        raise run.BuildError("pip: no such wheel")

    monkeypatch.setattr(run, "WORK", tmp_path / "work")
    monkeypatch.setattr(run, "image", image)
    monkeypatch.setattr(tools, "obstacle", lambda folder: "")
    monkeypatch.setattr(tools, "PROGRAMS", {})
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert run.main([]) == 2
    finally:
        signal.signal(signal.SIGTERM, handler)
    out = capsys.readouterr().out
    assert "BROKEN, nothing was tested: package or guest could not be built: pip: no such wheel" in out


def test_what_cannot_be_installed_here_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Live() as live:
        assert tools.provide({"sh": "dash"}, live, install=True) == ""
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        said = tools.provide({"no-such-program": "no-such-package"}, live, install=True)
        assert "as root: apt-get install" in said
    assert "by root" in tools.obstacle(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(tools, "DISK_LEAST", 1 << 60)
    assert "MiB free" in tools.obstacle(tmp_path)


def test_apt_is_run_with_services_forbidden_and_its_last_word_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    stand_in = programs / "apt-get"  # in place of Debian's: a test installs nothing
    policy = tmp_path / "policy-rc.d"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/called\nstat -c %a {policy} >> {tmp_path}/called\n'
                        'case $1 in install) echo "E: no such package" >&2; exit 100;; esac\n')
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setattr(tools, "POLICY", policy)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if not Path("/etc/debian_version").exists():
        pytest.skip("no Debian")
    with Live() as live:
        said = tools.provide({"no-such-program": "no-such-package"}, live, install=True)
    assert said.startswith("apt-get install failed: E: no such package; by hand: ")
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["update -qq", "755", "install -y -qq --no-install-recommends no-such-package", "755"]
    assert not policy.exists()


def test_a_policy_of_the_machine_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("somebody's own\n")
    monkeypatch.setattr(tools, "POLICY", policy)
    with tools.no_services():
        assert policy.read_text() == "somebody's own\n"
    assert policy.read_text() == "somebody's own\n"


def test_no_silence_is_longer_than_it_may_be(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        with Live(out.fileno(), quiet_s=0.2) as live:
            live.doing("building something")
            time.sleep(0.7)
            live.line("done")
        before = (tmp_path / "out").read_text()
        time.sleep(0.4)
    lines = before.splitlines()
    assert 2 <= sum("… building something" in line for line in lines) <= 4
    assert lines[-1].endswith("done")
    assert (tmp_path / "out").read_text() == before


def test_a_terminal_that_went_away_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Live(writing) as live:
        live.line("nobody hears this")
    os.close(writing)


class Dead(Target):
    """A box that answers nothing."""

    asked = 0

    def execute(self, words: Sequence[str], *, stdin: bytes = b"", limit_s: float = 120.0) -> Done:
        self.asked += 1
        raise TargetError("no answer")


def test_a_dead_box_is_asked_once_and_leaves_why_it_left_nothing(tmp_path: Path) -> None:
    box = Dead()
    assert report.keep_guest(tmp_path / "dead", box) == ["no-state.txt"]
    assert box.asked == 1
    assert "no answer" in (tmp_path / "dead/no-state.txt").read_text()


def test_of_a_long_log_the_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "LOG_MOST", 10)
    box = Dead()
    box.serial_log = tmp_path / "serial"  # type: ignore[attr-defined]
    (tmp_path / "serial").write_text("the beginning, and the end")
    assert "serial.log" in report.keep_guest(tmp_path / "dead", box)
    assert (tmp_path / "dead/serial.log").read_text() == "nd the end"


def test_a_run_that_skipped_everything_does_not_look_like_one_that_passed() -> None:
    tests = {"hil_tests/vm/test_a.py::test_b": {"outcome": "skipped", "seconds": 0.0, "reason": "no scanner"}}
    said = table({"commit": "c", "target": "bench", "long": False, "first_test_s": None, "seconds": 3.0,
                  "collected": 1, "long_left": 0, "figures": {}, "tests": tests, "kept": []})
    assert "EVERY test was skipped" in said
    assert "0 ran" in said


def test_a_folder_s_name_is_a_plain_one() -> None:
    assert report.safe("hil_tests/vm/test_stick.py::test_pulled[at 3 / 10]") == "vm-test_stick-test_pulled-at-3-10"
    assert "/" not in report.safe("../../x::y")


def test_the_command_is_what_make_calls() -> None:
    text = (ROOT / "Makefile").read_text()
    assert "-m hil_tests.bench.run $(ARGS)" in text
    assert "-m hil_tests.bench.run --long $(ARGS)" in text
    for program in tools.PROGRAMS:
        assert program.strip() == program
    assert stat.S_ISREG((ROOT / "hil_tests/bench/run.py").stat().st_mode)
