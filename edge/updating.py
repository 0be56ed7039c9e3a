"""The thread that keeps the lists fresh: when to look, what woke it, and the process that does the work.

Laws:
1. Nothing of an update runs in the daemon: each is a process of its own (``python -m edge.updates``) at the lowest
   priority, that may be killed at any moment. Screening never waits for it.
2. Looked at are, in this order: a parcel that came as a message, the folder if it is there, the address. Every
   ``every_s`` seconds, a tenth more or less, so that boxes do not come all at once; and when headquarters' beacon names
   a newer version than the box has, after at most ``SPREAD_S`` seconds, but not oftener than every ``GAP_S``.
3. A source that cannot be reached is tried again after a growing, jittered pause.
4. What headquarters' messages hold is a hint, or is verified like a stick; only the newest parcel is kept, at most
   ``MAX_PARCEL`` bytes.
5. What a source was refused for is logged and alarmed once, until it is something else or gone. A parcel that is
   older than what the box has is nothing to tell: brokers keep it for whoever comes back.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import structlog

from edge.config import Config
from edge.core.distribution.beacon import version_of
from edge.core.distribution.parcel import MAX_PACKED as MAX_PARCEL
from edge.core.trusted import Trusted
from edge.core.wire import Topic
from edge.crew import BEAT_S, Pulse, Stopping
from edge.update_report import ALARMING, FOLDER, PARCEL, TRANSIENT, Report, Task, holds_update, last

SPREAD_S: Final = 2.0    # at most between a beacon and the look that follows
GAP_S: Final = 5.0       # at least between two looks that messages ask for
FIRST_S: Final = 5.0     # after the start, at most
KILL_S: Final = 5.0      # for a process that was told to end
LOOK_S: Final = 0.1      # between two looks at a process
MAX_OUTPUT: Final = 1 << 20  # bytes of a report

Alarm = Callable[..., None]

log = structlog.get_logger("updates")


def task_of(config: Config, source: str, now: Trusted, *, is_parcel: bool = False) -> Task:
    """One update as the configuration wants it; ``now`` is the box's trusted time."""
    updates = config.updates
    return Task(
        state_dir=config.box.state_dir, lists_dir=config.box.lists_dir, root=updates.root, source=source,
        is_parcel=is_parcel, lists=updates.lists, ca=updates.ca, cert=updates.cert, key=updates.key,
        connect_s=updates.connect_s, read_s=updates.read_s, clock=str(now.state), time=now.time, expiry=now.expiry,
    )


