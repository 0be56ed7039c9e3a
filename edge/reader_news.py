"""What is said of one reader: to the log, to the officer's screen, to headquarters.

Laws:
1. The screen hears of every opening and every loss at once.
2. Log and headquarters hear what is new; when it is, the rules of ``edge.lifecycle`` say.
3. The name of the reader and a reason are said, never what was read.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from edge.lifecycle import FaultNews, LossNews, ReaderState, SwapNews

log = structlog.get_logger("readers")

UNREAD = "unread"  # a document did not come through


class ReaderNews:
    """Owned by the reader's thread. ``announce`` (name, state or UNREAD) is for the screen, ``alarm`` (code, name) for
    headquarters; ``mono`` gives seconds."""

    def __init__(
        self, name: str, *, announce: Callable[[str, str], None], alarm: Callable[[str, str], None],
        mono: Callable[[], float],
    ) -> None:
        self._name, self._announce, self._alarm, self._mono = name, announce, alarm, mono
        self._loss, self._fault, self._swap = LossNews(), FaultNews(), SwapNews()
        self._up: bool | None = None  # as the screen knows it
        self._full_told = False
        self.losses = 0

    def opened(self, state: ReaderState) -> None:
        """It is open."""
        self._up = True
        if self._loss.opened(self._mono()):
            log.info("reader_ready", reader=self._name)
        self._announce(self._name, state)

    def lost(self, state: ReaderState, reason: str, advice: str) -> None:
        """It is not open, since just now or still."""
        if self._up is not False:
            self.losses += 1 if self._up else 0
            self._up = False
            self._announce(self._name, state)
        if self._loss.lost(self._mono()):
            log.warning("reader_lost", reader=self._name, reason=reason, advice=advice)

    def tick(self) -> None:
        """Time has passed: what is due?"""
        now = self._mono()
        if self._loss.ended(now):
            log.info("reader_ready", reader=self._name)
        if self._loss.alarm_due(now):
            self._alarm("reader_lost", self._name)

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
