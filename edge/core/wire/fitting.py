"""Makes any body fit the one size that every body has (or, of fingers, the other: ``edge.core.padding``).

What headquarters can look up again by the record's reference goes first (evidence, action texts),
what it cannot (who, which record, which outcome) last. The step that was needed stands in
``trimmed``. The last step is small whatever was in the body, so fitting never fails.

Of fingers the list's own words go first (actions, names), then evidence. A candidate's list, record, reference, finger
and comparison score are what the body is for, and cannot be looked up: all of them stay, if need be without the image,
unless twenty of them do not fit by their ids alone. Then the weakest go, a few at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from edge.core.padding import PLAIN_SIZE, pad, room
from edge.core.wire.bodies import (
    Body,
    BodyDocument,
    ClosingBody,
    DroppedBody,
    NoticeBody,
    PassageBody,
)
from edge.core.wire.body_parts import BodyReason
from edge.core.wire.finger_body import FingersBody

Reasoned = TypeVar("Reasoned", PassageBody, FingersBody)

_replace = msgspec.structs.replace
# Worst JSON text of one character is six bytes (a control character); the last step holds at most
# 320 characters and 200 bytes of frame, under the 2046 bytes of the block even if nothing compresses.
_SHORT = 40


def fit(body: Body, size: int = PLAIN_SIZE) -> bytes:
    """JSON of ``body`` that ``padding.pad`` takes for ``size``, trimmed as little as needed; never raises."""
    clean = _clean(body)
    encoded = msgspec.json.encode(clean)
    if room(encoded, size) >= 0:
        return encoded
    for number, step in enumerate(_STEPS[type(clean)], start=1):
        encoded = msgspec.json.encode(_replace(step(clean), trimmed=number))
        if room(encoded, size) >= 0:
            break
    return encoded


def fit_block(body: Body, size: int = PLAIN_SIZE) -> bytes:
    """``body`` fitted and padded to ``size`` (one of ``padding.SIZES``), ready to be sealed; never raises on data."""
    return pad(fit(body, size), size)


def _strong_evidence(body: Reasoned) -> Reasoned:
    return _with_reasons(body, lambda r: _replace(r, evidence=r.evidence[:6], action=r.action[:200]))


def _no_evidence(body: Reasoned) -> Reasoned:
    return _with_reasons(body, lambda r: _replace(r, evidence=(), action=r.action[:200]))


def _few_reasons(body: PassageBody) -> PassageBody:
    return _replace(
        _with_reasons(body, lambda r: _replace(r, evidence=(), action=""), limit=12),
        findings=body.findings[:20],
        coverage=body.coverage[:12],
    )


def _fewer_reasons(body: PassageBody) -> PassageBody:
    bare = _with_reasons(
        body,
        lambda r: _replace(r, evidence=(), action="", category=r.category[:24], name=r.name[:60]),
        limit=4,
    )
    return _replace(bare, findings=body.findings[:8], coverage=body.coverage[:4], lines=body.lines[:3])


def _one_reason(body: PassageBody) -> PassageBody:
    bare = _with_reasons(body, _bare_reason, limit=1)
    document = body.document and BodyDocument(
        number=body.document.number[:_SHORT], issuing_state=body.document.issuing_state[:3]
    )
    return _replace(
        _names(bare),
        findings=(),
        coverage=(),
        document=document,
        lines=tuple(line[:44] for line in body.lines[:3]),
    )


def _bare(body: PassageBody) -> PassageBody:
    return _replace(_one_reason(body), lines=(), document=None)


def _names(body: PassageBody) -> PassageBody:
    return _replace(
        body,
        passage=body.passage[:64],
        counter=body.counter[:_SHORT],
        direction=body.direction[:10],
        number_hash=body.number_hash[:64],
    )


def _bare_reason(reason: BodyReason) -> BodyReason:
    return BodyReason(
        list=reason.list[:_SHORT],
        record=reason.record[:_SHORT],
        kind=reason.kind[:10],
        outcome=reason.outcome[:10],
        score=reason.score,
        silent=reason.silent,
        reference=reason.reference[:_SHORT],
        position=reason.position,
        comparison=reason.comparison,
        fingers=reason.fingers,
    )


def _short_words(body: FingersBody) -> FingersBody:
    return _with_reasons(body, lambda r: _replace(r, action=r.action[:100], name=r.name[:60]))


def _no_words(body: FingersBody) -> FingersBody:
    return _with_reasons(body, lambda r: _replace(r, action="", name=r.name[:30], category=r.category[:24]))


def _plain_candidates(body: FingersBody) -> FingersBody:
    return _with_reasons(
        body, lambda r: _replace(r, evidence=(), action="", name=r.name[:30], category=r.category[:24])
    )


def _candidates(body: FingersBody, limit: int = 64) -> FingersBody:
    bare = _with_reasons(body, lambda r: _replace(r, evidence=(), action="", name="", category=""), limit)
    return _replace(bare, coverage=body.coverage[:8], problem=body.problem[:200])


def _no_image(body: FingersBody, limit: int = 64) -> FingersBody:
    return _replace(_candidates(body, limit), image=b"")


def _one_candidate(body: FingersBody) -> FingersBody:
    return _replace(
        _with_reasons(body, _bare_reason, limit=1),
        passage=body.passage[:64],
        counter=body.counter[:_SHORT],
        scanner=body.scanner[:16],
        purpose=body.purpose[:10],
        positions=body.positions[-1:],
        asked=body.asked[:10],
        extractor=body.extractor[:16],
        problem=body.problem[:24],
        after=body.after[:10],
        coverage=(),
        image=b"",
    )


def _with_reasons(body: Reasoned, shorten: Callable[[BodyReason], BodyReason], limit: int = 64) -> Reasoned:
    """Reasons that gave the outcome stand first, then by score, so that cutting takes the weakest.

    The score of a finger is a chance and often 1.0: then the comparison score decides.
    """
    ordered = sorted(body.reasons, key=lambda r: (r.outcome != "HIT", -r.score, -r.comparison))
    return _replace(body, reasons=tuple(map(shorten, ordered[:limit])))


def _short_note(body: ClosingBody) -> ClosingBody:
    return _replace(body, note=body.note[:200], passage=body.passage[:64], code=body.code[:_SHORT])


def _hull(body: DroppedBody) -> DroppedBody:
    low = min((r[0] for r in body.ranges), default=0)
    return _replace(body, ranges=[(low, max((r[1] for r in body.ranges), default=0))])


def _short_notice(body: NoticeBody) -> NoticeBody:
    few = list(body.detail.items())[:4]
    return _replace(
        body, code=body.code[:48], detail={k[:24]: v[:24] if isinstance(v, str) else v for k, v in few}
    )


_STEPS: dict[type, tuple[Callable[..., Body], ...]] = {
    PassageBody: (_strong_evidence, _no_evidence, _few_reasons, _fewer_reasons, _one_reason, _bare),
    ClosingBody: (_short_note,),
    DroppedBody: (_hull,),
    NoticeBody: (_short_notice,),
    FingersBody: (
        _short_words, _no_words, _plain_candidates, _candidates, _no_image,
        *(partial(_no_image, limit=limit) for limit in (16, 12, 8, 4)), _one_candidate,
    ),
}


def _clean(body: Body) -> Body:
    """The body itself, or one whose text is Unicode and whose numbers are finite, where it was not."""
    try:
        if msgspec.json.decode(msgspec.json.encode(body), type=type(body)) == body:
            return body
    except (UnicodeEncodeError, msgspec.MsgspecError):
        pass
    return msgspec.convert(_scrub(msgspec.to_builtins(body, builtin_types=())), type(body))


def _scrub(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else 0.0
    if isinstance(value, int) and not isinstance(value, bool):
        return max(-(2**63), min(value, 2**63 - 1))
    if isinstance(value, dict):
        return {_scrub(k): _scrub(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(v) for v in value]
    return value
