"""What the roots and headquarters tell a box beside its envelopes: what time it is, and whom to obey.

Laws:
1. The root has numbers of its own: whatever a stolen command key said, the root's next word is taken.
2. A command key's number of a word of time lies at most ``MAX_STEP`` above the word's own seconds since 1970, and the
   word's time has a ceiling: so no word can use the numbers up.
3. A root's word that lowers the clock lets a command key's number fall to its seconds. A package that ends a command
   key lets the numbers of its words of time and revocations begin anew: what that key signed opens no more.
4. A box's sequence needs no such way: it rises by ``MAX_STEP`` an envelope at most, and headquarters goes on above it.
"""

from __future__ import annotations

import msgspec

from edge.clock import Source, Word
from edge.core.provisioning.codes import Code, Grade, ProvisioningError
from edge.core.provisioning.inbox import Part
from edge.core.provisioning.papers import MAX_STEP, TimeWord
from edge.core.provisioning.signing import open_paper
from edge.enrol import kept
from edge.enrol import trust as trusting
from edge.enrol.daemon import Daemon
from edge.enrol.enrolment import Enrolment
from edge.enrol.kept import Kept
from edge.enrol.trust import Trust


def take_time(box: Enrolment, daemon: Daemon, trust: Trust, data: bytes) -> list[Part]:
    """A word of time. Raises ProvisioningError where it is refused; then nothing has changed."""
    try:
        word, by_root = open_paper(data, TimeWord, trust.root, trust.package.root_threshold), True
    except ProvisioningError:
        word, by_root = open_paper(data, TimeWord, trust.command), False
    before = kept.load(box.places)
    last = before.time_root if by_root else before.time_number
    if word.country != trust.package.country:
        raise ProvisioningError(Code.OTHER_COUNTRY, f"for {word.country}")
    if word.number < last:
        raise ProvisioningError(Code.OLD_NUMBER, f"number {word.number}, the box has {last}")
    if word.number == last:
        return [Part(part="time", code=Code.UP_TO_DATE, grade=Grade.OK)]
    if not by_root and word.number > _seconds(word) + MAX_STEP:
        raise ProvisioningError(Code.NUMBER_LEAP, f"number {word.number} of {word.time:%Y-%m-%d}")
    source = Source.TIME_ROOT if by_root else Source.TIME_COMMAND
    heard = daemon.hear(word.time, source, lower=word.lower and by_root)
    if heard == Word.TOO_FAR:
        raise ProvisioningError(Code.TIME_LEAP, f"{word.time:%Y-%m-%d}")
    if heard == Word.STALE:
        raise ProvisioningError(Code.TIME_BEHIND, f"{word.time:%Y-%m-%d %H:%M}, the box has {_told(daemon)}")
    kept.save(box.disk, box.places, _after(before, word, by_root=by_root))
    daemon.note("time", {"number": word.number, "root": by_root, "heard": heard})
    return [Part(part="time", code=Code.TIME_TAKEN, grade=Grade.OK, detail=f"{word.time:%Y-%m-%d %H:%M}")]


def take_package(box: Enrolment, daemon: Daemon, trust: Trust, data: bytes) -> list[Part]:
    """A national package that came as a paper of its own: the root needs no command key to be heard.

    Raises ProvisioningError unless the root of the present package signed it.
    """
    package = trusting.judge(data, trust)
    if package.number == trust.package.number:
        return []  # a stick that goes round brings it to boxes that have it
    trusting.take(box.disk, box.places, data, trust)
    box.trust = trusting.load(box.places)
    daemon.note("national", {"number": package.number, "previous": trust.package.number})
    return [Part(part="national", code=Code.PACKAGE_TAKEN, grade=Grade.OK, detail=f"number {package.number}")]


def _after(before: Kept, word: TimeWord, *, by_root: bool) -> Kept:
    if not by_root:
        return msgspec.structs.replace(before, time_number=word.number)
    number = min(before.time_number, _seconds(word)) if word.lower else before.time_number
    return msgspec.structs.replace(before, time_root=word.number, time_number=number)


def _told(daemon: Daemon) -> str:
    at = daemon.clock.now().time or daemon.clock.bounds()[0]
    return f"{at:%Y-%m-%d %H:%M}" if at else "none"


def _seconds(word: TimeWord) -> int:
    return max(0, int(word.time.timestamp()))
