"""How ``at_rest.py`` looks at a process: its mappings, what stands in those with a file behind them, its core dump."""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def mappings() -> list[dict[str, Any]]:
    """Every mapping of this process: first, last, rights, file, and its lines of smaps (kB as int)."""
    found: list[dict[str, Any]] = []
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if head := re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)\s*(.*)", line):
            first, last, rights, inode, file = head.groups()
            found.append({"first": int(first, 16), "last": int(last, 16), "rights": rights,
                          "file": file if int(inode) else ""})
        else:
            key, _, value = line.partition(":")
            found[-1][key] = int(value.split()[0]) if value.endswith("kB") else value.split()
    return found


def standing(data: bytes, names: Sequence[str]) -> set[bytes]:
    """Which of these names (of 12 letters and more) stand in the data, in upper or lower case."""
    beginning: dict[bytes, set[bytes]] = {}
    for name in names:
        if len(text := name.upper().encode()) >= 12:
            beginning.setdefault(text[:8], set()).add(text)
    starts = np.unique(np.array([int.from_bytes(n, sys.byteorder) for n in beginning], np.uint64))
    data, hits = data.upper(), set()
    for shift in range(min(8, len(data) // 16)):  # eight bytes at every place, compared with how the names begin
        words = np.frombuffer(data, np.uint64, (len(data) - shift) // 8, shift)
        places = 8 * np.flatnonzero(starts[np.searchsorted(starts, words).clip(max=len(starts) - 1)] == words)
        for at in (places + shift).tolist():
            hits |= {n for n in beginning[data[at : at + 8]] if data.startswith(n, at)}
    return hits


def in_files(found: Sequence[dict[str, Any]], names: Sequence[str]) -> tuple[int, int]:
    """Bytes of mappings with a file behind them that were searched, and how many of the names stand there."""
    size, hits = 0, set()
    for one in found:
        length = one["last"] - one["first"]
        if one["file"] and one["rights"][0] == "r" and one["Rss"]:
            try:
                with Path(one["file"]).open("rb") as file:
                    length = min(length, os.fstat(file.fileno()).st_size)  # behind its end nobody may look
            except OSError:
                continue
            hits |= standing(ctypes.string_at(one["first"], length), names)
            size += length
    return size, len(hits)


def resident(found: Sequence[dict[str, Any]]) -> dict[str, float]:
    """MiB."""
    return {"all": sum(m["Rss"] for m in found) / 1024, "anonymous": sum(m["Anonymous"] for m in found) / 1024,
            "swap": sum(m["Swap"] for m in found) / 1024}


def dumped(guarded: bool) -> bool:
    """Does a process that is ended by SIGABRT leave a core dump where it may?"""
    program = ("import os, resource; from edge.secret_memory import guard_process\n"
               "resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)\n"
               f"{'guard_process()' if guarded else ''}\nos.abort()")
    with tempfile.TemporaryDirectory() as folder:
        child = subprocess.Popen([sys.executable, "-c", program], cwd=folder)
        _, status = os.waitpid(child.pid, 0)
        child.returncode = status
    return os.WCOREDUMP(status)
