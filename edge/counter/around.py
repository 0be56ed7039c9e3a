"""What a counter is given: nothing here is made by it. And what others ask of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from drivers.api import Feedback
from edge.config import AssemblyConfig
from edge.core.fingerprints.model import Position
from edge.core.screening import Screener, ScreenList
from edge.core.trusted import ClockState, Trusted
from edge.fingers.orders import FingerOrder, OfferFinger, WithdrawFinger
from edge.fingers.policy import FingerPolicy
from edge.journal import NewFinger, NewPassage, Recorded


def _no_sign(_device: str, _sign: Feedback) -> None:
    """For counters whose devices have none."""


def _not_reading(_device: str) -> bool:
    """For counters whose devices send whole frames at once."""
    return False


def _nobody_waits(_order: FingerOrder) -> None:
    """For counters without a scanner."""


def _never_away(_counter: str) -> bool:
    """For boxes whose scanners are busy at most."""
    return False


def _no_images() -> bool:
    """For boxes without galleries."""
    return False


class Recorder(Protocol):
    """What the counter needs of the journal."""

    def record(self, new: NewPassage) -> Future[Recorded]:
        """One transaction: passage, outbox row, audit row."""

    def record_finger(self, new: NewFinger) -> Future[Recorded]:
        """The same for a finger of a passage."""

    def close_passage(
        self, passage: str, *, code: str, at: datetime, clock: ClockState, note: str = ""
    ) -> Future[Recorded]:
        """The same for the end of a lead; NoSuchPassageError if none with this id awaits one."""


@dataclass(frozen=True, slots=True)
class CloseRequest:
    """An officer's outcome code; ``reply`` gets the answer as JSON values."""

    passage: str
    code: str
    uid: int
    reply: Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class FingerRequest:
    """An officer asks for a finger of a passage: to be searched, or compared with the one that was taken before.

    Or wants the one that is being taken no more (cancel). ``known``: the journal has such a passage.

    ``position`` None: as the configuration says (search), or the one that is kept (verify). ``scanner`` names the
    counter whose scanner takes it; empty: this one's.
    """

    passage: str
    purpose: Literal["search", "verify", "cancel"]
    position: Position | None
    scanner: str
    uid: int
    reply: Callable[[Mapping[str, Any]], None]
    known: bool = True


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a counter is given: nothing here is made by it.

    Of fingers: ``fingers`` offers an order to the station of ``order.counter`` and returns at once, None where the box
    has no scanner; ``withdraw`` takes one back; ``finger_away`` says whether the counter of that name has no
    scanner that could take one, not even later; ``finger_images`` whether a gallery of this box wants images at all.
    """

    lists: Callable[[], Sequence[ScreenList]]
    screener: Screener
    journal: Recorder
    now: Callable[[], Trusted]
    wall: Callable[[], datetime]
    mono: Callable[[], float]
    wait: Callable[[float], object]
    passage_id: Callable[[], str]
    number_hash: Callable[[str, str], str]  # issuing State, number -> keyed hash
    publish: Callable[[bytes], None]
    alarm: Callable[[str], None]            # tells headquarters, by code
    pace_s: float
    commit_timeout_s: float
    assembly: AssemblyConfig = field(default_factory=AssemblyConfig)
    signal: Callable[[str, Feedback], None] = _no_sign  # device, sign; returns at once
    reading: Callable[[str], bool] = _not_reading       # is that device in the midst of a frame? returns at once
    fingers: OfferFinger | None = None
    withdraw: WithdrawFinger = _nobody_waits
    finger_away: Callable[[str], bool] = _never_away
    finger_policy: FingerPolicy = field(default_factory=FingerPolicy)
    finger_images: Callable[[], bool] = _no_images
