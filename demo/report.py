"""What the demo prints: a table for a person, lines for a pipe, JSON for a program."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from demo.play import Passed, Totals


def table(rows: Iterable[Passed]) -> str:
    """What was scanned, the verdict, the milliseconds, and when headquarters had it."""
    lines = [
        f"{'scanned':52} {'at the counter':15} {'the truth':11} {'last byte to':>13} {'headquarters':>13}",
        f"{'':52} {'':15} {'':11} {'durable, ms':>13} {'had it after':>13}",
    ]
    for row in rows:
        arrived = "never" if row.arrived_s is None else f"{row.arrived_s:.2f} s"
        truth = "the same" if row.outcome == row.shown else row.outcome
        lines.append(f"{row.traveller.what:52} {row.shown:15} {truth:11} {row.elapsed_ms:13.1f} {arrived:>13}")
    return "\n".join(lines)


def summary(totals: Totals) -> str:
    """One line."""
    return (
        f"{totals.passages} passages, {totals.fingers} fingers, {totals.at_headquarters} passages at headquarters, "
        f"{totals.lost} lost, "
        f"{totals.duplicates_removed} duplicates removed"
    )


def json_lines(rows: Iterable[Passed], totals: Totals) -> list[str]:
    """One line a passage, then the summary."""
    lines = [
        {
            "passage": r.passage,
            "scanned": r.traveller.what,
            "outcome": r.outcome,
            "shown": r.shown,
            "recorded": r.recorded,
            "elapsed_ms": r.elapsed_ms,
            "headquarters_after_seconds": None if r.arrived_s is None else round(r.arrived_s, 3),
            "fingers": [finger.shown for finger in r.fingers],
            "as_expected": r.as_expected,
        }
        for r in rows
    ]
    last = {
        "passages": totals.passages,
        "fingers": totals.fingers,
        "at_headquarters": totals.at_headquarters,
        "lost": totals.lost,
        "duplicates_removed": totals.duplicates_removed,
    }
    return [msgspec.json.encode(line).decode() for line in [*lines, last]]
