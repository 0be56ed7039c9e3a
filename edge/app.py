"""COMPOSITION ROOT: configuration -> objects -> crew -> stop.

Its parts: this file (the box), ``edge.front`` (what runs first) and ``edge.devices`` (concrete readers); the others
are given what they need. Clock, randomness and the environment enter the daemon here and nowhere else.
See docs/adr/0002-rooms.md.
"""

from __future__ import annotations

import os
import random
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog

from edge.answers import Answers
from edge.boot import boot_id
from edge.clock import ClockPolicy, Source, TrustedClock, Word
from edge.config import Config, CounterConfig
from edge.core import sealing
from edge.core.wire import BODY_TYPE
from edge.counter import Counter, Surroundings
from edge.crew import OnDeath, Pulse
from edge.desk import Desk
from edge.enrol.aboard import Aboard, list_lines, state_of
from edge.enrol.daemon import Daemon
from edge.enrol.enrolment import Enrolment
from edge.errors import EXIT_CREW
from edge.front import Front, judge
from edge.health import Health, Parts
from edge.journal import Journal, JournalLimits, Signer
from edge.keys import box_key, headquarters, own_folder
from edge.lifecycle import OPEN
from edge.list_keys import ListKeys
from edge.lists_in_use import ListsInUse
from edge.rules import screener
from edge.scanners import Scanners, deliver_to, policy_of
from edge.updating import Updater
from edge.uplink import Box as Speaker
from edge.uplink import Proof, Uplink
from edge.watchlists import Watchlists

SWITCH_S = 0.0005      # a verdict must not wait 5 ms for a thread that is busy
JOURNAL_HUNG_S = 60.0  # one write that takes longer will not come: start afresh
ALIVE_S = 5.0          # between two looks at the crew
CERTIFICATE = "uplink.certificate"  # in the state file: digest of the certificate that has connected
EXPIRE_S = 600.0       # between two runs of retention
PASSAGE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that reads like something else
PASSAGE_LENGTH = 10    # 30**10 > 10**14

judge_readers = judge  # of a configuration that is not in use yet

log = structlog.get_logger("app")


def run(config: Config, enrolment: Enrolment | None = None) -> int:
    """Run the box until it is told to stop; the exit code."""
    sys.setswitchinterval(SWITCH_S)
    front = Front(config, mono=mono, jitter=random.random, environ=os.environ)
    try:
        box = Box(config, front, enrolment)
        box.start()
    except Exception as error:
        front.hold_on(error)
        raise
    return box.run()


def mono() -> float:
    """Monotonic seconds since boot, the same clock that drivers stamp reads with."""
    return time.monotonic()


def wall() -> datetime:
    """The system clock, which nobody trusts."""
    return datetime.now(UTC)


def passage_id() -> str:
    """A random id that an officer can read aloud: ``K7QZ4-M2X9P``."""
    letters = "".join(secrets.choice(PASSAGE_ALPHABET) for _ in range(PASSAGE_LENGTH))
    return f"{letters[:5]}-{letters[5:]}"


