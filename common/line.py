"""One connection to the broker: a paho client that lives exactly as long as its socket.

Laws:
1. A ``Line`` is used once. Every attempt makes a new one, so no queue of an earlier connection lives on
   inside paho (it would resend rows that are no longer ours to send).
2. One thread owns it, and drives paho's reading, writing and timers itself; there is no paho thread that
   could die unseen.
3. Callbacks only append to a deque: an exception or a lock inside one would stop paho for ever.
4. ``turn`` waits at most as long as it was told, and reads a bounded number of packets.
5. ``open`` waits at most ``connect_timeout_s`` for TCP and TLS together, however the other side drips.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from common.dial import Check, Deadline, dial, without_dates
from common.settings import TlsConfig
from common.tls import AlertSocket, CertificateError, LineError, reason_of, refusal, refused, tls_context

__all__ = [
    "CertificateError", "Closed", "Granted", "Line", "LineError", "LineEvent", "Message", "Opened", "Taken", "Will",
    "lost", "tls_context",
]

GOODBYE_S = 1.0  # longest wait for the last confirmation, and for the broker to close
GOODBYE_STEPS = 20  # looks in that time
READS_A_TURN = 200  # packets read before the owner gets a word in


@dataclass(frozen=True, slots=True)
class Opened:
    """The broker took us in (CONNACK). ``code`` >= 0x80 means that it refused."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A PUBACK. ``code`` >= 0x80 means that the message was refused and is nowhere."""

    mid: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Granted:
    """A SUBACK; a refused subscription has a code >= 0x80."""

    codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """Something arrived."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over. ``refused``: TLS' words for a refusal of this side's certificate, empty for none;
    ``early``: over TLS, before the broker had said a word (CONNACK)."""

    reason: str
    refused: str = ""
    early: bool = False


