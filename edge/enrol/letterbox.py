"""Envelopes that came over the link, until one of them is worth a visit.

Laws:
1. Whoever holds the broker may send anything, as often as it likes: what no command key signed, whole, for this box and
   with a number above its own, is written nowhere. It is told once an hour and code.
2. What was applied, or tried and taken back, is known by its digest: the broker keeps it and brings it again.
3. After a refusal the next envelope waits ``PAUSE_S``; the refused one itself ``AGAIN_S``, since a disk may have been
   full or a time may not have come. At most one waits, the newest.
4. What was refused, or did not reach the disk, waits for that without the broker bringing it again, until something
   newer comes, it is withdrawn, or it is noise by now: a stick brought a higher number, or its key is obeyed no more.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.envelope import check_content, read_header
from edge.core.provisioning.papers import EnvelopeHeader
from edge.core.wire import MAX_CARRIED
from edge.enrol import kept
from edge.enrol.enrolment import Enrolment

NOISE_S: Final = 3600.0  # between two words about the same kind of noise
PAUSE_S: Final = 60.0    # after a refusal
AGAIN_S: Final = 3600.0  # before what was refused is tried again
MAX_REFUSED: Final = 16  # digests that are remembered

log = structlog.get_logger("enrol")


class Letterbox:
    """``hand`` may be called from any thread, everything else from the watcher's. ``now``: monotonic seconds;
    ``alarm(code, reason=…)`` tells headquarters."""

    def __init__(self, box: Enrolment, alarm: Callable[..., None], now: Callable[[], float]) -> None:
        self._box, self._alarm, self._now = box, alarm, now
        self._handed: deque[bytes] = deque(maxlen=1)
        self.woken = threading.Event()
        self._waiting: tuple[bytes, str] | None = None  # law 3, and its digest
        self._out: tuple[bytes, str] | None = None  # what was given out last, until it is settled
        self._quiet_until = float("-inf")
        self._refused: dict[str, float] = {}  # digest -> when it may come again
        self._noise: dict[Code, tuple[float, int]] = {}  # when it was told last, how many since

    def hand(self, data: bytes) -> None:
        """An envelope came over the link; an empty message withdraws it."""
        if len(data) <= MAX_CARRIED:
            self._handed.append(bytes(data))
            self.woken.set()

    def take(self) -> bytes | None:
        """An envelope that is worth a visit now."""
        self._judge_handed()
        if self._waiting is None:
            return None
        data, digest = self._waiting
        if self._now() < max(self._quiet_until, self._refused.get(digest, self._quiet_until)):
            return None
        self._waiting = None
        if not self._is_worth_it(data):  # it may have waited long (law 4)
            return None
        self._out = (data, digest)
        return data

    def settled(self, *, refused: bool) -> None:
        """The visit of what was taken last is over, or it could not be kept for one."""
        out, self._out = self._out, None
        if not refused:
            return
        self._quiet_until = self._now() + PAUSE_S
        if out is not None:
            self._refused.pop(out[1], None)
            self._refused[out[1]] = self._now() + AGAIN_S
            if len(self._refused) > MAX_REFUSED:
                del self._refused[next(iter(self._refused))]
            self._waiting = self._waiting or out

    def _judge_handed(self) -> None:
        try:
            data = self._handed.pop()
        except IndexError:
            return
        if not data:
            self._waiting = self._out = None
            return
        try:
            header = self._header(data)
        except ProvisioningError as error:
            self._tell(error)
            return
        if header is not None:
            self._waiting = (data, header.sha256)

    def _is_worth_it(self, data: bytes) -> bool:
        try:
            return self._header(data) is not None
        except ProvisioningError:
            return False

    def _header(self, data: bytes) -> EnvelopeHeader | None:
        """Laws 1 and 2; None for what is known. Raises ProvisioningError for noise."""
        box = self._box
        if box.trust is None:
            return None
        header = read_header(data, box.trust.command)
        check_content(data, header)
        if header.serial != box.identity.serial:
            raise ProvisioningError(Code.OTHER_BOX, f"for {header.serial}")
        if box.fault:
            return header  # what is kept cannot be read: a visit says so
        try:
            before = kept.load(box.places)
        except ProvisioningError:
            return header  # the same
        if header.sha256 in (before.envelope, before.failed):
            return None
        if header.sequence <= box.sequence:
            raise ProvisioningError(Code.OLD_NUMBER, f"number {header.sequence}, the box has {box.sequence}")
        return header

    def _tell(self, error: ProvisioningError) -> None:
        told, count = self._noise.get(error.code, (float("-inf"), 0))
        if self._now() - told < NOISE_S:
            self._noise[error.code] = (told, count + 1)
            return
        self._noise[error.code] = (self._now(), 0)
        log.warning("envelope_refused", code=str(error.code), reason=error.detail, count=count + 1,
                    advice=f"borderpost-provision explain {error.code}")
        self._alarm("envelope_refused", reason=str(error.code))
