"""Persons by name on a list of a million names: latency, memory, start, and nothing lost.

    python benchmarks/names_corpus.py --names 1000000 --out corpus.jsonl
    python benchmarks/names_million.py corpus.jsonl [--questions 2000] [--recall 200] [--json]

The list is built once beside the corpus (``.persons-N``, N its layout) by the publisher's own builder. A question is
what a counter puts: ``Screener.screen`` with reasons and evidence, once with the traveller's birth date and once
without. Half of the questions are ordinary people, half are persons of the list. "First" is every question
with tokens nobody asked for before; "again" is the same questions on the same index.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import machine
from edge.core.documents import DateInterval
from edge.core.matching import index_of, search
from edge.core.screening import Query, Screener
from edge.core.watch import EntryName, PersonEntry, PersonTable, build_documents
from edge.core.watch.documents import DocumentTable
from edge.core.watch.layout import KIND_PERSONS, VERSIONS
from edge.core.watch.manifest import FileDigest, Lost, Manifest, Records, Thresholds
from edge.core.watch.persons_build import PersonBuilder

TOKENS = 50  # tokens of the questions that are compared with the whole vocabulary

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))


def entries(corpus: Path) -> Iterator[PersonEntry]:
    """The corpus as a source would give it."""
    with corpus.open(encoding="utf-8") as file:
        for at, line in enumerate(file):
            person = json.loads(line)
            birth = DateInterval.parse(person["birth"])
            names = [EntryName(t, "good" if i else "primary") for i, t in enumerate(person["names"])]
            yield PersonEntry(
                f"B{at}", tuple(names), births=(birth,) if birth else (), sex=person["sex"],
                nationalities=(person["nationality"],) if person["nationality"] else (), notice="national",
            )  # fmt: skip


def build(corpus: Path) -> tuple[Path, float]:
    """The list's file and the seconds it took; entries without a readable name are left out."""
    out = corpus.with_suffix(f".persons-{VERSIONS[KIND_PERSONS]}")
    if out.exists():
        return out, 0.0
    began, builder = time.process_time(), PersonBuilder()
    for entry in entries(corpus):
        try:
            builder.add(entry)
        except ValueError:
            continue
    out.write_bytes(builder.finish())
    return out, time.process_time() - began


