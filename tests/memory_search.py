"""Looks for runs of bytes in what a live process may write to: its private mappings, by /proc/PID/mem."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CHUNK = 64 << 20


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
                for name, needle in needles.items():
                    place = data.find(needle)
                    while place >= 0:
                        found.setdefault(name, []).append(at + place)
                        place = data.find(needle, place + 1)
    return {name: sorted(set(places)) for name, places in found.items()}
