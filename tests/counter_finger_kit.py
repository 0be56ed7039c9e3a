"""A counter with a station that is ours: it takes orders and answers when a test says so, with invented fingers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import journal_kit
import numpy as np
from counter_kit import Bench, standard, zone

from edge.core import wire
from edge.core.fingerprints.answers import FingerCandidate, FingerTaken, SearchAnswer
from edge.core.fingerprints.model import FingerImage, Position, Template
from edge.core.verdicts import Coverage, CoverageState
from edge.counter import FingerRequest
from edge.fingers.orders import FingerOrder, FingerResult
from edge.fingers.policy import FingerPolicy
from edge.journal import Journal

WANTED = FingerCandidate(
    list_id="prints", record="F-7", reference="r1", position=Position.RIGHT_INDEX, score=41.2, expected=0.001,
    silent=False, category="red", action="Confirm with the NCB.", name="Velmirov, Dragosin",
)
DISCREET = FingerCandidate(
    list_id="prints", record="F-9", reference="r2", position=Position.RIGHT_INDEX, score=57.9, expected=0.0001,
    silent=True, category="blue", action="Say nothing.", name="Quillfeather, Ambrose",
)
PRINTS = Coverage("prints", 4, 3600, 20_000, CoverageState.ASKED, required=False)
PROBLEM = "capture failed, try again"


def taken(position: Position = Position.RIGHT_INDEX) -> FingerTaken:
    """An invented finger: 24 minutiae on an image of noise."""
    dice = np.random.default_rng(7)
    x, y = (dice.integers(1, 300, 24).astype(np.int16) for _ in range(2))
    angle, kind, quality = (dice.integers(1, 200, 24).astype(np.uint8) for _ in range(3))
    template = Template("test-1", position, 320, 400, x, y, angle, kind, quality)
    image = FingerImage(dice.integers(1, 255, (400, 320)).astype(np.uint8))
    packed = dice.bytes(15_000)  # no zlib makes it smaller: like WSQ
    return FingerTaken(position, template, image, quality=71, nfiq2=48, tries=2, packed=packed)


def arrays(one: FingerTaken | Template) -> list[np.ndarray[Any, Any]]:
    """Every array of it, by reference."""
    template = one.template if isinstance(one, FingerTaken) else one
    found: list[np.ndarray[Any, Any]] = [template.x, template.y, template.angle, template.kind, template.quality]
    return [*found, one.image.pixels] if isinstance(one, FingerTaken) else found


def erased(one: FingerTaken | Template) -> bool:
    return not any(array.any() for array in arrays(one))


def answer(*candidates: FingerCandidate, **more: Any) -> SearchAnswer:
    return SearchAnswer(candidates, (PRINTS,), "test-1", **more)


@dataclass
class Station:
    """Takes orders, or refuses them while ``ready`` is false."""

    ready: bool = True
    orders: list[FingerOrder] = field(default_factory=list)
    withdrawn: list[FingerOrder] = field(default_factory=list)

    def offer(self, order: FingerOrder) -> bool:
        if self.ready:
            self.orders.append(order)
        return self.ready


class FingerBench(Bench):
    """``policy`` asks after leads unless a test says otherwise; ``found`` lets the last order come back."""

    def __init__(self, journal: Journal, *, ask: Any = "leads", images: bool = False, **more: Any) -> None:
        self.station = Station()
        super().__init__(
            journal, more.pop("lists", standard()), fingers=self.station.offer, withdraw=self.station.withdrawn.append,
            finger_policy=FingerPolicy(ask=ask, keep_s=120.0), finger_images=lambda: images,
            **more,
        )

    def found(
        self, said: SearchAnswer | None = None, *, finger: FingerTaken | None = None, problem: str = "",
        order: FingerOrder | None = None, after: float = 0.7, **more: Any,
    ) -> list[dict[str, Any]]:
        """The finger of the last order comes back ``after`` seconds; what was published."""
        order = order or self.station.orders[-1]
        self.mono += after
        one = finger if finger is not None or problem else taken(order.position)
        facts = {"score": None, "same": None, **more}
        return self.work(FingerResult(order, one, said, problem=problem, at=self.mono - 0.1, **facts))

    def ask(self, passage: str, purpose: Any = "search", **more: Any) -> dict[str, Any]:
        """An officer's request; the reply."""
        answers: list[Mapping[str, Any]] = []
        facts = {"position": None, "scanner": "", "uid": 1000, **more}
        self.work(FingerRequest(passage, purpose, reply=answers.append, **facts))
        (said,) = answers
        return dict(said)


def bodies(journal: Journal) -> list[wire.FingersBody]:
    """What headquarters reads of fingers."""
    opened = [journal_kit.open_body(journal, item.seq, item.body) for item in journal.pending()]
    return [body for body in opened if isinstance(body, wire.FingersBody)]


def only(messages: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
    (message,) = [m for m in messages if m["type"] == kind]
    return message


LEAD = zone(number="S7310442K")
OTHER = zone("Quillfeather", "Ambrose", "X4410023M")
