"""A box without a configuration: it shows its code and waits for a stick. No reader, no list, no link.

Laws:
1. The journal runs for its audit chain: what happened before the box was enrolled stands in it too.
2. The box is ready, and says so to systemd: waiting for a stick is no fault, and the watchdog is fed as ever.
3. It ends in order when an envelope lies ready; the next process runs with it.
"""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import structlog
from cryptography.x509.oid import NameOID

from edge import systemd
from edge.clock import TrustedClock
from edge.config import Config
from edge.core import sealing
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.wire import BODY_TYPE
from edge.crew import Crew, OnDeath, Pulse
from edge.enrol.daemon import Daemon
from edge.enrol.enrolment import Enrolment
from edge.enrol.watcher import Watcher
from edge.errors import EXIT_CREW
from edge.journal import Journal, JournalLimits, Signer
from edge.keys import box_key
from edge.state import State

ALIVE_S: Final = 5.0  # between two signs of life
HUNG_S: Final = 15.0
LOOK_S: Final = 1.0

log = structlog.get_logger("unprovisioned")


def run(enrolment: Enrolment, judge: Callable[[Config], list[str]], environ: Mapping[str, str] = os.environ) -> int:
    """Wait for a stick until told to stop, or until there is a configuration; the exit code."""
    if enrolment.trust is None:
        raise ProvisioningError(Code.NO_NATIONAL_PACKAGE, str(enrolment.places.national))
    box = _Blank(enrolment, judge, environ)
    try:
        return box.run()
    finally:
        box.close()


class _Blank:
    def __init__(
        self, enrolment: Enrolment, judge: Callable[[Config], list[str]], environ: Mapping[str, str]
    ) -> None:
        assert enrolment.trust is not None
        state_dir = enrolment.places.state
        self._crew = Crew(time.monotonic)
        self._notifier = systemd.Notifier(environ)
        self._state = State(state_dir / "state.sqlite")
        enrolment.recall(self._state)
        clock = TrustedClock(wall=_wall, mono=time.monotonic, state=self._state, boot=enrolment.boot)
        device = _device(enrolment)
        self._journal = Journal(
            state_dir / "journal.sqlite", device=device, blank=device == enrolment.identity.serial,
            sealer=sealing.make_sealer(enrolment.trust.recipients, type=BODY_TYPE),
            box_key=box_key(state_dir / "box.key"), token=_token, wall=_wall, mono=time.monotonic,
            limits=JournalLimits(), boot=enrolment.boot,
            signer=Signer(enrolment.identity.device_key_digest, enrolment.identity.sign),
        )
        self._journal.start()
        enrolment.join(self._journal)
        self._daemon = Daemon(
            journal=self._journal, clock=clock, state=self._state, config=None, wall=_wall, token=_token,
            software=version("borderpost"), end=self._crew.ask_to_stop, judge=judge,
        )
        self._enrolment = enrolment

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._crew.ask_to_stop())
        self._enrolment.up(self._daemon)
        watcher = Watcher(self._enrolment, self._daemon, self._line)
        self._crew.hire("inbox", watcher.run, OnDeath.RESTART)
        self._crew.hire("journal-watch", self._watch_journal)
        self._notifier.ready(self._line())
        log.info("unprovisioned", device=self._enrolment.identity.serial, version=version("borderpost"))
        while not self._crew.dead and not self._crew.stopping.is_set():
            self._crew.wait(ALIVE_S)
            if not self._crew.silent(HUNG_S):
                self._notifier.alive(self._line())
        return EXIT_CREW if self._crew.dead else 0

    def close(self) -> None:
        self._notifier.stopping()
        self._crew.stop()
        self._crew.join()
        self._journal.close()
        self._state.close()

    def _line(self) -> str:
        if self._enrolment.damage:
            return "the configuration cannot be read: waiting for a stick"
        return "not enrolled: waiting for a stick"

    def _watch_journal(self, pulse: Pulse) -> None:
        while not pulse.wait(LOOK_S):
            if not self._journal.alive:
                raise RuntimeError("the journal's thread ended") from self._journal.failure


def _device(enrolment: Enrolment) -> str:
    """Under which id the journal is written: a box whose configuration cannot be read keeps its certificate's."""
    certificate = enrolment.certificate()
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) if certificate else []
    return str(names[0].value) if names else enrolment.identity.serial


def _token() -> str:
    return secrets.token_urlsafe(12)


def _wall() -> datetime:
    return datetime.now(UTC)
