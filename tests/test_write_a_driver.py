"""The page "A driver in thirty minutes", followed to the letter in a copy of the project."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "write-a-driver.md"
COPIED = ("drivers", "hil_tests", "tests", "common", "edge", "hq", "demo", "provisioning", "pyproject.toml")
STEP = re.compile(
    r"^`(?P<path>[^`]+)`, (?:(?P<new>a new file)|(?P<where>below|above) `(?P<line>[^`]+)`):\n\n"
    r"```python\n(?P<code>.*?)```$",
    re.MULTILINE | re.DOTALL,
)
COMMAND = re.compile(r"^\$ (.+)$", re.MULTILINE)
INTERPRETER = ".venv/bin/python"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which the page's files have been made."""
    copy = tmp_path_factory.mktemp("driver")
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy / name)
    for step in STEP.finditer(PAGE.read_text(encoding="utf-8")):
        follow(copy / step["path"], step)
    return copy


def follow(path: Path, step: re.Match[str]) -> None:
    if step["new"]:
        assert not path.exists(), f"{path.name} is there already"
        path.write_text(step["code"], encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    (at,) = [number for number, line in enumerate(lines) if line.rstrip("\n") == step["line"]]
    lines.insert(at + (step["where"] == "below"), step["code"])
    path.write_text("".join(lines), encoding="utf-8")


def commands() -> list[str]:
    return COMMAND.findall(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_its_steps():
    steps = list(STEP.finditer(PAGE.read_text(encoding="utf-8")))
    assert len(steps) == PAGE.read_text(encoding="utf-8").count("```python")
    assert len(commands()) == 3


@pytest.mark.parametrize("command", commands())
def test_the_command_does_what_the_page_says(built: Path, command: str):
    program, *words = shlex.split(command)
    assert program == INTERPRETER
    # The copy's own packages, not the installed ones; no options of the run that this test is part of.
    around = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, *words], cwd=built, env={**around, "PYTHONPATH": str(built)}, capture_output=True, text=True,
        timeout=100, check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    if "pytest" in words:
        assert re.search(r"\d+ passed", done.stdout), done.stdout[-2000:]


def test_what_was_built_is_the_copys_own(built: Path):
    code = "import drivers.newland as n, drivers.catalog as c; print(n.__file__, 'newland' in c.DRIVERS)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=built, env={**os.environ, "PYTHONPATH": str(built)}, capture_output=True,
        text=True, timeout=30, check=True,
    )
    assert done.stdout.split() == [str(built / "drivers" / "newland.py"), "True"]


def test_the_code_of_the_page_is_as_tidy_as_ours(built: Path):
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    files = ["drivers/newland.py", "drivers/virtual/newland_device.py"]
    done = subprocess.run([ruff, "check", *files], cwd=built, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
