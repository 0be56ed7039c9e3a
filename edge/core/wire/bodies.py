"""The inside of a sealed body: what happened, as only headquarters may read it.

Laws:
1. ``outcome`` is the truth, ``shown`` what the counter saw. Both stand here and, sealed, only here.
2. A body whose truth is CLEAR holds a keyed hash of the number and nothing of the person (law 9).
3. The body's kind stands inside the seal; outside all kinds look alike (law 8).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from edge.core.documents import TravelDocument
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome, Verdict
from edge.core.wire.body_parts import BodyCoverage, BodyReason, coverage_of, reason_of
from edge.core.wire.codec import WireError, decode
from edge.core.wire.fields import Timestamp
from edge.core.wire.finger_body import FingersBody


class BodyDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The fields as printed; never in a CLEAR body."""

    format: str = ""
    type: str = ""
    issuing_state: str = ""
    number: str = ""
    nationality: str = ""
    birth_date: str = ""
    sex: str = ""
    expiry_date: str = ""
    surname: str = ""
    given_names: str = ""


class PassageBody(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="passage"
):
    """One traveller at one counter. ``trimmed`` 1..6: how much ``fit`` had to leave out; 0 for nothing."""

    passage: str
    counter: str
    direction: str
    at: Timestamp
    clock: ClockState
    outcome: Outcome
    shown: Outcome
    number_hash: str = ""
    lines: tuple[str, ...] = ()
    document: BodyDocument | None = None
    findings: tuple[str, ...] = ()
    reasons: tuple[BodyReason, ...] = ()
    coverage: tuple[BodyCoverage, ...] = ()
    late: bool = False
    trimmed: int = 0


class ClosingBody(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="closing"
):
    """A person decided about a POSSIBLE or HIT: the outcome code of the passage named."""

    passage: str
    code: str
    at: Timestamp
    clock: ClockState
    note: str = ""
    late: bool = False
    trimmed: int = 0


class DroppedBody(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="dropped"
):
    """CLEAR passages given up for want of space: closed ranges of seq, and how many rows they were.

    ``epoch`` is theirs; empty for the one that this body itself was written under.
    """

    ranges: list[tuple[int, int]]
    count: int
    at: Timestamp
    clock: ClockState
    epoch: Annotated[str, Meta(max_length=64)] = ""
    trimmed: int = 0


class NoticeBody(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="notice"
):
    """Something that befell the journal itself, by code: ``journal_set_aside``, ``entries_forgotten``."""

    code: str
    at: Timestamp
    clock: ClockState
    detail: dict[str, str | int] = {}
    trimmed: int = 0


Body = PassageBody | ClosingBody | DroppedBody | NoticeBody | FingersBody


def decode_body(plaintext: bytes) -> Body:
    """The body in an opened message; WireError for anything else."""
    try:
        return decode(plaintext, Body)  # type: ignore[arg-type]
    except WireError:
        pass
    raise WireError(f"{len(plaintext)} bytes are no body of this contract")


def passage_body(
    *,
    passage: str,
    counter: str,
    direction: str,
    at: Timestamp,
    clock: ClockState,
    verdict: Verdict,
    document: TravelDocument | None,
    number_hash: str,
) -> PassageBody:
    """The body of one verdict; a CLEAR verdict leaves everything personal out (law 2 above)."""
    clear = verdict.outcome is Outcome.CLEAR
    return PassageBody(
        passage=passage,
        counter=counter,
        direction=direction,
        at=at,
        clock=clock,
        outcome=verdict.outcome,
        shown=verdict.shown().outcome,
        number_hash=number_hash,
        lines=() if clear or document is None else document.lines,
        document=None if clear or document is None else _document(document),
        findings=() if clear or document is None else tuple(f.code for f in document.findings),
        reasons=tuple(map(reason_of, verdict.reasons)),
        coverage=coverage_of(verdict.coverage),
    )


def _document(document: TravelDocument) -> BodyDocument | None:
    fields = document.known
    if fields is None:
        return None
    return BodyDocument(
        format=document.format or "",
        type=fields.document_type,
        issuing_state=fields.issuing_state,
        number=fields.document_number,
        nationality=fields.nationality,
        birth_date=fields.birth_date,
        sex=fields.sex,
        expiry_date=fields.expiry_date,
        surname=fields.surname,
        given_names=fields.given_names,
    )
