"""Every code that a technician may meet stands in the docs, word for word."""

from __future__ import annotations

from pathlib import Path

from edge.updates import CATALOGUE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "distribution.md"


def test_the_page_tells_each_code_its_cause_and_the_next_step() -> None:
    rows = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    for code, (cause, advice) in CATALOGUE.items():
        assert f"| `{code}` | {cause} | {advice} |" in rows


def test_texts_are_short_and_say_what_to_do() -> None:
    for code, (cause, advice) in CATALOGUE.items():
        assert 10 < len(cause) < 130, code
        assert 10 < len(advice) < 130, code
        assert not cause.endswith("."), code
