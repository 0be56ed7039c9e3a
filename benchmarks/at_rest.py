"""A million names at rest: from sealed files on the disk to the first answer, and where their plaintext stands then.

    python -m benchmarks.at_rest                          # a million invented names
    python -m benchmarks.at_rest --corpus corpus.jsonl    # those of benchmarks/names_corpus.py

1. A list of persons is built, sealed (``hq.list_keys``), and its ring sealed to a box, as headquarters does it.
2. A process of its own opens it as the daemon does (``edge.list_keys``, ``edge.watchlists``): ring, digests,
   decryption, index, first answer; cold (pages of the files dropped from the cache) and warm.
3. That process looks at itself: every mapping of /proc/self/smaps, and every one that has a file behind it is searched
   for listed names. Records are counted as they are opened for candidates.
4. A guarded process ends with SIGABRT under an unlimited core size: is there a dump?
5. The price of a record: sealed and opened one by one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.at_rest_look import dumped, in_files, mappings, resident, standing
from edge import watchlists
from edge.core import vault
from edge.core.documents import DateInterval
from edge.core.screening import Query, Screener, prepare
from edge.core.trusted import ClockState, Trusted
from edge.core.vault import KeyRing, RecordKey, RingEntry
from edge.core.vault.segments import Buffer
from edge.core.watch import EntryName, PersonEntry, PersonTable
from edge.core.watch import manifest as manifests
from edge.core.watch.documents_build import DocumentBuilder
from edge.core.watch.entries import Quality
from edge.core.watch.manifest import DOCUMENTS, PERSONS, FileDigest, Lost, Manifest, Records, folder_name
from edge.core.watch.persons_build import PersonBuilder
from edge.list_keys import SEALED, ListKeys
from edge.secret_memory import allocate as allocate_secret
from edge.secret_memory import guard_process
from hq.list_keys import for_box, sealed_generation

LIST = "national"
GOAL_S = 2.0
SEARCHED = 2000  # names that are looked for in mapped files
NOW = datetime(2026, 3, 1, tzinfo=UTC)
QUALITY: Sequence[Quality] = ("primary", "good")
SYLLABLES = tuple(c + v for c in "bdfghjklmnpqrstwyz" for v in "aiu")


def invented(names: int) -> Iterator[PersonEntry]:
    """Persons until they have that many names; about 100,000 tokens by a Zipf law, as on a real list."""
    dice = Random(1)
    tokens = list(dict.fromkeys("".join(dice.choices(SYLLABLES, k=dice.choice((2, 3, 3, 4)))) for _ in range(120_000)))
    weights = list(np.cumsum([1 / (rank + 12) for rank in range(len(tokens))]))
    made = number = 0
    while made < names:
        count = dice.choice((1, 1, 1, 2, 3))
        words = [dice.choices(tokens, cum_weights=weights, k=dice.choice((2, 3, 3, 4))) for _ in range(count)]
        born = "" if dice.random() < 0.15 else f"{dice.randint(1935, 2007)}-{dice.randint(1, 12):02}-15"
        birth = DateInterval.parse(born)
        yield PersonEntry(
            f"B{number}", tuple(EntryName(" ".join(w).title(), QUALITY[i > 0]) for i, w in enumerate(words)),
            births=(birth,) if birth else (), sex=dice.choice("MF"), nationalities=("UTO",), notice="national",
        )  # fmt: skip
        made, number = made + count, number + 1


def of_corpus(corpus: Path) -> Iterator[PersonEntry]:
    """What ``names_corpus.py`` wrote."""
    with corpus.open(encoding="utf-8") as file:
        for at, line in enumerate(file):
            person = json.loads(line)
            birth = DateInterval.parse(person["birth"])
            names = tuple(EntryName(t, QUALITY[i > 0]) for i, t in enumerate(person["names"]))
            yield PersonEntry(f"B{at}", names, births=(birth,) if birth else (), sex=person["sex"], notice="national",
                              nationalities=(person["nationality"],) if person["nationality"] else ())


def build(work: Path, people: Iterator[PersonEntry], questions: int, report: machine.Report) -> None:
    """The box's state and lists folders below ``work``, and names to ask and to look for, in clear, beside them."""
    builder, texts = PersonBuilder(), []
    for entry in people:
        try:
            builder.add(entry)
        except ValueError:  # no readable name
            continue
        texts.append(entry.names[0].text)
    files = {PERSONS: builder.finish(), DOCUMENTS: DocumentBuilder().finish()}
    table = PersonTable(files[PERSONS])
    manifest = Manifest(
        list_id=LIST, title=LIST, generation=1, source_date=NOW, built_at=NOW, action="Confirm with the NCB.",
        records=Records(0, len(table), table.n_names), lost=Lost(0, len(table)), silent=False,
        files={name: FileDigest(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()},
    )  # fmt: skip
    write(work / "clear", {**files, manifests.FILE_NAME: manifests.encode(manifest)})
    ring = KeyRing.of([RingEntry(LIST, 1, os.urandom(32))])
    began = time.process_time()
    sealed = sealed_generation(work / "clear", ring.entries[0])
    took = time.process_time() - began
    report.figures["list"] = {"persons": len(table), "names": table.n_names, "in_clear_mb": len(files[PERSONS]) / 1e6,
                              "sealed_mb": len(sealed[PERSONS]) / 1e6, "sealing_cpu_s": took}
    report.say(f"{len(table):,} persons, {table.n_names:,} names: {len(files[PERSONS]) / 1e6:.0f} MB in clear, "
               f"{len(sealed[PERSONS]) / 1e6:.0f} MB sealed in {took:.1f} s CPU")
    write(work / "lists" / LIST / folder_name(1), sealed)
    (work / "state").mkdir()
    line = ListKeys(work / "state", {}).public_line()
    (work / "state" / SEALED).write_bytes(for_box(ring, line, []))
    Random(2).shuffle(texts)
    (work / "asked.json").write_text(json.dumps([texts[:questions], texts[:SEARCHED]]), encoding="utf-8")


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
        with (folder / name).open("rb") as file:
            os.fsync(file.fileno())


# -- the box ---------------------------------------------------------------------------------------------------------


class Watched:
    """Counts and times what the vault does, and remembers which memory it was given."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.blocks: list[tuple[int, int]] = []
        self.records = 0
        self._time("digests", watchlists, "_sha256")
        self._time("decryption", vault, "open_into")
        give, reading = allocate_secret, RecordKey.open

        def allocate(size: int) -> memoryview:
            memory = give(size)
            self.blocks.append((np.frombuffer(memory, np.uint8).ctypes.data, size))
            return memory

        def counted(key: RecordKey, number: int, blob: Buffer) -> bytes:
            self.records += 1
            return reading(key, number, blob)

        setattr(watchlists, "allocate", allocate)  # noqa: B010
        setattr(RecordKey, "open", counted)  # noqa: B010

    def _time(self, name: str, module: Any, function: str) -> None:
        work: Callable[..., Any] = getattr(module, function)

        def timed(*args: Any) -> Any:
            began = time.thread_time()
            try:
                return work(*args)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.thread_time() - began

        setattr(module, function, timed)


def opened(work: Path) -> tuple[list[str], dict[str, Any]]:
    """What a starting daemon does with its lists, and what it looks like afterwards: lines and figures."""
    asked, searched = json.loads((work / "asked.json").read_text("utf-8"))
    guarded, watched = guard_process(), Watched()
    before = resident(mappings())
    began, began_cpu = time.perf_counter(), time.process_time()
    lists = watchlists.Watchlists.open(work / "lists", keys=ListKeys(work / "state", {}).ring).lists
    tables = time.process_time()
    prepare(lists)
    ready, at_once = time.process_time(), watched.records
    screener, trusted = Screener(), Trusted(ClockState.SIGNED, NOW, NOW)
    outcomes = [str(screener.screen(Query.of_fields({"surname": asked[0]}), lists, trusted).outcome)]
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    if lists[0].problem is not None or lists[0].persons is None:
        raise SystemExit(f"the sealed list does not open: {lists[0].problem}")
    first = watched.records
    outcomes += [str(screener.screen(Query.of_fields({"surname": name}), lists, trusted).outcome) for name in asked[1:]]
    found = mappings()
    secret = [m for m in found if any(m["first"] < a + n and a < m["last"] for a, n in watched.blocks)]
    whole, seconds = resident(found), watched.seconds
    told: dict[str, Any] = {
        "first_answer_s": {"wall": wall, "cpu": cpu, "digests": seconds["digests"], "decryption": seconds["decryption"],
                           "tables": tables - began_cpu - sum(seconds.values()), "index": ready - tables},
        "records_opened": {"until_ready": at_once, "first_answer": first, "a_question": watched.records / len(asked),
                           "questions": len(asked), "found": len(outcomes) - outcomes.count("CLEAR"),
                           "on_the_list": len(lists[0].persons)},
        "plaintext": {"mappings": len(secret), "mib": sum(m["Size"] for m in secret) / 1024,
                      "with_a_file": sum(bool(m["file"]) for m in secret),
                      "shared": sum("s" in m["rights"] for m in secret),
                      "out_of_dumps": sum("dd" in m["VmFlags"] for m in secret),
                      "blank_in_children": sum("wf" in m["VmFlags"] for m in secret),
                      "locked_mib": sum(m["Locked"] for m in secret) / 1024},
        "resident_mib": {"all": whole["all"], "before": before["all"],
                         "plaintext": sum(m["Rss"] for m in secret) / 1024,
                         "sealed_files": sum(m["Rss"] for m in found if str(work) in m["file"]) / 1024,
                         "swapped": whole["swap"]},
        "guarded": guarded,
    }  # fmt: skip
    told["resident_mib"]["derived"] = whole["anonymous"] - before["anonymous"] - told["resident_mib"]["plaintext"]
    size, hits = in_files(found, searched)
    in_clear = len(standing((work / "clear" / PERSONS).read_bytes(), searched))
    told["mapped_files"] = {"searched_mb": size / 1e6, "names": len(searched), "found": hits,
                            "found_in_clear": in_clear}
    return lines_of(told), told


def lines_of(told: dict[str, Any]) -> list[str]:
    """The figures of ``opened`` for people."""
    t, r, p, m, f = (told[k] for k in ("first_answer_s", "records_opened", "plaintext", "resident_mib", "mapped_files"))
    return [
        f"  first answer           {t['wall']:.2f} s wall, {t['cpu']:.2f} s CPU (goal < {GOAL_S:.0f} s)",
        f"    of it (CPU)          digests {t['digests']:.2f} s, decryption {t['decryption']:.2f} s, checks of the "
        f"tables {t['tables']:.2f} s, name index {t['index']:.2f} s",
        f"  records opened         {r['until_ready']} until ready, {r['first_answer']} for the first answer, "
        f"{r['a_question']:.1f} a question over {r['questions']} listed names ({r['found']} found); "
        f"{r['on_the_list']:,} are on the list",
        f"  plaintext of the file  {p['mib']:.0f} MiB in {p['mappings']} mappings: with a file behind it "
        f"{p['with_a_file']}, shared {p['shared']}, out of dumps {p['out_of_dumps']}, blank in children "
        f"{p['blank_in_children']}, locked {p['locked_mib']:.0f} MiB",
        f"  resident               {m['all']:.0f} MiB, {m['before']:.0f} before the list: plaintext "
        f"{m['plaintext']:.0f}, computed from it {m['derived']:.0f}, sealed files (given back under want) "
        f"{m['sealed_files']:.0f}; swapped {m['swapped']:.0f}",
        f"  mapped files           {f['searched_mb']:.0f} MB searched for {f['names']:,} listed names: "
        f"{f['found']} found (in the list in clear: {f['found_in_clear']:,})",
        f"  core dumps             {'excluded for the whole process' if told['guarded'] else 'NOT excluded'}",
    ]  # fmt: skip


def broken(told: dict[str, Any]) -> list[str]:
    """Which promises did not hold."""
    plain, dumps = told["plaintext"], told["plaintext"]["mappings"]
    outside = plain["with_a_file"] or plain["shared"] or told["mapped_files"]["found"]
    checks = {
        "ready in time": told["first_answer_s"]["cpu"] < GOAL_S,
        "nothing opened before it is asked for": told["records_opened"]["until_ready"] == 0,
        "no file behind plaintext": not outside,
        "the search finds what is there": told["mapped_files"]["found_in_clear"] > 0,
        "no dump": told["guarded"] and plain["out_of_dumps"] == dumps == plain["blank_in_children"],
        "nothing swapped": not told["resident_mib"]["swapped"],
    }
    return [name for name, held in checks.items() if not held]


def price(size: int = 220, count: int = 20_000) -> dict[str, float]:
    """Microseconds (CPU) for one record, sealed and opened."""
    key, record, told = RecordKey(RingEntry(LIST, 1, bytes(range(32)))), os.urandom(size), {}
    sealed = key.seal(7, record)
    work: dict[str, Callable[[], bytes]] = {
        "seal": partial(key.seal, 7, record), "open": partial(RecordKey.open, key, 7, sealed)
    }
    for name, one in work.items():
        began = time.process_time()
        for _ in range(count):
            one()
        told[name] = (time.process_time() - began) / count * 1e6
    return told


def main() -> int:
    parser = machine.parser(__doc__)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--corpus", type=Path, help="JSON lines of names_corpus.py, in place of invented names")
    parser.add_argument("--questions", type=int, default=200, help="listed names that are asked")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(opened(given.child)))
        return 0
    del given.child
    report, failed = machine.Report("at_rest", given), []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        build(work, of_corpus(given.corpus) if given.corpus else invented(given.names), given.questions, report)
        for state in ("cold", "warm"):
            if state == "cold":
                for path in (work / "lists").rglob("*.bin"):
                    with path.open("rb") as file:
                        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            command = [sys.executable, "-m", "benchmarks.at_rest", "--child", folder]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            lines, report.figures[state] = json.loads(done.stdout)
            failed += broken(report.figures[state])
            report.say("\n".join([f"the box starts, files {state}", *lines]))
    report.figures["dumped"] = {"guarded": dumped(True), "other": dumped(False)}
    report.figures["record_us"] = price()
    dumps, cost = report.figures["dumped"], report.figures["record_us"]
    report.say(f"SIGABRT under an unlimited core size: dump of a guarded process: {dumps['guarded']}, of another one: "
               f"{dumps['other']}\na record is sealed in {cost['seal']:.1f} µs, opened in {cost['open']:.1f} µs")
    failed += ["no dump"] if report.figures["dumped"]["guarded"] else []
    report.say(f"NOT HELD: {', '.join(failed)}" if failed else "all promises held")
    report.end()
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
