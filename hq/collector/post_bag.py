"""Envelopes on their way to boxes over MQTT: what `borderpost-hq send` queued, retained until the box took it.

Laws:
1. An envelope is sent as it stands, sealed to one box and signed; nothing of it is looked at here.
2. It stays retained, so that a box that was away hears it, and is sent again in every connection, since a broker may
   have forgotten it. Once the box says that it took this number, an empty message clears the topic.
"""

from __future__ import annotations

from collections.abc import Iterator

from hq.store import Store

A_LOOK = 50  # envelopes handed out at one look: 2.4 MB at most


class PostBag:
    """Looks at the store at most every ``look_s`` seconds. ``due`` gives what must be sent now."""

    def __init__(self, look_s: float) -> None:
        self._look_s = look_s
        self._sent: dict[str, tuple[int, bool]] = {}  # device -> (sequence, cleared)
        self._next = 0.0

    def connected(self) -> None:
        """A new connection: everything is sent again."""
        self._sent, self._next = {}, 0.0

    def due(self, now: float, store: Store) -> Iterator[tuple[str, bytes]]:
        """(device, payload) of what changed, at most ``A_LOOK``; ``now`` in monotonic seconds."""
        if now < self._next:
            return
        self._next = now + self._look_s
        given = 0
        for device, sequence, payload in store.queued():
            mark = (sequence, not payload)
            if self._sent.get(device) == mark:
                continue
            self._sent[device] = mark
            given += 1
            yield device, payload
            if given >= A_LOOK:
                return
