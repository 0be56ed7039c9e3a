"""The page of the key ceremony: its very commands, one after the other, in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from authority_kit import WORD

from edge.core.provisioning.signing import open_national
from provisioning.ceremony import offline_names

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "key-ceremony.md").read_text(encoding="utf-8")
COMMANDS = {"borderpost-provision": "provisioning.cli", "borderpost-hq": "hq.cli"}


@pytest.mark.timeout(120)
def test_every_command_of_the_page_does_what_the_page_says(tmp_path: Path) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name, module in COMMANDS.items():
        program = bin_ / name
        program.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from {module} import main; main()' \"$@\"\n")
        program.chmod(0o755)
    table = tmp_path / "table"
    table.mkdir()
    (tmp_path / "word").write_text(WORD + "\n")
    environment = os.environ | {
        "PATH": f"{bin_}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path),
        "BORDERPOST_PASSPHRASE_FILE": str(tmp_path / "word"), "BORDERPOST_AUTHORITY": str(table / "authority"),
    }  # fmt: skip
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", PAGE, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 12
    for block in blocks:
        done = subprocess.run(
            ["sh", "-e", "-c", block], cwd=table, env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, (block, done.stderr)
    package = open_national((table / "authority" / "national.json").read_bytes(), None)
    assert package.number == 5
    assert package.tuf_root
    assert len(package.escrow_keys) == 1
    assert not list((table / "authority" / "offline").iterdir())  # every holder's key lies with its holder
    for path in (table / "copies").rglob("*.pem"):
        assert path.name.startswith(("claim", "command", "ca"))


def test_the_page_says_of_every_key_what_to_do_when_it_is_lost() -> None:
    rows = PAGE.partition("## What is made")[2].partition("## 1.")[0]
    for name in [*offline_names(3), "claim", "command", "ca.key"]:
        assert f"`{name}`" in rows
    for section in re.findall(r"section (6\.\d)", rows):
        assert f"### {section} " in PAGE
