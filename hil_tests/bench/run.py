"""The virtual bench in one command: `make bench`, or python -m hil_tests.bench.run.

    make bench                            everything but the long rounds
    make bench ARGS="-k stick"            a part: whatever this does not know goes to pytest
    make bench-long                       the long rounds too
    make bench ARGS="--target ssh:root@box7 --json run.json"   a box with real devices

Builds package and guest (kept below build/bench, by the hash of what they are made of), runs hil_tests/vm and
hil_tests/container, and says how it went. Where no guest can stand it says so in one line and ends with 0.
docs/bench.md is the page for people.

Laws:
1. Whatever it could not do is in its last lines: a run that skipped everything does not look like one that passed.
   What cannot be done at all, a misspelt word say, is told before anything is built.
2. Ctrl-C and SIGTERM end what it started: they become pytest's own interrupt, which takes every fixture down.
3. One run at a time in a checkout.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine
from hil_tests.bench import asked, report, tools
from hil_tests.bench.live import Live
from hil_tests.bench.summary import INTERRUPTED, Story, table
from hil_tests.vm.image import BuildError, Unavailable, image

WORK = report.ROOT / "build" / "bench"
TIERS = ("hil_tests/vm", "hil_tests/container")
TEST_S = 900  # of one test with its set-up, unless it says otherwise
PYTEST = ("-q", "-rN", "--tb=short", "-o", "console_output_style=classic", "-p", "no:cacheprovider", "--color=no",
          "-W", "ignore::pytest.PytestAssertRewriteWarning",  # the plugin is used before pytest sees it
          f"--timeout={TEST_S}")
CANNOT_RUN = 2


def words() -> argparse.ArgumentParser:
    """The options; what is not among them is pytest's."""
    parser = argparse.ArgumentParser(
        prog="python -m hil_tests.bench.run", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-install", action="store_true", help="install no package of Debian, rather skip")
    parser.add_argument("--long", action="store_true", help="the long rounds too")
    parser.add_argument("--target", default="", metavar="ssh:USER@HOST[:PORT]", help="a box with real devices")
    parser.add_argument("--keep", action="store_true", help="keep the logs of boxes whose tests passed as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the summary there too")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 passed or skipped, 1 a test failed, 2 no test could be run, 130 interrupted."""
    began = time.monotonic()
    given, rest = words().parse_known_args(arguments)
    signal.signal(signal.SIGTERM, _interrupt)
    if reason := asked.no_file(given.json) or asked.no_tests(pytest_words(given, rest, None)):
        sys.stderr.write(f"make bench: nothing was tested: {reason}\n")
        return CANNOT_RUN
    told: dict[str, Any] = {"machine": machine.machine(), "commit": commit(), "long": given.long,
                            "target": given.target or "bench"}
    with Live(began=began) as live:
        live.line(machine.one_line(told["machine"]))
        story = Story(live)
        try:
            code = bench(given, rest, live, story, told)
        except KeyboardInterrupt:
            code = INTERRUPTED
            live.line("interrupted: everything that this run started has ended")
        except BuildError as error:
            code, told["broken"] = CANNOT_RUN, f"package or guest could not be built: {error}"
        told |= story.told() | {"exit": code, "seconds": round(live.seconds(), 1)}
        live.doing("")
    sys.stdout.write(table(told))
    sys.stdout.flush()
    if given.json is not None:
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")
    return code


def bench(given: argparse.Namespace, rest: list[str], live: Live, story: Story, told: dict[str, Any]) -> int:
    """Everything between the first line and the table; what it learns goes into ``told``."""
    try:
        WORK.mkdir(parents=True, exist_ok=True)
        (WORK / "run.lock").touch()
    except OSError as error:
        if not given.target and os.geteuid() != 0:
            told["skipped"] = tools.ROOT_WANTED
            return 0
        told["broken"] = f"{error.filename}: {error.strerror}"
        return CANNOT_RUN
    with alone(WORK / "run.lock") as free:
        if not free:
            told["broken"] = "another run is under way in this checkout: wait for its end"
            return CANNOT_RUN
        package, reason = (None, laboratory(given, live)) if given.target else prepare(given, live, told)
        if reason:
            told["skipped"] = reason
            return 0
        if given.target and (unreached := asked.no_box(given.target)):
            told["broken"] = unreached
            return CANNOT_RUN
        for name in ("failed", "kept"):
            shutil.rmtree(WORK / name, ignore_errors=True)
        live.step("collecting the tests")
        code = int(pytest.main(pytest_words(given, rest, package), plugins=[story]))
        if story.uncollected:
            return CANNOT_RUN
        return INTERRUPTED if code == pytest.ExitCode.INTERRUPTED else code


def pytest_words(given: argparse.Namespace, rest: list[str], package: Path | None) -> list[str]:
    """What pytest is called with. A path among ``rest`` takes the place of both tiers."""
    named = [word for word in rest if not word.startswith("-") and (report.ROOT / word.partition("::")[0]).exists()]
    tiers = [] if named else [*TIERS[:1]] if given.target else [*TIERS]
    flags = [f"--{name}" for name in ("long", "keep") if getattr(given, name)]
    options = [f"--target={given.target}"] * bool(given.target) + [f"--package={package}"] * (package is not None)
    place = ["--rootdir", str(report.ROOT), "-c", str(report.ROOT / "pyproject.toml")]
    return [*place, *PYTEST, *tiers, *flags, *options, *rest]


def laboratory(given: argparse.Namespace, live: Live) -> str:
    """Why there can be no run against a box with real devices; empty if there can."""
    return tools.provide(tools.LABORATORY, live, install=not given.no_install)


def prepare(given: argparse.Namespace, live: Live, told: dict[str, Any]) -> tuple[Path | None, str]:
    """Programs, package, guest; the package, or why there can be no run."""
    reason = tools.obstacle(WORK) or tools.provide(tools.PROGRAMS, live, install=not given.no_install)
    if reason:
        return None, reason
    told["programs_s"] = round(live.seconds(), 1)
    live.step("package and guest")
    try:
        made = image(WORK, say=lambda text: live.line(text) if "…" in text else live.step(text))
    except Unavailable as error:
        return None, str(error)
    told |= {"image_s": round(live.seconds() - told["programs_s"], 1), "version": made.version}
    live.line(f"package and guest stand: {made.package.name}")
    return made.package, ""


@contextmanager
def alone(path: Path) -> Iterator[bool]:
    """True if nobody else holds the lock (law 3); it goes with the process, however that ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def commit() -> str:
    """The commit under test, with a + where the tree differs from it."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+", "--abbrev=12"], cwd=report.ROOT,
                              capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: what is being taken down is left to end
    raise KeyboardInterrupt


if __name__ == "__main__":
    os.chdir(report.ROOT)
    sys.exit(main())
