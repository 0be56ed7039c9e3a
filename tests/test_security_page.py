"""The page on security: every test that it names is there, and no provision stands without one."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
PROVISIONS = [f"5.{number}" for number in range(1, 14)] + ["6.1"]


def rows() -> list[list[str]]:
    table = PAGE.partition("## ETSI EN 303 645")[2]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_named_test_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", PAGE)
    assert len(named) > 30
    missing = [f"{file}::{name}" for file, name in named
               if f"def {name}(" not in ((ROOT / file).read_text("utf-8") if (ROOT / file).exists() else "")]
    assert missing == []


def test_every_provision_is_shown_by_a_test() -> None:
    body = rows()[1:]
    for row in body:
        assert len(row) == 4, row
        assert "::test_" in row[3], row
    for provision in PROVISIONS:
        assert any(row[0].startswith(provision) for row in body), provision


def test_the_page_on_reporting_says_where_and_what_is_supported() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    for section in ("## Reporting", "## Supported", "## Scope"):
        assert section in text
    assert "private" in text.partition("## Reporting")[2].partition("## ")[0]
