"""The script: who is scanned when, and what was seen of it at the counter and at headquarters."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from demo import cast, fingers
from demo.cast import Traveller
from demo.fingers import Finger
from demo.stage import Stage, StageError, source_of
from edge.desk import DeskClient, DeskError
from hq.store import Hit, View

VERDICT_TIMEOUT_S = 15.0
FINGER_TIMEOUT_S = 40.0
ARRIVAL_TIMEOUT_S = 60.0
Say = Callable[[str], None]


@dataclass(slots=True)
class Passed:
    """One traveller as it went. ``arrived_s``: seconds from the last byte to headquarters' commit."""

    traveller: Traveller
    passage: str
    shown: str
    recorded: bool
    elapsed_ms: float
    scanned_at: float  # seconds since the epoch, by this desk's clock
    outcome: str = ""
    arrived_s: float | None = None
    fingers: list[Finger] = field(default_factory=list)

    @property
    def as_expected(self) -> bool:
        """True if truth, projection and what the fingers came to are what the script says."""
        mine = self.traveller
        last = self.fingers[-1].shown if self.fingers else None
        return (self.outcome, self.shown, last) == (mine.outcome, mine.shown, mine.with_finger)


@dataclass(frozen=True, slots=True)
class Totals:
    """The end of the story in five figures."""

    passages: int
    fingers: int
    at_headquarters: int
    lost: int
    duplicates_removed: int


