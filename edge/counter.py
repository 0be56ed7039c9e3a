"""One traveller's passage, as a transition table, and the thread that walks it.

Laws:
1. The table below is the whole life of a passage; a happening that a step does not know is a bug.
2. Commit before show (ARCHITECTURE law 3). When the commit fails or takes longer than its limit, the verdict is
   shown all the same, marked NOT RECORDED, and alarmed; the journal goes on trying.
3. A verdict leaves on the grid of ``pace_s`` after the read's last byte (docs/adr/0007): what differs
   between a CLEAR and a silent HIT lies before the wait, and what follows treats both alike.
4. Only this thread changes its passages; readers and the desk put work into ``inbox``.
5. Rows become documents here, one ``Assembler`` a device, which is told while that device is in the midst of a frame;
   the same document again is answered again and is no new passage (docs/adr/0016). An answer leaves on the grid in
   either case, and a device's sign says what was shown.
"""

from __future__ import annotations

import contextlib
import enum
import queue
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import structlog

from common.times import rfc3339
from drivers.api import DocumentRead, Feedback, OtherRead
from edge.config import AssemblyConfig, CounterConfig
from edge.core.assembly import Assembler, Sheet
from edge.core.codes import OUTCOME_CODES
from edge.core.mrz import parse
from edge.core.repeats import Asked, Passed, Repeats
from edge.core.screening import Query, Screener, ScreenList
from edge.core.shown import again_message, summary, verdict_message
from edge.core.trusted import ClockState, Trusted
from edge.core.verdicts import Outcome
from edge.core.wire import fit_block, passage_body
from edge.crew import Stopping
from edge.journal import AWAITING, CLOSED, NewPassage, NoSuchPassageError, Recorded

INBOX_SIZE = 64  # reads and requests waiting for one counter
LOOK_S = 0.5     # between two looks at the stop flag
LOOKS = 4        # in the wait of a held row: is its device in the midst of the next?

log = structlog.get_logger("counter")


class Step(enum.StrEnum):
    """Where a passage stands."""

    READ = "read"
    JUDGED = "judged"
    RECORDED = "recorded"
    UNRECORDED = "unrecorded"
    AWAITING = "awaiting"
    CLOSED = "closed"


class Happening(enum.Enum):
    """What moves it on."""

    SCREENED = enum.auto()
    COMMITTED = enum.auto()
    COMMIT_FAILED = enum.auto()
    SHOWN_LEAD = enum.auto()
    SHOWN_OTHER = enum.auto()
    DECIDED = enum.auto()


TRANSITIONS: dict[tuple[Step, Happening], Step] = {
    (Step.READ, Happening.SCREENED): Step.JUDGED,
    (Step.JUDGED, Happening.COMMITTED): Step.RECORDED,
    (Step.JUDGED, Happening.COMMIT_FAILED): Step.UNRECORDED,
    (Step.RECORDED, Happening.SHOWN_LEAD): Step.AWAITING,
    (Step.RECORDED, Happening.SHOWN_OTHER): Step.CLOSED,
    (Step.UNRECORDED, Happening.SHOWN_LEAD): Step.AWAITING,
    (Step.UNRECORDED, Happening.SHOWN_OTHER): Step.CLOSED,
    (Step.AWAITING, Happening.DECIDED): Step.CLOSED,
}

LEADS = frozenset({Outcome.HIT, Outcome.POSSIBLE})
SIGNS = {
    Outcome.HIT: Feedback.LEAD,
    Outcome.POSSIBLE: Feedback.LEAD,
    Outcome.UNREADABLE: Feedback.RETRY,
    Outcome.INCOMPLETE: Feedback.GOOD,
    Outcome.CLEAR: Feedback.GOOD,
}
"""What the device that was used is told to do, by the outcome that was shown."""


def _no_sign(_device: str, _sign: Feedback) -> None:
    """For counters whose devices have none."""


def _not_reading(_device: str) -> bool:
    """For counters whose devices send whole frames at once."""
    return False


