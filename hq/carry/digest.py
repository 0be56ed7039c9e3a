"""A file of a stick as blocks, with its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from common.files import open_regular
from edge.core.carrying import CarryError, Fault

MAX_FILE = 1 << 30  # bytes of one file
BLOCK = 1 << 18  # bytes read at once


class DigestedFile:
    """A file as blocks, each time from its start, and its SHA-256 over the last time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._hash = hashlib.sha256()
        self._blocks: Iterator[bytes] = iter(())

    def blocks(self) -> Iterator[bytes]:
        """Its bytes. Raises OSError; CarryError where it is too long."""
        self._hash = hashlib.sha256()
        self._blocks = self._read()
        return self._blocks

    def _read(self) -> Iterator[bytes]:
        size = 0
        with open_regular(self._path) as file:
            while block := file.read(BLOCK):
                size += len(block)
                if size > MAX_FILE:
                    raise CarryError(Fault.DAMAGED, f"a file of more than {MAX_FILE} bytes")
                self._hash.update(block)
                yield block

    def finish(self) -> None:
        """Read what was not asked for, so that the digest is of the whole file."""
        try:
            for _ in self._blocks:
                pass
        except (OSError, CarryError):
            return  # the digest is then of what could be read

    def hexdigest(self) -> str:
        """Of what was read."""
        return self._hash.hexdigest()


def chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    """``first`` and what follows it."""
    yield first
    yield from rest
