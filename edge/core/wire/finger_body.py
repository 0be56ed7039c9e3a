"""The inside of a sealed body that says what came of a finger.

Laws:
1. As in every body, ``outcome`` is the truth and ``shown`` what the counter saw; silent candidates stand only here.
2. No template and no minutia is ever in a body. An image stands in it only where the policy of a candidate's list
   asks for it, and then in a block that has one size, with an image or without (ARCHITECTURE law 8).
3. Which reference of which record of which list, which finger, and how alike: that stands there of every candidate
   (``fitting`` takes words first, then the image, and candidates only where their ids alone are too long for a block).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge.core.fingerprints.answers import FingerTaken, SearchAnswer
from edge.core.fingerprints.model import Position
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome, Reason
from edge.core.wire.body_parts import BodyCoverage, BodyReason, coverage_of, reason_of
from edge.core.wire.fields import Timestamp


class FingersBody(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="fingers"
):
    """One finger of a passage: taken and searched (search, second) or compared with an earlier one (verify).

    ``positions`` are those of ISO/IEC 19794-2:2005 table 2, the finger taken now last. ``outcome`` and ``shown`` are
    those of the whole passage with this finger; ``reasons`` the candidates of all its fingers. ``scanner`` names the
    counter whose scanner took it, where that is another one. ``quality`` 0..100 of the gate, ``nfiq2`` 0..100 or 255.
    ``score`` and ``same`` are of a verification. ``after``: ``closed`` or ``kept`` where it came after the passage was
    closed, or after the time that a passage takes a finger. ``image`` is WSQ. ``trimmed`` 1..10: how much ``fit`` had
    to leave out; 0 for nothing.
    """

    passage: str
    counter: str
    at: Timestamp
    clock: ClockState
    purpose: str
    positions: tuple[int, ...]
    outcome: Outcome
    shown: Outcome
    asked: str = ""
    scanner: str = ""
    quality: int = 0
    nfiq2: int = 255
    tries: int = 0
    extractor: str = ""
    templates: int = 0
    reasons: tuple[BodyReason, ...] = ()
    coverage: tuple[BodyCoverage, ...] = ()
    score: float | None = None
    same: bool | None = None
    problem: str = ""
    after: str = ""
    image: bytes = b""
    late: bool = False
    trimmed: int = 0


def fingers_body(
    *,
    passage: str,
    counter: str,
    at: Timestamp,
    clock: ClockState,
    purpose: str,
    positions: Sequence[Position],
    outcome: Outcome,
    shown: Outcome,
    reasons: Sequence[Reason],
    asked: str = "",
    scanner: str = "",
    taken: FingerTaken | None = None,
    answer: SearchAnswer | None = None,
    score: float | None = None,
    same: bool | None = None,
    problem: str = "",
    after: str = "",
    image: bytes = b"",
) -> FingersBody:
    """The body of one finger; of ``taken`` its quality alone, never pixels or minutiae."""
    return FingersBody(
        passage=passage,
        counter=counter,
        at=at,
        clock=clock,
        purpose=purpose,
        positions=tuple(map(int, positions)),
        outcome=outcome,
        shown=shown,
        asked=asked,
        scanner=scanner if scanner != counter else "",
        quality=taken.quality if taken else 0,
        nfiq2=taken.nfiq2 if taken else 255,
        tries=taken.tries if taken else 0,
        extractor=taken.template.extractor_id if taken else "",
        templates=answer.templates if answer else 0,
        reasons=tuple(map(reason_of, reasons)),
        coverage=coverage_of(answer.coverage) if answer else (),
        score=None if score is None else round(score, 3),
        same=same,
        problem=problem,
        after=after,
        image=image,
    )
