"""Random and mutated zones through the parser: none may raise.

    python -m benchmarks.mrz_fuzz --count 1000000 --seed 1

Half are mutated specimens (substitutions, look-alikes, lost and doubled characters, swapped, joined and
cut lines), half random text, from the zone's alphabet to all of Unicode. Each is parsed and its number
readings are worked out. Ends with a count by format; any exception ends it with the input's number.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from edge.core.mrz import parse
from edge.core.mrz.corrections import LOOK_ALIKE
from edge.core.mrz.digits import ALPHABET

SPECIMENS = Path(__file__).resolve().parents[1] / "tests" / "edge" / "core" / "mrz_specimens.jsonl"
SIZES = ((2, 44), (2, 36), (3, 30))
ODD = "abz |_-.'\u0660\u0669éß\u0130\ufffd\udcff\U0001f600\x00\n\r\t"
STEP = 20_000  # inputs between two signs of progress


def inputs(count: int, seed: int) -> Iterator[list[str]]:
    """``count`` zones, the same for the same seed."""
    rng = random.Random(seed)
    specimens = [json.loads(text)["lines"] for text in SPECIMENS.read_text(encoding="utf-8").splitlines()]
    for number in range(count):
        yield _mutated(rng, rng.choice(specimens)) if number % 2 else _random(rng)


def _mutated(rng: random.Random, specimen: list[str]) -> list[str]:
    lines = list(specimen)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        kind = rng.randrange(12)
        number = rng.randrange(len(lines)) if lines else 0
        line = lines[number] if lines else ""
        at = rng.randrange(len(line)) if line else 0
        if kind < 5 and line:
            lines[number] = line[:at] + rng.choice(ALPHABET) + line[at + 1 :]
        elif kind < 8 and line:
            lines[number] = line[:at] + rng.choice(LOOK_ALIKE.get(line[at], "<")) + line[at + 1 :]
        elif kind == 8 and line:
            lines[number] = line[:at] + rng.choice(ODD) + line[at + 1 :]
        elif kind == 9 and line:
            lines[number] = line[:at] + line[at + 1 :] if rng.random() < 0.5 else line[:at] + line[at] + line[at:]
        elif kind == 10:
            rng.shuffle(lines)
        elif lines:
            lines = rng.choice((["".join(lines)], lines[1:], [*lines, line], [*lines, ""]))
    return lines


def _random(rng: random.Random) -> list[str]:
    count, length = rng.choice(SIZES)
    kind = rng.randrange(4)
    if kind == 0:
        count, length = rng.randrange(5), rng.randrange(100)
    if kind == 3:
        return ["".join(chr(rng.randrange(0x110000)) for _ in range(length)) for _ in range(count)]
    alphabet = ALPHABET + "<" * 20 + (ODD if kind == 2 else "")
    lines = ["".join(rng.choices(alphabet, k=length)) for _ in range(count)]
    if lines and kind == 1:
        head = rng.choice(("P<UTO", "V<UTO", "I<UTO", "IDFRA"))
        lines[0] = head + lines[0][len(head) :]
    return lines


def main() -> int:
    """Run it; 0 if nothing raised."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--count", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    first = date(1990, 1, 1)
    formats: Counter[str] = Counter()
    valid = proposals = readings = 0
    started = time.monotonic()
    for number, lines in enumerate(inputs(options.count, options.seed), 1):
        try:
            document = parse(lines, today=first + timedelta(days=number % 20_000))
            readings += len(document.readings)
        except Exception:
            print(f"\ninput {number} of seed {options.seed} raised: {lines!r}", file=sys.stderr)
            raise
        formats[document.format or "none"] += 1
        valid += document.valid
        proposals += bool(document.alternatives)
        if number % STEP == 0:
            done = time.monotonic() - started
            print(f"\r{number:,} of {options.count:,} in {done:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    print(f"{options.count:,} inputs, seed {options.seed}, {time.monotonic() - started:.0f} s, no exception")
    print(f"valid {valid:,}, with proposals {proposals:,}, number readings {readings:,}")
    print("  ".join(f"{name} {count:,}" for name, count in sorted(formats.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
