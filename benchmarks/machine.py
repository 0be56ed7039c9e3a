"""What every benchmark says of itself: the machine, its load, the settings of the run; and its figures as JSON.

A figure without its machine is worth nothing, and one taken beside other work is worth less: the load is told at the
beginning and at the end. ``--json FILE`` keeps the whole report; without FILE it goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

STDOUT = Path("-")


def cpu_model() -> str:
    """The processor's name as the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = ("model name", "Hardware", "Model")  # x86, and two ways of ARM
    told = (line.partition(":")[2].strip() for name in names for line in lines if line.startswith(name))
    return next(filter(None, told), platform.machine())


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system, Python, the load of the last minute, nice, and the day."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu_model(), "architecture": platform.machine(), "cores": os.cpu_count(), "memory_gib": round(memory, 1),
        "system": platform.platform(), "python": platform.python_version(), "load": round(os.getloadavg()[0], 2),
        "nice": os.nice(0), "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def one_line(told: Mapping[str, Any]) -> str:
    """The machine for people."""
    return (f"{told['cpu']} ({told['architecture']}), {told['cores']} cores, {told['memory_gib']:.0f} GiB, "
            f"{told['system']}, Python {told['python']}; load {told['load']:.1f}, nice {told['nice']}; {told['date']}")


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Arguments of a benchmark, ``--json`` among them."""
    words = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    json_option(words)
    return words


def json_option(words: argparse.ArgumentParser) -> None:
    """Add ``--json [FILE]``."""
    words.add_argument("--json", type=Path, nargs="?", const=STDOUT, metavar="FILE",
                       help="keep the report as JSON in FILE (standard output if none is named)")


class Report:
    """Prints the machine and the settings at once, and writes the report when the run ended well."""

    def __init__(self, name: str, given: argparse.Namespace) -> None:
        self._to: Path | None = given.json
        self._began = time.monotonic()
        settings = {k: str(v) if isinstance(v, Path) else v for k, v in vars(given).items() if k != "json"}
        self.told: dict[str, Any] = {"benchmark": name, "machine": machine(), "settings": settings}
        self.figures: dict[str, Any] = {}
        self.say(one_line(self.told["machine"]))
        self.say(", ".join(f"{k.replace('_', '-')} {v}" for k, v in settings.items() if v is not None))

    def say(self, line: str) -> None:
        """A line for people; on standard error where standard output is the JSON."""
        print(line, file=sys.stderr if self._to == STDOUT else sys.stdout, flush=True)

    def end(self) -> None:
        """Write the report."""
        self.told["load_at_the_end"] = round(os.getloadavg()[0], 2)
        self.told["seconds"] = round(time.monotonic() - self._began, 1)
        self.say(f"load {self.told['load_at_the_end']:.1f} at the end, {self.told['seconds']:.0f} s in all")
        text = json.dumps({**self.told, "figures": self.figures}, indent=1, ensure_ascii=False)
        if self._to == STDOUT:
            print(text)
        elif self._to is not None:
            self._to.write_text(text + "\n", encoding="utf-8")
