"""What one counter does about fingers: when it orders one, and what becomes of what comes back.

Laws:
1. What is ordered, when it is told, how long it is kept: all that depends on what was SHOWN alone, never on silent
   candidates (ARCHITECTURE law 8). A search with silent candidates only looks like one without any: the same message,
   the same size on the wire, on the grid of ``grid_s`` after the last byte of the image, no second finger.
2. Commit before show (law 3): what came of a finger is one transaction with the passage as it is shown from then on.
3. Images are overwritten once the report is written, templates too but for the copy that a shown lead keeps in memory
   (``dossier``). What cannot be used is overwritten as well.
4. A finger that the policy asked for is counted only if no further document was read at this counter before its
   image: else the next traveller's finger would be this one's. What an officer asked for is counted unless a document
   was read after he asked. A finger that is not counted is told and recorded as not taken.
5. A result for a passage or an order that is not known changes nothing. One that comes after the passage was closed,
   or after ``keep_s``, is recorded, told as late, and its probe is not kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec
import structlog

from common.times import rfc3339
from edge.core.fingerprints.model import Position
from edge.core.padding import IMAGE_SIZE, MAX_IMAGE, PLAIN_SIZE
from edge.core.screening.by_finger import position_word
from edge.core.shown import summary
from edge.core.shown_fingers import Judged, finger_message, judged, merged, searched
from edge.core.verdicts import Outcome, Verdict
from edge.core.wire import FingersBody, fingers_body, fit_block
from edge.counter.around import FingerRequest, Surroundings
from edge.counter.commit import committed, keep_pace, notice
from edge.counter.dossier import MAX_DOSSIERS, Dossier, copied
from edge.counter.steps import LEADS, TRANSITIONS, FingerHappening, FingerStep, Happening, Step
from edge.fingers.orders import AWAY, FingerOrder, FingerResult, erase, erase_template
from edge.journal import NewFinger

OVERTAKEN: Final = "another document was read before the finger came"
POLICY: Final = "policy"  # who asked, where it was no officer
NO_SCANNER: Final = "the scanner is busy or away"
UNKNOWN: Final = "a finger came for a passage that takes none any more: it was erased, nothing is recorded"

log = structlog.get_logger("counter")


class Fingers:
    """The fingers of one counter's passages; called on its thread. ``reword`` (passage, shown) mends repeats."""

    def __init__(
        self, name: str, direction: str, around: Surroundings, reword: Callable[[str, Outcome], None]
    ) -> None:
        self._name, self._direction, self._around, self._reword = name, direction, around, reword
        self._policy = around.finger_policy
        self._dossiers: dict[str, Dossier] = {}  # oldest first
        self.taken = 0
        self._orders = 0  # so far

    # -- passages ----------------------------------------------------------------------------------

    def begin(self, passage: str, documents: Verdict, step: Step, read_at: float) -> None:
        """A verdict was shown: remember the passage, and ask for a finger if the policy says so."""
        if self._around.fingers is None:
            return
        for other in self._dossiers.values():
            if other.order is not None and other.order.counter == self._name and other.order.purpose != "verify":
                self._around.withdraw(other.order)
        while len(self._dossiers) >= MAX_DOSSIERS:
            self._drop(next(iter(self._dossiers)))
        shown = documents.shown().outcome
        dossier = self._dossiers[passage] = Dossier(
            passage, documents, step, documents.outcome, shown, read_at, self._around.mono() + self._policy.keep_s
        )
        if self._policy.asks(shown):
            order = FingerOrder(passage, self._name, self._policy.positions[0], "search", owner=self._name)
            if not self._order(dossier, order, POLICY):
                self._not_taken(dossier, order)

    def decided(self, passage: str) -> None:
        """A person gave the outcome code: what is kept for the lead is overwritten."""
        dossier = self._dossiers.get(passage)
        if dossier is not None:
            dossier.decided = True
            dossier.step = TRANSITIONS[dossier.step, Happening.DECIDED]
            dossier.forget_probes()

    def tend(self) -> None:
        """Forget what is over. An order that is under way has as long again to come back."""
        now = self._around.mono()
        for dossier in list(self._dossiers.values()):
            if now <= dossier.until:
                continue
            dossier.forget_probes()
            if dossier.order is None or now > dossier.until + self._policy.keep_s:
                self._drop(dossier.passage)

    def _drop(self, passage: str) -> None:
        dossier = self._dossiers.pop(passage)
        dossier.forget_probes()
        if dossier.order is not None:
            self._around.withdraw(dossier.order)

    # -- orders ------------------------------------------------------------------------------------

    def request(self, asked: FingerRequest) -> None:
        """An officer asks for a finger; the reply says whether it is being taken, the rest comes as messages."""
        dossier = self._dossiers.get(asked.passage)
        if asked.purpose == "cancel":
            self._cancel(dossier, asked)
            return
        refused = self._refusal(dossier, asked)
        if refused is None and dossier is not None:
            order = self._order_of(dossier, asked)
            if self._order(dossier, order, f"uid {asked.uid}"):
                position = position_word(order.position)
                asked.reply({"ok": True, "passage": asked.passage, "position": position, "order": dossier.number})
                return
            refused = self._nobody(order), "wait until it is ready (borderpost status), then ask again"
        error, advice = refused or ("", "")
        asked.reply({"ok": False, "error": f"{asked.passage}: {error}", "advice": advice})

    def _cancel(self, dossier: Dossier | None, asked: FingerRequest) -> None:
        """The order is told as withdrawn once its station has ended it."""
        if dossier is None or dossier.order is None:
            error = f"{asked.passage}: no finger of it is being taken"
            asked.reply({"ok": False, "error": error, "advice": "borderpost fingers take PASSAGE takes one"})
            return
        self._around.withdraw(dossier.order)
        asked.reply({"ok": True, "passage": asked.passage, "order": dossier.number})

    def _nobody(self, order: FingerOrder) -> str:
        """Why the order was not accepted."""
        return AWAY if self._around.finger_away(order.counter) else NO_SCANNER

    def _refusal(self, dossier: Dossier | None, asked: FingerRequest) -> tuple[str, str] | None:
        """What is wrong with it and what to do; None if nothing is."""
        if self._around.fingers is None:
            return "this box has no fingerprint scanner", "see [[scanner]] in docs/configuration.md"
        if dossier is None and not asked.known:
            return "there is no such passage", "borderpost passages lists them"
        if dossier is None or self._around.mono() > dossier.until:
            return "this passage takes no finger any more", "read the document again, then take the finger"
        if dossier.decided:
            return "a person has closed it already", "read the document again for a new passage"
        if dossier.order is not None:
            return "a finger of it is being taken", "wait for what comes of it"
        held = dossier.probes
        if asked.purpose == "verify" and (not held or (asked.position is not None and asked.position not in held)):
            return "no finger of it is kept to compare with", "borderpost fingers take PASSAGE takes one, of a lead"
        return None

    def _order_of(self, dossier: Dossier, asked: FingerRequest) -> FingerOrder:
        scanner = asked.scanner or self._name
        if asked.purpose == "verify":
            position = asked.position if asked.position is not None else next(iter(dossier.probes))
            reference = copied(dossier.probes[position])
            return FingerOrder(dossier.passage, scanner, position, "verify", reference=reference, owner=self._name)
        position = asked.position if asked.position is not None else self._next(dossier) or self._policy.positions[0]
        return FingerOrder(dossier.passage, scanner, position, "search", owner=self._name)

    def _next(self, dossier: Dossier) -> Position | None:
        """The first configured finger that was not taken of this passage."""
        return next((p for p in self._policy.positions if p not in dossier.positions), None)

    def _order(self, dossier: Dossier, order: FingerOrder, asked: str) -> bool:
        offer = self._around.fingers
        if offer is None or not offer(order):
            if order.reference is not None:
                erase_template(order.reference)
            return False
        dossier.move(FingerHappening.ORDERED)
        self._note(dossier, order, asked)
        log.info("finger_ordered", counter=self._name, passage=order.passage, purpose=order.purpose)
        return True

    def _not_taken(self, dossier: Dossier, order: FingerOrder) -> None:
        """The policy wants a finger and there is nobody to take it: recorded and told like a capture that failed."""
        dossier.move(FingerHappening.ORDERED)
        self._note(dossier, order, POLICY)
        self.take(FingerResult(order, None, None, None, None, self._nobody(order), self._around.mono()))

    def _note(self, dossier: Dossier, order: FingerOrder, asked: str) -> None:
        self._orders += 1
        dossier.order, dossier.number = order, self._orders
        dossier.ordered_at, dossier.asked = self._around.mono(), asked

    # -- results -----------------------------------------------------------------------------------

    def take(self, result: FingerResult) -> None:
        """Record and show what came of a finger; whatever happens, what must not be kept is overwritten."""
        order, around = result.order, self._around
        if result.taken is None:
            result = replace(result, at=around.mono())  # there is no image whose last byte could be meant
        try:
            dossier = self._dossiers.get(order.passage)
            if dossier is None or dossier.order is not order:
                log.info("finger_unknown", counter=self._name, purpose=order.purpose)
                notice(around, self._name, UNKNOWN)
                return
            if self._overtaken(dossier, result):
                self._tell(dossier, FingerResult(order, None, None, None, None, OVERTAKEN, result.at))
            else:
                self._tell(dossier, result)
        finally:
            if result.taken is not None:
                erase(result.taken)
            if order.reference is not None:
                erase_template(order.reference)

    def _overtaken(self, dossier: Dossier, result: FingerResult) -> bool:
        """Law 4; a verification at another counter is that counter's officer's word on who stands there."""
        if result.order.counter != self._name:
            return False
        since = dossier.read_at if dossier.asked == POLICY else dossier.ordered_at
        return any(since < other.read_at <= result.at for other in self._dossiers.values() if other is not dossier)

    def _tell(self, dossier: Dossier, result: FingerResult) -> None:
        around, order = self._around, result.order
        dossier.move(FingerHappening.ANSWERED)
        dossier.order = None
        wall = around.wall()
        after = "closed" if dossier.decided else "kept" if around.mono() > dossier.until else ""
        problem = result.problem or (result.answer.problem if result.answer else "")
        answer = result.answer if result.taken is not None and not problem else None
        told = order.answer if problem and order.purpose == "second" else answer  # what the first finger said stands
        found = self._judge(dossier, result, problem)
        opens = bool(answer and answer.shown().candidates)
        if result.taken is not None and order.purpose != "verify" and order.position not in dossier.positions:
            dossier.positions.append(order.position)
        positions = [p for p in dossier.positions if p != order.position] if order.purpose == "second" else []
        positions.append(order.position)
        second = self._next(dossier) if opens and order.purpose == "search" and not after else None
        body = fingers_body(
            passage=order.passage, counter=self._name, at=wall, clock=around.now().state, purpose=order.purpose,
            positions=positions, outcome=found.truth, shown=found.shown, reasons=found.candidates,
            asked=dossier.asked, scanner=order.counter, taken=result.taken, answer=told, score=result.score,
            same=result.same, problem=problem, after=after, image=self._image(result),
        )
        entry = self._entry(order, body, found, opens=opens)
        message = finger_message(
            found, told, result.taken, passage=order.passage, at=rfc3339(wall), counter=self._name,
            direction=self._direction, at_counter=order.counter, purpose=order.purpose, positions=positions,
            score=result.score, same=result.same, problem=problem, after=after, second=second,
        )
        keep_pace(around, result.at, self._policy.grid_s)
        recorded = committed(
            around, lambda: around.journal.record_finger(entry), counter=self._name, passage=order.passage
        )
        dossier.move(FingerHappening.COMMITTED if recorded else FingerHappening.COMMIT_FAILED)
        elapsed_ms = round((around.mono() - result.at) * 1000, 1)
        around.publish(msgspec.json.encode({
            **message, "order": dossier.number, "recorded": recorded, "elapsed_ms": elapsed_ms,
        }))
        dossier.move(FingerHappening.SHOWN)
        self._after(dossier, result, found, opens=opens, late=bool(after))
        log.info("finger", counter=self._name, passage=order.passage, purpose=order.purpose, shown=str(found.shown),
                 elapsed_ms=elapsed_ms, state=str(dossier.step))
        if second is not None:
            self._second(dossier, FingerOrder(
                order.passage, order.counter, second, "second", answer=answer, owner=self._name))

    def _judge(self, dossier: Dossier, result: FingerResult, problem: str) -> Judged:
        """The passage with this finger; a verification changes nothing of it."""
        order = result.order
        asked = order.purpose != "verify"
        answer = result.answer if asked and result.taken is not None and not problem else None
        candidates = merged(dossier.candidates, answer, second=order.purpose == "second")
        galleries = answer.coverage if answer else dossier.galleries
        # A second finger that could not be taken leaves the first one searched.
        failed = order.purpose == "search" and not searched(answer)
        return judged(
            dossier.documents, candidates, galleries, truth=dossier.truth, shown=dossier.shown, failed=failed
        )

    def _image(self, result: FingerResult) -> bytes:
        """WSQ for the report where a candidate's list wants it. The station packs it wanted or not: law 1."""
        answer = result.answer
        if result.taken is None or result.order.purpose == "verify" or not self._around.finger_images():
            return b""
        packed = result.taken.packed
        wanted = answer is not None and any(c.list_id in answer.image_wanted for c in answer.candidates)
        return packed if wanted and len(packed) <= MAX_IMAGE else b""

    def _entry(self, order: FingerOrder, body: FingersBody, found: Judged, *, opens: bool) -> NewFinger:
        size = IMAGE_SIZE if self._around.finger_images() else PLAIN_SIZE
        return NewFinger(
            passage=order.passage, at=body.at, clock=body.clock, counter=self._name, purpose=order.purpose,
            position=position_word(order.position), shown=found.shown, opens=opens,
            truth_clear=found.truth is Outcome.CLEAR, summary=tuple(summary(found.verdict)), body=body,
            block=fit_block(body, size),
        )

    def _after(self, dossier: Dossier, result: FingerResult, found: Judged, *, opens: bool, late: bool) -> None:
        """What the passage is from now on, and what of the finger is kept for it (law 2 of ``dossier``)."""
        order, changed = result.order, found.shown is not dossier.shown
        self.taken += result.taken is not None
        dossier.step = TRANSITIONS[dossier.step, Happening.FINGER_LEAD if opens else Happening.FINGER_OTHER]
        dossier.truth, dossier.shown, dossier.candidates = found.truth, found.shown, found.candidates
        if result.answer is not None and result.taken is not None:
            dossier.galleries = result.answer.coverage
        if opens:
            dossier.decided = False
        if changed:
            self._reword(order.passage, found.shown)
        if found.shown in LEADS and result.taken is not None and order.purpose != "verify" and not late:
            dossier.keep(order.position, result.taken.template)

    def _second(self, dossier: Dossier, order: FingerOrder) -> None:
        if dossier.finger is FingerStep.NONE and not self._order(dossier, order, POLICY):
            notice(self._around, self._name, f"{order.passage}: a second finger is wanted, and {self._nobody(order)}")
