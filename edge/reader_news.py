"""What is said of one reader: to the log, to the officer's screen, to headquarters.

Laws:
1. The screen hears of every opening and every loss at once; but a reader that was lost within STEADY_S of its
   opening, and again, is unsteady until nothing has changed for as long, and that is said once: a plug that wobbles
   must not push verdicts off the screen.
2. Log and headquarters hear what is new; when it is, the rules of ``edge.lifecycle`` say.
3. The name of the reader and a reason are said, never what was read.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from edge.lifecycle import STEADY_S, FaultNews, LossNews, ReaderState, SwapNews

log = structlog.get_logger("readers")

UNREAD = "unread"  # a document did not come through
UNSTEADY = "unsteady"  # it comes and goes
FLAPS = 2


class ReaderNews:
    """Owned by the reader's thread. ``announce`` (name, state or UNREAD) is for the screen, ``alarm`` (code, name) for
    headquarters; ``mono`` gives seconds."""

    def __init__(
        self, name: str, *, announce: Callable[[str, str], None], alarm: Callable[[str, str], None],
        mono: Callable[[], float],
    ) -> None:
        self._name, self._announce, self._alarm, self._mono = name, announce, alarm, mono
        self._loss, self._fault, self._swap = LossNews(), FaultNews(), SwapNews()
        self._up: bool | None = None
        self._changed_at = -STEADY_S  # the last opening or loss...
        self._flaps = 0  # losses soon after an opening since it was steady
        self._unsteady: ReaderState | None = None  # what is to be told of an unsteady one when it stays so
        self._full_told = False
        self.losses = 0

    def opened(self, state: ReaderState) -> None:
        """It is open."""
        self._up = True
        if self._loss.opened(self._mono()):
            log.info("reader_ready", reader=self._name)
        self._show(state)

    def lost(self, state: ReaderState, reason: str, advice: str) -> None:
        """It is not open, since just now or still."""
        if self._up is not False:
            self.losses += 1 if self._up else 0
            self._flaps += 1 if self._up and self._mono() - self._changed_at < STEADY_S else 0
            self._up = False
            if self._flaps == FLAPS and self._unsteady is None:
                self._announce(self._name, UNSTEADY)
                self._unsteady = state
            self._show(state)
        if self._loss.lost(self._mono()):
            log.warning("reader_lost", reader=self._name, reason=reason, advice=advice)

    def tick(self) -> None:
        """Time has passed: what is due?"""
        now = self._mono()
        if self._loss.ended(now):
            log.info("reader_ready", reader=self._name)
        if self._loss.alarm_due(now):
            self._alarm("reader_lost", self._name)
        if now - self._changed_at >= STEADY_S:
            self._flaps = 0
            if self._unsteady is not None:
                state, self._unsteady = self._unsteady, None
                self._announce(self._name, state)

    def _show(self, state: ReaderState) -> None:
        """Law 1."""
        self._changed_at = self._mono()
        if self._unsteady is None:
            self._announce(self._name, state)
        else:
            self._unsteady = state

    def fault(self, reason: str, advice: str) -> None:
        """It misbehaves, and will be switched off and on."""
        if self._fault.log_due():
            log.warning("reader_fault", reader=self._name, reason=reason, advice=advice)
        if self._fault.alarm_due(self._mono()):
            self._alarm("reader_fault", self._name)

    def cycled(self) -> None:
        """It was switched off and on."""
        self._fault.cycled()

    def unread(self) -> None:
        """A document is to be presented again."""
        self._announce(self._name, UNREAD)

    def good(self) -> None:
        """It has read well."""
        self._fault.good()

    def compared(self, difference: str | None, own: str, open_s: float) -> None:
        """See ``SwapNews.compared``."""
        if self._swap.compared(difference, own, open_s):
            log.error("reader_swapped", reader=self._name, reason=difference,
                      advice="plug each reader where it was set up, or take the lines of `borderpost devices`")
            self._alarm("reader_swapped", self._name)

    def full(self) -> None:
        """The counter did not take a read: said once until it takes one."""
        if not self._full_told:
            self._full_told = True
            log.error("read_dropped", reader=self._name, advice="the counter does not keep up: see `borderpost doctor`")
            self._alarm("read_dropped", self._name)

    def taken(self) -> None:
        """The counter took one."""
        self._full_told = False
