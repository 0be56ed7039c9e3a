"""What a counter remembers of a passage while it may take a finger.

Laws:
1. In memory alone, and in no ``repr``. A passage is forgotten ``keep_s`` after its verdict; at most MAX_DOSSIERS.
2. A probe is kept while the passage is a shown lead that awaits its outcome code, and no longer: ``forget_probes``
   overwrites it. What is kept depends on what was shown, never on the truth (ARCHITECTURE laws 8 and 9).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from edge.core.fingerprints.model import Position, Template
from edge.core.verdicts import Coverage, Outcome, Reason, Verdict
from edge.counter.steps import FINGER_TRANSITIONS, FingerHappening, FingerStep, Step
from edge.fingers.orders import FingerOrder, erase_template

MAX_DOSSIERS: Final = 32  # passages of one counter that may take a finger; the oldest is forgotten first


@dataclass(slots=True)
class Dossier:
    """One passage. ``read_at`` and ``until`` are monotonic seconds: its document's last byte; the end of ``keep_s``."""

    passage: str
    documents: Verdict = field(repr=False)
    step: Step
    truth: Outcome = field(repr=False)
    shown: Outcome
    read_at: float
    until: float
    finger: FingerStep = FingerStep.NONE
    order: FingerOrder | None = field(default=None, repr=False)
    number: int = 0  # of the counter's orders, the last one for this passage
    ordered_at: float = 0.0
    asked: str = ""
    decided: bool = False  # a person gave the outcome code
    candidates: tuple[Reason, ...] = field(default=(), repr=False)
    galleries: tuple[Coverage, ...] = field(default=(), repr=False)
    positions: list[Position] = field(default_factory=list)
    probes: dict[Position, Template] = field(default_factory=dict, repr=False)

    def move(self, happening: FingerHappening) -> None:
        """The table's word on the finger; a happening that its step does not know is a bug."""
        self.finger = FINGER_TRANSITIONS[self.finger, happening]

    def keep(self, position: Position, probe: Template) -> None:
        """Hold a copy of the probe for a verification; what stood in its place is overwritten."""
        held, self.probes[position] = self.probes.get(position), copied(probe)
        if held is not None:
            erase_template(held)

    def forget_probes(self) -> None:
        """Overwrite what is held."""
        while self.probes:
            erase_template(self.probes.popitem()[1])


def copied(template: Template) -> Template:
    """The same with arrays of its own, so that whoever holds one may erase it."""
    return replace(
        template, x=template.x.copy(), y=template.y.copy(), angle=template.angle.copy(), kind=template.kind.copy(),
        quality=template.quality.copy(),
    )
