"""One traveller's passage, as a transition table, and the thread that walks it.

Laws:
1. The tables in ``steps`` are the whole life of a passage; a happening that a step does not know is a bug.
2. Commit before show (ARCHITECTURE law 3). When the commit fails or takes longer than its limit, the verdict is
   shown all the same, marked NOT RECORDED, and alarmed; the journal goes on trying.
3. A verdict leaves on the grid of ``pace_s`` after the read's last byte (docs/adr/0007): what differs
   between a CLEAR and a silent HIT lies before the wait, and what follows treats both alike.
4. Only this thread changes its passages; readers, the desk and the stations of fingers put work into ``inbox``.
5. Rows become documents here, one ``Assembler`` a device, which is told while that device is in the midst of a frame;
   the same document again is answered again and is no new passage (docs/adr/0016). An answer leaves on the grid in
   either case, and a device's sign says what was shown.
"""

from __future__ import annotations

import contextlib
import queue
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC
from typing import TypeAlias

import msgspec
import structlog

from common.times import rfc3339
from drivers.api import DocumentRead, OtherRead
from edge.config import CounterConfig
from edge.core.assembly import Assembler, Sheet
from edge.core.codes import OUTCOME_CODES
from edge.core.mrz import parse
from edge.core.repeats import Asked, Passed, Repeats
from edge.core.screening import Query
from edge.core.shown import again_message, summary, verdict_message
from edge.core.verdicts import Outcome
from edge.core.wire import fit_block, passage_body
from edge.counter.around import CloseRequest, FingerRequest, Surroundings
from edge.counter.commit import committed, keep_pace
from edge.counter.fingers import Fingers
from edge.counter.steps import LEADS, SIGNS, TRANSITIONS, Happening, Step
from edge.crew import Stopping
from edge.fingers.orders import FingerResult
from edge.journal import AWAITING, CLOSED, NewPassage, NoSuchPassageError

INBOX_SIZE = 64  # reads and requests waiting for one counter
LOOK_S = 0.5     # between two looks at the stop flag
LOOKS = 4        # in the wait of a held row: is its device in the midst of the next?

Work: TypeAlias = DocumentRead | OtherRead | CloseRequest | FingerRequest | FingerResult

log = structlog.get_logger("counter")


class Counter:
    """Walks the passages of one desk or lane."""

    def __init__(self, config: CounterConfig, around: Surroundings) -> None:
        self.name = config.name
        self._direction = config.direction
        self._around = around
        self.inbox: queue.Queue[Work] = queue.Queue(INBOX_SIZE)
        wait_s = around.assembly.row_wait_ms / 1000
        self._held_look_s = min(LOOK_S, wait_s / LOOKS)
        self._assemblers: defaultdict[str, Assembler] = defaultdict(lambda: Assembler(wait_s))
        self._repeats = Repeats(around.assembly.same_document_s)
        self.fingers = Fingers(config.name, config.direction, around, self._repeats.reword)
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
            self.fingers.tend()

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

    def _take(self, work: Work) -> None:
        if isinstance(work, DocumentRead):
            self._pass_all(work.device, self._assemblers[work.device].take(work.lines, work.at))
        elif isinstance(work, CloseRequest):
            self._close(work)
        elif isinstance(work, FingerRequest):
            self.fingers.request(work)
        elif isinstance(work, FingerResult):
            self.fingers.take(work)
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
        keep_pace(around, sheet.at, around.pace_s)
        recorded = committed(around, lambda: around.journal.record(entry), counter=self.name, passage=passage)
        step = TRANSITIONS[step, Happening.COMMITTED if recorded else Happening.COMMIT_FAILED]
        self.passages += 1
        self.unrecorded += not recorded
        self.shown[shown] += 1
        elapsed_ms = round((around.mono() - sheet.at) * 1000, 1)
        around.publish(msgspec.json.encode({**message, "recorded": recorded, "elapsed_ms": elapsed_ms}))
        step = TRANSITIONS[step, Happening.SHOWN_LEAD if shown in LEADS else Happening.SHOWN_OTHER]
        log.info(
            "passage", counter=self.name, passage=passage, shown=str(shown), elapsed_ms=elapsed_ms, state=str(step)
        )
        if recorded and document.format:
            self._repeats.note(query, asked, message, sheet.at)
        self.fingers.begin(passage, verdict, step, sheet.at)
        return shown

    def _again(self, passed: Passed, at: float) -> Outcome:
        """The document of a passage was presented again: show what was shown, and nothing else happens."""
        message = again_message(passed.message, at=rfc3339(self._around.wall()), times=passed.times)
        keep_pace(self._around, at, self._around.pace_s)
        elapsed_ms = round((self._around.mono() - at) * 1000, 1)
        self._around.publish(msgspec.json.encode({**message, "elapsed_ms": elapsed_ms}))
        self.repeats += 1
        log.info("again", counter=self.name, passage=message["passage"], shown=message["outcome"], times=passed.times)
        return Outcome(message["outcome"])

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
        self.fingers.decided(request.passage)
        request.reply({"ok": True, "passage": request.passage})
        self._around.publish(msgspec.json.encode(
            {"type": "closed", "passage": request.passage, "counter": self.name, "outcome": request.code}
        ))
        log.info("closed", counter=self.name, passage=request.passage, outcome_code=request.code)
