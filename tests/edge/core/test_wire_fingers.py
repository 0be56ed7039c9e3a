"""What a report says of each candidate by a finger stays in it, however much else there is to say."""

from __future__ import annotations

import random
import string
import uuid
from collections.abc import Callable

import journal_kit as kit
import pytest

from edge.core import padding, wire
from edge.core.fingerprints.answers import FingerCandidate, SearchAnswer
from edge.core.fingerprints.model import Position
from edge.core.screening.by_finger import by_finger
from edge.core.trusted import ClockState
from edge.core.verdicts import Coverage, CoverageState, Outcome

LETTERS = string.ascii_letters + string.digits
SIZES = [(padding.PLAIN_SIZE, 0), (padding.IMAGE_SIZE, 15_000), (padding.IMAGE_SIZE, padding.MAX_IMAGE)]


def drawn(dice: random.Random, length: int) -> str:
    return "".join(dice.choices(LETTERS, k=length))


def short_id(dice: random.Random) -> str:
    return drawn(dice, 12)


def long_id(dice: random.Random) -> str:
    return str(uuid.UUID(int=dice.getrandbits(128)))


def candidates(shown: int, silent: int, ident: Callable[[random.Random], str]) -> tuple[FingerCandidate, ...]:
    """With names and actions as long as they may be, and nothing that a compression makes much of."""
    dice = random.Random(shown * 31 + silent)
    found = [
        FingerCandidate(
            f"prints-{i % 3}", ident(dice), ident(dice), Position(2 + i % 3), score=dice.uniform(3, 40),
            expected=dice.choice([0, 1e-9]), silent=i >= shown, category="red notice", action=drawn(dice, 400),
            name=drawn(dice, 300), fingers=1 + i % 2, agrees=bool(i % 2),
        )
        for i in range(shown + silent)
    ]  # fmt: skip
    return tuple(found)


def report(them: tuple[FingerCandidate, ...], image: bytes = b"") -> wire.FingersBody:
    coverage = tuple(Coverage(f"prints-{i}", 4, 3600, 20_000, CoverageState.ASKED) for i in range(3))
    answer = SearchAnswer(them, coverage, "leader-da96e122")
    return wire.fingers_body(
        passage="P-20260301-0042", counter="entry-1", at=kit.START, clock=ClockState.SIGNED, purpose="search",
        positions=[Position.RIGHT_INDEX], outcome=Outcome.POSSIBLE, shown=Outcome.POSSIBLE, reasons=by_finger(answer),
        asked="policy", answer=answer, image=image,
    )  # fmt: skip


def fitted(body: wire.FingersBody, size: int) -> wire.FingersBody:
    read = wire.decode_body(padding.unpad(wire.fit_block(body, size)))
    assert isinstance(read, wire.FingersBody)
    return read


def said(reasons: tuple[wire.BodyReason, ...]) -> set[tuple[object, ...]]:
    return {(r.list, r.record, r.reference, r.position, r.comparison, r.fingers, r.silent, r.outcome) for r in reasons}


@pytest.mark.parametrize(("size", "image"), SIZES)
@pytest.mark.parametrize(("shown", "silent"), [(1, 0), (0, 1), (4, 4), (10, 0), (0, 10), (10, 10)])
@pytest.mark.parametrize("ident", [short_id, long_id])
def test_every_candidate_keeps_its_reference_and_score(
    shown: int, silent: int, ident: Callable[[random.Random], str], size: int, image: int
) -> None:
    them = candidates(shown, silent, ident)
    read = fitted(report(them, random.Random(1).randbytes(image)), size)
    assert said(read.reasons) == {
        (c.list_id, c.record, c.reference, int(c.position), round(c.score, 3), c.fingers, c.silent, "POSSIBLE")
        for c in them
    }


def test_words_go_before_evidence_and_evidence_before_the_image() -> None:
    some = fitted(report(candidates(2, 2, short_id)), padding.PLAIN_SIZE)
    assert some.trimmed == 1
    assert all(len(r.action) == 100 and len(r.name) == 60 and len(r.evidence) == 7 for r in some.reasons)
    more = fitted(report(candidates(10, 10, short_id)), padding.PLAIN_SIZE)
    assert (more.trimmed, {(r.action, len(r.name), len(r.evidence)) for r in more.reasons}) == (2, {("", 30, 7)})
    bare = fitted(report(candidates(10, 10, long_id)), padding.PLAIN_SIZE)
    assert bare.trimmed in (3, 4)
    assert {len(r.evidence) for r in bare.reasons} == {0}
    image = random.Random(2).randbytes(padding.MAX_IMAGE)
    assert fitted(report(candidates(10, 10, short_id), image), padding.IMAGE_SIZE).image == image
    longest = candidates(10, 10, lambda dice: "".join(chr(c) for c in dice.choices(range(0x4E00, 0x9000), k=60)))
    without = fitted(report(longest, image), padding.IMAGE_SIZE)
    assert (without.image, len(without.reasons)) == (b"", 20)


def test_of_candidates_whose_ids_alone_are_too_long_those_of_the_lowest_scores_go() -> None:
    """Twenty times 120 drawn characters are more than a block holds.

    exp(-expected) is 1.0 to the last digit for whoever is far above the threshold: so the comparison score decides.
    """
    them = candidates(10, 10, lambda dice: drawn(dice, 60))
    body = report(them)
    assert {r.score for r in body.reasons} == {1.0}
    read = fitted(body, padding.PLAIN_SIZE)
    best = sorted((round(c.score, 3) for c in them), reverse=True)[: len(read.reasons)]
    assert [r.comparison for r in read.reasons] == best
    assert len(best) >= 12
    assert {(r.record, r.reference) for r in read.reasons} <= {(c.record, c.reference) for c in them}


def test_a_report_of_before_is_still_read() -> None:
    """Of a box that does not yet send them, the new fields are empty."""
    old = (
        b'{"kind":"fingers","passage":"p","counter":"c","at":"2026-03-01T12:04:31Z","clock":"signed","purpose":"search",'
        b'"positions":[2],"outcome":"POSSIBLE","shown":"POSSIBLE","reasons":'
        b'[{"list":"l","record":"r","kind":"finger","outcome":"POSSIBLE","score":1.0}]}'
    )
    body = wire.decode_body(old)
    assert isinstance(body, wire.FingersBody)
    assert (body.reasons[0].reference, body.reasons[0].comparison, body.reasons[0].fingers) == ("", 0.0, 0)
