"""Travellers at one reader, and what must have come of each: the officer's verdict, and one row at headquarters.

Laws:
1. Acknowledged is what the officer was shown as recorded, and nothing else; it counts from the moment the lane is made.
2. A document that met a dead box was not acknowledged: it is nobody's loss.
3. The hand that lays documents down ends with ``steadily``, which raises what it came to; no wait is without a limit.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections import Counter
from collections.abc import Iterator

from drivers.virtual.control import VirtualReaderFault
from hil_tests.bench import steps
from hil_tests.bench.headquarters import Headquarters
from hil_tests.bench.target import TargetError, until
from hil_tests.vm.officer import Officer
from hil_tests.vm.plugged import VmReader
from hil_tests.vm.stages import READER, SERIAL, Bench
from hq.errors import StoreError
from hq.store import View

VERDICT_S = 5.0  # from a document laid down to its verdict, of a box of metal
GIVE_UP_S = 10.0  # the steady hand takes the next document when nothing came of this one
HIT_EVERY = 4  # of the usual traffic


class Ledger:
    """The passages that headquarters holds, by id, in the order of their rows; each row is read once."""

    def __init__(self, hq: Headquarters) -> None:
        self._hq, self._after = hq, 0
        self._passages: list[tuple[str, int, str]] = []  # epoch, seq, passage

    def look(self) -> Counter[str]:
        """How often each passage is there now."""
        with contextlib.suppress(StoreError), View(self._hq.country.folder / "hq.sqlite") as view:
            while messages := view.messages(self._after):
                self._after = messages[-1].n
                for one in messages:
                    _, epoch, seq = one.id.split(":")
                    if one.kind == "passage":
                        self._passages.append((epoch, int(seq), one.passage))
        return Counter(passage for _, _, passage in self._passages)

    def order(self) -> list[tuple[str, int]]:
        """Epoch and seq of each passage, as they came in."""
        self.look()
        return [(epoch, seq) for epoch, seq, _ in self._passages]

    def conflicts(self) -> int:
        """Rows that came under an id that another row has."""
        return self._hq.counts()["conflicts"]


class Lane:
    """A reader plugged into a post, and the officer before it. ``begin`` numbers the invented documents."""

    def __init__(self, bench: Bench, *, begin: int = 0) -> None:
        self.bench = bench
        self.officer: Officer = bench.lab.watch_verdicts()
        self.reader: VmReader = bench.lab.plug_reader("text", serial=SERIAL)
        steps.reader_ready(bench.target, READER.name)
        self.ledger = Ledger(bench.hq)
        self._numbers = itertools.count(begin)

    def acknowledged(self) -> set[str]:
        """Law 1."""
        return self.officer.passages()

    def scan(self, count: int, *, hit_every: int = HIT_EVERY) -> None:
        """So many documents, each laid down when the one before had its verdict. Raises TargetError."""
        for _ in range(count):
            seen = len(self.officer.verdicts())
            self.reader.present(self._document(hit_every))
            self.officer.wait(seen + 1, VERDICT_S * self.bench.target.slow)

    @contextlib.contextmanager
    def steadily(self, *, pause_s: float, hit_every: int = HIT_EVERY) -> Iterator[None]:
        """Documents one after another, ``pause_s`` seconds between a verdict and the next, whatever becomes of the box.

        Returns with the first three verdicts shown. Raises TargetError when there are none.
        """
        over = threading.Event()
        went_wrong: list[Exception] = []

        def lay_down() -> None:
            try:
                while not over.is_set():
                    seen = len(self.officer.verdicts())
                    with contextlib.suppress(VirtualReaderFault):
                        self.reader.side.present(self._document(hit_every), wait_s=1.0)
                    self._answered(seen, over)
                    over.wait(pause_s)
            except Exception as error:  # law 3
                went_wrong.append(error)

        hand = threading.Thread(target=lay_down, name="travellers", daemon=True)
        before = len(self.officer.verdicts())
        hand.start()
        try:
            self.officer.wait(before + 3, 3 * VERDICT_S * self.bench.target.slow)
            yield
        finally:
            over.set()
            hand.join(2 * GIVE_UP_S)
        if went_wrong:
            raise TargetError("the hand that lays documents down did not go on") from went_wrong[0]

    def all_there(self, limit_s: float) -> float:
        """Every acknowledged passage is at headquarters, each once; the seconds until it was. ``limit_s`` of here."""
        wanted = self.acknowledged()

        def there() -> bool:
            """each acknowledged passage at headquarters"""
            return wanted <= set(self.ledger.look())

        try:
            took = until(there, limit_s, every_s=0.5)
        except TargetError as error:
            error.add_note(f"{len(wanted - set(self.ledger.look()))} of {len(wanted)} are not there")
            raise
        held = self.ledger.look()
        assert {one: times for one, times in held.items() if times != 1} == {}
        assert self.ledger.conflicts() == 0
        return took

    def _answered(self, seen: int, over: threading.Event) -> None:
        with contextlib.suppress(TargetError):
            until(lambda: over.is_set() or len(self.officer.verdicts()) > seen, GIVE_UP_S, every_s=0.02)

    def _document(self, hit_every: int) -> tuple[str, ...]:
        number = next(self._numbers)
        return tuple(steps.zone(steps.STOLEN if number % hit_every == 0 else f"K{number:08d}"))
