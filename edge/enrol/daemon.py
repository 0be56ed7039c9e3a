"""What enrolment needs of the daemon that runs around it, provisioned or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from edge.clock import Source, TrustedClock
from edge.config import Config
from edge.core.errors import BorderpostError
from edge.core.provisioning.inbox import ListLine
from edge.crew import Stopping
from edge.journal import Journal
from edge.state import State
from edge.update_report import Report

log = structlog.get_logger("enrol")


@dataclass(frozen=True, slots=True)
class Daemon:
    """``config`` is None on a box without one. ``take_lists`` looks into a copy of the repository of lists, in a
    process of its own; None where lists cannot be taken. ``end`` has this process end in order: systemd starts the
    next one. ``lists`` are for an outcome, ``generations`` (list id -> generation) for whoever asks often.
    ``judge`` says what is wrong with the readers of a configuration, one line each."""

    journal: Journal
    clock: TrustedClock
    state: State
    config: Config | None
    wall: Callable[[], datetime]
    token: Callable[[], str]
    software: str
    end: Callable[[], None]
    alarm: Callable[..., None] = lambda _code, **_detail: None
    lists: Callable[[], Sequence[ListLine]] = lambda: ()
    generations: Callable[[], Mapping[str, int]] = dict
    take_lists: Callable[[Path, Stopping], Report | None] | None = None
    judge: Callable[[Config], list[str]] | None = None

    def note(self, kind: str, facts: Mapping[str, str | int]) -> None:
        """See ``note``."""
        note(self.journal, kind, facts)

    def hear(self, time: datetime, source: Source, *, lower: bool = False) -> str:
        """What became of a signed word: ``accepted``, ``stale`` or ``too_far``."""
        return str(self.clock.signed_word(time, source, lower=lower))


def note(journal: Journal, kind: str, facts: Mapping[str, str | int]) -> None:
    """A row of the audit chain; a disk that refuses it is logged, and the journal tries again by itself."""
    future = journal.note(kind, facts)
    try:
        future.result(NOTE_S)
    except (BorderpostError, TimeoutError) as error:
        log.error("not_noted", reason=type(error).__name__, code=kind, advice="see `borderpost doctor`, journal")


NOTE_S = 5.0  # longest wait for a row of the audit chain
