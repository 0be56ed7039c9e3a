"""The collector's thread: connect, subscribe, take batches, answer; over again for as long as it runs."""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import structlog

from common.line import Closed, Granted, Line, LineError, Message, Opened, Taken, Will
from edge.core.errors import BorderpostError
from edge.core.wire import UP_TOPICS, HqState, Topic, encode, subscription, topic
from hq.collector.answers import Answer, Speaker
from hq.collector.intake import Counts, Intake
from hq.collector.news import News
from hq.collector.post_bag import PostBag
from hq.config import Config
from hq.keys import Keys
from hq.revoked import Revoked
from hq.store import Store

TURN_S = 1.0  # longest wait for the broker in one turn
MAX_OUT = 100  # answers under way to the broker; further holdings wait, acks do not
SILENCE = 2  # keepalives without a PUBACK after which the connection is given up
TAKEN_OVER = "Session taken over"  # MQTT 5 reason code 0x8E: another connection came under our client id
SHORT_S = 5.0  # a connection that lasts less than this and two pauses is short
SHORT_ROW = 3  # short ones in a row that mean that somebody else uses our name
REFUSED = 0x80  # reason codes from here on are refusals (MQTT 5 section 2.4)

log = structlog.get_logger("collector")


class ThrownOffError(LineError):
    """Connections end because another one comes under the same client id: the broker says so, or it looks like it."""