class Ear:
    """Listens at the counter's socket from its own thread, through restarts of the box."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.verdicts: queue.Queue[dict[str, Any]] = queue.Queue(10_000)
        self.fingers: queue.Queue[dict[str, Any]] = queue.Queue(10_000)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ear", daemon=True)
        self._thread.start()

    def next(self, timeout_s: float = VERDICT_TIMEOUT_S) -> dict[str, Any]:
        """The next verdict message."""
        return self._next(self.verdicts, "no verdict came", timeout_s)

    def next_finger(self) -> dict[str, Any]:
        """The next message about a finger."""
        return self._next(self.fingers, "nothing came of a finger", FINGER_TIMEOUT_S)

    def _next(self, messages: queue.Queue[dict[str, Any]], complaint: str, timeout_s: float) -> dict[str, Any]:
        try:
            return messages.get(timeout=timeout_s)
        except queue.Empty:
            raise StageError(complaint, advice=f"read {self._stage.folder / 'box.log'}") from None

    def close(self) -> None:
        """Stop listening: the thread ends with the next message, or with the box."""
        self._closing.set()

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                with DeskClient(self._stage.socket) as desk:
                    self._listen(desk)
            except (DeskError, OSError):
                self._closing.wait(0.1)

    def _listen(self, desk: DeskClient) -> None:
        for message in desk.messages():
            if message["type"] == "verdict":
                self.verdicts.put(message)
            elif message["type"] in ("finger", "fingers"):
                self.fingers.put(message)
            if self._closing.is_set():
                return


class Play:
    """Walks the acts on a stage. ``say`` gets one line for each thing worth telling."""

    def __init__(self, stage: Stage, say: Say) -> None:
        self.stage = stage
        self.say = say
        self.passed: list[Passed] = []

    def acts(self) -> None:
        """Everything from the first key to the drained outbox."""
        stage = self.stage
        stage.set_up()
        assert stage.link is not None
        self.say(f"broker        {stage.broker.describe}")
        without = stage.add_fingers()
        stage.publish_list(source_of("sltd-csv"))
        stage.start_headquarters()
        stage.start_readers()
        stage.start_box()
        stage.wait_ready()
        self.say(f"headquarters  collecting;  box  {len(stage.readers)} counters with a reader each (elyctis, text)")
        self.say(f"fingers       left out: {without}" if without else "scanner       U.are.U 4500 at desk-1, by USB/IP")
        ear = Ear(stage)
        try:
            self.scan_all(ear, cast.before_the_list())
            stage.publish_list(source_of("persons-csv"))
            stage.wait_for(lambda: self._has_list("national"), "the national list was not taken up", "box")
            self.say("list          national arrived and was verified: every required list is there")
            self.scan_all(ear, cast.with_link())
            self.take_fingers(ear)
            self.wait_arrivals()
            stage.wait_for(lambda: self._pending() == 0, "headquarters did not acknowledge everything", "box")
            stage.link.cut()
            stage.wait_for(lambda: not self._linked(), "the cut link was not noticed", "box")
            self.say("link          CUT: the box goes on screening")
            self.scan_all(ear, cast.without_link())
            waiting = len(cast.without_link())
            stage.wait_for(lambda: self._pending() >= waiting, "the outbox does not hold what was scanned", "box")
            self.say(f"outbox        {self._pending()} sealed passages wait on the box")
            stage.link.restore()
            stage.wait_for(lambda: self._pending() == 0, "the outbox did not drain", "box")
            self.say("link          restored: outbox drained to 0")
        finally:
            ear.close()
        self.wait_arrivals()

    def scan_all(self, ear: Ear, travellers: tuple[Traveller, ...]) -> None:
        """Scan one after the other, each after the verdict on the one before."""
        for traveller in travellers:
            self.scan(ear, traveller)

    def scan(self, ear: Ear, traveller: Traveller) -> Passed:
        """Lay one document down and take the verdict that comes of it."""
        at = self.stage.present(traveller.reader, traveller.lines)
        message = ear.next()
        scanned_at = time.time() - (time.monotonic() - at)
        passed = Passed(
            traveller, message["passage"], message["outcome"], message["recorded"], message["elapsed_ms"], scanned_at
        )
        self.passed.append(passed)
        self.say(f"scan          {passed.shown:11} {passed.elapsed_ms:6.1f} ms  {traveller.what}")
        return passed

    def take_fingers(self, ear: Ear) -> None:
        """The second line: documents, and a finger each."""
        stage, desk = self.stage, self.stage.desk
        if desk is None:
            return
        desk.wait_built()
        stage.wait_for(lambda: fingers.ready(stage.status()), "the gallery was not taken up", "box")
        self.say("gallery       fingers was built of synthetic prints and is in the search")
        for traveller in cast.at_the_desk():
            passed = self.scan(ear, traveller)
            for finger in desk.lay(ear.next_finger, traveller, passed.passage):
                passed.fingers.append(finger)
                self.say(f"finger        {finger.shown:11} {finger.elapsed_ms:6.1f} ms  {finger.told}")

    def wait_arrivals(self) -> None:
        """Wait until headquarters holds every passage, and note truth and time of arrival."""
        deadline = time.monotonic() + ARRIVAL_TIMEOUT_S
        while time.monotonic() < deadline:
            held = {hit.passage: hit for hit in self.held()}
            for passed in self.passed:
                if (hit := held.get(passed.passage)) is not None:
                    passed.outcome = hit.outcome
                    received = datetime.fromisoformat(hit.received).timestamp()
                    passed.arrived_s = max(0.0, received - passed.scanned_at)
            if all(p.arrived_s is not None for p in self.passed):
                return
            time.sleep(0.1)

    def held(self, kind: str = "passage") -> Iterator[Hit]:
        """Every passage that headquarters holds, or what it holds of another kind."""
        with View(self.stage.hq / "hq.sqlite") as view:
            yield from (m for m in view.messages(0) if m.kind == kind)

    def totals(self) -> Totals:
        """Count at the counter, count at headquarters, and the difference."""
        held = {hit.passage for hit in self.held()}
        with View(self.stage.hq / "hq.sqlite") as view:
            duplicates = view.counts()["duplicates"]
        recorded = {p.passage for p in self.passed if p.recorded}
        taken = sum(finger.recorded for p in self.passed for finger in p.fingers)
        lost = len(recorded - held) + taken - sum(1 for _ in self.held("fingers"))
        return Totals(len(self.passed), taken, len(recorded & held), lost, duplicates)

    def _has_list(self, list_id: str) -> bool:
        status = self.stage.status()
        return status is not None and any(
            x["list"] == list_id and x["state"] == "asked" for x in status["lists"]
        )

    def _linked(self) -> bool:
        status = self.stage.status()
        return status is not None and Stage.linked(status)

    def _pending(self) -> int:
        status = self.stage.status()
        return int(status["outbox"]["pending"]) if status else -1
