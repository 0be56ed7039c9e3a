"""What a counter and its station hand each other: orders to take a finger, and what came of them.

Laws:
1. Only values: neither side changes what the other holds, but for ``erase``, which the last holder calls.
2. Pixels and minutiae are in no ``repr``; ``erase`` overwrites them in memory (ARCHITECTURE law 9).
3. Exactly one ``FingerResult`` answers an order that the station accepted, naming that very object, with a ``problem``
   where nothing came of it, also after it was withdrawn. It goes to the inbox of the order's ``owner``; where that is
   full the station erases what was taken and tells it. A station that has handed over a result accepts the next order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.core.fingerprints.answers import FingerTaken, SearchAnswer
from edge.core.fingerprints.model import FingerImage, Position, Template

AWAY: Final = "the scanner is away: check its plug, or call the technician"

Purpose: TypeAlias = Literal["search", "second", "verify"]


@dataclass(frozen=True, slots=True)
class FingerOrder:
    """Take the finger at ``position`` of the person of ``passage``, with the scanner of the counter named ``counter``.

    ``purpose`` search: 1:N over the galleries. second: another finger, compared with the candidates of ``answer``
    (the first finger's). verify: 1:1 with ``reference``, whose position this is (a copy made for this order).
    ``owner`` is the counter whose passage it is, and whose inbox gets the result; empty: ``counter`` itself.
    """

    passage: str
    counter: str
    position: Position
    purpose: Purpose
    answer: SearchAnswer | None = field(default=None, repr=False)
    reference: Template | None = field(default=None, repr=False)
    owner: str = ""

    @property
    def home(self) -> str:
        """The counter whose inbox gets the result."""
        return self.owner or self.counter


@dataclass(frozen=True, slots=True)
class FingerResult:
    """What came of ``order``.

    ``taken`` is the best try, None where no finger could be taken; ``answer`` what the search found (search, second);
    ``score`` the comparison score (>= 0) and ``same`` the decision of a verification, None where there is none;
    ``problem`` why not, a sentence for the officer; ``at`` the monotonic second of the image's last byte.
    """

    order: FingerOrder
    taken: FingerTaken | None
    answer: SearchAnswer | None = field(repr=False)
    score: float | None
    same: bool | None
    problem: str = ""
    at: float = 0.0


OfferFinger: TypeAlias = Callable[[FingerOrder], bool]  # False: no station, it is busy, or its scanner is away
WithdrawFinger: TypeAlias = Callable[[FingerOrder], None]  # nobody waits for it any more; returns at once


def erase_template(template: Template) -> None:
    """Overwrite the minutiae of ``template`` with zeros, where they lie."""
    for array in (template.x, template.y, template.angle, template.kind, template.quality):
        _overwrite(array)


def erase_image(image: FingerImage) -> None:
    """Overwrite the pixels of ``image`` with zeros, where they lie."""
    _overwrite(image.pixels)


def erase(taken: FingerTaken) -> None:
    """Both of one finger that was taken."""
    erase_template(taken.template)
    erase_image(taken.image)


def _overwrite(array: NDArray[np.generic]) -> None:
    """Zeros over the array's own memory, also where it was handed out as not to be written.

    An array over a ``bytes`` object cannot be made writable; its maker holds those bytes and hands out copies.
    """
    if not array.flags.writeable:
        array.setflags(write=True)  # ValueError for memory that Python itself holds immutable
    array.fill(0)
