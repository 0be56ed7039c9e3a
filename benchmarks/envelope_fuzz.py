"""Spoilt envelopes through what a box does with them: none may crash it, none may give a file that was not sent.

    python -m benchmarks.envelope_fuzz --count 100000 --seed 1          (also: make fuzz-envelopes)

Half of the envelopes are changed on the way (bits, bytes, cuts, insertions, pieces of another envelope), a sixth in
their header's JSON; a sixth has another header rightly signed, a sixth is rightly signed and sealed and wrong inside.
After each ten envelopes come a request, a claim or national package, and a sealed stream, spoilt in the same ways.
Ends with a count by case and by code; anything but a refusal or a right result ends it with the input's number.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

from benchmarks.envelope_cases import CASES, OTHERS, Attempt, World
from edge.core.provisioning.codes import ProvisioningError

STEP = 2000  # inputs between two signs of progress
PER_OTHER = 10  # envelopes for each round of the other papers


class WrongResultError(Exception):
    """An attempt that came to something it must not."""


def attempts(count: int, seed: int) -> Iterator[tuple[str, Attempt]]:
    """``count`` envelopes and the papers beside them; the damage is the same for the same seed."""
    rng, world = random.Random(seed), World()
    for number in range(count):
        case = CASES[number % len(CASES)]
        yield case.__name__, case(rng, world)
        if number % PER_OTHER == 0:
            for other in OTHERS:
                yield other.__name__, other(rng, world)


def outcome(attempt: Attempt) -> str:
    """The code of the refusal, or ``taken``; WrongResultError for a wrong result; anything else is raised as it is."""
    try:
        result = attempt.run()
    except ProvisioningError as error:
        return error.code.name
    if not attempt.right(result):
        raise WrongResultError("a spoilt input was taken")
    return "taken"


def main() -> int:
    """Run it; 0 if nothing broke."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--count", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    found: dict[str, Counter[str]] = {}
    wall, cpu = time.monotonic(), time.process_time()
    for number, (name, attempt) in enumerate(attempts(options.count, options.seed), 1):
        try:
            found.setdefault(name, Counter())[outcome(attempt)] += 1
        except BaseException:
            print(f"\n{name}, input {number} of seed {options.seed}: {attempt.data!r}", file=sys.stderr)
            raise
        if number % STEP == 0:
            print(f"\r{number:,} in {time.monotonic() - wall:.0f} s", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    total = sum(counter.total() for counter in found.values())
    print(f"{options.count:,} envelopes and {total - options.count:,} other papers, seed {options.seed}: nothing broke")
    print(f"{time.monotonic() - wall:.0f} s, {time.process_time() - cpu:.0f} s of CPU")
    for name, counter in found.items():
        codes = "  ".join(f"{code} {count:,}" for code, count in counter.most_common())
        print(f"{name.replace('_', ' '):<20} {counter.total():>8,}  {codes}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
