"""Bodies: any of them fits, the important part survives, a CLEAR holds nobody."""

from __future__ import annotations

from datetime import date

import journal_kit as kit
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import padding, wire
from edge.core.documents import DateInterval, PrintedFields, TravelDocument
from edge.core.trusted import ClockState
from edge.core.verdicts import Coverage, CoverageState, Evidence, Outcome, Reason, ReasonKind, Verdict

_TEXT = st.text(st.characters(codec=None), max_size=80) | st.text(min_size=300, max_size=600)
_FLOAT = st.floats()
_EVIDENCE = st.builds(
    wire.BodyEvidence, query=_TEXT, listed=_TEXT, rule=_TEXT, similarity=_FLOAT, weight=_FLOAT, points=_FLOAT
)
_REASON = st.builds(
    wire.BodyReason,
    list=_TEXT,
    record=_TEXT,
    kind=_TEXT,
    outcome=_TEXT,
    score=_FLOAT,
    silent=st.booleans(),
    category=_TEXT,
    action=_TEXT,
    name=_TEXT,
    reference=_TEXT,
    position=st.integers(),
    comparison=_FLOAT,
    fingers=st.integers(),
    evidence=st.lists(_EVIDENCE, max_size=4).map(tuple),
)
_COVERAGE = st.builds(
    wire.BodyCoverage,
    list=_TEXT,
    generation=st.none() | st.integers(),
    age=st.none() | st.integers(),
    records=st.integers(),
    state=_TEXT,
)
_AT = st.just(kit.START)
_CLOCK = st.sampled_from(ClockState)
_PASSAGE = st.builds(
    wire.PassageBody,
    passage=_TEXT,
    counter=_TEXT,
    direction=_TEXT,
    at=_AT,
    clock=_CLOCK,
    outcome=st.sampled_from(Outcome),
    shown=st.sampled_from(Outcome),
    number_hash=_TEXT,
    lines=st.lists(_TEXT, max_size=5).map(tuple),
    document=st.none() | st.builds(wire.BodyDocument, surname=_TEXT, given_names=_TEXT, number=_TEXT),
    findings=st.lists(_TEXT, max_size=30).map(tuple),
    reasons=st.lists(_REASON, max_size=8).map(tuple),
    coverage=st.lists(_COVERAGE, max_size=8).map(tuple),
    late=st.booleans(),
)
_FINGERS = st.builds(
    wire.FingersBody,
    passage=_TEXT,
    counter=_TEXT,
    at=_AT,
    clock=_CLOCK,
    purpose=_TEXT,
    positions=st.lists(st.integers(), max_size=8).map(tuple),
    outcome=st.sampled_from(Outcome),
    shown=st.sampled_from(Outcome),
    scanner=_TEXT,
    extractor=_TEXT,
    reasons=st.lists(_REASON, max_size=20).map(tuple),
    coverage=st.lists(_COVERAGE, max_size=8).map(tuple),
    problem=_TEXT,
    after=_TEXT,
    image=st.binary(max_size=60) | st.just(bytes(range(256)) * 150),
)
_OTHERS = (
    st.builds(wire.ClosingBody, passage=_TEXT, code=_TEXT, at=_AT, clock=_CLOCK, note=_TEXT)
    | st.builds(
        wire.DroppedBody,
        ranges=st.lists(st.tuples(st.integers(1, 2**53), st.integers(1, 2**53)), max_size=300),
        count=st.integers(0, 2**40),
        at=_AT,
        clock=_CLOCK,
    )
    | st.builds(
        wire.NoticeBody,
        code=_TEXT,
        at=_AT,
        clock=_CLOCK,
        detail=st.dictionaries(_TEXT, _TEXT | st.integers(), max_size=8),
    )
)


@settings(max_examples=300)
@given(_PASSAGE | _FINGERS | _OTHERS)
def test_any_body_fits_and_can_be_read(body: wire.Body) -> None:
    plain = wire.fit(body)
    again = wire.decode_body(padding.unpad(padding.pad(plain)))
    assert type(again) is type(body)
    if isinstance(body, wire.PassageBody) and isinstance(again, wire.PassageBody):
        assert (again.outcome, again.shown, again.at, again.late) == (body.outcome, body.shown, body.at, body.late)
        assert bool(again.reasons) == bool(body.reasons)
    if isinstance(body, wire.FingersBody) and isinstance(again, wire.FingersBody):
        assert (again.outcome, again.shown, again.at) == (body.outcome, body.shown, body.at)
        assert bool(again.reasons) == bool(body.reasons)
        if not again.trimmed:
            assert len(again.reasons) == len(body.reasons)


