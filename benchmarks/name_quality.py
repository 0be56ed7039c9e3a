"""How well names are told apart, beside rapidfuzz and nomenklatura, and how long one question takes on the UN list.

    python benchmarks/name_quality.py [--data ../shared/data] [--half each|tune|held|both] [--oracle PYTHON] [--json]

Pairs: ``name_pairs_dev.jsonl``. The first rules were written with the whole file in view, later ones with the
half ``tune`` alone (by CRC-32 of the id); ``held`` was only counted. An equal file that nobody here has seen judges.
``--oracle`` is the interpreter of an environment with nomenklatura (see ``name_oracle.py``): its logic-v2 is
scored beside. Recall is the share of same-person pairs above the threshold that lets 10 % (1 %) of the
different-person pairs through (a tie with it does not count as found). ``borderpost`` is the score that
``borderpost explain`` gives the two names; ``with dates`` is given birth dates and States too where a pair has them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

from rapidfuzz import fuzz, utils
from rapidfuzz.distance import JaroWinkler

from benchmarks import machine
from edge.core.matching import NEAR_EXACT
from edge.core.screening.explain import Person, explain_pair

SHOWN = 10        # pairs a kind needs to be printed
EACH, BOTH, TUNE, HELD = "each", "both", "tune", "held"
BENCH = "all of nomenklatura's"  # its kinds together: most have few pairs


Pair = dict[str, Any]


def ours(row: Pair) -> float:
    """The names alone."""
    return explain_pair(_person(row, "a"), _person(row, "b")).score


def ours_with_dates(row: Pair) -> float:
    """Birth dates and States too, where the pair has them."""
    return explain_pair(_person(row, "a", "dob", "country"), _person(row, "b", "dob", "country")).score


def _person(row: Pair, side: str, *more: str) -> Person:
    keys = {"dob": "birth_date", "country": "nationality"}
    fields = {"name": row[side]} | {keys[k]: row.get(f"{k}_{side}") for k in more}
    return Person.of_fields(fields, record=side == "b")


def _peer(scorer: Callable[..., float]) -> Callable[[Pair], float]:
    return lambda row: scorer(row["a"], row["b"], processor=utils.default_process) / 100


SCORERS: dict[str, Callable[[Pair], float]] = {
    "borderpost": ours,
    "with dates": ours_with_dates,
    "ratio": _peer(fuzz.ratio),
    "token_sort": _peer(fuzz.token_sort_ratio),
    "token_set": _peer(fuzz.token_set_ratio),
    "WRatio": _peer(fuzz.WRatio),
    "JaroWinkler": lambda r: JaroWinkler.similarity(r["a"], r["b"], processor=utils.default_process),
}


def oracle(python: Path, rows: Sequence[dict[str, Any]]) -> list[float]:
    """logic-v2's scores, from a process of its own."""
    asked = "".join(json.dumps({"a": r["a"], "b": r["b"]}) + "\n" for r in rows)
    script = Path(__file__).with_name("name_oracle.py")
    answer = subprocess.run([python, script], input=asked, capture_output=True, check=True, text=True)
    return [float(line) for line in answer.stdout.split()]


def in_half(row: Pair, half: str) -> bool:
    return half == BOTH or (zlib.crc32(str(row["id"]).encode()) % 2 == 0) == (half == "tune")


def auc(positive: Sequence[float], negative: Sequence[float]) -> float:
    """Chance that a same-person pair scores above a different-person pair (ties count half)."""
    ranked = sorted([(s, 1) for s in positive] + [(s, 0) for s in negative])
    total, at = 0.0, 0
    while at < len(ranked):
        end = at
        while end < len(ranked) and ranked[end][0] == ranked[at][0]:
            end += 1
        total += sum(label for _, label in ranked[at:end]) * (at + end + 1) / 2
        at = end
    n, m = len(positive), len(negative)
    return (total - n * (n + 1) / 2) / (n * m)