class Recorder(Protocol):
    """What the counter needs of the journal."""

    def record(self, new: NewPassage) -> Future[Recorded]:
        """One transaction: passage, outbox row, audit row."""

    def close_passage(
        self, passage: str, *, code: str, at: datetime, clock: ClockState, note: str = ""
    ) -> Future[Recorded]:
        """The same for the end of a lead; NoSuchPassageError if none with this id awaits one."""


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """An officer's outcome code; ``reply`` gets the answer as JSON values."""

    passage: str
    code: str
    uid: int
    reply: Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a counter is given: nothing here is made by it."""

    lists: Callable[[], Sequence[ScreenList]]
    screener: Screener
    journal: Recorder
    now: Callable[[], Trusted]
    wall: Callable[[], datetime]
    mono: Callable[[], float]
    wait: Callable[[float], object]
    passage_id: Callable[[], str]
    number_hash: Callable[[str, str], str]  # issuing State, number -> keyed hash
    publish: Callable[[bytes], None]
    alarm: Callable[[str], None]            # tells headquarters, by code
    pace_s: float
    commit_timeout_s: float
    assembly: AssemblyConfig = field(default_factory=AssemblyConfig)
    signal: Callable[[str, Feedback], None] = _no_sign  # device, sign; returns at once
    reading: Callable[[str], bool] = _not_reading       # is that device in the midst of a frame? returns at once


class Counter:
    """Walks the passages of one desk or lane."""

    def __init__(self, config: CounterConfig, around: Surroundings) -> None:
        self.name = config.name
        self._direction = config.direction
        self._around = around
        self.inbox: queue.Queue[DocumentRead | OtherRead | CloseRequest] = queue.Queue(INBOX_SIZE)
        wait_s = around.assembly.row_wait_ms / 1000
        self._held_look_s = min(LOOK_S, wait_s / LOOKS)
        self._assemblers: defaultdict[str, Assembler] = defaultdict(lambda: Assembler(wait_s))
        self._repeats = Repeats(around.assembly.same_document_s)
        self.passages = 0
        self.repeats = 0
        self.unrecorded = 0
        self.shown: dict[str, int] = {str(o): 0 for o in Outcome}

    def run(self, stopping: Stopping) -> None:
        """Work off the inbox until ``stopping`` is set."""
        while not stopping.is_set():
            with contextlib.suppress(queue.Empty):
                self._take(self.inbox.get(timeout=self._patience()))
            self._look_after_rows()

    def _look_after_rows(self) -> None:
        """Let go what has waited long enough; not while the row that it waits for is under way."""
        for device, assembler in self._assemblers.items():
            if assembler.due is not None and self._around.reading(device):
                assembler.under_way(self._around.mono())
            if self.inbox.empty():  # else a read that waits there may be what a held row waits for
                self._pass_all(device, assembler.tick(self._around.mono()))

    def _patience(self) -> float:
        """Seconds until a held row has waited long enough, at most ``LOOK_S``, or until the next look at its device."""
        dues = [due for assembler in self._assemblers.values() if (due := assembler.due) is not None]
        look_s = self._held_look_s if dues else LOOK_S
        return max(0.0, min([look_s, *(due - self._around.mono() for due in dues)]))

    def _take(self, work: DocumentRead | OtherRead | CloseRequest) -> None:
        if isinstance(work, DocumentRead):
            self._pass_all(work.device, self._assemblers[work.device].take(work.lines, work.at))
        elif isinstance(work, CloseRequest):
            self._close(work)
        # A bar code or stripe (OtherRead) between two rows changes nothing.

    def _pass_all(self, device: str, sheets: Sequence[Sheet]) -> None:
        for sheet in sheets:
            self._around.signal(device, SIGNS[self._pass(sheet)])

    def _pass(self, sheet: Sheet) -> Outcome:
        """Answer one sheet; the outcome that was shown."""
        around = self._around
        step = Step.READ
        wall = around.wall()
        now = around.now()
        today = (now.time or wall).astimezone(UTC).date()
        document = parse(sheet.lines, today=today)
        query, lists = Query.of_document(document), around.lists()
        asked = Asked.of(around.screener.coverage(lists, now), now, today)
        passed = self._repeats.find(query, asked, sheet.at)
        if passed is not None:
            return self._again(passed, sheet.at)
        verdict = around.screener.screen(query, lists, now)
        step = TRANSITIONS[step, Happening.SCREENED]
        passage = around.passage_id()
        message = verdict_message(
            verdict, document, passage=passage, at=rfc3339(wall),
            counter=self.name, direction=self._direction,
        )
        shown = Outcome(message["outcome"])
        fields = document.known
        number = fields.document_number if fields else ""  # without one, all parts of a State would share one hash
        number_hash = around.number_hash(fields.issuing_state, number) if fields and number else ""
        body = passage_body(
            passage=passage, counter=self.name, direction=self._direction, at=wall, clock=now.state,
            verdict=verdict, document=document, number_hash=number_hash,
        )
        entry = NewPassage(
            passage=passage, at=wall, clock=now.state, counter=self.name, direction=self._direction,
            shown=shown, truth_clear=verdict.outcome is Outcome.CLEAR,
            state=AWAITING if shown in LEADS else CLOSED,
            summary=tuple(summary(verdict)), number_hash=number_hash,
            body=body, block=fit_block(body),
        )
        self._keep_pace(sheet.at)
        recorded = self._commit(entry)
        step = TRANSITIONS[step, Happening.COMMITTED if recorded else Happening.COMMIT_FAILED]
        elapsed_ms = round((around.mono() - sheet.at) * 1000, 1)
        around.publish(msgspec.json.encode({**message, "recorded": recorded, "elapsed_ms": elapsed_ms}))
        step = TRANSITIONS[step, Happening.SHOWN_LEAD if shown in LEADS else Happening.SHOWN_OTHER]
        self.passages += 1
        self.shown[shown] += 1
        log.info(
            "passage", counter=self.name, passage=passage, shown=str(shown), elapsed_ms=elapsed_ms, state=str(step)
        )
        if recorded and document.format:
            self._repeats.note(query, asked, message, sheet.at)
        return shown

    def _again(self, passed: Passed, at: float) -> Outcome:
        """The document of a passage was presented again: show what was shown, and nothing else happens."""
        message = again_message(passed.message, at=rfc3339(self._around.wall()), times=passed.times)
        self._keep_pace(at)
        elapsed_ms = round((self._around.mono() - at) * 1000, 1)
        self._around.publish(msgspec.json.encode({**message, "elapsed_ms": elapsed_ms}))
        self.repeats += 1
        log.info("again", counter=self.name, passage=message["passage"], shown=message["outcome"], times=passed.times)
        return Outcome(message["outcome"])

    def _keep_pace(self, since: float) -> None:
        pace = self._around.pace_s
        if pace <= 0:
            return
        used = max(0.0, self._around.mono() - since)
        self._around.wait(pace * (int(used / pace) + 1) - used)

    def _commit(self, entry: NewPassage) -> bool:
        try:
            self._around.journal.record(entry).result(self._around.commit_timeout_s)
        except FutureTimeout:
            reason = "took too long"
        except Exception as error:
            # Whatever kept the journal from writing, the traveller stands at the counter.
            reason = type(error).__name__
        else:
            return True
        self.unrecorded += 1
        log.error("not_recorded", counter=self.name, passage=entry.passage, reason=reason,
                  advice="look at `borderpost doctor`: disk full or failing")
        self._around.alarm("not_recorded")
        self._notice("a passage could not be recorded: call the technician")
        return False

    def _close(self, request: CloseRequest) -> None:
        if request.code not in OUTCOME_CODES:
            request.reply({"ok": False, "error": f"no outcome code {request.code!r}",
                           "advice": "borderpost close --help lists them"})
            return
        try:
            self._around.journal.close_passage(
                request.passage, code=request.code, at=self._around.wall(), clock=self._around.now().state,
                note=f"uid {request.uid}",
            ).result(self._around.commit_timeout_s)
        except NoSuchPassageError as error:
            request.reply({"ok": False, "error": f"{request.passage}: {error.message}", "advice": error.advice})
            return
        except Exception as error:
            request.reply({"ok": False, "error": f"not recorded: {type(error).__name__}",
                           "advice": "try again; if it stays so call the technician"})
            return
        TRANSITIONS[Step.AWAITING, Happening.DECIDED]
        self._repeats.forget(request.passage)
        request.reply({"ok": True, "passage": request.passage})
        self._around.publish(msgspec.json.encode(
            {"type": "closed", "passage": request.passage, "counter": self.name, "outcome": request.code}
        ))
        log.info("closed", counter=self.name, passage=request.passage, outcome_code=request.code)

    def _notice(self, text: str) -> None:
        self._around.publish(msgspec.json.encode({"type": "notice", "counter": self.name, "text": text}))
