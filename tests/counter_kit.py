"""A counter with a real journal, real screening and lists in memory; only clocks, the wait and the socket are ours."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import journal_kit
import memory_lists

from drivers.api import DocumentRead, Feedback
from edge.config import CounterConfig
from edge.core.documents import DateInterval
from edge.core.mrz import compose
from edge.core.screening import Screener
from edge.core.watch import DocumentEntry, EntryName, PersonEntry
from edge.counter import CloseRequest, Counter, Surroundings
from edge.counter.counter import Work
from edge.journal import Journal

WALL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LANE = CounterConfig(name="lane-1", direction="entry", readers=("swipe-1",))
STOLEN = DocumentEntry(number="S7310442K", issuing_state="UTO", document_type="P", fraud_category="stolen")
SILENT = PersonEntry(
    reference="S-1", names=(EntryName("Velmirov, Dragosin Pavel", "primary"),), silent=True, notice="discreet",
    births=(DateInterval(date(1974, 8, 12), date(1974, 8, 12)),), nationalities=("UTO",), sex="F",
)


def zone(surname: str = "Eriksson", given: str = "Anna Maria", number: str = "L898902C3") -> tuple[str, ...]:
    return compose.td3(
        issuing_state="UTO", surname=surname, given_names=given, number=number, nationality="UTO",
        birth_date="740812", sex="F", expiry_date="310415",
    )


LISTED = zone(number="S7310442K")
CLEAR, HIT = zone(), LISTED
MISREAD = (CLEAR[0], CLEAR[1].replace("L898902C3", "L8989O2C3"))


class Bench:
    """A counter with everything it is given; ``mono`` moves only by ``wait`` and by hand."""

    def __init__(self, journal: Journal, lists: Sequence[memory_lists.MemoryList], **more: Any) -> None:
        self.mono = 1000.0
        self.waits: list[float] = []
        self.published: list[bytes] = []
        self.alarms: list[str] = []
        self.signs: list[tuple[str, Feedback]] = []
        self.on_publish: Callable[[dict[str, Any]], None] = lambda _message: None
        numbers = itertools.count(1)
        around = Surroundings(
            lists=lambda: lists, screener=Screener(required=frozenset({"sltd", "national"})), journal=journal,
            now=lambda: memory_lists.TRUSTED, wall=lambda: WALL, mono=lambda: self.mono, wait=self._wait,
            passage_id=lambda: f"P{next(numbers)}", number_hash=lambda state, number: f"{len(state + number):064}",
            publish=self._publish, alarm=self.alarms.append, pace_s=0.0, commit_timeout_s=5.0,
            signal=lambda device, sign: self.signs.append((device, sign)),
        )
        self.counter = Counter(LANE, replace(around, **more))

    def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.mono += seconds

    def _publish(self, message: bytes) -> None:
        self.published.append(message)
        self.on_publish(json.loads(message))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(m) for m in self.published]

    def work(self, *things: Work) -> list[dict[str, Any]]:
        """Let the counter's own loop work these off, in this thread; what it published."""
        stopping = threading.Event()
        for thing in things:
            self.counter.inbox.put_nowait(thing)
        self.counter.inbox.put_nowait(CloseRequest("", "no such code", 0, lambda _answer: stopping.set()))
        before = len(self.published)
        self.counter.run(stopping)
        return self.messages[before:]

    def scan(self, lines: tuple[str, ...] = zone(), at: float | None = None) -> list[dict[str, Any]]:
        return self.work(DocumentRead("swipe-1", lines, b"", self.mono if at is None else at))

    def later(self, seconds: float) -> list[dict[str, Any]]:
        """Let time pass; what was published when it had."""
        self.mono += seconds
        return self.work()

    def close(self, passage: str, code: str) -> dict[str, Any]:
        answers: list[Mapping[str, Any]] = []
        self.work(CloseRequest(passage, code, 1000, answers.append))
        (answer,) = answers
        return dict(answer)


def row(bench: Bench, text: str, device: str = "swipe-1") -> list[dict[str, Any]]:
    """One row alone, a tenth of a second after what came before; what was published."""
    bench.mono += 0.1
    return bench.work(DocumentRead(device, (text,), b"", bench.mono))


def outcomes(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(m["type"], m["outcome"]) for m in messages]


def standard() -> list[memory_lists.MemoryList]:
    return [
        memory_lists.memory_list("sltd", documents=[STOLEN]),
        memory_lists.memory_list("national", persons=[SILENT]),
    ]


def two_worlds(folder: Path) -> Iterator[tuple[bool, Journal, list[memory_lists.MemoryList]]]:
    """One world after the other, alike but for a name: whether ``SILENT`` is listed there, its journal, its lists."""
    for name, silent in (("a", False), ("b", True)):
        (folder / name).mkdir()
        other = replace(SILENT, names=(EntryName("Quillfeather, Ambrose", "primary"),))
        journal = journal_kit.journal(folder / name / "journal.sqlite")
        journal.start()
        national = memory_lists.memory_list("national", persons=[SILENT if silent else other])
        yield silent, journal, [standard()[0], national]
        journal.close()
