"""Keeps a reader alive: waits until it is plugged in, opens, reads, backs off, switches it off and on.

The states are the table of ``edge.lifecycle``; a thread runs one ``ReaderKeeper`` a reader and hands what it
reads to the tap (the officer's PC) and to its counter. What is said of it, and when: ``edge.reader_news``.

Laws:
1. Each turn of the loop waits once, at most a second: a stop, and a hotplug's ``wake``, are noticed within it.
2. The tap comes first and depends on nothing: not on the counter, the journal or the uplink.
3. A good read is never dropped in silence: a counter whose inbox is full is waited for, for two seconds (the port's
   own buffer holds what comes meanwhile), and what cannot be handed over then is counted, logged and alarmed.
4. A reader that is not the one that was set up goes on reading: screening must go on, and a person is told.
5. A device's fault is survived, and so is a setting that shows as wrong only at the opening: that one reader backs
   off. A bug of a driver escapes and ends the process (ARCHITECTURE law 6).
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from drivers.api import (
    BadSetting,
    DeviceError,
    DeviceStuck,
    DocumentRead,
    Feedback,
    Noise,
    NothingLost,
    OtherRead,
    PassportReader,
    ReaderEvent,
    Tier,
)
from edge.bell import Bell, Waiting
from edge.crew import Stopping
from edge.lifecycle import BACKOFF_MIN_S, STEADY_S, Backoff, ErrorBudget, Happening, ReaderState, after
from edge.reader_news import ReaderNews
from edge.unread import Unread

__all__ = ["Happening", "ReaderKeeper", "ReaderState"]

READ_WAIT_S = 0.5      # how long one read may block before the stop flag is looked at
LOOK_S = 1.0           # between two looks whether something is plugged in
SETTLE_S = 0.2         # after a loss, before the first of them: a plug that wobbles, udev that makes links anew
DELIVER_TRIES = 20     # how often a full inbox is tried...
DELIVER_PAUSE_S = 0.1  # ...and the pause between: two seconds in all


def nobody(*_: object) -> None:
    """For what nobody listens to."""


class ReaderKeeper:
    """Owns one device.

    ``tap`` and then ``deliver`` get every DocumentRead and OtherRead; ``deliver`` may raise queue.Full.
    ``announce`` hears (name, state) of losses and returns, and (name, UNREAD) of a document to be presented again
    (``edge.unread``), of which the device gives a sign too; ``alarm`` (code, name) is for headquarters.
    ``differs`` is given the serial number that the device itself has told (empty while it has not) and says in
    words how the device differs from the one that was set up, "" if it does not, None if nobody can tell.
    ``jitter`` gives 0..1, ``mono`` seconds.
    """

    def __init__(
        self,
        reader: PassportReader,
        *,
        deliver: Callable[[DocumentRead | OtherRead], None],
        announce: Callable[[str, str], None],
        jitter: Callable[[], float],
        tap: Callable[[DocumentRead | OtherRead], None] = nobody,
        alarm: Callable[[str, str], None] = nobody,
        differs: Callable[[str], str | None] = lambda _own: "",
        mono: Callable[[], float] = time.monotonic,
        bell: Waiting | None = None,
    ) -> None:
        self._reader = reader
        self._deliver, self._tap = deliver, tap
        self._differs, self._jitter, self._mono = differs, jitter, mono
        self._bell = bell or Bell()
        self.name = reader.name
        self._news = ReaderNews(reader.name, announce=announce, alarm=alarm, mono=mono)
        self.state = ReaderState.ABSENT
        self.overflow = 0       # reads that a full counter did not take
        self.opens = self.power_cycles = 0
        self.swapped = ""       # how the device differs from the one that was set up
        self._problem = ("", "")  # why it is not open, and what to do
        self._backoff, self._budget, self._unread = Backoff(), ErrorBudget(mono()), Unread()
        self._due = mono()      # the next look (ABSENT), the next opening (BACKOFF)
        self._tried_at = self._opened_at = self._looked_at = mono()
        self._unseen = 0        # looks in a row that found nothing at the port of an open device
        self._own_serial = ""
        self._settled = False   # the device has been compared once more after STEADY_S

    @property
    def losses(self) -> int:
        """How often it was open and then no more."""
        return self._news.losses

    def run(self, stopping: Stopping) -> None:
        """Read until ``stopping`` is set."""
        try:
            while not stopping.is_set():
                self.step(stopping)
        finally:
            self._reader.close()

    def step(self, stopping: Stopping) -> None:
        """One turn of the loop (law 1)."""
        match self.state:
            case ReaderState.ABSENT:
                self._await_plug()
            case ReaderState.OPENING:
                self._open()
            case ReaderState.READY | ReaderState.READING:
                self._read(stopping)
            case ReaderState.FAULT:
                self._switch_off_and_on()
            case ReaderState.BACKOFF:
                self._back_off()
        self._news.tick()

    def wake(self) -> None:
        """Something was plugged in or out: look at once. From any thread."""
        self._bell.ring()

    def signal(self, feedback: Feedback) -> None:
        """Have the device give this sign, if it can; from any thread, never blocks."""
        self._reader.signal(feedback)

    def health(self) -> dict[str, Any]:
        """State and counters, for `status`; JSON values."""
        status = asdict(self._reader.status())
        state = self.state
        if state is ReaderState.READY and self._reader.reading:  # the owner is inside read() and will say so too
            state = after(state, Happening.BEGUN)
        reason, advice = self._problem
        return {
            "state": str(state), "overflow": self.overflow, "opens": self.opens, "losses": self.losses,
            "power_cycles": self.power_cycles, "swapped": self.swapped, "problem": reason, "advice": advice,
            "proven": status["tier"] != Tier.VIRTUAL, **status, "tier": str(status["tier"]),
        }

    # -- the states --------------------------------------------------------------------------------

    def _await_plug(self) -> None:
        left = self._due - self._mono()
        if left > 0:
            self._bell.wait(min(left, LOOK_S))
        if self._reader.present() is False:
            self._due = self._mono() + LOOK_S
            self._backoff.reset()
            self._miss("nothing is plugged in at its port", "plug the reader in; `borderpost devices` shows what is")
            self._move(Happening.NOT_SEEN)
        else:
            self._move(Happening.SEEN)

    def _open(self) -> None:
        self._tried_at = self._mono()
        try:
            self._reader.open()
        except (DeviceError, BadSetting, OSError) as error:
            self._to_back_off(Happening.REFUSED)
            self._miss(*told(error))
            return
        self.opens += 1
        self._opened_at = self._looked_at = self._mono()
        self._unseen = 0
        self._problem = ("", "")
        self._settled = False
        self._move(Happening.OPENED)
        self._news.opened(self.state)
        self._identify()

    def _read(self, stopping: Stopping) -> None:
        try:
            event = self._reader.read(READ_WAIT_S)
        except DeviceStuck as error:
            self._fail(*told(error))
            return
        except (DeviceError, OSError) as error:
            self._lose(*told(error))
            return
        if isinstance(event, DocumentRead | OtherRead):
            self._hand_on(event, stopping)
        self._note_reading()
        self._judge(event)

    def _switch_off_and_on(self) -> None:
        if self._budget.may_cycle(self._mono()):
            self._reader.power_cycle()
            self.power_cycles += 1
            self._news.cycled()
            self._budget.cycled(self._mono())
            self._move(Happening.CYCLED)
        else:
            self._reader.close()
            self._to_back_off(Happening.SPARED)
            self._miss(*self._problem)

    def _back_off(self) -> None:
        woken = self._bell.wait(min(self._due - self._mono(), LOOK_S))
        now = self._mono()
        if woken:  # somebody plugged something: perhaps ours, so do not wait for long
            self._due = min(self._due, self._tried_at + BACKOFF_MIN_S)
        if self._reader.present() is False:
            self._backoff.reset()
            self._due = now + LOOK_S
            self._move(Happening.NOT_SEEN)
        else:
            self._move(Happening.WAITED if now >= self._due else Happening.SEEN)

    # -- while it is open --------------------------------------------------------------------------

    def _hand_on(self, read: DocumentRead | OtherRead, stopping: Stopping) -> None:
        self._tap(read)
        for _ in range(DELIVER_TRIES):
            try:
                self._deliver(read)
            except queue.Full:
                if stopping.wait(DELIVER_PAUSE_S):
                    break
            else:
                self._news.taken()
                return
        self.overflow += 1
        self._news.full()

    def _note_reading(self) -> None:
        reading = self._reader.reading
        if reading and self.state is ReaderState.READY:
            self._move(Happening.BEGUN)
        elif not reading and self.state is ReaderState.READING:
            self._move(Happening.ENDED)

    def _judge(self, event: ReaderEvent | None) -> None:
        """After each read: is it well, is it there, is it the one?"""
        now = self._mono()
        if isinstance(event, Noise):
            self._budget.bad(now, event.garbled)
            if event.garbled:
                self._unread.broken(now)
        elif event is not None:
            self._budget.good(now)
            self._unread.settled() if isinstance(event, NothingLost) else self._unread.read()
            self._news.good()
        if self._unread.due(now, reading=self._reader.reading):
            self._news.unread()
            self.signal(Feedback.RETRY)
        if not self._settled and now - self._opened_at >= STEADY_S:
            self._settled = True
            self._identify()  # by now udev knows the port, and the device has told what it tells
        elif self._reader.status().serial != self._own_serial:
            self._identify()
        if self._budget.spent(now, self._reader.reading):
            self._fail(
                "many garbled frames and no good read", "clean its window, check its cable, and its speed in edge.toml"
            )
        elif event is None and now - self._looked_at >= LOOK_S:
            self._looked_at = now
            self._unseen = self._unseen + 1 if self._reader.present() is False else 0
            if self._unseen > 1:  # twice: links are made anew in an instant, and the port still works
                self._lose("its port is gone", "check its cable and power; it is picked up again when it returns")

    def _identify(self) -> None:
        self._own_serial = own = self._reader.status().serial
        difference = self._differs(own)
        self.swapped = difference or ""
        self._news.compared(difference, own, self._mono() - self._opened_at)

    # -- losses and faults -------------------------------------------------------------------------

    def _lose(self, reason: str, advice: str) -> None:
        self._reader.close()
        now = self._mono()
        steady = now - self._opened_at >= STEADY_S
        if steady or self._reader.present() is False:
            self._backoff.reset()
            self._due = now + SETTLE_S
            self._move(Happening.LOST)
        else:
            self._to_back_off(Happening.FLAPPED)
        self._miss(reason, advice)

    def _to_back_off(self, why: Happening) -> None:
        self._due = self._mono() + self._backoff.next(self._jitter())
        self._move(why)

    def _miss(self, reason: str, advice: str) -> None:
        self._problem = (reason, advice)
        self._unread.settled()
        self._news.lost(self.state, reason, advice)

    def _fail(self, reason: str, advice: str) -> None:
        self._problem = (reason, advice)
        self._news.fault(reason, advice)
        self._move(Happening.FAULTED)

    def _move(self, happening: Happening) -> None:
        self.state = after(self.state, happening)


def told(error: DeviceError | BadSetting | OSError) -> tuple[str, str]:
    """Reason and advice of a fault; an untranslated OSError is the port's too, whatever the driver forgot."""
    if isinstance(error, DeviceError | BadSetting):
        return error.message, error.advice
    return f"the port failed: {error.strerror or type(error).__name__}", "check its cable and power"
