"""Lists the benchmarks: ``python -m benchmarks``."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent

# benchmark -> its make target, if it has one; the line beside it is the first of its docstring
BENCHMARKS: Final[dict[str, str]] = {
    "latency": "",
    "reader_latency": "bench-readers",
    "document_store": "bench-documents",
    "document_deltas": "bench-deltas",
    "tampering": "bench-tampering",
    "names_corpus": "",
    "names_million": "bench-names",
    "name_quality": "bench-quality",
    "false_alerts": "bench-false-alerts",
    "distribution": "bench-distribution",
    "at_rest": "bench-at-rest",
    "mrz_peers": "",
    "mrz_fuzz": "",
    "codec_fuzz": "fuzz",
    "stick_fuzz": "fuzz-sticks",
    "envelope_fuzz": "fuzz-envelopes",
    "audit_chain": "bench-audit",
    "finger_formats_fuzz": "",
    "finger_search": "bench-fingers",
    "finger_counter": "bench-finger-counter",
    "gallery_deltas": "",
}


def said_of(name: str) -> str:
    """The first line of a benchmark's docstring."""
    text = ast.get_docstring(ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def listed() -> list[str]:
    """A line for each benchmark: module, make target, what it measures."""
    return [
        f"{f'benchmarks.{name}':28} {f'make {target}' if target else '':24} {said_of(name)}"
        for name, target in BENCHMARKS.items()
        if (HERE / f"{name}.py").exists()
    ]


def main() -> int:
    """Print the list."""
    print("python -m MODULE --help says what each takes; make TARGET ARGS=\"...\" hands them on\n")
    print("\n".join(listed()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
