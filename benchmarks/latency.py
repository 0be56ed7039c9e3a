"""Last byte to durable verdict, over 1,000 scans on the UN list, through the whole box.

    python -m benchmarks.latency --un ../shared/data/lists/un/UN_consolidated.xml --scans 1000

A virtual reader (a process of its own) writes the last byte and notes the monotonic second; the box reads,
parses, screens against every list, commits with synchronous=FULL and shows. Two rows: with the pace that a
post runs with (docs/adr/0007) and without it, which is what the work itself costs.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import shutil
import statistics
import tempfile
from pathlib import Path

from demo.play import Ear
from demo.stage import Stage, source_of
from edge.core.mrz import compose

GIVEN = ("MOHAMED ALI", "FATIMA", "AHMED SALEM", "SVEN ARVID", "HIROSHI", "ANNA MARIA", "ABDULRAHMAN", "KHADIJA")
SURNAMES = ("ALBASRI", "LINDGREN", "TANAKA", "OKONKWO", "ELSHARIF", "BENALI", "NGUYEN", "HADDAD", "TRAORE")


def document(dice: random.Random) -> tuple[str, ...]:
    """An ordinary traveller with an invented number."""
    return compose.td3(
        issuing_state=dice.choice(("LBY", "TUN", "EGY", "SWE", "JPN", "NGA")), surname=dice.choice(SURNAMES),
        given_names=dice.choice(GIVEN), number="P" + "".join(dice.choices("0123456789", k=8)),
        nationality="LBY", birth_date=f"{dice.randint(50, 99)}0{dice.randint(1, 9)}1{dice.randint(0, 9)}",
        sex=dice.choice("MF"), expiry_date="310101",
    )


def measure(un: Path, scans: int, pace_ms: int, seed: int) -> list[float]:
    """Milliseconds of every scan, in order."""
    folder = Path(tempfile.mkdtemp(prefix="bp-latency-"))
    stage = Stage(folder, pace_ms=pace_ms)
    dice = random.Random(seed)
    try:
        stage.set_up()
        for source in (source_of("sltd-csv"), source_of("persons-csv"), f"un-xml:{un}"):
            stage.publish_list(source)
        stage.start_headquarters()
        stage.start_readers()
        stage.start_box()
        stage.wait_ready()
        ear = Ear(stage)
        times = []
        for number in range(scans):
            stage.readers["swipe-1" if number % 2 else "page-1"].present(list(document(dice)))
            message = ear.next()
            assert message["recorded"]
            times.append(float(message["elapsed_ms"]))
        ear.close()
        return times
    finally:
        stage.close()
        shutil.rmtree(folder, ignore_errors=True)


def row(name: str, times: list[float]) -> str:
    """p50, p90, p99 and the largest."""
    cuts = statistics.quantiles(times, n=100, method="inclusive")
    return f"{name:34} {len(times):6} {cuts[49]:8.1f} {cuts[89]:8.1f} {cuts[98]:8.1f} {max(times):8.1f}"


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--un", type=Path, required=True)
    words.add_argument("--scans", type=int, default=1000)
    words.add_argument("--seed", type=int, default=7)
    asked = words.parse_args()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}")
    print(f"{'milliseconds':34} {'scans':>6} {'p50':>8} {'p90':>8} {'p99':>8} {'max':>8}")
    for pace in (30, 0):
        times = measure(asked.un, asked.scans, pace, asked.seed)
        print(row(f"last byte to durable, pace {pace} ms", times), flush=True)


if __name__ == "__main__":
    main()