def quality(rows: Sequence[dict[str, Any]], python: Path | None = None) -> dict[str, Any]:
    """By scorer: AUC, and by kind the recall at 10 % and 1 % false positives."""
    report: dict[str, Any] = {}
    scored = {}
    for name, scorer in SCORERS.items():
        began = time.process_time()
        scored[name] = [scorer(r) for r in rows], (time.process_time() - began) / len(rows) * 1e6
    if python is not None:
        began = time.perf_counter()
        scored["logic-v2"] = oracle(python, rows), (time.perf_counter() - began) / len(rows) * 1e6
    for name, (scores, micros) in scored.items():
        negative = sorted((s for s, r in zip(scores, rows, strict=True) if not r["match"]), reverse=True)
        cuts = {share: negative[int(len(negative) * share)] for share in (0.10, 0.01)}
        kinds: dict[str, list[float]] = defaultdict(list)
        for s, r in zip(scores, rows, strict=True):
            if r["match"]:
                kinds[r["kind"]].append(s)
                if r["source"].startswith("nomenklatura"):
                    kinds[BENCH].append(s)
        usable = [s for kind, found in kinds.items() if kind not in {"un_alias_low", BENCH} for s in found]
        report[name] = {
            "auc": round(auc(usable, negative), 3),
            "different_persons": len(negative),
            "different_that_score_as_the_same": sum(s >= NEAR_EXACT for s in negative),
            "threshold_at_10": cuts[0.10],
            "us_a_pair": round(micros, 1),
            "recall": {
                kind: {"n": len(found)} | {
                    f"at_{share:.0%}": round(sum(s > cut for s in found) / len(found), 3)
                    for share, cut in cuts.items()
                }
                for kind, found in sorted(kinds.items())
                if len(found) >= SHOWN
            },
        }
    return report


