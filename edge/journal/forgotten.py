"""Entries that were lost for good: how many of each kind and when, until headquarters is told in a notice.

Nothing of a person and nothing of an outcome is in it: numbers and two times. What still waits in memory when the
process ends is written into a small file beside the journal, for the next start.
"""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from edge.journal.entries import Closing, Entry, NoteEntry, NoticeEntry, stamp
from edge.journal.model import NewFinger, NewPassage

CODE: Final = "entries_forgotten"
_KINDS: Final = {
    NewPassage: "passages", NewFinger: "fingers", Closing: "closings", NoteEntry: "notes", NoticeEntry: "notices"
}  # fmt: skip
_MAX_FILE: Final = 4096  # bytes


class Forgotten:
    """Counts since the last notice of the journal at ``path``, also those that an earlier process left."""

    def __init__(self, path: Path) -> None:
        self._path = path = path.with_name(path.name + ".forgotten")
        self._counts: dict[str, int] = {}
        self._first = self._last = ""
        with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
            with path.open("rb") as file:
                told = msgspec.json.decode(file.read(_MAX_FILE), type=dict[str, int | str])
            self._first, self._last = str(told.pop("first", "")), str(told.pop("last", ""))
            self._counts = {name: int(told[name]) for name in _KINDS.values() if int(told.get(name, 0)) > 0}

    def add(self, entry: Entry, now: datetime) -> None:
        """One more, that was told ``now`` at the latest."""
        kind = _KINDS[type(entry)]
        self._counts[kind] = self._counts.get(kind, 0) + 1
        at = stamp(entry.at if isinstance(entry, NewPassage | NewFinger | Closing) else now)
        self._first, self._last = min(self._first or at, at), max(self._last, at)

    def notice(self) -> NoticeEntry | None:
        """What is to be told; None for nothing."""
        if not self._counts:
            return None
        counts = {name: self._counts.get(name, 0) for name in _KINDS.values()}
        return NoticeEntry(CODE, {**counts, "first": self._first, "last": self._last})

    def told(self) -> None:
        """The notice is on disk."""
        self._counts, self._first, self._last = {}, "", ""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def leave(self) -> None:
        """For the next start; a disk that does not even take this much was reported while the process lived."""
        notice = self.notice()
        if notice is None:
            return
        with contextlib.suppress(OSError):
            handle = os.open(self._path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
            try:
                os.write(handle, msgspec.json.encode(notice.detail))
                os.fsync(handle)
            finally:
                os.close(handle)
