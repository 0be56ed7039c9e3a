"""Our parser beside PyPI ``mrz`` and npm ``mrz``: speed and decisions, one command, one table.

    python -m benchmarks.mrz_peers            (--rounds 9, --seconds 0.4, --no-install)

The peers are fetched on demand into .bench/ and are no dependency of the project; one that cannot be
had is reported as missing. Each round runs every parser once in a process of its own, in turn, so that
a busy machine weighs on all alike; a rate is parses per second of CPU time after a warm-up, the table
shows the median of the rounds. Decisions are judged on public specimens, on the edge cases beside the
project (where they are) and on specimens with one character changed that a check digit can see.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import shutil
import statistics
import subprocess
import sys
import venv
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any

from edge.core.mrz import parse
from edge.core.mrz.digits import ALPHABET, values_of
from edge.core.mrz.layouts import ALL, recognise

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / ".bench"
SPECIMENS = ROOT / "tests" / "edge" / "core" / "mrz_specimens.jsonl"
EDGE_CASES = ROOT.parent / "shared" / "data" / "mrz_edge_cases.jsonl"
PYPI, NPM = "mrz==0.6.2", "mrz@5.0.2"
MUTANTS = 10          # per specimen
INSTALL_TIMEOUT = 180  # seconds
TODAY = date(2026, 11, 22)

PYPI_WORKER = """
import json, sys
from time import process_time
from mrz.checker.mrva import MRVACodeChecker
from mrz.checker.mrvb import MRVBCodeChecker
from mrz.checker.td1 import TD1CodeChecker
from mrz.checker.td2 import TD2CodeChecker
from mrz.checker.td3 import TD3CodeChecker
BY = {"TD1": TD1CodeChecker, "TD2": TD2CodeChecker, "TD3": TD3CodeChecker, "MRVA": MRVACodeChecker,
      "MRVB": MRVBCodeChecker, "FRA_ID": TD2CodeChecker}
task = json.load(sys.stdin)
def check(case):
    try:
        return bool(BY[case["format"]]("\\n".join(case["lines"])))
    except Exception:
        return False
def full(case):
    try:
        checker = BY[case["format"]]("\\n".join(case["lines"]))
        return bool(checker), checker.fields().document_number
    except Exception:
        return False, None
"""
NPM_WORKER = """
import {parse} from 'mrz';
import {readFileSync} from 'node:fs';
const task = JSON.parse(readFileSync(0, 'utf8'));
function full(c) {
  try { const r = parse(c.lines); return [r.valid, r.fields.documentNumber]; } catch { return [false, null]; }
}
const cpu = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };
function rate(f, cases, seconds) {
  let n = 0; const start = cpu(); let now = start;
  while (now - start < seconds) { for (let i = 0; i < 20; i++) for (const c of cases) f(c); n += 20; now = cpu(); }
  return n * cases.length / (now - start);
}
const rates = {};
for (const [name, cases] of Object.entries(task.sets)) {
  rate(full, cases, task.seconds / 2);
  rates['parse|' + name] = rate(full, cases, task.seconds);
}
console.log(JSON.stringify({rates, decisions: task.judged.map(full)}));
"""
RATE = """
def rate(function, cases, seconds):
    count, start = 0, process_time()
    while (now := process_time()) - start < seconds:
        for case in cases:
            function(case)
        count += len(cases)
    return count / (now - start)
rates = {}
for name, cases in task["sets"].items():
    for label, function in kinds.items():
        rate(function, cases, task["seconds"] / 4)
        rates[label + "|" + name] = rate(function, cases, task["seconds"])
print(json.dumps({"rates": rates, "decisions": [decide(case) for case in task["judged"]]}))
"""


def ours() -> None:
    """The worker for our own parser: task on standard input, answer on standard output."""

    def full(case: dict[str, Any]) -> tuple[bool, str | None]:
        document = parse(case["lines"], today=TODAY)
        return document.valid, document.fields and document.fields.document_number

    def with_readings(case: dict[str, Any]) -> object:
        return parse(case["lines"], today=TODAY).readings

    exec(RATE, {  # the peers' loop, character for character
        "process_time": process_time, "json": json, "task": json.load(sys.stdin), "decide": full,
        "kinds": {"parse, all findings": full, "parse and number readings": with_readings},
    })  # fmt: skip


def install_pypi() -> list[str]:
    """The command that runs the PyPI peer, installed if need be."""
    folder = BENCH / "venv"
    python = folder / "bin" / "python"
    if not list(folder.glob("lib/python3*/site-packages/mrz")):
        venv.create(folder, with_pip=True)
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PYPI])
    tail = 'kinds = {"check only": check, "check and fields": full}\ndecide = full\n'
    return [str(python), "-c", PYPI_WORKER + tail + RATE]


def install_npm() -> list[str]:
    """The command that runs the npm peer, installed if need be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise FileNotFoundError("node and npm are not on PATH")
    folder = BENCH / "npm"
    if not (folder / "node_modules" / "mrz").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _run([npm, "install", "--silent", "--prefix", str(folder), NPM])
    worker = folder / "worker.mjs"
    worker.write_text(NPM_WORKER, encoding="utf-8")
    return [node, str(worker)]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_TIMEOUT)


