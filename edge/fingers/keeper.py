"""Keeps a fingerprint scanner alive between the fingers: waits until it is plugged in, opens, backs off.

The states are the table of ``edge.lifecycle``, as for readers; what is said of it, and when, is ``edge.reader_news``.
A finger that is being taken is its READING.

Laws:
1. Each turn waits once, at most a second: a stop, an order and a plug are noticed within it.
2. A device's fault is survived: the scanner backs off, and every passage goes on without it. A bug of a driver
   escapes (ARCHITECTURE law 6: the station's thread restarts alone).
3. A scanner that is not the one that was set up goes on, and a person is told.
4. A scanner that fails while it is plugged in is closed and opened anew; from ``FAULTS`` times in a row on, without an
   image between, it backs off first. It is opened for the next finger whatever happens, and what is wrong is told
   until an image comes; headquarters hears of it by the rules of ``edge.lifecycle`` (law 5).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from drivers.api import BadSetting, DeviceError, DeviceGone, Tier
from drivers.fingers import FingerCapture, FingerprintScanner, ScanEvent
from edge.bell import Waiting
from edge.fingers.source import ScannerSource
from edge.lifecycle import BACKOFF_MIN_S, STEADY_S, Backoff, Happening, ReaderState, after
from edge.reader_news import ReaderNews

LOOK_S = 1.0   # between two looks whether something is plugged in
SETTLE_S = 0.2  # after a loss, before the first of them
FAULTS = 3

Answer = TypeVar("Answer")


class ScannerKeeper:
    """Owns one scanner; used by one thread but for ``health``, ``ready``, ``capturing``, ``cancel`` and ``stop``.

    ``announce`` (name, state) is for the screen, ``alarm`` (code, name) for headquarters; ``differs`` is given the
    serial number that the device told and says how it differs from the one that was set up, "" if it does not, None if
    nobody can tell; ``jitter`` gives 0..1, ``mono`` seconds; ``bell`` ends a wait.
    """

    def __init__(
        self, scanner: FingerprintScanner, *, announce: Callable[[str, str], None], alarm: Callable[[str, str], None],
        differs: Callable[[str], str | None], jitter: Callable[[], float], mono: Callable[[], float], bell: Waiting,
    ) -> None:
        self.scanner, self.name = scanner, scanner.name
        self._source = ScannerSource(scanner)
        self._differs, self._jitter, self._mono, self._bell = differs, jitter, mono, bell
        self._news = ReaderNews(scanner.name, announce=announce, alarm=alarm, mono=mono)
        self.state = ReaderState.ABSENT
        self.opens = 0
        self.swapped = ""
        self._problem = self._fault = ("", "")  # why it is not open; what it did since the last image
        self._backoff = Backoff()
        self._due = self._tried_at = self._opened_at = mono()
        self._unseen = self._faults = 0
        self._compared = self._stopped = False

    @property
    def ready(self) -> bool:
        """True while a finger can be taken; from any thread."""
        return self.state is ReaderState.READY

    def tend(self) -> None:
        """One turn while nobody wants a finger (law 1)."""
        match self.state:
            case ReaderState.ABSENT:
                self._await_plug()
            case ReaderState.OPENING:
                self._open()
            case ReaderState.READY:
                self._watch()
            case ReaderState.FAULT:
                self._renew()
            case _:
                self._back_off()
        self._news.tick()

    def capture(self, timeout_s: float) -> ScanEvent:
        """As ``FingerprintScanner.capture``. Raises DeviceError after it has seen to the scanner."""
        event = self._guarded(lambda: self._source.capture(timeout_s))
        if isinstance(event, FingerCapture):
            self._faults, self._fault, self._problem = 0, ("", ""), ("", "")
            self._backoff.reset()
            self._news.good()
        return event

    def await_off(self, timeout_s: float) -> bool:
        """As ``FingerprintScanner.await_off``. Raises DeviceError after it has seen to the scanner."""
        return self._guarded(lambda: self._source.await_off(timeout_s))

    def cancel(self) -> None:
        """End what the scanner waits for; from any thread."""
        self._source.cancel()

    @property
    def capturing(self) -> bool:
        """True while an image is read; from any thread."""
        return self._source.capturing

    def stop(self) -> None:
        """The box stops: end every wait, also of an opening, which is no loss then; from any thread."""
        self._stopped = True
        self._source.cancel()
        self._bell.ring()

    def close(self) -> None:
        """Let the port go."""
        self.scanner.close()

    def health(self) -> dict[str, Any]:
        """State and counters, for `status`; JSON values."""
        status = asdict(self.scanner.status())
        reason, advice = self._problem
        return {
            **status, "tier": str(status["tier"]), "step": str(status["state"]), "state": str(self.state),
            "opens": self.opens, "losses": self._news.losses, "swapped": self.swapped, "problem": reason,
            "advice": advice, "proven": status["tier"] != Tier.VIRTUAL,
        }

    # -- the states --------------------------------------------------------------------------------

    def _await_plug(self) -> None:
        left = self._due - self._mono()
        if left > 0:
            self._bell.wait(min(left, LOOK_S))
        if self.scanner.present() is False:
            self._due = self._mono() + LOOK_S
            self._backoff.reset()
            self._miss("nothing is plugged in at its port", "plug the scanner in; `borderpost devices` shows what is")
            self._move(Happening.NOT_SEEN)
        else:
            self._move(Happening.SEEN)

    def _open(self) -> None:
        self._tried_at = self._mono()
        try:
            self.scanner.open()
        except (DeviceError, BadSetting, OSError) as error:
            self._to_back_off(Happening.REFUSED)
            self._miss(*told(error))
            return
        self.opens += 1
        self._opened_at = self._mono()
        self._unseen = 0
        self._compared = False
        self._problem = self._fault  # law 4
        self._move(Happening.OPENED)
        self._news.opened(self.state)
        self._compare()

    def _watch(self) -> None:
        if self._bell.wait(LOOK_S):
            return  # an order, or a plug: it is looked at next time
        if not self._compared and self._mono() - self._opened_at >= STEADY_S:
            self._compared = True
            self._compare()  # by now udev knows the port
        self._unseen = self._unseen + 1 if self.scanner.present() is False else 0
        if self._unseen > 1:  # twice: links are made anew in an instant, and the port still works
            self._lose("its port is gone", "check its cable; it is picked up again when it returns")

    def _back_off(self) -> None:
        woken = self._bell.wait(min(self._due - self._mono(), LOOK_S))
        now = self._mono()
        if woken:
            self._due = min(self._due, self._tried_at + BACKOFF_MIN_S)
        if self.scanner.present() is False:
            self._backoff.reset()
            self._due = now + LOOK_S
            self._move(Happening.NOT_SEEN)
        else:
            self._move(Happening.WAITED if now >= self._due else Happening.SEEN)

    def _guarded(self, ask: Callable[[], Answer]) -> Answer:
        self._move(Happening.BEGUN)
        try:
            answer = ask()
        except (DeviceError, OSError) as error:
            self._move(Happening.ENDED)
            reason, advice = told(error)
            if isinstance(error, DeviceGone | OSError) or self.scanner.present() is False:
                self._lose(reason, advice)
            else:
                self._fail(reason, advice)
            if isinstance(error, DeviceError):
                raise
            raise DeviceError(reason, advice=advice) from error
        self._move(Happening.ENDED)
        return answer

    def _compare(self) -> None:
        own = self.scanner.status().serial
        difference = self._differs(own)
        self.swapped = difference or ""
        self._news.compared(difference, own, self._mono() - self._opened_at)

    def _fail(self, reason: str, advice: str) -> None:
        self._faults += 1
        self._fault = self._problem = (reason, advice)
        self._news.fault(reason, advice)
        self._move(Happening.FAULTED)

    def _renew(self) -> None:
        """Law 4."""
        self.scanner.close()
        self._news.cycled()
        if self._faults < FAULTS:
            self._move(Happening.CYCLED)
        else:
            self._to_back_off(Happening.SPARED)
            self._miss(*self._problem)

    def _lose(self, reason: str, advice: str) -> None:
        self.scanner.close()
        now = self._mono()
        if now - self._opened_at >= STEADY_S or self.scanner.present() is False:
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
        if not self._stopped:
            self._news.lost(self.state, reason, advice)

    def _move(self, happening: Happening) -> None:
        self.state = after(self.state, happening)


def told(error: DeviceError | BadSetting | OSError) -> tuple[str, str]:
    """Reason and advice of a fault; an untranslated OSError is the port's too."""
    if isinstance(error, DeviceError | BadSetting):
        return error.message, error.advice
    return f"the port failed: {error.strerror or type(error).__name__}", "check its cable"
