"""The thread that looks into the inbox: the only one of the daemon that takes papers.

Laws:
1. Visits are done in the order of their numbers, the sticks' before the link's.
2. It may die and be started again alone; no other thread waits for it, and the watchdog does not ask for it.
3. A folder that has an outcome, or no offer yet, is left alone; so is everything that is not named by a number, and a
   link to a folder.
4. An envelope that came over the link is written to the box's own inbox once it is worth a visit (``letterbox``); at
   most one lies there.
5. No folder holds another up: what could not be answered is tried again after a pause, and only a visit that needs the
   next process ends the looking.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.core.errors import BorderpostError
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Grade
from edge.core.provisioning.inbox import BoxFacts, Offer, StickOutcome
from edge.crew import BEAT_S, Stopping
from edge.enrol import visits
from edge.enrol.daemon import Daemon
from edge.enrol.engine import Engine
from edge.enrol.enrolment import Enrolment
from edge.enrol.facts import Teller
from edge.enrol.letterbox import Letterbox

LOOK_S: Final = 0.25     # between two looks at the inbox
TELL_LOOKS: Final = 20   # looks after which what is said of the box is compared with what holds
RETRY_LOOKS: Final = 40  # looks until a folder that could not be answered is tried again
MAX_WAITING: Final = 64  # folders that one look considers
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}\Z")

log = structlog.get_logger("enrol")


class Watcher:
    """``run`` is the thread's work; ``hand`` may be called from any thread."""

    def __init__(
        self, box: Enrolment, daemon: Daemon, state: Callable[[], str], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._box, self._daemon = box, daemon
        self._engine = Engine(box, daemon)
        self._teller = Teller(box.disk, box.places.facts, box.places.console, self._facts, state)
        self._letters = Letterbox(box, daemon.alarm, now)
        self._looks = 0
        self._later: dict[Path, int] = {}  # folder -> the look at which it is tried again

    def hand(self, data: bytes) -> None:
        """An envelope came over the link; an empty message withdraws it."""
        self._letters.hand(data)

    def run(self, pulse: Stopping) -> None:
        """Look until told to stop."""
        self._tell()
        while not pulse.is_set():
            self.look(pulse)
            if self._looks % TELL_LOOKS == 0:
                self._tell()
            if self._engine.ended:
                pulse.wait(BEAT_S)
            self._letters.woken.wait(LOOK_S)
            self._letters.woken.clear()

    def look(self, pulse: Stopping) -> None:
        """Take what waits now."""
        self._looks += 1
        self._later = {folder: look for folder, look in self._later.items() if look > self._looks}
        self._store_handed()
        for folder, kind in self._waiting():
            outcome = self._engine.visit(folder, kind, pulse)
            self._tell()
            if self._engine.ended or pulse.is_set():  # the next process goes on
                break
            if outcome is not None and kind == visits.LINK:
                self._settle(folder, outcome)
            if outcome is None or kind == visits.LINK:
                self._later[folder] = self._looks + RETRY_LOOKS

    def _waiting(self) -> Iterator[tuple[Path, str]]:
        if self._engine.ended:
            return
        for root, kind in ((self._box.places.inbox, visits.STICK), (self._box.places.own_inbox, visits.LINK)):
            try:
                with os.scandir(root) as found:
                    numbers = sorted(int(one.name) for one in found if _NUMBER.match(one.name)
                                     and one.is_dir(follow_symlinks=False))
            except OSError:
                continue  # not there: no stick's process on this box
            for number in numbers[:MAX_WAITING]:
                folder = root / str(number)
                if folder in self._later or os.path.lexists(folder / inbox.OUTCOME):
                    continue
                if os.path.lexists(folder / inbox.OFFER):
                    yield folder, kind

    def _store_handed(self) -> None:
        """Law 4."""
        data = None if self._engine.ended else self._letters.take()
        if data is None:
            return
        folder = self._box.places.own_inbox / "1"
        self._later.pop(folder, None)
        offer = msgspec.json.encode(Offer(number=1))
        try:
            self._box.disk.remove_tree(folder)
            self._box.disk.write_tree(folder, {inbox.ENVELOPE: data, inbox.OFFER: offer})
        except OSError as error:
            self._letters.settled(refused=True)
            log.error("envelope_not_kept", reason=error.strerror, advice="free space below the state folder")

    def _settle(self, folder: Path, outcome: StickOutcome) -> None:
        """Nobody copies this outcome anywhere: say it to headquarters, and drop it."""
        refused = [part for part in outcome.parts if part.grade is not Grade.OK]
        self._letters.settled(refused=bool(refused))
        for part in refused:
            log.warning("envelope_refused", code=str(part.code), reason=part.detail,
                        advice=f"borderpost-provision explain {part.code}")
            self._daemon.alarm("envelope_refused", reason=str(part.code))
        with contextlib.suppress(OSError):
            self._box.disk.remove_tree(folder)

    def _tell(self) -> None:
        self._box.follow(self._daemon.state)
        try:
            self._teller.tell()
        except BorderpostError as error:
            log.error("not_told", reason=error.message, advice=error.advice)

    def _facts(self) -> BoxFacts:
        return self._box.facts(self._daemon.generations(), self._daemon.software)

