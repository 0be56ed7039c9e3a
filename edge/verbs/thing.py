"""How ``borderpost vehicle`` and ``borderpost firearm`` answer: as ``borderpost screen`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edge.verbs.asking import ENCODER, answer, lists_and_rules, now, show, warn
from edge.verbs.jsonl import NULL

if TYPE_CHECKING:
    from edge.core.screening import ThingQuery


def ask(
    query: ThingQuery, folder: Path | None, config_path: Path | None, max_age_days: float | None, as_json: bool
) -> None:
    """Put one question to the lists and tell the verdict; exit code 1 unless it is CLEAR."""
    from edge.core.texts import text

    asked, screener = lists_and_rules(folder, config_path, max_age_days)
    warn(asked, looked=config_path is not None)
    verdict = screener.screen(query, asked, now())
    if as_json:
        found = answer(NULL, verdict)
        del found["id"]
        click.echo(ENCODER.encode(found).decode())
    else:
        show(verdict, {doubt: text("en", f"doubt.{doubt}") for doubt in verdict.unreadable})
    if str(verdict.outcome) != "CLEAR":
        raise SystemExit(1)