class Updater:
    """``run`` is a thread's work; ``beacon`` and ``parcel`` may be called from any thread."""

    def __init__(
        self, config: Config, *, now: Callable[[], Trusted], mono: Callable[[], float], jitter: Callable[[], float],
        alarm: Alarm, signed_time: Callable[[datetime], None],
    ) -> None:
        self._config, self._rules = config, config.updates
        self._now, self._mono, self._jitter = now, mono, jitter
        self._alarm, self._signed_time = alarm, signed_time
        self._folder = Path(config.box.state_dir) / FOLDER
        before = last(Path(config.box.state_dir))
        self._version = before.version if before else 0  # of the timestamp that the box has seen
        self._lock = threading.Lock()
        self._woken = threading.Event()
        self._heard = 0                    # version that a beacon named
        self._parcel: bytes | None = None  # that came and was not looked into
        self._done: bytes | None = None    # that was looked into last: a retained message comes again
        self._told: dict[str, set[tuple[str, str]]] = {}  # source -> (list id, code) that it was refused for last
        self.report: Report | None = before

    # -- for the uplink's thread -------------------------------------------------------------------------------------

    def news(self, topic: Topic, payload: bytes) -> None:
        """A message on one of the two topics of lists."""
        if topic is Topic.BEACON:
            self.beacon(payload)
        elif topic is Topic.PARCEL:
            self.parcel(payload)

    def beacon(self, payload: bytes) -> None:
        """Headquarters says which version is the newest."""
        version = version_of(payload)
        if version is not None and version > max(self._version, self._heard):
            self._heard = version
            self._woken.set()

    def parcel(self, payload: bytes) -> None:
        """Headquarters sent a small update by itself."""
        if not payload or len(payload) > MAX_PARCEL:  # an empty one: headquarters withdrew it
            return
        with self._lock:
            if payload in (self._parcel, self._done):
                return
            self._parcel = payload
        self._woken.set()

    # -- the thread --------------------------------------------------------------------------------------------------

    def run(self, pulse: Pulse) -> None:
        """Look until told to stop."""
        pause = self._rules.backoff_min_s
        due = self._mono() + FIRST_S * self._jitter()
        gap = 0.0  # no look that a message asks for before
        while not pulse.is_set():
            if self._woken.is_set() and self._mono() >= gap:
                self._woken.clear()
                gap = self._mono() + GAP_S
                if self._take_parcel(pulse) and self._heard <= self._version:
                    continue
                due = min(due, self._mono() + SPREAD_S * self._jitter())
            if self._mono() >= due:
                reached = self._look(pulse)
                pause = self._rules.backoff_min_s if reached else min(pause * 2, self._rules.every_s)
                wait = self._rules.every_s * (0.9 + 0.2 * self._jitter()) if reached else pause * (0.5 + self._jitter())
                due = self._mono() + wait
            until = max(gap, self._mono() + LOOK_S) if self._woken.is_set() else due
            pulse.wait(LOOK_S) if self._woken.is_set() else self._woken.wait(
                min(BEAT_S, max(0.0, until - self._mono()))
            )

    def _take_parcel(self, pulse: Pulse) -> bool:
        """Look into what came as a message; True if there was something."""
        with self._lock:
            data, self._parcel = self._parcel, None
            self._done = data or self._done
        if data is None:
            return False
        place = self._folder / PARCEL
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            place.write_bytes(data)
        except OSError as error:
            log.warning("update_not_kept", reason=error.strerror, advice="free space below the state folder")
            return False
        if not self._one(task_of(self._config, str(place), self._now(), is_parcel=True), pulse):
            self._done = None  # it may come again
        with contextlib.suppress(OSError):
            place.unlink()
        return True

    def _look(self, pulse: Pulse) -> bool:
        """Ask every source; True unless one should be tried again soon."""
        reached = True
        if self._rules.folder and holds_update(Path(self._rules.folder)):
            reached &= self._one(task_of(self._config, self._rules.folder, self._now()), pulse)
        if self._rules.url and not pulse.is_set():
            reached &= self._one(task_of(self._config, self._rules.url, self._now()), pulse)
        return reached

    def by_stick(self, folder: Path, pulse: Stopping) -> Report | None:
        """Look into a stick's copy now, on the caller's thread; None if it was stopped or gave no report."""
        task = task_of(self._config, str(folder), self._now())
        report = self._worked(task, pulse)
        if report is not None:
            self._take_in(report, task)
        return report

    def _one(self, task: Task, pulse: Pulse) -> bool:
        report = self._worked(task, pulse)
        if report is None:
            return False
        self._take_in(report, task)
        return not any(refusal.code in TRANSIENT for _, refusal in report.problems)

    def _take_in(self, report: Report, task: Task) -> None:
        self._version = max(self._version, report.version)
        self.report = report
        if report.issued is not None:
            self._signed_time(report.issued)
        self._tell(report, task)

    def _worked(self, task: Task, pulse: Stopping) -> Report | None:
        """Run one process to its end; None if it was stopped or gave no report."""
        try:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge.updates"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            log.warning("update_failed", reason=error.strerror, advice="see `borderpost doctor`")
            return None
        answers: list[bytes] = []

        def talk() -> None:
            with contextlib.suppress(OSError, ValueError):
                answers.append(process.communicate(msgspec.json.encode(task))[0])

        talker = threading.Thread(target=talk, name="update-report", daemon=True)
        talker.start()
        end = self._mono() + self._rules.run_s
        while talker.is_alive() and not pulse.wait(LOOK_S):
            if self._mono() > end:
                log.warning("update_too_long", seconds=self._rules.run_s, advice="it goes on where it stopped")
                break
        if talker.is_alive():
            process.kill()  # it may be killed at any moment
            talker.join(KILL_S)
            return None
        try:
            return msgspec.json.decode(answers[0][:MAX_OUTPUT] if answers else b"", type=Report)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.warning("update_failed", reason=f"exit code {process.returncode}", advice="see `borderpost doctor`")
            return None

    def _tell(self, report: Report, task: Task) -> None:
        for one in report.lists:
            if one.outcome == "updated":
                log.info("list_updated", list=one.list, generation=one.now, before=one.before, files=one.files,
                         bytes=one.bytes)  # fmt: skip
        if task.is_parcel and (report.refused is None or report.is_old_news):
            return
        problems = {(list_id, refusal.code): refusal for list_id, refusal in report.problems}
        for (list_id, code), refusal in problems.items():
            if (list_id, code) in self._told.get(task.source, ()):
                continue
            log.warning("update_refused", list=list_id, code=code, reason=refusal.message, advice=refusal.advice)
            if code in ALARMING:
                self._alarm("update_refused", list=list_id or "all", reason=code)
        self._told[task.source] = set(problems)