LineEvent = Opened | Taken | Granted | Message | Closed


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says in our name when we fall silent (retained, QoS 1)."""

    topic: str
    payload: bytes


class _Client(mqtt.Client):
    """A client whose socket is made by ``dial``; paho itself would wait anew for every address."""

    def __init__(self, make: Callable[[], socket.socket], client_id: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        self._make = make

    def _create_socket(self) -> socket.socket:
        return self._make()


class Line:
    """One attempt at a connection. ``events`` is filled by ``turn`` and emptied by the owner.

    With ``check`` the dates of the broker's certificates are judged by it, not by the system clock (common.dial).
    ``ended`` is asked while ``open`` waits: True ends it at once.
    """

    def __init__(
        self, *, client_id: str, host: str, port: int, tls: TlsConfig | None, keepalive_s: int,
        connect_timeout_s: float, will: Will | None, check: Check | None = None,
        ended: Callable[[], bool] = lambda: False,
    ) -> None:  # fmt: skip
        self.events: deque[LineEvent] = deque()
        self._host, self._port, self._keepalive = host, port, keepalive_s
        self._made: socket.socket | None = None  # kept: paho forgets a socket that failed
        self._spoken = False
        context = tls_context(tls) if tls else None
        if context and check:
            context = without_dates(context)

        def make() -> socket.socket:
            self._made = dial(host, port, context=context, check=check, deadline=Deadline(connect_timeout_s, ended))
            return self._made

        self._client = client = _Client(make, client_id)
        if will:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        self._listen(client)

    def _listen(self, client: mqtt.Client) -> None:
        put = self.events.append

        def opened(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
            self._spoken = True
            put(Opened(reason.value, reason.getName()))

        def closed(_c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
            put(self._closed(reason.getName()))

        def taken(_c: Any, _u: Any, mid: int, reason: Any, _p: Any) -> None:
            put(Taken(mid, reason.value, reason.getName()))

        def granted(_c: Any, _u: Any, _m: int, reasons: Any, _p: Any) -> None:
            put(Granted(tuple(r.value for r in reasons)))

        def message(_c: Any, _u: Any, m: mqtt.MQTTMessage) -> None:
            put(Message(m.topic, bytes(m.payload), m.retain))

        client.on_connect, client.on_disconnect = opened, closed
        client.on_publish, client.on_subscribe, client.on_message = taken, granted, message
        client.on_socket_open = _no_delay

    def open(self) -> None:
        """Connect and send CONNECT; blocks up to the connect timeout. Raises LineError."""
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = 0
        try:
            self._client.connect(self._host, self._port, self._keepalive, clean_start=True, properties=session)
        except ssl.SSLError as error:
            if words := refusal(error.reason):
                raise refused(words) from error
            raise LineError(
                f"TLS with {self._host}:{self._port} failed: {error.reason or 'handshake'}",
                advice="check this side's certificate, the CA, the certificates' dates and the clock",
            ) from error
        except (OSError, ValueError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else type(error).__name__
            raise LineError(
                f"{self._host}:{self._port}: {reason}", advice="check the link, the broker and its address"
            ) from error

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, expiry_s: int = 0) -> int:
        """Queue one message; the number that its PUBACK will carry."""
        properties = None
        if expiry_s:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry_s
        return self._client.publish(topic, payload, qos=qos, retain=retain, properties=properties).mid

    def subscribe(self, *topics: str) -> None:
        """Ask for topics with QoS 1; a ``Granted`` answers."""
        self._client.subscribe([(t, SubscribeOptions(qos=1)) for t in topics])

    def turn(self, timeout_s: float, wake: int) -> bool:
        """Wait for the broker, the ``wake`` pipe or the time; read and write. True if woken."""
        sock = self._client.socket()
        if sock is None:
            self._gone()
            return False
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        writing = self._client.want_write()
        poll.register(sock.fileno(), select.POLLIN | (select.POLLOUT if writing else 0))
        try:
            ready = dict(poll.poll(0 if _buffered(sock) else timeout_s * 1000))
        except OSError:
            ready = {}
        if ready.get(sock.fileno(), 0) & ~select.POLLOUT or _buffered(sock):
            self._read(sock)
        if self._client.socket() is not None and self._client.want_write():
            self._client.loop_write()
        if self._client.socket() is not None:
            self._client.loop_misc()
        if self._client.socket() is None:
            self._gone()
        return wake in ready

    def _read(self, sock: Any) -> None:
        for _ in range(READS_A_TURN):
            rc = self._client.loop_read()
            if rc or self._client.socket() is None or not (_buffered(sock) or _readable(sock)):
                return

    def _gone(self) -> None:
        if not any(isinstance(e, Closed) for e in self.events):
            self.events.append(self._closed("the connection is gone"))

    def _closed(self, reason: str) -> Closed:
        made = self._made if isinstance(self._made, AlertSocket) else None
        return Closed(reason, refusal(made.alert) if made else "", early=made is not None and not self._spoken)

    def flush(self, timeout_s: float) -> None:
        """Write what is queued, for at most ``timeout_s`` seconds."""
        sock = self._client.socket()
        while sock is not None and self._client.want_write():
            poll = select.poll()
            poll.register(sock.fileno(), select.POLLOUT)
            if not poll.poll(timeout_s * 1000):
                return
            self._client.loop_write()
            sock = self._client.socket()

    def close(self, last: int) -> None:
        """Say goodbye in order, so that the broker does not speak the last will.

        Waits at most ``GOODBYE_S`` for the PUBACK of ``last``, the final message, and as long for the broker to
        close: a socket closed with unread bytes is reset, and the broker takes that for a loss.
        """
        for _ in range(GOODBYE_STEPS):
            if any(isinstance(e, Closed) or (isinstance(e, Taken) and e.mid == last) for e in self.events):
                break
            self._look(GOODBYE_S / GOODBYE_STEPS)
        self._client.disconnect()
        self.flush(GOODBYE_S)
        for _ in range(GOODBYE_STEPS):
            if self._client.socket() is None:
                break
            self._look(GOODBYE_S / GOODBYE_STEPS)
        self.abandon()

    def _look(self, timeout_s: float) -> None:
        sock = self._client.socket()
        if sock is None:
            self._gone()
        elif _buffered(sock) or _readable(sock, timeout_s):
            self._read(sock)

    def abandon(self) -> None:
        """Drop the connection without a word; the broker will speak the last will."""
        sock = self._client.socket()
        self._client.on_disconnect = None
        if sock is not None:
            sock.close()


def _no_delay(_client: Any, _userdata: Any, sock: Any) -> None:
    # Without this a window of 20 waits for delayed TCP acks: 489 instead of 1090 messages a second.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _buffered(sock: Any) -> bool:
    # Bytes that TLS has decrypted already do not make the socket readable again.
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _readable(sock: Any, timeout_s: float = 0.0) -> bool:
    poll = select.poll()
    try:
        poll.register(sock.fileno(), select.POLLIN)
        return bool(poll.poll(timeout_s * 1000))
    except (OSError, ValueError):
        return False


def lost(closed: Closed) -> LineError:
    """Why a connection ended, as an error."""
    if closed.refused:
        return refused(closed.refused)
    if closed.early:
        return CertificateError(
            "the broker hung up before it said a word", sure=False,
            advice="the broker may have refused this certificate: ask headquarters whether it was revoked; else check "
            "the broker",
        )
    return LineError(f"connection lost: {closed.reason}", advice="check the link and the broker")
