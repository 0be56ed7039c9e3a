"""A version on trial: counted within one boot, returned, settled; and no power cut takes a version away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.software import trial

FILE = Path(trial.__file__)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return laid_out(tmp_path)


def laid_out(base: Path) -> Path:
    for version in ("1.0", "2.0"):
        (base / "versions" / version).mkdir(parents=True)
    trial.point(base, "1.0")
    return base


def here(base: Path, now: float = 0.0, boot: str = "boot-1") -> trial.Here:
    return trial.Here(base, boot, now)


def test_a_version_that_stays_up_for_a_minute_has_passed(base: Path) -> None:
    trial.begin(base, "2.0", "1.0", 7)
    trial.starting(here(base, 10))
    trial.ready(here(base, 12))
    assert not trial.settle(here(base, 12 + trial.SETTLED_S - 1))
    assert trial.settle(here(base, 12 + trial.SETTLED_S))
    assert trial.current(base) == "2.0"
    assert trial.read(base) is None
    told = json.loads((base / "outcome.json").read_text())
    assert (told["outcome"], told["version"], told["generation"]) == ("kept", "2.0", 7)


def test_three_failed_starts_of_one_boot_bring_the_version_before_back(base: Path) -> None:
    trial.begin(base, "2.0", "1.0")
    for at in range(trial.MAX_FAILURES):
        trial.starting(here(base, at))
        assert trial.current(base) == "2.0"
    trial.starting(here(base, 9))
    assert trial.current(base) == "1.0"
    assert trial.bad_versions(base) == ["2.0"]
    assert json.loads((base / "outcome.json").read_text())["outcome"] == "returned"
    trial.starting(here(base, 10))  # the version before starts, and nobody counts
    assert trial.read(base) is None


def test_power_that_fails_in_every_start_takes_no_version_away(base: Path) -> None:
    trial.begin(base, "2.0", "1.0")
    for boot in range(1000):
        trial.starting(here(base, 5, boot=f"boot-{boot}"))
    under_way = trial.read(base)
    assert under_way is not None
    assert under_way.failures == 0
    assert trial.current(base) == "2.0"


@given(st.lists(st.sampled_from(["cut", "crash", "asked", "up"]), max_size=40))
def test_whatever_happens_only_crashes_of_one_boot_count(
    tmp_path_factory: pytest.TempPathFactory, ends: list[str]
) -> None:
    base = laid_out(tmp_path_factory.mktemp("versions"))
    trial.begin(base, "2.0", "1.0")
    boot, now, crashes = 0, 0.0, 0
    for end in ends:
        trial.starting(here(base, now, f"boot-{boot}"))
        if crashes >= trial.MAX_FAILURES:
            assert trial.current(base) == "1.0"
            return
        assert trial.current(base) == "2.0"
        now += 1
        if end == "up":
            trial.ready(here(base, now, f"boot-{boot}"))
        if end == "asked":
            trial.stopped(here(base, now, f"boot-{boot}"), {"SERVICE_RESULT": "success"}, lambda: None)
        elif end in ("crash", "up"):  # up, and dead before it settled
            trial.stopped(here(base, now, f"boot-{boot}"), {"SERVICE_RESULT": "signal"}, lambda: None)
            crashes += 1
        else:
            boot += 1


def test_one_start_that_hangs_is_enough(base: Path) -> None:
    trial.begin(base, "2.0", "1.0")
    trial.starting(here(base, 5))
    trial.starting(here(base, 5 + trial.HUNG_S))
    assert trial.current(base) == "1.0"


def test_a_version_that_calls_the_configuration_wrong_is_left_and_the_daemon_started(base: Path) -> None:
    trial.begin(base, "2.0", "1.0")
    trial.starting(here(base))
    restarted: list[bool] = []
    trial.stopped(here(base), {"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "78"}, lambda: restarted.append(True))
    assert trial.current(base) == "1.0"
    assert restarted == [True]


def test_an_end_that_was_asked_for_counts_nothing(base: Path) -> None:
    trial.begin(base, "2.0", "1.0")
    for at in range(10):
        trial.starting(here(base, at))
        trial.ready(here(base, at))
        trial.stopped(here(base, at), {"SERVICE_RESULT": "success", "EXIT_STATUS": "0"}, lambda: None)
    assert trial.current(base) == "2.0"


def test_a_trial_that_was_cut_before_its_link_is_dropped(base: Path) -> None:
    trial.keep(base, trial.Trial("2.0", "1.0"))  # power went before `current` led to it
    trial.starting(here(base))
    assert trial.current(base) == "1.0"
    assert trial.read(base) is None
    assert trial.bad_versions(base) == []


def test_without_a_version_to_go_back_to_the_one_on_trial_stays(base: Path) -> None:
    (base / "versions" / "1.0").rmdir()
    trial.begin(base, "2.0", "1.0")
    for at in range(6):
        trial.starting(here(base, at))
    assert trial.current(base) == "2.0"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 1}', '{"version": "2.0"}', "\0" * 100, '{"x": 1}'])
def test_a_file_that_makes_no_sense_keeps_nobody_from_starting(base: Path, text: str) -> None:
    (base / "trial.json").write_text(text)
    (base / "bad.json").write_text(text)
    done = subprocess.run([sys.executable, "-I", "-c", START, str(FILE), str(base)], timeout=30, check=False)
    assert done.returncode == 0
    assert trial.current(base) == "1.0"


START = """
import runpy, sys
from pathlib import Path
main = runpy.run_path(sys.argv[1], run_name="alone")["main"]
sys.exit(main(["starting"], {}, Path(sys.argv[2])))
"""


def test_the_file_runs_alone_with_the_system_s_own_python(base: Path) -> None:
    # As the package installs it: isolated, nothing of the project on its path.
    trial.begin(base, "2.0", "1.0")
    for _ in range(4):
        subprocess.run([sys.executable, "-I", "-S", "-c", START, str(FILE), str(base)], timeout=30, check=True)
    assert trial.current(base) == "1.0"


def test_a_folder_that_cannot_be_written_keeps_nobody_from_starting(tmp_path: Path) -> None:
    assert trial.main(["starting"], os.environ, tmp_path / "not-there") == 0
    assert trial.main(["something"], os.environ, tmp_path) == 0


def test_what_is_remembered_as_bad_has_a_limit(base: Path) -> None:
    for number in range(trial.MAX_BAD + 20):
        trial.give_up(base, replace(trial.Trial("x", "1.0"), version=f"9.{number}"), "")
    bad = trial.bad_versions(base)
    assert len(bad) == trial.MAX_BAD
    assert bad[-1] == f"9.{trial.MAX_BAD + 19}"
