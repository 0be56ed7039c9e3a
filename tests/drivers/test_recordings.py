"""Every recording gives what its ``.expect`` says.

A new driver version that reads a recording otherwise fails here; if the difference is meant, the expectations are
rebuilt with ``--rebuild-expectations`` and the review sees what changed.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from drivers.catalog import DRIVERS
from drivers.replays import device_of, play
from drivers.trace import PROVENANCE, Trace, read_trace

FOLDER = Path(__file__).resolve().parents[1] / "recordings"
RECORDINGS = sorted(FOLDER.glob("*/*.trace"))


def make():
    spec = importlib.util.spec_from_file_location("make_recordings", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def load(path: Path) -> Trace:
    with path.open(encoding="utf-8") as lines:
        return read_trace(lines)


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_it_says_what_is_expected(path, request):
    told = play(load(path)).lines()
    expect = path.with_suffix(".expect")
    if request.config.getoption("--rebuild-expectations"):
        expect.write_text("\n".join(told) + "\n", encoding="ascii")
    assert told == expect.read_text("ascii").splitlines()


@pytest.mark.parametrize("path", RECORDINGS, ids=name_of)
def test_it_says_where_it_comes_from(path):
    provenance = load(path).provenance
    assert all(provenance.get(key) for key in PROVENANCE)
    assert device_of(provenance).driver == path.parent.name
    if "virtual" in provenance["Device"]:
        assert provenance["Tier"] == "virtual"


def test_every_family_has_recordings_and_each_its_origin():
    assert {path.parent.name for path in RECORDINGS} == set(DRIVERS)
    virtual = {name_of(path) for path in RECORDINGS if load(path).provenance.get("Tier") == "virtual"}
    assert virtual == {f"{driver}/{case}" for driver, case in make().wanted()}


@pytest.mark.parametrize("driver", list(DRIVERS))
def test_it_is_made_anew_as_it_is(driver, tmp_path):
    made = make()
    made.make(driver, "td3", tmp_path / "td3.trace")
    assert load(tmp_path / "td3.trace") == load(FOLDER / driver / "td3.trace")


@pytest.mark.parametrize("driver", list(DRIVERS))
def test_the_specimen_is_read_whole(driver):
    lines = map(json.loads, (FOLDER / driver / "td3.expect").read_text("ascii").splitlines())
    rows = [row for line in lines if line["event"] == "rows" for row in line["rows"]]
    assert rows == list(make().TD3)