def latency(data: Path, questions: int = 2000) -> dict[str, Any]:
    """CPU milliseconds of ``screen`` on the UN list, and outcomes of an ordinary invented population."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from memory_lists import TRUSTED, memory_list  # type: ignore[import-not-found]

    from edge.core.screening import Query, Screener
    from edge.core.watch import PersonEntry
    from hq.sources.un_xml import UnXml

    entries = [i for i in UnXml(data / "lists/un/UN_consolidated.xml") if isinstance(i, PersonEntry)]
    people = [replace(p, documents=tuple(replace(d, person=i) for d in p.documents)) for i, p in enumerate(entries)]
    lists = (memory_list("un", persons=people),)
    screener, random = Screener(), Random(20260227)
    screener.screen(Query.of_fields({"surname": "WARM UP"}), lists, TRUSTED)
    report: dict[str, Any] = {"persons": len(people)}
    for group, (families, given) in POPULATION.items():
        for known in (True, False):
            times: list[float] = []
            outcomes: dict[str, int] = defaultdict(int)
            for _ in range(questions):
                fields = {
                    "surname": random.choice(families).replace("_", " "),
                    "given_names": " ".join(random.sample(given, random.choice((1, 2, 2, 3)))),
                    "sex": random.choice("MF"),
                }
                if known:
                    fields["birth_date"] = str(date(1950, 1, 1) + timedelta(days=random.randrange(58 * 365)))
                query = Query.of_fields(fields)
                began = time.process_time()
                verdict = screener.screen(query, lists, TRUSTED)
                times.append((time.process_time() - began) * 1e3)
                outcomes[str(verdict.outcome)] += 1
            times.sort()
            report[f"{group}, birth date {'known' if known else 'unknown'}"] = {
                "p50_ms": round(times[len(times) // 2], 2),
                "p99_ms": round(times[int(len(times) * 0.99)], 2),
                **{o.lower(): n / questions for o, n in sorted(outcomes.items()) if o != "CLEAR"},
            }
    return report


POPULATION = {
    "arabic": (
        """BEN_ALI TRABELSI BOUAZIZI HAMDI JEBALI MANSOURI HADDAD KHOURY NASSAR SALEH HUSSEINI GHARBI MOKHTARI ZEROUAL
        BENALI BOUZID CHERIF FELLAH EL_AMRANI ALAOUI BENNANI TAZI AL_OTAIBI AL_HARBI AL_QAHTANI AL_GHAMDI ZAHRANI
        SHARIF SALLAM SHAHIN FARAG MANSOUR ELSAYED ABDELAZIZ MAKHLOUF AL_MASRI AL_SHAMI BARAKAT KANAAN AL_WERFALLI
        AL_MEGARHI BUKHARI""".split(),  # noqa: SIM905
        """MOHAMED AHMED ALI OMAR KHALID MAHMOUD YOUSSEF IBRAHIM HASSAN HUSSEIN MUSTAFA TAREK SAMIR NABIL FARID KARIM
        RACHID HICHAM FOUAD JAMAL WALID ADEL SALAH ABDELKADER ABDULLAH ABDERRAHMANE SALEM FAISAL MAJID BILAL HAMZA
        ANIS RIADH MOUNIR LOTFI ZOUHAIR FATIMA AICHA KHADIJA LEILA SALMA NOURA HANAN AMAL""".split(),  # noqa: SIM905
    ),
    "african": (
        """DIALLO TRAORE KEITA COULIBALY BA SOW CISSE TOURE CAMARA DIOP NDIAYE FALL SY KONE OUATTARA SANGARE KABA BARRY
        OKAFOR ADEYEMI BALOGUN EZE OKONKWO BELLO GARBA MUSA SANI USMAN WARSAME FARAH JAMA ADEN MWANGI OTIENO KAMAU
        TESFAYE BEKELE HABTE MUGISHA UWASE KABILA MBUYI ILUNGA TSHIBANGU""".split(),  # noqa: SIM905
        """MAMADOU OUSMANE MOUSSA AMADOU IBRAHIMA ABDOULAYE AISSATOU FATOUMATA MARIAMA ALPHA SEKOU BOUBACAR MODOU
        CHINEDU EMEKA NGOZI FUNMI TUNDE AMINU SADIQ HAUWA ZAINAB KELECHI ADA HODAN LIBAN HALIMA GRACE DAWIT SELAM
        YOHANNES JEAN PATRICK CLAUDE EMMANUEL JOSEPH DIEUDONNE""".split(),  # noqa: SIM905
    ),
    "european": (
        """LINDGREN BERGSTROM NIELSEN KOWALSKI NOVAK HORVAT SCHNEIDER WEBER FISCHER DUBOIS MOREAU LEFEBVRE ROSSI FERRARI
        GARCIA FERNANDEZ PEREIRA COSTA VAN_DIJK JANSSEN MURPHY SMITH TAYLOR POPESCU PETROV IVANOV NAGY SZABO VIRTANEN
        PAPADOPOULOS KAZLAUSKAS SIMIC""".split(),  # noqa: SIM905
        """SVEN ERIK LARS ANNA MARIA KARIN JAN PIOTR ZUZANA IVANA HANS PETER GRETA LUC PIERRE CLAIRE GIULIA MARCO LUCA
        CARMEN JOSE MANUEL JOAO RITA LIAM AOIFE SEAN JOHN EMMA ANDREI ELENA VIKTOR SERGEI EVA MATTI NIKOS""".split(),  # noqa: SIM905
    ),
}


def show(half: str, found: dict[str, Any]) -> None:
    scorers, first = list(found), found["borderpost"]
    print(f"\nhalf: {half}. AUC without low-quality aliases: " + ", ".join(f"{s} {found[s]['auc']}" for s in scorers))
    print(f"{first['different_persons']} different-person pairs, of which score {NEAR_EXACT} and more: "
          + ", ".join(f"{s} {found[s]['different_that_score_as_the_same']}" for s in scorers))
    for share in ("10%", "1%"):
        print(f"{f'recall at {share} false positives':32}{'n':>5}" + "".join(f"{s:>12}" for s in scorers))
        for kind, ours_row in first["recall"].items():
            row = "".join(f"{found[s]['recall'][kind][f'at_{share}']:>12.3f}" for s in scorers)
            print(f"{kind:32}{ours_row['n']:>5}{row}")
    print(f"{'CPU microseconds a pair':37}" + "".join(f"{found[s]['us_a_pair']:>12}" for s in scorers))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    default = Path(__file__).resolve().parents[1].parent / "shared/data"
    parser.add_argument("--data", type=Path, default=default, help="the shared data folder")
    machine.json_option(parser)
    parser.add_argument("--half", choices=(EACH, BOTH, TUNE, HELD), default=EACH, help="which pairs; each: two tables")
    parser.add_argument("--oracle", type=Path, help="python of an environment with nomenklatura")
    parser.add_argument("--pairs-only", action="store_true", help="no questions to the UN list")
    given = parser.parse_args()
    pairs = given.data / "name_pairs_dev.jsonl"
    if not pairs.exists():
        sys.exit(f"{pairs.name} is not there: give the shared data folder with --data")
    head = machine.Report("name_quality", given)
    rows = [json.loads(line) for line in pairs.read_text(encoding="utf-8").splitlines()]
    halves = (TUNE, HELD) if given.half == EACH else (given.half,)
    report: dict[str, Any] = {
        "pairs": {half: quality([r for r in rows if in_half(r, half)], given.oracle) for half in halves},
        "screening": {} if given.pairs_only else latency(given.data),
    }
    head.figures.update(report)
    if given.json == machine.STDOUT:
        head.end()
        return
    for half in halves:
        show(half, report["pairs"][half])
    if report["screening"]:
        print("\nscreening on the UN list, CPU milliseconds a question, share of verdicts other than CLEAR")
    for group, row in report["screening"].items():
        print(f"  {group}: {row}")
    head.end()


if __name__ == "__main__":
    main()
