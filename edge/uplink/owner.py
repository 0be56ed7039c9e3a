"""The thread that owns the link: it connects, drives one ``Line`` and one ``Talk``, and tries again.

Laws:
1. A failure of any kind ends one connection; the next attempt comes after a jittered, growing pause.
2. Other threads reach it only through ``wake``, ``event`` and ``stop``: a pipe and a bounded deque.
3. What it says of itself (``status``) counts messages, never outcomes.
4. Whether the broker's certificate holds is judged by trusted time (edge.uplink.trust); where that is not enough,
   one connection asks for the time and sends nothing else, and the next is judged strictly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from common.line import CertificateError, Closed, Granted, Line, LineError, LineEvent, Message, Opened, Taken, lost
from common.standing import Bounds
from edge.config import UplinkConfig
from edge.core.acks import AckOutcome
from edge.core.errors import BorderpostError
from edge.core.sealing import SignPublic, key_id
from edge.core.wire import Topic, topic
from edge.uplink.bell import Bell
from edge.uplink.certificates import Certificates, Proof
from edge.uplink.door import at_the_door
from edge.uplink.notices import Notices
from edge.uplink.papers import Courier, Papers
from edge.uplink.reports import Box, Reports
from edge.uplink.sides import Ears, Outbox, Tally
from edge.uplink.states import Happening, State, after
from edge.uplink.talk import REFUSED, StalledError, Talk
from edge.uplink.timing import Asker, ask_time, entered
from edge.uplink.trust import Trust

TURN_S = 1.0  # longest wait in one turn: a stop is seen within it even if the wake pipe fails
RENEW = "plug in a stick: the box writes its request for a new certificate on it"

log = structlog.get_logger("uplink")


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

    ``mono`` gives monotonic seconds, ``token`` a fresh random token, ``jitter`` a number in 0..1. ``bounds`` says
    between which times it can be now; without it the system clock judges certificates. ``proof`` remembers which
    certificate has connected; ``papers`` carries requests and envelopes.
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
        bounds: Callable[[], Bounds] | None = None,
        proof: Proof | None = None,
        papers: Papers | None = None,
    ) -> None:
        self._config, self._box, self._outbox = config, box, outbox
        self._keys = {key_id(key): key for key in ack_keys}
        self._mono, self._token, self._jitter = mono, token, jitter
        self._ears = Ears(on_signed_time, self._alarm, *([on_news] if on_news else []))
        self._bounds = bounds
        self._certificates = Certificates(config.tls, proof or Proof())
        self._courier = Courier(papers, box.device) if papers else None
        self._extras: tuple[str, ...] = (topic(Topic.BEACON), topic(Topic.PARCEL)) if on_news else ()
        self._extras += self._courier.topics if self._courier else ()
        self._bell = Bell()
        self._stopping = False
        self._reports = Reports(box)
        self._notices = Notices(box.device, mono=mono, stamp=box.stamp)
        self._state, self._since = State.OFFLINE, mono()
        self._problem, self._advice = "", ""
        self._talk: Talk | None = None
        self._tally = Tally()
        self._session = ""
        self._health_at = 0.0

    # -- for other threads ------------------------------------------------------------------------

    def wake(self) -> None:
        """There may be something to send. Cheap; safe from any thread."""
        self._bell.ring()

    def stop(self) -> None:
        """Ask ``run`` to end; safe from any thread and from a signal handler."""
        self._stopping = True
        self.wake()

    def event(self, code: str, detail: Mapping[str, str | int]) -> None:
        """Tell headquarters something by code, without personal data; one code of one reader at most once a minute."""
        if self._notices.add(code, detail):
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
            heard = self._attempt()
            if self._stopping:
                break
            # Only headquarters' own word shows that the way is whole; a broker that lets us in and
            # refuses everything must not be knocked at every second.
            pause = self._config.backoff_min_s if heard else pause * 2
            pause = min(pause, self._config.backoff_max_s)
            self._bell.sleep(pause * (0.5 + self._jitter() / 2), mono=self._mono, ended=self._ended)
            if not self._stopping:
                self._move(Happening.RETRY)
        self._move(Happening.STOP)

    def _attempt(self) -> bool:
        """One connection, or two where the time had to be asked for; True if headquarters was believed."""
        known, refused = self._tally.believed, None
        try:
            if self._connection():  # the time was told: now strictly
                self._connection()
        except BorderpostError as error:
            refused = error if isinstance(error, CertificateError) else None
            heard = self._tally.believed > known
            own = self._certificates.trouble(self._bounds()) if self._bounds and not heard else ""
            self._lost(*((f"{error.message}; {own}", RENEW) if own else (error.message, error.advice)))
            if own and self._courier and self._config.renewal_port:
                self._renew(self._courier)
        except StalledError:
            self._lost("the broker confirms nothing", "check the link and the broker")
        if self._tally.believed == known:
            self._certificates.failed(refused)
        return self._tally.believed > known

    def _ended(self) -> bool:
        return self._stopping

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

    def _connection(self) -> bool:
        """One connection; True if it was one that asked for the time, and the broker holds at that time."""
        self._session = self._token()
        trust = Trust(self._bounds) if self._bounds else None
        line = self._line(trust)
        line.open()
        try:
            if trust and trust.doubtful:
                return self._ask_time(line, trust)
            self._serve(line)
            return False
        finally:
            self._talk = None
            self._notices.lost()
            line.abandon()

    def _renew(self, courier: Courier) -> None:
        self._move(Happening.RETRY)
        line = self._line(Trust(self._bounds) if self._bounds else None, self._config.renewal_port)
        try:
            line.open()
            at_the_door(line, courier, wake=self._bell.fd, mono=self._mono, ended=self._ended, move=self._move)
        except LineError as error:
            log.warning("renewal_door_shut", reason=error.message, advice=error.advice)
        finally:
            line.abandon()
            self._move(Happening.LOST)

    def _line(self, trust: Trust | None, port: int = 0) -> Line:
        config = self._config
        return Line(
            client_id=self._box.device,
            host=config.host,
            port=port or config.port,
            tls=self._certificates.present(),
            keepalive_s=config.keepalive_s,
            connect_timeout_s=config.connect_timeout_s,
            will=None if port else self._reports.will(self._session),
            check=trust.check if trust else None,
            ended=self._ended,
        )

    def _ask_time(self, line: Line, trust: Trust) -> bool:
        log.info("time_asked", reason=trust.standing.why)
        epoch = self._outbox.counts().epoch
        time = ask_time(
            line, Asker(self._box.device, epoch, self._session, self._keys), wake=self._bell.fd,
            mono=self._mono, ended=self._ended, retry_s=self._config.sync_retry_s,
            move=self._move, disbelieved=self._disbelieve,
        )
        if time is None:
            return False
        self._ears.signed_time(time)
        trust.settle()
        self._move(Happening.TIMED)
        return True

    def _disbelieve(self, outcome: AckOutcome) -> None:
        self._tally.disbelieved[outcome] = self._tally.disbelieved.get(outcome, 0) + 1
        self._alarm("ack_not_believed", {"reason": str(outcome)})

    def _make_talk(self, line: Line) -> Talk:
        return Talk(
            self._config, device=self._box.device, outbox=self._outbox, ack_keys=self._keys, publish=line.publish,
            token=self._token, move=self._move, ears=self._ears, tally=self._tally,
        )

    def _serve(self, line: Line) -> None:
        talk = self._talk = self._make_talk(line)
        opened, known, heard = self._mono(), self._tally.believed, False
        if self._courier:
            self._courier.begin()
        while not self._stopping:
            now = self._mono()
            talking = self._state in (State.SYNCING, State.SENDING)
            if not talking and now - opened > self._config.connect_timeout_s:
                raise LineError("the broker does not answer", advice="check that it speaks MQTT 5")
            if line.turn(min(TURN_S, talk.next_due(now)) if talking else TURN_S, self._bell.fd):
                self._bell.quiet()
            while line.events:
                self._on_event(line.events.popleft(), line, talk)
            if not heard and self._tally.believed > known:
                heard = True
                self._certificates.worked()
            if self._state in (State.SYNCING, State.SENDING):
                talk.tick(self._mono())
                self._report(line)
        self._reports.goodbye(line, self._session)

    def _on_event(self, event: LineEvent, line: Line, talk: Talk) -> None:
        now = self._mono()
        match event:
            case Message():
                if not (self._courier and self._courier.on_message(event.topic, event.payload)):
                    talk.on_message(event.topic, event.payload, event.retained, now)
            case Taken():
                self._notices.on_taken(event.mid)
                if self._courier:
                    self._courier.on_taken(event.mid, event.code, now)
                talk.on_taken(event.mid, event.code, now)
            case Opened():
                self._on_opened(event, line)
            case Granted():
                self._on_granted(event, line, talk, now)
            case Closed():
                raise lost(event)

    def _on_opened(self, event: Opened, line: Line) -> None:
        entered(event.code, event.reason)
        self._move(Happening.ACCEPTED)
        line.subscribe(topic(Topic.ACK, self._box.device), topic(Topic.HQ_STATE), *self._extras)

    def _on_granted(self, event: Granted, line: Line, talk: Talk, now: float) -> None:
        needed = len(event.codes) - len(self._extras)
        if any(code >= REFUSED for code in event.codes[:needed]):
            raise LineError(
                "the broker refused a subscription", advice="let the box read its down/# and bp/v1/hq/state"
            )
        if any(code >= REFUSED for code in event.codes[needed:]):  # lists come by polling and by stick all the same
            log.warning("news_refused", advice="let the box read its down/#, bp/v1/hq/lists and bp/v1/hq/parcel")
        self._move(Happening.GRANTED)
        self._problem, self._advice = "", ""
        self._tally.connections += 1
        log.info("link_up", session=self._session)
        self._reports.birth(line, self._session, self._outbox.counts().epoch)
        self._health_at = now
        talk.begin(now)

    def _alarm(self, code: str, detail: Mapping[str, str | int]) -> None:
        log.warning(code, **detail)
        self.event(code, detail)

    def _report(self, line: Line) -> None:
        self._notices.send(line.publish, self._session)
        now = self._mono()
        if self._courier:
            self._courier.tick(line.publish, now)
        if now >= self._health_at:
            self._health_at = now + self._config.health_s
            self._reports.health(line, self._session)
