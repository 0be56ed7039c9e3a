"""The thread that owns the link: it connects, drives one ``Line`` and one ``Talk``, and tries again.

Laws:
1. A failure of any kind ends one connection; the next attempt comes after a jittered, growing pause.
2. Other threads reach it only through ``wake``, ``event`` and ``stop``: a pipe and a bounded deque.
3. What it says of itself (``status``) counts messages, never outcomes.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import structlog

from common.line import Closed, Granted, Line, LineError, LineEvent, Message, Opened, Taken, Will
from edge.config import UplinkConfig
from edge.core.errors import BorderpostError
from edge.core.sealing import SignPublic, key_id
from edge.core.trusted import ClockState
from edge.core.wire import Event, Health, Presence, Topic, encode, topic
from edge.uplink.sides import Ears, Outbox, Tally
from edge.uplink.states import Happening, State, after
from edge.uplink.talk import REFUSED, StalledError, Talk

TURN_S = 1.0  # longest wait in one turn: a stop is seen within it even if the wake pipe fails
MAX_EVENTS = 100  # events waiting for a link; the oldest go
EVENT_REPEAT_S = 60.0  # the same code is told at most this often
HEALTH_EXPIRY_S = 600

Notice = tuple[str, Mapping[str, str | int], datetime, ClockState]  # an event before it has a session

log = structlog.get_logger("uplink")


@dataclass(frozen=True, slots=True)
class Box:
    """Who speaks: ``lists`` and ``health`` are asked when they are sent, and hold no personal data.

    ``health`` gives the fields of ``wire.Health`` except ``session``. ``stamp`` gives the present time
    (aware) and how far it can be believed.
    """

    device: str
    boot: str
    software: str
    lists: Callable[[], Mapping[str, int]]
    health: Callable[[], Mapping[str, object]]
    stamp: Callable[[], tuple[datetime, ClockState]]


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """For `borderpost status`: the state, since when (monotonic seconds), and counts since the start."""

    state: State
    since: float
    problem: str
    advice: str
    in_flight: int
    awaiting: int
    tally: Tally


class Uplink:
    """The box's link to headquarters. ``run`` blocks until ``stop`` and may be called again after it failed.

    ``mono`` gives monotonic seconds, ``token`` a fresh random token, ``jitter`` a number in 0..1.
    """

    def __init__(
        self,
        config: UplinkConfig,
        box: Box,
        outbox: Outbox,
        ack_keys: tuple[SignPublic, ...],
        *,
        mono: Callable[[], float],
        token: Callable[[], str],
        jitter: Callable[[], float],
        on_signed_time: Callable[[datetime], None],
        on_news: Callable[[Topic, bytes], None] | None = None,
    ) -> None:
        self._config, self._box, self._outbox = config, box, outbox
        self._keys = {key_id(key): key for key in ack_keys}
        self._mono, self._token, self._jitter = mono, token, jitter
        self._ears = Ears(on_signed_time, self._alarm, *([on_news] if on_news else []))
        self._news = (topic(Topic.BEACON), topic(Topic.PARCEL)) if on_news else ()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False
        self._events: deque[Notice] = deque(maxlen=MAX_EVENTS)
        self._told: dict[str, float] = {}
        self._telling: dict[int, Notice] = {}  # events under way, by the number of their PUBACK
        self._state, self._since = State.OFFLINE, mono()
        self._problem, self._advice = "", ""
        self._talk: Talk | None = None
        self._tally = Tally()
        self._session = ""
        self._health_at = 0.0

    # -- for other threads ------------------------------------------------------------------------

    def wake(self) -> None:
        """There may be something to send. Cheap; safe from any thread."""
        try:
            os.write(self._wake_write, b"w")
        except BlockingIOError:
            return  # the pipe is full of wakes already

    def stop(self) -> None:
        """Ask ``run`` to end; safe from any thread and from a signal handler."""
        self._stopping = True
        self.wake()

    def event(self, code: str, detail: Mapping[str, str | int]) -> None:
        """Tell headquarters something by code, without personal data; one code of one reader at most once a minute."""
        now = self._mono()
        what = f"{code} {detail.get('reader', '')}"  # a hub that is pulled out takes several readers along
        if now - self._told.get(what, -EVENT_REPEAT_S) < EVENT_REPEAT_S:
            return
        self._told[what] = now
        at, clock = self._box.stamp()
        self._events.append((code, dict(detail), at, clock))
        self.wake()

    def status(self) -> UplinkStatus:
        """A snapshot."""
        talk, tally = self._talk, self._tally
        return UplinkStatus(
            state=self._state,
            since=self._since,
            problem=self._problem,
            advice=self._advice,
            in_flight=talk.in_flight if talk else 0,
            awaiting=talk.awaiting if talk else 0,
            tally=replace(tally, disbelieved=dict(tally.disbelieved)),
        )

    # -- the thread -------------------------------------------------------------------------------

    def run(self) -> None:
        """Keep the link up until told to stop."""
        pause = self._config.backoff_min_s
        self._state = State.OFFLINE
        self._move(Happening.START)
        while not self._stopping:
            known = self._tally.believed
            try:
                self._connection()
            except BorderpostError as error:
                self._lost(error.message, error.advice)
            except StalledError:
                self._lost("the broker confirms nothing", "check the link and the broker")
            if self._stopping:
                break
            # Only headquarters' own word shows that the way is whole; a broker that lets us in and
            # refuses everything must not be knocked at every second.
            pause = self._config.backoff_min_s if self._tally.believed > known else pause * 2
            pause = min(pause, self._config.backoff_max_s)
            self._sleep(pause * (0.5 + self._jitter() / 2))
            if not self._stopping:
                self._move(Happening.RETRY)
        self._move(Happening.STOP)

    def _move(self, happening: Happening) -> State:
        state = after(self._state, happening)
        if state is not self._state:
            self._state, self._since = state, self._mono()
            log.debug("uplink", state=str(state))
        return state

    def _lost(self, problem: str, advice: str) -> None:
        if problem != self._problem:
            log.warning("link_down", reason=problem, advice=advice)
        self._problem, self._advice = problem, advice
        self._talk = None
        self._move(Happening.LOST)

    def _sleep(self, seconds: float) -> None:
        until = self._mono() + seconds
        while not self._stopping and (left := until - self._mono()) > 0:
            poll = select.poll()
            poll.register(self._wake_read, select.POLLIN)
            poll.poll(left * 1000)
            self._drain()

    def _drain(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            return

    def _connection(self) -> None:
        self._session = self._token()
        state = topic(Topic.STATE, self._box.device)
        config = self._config
        line = Line(
            client_id=self._box.device,
            host=config.host,
            port=config.port,
            tls=config.tls,
            keepalive_s=config.keepalive_s,
            connect_timeout_s=config.connect_timeout_s,
            will=Will(state, encode(Presence(online=False, session=self._session, reason="lost"))),
        )
        talk = Talk(
            config,
            device=self._box.device,
            outbox=self._outbox,
            ack_keys=self._keys,
            publish=line.publish,
            token=self._token,
            move=self._move,
            ears=self._ears,
            tally=self._tally,
        )
        line.open()
        try:
            self._talk = talk
            self._serve(line, talk)
            goodbye = Presence(online=False, session=self._session, reason="shutdown")
            line.close(line.publish(state, encode(goodbye), qos=1, retain=True))
        finally:
            self._talk = None
            self._events.extendleft(reversed(self._telling.values()))
            self._telling.clear()
            line.abandon()

    def _serve(self, line: Line, talk: Talk) -> None:
        opened = self._mono()
        while not self._stopping:
            now = self._mono()
            talking = self._state in (State.SYNCING, State.SENDING)
            if not talking and now - opened > self._config.connect_timeout_s:
                raise LineError("the broker does not answer", advice="check that it speaks MQTT 5")
            if line.turn(min(TURN_S, talk.next_due(now)) if talking else TURN_S, self._wake_read):
                self._drain()
            while line.events:
                self._on_event(line.events.popleft(), line, talk)
            if self._state in (State.SYNCING, State.SENDING):
                talk.tick(self._mono())
                self._report(line)

    def _on_event(self, event: LineEvent, line: Line, talk: Talk) -> None:
        now = self._mono()
        match event:
            case Message():
                talk.on_message(event.topic, event.payload, event.retained, now)
            case Taken():
                self._telling.pop(event.mid, None)
                talk.on_taken(event.mid, event.code, now)
            case Opened():
                self._on_opened(event, line)
            case Granted():
                self._on_granted(event, line, talk, now)
            case Closed():
                raise LineError(f"connection lost: {event.reason}", advice="check the link and the broker")

    def _on_opened(self, event: Opened, line: Line) -> None:
        if event.code >= REFUSED:
            raise LineError(
                f"the broker refused this box: {event.reason}",
                advice="check its certificate and the broker's ACL",
            )
        self._move(Happening.ACCEPTED)
        line.subscribe(topic(Topic.ACK, self._box.device), topic(Topic.HQ_STATE), *self._news)

    def _on_granted(self, event: Granted, line: Line, talk: Talk, now: float) -> None:
        needed = len(event.codes) - len(self._news)
        if any(code >= REFUSED for code in event.codes[:needed]):
            raise LineError(
                "the broker refused a subscription", advice="let the box read its down/# and bp/v1/hq/state"
            )
        if any(code >= REFUSED for code in event.codes[needed:]):  # lists come by polling and by stick all the same
            log.warning("news_refused", advice="let the box read bp/v1/hq/lists and bp/v1/hq/parcel")
        self._move(Happening.GRANTED)
        self._problem, self._advice = "", ""
        self._tally.connections += 1
        log.info("link_up", session=self._session)
        birth = Presence(
            online=True,
            session=self._session,
            boot=self._box.boot,
            epoch=self._outbox.counts().epoch,
            software=self._box.software,
            lists=dict(self._box.lists()),
        )
        line.publish(topic(Topic.STATE, self._box.device), encode(birth), qos=1, retain=True)
        self._health_at = now
        talk.begin(now)

    def _alarm(self, code: str, detail: Mapping[str, str | int]) -> None:
        log.warning(code, **detail)
        self.event(code, detail)

    def _report(self, line: Line) -> None:
        device = self._box.device
        while self._events:
            notice = self._events.popleft()
            code, detail, at, clock = notice
            event = Event(code=code, at=at, clock=clock, session=self._session, detail=dict(detail))
            self._telling[line.publish(topic(Topic.EVENT, device), encode(event), qos=1)] = notice
        now = self._mono()
        if now >= self._health_at:
            self._health_at = now + self._config.health_s
            try:
                health = msgspec.convert({**self._box.health(), "session": self._session}, Health)
            except msgspec.ValidationError:
                log.error("health_not_sent")  # a fault of this program, and no reason to give up the link
                return
            line.publish(topic(Topic.HEALTH, device), encode(health), qos=0, expiry_s=HEALTH_EXPIRY_S)
