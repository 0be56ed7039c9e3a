"""High-water marks: the highest versions ever verified, kept outside the cache of metadata.

Laws:
1. A mark only rises. What lies below it is refused, also when the cache was lost or the box was reset.
2. A mark falls for one reason: newer metadata of whoever decides on that role replaced its keys, so that fewer of the
   old keys remain than it took to sign. Then whoever held the old keys can have raised it, and nobody who held
   them alone can sign for the role any more. (An attacker could otherwise raise a version to its end, and shut the
   box for good.)
3. When a mark falls, the list of that role begins anew (``anew``): what the box has of it may come from a stolen key.
   That stays so until a generation has been taken since.
"""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from edge.state import State

MAX_KEYS: Final = 16  # key ids that a mark remembers
_PREFIX: Final = "updates.mark."


class Mark(msgspec.Struct, frozen=True):
    """What is remembered of one role."""

    version: int = 0
    generation: int = 0  # of its list: the highest that was taken
    keys: tuple[str, ...] = ()  # first 16 characters of the ids of the keys that could sign it
    threshold: int = 1  # how many it took
    anew: bool = False  # law 3

    def replaced_by(self, keys: tuple[str, ...]) -> bool:
        """True if these keys leave fewer of the old ones than it took to sign (law 2)."""
        return bool(self.keys) and len({*self.keys} & {*keys}) < self.threshold


class Marks(Protocol):
    """Where marks are kept."""

    def get(self, role: str) -> Mark:
        """The mark of a role; an empty one before the first."""

    def put(self, role: str, mark: Mark) -> None:
        """Keep it, durably."""


class StateMarks:
    """Marks in the box's state file (SQLite, synchronous=FULL)."""

    def __init__(self, state: State) -> None:
        self._state = state

    def get(self, role: str) -> Mark:
        """A text that cannot be read counts as no mark: the state file is checked as a whole when it is opened."""
        text = self._state.get(_PREFIX + role)
        try:
            return msgspec.json.decode(text, type=Mark) if text else Mark()
        except msgspec.MsgspecError:
            return Mark()

    def put(self, role: str, mark: Mark) -> None:
        """On disk when it returns."""
        self._state.put(_PREFIX + role, msgspec.json.encode(mark).decode())


def short(keyids: list[str]) -> tuple[str, ...]:
    """Key ids as a mark keeps them, sorted; 64 bits tell the keys of a repository apart."""
    return tuple(sorted(keyid[:16] for keyid in keyids[:MAX_KEYS]))
