"""Enrolment aboard a running box: the watcher, what the uplink asks and brings, one more paragraph of the status."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog

from edge.core.errors import BorderpostError
from edge.core.provisioning.inbox import ListLine
from edge.crew import OnDeath, Pulse
from edge.enrol.daemon import Daemon
from edge.enrol.enrolment import Enrolment
from edge.enrol.watcher import Watcher
from edge.software.news import tell_returned
from edge.state import State
from edge.uplink.papers import Papers

Hire = Callable[[str, Callable[[Pulse], None], OnDeath], None]

log = structlog.get_logger("enrol")


class Aboard:
    """``enrolment`` may be None: then nothing of this happens."""

    def __init__(self, enrolment: Enrolment | None, daemon: Daemon, line: Callable[[], str]) -> None:
        self._enrolment, self._daemon = enrolment, daemon
        self._watcher = Watcher(enrolment, daemon, line) if enrolment else None

    @property
    def papers(self) -> Papers | None:
        """For the uplink: a box whose configuration was made by hand asks for nothing and takes nothing."""
        if self._watcher is None or self._enrolment is None or self._enrolment.by_hand is not None:
            return None
        return Papers(request=self._request, envelope=self._watcher.hand)

    def start(self, hire: Hire) -> None:
        """The box is up: commit what was being tried, then look into the inbox. Raises BorderpostError (self-test)."""
        tell_returned(self._daemon.state, self._daemon.alarm)
        if self._enrolment is None or self._watcher is None:
            return
        self._enrolment.up(self._daemon)
        hire("inbox", self._watcher.run, OnDeath.RESTART)

    def status(self) -> Mapping[str, Any]:
        """One more key of `borderpost status --json`; nothing where there is no enrolment."""
        if self._enrolment is None:
            return {}
        try:
            return {"enrolment": self._enrolment.status()}
        except BorderpostError as error:
            return {"enrolment": {"problem": error.message}}

    def _request(self) -> bytes | None:
        assert self._enrolment is not None
        now = self._daemon.clock.now().time
        if now is None:  # over the link the time is known soon
            return None
        return self._enrolment.renewal(now, self._daemon.wall(), self._daemon.software)


def state_of(path: Path, enrolment: Enrolment | None) -> State:
    """The state file, with the marks that outlived the one before it. Raises StateError."""
    state = State(path)
    if enrolment is not None:
        enrolment.recall(state)
    return state


def list_lines(status: Mapping[str, Any]) -> Sequence[ListLine]:
    """The lists of a status snapshot as an outcome tells them."""
    return tuple(
        ListLine(list=one["list"], generation=one["generation"] or 0, age_seconds=one["age_seconds"],
                 state=str(one["state"]))
        for one in (*status["lists"], *status["galleries"])
    )
