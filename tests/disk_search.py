"""Looks for names and numbers in every file below some folders, in every form in which a program would write them.

Written as they are, in upper, lower and title case, as UTF-8 and UTF-16 of both orders, as hexadecimal digits, and as
Base64 at each of its three places. Compressed or enciphered text is not looked into.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

PREFIX = 6  # bytes by which places are found; what follows is compared
WORD = 7    # letters: shorter ones stand in any megabyte of noise
NUMBER = 6
HEXADECIMAL = frozenset("0123456789ABCDEF")
MIN_HEXADECIMAL = 10  # of a number of such digits alone: files are full of digests


def searchable(words: Iterable[str], numbers: Iterable[str]) -> set[str]:
    """Those that chance does not spell."""
    fit = {n for n in numbers if len(n) >= (MIN_HEXADECIMAL if HEXADECIMAL.issuperset(n.upper()) else NUMBER)}
    return fit | {w for w in words if len(w) >= WORD}


def forms(secret: str) -> set[bytes]:
    """The bytes as which it may stand in a file."""
    found: set[bytes] = set()
    for text in {secret, secret.upper(), secret.lower(), secret.title()}:
        found |= {text.encode(e) for e in ("utf-8", "utf-16-le", "utf-16-be")}
        raw = text.encode()
        found |= {raw.hex().encode(), raw.hex().upper().encode()}
        for shift in range(3):
            # digits that depend on what stands before or behind are left out
            coded = base64.b64encode(bytes(shift) + raw)
            first = -(-shift * 8 // 6)
            found.add(coded[first : (shift + len(raw)) * 8 // 6])
    return {f for f in found if len(f) >= PREFIX}


@dataclass
class Search:
    """Secrets, prepared to be looked for."""

    secrets: Iterable[str]
    _by_prefix: dict[int, list[tuple[bytes, str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for secret in self.secrets:
            for form in forms(secret):
                self._by_prefix.setdefault(int.from_bytes(form[:PREFIX], "big"), []).append((form, secret))
        self._prefixes = np.array(sorted(self._by_prefix), dtype=np.uint64)

    def within(self, data: bytes) -> set[str]:
        """Which of the secrets stand in the data."""
        found: set[str] = set()
        if len(data) < PREFIX or not len(self._prefixes):
            return found
        step = 1 << 20
        for start in range(0, len(data), step):
            raw = np.frombuffer(data[start : start + step + PREFIX - 1], np.uint8).astype(np.uint64)
            size = len(raw) - PREFIX + 1
            if size <= 0:
                continue
            windows = np.zeros(size, dtype=np.uint64)
            for at in range(PREFIX):
                windows = windows << np.uint64(8) | raw[at : at + size]
            near = np.searchsorted(self._prefixes, windows).clip(max=len(self._prefixes) - 1)
            for at in np.flatnonzero(self._prefixes[near] == windows).tolist():
                found |= {s for form, s in self._by_prefix[int(windows[at])] if data.startswith(form, start + at)}
        return found

    def on(self, disk: Iterable[Path]) -> Mapping[Path, set[str]]:
        """File -> what stands in it, or in its path; nothing for files without a find."""
        told = {}
        for root in disk:
            for path in [root] if root.is_file() else sorted(root.rglob("*")):
                found = self.within(str(path).encode()) | (self.within(path.read_bytes()) if path.is_file() else set())
                if found:
                    told[path] = found
        return told
