"""The extractors by name. Their libraries are loaded when one is opened, not before.

A new extractor is a class with ``extractor_id`` and ``extract``, and a row in each of the two tables below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from edge.core.fingerprints.model import FingerError, FingerImage, Position, Template

_T = TypeVar("_T")


class Extractor(Protocol):
    """Minutiae of an image. Not for two threads at once."""

    @property
    def extractor_id(self) -> str:
        """The program, its version or weights: what templates are compared under."""

    def extract(self, image: FingerImage, position: Position = Position.UNKNOWN) -> Template:
        """A template in the frame of the model, possibly without minutiae. Raises FingerError."""


def _mindtct(threads: int) -> Extractor:  # noqa: ARG001 - it has one thread only
    from common.fingers.mindtct import Mindtct

    return Mindtct()


def _leader(threads: int) -> Extractor:
    from common.fingers.leader import Leader

    return Leader(threads=threads)


def _mindtct_id() -> str:
    from common.fingers.mindtct import mindtct_id

    return mindtct_id()


def _leader_id() -> str:
    from common.fingers.leader import LEADER_ID

    return LEADER_ID


_OPEN: Final[Mapping[str, Callable[[int], Extractor]]] = MappingProxyType({"mindtct": _mindtct, "leader": _leader})
_IDS: Final[Mapping[str, Callable[[], str]]] = MappingProxyType({"mindtct": _mindtct_id, "leader": _leader_id})
NAMES: Final = tuple(_OPEN)


def open_extractor(name: str, *, threads: int = 1) -> Extractor:
    """Load one of NAMES (0.1 to 0.7 s); ``threads`` where it can use them. Raises FingerError."""
    return _row(_OPEN, name)(threads)


def extractor_id_of(name: str) -> str:
    """What templates of this extractor carry, without loading it. Raises FingerError."""
    return _row(_IDS, name)()


def _row(table: Mapping[str, _T], name: str) -> _T:
    if name not in table:
        raise FingerError(f"no extractor is called {name}", advice=f"take one of: {', '.join(NAMES)}")
    return table[name]