@given(st.integers(0, 40), st.integers(0, 12))
def test_trimming_takes_evidence_before_it_takes_records(reasons: int, evidence: int) -> None:
    many = wire.PassageBody(
        passage="p",
        counter="c",
        direction="entry",
        at=kit.START,
        clock=ClockState.SIGNED,
        outcome=Outcome.HIT,
        shown=Outcome.HIT,
        reasons=tuple(
            wire.BodyReason(
                list=f"list-{n}",
                record=f"record-{n * 7919}",
                kind="person",
                outcome="HIT" if n == 3 else "POSSIBLE",
                score=n / 50,
                action=f"Action text {n * 31}: confirm with the NCB.",
                name=f"NAME {n * 104729}",
                evidence=tuple(
                    wire.BodyEvidence(query=f"Q{n * e}", listed=f"L{n + e * 17}", rule="fold", similarity=0.9)
                    for e in range(evidence)
                ),
            )
            for n in range(reasons)
        ),
    )
    body = wire.decode_body(wire.fit(many))
    assert isinstance(body, wire.PassageBody)
    if not body.trimmed:
        assert body == many
    if reasons > 3:
        kept = [r.record for r in body.reasons]
        assert f"record-{3 * 7919}" in kept  # the HIT is never cut before a POSSIBLE
        assert body.trimmed < 3 or kept[0] == f"record-{3 * 7919}"


def _document() -> TravelDocument:
    fields = PrintedFields(
        "P", "UTO", "L898902C3", "UTO", "740812", "F", "120415", "ERIKSSON", "ANNA MARIA", "ZE184226B", None
    )
    day = DateInterval(date(1974, 8, 12), date(1974, 8, 12))
    lines = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
    return TravelDocument("TD3", lines, fields, (), (), day, None, ("ERIKSSON",), ("ANNA", "MARIA"), False, ())


def _body(*reasons: Reason) -> wire.PassageBody:
    coverage = (Coverage("demo-docs", 3, 60, 10, CoverageState.ASKED),)
    return wire.passage_body(
        passage="p-1",
        counter="entry-1",
        direction="entry",
        at=kit.START,
        clock=ClockState.SIGNED,
        verdict=Verdict.of(reasons, coverage),
        document=_document(),
        number_hash="ab" * 32,
    )


def test_a_clear_body_holds_nobody() -> None:
    body = _body()
    assert (body.outcome, body.document, body.lines) == (Outcome.CLEAR, None, ())
    for secret in (b"ERIKSSON", b"ANNA", b"L898902C3", b"740812", b"UTO"):
        assert secret not in wire.fit(body)


def test_a_silent_hit_says_inside_what_it_was_and_what_was_shown() -> None:
    evidence = (Evidence("ERIKSSON", "ERIKSON", "skeleton", 0.93, 4.2),)
    body = _body(
        Reason(
            "national",
            "N-7",
            ReasonKind.PERSON,
            Outcome.HIT,
            0.97123456,
            evidence,
            True,
            "discreet",
            "Report.",
            "ERIKSON",
        )
    )
    assert (body.outcome, body.shown, body.reasons[0].silent) == (Outcome.HIT, Outcome.CLEAR, True)
    assert body.document is not None
    assert body.document.number == "L898902C3"
    assert wire.decode_body(wire.fit(body)) == body
    assert body.coverage == (wire.BodyCoverage(list="demo-docs", generation=3, age=60, records=10),)


def test_text_that_is_no_unicode_is_replaced_not_raised() -> None:
    body = wire.PassageBody(
        passage="p",
        counter="\ud800",
        direction="entry",
        at=kit.START,
        clock=ClockState.SIGNED,
        outcome=Outcome.UNREADABLE,
        shown=Outcome.UNREADABLE,
        lines=("P<UTO\udfff<<",),
        reasons=(wire.BodyReason(list="a", record="\udc80" * 900, kind="k", outcome="HIT", score=float("nan")),),
    )
    again = wire.decode_body(wire.fit(body))
    assert isinstance(again, wire.PassageBody)
    assert (again.counter, again.lines, again.reasons[0].score) == ("?", ("P<UTO?<<",), 0.0)
