"""What the box says of itself over the link: presence and health. No personal data, no outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from common.line import Line, Will
from edge.core.trusted import ClockState
from edge.core.wire import Health, Presence, Topic, encode, topic

HEALTH_EXPIRY_S = 600
MAX_SITE = 100  # characters of a post's name in a presence

log = structlog.get_logger("uplink")


@dataclass(frozen=True, slots=True)
class Box:
    """Who speaks: ``lists`` and ``health`` are asked when they are sent, and hold no personal data.

    ``health`` gives the fields of ``wire.Health`` except ``session``. ``stamp`` gives the present time
    (aware) and how far it can be believed. ``sequence``: the newest envelope that this box took.
    """

    device: str
    boot: str
    software: str
    lists: Callable[[], Mapping[str, int]]
    health: Callable[[], Mapping[str, object]]
    stamp: Callable[[], tuple[datetime, ClockState]]
    site: str = ""
    serial: str = ""
    sequence: Callable[[], int] = lambda: 0


class Reports:
    """Presence and health of one box; ``session`` is the token of the connection they are said in."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._state, self._health = topic(Topic.STATE, box.device), topic(Topic.HEALTH, box.device)

    def will(self, session: str) -> Will:
        """What the broker says when the link is lost."""
        return Will(self._state, encode(Presence(online=False, session=session, reason="lost")))

    def birth(self, line: Line, session: str, epoch: str) -> None:
        """The box is here."""
        box = self._box
        birth = Presence(
            online=True,
            session=session,
            boot=box.boot,
            epoch=epoch,
            software=box.software,
            lists=dict(box.lists()),
            site=box.site[:MAX_SITE],
            serial=box.serial,
            sequence=box.sequence(),
        )
        line.publish(self._state, encode(birth), qos=1, retain=True)

    def goodbye(self, line: Line, session: str) -> None:
        """The box stops, and the line closes in order."""
        presence = Presence(online=False, session=session, reason="shutdown")
        line.close(line.publish(self._state, encode(presence), qos=1, retain=True))

    def health(self, line: Line, session: str) -> None:
        """How the box is."""
        try:
            health = msgspec.convert({**self._box.health(), "session": session}, Health)
        except msgspec.ValidationError:
            log.error("health_not_sent")  # a fault of this program, and no reason to give up the link
            return
        line.publish(self._health, encode(health), qos=0, expiry_s=HEALTH_EXPIRY_S)
