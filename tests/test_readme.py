"""The README is true to the letter: what stands behind a ``$`` is run, and prints what stands below it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
AGE = re.compile(r"\d+\.\d days old")  # grows by the day


def blocks() -> list[list[tuple[str, str]]]:
    """Every block with commands, as (command, output) pairs in their order."""
    found = []
    for block in re.findall(r"^```\n(.*?)^```$", README, re.MULTILINE | re.DOTALL):
        if block.startswith("$ "):
            steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
            found.append([(step.split("\n", 1)[0], step.split("\n", 1)[1].rstrip()) for step in steps])
    return found


@pytest.mark.parametrize("steps", blocks(), ids=lambda steps: steps[0][0].split()[0])
def test_commands_print_what_the_readme_shows(steps: list[tuple[str, str]], tmp_path: Path) -> None:
    (tmp_path / "demo").symlink_to(ROOT / "demo")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command, expected in steps:
        done = subprocess.run(
            shlex.split(command), capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PATH": path},
            check=False, timeout=60,
        )
        assert AGE.sub("N days old", done.stdout.rstrip()) == AGE.sub("N days old", expected), done.stderr


def test_the_make_targets_that_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_it_is_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200