def judged() -> list[dict[str, Any]]:
    """Zones with the truth about them: ``valid`` and, where valid, the ``number``."""
    cases = []
    rng = random.Random(1)
    for row in _rows(SPECIMENS):
        number = row["fields"]["document_number"]
        cases.append({"format": row["format"], "lines": row["lines"], "valid": True, "number": number})
        cases += [{"format": row["format"], "lines": lines, "valid": False} for lines in _mutants(row, rng)]
    for row in _rows(EDGE_CASES) if EDGE_CASES.exists() else ():
        if row["format"] is not None:
            case = {"format": row["format"], "lines": row["lines"], "valid": row["valid_9303"]}
            cases.append(case | ({"number": row["expected"]["document_number"]} if case["valid"] else {}))
    return cases


def _rows(path: Path) -> Iterable[dict[str, Any]]:
    return map(json.loads, path.read_text(encoding="utf-8").splitlines())


def _mutants(row: dict[str, Any], rng: random.Random) -> Iterable[list[str]]:
    layout, zone = ALL[row["format"]], "".join(row["lines"])
    spans = layout.composite or (layout.document_number, layout.birth_date, layout.expiry_date)
    offsets = [offset for span in spans for offset in range(span.start, span.stop)]
    for offset in rng.sample(offsets, MUTANTS):
        others = [c for c in ALPHABET if values_of(c) != values_of(zone[offset])]
        changed = zone[:offset] + rng.choice(others) + zone[offset + 1 :]
        lines = [changed[i : i + layout.line_length] for i in range(0, len(changed), layout.line_length)]
        if recognise(lines) is layout:
            yield lines


def main() -> int:
    """Run the comparison and print the table."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--seconds", type=float, default=0.4, help="CPU seconds per rate")
    arguments.add_argument("--no-install", action="store_true", help="use only what is already in .bench/")
    arguments.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.worker:
        ours()
        return 0
    cases = judged()
    specimens = [c for c in cases if c["valid"] and c["format"] == "TD3"][:1]
    task = {"seconds": options.seconds, "judged": cases, "sets": {"one TD3 specimen": specimens, "mixed": cases}}
    commands = _commands(options.no_install)
    answers: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for number in range(options.rounds):
        for name, command in commands.items():
            print(f"\rround {number + 1} of {options.rounds}: {name:24}", end="", file=sys.stderr, flush=True)
            done = subprocess.run(command, input=json.dumps(task), text=True, capture_output=True, check=True, cwd=ROOT)
            answers[name].append(json.loads(done.stdout))
    print(file=sys.stderr)
    _report(cases, answers, list(task["sets"]), options.rounds)
    return 0


def _commands(no_install: bool) -> dict[str, list[str]]:
    commands = {"borderpost": [sys.executable, "-m", "benchmarks.mrz_peers", "--worker"]}
    peers: dict[str, Callable[[], list[str]]] = {f"PyPI {PYPI}": install_pypi, f"npm {NPM}": install_npm}
    for name, install in peers.items():
        if no_install and not (BENCH / ("venv" if "PyPI" in name else "npm")).is_dir():
            print(f"missing: {name} (not in .bench/)")
            continue
        print(f"preparing {name} …", file=sys.stderr)
        try:
            commands[name] = install()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"missing: {name} ({type(error).__name__})")
    return commands


def _report(
    cases: list[dict[str, Any]], answers: dict[str, list[dict[str, Any]]], sets: list[str], rounds: int
) -> None:
    print(f"{platform.machine()}, Python {platform.python_version()}; median (least-most) of {rounds} rounds, "
          f"parses per CPU-second; mixed: {len(cases)} zones")  # fmt: skip
    print(f"{'':18}{'':28}" + "".join(f"{name:>30}" for name in sets))
    for name, rounds_of in answers.items():
        for kind in dict.fromkeys(key.split("|")[0] for key in rounds_of[0]["rates"]):
            row = ""
            for set_name in sets:
                rates = [r["rates"][f"{kind}|{set_name}"] for r in rounds_of]
                row += f"{statistics.median(rates):>12,.0f} ({min(rates):,.0f}-{max(rates):,.0f})".rjust(30)
            print(f"{name:18}{kind:28}{row}")
    valid = sum(c["valid"] for c in cases)
    print(f"\ndecisions on {len(cases)} zones ({valid} valid):  falsely refused, falsely accepted, wrong number")
    for name, rounds_of in answers.items():
        pairs = list(zip(cases, rounds_of[0]["decisions"], strict=True))
        refused = sum(c["valid"] and not d[0] for c, d in pairs)
        accepted = sum(d[0] and not c["valid"] for c, d in pairs)
        wrong = sum(c["valid"] and _plain(d[1]) != _plain(c["number"]) for c, d in pairs)
        print(f"{name:18}{refused:>6}{accepted:>6}{wrong:>6}")


def _plain(number: str | None) -> str:
    return (number or "").replace("<", "")


if __name__ == "__main__":
    sys.exit(main())
