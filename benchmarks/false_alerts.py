"""False alerts among ordinary travellers, by thresholds and by cause, on real lists and on a large national one.

    python -m benchmarks.false_alerts [--data ../shared/data] [--travellers 20000] [--national 300000] [--json]

Travellers are invented (``travellers.py``); nobody of them is listed, so that every HIT and POSSIBLE is a false
alert, by a namesake. Lists: the UN's and OFAC's together, and a national list of invented persons drawn from the same
names: 15 % without a birth date, 10 % with a year alone. Counts are given per 100,000 travellers, each once, by the
best of its reasons: what its birth date says is the cause. ``found`` is the other side: of 1,000 persons of the
national list, written by another clerk, how many become HIT or POSSIBLE (their own birth date where the list has one,
else any).

Every cell of the grid is decided by screening's own rules on one look at the list; the cell of the default thresholds
is checked against ``Screener``'s verdicts on the first travellers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from memory_lists import TRUSTED, MemoryList, memory_list  # type: ignore[import-not-found]

from benchmarks import machine
from benchmarks.travellers import People
from edge.core.documents import DateInterval
from edge.core.matching import index_of, search_born
from edge.core.screening import Query, Screener
from edge.core.screening.by_person import ALERT, REVIEW, Thresholds, decide, floors, one_token_stands, rare_enough
from edge.core.screening.by_person import same_in_spite_of_birth as forged
from edge.core.screening.qualifiers import Birth, qualify
from edge.core.verdicts import Outcome
from edge.core.watch import EntryName, PersonEntry, PersonTable
from edge.core.watch.entries import QUALITIES
from hq.sources.ofac_csv import OfacCsv
from hq.sources.un_xml import UnXml

ALERTS = (0.88, 0.90, ALERT, 0.95)
REVIEWS = (0.80, REVIEW, 0.88, 0.92)
CHECKED = 400       # travellers whose verdict is compared with Screener's
LISTED = 1000       # persons of the national list that come to the counter
PER = 100_000
EXACT, UNKNOWN, FORGED = "day of birth listed", "year of birth or nothing listed", "day of birth forged, name as listed"
CAUSES = {
    Birth.EXACT: "birth date equal", Birth.SWAPPED: "birth date near", Birth.OVERLAPS: "listed year or interval",
    Birth.ONE_DIGIT: "birth date near", Birth.SAME_YEAR: "birth date near", Birth.UNKNOWN: "birth date not known",
    Birth.CONTRADICTS: "forged-date rule",
}
_LOW = QUALITIES.index("low")

Cell = tuple[float, float]


def real_persons(data: Path) -> list[PersonEntry]:
    """The UN's and OFAC's persons."""
    un = UnXml(data / "lists/un/UN_consolidated.xml")
    both = [i for source in (un, OfacCsv(data / "lists/ofac/sdn.csv")) for i in source if isinstance(i, PersonEntry)]
    return [PersonEntry(f"R{at}", p.names, p.births, p.sex, p.nationalities) for at, p in enumerate(both)]


def national_persons(count: int) -> Iterator[PersonEntry]:
    """Invented persons as a national list has them: given names first, three in ten with another spelling."""
    people = People(20260301)
    pick = people.random
    for at in range(count):
        one = people.traveller()
        text = f"{one.given} {one.surname}"
        names = [EntryName(people.respelt(text) if pick.random() < 0.3 else text, "primary")]
        if pick.random() < 0.3:
            names.append(EntryName(people.respelt(text)))
        chance, day = pick.random(), date(1940, 1, 1) + timedelta(days=pick.randrange(66 * 365))
        birth = DateInterval.parse("" if chance < 0.15 else str(day.year) if chance < 0.25 else str(day))
        nation = (one.nationality,) if pick.random() < 0.8 else ()
        yield PersonEntry(f"N{at}", tuple(names), (birth,) if birth else (), one.sex, nation)


def outcomes(query: Query, table: PersonTable, cells: Sequence[Cell]) -> dict[Cell, tuple[Outcome, str]]:
    """For each pair of thresholds the best outcome and its cause; none where it is CLEAR. As ``by_person`` decides."""
    lowest = Thresholds(min(a for a, _ in cells), min(r for _, r in cells))
    best: dict[Cell, tuple[int, float, Outcome, str]] = {}
    for name_id, name, contradicts in search_born(query.name, query.birth, table, floors(query, lowest)):
        if contradicts and not forged(name):
            continue
        record = table.person(int(table.name_persons[name_id]))
        known = qualify(
            birth=query.birth, births=record.births, sexes=(query.sex, record.sex),
            nationality=query.nationality, nationalities=record.nationalities,
        )
        if known.birth is Birth.CONTRADICTS and not rare_enough(table, name_id):
            continue
        low = int(table.name_qualities[name_id]) == _LOW
        if not one_token_stands(name, query.name, known.birth):
            continue
        if name.one_token and query.name.strong > 1 and (low or not index_of(table).alone[name_id]):
            continue
        for cell in cells:
            outcome = decide(name, known, Thresholds(*cell), low=low)
            if outcome is not None:
                cause = "record of one name" if name.one_token else CAUSES[known.birth]
                found = (outcome.rank, name.score + known.points, outcome, cause)
                if cell not in best or found[:2] > best[cell][:2]:
                    best[cell] = found
    return {cell: (outcome, cause) for cell, (_, _, outcome, cause) in best.items()}


def measure(one: MemoryList, queries: Iterable[Query], cells: Sequence[Cell]) -> dict[str, Any]:
    """Counts by cell per 100,000 travellers, and the causes at the default thresholds."""
    screener, total, wrong = Screener(), 0, 0
    counts: dict[Cell, Counter[str]] = {cell: Counter() for cell in cells}
    causes: Counter[tuple[str, str]] = Counter()
    began = time.thread_time()
    for total, query in enumerate(queries, start=1):
        found = outcomes(query, one.persons, cells)
        for cell, (outcome, _) in found.items():
            counts[cell][outcome.name] += 1
        usual = found.get((ALERT, REVIEW))
        if usual is not None:
            causes[usual[0].name, usual[1]] += 1
        if total <= CHECKED:
            verdict = screener.screen(query, (one,), TRUSTED).outcome
            wrong += verdict is not (usual[0] if usual else Outcome.CLEAR)
    if wrong:
        sys.exit(f"{wrong} verdicts are not what Screener gives: this benchmark is out of date")
    return {
        "travellers": total,
        "ms_a_traveller": round((time.thread_time() - began) / max(1, total) * 1e3, 2),
        "per_100000": {
            f"alert {a} review {r}": {w: round(n / total * PER) for w, n in sorted(counts[a, r].items())}
            for a, r in cells
        },
        "causes_per_100000": {f"{w}: {c}": round(n / total * PER) for (w, c), n in sorted(causes.items())},
    }


def ordinary(count: int) -> Iterator[Query]:
    """Travellers as a passport's zone gives them."""
    people = People(7)
    for _ in range(count):
        one = people.traveller()
        yield Query.of_fields({
            "surname": one.surname, "given_names": one.given, "birth_date": one.birth or None, "sex": one.sex,
            "nationality": one.nationality,
        })  # fmt: skip