class Collector:
    """Headquarters' side of the wire. ``run`` blocks until ``stop``; only its thread touches the store.

    ``clock`` gives aware time, ``mono`` monotonic seconds, ``new_token`` a fresh random token (letters and
    digits, 16 or more), ``jitter`` a number in 0..1.
    """

    def __init__(
        self,
        config: Config,
        keys: Keys,
        *,
        clock: Callable[[], datetime],
        mono: Callable[[], float],
        new_token: Callable[[], str],
        jitter: Callable[[], float],
    ) -> None:
        self._config, self._keys = config, keys
        self._clock, self._mono, self._new_token, self._jitter = clock, mono, new_token, jitter
        self._out: dict[int, float] = {}  # answers that the broker has not confirmed: number -> since
        self._trouble = ""  # the last trouble told; '' while all is well
        self._pause = config.broker.backoff_min_s  # seconds before the next attempt, on average a little less
        self._since = 0.0  # when this connection was subscribed
        self._short = 0  # short connections in a row
        self._muted = False  # a refusal of answers was logged in this connection
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False
        self._holdings: dict[str, Iterator[Answer]] = {}
        self._news = News(config.updates.repo, config.updates.look_s)
        self._revoked = Revoked.of(config.provisioning, mono)
        self._bag = PostBag(config.provisioning.look_s)
        self.counts = Counts()
        self.subscribed = False

    def stop(self) -> None:
        """Ask ``run`` to end; safe from a signal handler and from any thread."""
        self._stopping = True
        with contextlib.suppress(BlockingIOError):  # full of wakes already
            os.write(self._wake_write, b"s")

    def check(self) -> None:
        """Open the database once, and read the revocation, so that a wrong path is told at the start.

        Raises StoreError, RevokedError.
        """
        self._open_store().close()
        self._revoked.read()

    def run(self) -> None:
        """Collect until told to stop. A failure of any kind ends one connection, never the collector."""
        shortest, longest = self._config.broker.backoff_min_s, self._config.broker.backoff_max_s
        while not self._stopping:
            store, thrown_off = None, False
            try:
                store = self._open_store()
                self._connection(store)
            except BorderpostError as error:
                thrown_off = isinstance(error, ThrownOffError)
                self._tell(error)
            except Exception as error:
                log.error("collector_fault", error=type(error).__name__, place=_place(error))
            finally:
                if store:
                    store.close()
            # Two that throw each other off would do so for ever at the shortest pause.
            self._pause = shortest if self.subscribed and not thrown_off else min(self._pause * 2, longest)
            self.subscribed = False
            self._sleep(max(shortest, self._pause * (0.5 + self._jitter() / 2)))

    def _tell(self, error: BorderpostError) -> None:
        """Log a trouble once, not at every attempt."""
        if error.message != self._trouble:
            self._trouble = error.message
            log.warning(
                "link_down" if isinstance(error, LineError) else "collector_stopped",
                reason=error.message,
                advice=error.advice,
            )

    def _sleep(self, seconds: float) -> None:
        if not self._stopping:
            wait(self._wake_read, seconds)

    def _open_store(self) -> Store:
        limits = self._config.collector
        return Store(
            Path(self._config.store.path),
            new_id=self._new_token,
            conflict_rows=limits.conflict_rows,
            quarantine_rows=limits.quarantine_rows,
        )

    def _connection(self, store: Store) -> None:
        session = self._new_token()
        broker = self._config.broker
        state = topic(Topic.HQ_STATE)
        line = Line(
            client_id=broker.client_id,
            host=broker.host,
            port=broker.port,
            tls=broker.tls,
            keepalive_s=broker.keepalive_s,
            connect_timeout_s=broker.connect_timeout_s,
            will=Will(state, encode(HqState(online=False, store=store.id, session=session))),
        )
        line.open()
        try:
            self._serve(line, store, HqState(online=True, store=store.id, session=session))
            goodbye = encode(HqState(online=False, store=store.id, session=session))
            line.close(line.publish(state, goodbye, qos=1, retain=True))
        finally:
            line.abandon()

    def _serve(self, line: Line, store: Store, birth: HqState) -> None:
        speaker = Speaker(store.id, self._keys.ack, self._clock, store.newest)
        intake = Intake(
            store, self._keys.seal, speaker, self._config.collector, self._clock, refuses=self._revoked.refuses
        )
        intake.counts = self.counts
        self._holdings, self._out, self._muted = {}, {}, False
        self._news.connected()
        self._bag.connected()
        opened = self._mono()
        size = self._config.collector.batch
        while not self._stopping:
            more = intake.unread or (self._holdings and len(self._out) < MAX_OUT)
            if line.turn(0 if more else TURN_S, self._wake_read):
                drain(self._wake_read)
            messages = self._events(line, birth)
            for start in range(0, len(messages), size):
                outcome = intake.take(messages[start : start + size])
                for answer in outcome.answers:
                    self._publish(line, answer)
                self._holdings.update(outcome.holdings)
            self._answer_syncs(line)
            if self.subscribed:
                for where, payload in self._news.due(self._mono()):
                    self._out[line.publish(topic(where), payload, qos=1, retain=True)] = self._mono()
                for device, payload in self._bag.due(self._mono(), store):
                    self._out[line.publish(topic(Topic.ENVELOPE, device), payload, qos=1, retain=True)] = self._mono()
            if intake.unread and not line.events:
                intake.look_into(size)
            self._look_for_silence(opened)

    def _publish(self, line: Line, answer: Answer) -> None:
        self._out[line.publish(answer.topic, answer.payload, qos=1)] = self._mono()

    def _look_for_silence(self, opened: float) -> None:
        now, broker = self._mono(), self._config.broker
        oldest = next(iter(self._out.values()), now)
        if now - oldest > SILENCE * broker.keepalive_s:
            raise LineError("the broker confirms nothing", advice="check the link and the broker")
        if not self.subscribed and now - opened > broker.connect_timeout_s:
            raise LineError("the broker does not answer", advice="check that it speaks MQTT 5")

    def _events(self, line: Line, birth: HqState) -> list[tuple[str, bytes]]:
        messages = []
        while line.events:
            event = line.events.popleft()
            match event:
                case Message():
                    messages.append((event.topic, event.payload))
                case Opened():
                    if event.code >= REFUSED:
                        raise LineError(f"the broker refused us: {event.reason}", advice="check certificate and ACL")
                    line.subscribe(*(subscription(t) for t in UP_TOPICS))
                case Granted():
                    if any(code >= REFUSED for code in event.codes):
                        raise LineError(
                            "the broker refused a subscription", advice="let headquarters read bp/v1/+/up/#"
                        )
                    line.publish(topic(Topic.HQ_STATE), encode(birth), qos=1, retain=True)
                    self.subscribed, self._since = True, self._mono()
                    self._trouble = ""
                    log.info("collecting", store=birth.store, session=birth.session)
                case Taken():
                    self._out.pop(event.mid, None)
                    if event.code >= REFUSED and not self._muted:
                        self._muted = True
                        log.error(
                            "answer_refused",
                            reason=event.reason,
                            advice="let headquarters write bp/v1/+/down/# and bp/v1/hq/#",
                        )
                case Closed():
                    raise self._lost(event.reason)
        return messages

    def _lost(self, reason: str) -> LineError:
        """Why the connection ended. Not every broker says that another client took the name over."""
        short = self.subscribed and self._mono() - self._since < SHORT_S + 2 * self._pause
        self._short = self._short + 1 if short else 0
        if reason != TAKEN_OVER and self._short < SHORT_ROW:
            return LineError(f"connection lost: {reason}", advice="check the link and the broker")
        name = self._config.broker.client_id
        return ThrownOffError(
            f"thrown off: {reason}",
            advice=f"is a second collector running, or another client named {name}? else check link and broker",
        )

    def _answer_syncs(self, line: Line) -> None:
        for device in list(self._holdings):
            while len(self._out) < MAX_OUT:
                answer = next(self._holdings[device], None)
                if answer is None:
                    del self._holdings[device]
                    break
                self._publish(line, answer)


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else "?"


def wait(pipe: int, seconds: float) -> None:
    """Wait for a byte on a pipe, or the time."""
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    poll.poll(seconds * 1000)
    drain(pipe)


def drain(pipe: int) -> None:
    """Empty a non-blocking pipe."""
    try:
        while os.read(pipe, 4096):
            pass
    except BlockingIOError:
        return
