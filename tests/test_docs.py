"""What is not documented does not exist: commands, settings, outcome codes, error codes, pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from edge.core.codes import OUTCOME_CODES
from edge.core.mrz import findings
from edge.core.verdicts import Outcome

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = ["officer.md", "technician.md", "headquarters.md", "developer.md", "auditor.md"]


def test_the_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "pages.py"), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES)
def test_each_kind_of_reader_has_a_page_that_the_readme_names(page: str) -> None:
    assert (DOCS / page).stat().st_size > 1000
    assert f"docs/{page}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_outcome_and_outcome_code_is_explained_to_officers() -> None:
    text = (DOCS / "officer.md").read_text(encoding="utf-8")
    for word in [*map(str, Outcome), *OUTCOME_CODES]:
        assert f"`{word}`" in text or f"**{word}**" in text, word


def test_every_finding_of_the_parser_is_explained() -> None:
    text = (DOCS / "mrz.md").read_text(encoding="utf-8")
    for code in findings.TABLE:
        assert f"`{code}`" in text, code


def test_every_event_code_that_the_box_or_headquarters_raises_is_explained() -> None:
    text = (DOCS / "technician.md").read_text(encoding="utf-8") + (DOCS / "headquarters.md").read_text("utf-8")
    codes: set[str] = set()
    for path in [*(ROOT / "edge").rglob("*.py"), *(ROOT / "hq").rglob("*.py")]:
        source = path.read_text(encoding="utf-8")
        codes |= set(re.findall(r"log\.(?:warning|error)\(\s*\"([a-z_]+)\"", source))
        codes |= set(re.findall(r"_alarm\(\s*\"([a-z_]+)\"", source))
    assert codes
    missing = sorted(code for code in codes if f"`{code}`" not in text)
    assert missing == []


def test_no_event_is_explained_twice_on_the_technician_s_page() -> None:
    events = (DOCS / "technician.md").read_text(encoding="utf-8").partition("## 3. Log events")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]*)\|", events, re.MULTILINE)
    codes = [code for row in rows for code in re.findall(r"`(\w+)`", row)]
    assert codes
    assert sorted(codes) == sorted(set(codes))


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_decisions_are_numbered_without_gaps_and_say_why() -> None:
    numbers = sorted(int(p.name[:4]) for p in (DOCS / "adr").glob("*.md"))
    assert numbers == list(range(1, len(numbers) + 1))
    for path in (DOCS / "adr").glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert "**Decision.**" in text, path.name
        assert "**Why" in text, path.name


def test_the_words_that_must_not_occur_do_not() -> None:
    # A verdict is a lead (ARCHITECTURE law 2).
    for path in [*(ROOT / "edge").rglob("*.py"), *(ROOT / "hq").rglob("*.py"), *(ROOT / "demo").rglob("*.*")]:
        if path.suffix in {".py", ".csv", ".toml"} and path.name != "manifest.py":  # it refuses these words
            words = set(re.findall(r"[a-z]+", path.read_text(encoding="utf-8").lower()))
            assert not words & {"arrest", "guilty"}, path


def test_a_list_of_words_says_which_words() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert "LiteralType" not in page
    assert "list of `left-index`, `left-little`" in page
