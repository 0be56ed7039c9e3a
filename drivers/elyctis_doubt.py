"""When an ELYCTIS reader is asked for a document that may have been lost on the way.

Laws:
1. Whatever was lost, be it one byte, may have been a document: a frame has no checksum, and a flipped byte makes its
   head or its text something else. The device believes that it has sent it, and does not send it again by itself.
2. It is asked for once the line is quiet, or ``reply_s`` after the loss where it never is. On an empty glass that does
   no harm. If what lies there is the document that came last, at most KNOWN_S ago, it is not given a second time:
   noise at a reader must not make a traveller pass twice. The answer may cross the document itself on the line, and
   several questions may be answered late and one after another, so that is so of whatever comes within ANSWER_S of the
   last question, unless the device says that none lies there. The look with which a session begins is such a question:
   a device that an earlier session armed sends a document while it is greeted, and answers with it too; the echo of the
   order to read ends that. (Lifted, laid down again and then broken, the same document looks alike: it has been
   screened, and has to be laid down once more: ``drivers.reader``, law 5.)
3. Under noise it is not asked for ever: after the first asking the next may follow in ``reply_s``, and each later pause
   is twice the last, up to LONGEST_PAUSE_S. All begins anew when a document has come whole and unasked, or when no
   asking was due for twice that time.
4. A whole document, or the device's word that none lies there, settles it.
"""

from __future__ import annotations

from math import inf

ANSWER_S = 2.0  # so long after a question whatever comes may be the answer
KNOWN_S = 60.0  # so long a document that is asked for is known as the one that came last
LONGEST_PAUSE_S = 30.0  # between two askings: as often as an idle reader is given its order to read anew


class Doubt:
    """Was a document lost, and when to ask? Times are monotonic seconds."""

    def __init__(self, quiet_s: float, reply_s: float) -> None:
        self._quiet_s, self._reply_s = quiet_s, reply_s
        self._lost_at: float | None = None  # the first loss that nothing has settled yet
        self._quiet_at = 0.0
        self._question_at = -inf  # the last asking
        self._looked_at = -inf  # the look with which a session begins, until it is answered
        self._asked_at, self._pause_s = -inf, 0.0  # the same, for the pause to the next: -inf when all begins anew
        self._last: tuple[str, ...] = ()
        self._last_at = -inf

    @property
    def due(self) -> float | None:
        """When to ask; None while nothing is in doubt."""
        if self._lost_at is None:
            return None
        return max(min(self._quiet_at, self._lost_at + self._reply_s), self._asked_at + self._pause_s)

    def lost(self, now: float, *, quiet: bool) -> None:
        """Bytes were lost; ``quiet``: it is silence that told so."""
        self._quiet_at = now if quiet else now + self._quiet_s
        if self._lost_at is None:
            self._lost_at = now

    def asked(self, now: float) -> None:
        """The device is asked now."""
        anew = now - self._asked_at > 2 * LONGEST_PAUSE_S
        self._pause_s = self._reply_s if anew else min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._lost_at = None
        self._asked_at = self._question_at = now

    def looked(self, now: float) -> None:
        """The device is asked what lies there as the session begins: it may have sent it by itself just before, being
        armed since an earlier session (law 2)."""
        self._looked_at = now

    def armed(self) -> None:
        """The device echoes the order to read: it answers in order, so that look is answered."""
        self._looked_at = -inf

    def known(self, rows: tuple[str, ...], now: float, *, unasked: bool) -> bool:
        """A document came whole (``unasked``: by itself); True if it is the one that came last, and not to be given."""
        asked = now - max(self._question_at, self._looked_at) <= ANSWER_S
        known = asked and rows == self._last and now - self._last_at <= KNOWN_S
        self._lost_at, self._last, self._last_at = None, rows, now
        if unasked:
            self._asked_at = -inf
        return known

    def none_lies_there(self) -> None:
        """The device says so."""
        self._lost_at, self._last = None, ()
