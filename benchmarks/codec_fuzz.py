"""A coverage-guided fuzz run over every codec, the reader of recordings and the loader of profiles.

    python -m benchmarks.codec_fuzz                    (--seconds 300 for each, --only elyctis,rte, --no-keep)

atheris (libFuzzer for Python) is fetched on demand into .bench/ and is no dependency of the project. What is checked
stands in ``benchmarks.codec_oracle``. Inputs that reached something new are kept, minimised, in tests/corpus/TARGET/
and played again by tests/drivers/test_corpus.py, without atheris. An input that broke a law is kept in
.bench/fuzz/TARGET/ and named; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / ".bench"
CORPUS = ROOT / "tests" / "corpus"
ATHERIS = "atheris==3.0.0"
INSTALL_TIMEOUT = 180   # seconds
MAX_FILES, MAX_BYTES = 190, 1200  # of a corpus
FOUND = "found-"        # inputs that once broke a law keep their place
INPUT_LIMIT_S = 10      # one input that takes longer is a fault
MEMORY_MB = 1024
NICE = 19


@dataclass(frozen=True, slots=True)
class Result:
    """What one target's run came to."""

    target: str
    executions: int
    seconds: float
    features: int
    kept: int
    broken: tuple[str, ...]


def worker(target: str, words: list[str]) -> None:
    """In a process of its own, with atheris: never returns."""
    import atheris

    # The first import of all: what is imported before cannot be watched.
    with atheris.instrument_imports(include=["drivers", "edge.core.fingerprints"]):
        from benchmarks import codec_oracle, codec_seeds

        check = codec_oracle.check_of(target)
        for seed in codec_seeds.seeds(target):  # what is imported on first use is imported now
            check(seed)
            break
    # libFuzzer merges in processes of its own, which it starts by the first word.
    atheris.Setup([str(BENCH / "fuzz" / target / "again"), *words], check)
    atheris.Fuzz()


def install() -> Path:
    """The folder that holds atheris, fetched if need be."""
    folder = BENCH / ATHERIS.replace("==", "-")
    if not (folder / "atheris").is_dir():
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*words, "--target", str(folder), ATHERIS], check=True, timeout=INSTALL_TIMEOUT)
    return folder


def fuzz(target: str, seconds: int, library: Path, *, keep: bool) -> Result:
    """Run one target, one process; then minimise what it found."""
    from benchmarks.codec_seeds import seeds

    place = BENCH / "fuzz" / target
    found, seeded = place / "found", place / "seeds"
    shutil.rmtree(place, ignore_errors=True)
    for folder in (found, seeded):
        folder.mkdir(parents=True)
    for data in seeds(target):
        (seeded / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    kept = CORPUS / target
    again = place / "again"
    again.write_text(f'#!/bin/sh\nexec {sys.executable} -m benchmarks.codec_fuzz --worker {target} "$@"\n', "utf-8")
    again.chmod(0o755)
    words = [f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={INPUT_LIMIT_S}",
             f"-rss_limit_mb={MEMORY_MB}", f"-artifact_prefix={place}/", "-print_final_stats=1", "-len_control=20"]
    began = time.monotonic()
    log = _run(target, library, [*words, str(found), str(seeded), *([str(kept)] if kept.is_dir() else [])], seconds)
    seconds_taken = time.monotonic() - began
    (place / "log").write_text(log, encoding="utf-8")
    broken = tuple(path.name for path in place.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-")))
    if keep and not broken:
        _minimise(target, library, [found, seeded, *([kept] if kept.is_dir() else [])])
    executions = re.findall(r"number_of_executed_units: (\d+)", log)
    features = re.findall(r" ft: (\d+)", log)
    return Result(
        target, int(executions[-1]) if executions else 0, seconds_taken, int(features[-1]) if features else 0,
        len(list(kept.iterdir())) if kept.is_dir() else 0, broken,
    )


def _run(target: str, library: Path, words: list[str], seconds: int) -> str:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(library), str(ROOT)))}
    command = ["nice", "-n", str(NICE), sys.executable, "-m", "benchmarks.codec_fuzz", "--worker", target, *words]
    done = subprocess.run(
        command, env=environ, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        errors="replace", timeout=2 * seconds + 300,
    )
    return done.stdout


def _minimise(target: str, library: Path, sources: list[Path]) -> None:
    """Few small inputs that reach all that was reached; at most MAX_FILES of them, the smallest."""
    merged = BENCH / "fuzz" / target / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    _run(target, library, ["-merge=1", f"-max_len={MAX_BYTES}", str(merged), *map(str, sources)], 600)
    files = sorted(merged.iterdir(), key=lambda path: path.stat().st_size)
    if not files:
        return
    kept = CORPUS / target
    kept.mkdir(parents=True, exist_ok=True)
    for path in kept.iterdir():
        if not path.name.startswith(FOUND):
            path.unlink()
    for path in files[:MAX_FILES]:
        shutil.copyfile(path, kept / path.name[:16])


def main() -> int:
    """Run the targets one after the other and print one table."""
    if "--worker" in sys.argv[:2]:
        worker(sys.argv[2], sys.argv[3:])
    from benchmarks.codec_oracle import TARGETS

    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=300, help="for each target")
    arguments.add_argument("--only", default=",".join(TARGETS), help="names, comma between")
    arguments.add_argument("--no-keep", action="store_true", help="leave tests/corpus as it is")
    options = arguments.parse_args()
    library, results = install(), []
    print(f"{platform.machine()}, Python {platform.python_version()}, {ATHERIS}, {options.seconds} s each")
    print(f"{'target':14}{'executions':>12}{'a second':>10}{'features':>10}{'kept':>6}  broken")
    for target in options.only.split(","):
        result = fuzz(target, options.seconds, library, keep=not options.no_keep)
        results.append(result)
        rate = result.executions / max(result.seconds, 0.1)
        print(f"{target:14}{result.executions:>12,}{rate:>10,.0f}{result.features:>10,}{result.kept:>6}  "
              f"{' '.join(result.broken) or 'none'}", flush=True)  # fmt: skip
    return 1 if any(r.broken or not r.executions for r in results) else 0


def replay(target: str, path: Path) -> None:
    """Play one input again: for looking into what was found."""
    from benchmarks.codec_oracle import check_of

    check_of(target)(path.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