def listed(persons: Sequence[PersonEntry]) -> Iterator[tuple[Query, str]]:
    """Persons of the list as another clerk wrote them, and what the list knows of their birth; every second of those
    with a day of birth has forged it, and none of the letters."""
    people = People(11)
    for at, person in enumerate(Random(5).sample(list(persons), LISTED)):
        *given, surname = person.names[0].text.split()
        known = UNKNOWN if not person.births else EXACT if person.births[0].is_exact else UNKNOWN
        day = date(1940, 1, 1) + timedelta(days=people.random.randrange(66 * 365))
        if known == EXACT and at % 2:
            known = FORGED
        birth = person.births[0].earliest if person.births and known != FORGED else day
        fields = (surname, " ".join(given))
        surname, first = fields if known == FORGED else (people.respelt(one) if one else "" for one in fields)
        yield Query.of_fields({
            "surname": surname, "given_names": first, "birth_date": str(birth), "sex": person.sex,
            "nationality": (person.nationalities or ("",))[0],
        }), known  # fmt: skip


def found_share(one: MemoryList, persons: Sequence[PersonEntry]) -> dict[str, Any]:
    """Of listed persons at the counter, the share that is a lead, with and without a birth date in the list."""
    held: dict[str, list[bool]] = {EXACT: [], UNKNOWN: [], FORGED: []}
    cell = (ALERT, REVIEW)
    for query, known in listed(persons):
        got = bool(outcomes(query, one.persons, (cell,)))
        held[known].append(got)
    return {which: round(sum(got) / max(1, len(got)), 3) for which, got in held.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = Path(__file__).resolve().parents[1].parent / "shared/data"
    parser.add_argument("--data", type=Path, default=default, help="the shared data folder")
    parser.add_argument("--travellers", type=int, default=20_000)
    parser.add_argument("--national", type=int, default=300_000, help="persons of the invented list")
    machine.json_option(parser)
    given = parser.parse_args()
    cells = [(a, r) for a in ALERTS for r in REVIEWS if r <= a]
    report = machine.Report("false_alerts", given)
    figures = report.figures
    if (given.data / "lists/un").exists():
        people = real_persons(given.data)
        figures["UN and OFAC"] = {"persons": len(people)}
        figures["UN and OFAC"] |= measure(memory_list("real", persons=people), ordinary(given.travellers), cells)
    people = list(national_persons(given.national))
    national = memory_list("national", persons=people)
    figures["national"] = {"persons": len(people)} | measure(national, ordinary(given.travellers), cells)
    figures["national"]["found"] = found_share(national, people)
    report.say(_table(figures))
    report.end()


def _table(figures: dict[str, Any]) -> str:
    lines: list[str] = []
    for which, row in figures.items():
        if not isinstance(row, dict):
            continue
        lines += ["", f"{which}: {row['persons']} persons, {row['travellers']} travellers, "
                  f"{row['ms_a_traveller']} ms CPU a traveller for the whole grid; per 100,000 travellers:"]
        lines += [f"  {cell:28} HIT {n.get('HIT', 0):>6} POSSIBLE {n.get('POSSIBLE', 0):>6}"
                  for cell, n in row["per_100000"].items()]
        lines.append(f"  of alert {ALERT} review {REVIEW}:")
        lines += [f"    {cause:44} {n:>6}" for cause, n in row["causes_per_100000"].items()]
        lines += [f"  listed persons that are a lead, {known}: {n}" for known, n in row.get("found", {}).items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
