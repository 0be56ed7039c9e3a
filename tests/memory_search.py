"""Looks for runs of bytes in what a live process may write to: its private mappings, by /proc/PID/mem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

CHUNK = 64 << 20
PAGE = 4096


def writable(pid: int) -> list[tuple[int, int, str]]:
    """Start, end and name of every private writable mapping."""
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, *rest = line.split(maxsplit=5)
        if rights.startswith("rw") and rights.endswith("p"):
            start, end = (int(part, 16) for part in span.split("-"))
            found.append((start, end, rest[3] if len(rest) > 3 else ""))
    return found


def within(pid: int, needles: Mapping[str, bytes]) -> dict[str, list[int]]:
    """Name of a run -> the addresses where it stands. Raises PermissionError where this user may not look."""
    found: dict[str, list[int]] = {}
    overlap = max(map(len, needles.values()))
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end, _name in writable(pid):
            for at in range(start, end, CHUNK):
                try:
                    memory.seek(at)
                    data = memory.read(min(CHUNK + overlap, end - at))
                except (OSError, ValueError, OverflowError):
                    continue  # a guard page, [vvar]
                for offset, part in _used(data):
                    for name, needle in needles.items():
                        place = part.find(needle)
                        while place >= 0:
                            found.setdefault(name, []).append(at + offset + place)
                            place = part.find(needle, place + 1)
    return {name: sorted(set(places)) for name, places in found.items()}


def _used(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Offsets and bytes of the stretches of ``data`` that hold anything: most pages hold one byte over and over."""
    count = len(data) // PAGE
    pages = np.frombuffer(data, np.uint64, count * PAGE // 8).reshape(count, PAGE // 8)
    used = np.ones(count + 1, np.bool_)  # the last is what is left over
    used[:count] = (pages != pages[:, :1]).any(axis=1)
    used[1:] |= used[:-1].copy()
    used[:-1] |= used[1:].copy()  # a run may begin or end in a page that is all the same else
    edges = np.nonzero(np.diff(used.astype(np.int8), prepend=0, append=0))[0]
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        yield first * PAGE, data[first * PAGE : end * PAGE]
