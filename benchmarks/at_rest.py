"""What it costs to keep lists sealed: opening a file into memory, and one record of a candidate.

    python benchmarks/at_rest.py [--mib 150] [--records 100000]
"""

from __future__ import annotations

import argparse
import os
import platform
import time

from edge.core.vault import RecordKey, RingEntry, header_of, open_into, seal_file
from edge.secret_memory import allocate

RECORD = 220  # bytes of a person's record, a generous one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--mib", type=int, default=150, help="size of the file")
    parser.add_argument("--records", type=int, default=100_000, help="records to seal and open")
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    entry = RingEntry("bench", 1, bytes(range(32)))
    began = time.perf_counter()
    blob = seal_file(os.urandom(1 << 20) * given.mib, entry, generation=1, kind="PERS")
    print(f"seal {given.mib} MiB: {time.perf_counter() - began:.2f} s")
    times = []
    for _ in range(5):
        began = time.perf_counter()
        open_into(blob, entry.key, allocate(header_of(blob).length))
        times.append(time.perf_counter() - began)
    print(f"open {given.mib} MiB into anonymous memory: {sorted(times)[2]:.3f} s (median of 5)")
    key, record = RecordKey(entry), os.urandom(RECORD)
    sealed = key.seal(7, record)
    for name, work in (("seal", lambda: key.seal(7, record)), ("open", lambda: key.open(7, sealed))):
        began = time.perf_counter()
        for _ in range(given.records):
            work()
        print(f"{name} a record of {RECORD} bytes: {(time.perf_counter() - began) / given.records * 1e6:.1f} µs")


if __name__ == "__main__":
    main()
