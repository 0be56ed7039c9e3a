"""Damage in a list takes no hit away, and a bearer nobody can read is met in silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from memory_lists import TRUSTED, memory_list

from edge.core.screening import Query, Screener
from edge.core.verdicts import CoverageState, Outcome, Verdict
from edge.core.watch import DocumentEntry, EntryName, LayoutError, PersonEntry, PersonTable

NUMBER = "L898902C3"
WANTED = PersonEntry(
    reference="N-1", names=(EntryName("Erika Mustermann"),),
    documents=(DocumentEntry(number=NUMBER, issuing_state="UTO", document_type="P", reference="D-1", person=0),),
)  # fmt: skip
OTHER = DocumentEntry(
    number="X1234567", issuing_state="UTO", document_type="P", reference="D-2", reported=date(2025, 1, 1)
)


class Rotten(PersonTable):
    """Every record is damaged, as the tag of a sealed one would tell."""

    def person(self, index: int) -> object:  # type: ignore[override]
        raise LayoutError(f"record {index} is damaged")


def asked(number: str, issuer: str = "UTO", *, rotten: bool = True) -> Verdict:
    listed = memory_list("national", persons=[WANTED], documents=[OTHER])
    if rotten and listed.persons is not None:
        table = object.__new__(Rotten)
        table.__dict__.update(listed.persons.__dict__)
        listed = replace(listed, persons=table)
    query = Query.of_fields({"document_number": number, "issuing_state": issuer})
    return Screener().screen(query, [listed], TRUSTED)


def test_a_hit_stands_whose_bearer_cannot_be_read_and_only_headquarters_learns_of_it() -> None:
    verdict = asked(NUMBER)
    assert [(r.record, r.outcome, r.silent, r.name) for r in verdict.reasons] == [("D-1", Outcome.HIT, True, "")]
    assert verdict.coverage[0].state is CoverageState.DAMAGED
    assert verdict.outcome is Outcome.HIT
    assert verdict.shown().outcome is Outcome.INCOMPLETE
    sound = asked(NUMBER, rotten=False)
    assert [(r.outcome, r.silent) for r in sound.reasons] == [(Outcome.HIT, False)]


def test_it_takes_no_other_hit_of_the_list_along() -> None:
    verdict = asked(OTHER.number)
    assert [(r.record, r.outcome, r.silent) for r in verdict.reasons] == [("D-2", Outcome.HIT, False)]
    assert verdict.coverage[0].state is CoverageState.ASKED


def test_an_unknown_issuer_is_a_lead_without_its_bearer() -> None:
    verdict = asked(NUMBER, "")
    assert [(r.outcome, r.silent) for r in verdict.reasons] == [(Outcome.POSSIBLE, True)]
    assert verdict.coverage[0].state is CoverageState.DAMAGED
