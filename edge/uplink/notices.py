"""Events that wait for a link, and are told again until the broker has them.

Law: other threads only ``add``; everything else is the uplink's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime

from edge.core.trusted import ClockState
from edge.core.wire import Event, Topic, encode, topic
from edge.uplink.sides import Publish

MAX_EVENTS = 100  # events waiting for a link; the oldest go
EVENT_REPEAT_S = 60.0  # the same code is told at most this often

Notice = tuple[str, Mapping[str, str | int], datetime, ClockState]  # an event before it has a session


class Notices:
    """``mono``: monotonic seconds; ``stamp``: the present time (aware) and how far it can be believed."""

    def __init__(
        self, device: str, *, mono: Callable[[], float], stamp: Callable[[], tuple[datetime, ClockState]]
    ) -> None:
        self._topic, self._mono, self._stamp = topic(Topic.EVENT, device), mono, stamp
        self._waiting: deque[Notice] = deque(maxlen=MAX_EVENTS)
        self._told: dict[str, float] = {}
        self._telling: dict[int, Notice] = {}  # under way, by the number of their PUBACK

    def add(self, code: str, detail: Mapping[str, str | int]) -> bool:
        """Keep one; False if the same code of the same reader was told less than a minute ago."""
        now = self._mono()
        what = f"{code} {detail.get('reader', '')}"  # a hub that is pulled out takes several readers along
        if now - self._told.get(what, -EVENT_REPEAT_S) < EVENT_REPEAT_S:
            return False
        self._told[what] = now
        self._waiting.append((code, dict(detail), *self._stamp()))
        return True

    def send(self, publish: Publish, session: str) -> None:
        """Hand all that wait to the broker."""
        while self._waiting:
            notice = self._waiting.popleft()
            code, detail, at, clock = notice
            event = Event(code=code, at=at, clock=clock, session=session, detail=dict(detail))
            self._telling[publish(self._topic, encode(event), qos=1)] = notice

    def on_taken(self, mid: int) -> None:
        """The broker has it."""
        self._telling.pop(mid, None)

    def lost(self) -> None:
        """The connection is over: what was under way waits again."""
        self._waiting.extendleft(reversed(self._telling.values()))
        self._telling.clear()