class Box:
    """Every object of the daemon, built in the order of their needs."""

    def __init__(self, config: Config, front: Front, enrolment: Enrolment | None = None) -> None:
        self.config = config
        # A wrong configuration ends here, before anything is opened.
        recipients, ack_keys = headquarters(config)
        self.front, self.crew, self.notifier, self.devices = front, front.crew, front.notifier, front.devices
        self.state_dir = own_folder(Path(config.box.state_dir))
        front.start()  # the PC is served from here on
        self.state = state_of(self.state_dir / "state.sqlite", enrolment)  # before clock and lists ask it
        self.clock = TrustedClock(
            wall=wall, mono=mono, state=self.state, boot=boot_id(),
            policy=ClockPolicy(
                disciplined=config.clock.source == "system", hold=timedelta(days=config.clock.held_days)
            ),
        )
        self.box_key = box_key(self.state_dir / "box.key")
        self.journal = Journal(
            front.journal,
            device=config.box.device,
            sealer=sealing.make_sealer(recipients, type=BODY_TYPE),
            box_key=self.box_key,
            token=lambda: secrets.token_urlsafe(12), wall=wall, mono=mono,
            limits=JournalLimits.of(config.journal), boot=boot_id(),
            signer=Signer(enrolment.identity.device_key_digest, enrolment.identity.sign) if enrolment else None,
        )
        # Takes the lock of the state folder: a second daemon ends here, before it touches the socket.
        self.journal.start()
        if enrolment is not None:
            enrolment.join(self.journal)
        self.screener = screener(config.screening)
        self.lists = ListsInUse(
            Watchlists.open(
                Path(config.box.lists_dir), high_water=self.state.high_water(), keys=ListKeys(self.state_dir).ring,
                galleries=self.state.galleries() | set(config.fingers.required),
            ),
            state=self.state, screener=self.screener, now=self.clock.now, refresh_s=config.screening.refresh_seconds,
            audit=self.journal.note,
        )
        self.counters: dict[str, Counter] = {}
        self._counter_of = {reader: c.name for c in config.counter for reader in (*c.readers, c.scanner) if reader}
        self.answers = Answers(
            config.box.device, self.journal, self.counters, self._status, readers=self._readers_out
        )
        self.desk = Desk(Path(config.box.socket), self.answers.hello, self.answers.handle)
        self.scanners = Scanners(
            front.scanners, config.fingers, lists=lambda: self.lists.current.lists, screener=self.screener,
            now=self.clock.now, deliver=deliver_to(front.inboxes), publish=self.desk.publish,
            announce=self._announce, alarm=self._reader_alarm, mono=mono, jitter=random.random,
        )
        self.counters |= {c.name: Counter(c, self._surroundings(c)) for c in config.counter}
        for name, counter in self.counters.items():
            counter.inbox = front.inboxes[name]
        self.health = Health(self._parts())
        self.updater = Updater(
            config, now=self.clock.now, mono=mono, jitter=random.random, alarm=self._alarm,
            signed_time=lambda time: self._hear(time, Source.UPDATE),
        )
        self.aboard = Aboard(enrolment, Daemon(
            journal=self.journal, clock=self.clock, state=self.state, config=config, wall=wall,
            token=lambda: secrets.token_urlsafe(12), software=version("borderpost"), end=self.crew.ask_to_stop,
            alarm=self._alarm, lists=lambda: list_lines(self.health.look()), generations=self.lists.generations,
            take_lists=self.updater.by_stick if config.updates.root else None, judge=judge,
        ), self.health.line)
        self.uplink = self._make_uplink(ack_keys, enrolment)
        front.listen(self._announce, self._reader_alarm)
        self._forgotten = 0  # entries that the journal gave up, as told last

    def start(self) -> None:
        """Warm up, start the crew and say so. What fails here fails before anything was promised (front, law 2)."""
        self._on_signals()
        for notice in self.journal.notices:
            log.error("journal_notice", code=notice.code, advice="read docs/technician.md under that code")
        if self.state.set_aside:
            log.error("state_damaged", path=self.state.set_aside,
                      advice="bring the link up once: headquarters' signed word sets the clock's floor again")
        self.lists.begin()
        self._hire()
        self.aboard.start(self.crew.hire)
        self.notifier.ready(self.health.line())
        log.info("running", device=self.config.box.device, version=version("borderpost"))

    def run(self) -> int:
        """Look after the crew, feed the watchdog, stop in order; the exit code."""
        try:
            while not self.crew.dead and not self.crew.stopping.is_set():
                self.crew.wait(ALIVE_S)
                self.front.look_after(self.health.line)
                self._look_for_loss()
        finally:
            self.notifier.stopping()
            dead, stuck = self._end()
        if dead:
            log.error("stopped", reason="a thread died", names=",".join(dead))
        elif stuck:
            log.warning("stopped", reason="threads did not end in time", names=",".join(stuck))
        else:
            log.info("stopped", reason="asked to")
        return EXIT_CREW if dead else 0

    def _end(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Stop everything in order; names of threads that had died, and of those that did not end in time."""
        dead = self.crew.dead
        self.crew.stop()
        self.scanners.stop()
        if self.uplink:
            self.uplink.stop()
        stuck = self.crew.join()
        self.devices.close()
        self.journal.close()
        self.state.close()
        return dead, stuck

    def _hire(self) -> None:
        hire = self.crew.hire
        hire("desk", self.desk.run)
        hire("journal-watch", self._watch_journal)
        for counter in self.counters.values():
            hire(f"counter-{counter.name}", counter.run)
        self.scanners.hire(hire)
        hire("lists", self.lists.run, OnDeath.RESTART)
        hire("retention", self._expire, OnDeath.RESTART)
        if self.config.updates.root:
            hire("updates", self.updater.run, OnDeath.RESTART)
        if (uplink := self.uplink) is not None:
            self.journal.add_listener(uplink.wake)
            hire("uplink", lambda _pulse: uplink.run(), OnDeath.RESTART)

    # -- parts -----------------------------------------------------------------------------------

    def _surroundings(self, counter: CounterConfig) -> Surroundings:
        return Surroundings(
            lists=lambda: self.lists.current.lists,
            screener=self.screener,
            journal=self.journal,
            now=self.clock.now,
            wall=wall,
            mono=mono,
            wait=time.sleep,
            passage_id=passage_id,
            number_hash=lambda state, number: sealing.keyed_hash(self.box_key, f"{state}|{number}"),
            publish=self.desk.publish,
            alarm=self._alarm,
            pace_s=self.config.screening.pace_ms / 1000,
            commit_timeout_s=self.config.journal.commit_timeout_ms / 1000,
            assembly=self.config.assembly,
            signal=self.devices.signal, reading=self.devices.reading,
            fingers=self.scanners.offer if self.scanners.stations else None, withdraw=self.scanners.withdraw,
            finger_away=self.scanners.away,
            finger_policy=policy_of(self.config.fingers, counter), finger_images=self.scanners.images,
        )

    def _make_uplink(self, ack_keys: tuple[sealing.SignPublic, ...], enrolment: Enrolment | None) -> Uplink | None:
        if self.config.uplink is None:
            return None
        return Uplink(
            self.config.uplink,
            Speaker(
                device=self.config.box.device, boot=boot_id(), software=version("borderpost"),
                lists=self.lists.generations, health=self.health.report,
                stamp=lambda: (wall(), self.clock.now().state), site=self.config.box.site,
                serial=enrolment.identity.serial if enrolment else "",
                sequence=lambda: enrolment.sequence if enrolment else 0,
            ),
            self.journal, ack_keys, mono=mono, token=lambda: secrets.token_urlsafe(12), jitter=random.random,
            on_signed_time=self._hear, on_news=self.updater.news if self.config.updates.root else None,
            bounds=self.clock.bounds, papers=self.aboard.papers,
            proof=Proof(recall=lambda: self.state.get(CERTIFICATE), remember=lambda d: self.state.put(CERTIFICATE, d)),
        )

    def _alarm(self, code: str, **detail: str) -> None:
        """Tell headquarters that something needs a person; the log has it in any case."""
        if self.uplink:
            self.uplink.event(code, detail)

    def _reader_alarm(self, code: str, reader: str) -> None:
        self._alarm(code, reader=reader)

    def _look_for_loss(self) -> None:
        forgotten = self.journal.forgotten
        if forgotten > self._forgotten:
            self._forgotten = forgotten
            self._alarm("entries_forgotten")
            log.error("entries_forgotten", count=forgotten, advice="the disk refused too long: see `borderpost doctor`")

    def _hear(self, time: datetime, source: Source = Source.ACK) -> None:
        if self.clock.signed_word(time, source) is Word.TOO_FAR:
            self._alarm("time_refused")
            log.error("time_refused", reason="headquarters' time leaps too far ahead",
                      advice="compare both clocks; see docs/technician.md, trusted time")

    def _announce(self, reader: str, state: str) -> None:
        import msgspec

        counter = self._counter_of[reader]
        told = {"type": "reader", "reader": reader, "counter": counter, "state": str(state)}
        self.desk.publish(msgspec.json.encode(told))

    # -- threads of this file ----------------------------------------------------------------------

    def _watch_journal(self, pulse: Pulse) -> None:
        while not pulse.wait(0.5):
            if not self.journal.alive:
                raise RuntimeError("the journal's thread has ended")
            if self.journal.busy_s > JOURNAL_HUNG_S:
                raise RuntimeError("the journal's thread hangs in one request")

    def _expire(self, pulse: Pulse) -> None:
        while not pulse.is_set():
            while self.journal.expire(self.clock.now()).more and not pulse.is_set():
                pass
            pulse.wait(EXPIRE_S)

    def _on_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.crew.ask_to_stop())

    def _readers_out(self) -> list[dict[str, str]]:
        """The readers that are not open, for a view that begins."""
        return [
            {"reader": keeper.name, "counter": self._counter_of[keeper.name], "state": str(keeper.state)}
            for keeper in self.devices.keepers if keeper.state not in OPEN
        ]

    def _status(self) -> Mapping[str, Any]:
        return {**self.health.snapshot(), **self.aboard.status()}

    def _parts(self) -> Parts:
        box = self.config.box
        return Parts(
            device=box.device, site=box.site, state_dir=self.state_dir, now=self.clock.now, wall=wall, mono=mono,
            readers=self.devices.keepers, passing=self.devices.relay.health,
            counters=list(self.counters.values()), lists=lambda: self.lists.current.lists,
            screener=self.screener, journal=self.journal, uplink=lambda: self.uplink,
            restarts=lambda: self.crew.restarts, scanners=self.scanners,
        )