def memory() -> dict[str, float]:
    """Resident megabytes: now, and at most since the program began."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return {name: round(int(lines[key].split()[0]) / 1024, 1) for name, key in
            (("resident_mb", "VmRSS"), ("most_mb", "VmHWM"))}  # fmt: skip


def spread(times: list[float]) -> dict[str, float]:
    times = sorted(times)
    return {
        "p50": round(times[len(times) // 2], 2), "p99": round(times[int(len(times) * 0.99)], 2),
        "max": round(times[-1], 2),
    }  # fmt: skip


def opened(file: Path) -> tuple[Any, dict[str, Any]]:
    """The list as the box holds it, and what opening cost: the bytes are in memory before the clock starts."""
    from memory_lists import NOW, MemoryList  # type: ignore[import-not-found]

    raw = file.read_bytes()
    before = memory()
    began, began_cpu = time.perf_counter(), time.process_time()
    table = PersonTable(raw)
    index_of(table)
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    after = memory()
    digest = FileDigest(0, "0" * 64)
    manifest = Manifest(
        list_id="bench", title="bench", generation=1, source_date=NOW, built_at=NOW,
        records=Records(0, len(table), table.n_names), lost=Lost(0, len(table)),
        files={"documents.bin": digest, "persons.bin": digest}, silent=False, action="", thresholds=Thresholds(),
    )  # fmt: skip
    return MemoryList("bench", manifest, DocumentTable(build_documents([])), table), {
        "names": table.n_names, "persons": len(table), "tokens": table.n_tokens,
        "file_mb": round(len(raw) / 2**20, 1), "ready_s": {"wall": round(wall, 2), "cpu": round(cpu, 2)},
        "program_and_file_mb": before["resident_mb"],
        "index_mb": round(after["resident_mb"] - before["resident_mb"], 1),
    }  # fmt: skip


def questions(corpus: Path, count: int) -> list[dict[str, Any]]:
    lines = corpus.with_suffix(".questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines[:count]]


def latency(one: Any, asked: list[dict[str, Any]], *, known: bool) -> dict[str, Any]:
    """Milliseconds a question, CPU and wall, and the outcomes of the ordinary half."""
    from memory_lists import TRUSTED

    screener, cpu, wall, outcomes, ordinary = Screener(), [], [], Counter[str](), 0
    for question in asked:
        fields = {"surname": question["name"], "sex": question["sex"]}
        if known:
            fields["birth_date"] = question["birth"]
        query = Query.of_fields(fields)
        began, began_cpu = time.perf_counter(), time.process_time()
        verdict = screener.screen(query, [one], TRUSTED)
        cpu.append((time.process_time() - began_cpu) * 1e3)
        wall.append((time.perf_counter() - began) * 1e3)
        if question["kind"] == "ordinary":
            ordinary += 1
            outcomes[str(verdict.outcome)] += 1
    told = {k.lower(): round(n / ordinary, 4) for k, n in sorted(outcomes.items()) if k != "CLEAR"} if ordinary else {}
    return {"cpu_ms": spread(cpu), "wall_ms": spread(wall), "ordinary_people": told}


def recall(table: PersonTable, asked: list[dict[str, Any]], minimum: float) -> dict[str, Any]:
    """``search``, and ``search_born`` where the birth date is known, against every name of the list scored."""
    from benchmarks.name_scan import full_scan, wrong_born, wrong_tokens

    wrong, born, found, began = 0, 0, 0, time.process_time()
    for question in asked:
        query = Query.of_fields({"surname": question["name"]}).name
        ours = {h.name_id: h.score.score for h in search(query, table, minimum)}
        scanned = full_scan(query, table, minimum)
        found += len(scanned)
        wrong += len(ours.items() ^ scanned.items())
        if question["birth"]:
            fields = {"surname": question["name"], "sex": question["sex"], "birth_date": question["birth"]}
            born += wrong_born(Query.of_fields(fields), table)
    seconds = time.process_time() - began
    tokens = list(dict.fromkeys(t for q in asked for t in Query.of_fields({"surname": q["name"]}).name.tokens))[:TOKENS]
    return {"questions": len(asked), "minimum": minimum, "scanned_hits": found, "differences": wrong,
            "differences_by_birth_date": born, "cpu_s": round(seconds, 1),
            "tokens_compared_with_every_token": len(tokens),
            "token_differences": sum(wrong_tokens(t, table) for t in tokens)}  # fmt: skip


def peers(corpus: Path, asked: list[dict[str, Any]]) -> dict[str, Any]:
    """rapidfuzz over the same names, brute force."""
    from rapidfuzz import fuzz, process, utils

    with corpus.open(encoding="utf-8") as file:
        names = [" ".join(sorted(utils.default_process(n).split())) for line in file for n in json.loads(line)["names"]]
    report = {}
    for label, scorer, cut in (("ratio of sorted tokens >= 85", fuzz.ratio, 85),
                               ("token_sort_ratio >= 85", fuzz.token_sort_ratio, 85)):  # fmt: skip
        times = []
        for question in asked:
            text = " ".join(sorted(utils.default_process(question["name"]).split()))
            began = time.process_time()
            process.extract(text, names, scorer=scorer, score_cutoff=cut, limit=None)
            times.append((time.process_time() - began) * 1e3)
        report[label] = {"names": len(names), "questions": len(asked), "cpu_ms": spread(times)}
    return report


def measured(corpus: Path, count: int) -> dict[str, Any]:
    """Everything that needs a process of its own."""
    file, _ = build(corpus)
    one, report = opened(file)
    asked = questions(corpus, count)
    for known, label in ((True, "birth date known"), (False, "birth date unknown")):
        for turn in ("first", "again") if known else ("again",):
            report[f"{label}, {turn}"] = latency(one, asked, known=known)
    report["memory_after"] = memory()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--recall", type=int, default=0, help="questions also asked of every name of the list")
    parser.add_argument("--peers", type=int, default=0, help="questions also put to rapidfuzz")
    machine.json_option(parser)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.corpus, given.questions)))
        return
    head = machine.Report("names_million", given)
    _, seconds = build(given.corpus)
    report: dict[str, Any] = {"build_cpu_s": round(seconds, 1)}
    args = [sys.executable, __file__, str(given.corpus), "--questions", str(given.questions), "--child"]
    report |= json.loads(subprocess.run(args, capture_output=True, check=True, text=True).stdout)
    if given.recall:
        table = PersonTable(build(given.corpus)[0].read_bytes())
        report["recall"] = recall(table, questions(given.corpus, given.recall), 0.84)
    if given.peers:
        report["rapidfuzz"] = peers(given.corpus, questions(given.corpus, given.peers))
    head.say(json.dumps(report, indent=1, ensure_ascii=False))
    head.figures.update(report)
    head.end()


if __name__ == "__main__":
    main()
