"""Every tampering with metadata, chunks or deltas that we could think of, and what a box says to it.

    python -m benchmarks.tampering                       # a base of 200,000 records and two deltas of 50,000
    python -m benchmarks.tampering --records 8000        # a trial

A real headquarters signs two keyed lists; real boxes update from a copy of its repository in which one thing is wrong,
once a flipped bit in every 4 KB (in metadata in every 64 bytes). Then the same is done to files whose signature
somebody got past: what serves documents must refuse them by itself. After each refusal the box has exactly what it had,
and at the end of each row it still takes the sound repository. A flipped bit counts as "no effect" if what is signed is
the same to the last character (the letter case of a signature's hexadecimal digits) and what was taken is too.

The exit code is 1 if anything was accepted, was refused with a wrong message, or changed a box.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.tampering_cases import KINDS, Case
from benchmarks.tampering_world import Box, Headquarters
from edge.core.errors import BorderpostError, LayoutError
from edge.keyed_files import KeyedError
from edge.updates import CATALOGUE, UpdateError


@dataclass
class Row:
    """What came of one kind of tampering with one kind of thing."""

    cases: int = 0
    refused: int = 0
    no_effect: int = 0
    taken_rightly: int = 0
    wrong: list[str] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)


def said_of(error: BorderpostError) -> str:
    """What a refusal is counted under: its code, or its message without numbers."""
    return error.code if isinstance(error, UpdateError) else re.sub(r"[0-9a-f]{16}|\d+", "N", error.message)


def tried(case: Case, row: Row) -> None:
    """One case: what the box said, and that nothing changed."""
    row.cases += 1
    before, generation = case.box.standing(), case.box.generation()
    try:
        case.act()
    except (UpdateError, LayoutError, KeyedError) as error:
        said = said_of(error)
        row.said[said] += 1
        row.refused += 1
        if not re.fullmatch(case.right, said):
            row.wrong.append(f"{case.name}: {said}")
        elif not error.advice or (isinstance(error, UpdateError) and error.advice != CATALOGUE[error.code][1]):
            row.wrong.append(f"{case.name}: no advice")
        elif case.box.standing() != before:
            row.wrong.append(f"{case.name}: refused, and yet the box is changed")
    else:
        if case.good is not None and case.box.generation() == case.good:
            row.taken_rightly += 1
        elif (case.harmless is not None and case.harmless()) or (
            case.no_change and case.box.standing() == before and case.box.generation() == generation
        ):
            row.no_effect += 1
        else:
            row.wrong.append(f"{case.name}: accepted")


def run(hq: Headquarters, work: Path, records: int, say: Callable[[str], None]) -> Iterator[tuple[str, str, Row]]:
    """Every kind, row by row."""
    for kind, cases in KINDS.items():
        rows: dict[str, Row] = {}
        for case in cases(hq, work):
            row = rows.setdefault(case.what, Row())
            tried(case, row)
        for what, row in rows.items():
            line = f"{kind:34} {what:9} {row.cases:6} {row.refused:8} {row.no_effect:9} {row.taken_rightly:6} " \
                   f"{len(row.wrong):6}  "
            say(line + ", ".join(f"{said} {n}" for said, n in row.said.most_common()))
            for wrong in row.wrong[:10]:
                say(f"  WRONG  {wrong}")
            yield kind, what, row
        control = Box(work / "control", hq.anchor)
        if control.update(hq.path) != 3 or not control.answers(3, records):
            raise SystemExit(f"after {kind} the sound repository is not taken any more")
        control.close()


def main() -> int:
    """Print the table; 0 if everything was refused, with the right words."""
    words = machine.parser(__doc__)
    words.add_argument("--records", type=int, default=200_000, help="of the base; a delta adds a quarter of it")
    words.add_argument("--part-kib", type=int, default=256, help="a part (chunk) of a published file; 65536 in earnest")
    words.add_argument("--block", type=int, default=4096, help="bytes of a file in which one bit is flipped")
    words.add_argument("--metadata-block", type=int, default=64, help="the same, of metadata")
    words.add_argument("--folder", type=Path, help="where there is room (a temporary folder)")
    given = words.parse_args()
    report = machine.Report("tampering", given)
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="bp-tampering-", dir=given.folder) as place:
        work = Path(place)
        hq = Headquarters(work / "hq", given.records, given.part_kib * 1024)
        hq.blocks = (given.block, given.metadata_block)
        sizes = {p.name: p.stat().st_size for made in (hq.lists["sltd"],) for p in
                 (made.bases[1], *made.deltas.values(), made.card)}  # fmt: skip
        report.figures["files"] = sizes
        report.say("sltd: " + ", ".join(f"{name} {size:,} bytes" for name, size in sizes.items()) +
                   f"; {len(hq.parts('base'))} chunks of the base, {len(hq.parts('delta'))} of deltas")
        report.say(f"{'what is wrong':34} {'with':9} {'cases':>6} {'refused':>8} {'no effect':>9} {'good':>6} "
                   f"{'WRONG':>6}  said")
        for kind, what, row in run(hq, work, given.records, report.say):
            found.append({"kind": kind, "what": what, "cases": row.cases, "refused": row.refused,
                          "no_effect": row.no_effect, "taken_rightly": row.taken_rightly, "wrong": row.wrong,
                          "said": dict(row.said)})  # fmt: skip
    codes = sorted({said for row in found for said in row["said"]} & CATALOGUE.keys())
    for code in codes:
        report.say(f"{code:13} {CATALOGUE[code][0]}; {CATALOGUE[code][1]}")
    totals = {name: sum(row[name] for row in found) for name in ("cases", "refused", "no_effect", "taken_rightly")}
    totals["wrong"] = sum(len(row["wrong"]) for row in found)
    report.say(json.dumps(totals))
    report.figures.update(rows=found, messages={code: CATALOGUE[code] for code in codes}, **totals)
    report.end()
    return 1 if totals["wrong"] or not totals["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
