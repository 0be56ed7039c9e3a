"""What was laid down in front of a reader, what was delivered of it, and the figures of a whole run."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from drivers.api import DocumentRead, OtherRead

KEPT = 64          # documents a reader that are still looked out for
MAX_TOLD = 20      # losses and doubles whose circumstances are kept


@dataclass(slots=True)
class Tally:
    """What one reader's hand did and what came of it."""

    documents: int = 0          # sent whole over a quiet line to an open reader: these must arrive
    delivered: int = 0          # of them
    lost: int = 0
    doubled: int = 0            # sent once, delivered twice (any document)
    foreign: int = 0            # rows delivered that no document has, over a quiet line
    foreign_in_noise: int = 0   # the same while something disturbed the line: no family but RTE has a check of its own
    unheard: int = 0            # sent while the reader was not open all the time: not promised
    unheard_delivered: int = 0
    cut: int = 0                # broken off on the way
    cut_delivered: int = 0      # all the same: the device sent it again, or all rows were out
    in_noise: int = 0           # right after noise, without silence between: not promised
    in_noise_delivered: int = 0
    others: int = 0             # whole blocks that are no zone
    plugs: int = 0
    unplugs: int = 0
    unplugs_in_a_frame: int = 0
    noise_bytes: int = 0
    storms: int = 0             # a dozen broken frames in a row
    not_open: int = 0           # plugged in and not open within the limit
    slowest_open_s: float = 0.0
    slowest_read_ms: float = 0.0
    losses: list[str] = field(default_factory=list)   # how the first of them came about
    doubles: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Findings:
    """The whole run."""

    seconds: float
    seed: int
    readers: dict[str, Tally]
    keepers: dict[str, dict[str, int]]
    log_lines: dict[str, int]
    descriptors: dict[str, int]
    threads: dict[str, int]
    resident_kb: dict[str, int]
    samples: int
    crew_dead: list[str]
    cpu_seconds: float

    @property
    def broken(self) -> list[str]:
        """Which laws were broken, in words; empty is good."""
        said = [f"{name}: {what}" for name, t in self.readers.items() for what, n in (
            (f"{t.lost} lost", t.lost), (f"{t.doubled} doubled", t.doubled), (f"{t.foreign} foreign", t.foreign),
            (f"{t.not_open} not opened", t.not_open), ("nothing was sent", not t.documents),
        ) if n]
        for what, figures in (("descriptors", self.descriptors), ("threads", self.threads)):
            if figures["after"] > figures["before"]:
                said.append(f"{what}: {figures['before']} before, {figures['after']} after")
        return said + [f"thread died: {name}" for name in self.crew_dead]


@dataclass(slots=True)
class Sent:
    """One document that was laid down; ``seen`` counts the deliveries of each of its rows."""

    rows: tuple[str, ...]
    seen: list[int]
    whole: threading.Event = field(default_factory=threading.Event)
    at: float = 0.0


class Inbox:
    """Where a keeper delivers: matches rows with what was laid down. Remembers the last ``KEPT`` documents."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._lock = threading.Lock()
        self.foul_until = 0.0  # the line is disturbed, or was a moment ago
        self._sent: deque[Sent] = deque(maxlen=KEPT)

    def expect(self, rows: tuple[str, ...]) -> Sent:
        """This document is about to be sent."""
        sent = Sent(rows, [0] * len(rows))
        with self._lock:
            self._sent.append(sent)
        return sent

    def deliver(self, read: DocumentRead | OtherRead) -> None:
        """Called by the keeper's thread."""
        with self._lock:
            if isinstance(read, OtherRead):
                self._tally.others += 1
                return
            for line in read.lines:
                self._row(line.rstrip("<_ "), read.at)

    def _double(self, what: str, at: float) -> None:
        self._tally.doubled += 1
        if len(self._tally.doubles) < MAX_TOLD:
            self._tally.doubles.append(what + (", the line disturbed" if at < self.foul_until else ""))

    def _row(self, row: str, at: float) -> None:
        for sent in reversed(self._sent):
            for number, expected in enumerate(sent.rows):
                if expected.rstrip("<") == row:
                    sent.seen[number] += 1
                    if sent.seen[number] > 1:
                        self._double(f"row {number + 1} again after {at - sent.at:.3f} s", at)
                    sent.at = at
                    if all(sent.seen):
                        sent.whole.set()
                    return
        if at < self.foul_until:
            self._tally.foreign_in_noise += 1
        else:
            self._tally.foreign += 1
