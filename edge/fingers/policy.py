"""When a finger is asked for, which one, and how long a passage takes it. Values; made from the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from edge.core.fingerprints.model import Position
from edge.core.verdicts import Outcome

Ask: TypeAlias = Literal["never", "leads", "doubts", "always"]

LEADS: Final = frozenset({Outcome.HIT, Outcome.POSSIBLE})
_ASKED: Final[dict[Ask, frozenset[Outcome]]] = {
    "never": frozenset(),
    "leads": LEADS,
    "doubts": LEADS | {Outcome.UNREADABLE, Outcome.INCOMPLETE},
    "always": frozenset(Outcome),
}


@dataclass(frozen=True, slots=True)
class FingerPolicy:
    """``ask``: after which shown outcomes; ``positions``: which fingers, the first one first; ``keep_s``: seconds.

    ``grid_s``: answers leave at a multiple of so many seconds after the last byte of the image (docs/adr/0024).
    """

    ask: Ask = "leads"
    positions: tuple[Position, ...] = (Position.RIGHT_INDEX, Position.LEFT_INDEX)
    keep_s: float = 120.0
    grid_s: float = 0.25

    def asks(self, shown: Outcome) -> bool:
        """Is a finger asked for after this outcome? Takes what was shown, never the truth (ARCHITECTURE law 8)."""
        return shown in _ASKED[self.ask]
