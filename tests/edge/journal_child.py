"""A process that records passages and says each acknowledged one, until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import journal_kit as kit  # noqa: E402 - the path is set above

from edge.core.verdicts import Outcome  # noqa: E402
from edge.journal import Journal  # noqa: E402


def main(path: Path, start: int) -> None:
    """Record from number ``start`` on; every third one is a HIT, every other a CLEAR whose finger opens a lead."""
    journal: Journal = kit.journal(path, wal_pages=20)
    journal.start()
    number = start
    while True:
        outcome = Outcome.HIT if number % 3 == 0 else Outcome.CLEAR
        recorded = journal.record(kit.new_passage(number, outcome)).result(10)
        sys.stdout.write(f"{recorded.seq} passage-{number:06}\n")
        sys.stdout.flush()
        if outcome is Outcome.CLEAR:
            recorded = journal.record_finger(kit.new_finger(number, opens=True, image=b"WSQ" * 900)).result(10)
            sys.stdout.write(f"{recorded.seq} finger-{number:06}\n")
            sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
