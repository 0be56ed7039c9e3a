"""Screening on small invented lists: outcomes, qualifiers, coverage, silence, limits."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_lists import NOW, TRUSTED, UNTRUSTED, MemoryList, memory_list

from edge.core.documents import DateInterval, NumberReading, NumberSource
from edge.core.mrz import compose, parse
from edge.core.screening import MAX_REASONS, Query, Screener, screen
from edge.core.verdicts import CoverageState, Outcome, ReasonKind, Verdict
from edge.core.watch import DocumentEntry, EntryName, PersonEntry, Thresholds

TODAY = NOW.date()


def day(text: str) -> DateInterval:
    found = DateInterval.parse(text)
    assert found is not None
    return found


WERFALLI = PersonEntry(
    reference="N-1",
    names=(EntryName("Mokhtar Salem Bashir al-Werfalli", "primary"), EntryName("Abu Sahlab", "low"),
           EntryName("Sandqvist Torsten", "low")),
    births=(day("1971-03-09"),), sex="M", nationalities=("UTO",), notice="red",
    action="Do not let pass alone. Confirm with the NCB.",
)  # fmt: skip
YEAR_ONLY = PersonEntry("N-2", (EntryName("Farhan Idris Qutaybah", "primary"),), (day("1968"),), "M")
NO_BIRTH = PersonEntry("N-3", (EntryName("Zubaida Nuwayra", "primary"),))
ONE_TOKEN = PersonEntry("N-4", (EntryName("Suhartono", "primary"),), (day("1960-05-05"),), "M")
PEOPLE = memory_list("national", persons=(WERFALLI, YEAR_ONLY, NO_BIRTH, ONE_TOKEN))


def ask(lists: tuple[MemoryList, ...] = (PEOPLE,), **fields: str) -> Verdict:
    return screen(Query.of_fields(fields), lists, now=TRUSTED)


def test_a_listed_person_with_the_birth_date_is_a_hit() -> None:
    found = ask(surname="ALWERFALLI", given_names="MUKHTAR SALIM BASHEER", birth_date="1971-03-09", sex="M")
    assert found.outcome is Outcome.HIT
    (reason,) = found.reasons
    assert (reason.list_id, reason.record, reason.kind) == ("national", "N-1", ReasonKind.PERSON)
    assert reason.category == "red"
    assert "NCB" in reason.action
    rules = {e.rule for e in reason.evidence}
    assert "birth date equal" in rules
    assert {"skeleton", "article"} <= rules
    assert reason.name == "Mokhtar Salem Bashir al-Werfalli"


@pytest.mark.parametrize(
    ("birth", "outcome", "rule"),
    [
        ("1971-03-09", Outcome.HIT, "birth date equal"),
        ("1971-09-03", Outcome.POSSIBLE, "birth day and month swapped"),
        ("1971-03-08", Outcome.POSSIBLE, "birth date differs in one digit"),
        ("1971-12-24", Outcome.POSSIBLE, "birth year equal, day differs"),
        ("", Outcome.POSSIBLE, "birth date not known on both sides"),
        ("1990-01-02", Outcome.POSSIBLE, "birth date contradicts"),  # forged: the whole name agrees
    ],
)
def test_what_the_birth_date_makes_of_a_whole_name(birth: str, outcome: Outcome, rule: str) -> None:
    found = ask(surname="AL WERFALLI", given_names="MOKHTAR SALEM BASHIR", birth_date=birth)
    assert found.outcome is outcome
    assert rule in {e.rule for e in found.reasons[0].evidence}


@pytest.mark.parametrize(
    ("birth", "outcome"),
    [("1968-02-02", Outcome.HIT), ("1968", Outcome.HIT), ("1969-02-02", Outcome.POSSIBLE), ("", Outcome.POSSIBLE)],
)
def test_a_listed_year_and_a_whole_name(birth: str, outcome: Outcome) -> None:
    assert ask(surname="QUTAYBAH", given_names="FARHAN IDRIS", birth_date=birth).outcome is outcome


def test_part_of_a_name_and_another_birth_date_is_nothing() -> None:
    assert ask(surname="WERFALLI", given_names="SALEM", birth_date="1990-01-02").outcome is Outcome.CLEAR


def test_another_sex_leaves_a_possible() -> None:
    found = ask(surname="AL WERFALLI", given_names="MOKHTAR SALEM BASHIR", birth_date="1971-03-09", sex="F")
    assert found.outcome is Outcome.POSSIBLE
    assert "sex differs" in {e.rule for e in found.reasons[0].evidence}


def test_nationality_is_shown_with_its_points() -> None:
    named = {"surname": "NUWAYRA", "given_names": "ZUBAIDA"}
    assert ask(**named).outcome is Outcome.POSSIBLE
    other = ask(surname="AL WERFALLI", given_names="MOKHTAR SALEM BASHIR", nationality="UTO")
    assert any(e.rule == "nationality equal" and e.points > 0 for e in other.reasons[0].evidence)


def test_a_low_quality_alias_gives_a_hit_only_with_the_exact_day() -> None:
    alias = {"surname": "SANDQVIST", "given_names": "TORSTEN"}
    assert ask(**alias).outcome is Outcome.POSSIBLE
    assert ask(**alias, birth_date="1971").outcome is Outcome.POSSIBLE
    assert ask(**alias, birth_date="1971-03-09").outcome is Outcome.HIT
    assert ask(**alias, birth_date="1990-01-01").outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"surname": "SUHARTONO"}, Outcome.POSSIBLE),
        ({"surname": "SOEHARTONO"}, Outcome.POSSIBLE),
        ({"surname": "SUHARTONO", "birth_date": "1960-05-05"}, Outcome.POSSIBLE),
        ({"surname": "SUHARTONO", "birth_date": "1985-05-05"}, Outcome.CLEAR),
        ({"surname": "SUHARTONO", "given_names": "BAMBANG"}, Outcome.POSSIBLE),
        ({"surname": "SUHARTINO"}, Outcome.POSSIBLE),
        ({"surname": "SUKARTONO"}, Outcome.CLEAR),
    ],
)
def test_a_record_of_one_token(fields: dict[str, str], outcome: Outcome) -> None:
    assert ask(**fields).outcome is outcome


def test_a_one_token_alias_of_a_longer_name_needs_a_traveller_without_other_names() -> None:
    listed = PersonEntry(
        "N-9", (EntryName("Torvald Bergmark Quist", "primary"), EntryName("Marcello", "good")), (day("1970"),)
    )
    lists = (memory_list("national", persons=[listed]),)
    assert ask(lists, surname="MARCELLO").outcome is Outcome.POSSIBLE
    assert ask(lists, surname="ROSSINI", given_names="MARCELLO").outcome is Outcome.CLEAR


def test_a_zone_that_cut_the_name_still_finds_it() -> None:
    lines = compose.td1(
        document_code="I", issuing_state="UTO", surname="AL WERFALLI",
        given_names="MOKHTAR SALEM BASHIR ABDULRAHMAN", number="D23145890", nationality="UTO",
        birth_date="710309", sex="M", expiry_date="300101",
    )  # fmt: skip
    document = parse(lines, today=TODAY)
    assert document.truncated
    found = screen(Query.of_document(document), (PEOPLE,), now=TRUSTED)
    assert found.outcome is Outcome.HIT


def test_thresholds_of_the_list_count() -> None:
    lax = memory_list("lax", persons=[NO_BIRTH], thresholds=Thresholds(alert=0.5, review=0.5))
    strict = memory_list("strict", persons=[NO_BIRTH], thresholds=Thresholds(alert=1.0, review=1.0))
    found = ask((lax, strict), surname="NUWAYRAT", given_names="ZUBEIDA")
    assert [r.list_id for r in found.reasons] == ["lax"]


def test_a_person_past_its_review_date_does_not_match_by_trusted_time() -> None:
    lists = (memory_list("old", persons=[replace(WERFALLI, review_date=date(2026, 2, 1))]),)
    query = Query.of_fields({"surname": "WERFALLI", "given_names": "MOKHTAR SALEM BASHIR"})
    assert screen(query, lists, now=TRUSTED).outcome is Outcome.CLEAR
    assert screen(query, lists, now=UNTRUSTED).outcome is Outcome.POSSIBLE


# -- documents -----------------------------------------------------------------------------------------------

PAPERS = memory_list(
    "sltd",
    documents=(
        DocumentEntry("L898902C3", "UTO", "P", "stolen", date(2020, 1, 2), reference="S-1"),
        DocumentEntry("K1234567", "", "P", "lost", reference="S-2"),
        DocumentEntry("EXPIRED12", "UTO", "P", "stolen", review_date=date(2026, 2, 28), reference="S-3"),
        DocumentEntry("D231458907", "D", "I", "revoked", reference="S-4"),
    ),
)
BEARER = memory_list(
    "tdawn",
    persons=(
        replace(
            WERFALLI,
            silent=True,
            documents=(
                DocumentEntry("TD7654321", "", "P", "listed_person", reference="T-1", person=0),
                DocumentEntry("TD7654322", "UTO", "P", "listed_person", person=0),
            ),
        ),
    ),
)


def reading(number: str, issuer: str, source: NumberSource = NumberSource.PRINTED) -> Query:
    return Query(readings=(NumberReading(number, issuer, source),), document_type="P")


@pytest.mark.parametrize(
    ("number", "issuer", "source", "outcome"),
    [
        ("L898902C3", "UTO", NumberSource.PRINTED, Outcome.HIT),
        ("L898902C3", "UTO", NumberSource.LONG, Outcome.HIT),
        ("L898902C3", "UTO", NumberSource.PRINCIPAL, Outcome.POSSIBLE),
        ("L898902C3", "UTO", NumberSource.CORRECTED, Outcome.POSSIBLE),
        ("L898902C3", "UTO", NumberSource.LOOK_ALIKE, Outcome.POSSIBLE),
        ("L898902C3", "", NumberSource.PRINTED, Outcome.POSSIBLE),
        ("L898902C3", "FRA", NumberSource.PRINTED, Outcome.CLEAR),
        ("K1234567", "UTO", NumberSource.PRINTED, Outcome.POSSIBLE),
        ("D231458907", "DEU", NumberSource.PRINTED, Outcome.HIT),
        ("EXPIRED12", "UTO", NumberSource.PRINTED, Outcome.CLEAR),
        ("L898902C4", "UTO", NumberSource.PRINTED, Outcome.CLEAR),
    ],
)
def test_documents(number: str, issuer: str, source: NumberSource, outcome: Outcome) -> None:
    assert screen(reading(number, issuer, source), (PAPERS,), now=TRUSTED).outcome is outcome


def test_untrusted_time_expires_no_document() -> None:
    assert screen(reading("EXPIRED12", "UTO"), (PAPERS,), now=UNTRUSTED).outcome is Outcome.HIT


def test_a_document_type_that_differs_is_explained_not_decisive() -> None:
    found = screen(replace(reading("D231458907", "D"), document_type="P<"), (PAPERS,), now=TRUSTED)
    assert found.outcome is Outcome.HIT
    assert ("P", "I", "document type differs") in {(e.query, e.listed, e.rule) for e in found.reasons[0].evidence}


def test_the_best_reading_speaks_for_a_record() -> None:
    both = Query(
        readings=(
            NumberReading("L898902C3", "UTO", NumberSource.LOOK_ALIKE),
            NumberReading("L898902C3", "UTO", NumberSource.PRINTED),
        )
    )
    found = screen(both, (PAPERS,), now=TRUSTED)
    assert [r.outcome for r in found.reasons] == [Outcome.HIT]


def test_a_listed_persons_document_answers_for_the_person() -> None:
    found = screen(reading("TD7654322", "UTO"), (BEARER,), now=TRUSTED)
    (reason,) = found.reasons
    assert (reason.kind, reason.category, reason.record) == (ReasonKind.DOCUMENT, "red", "N-1")
    assert reason.action == WERFALLI.action
    assert reason.silent
    assert found.outcome is Outcome.HIT
    assert found.shown().outcome is Outcome.CLEAR


def test_an_unknown_issuer_is_a_hit_when_the_bearer_agrees() -> None:
    number = {"document_number": "TD 765-4321"}
    assert ask((BEARER,), **number).outcome is Outcome.POSSIBLE
    assert ask((BEARER,), **number, birth_date="1971-03-09").reasons[0].outcome is Outcome.HIT
    named = ask((BEARER,), **number, surname="WERFALLI", given_names="MOKHTAR SALEM BASHIR")
    document = next(r for r in named.reasons if r.kind is ReasonKind.DOCUMENT)
    assert document.outcome is Outcome.HIT
    assert ask((BEARER,), **number, surname="LINDGREN", given_names="ANNA").outcome is Outcome.POSSIBLE


def test_a_wrong_check_digit_is_screened_all_the_same() -> None:
    upper, lower = compose.td3(
        issuing_state="UTO", surname="ERIKSSON", given_names="ANNA MARIA", number="L898902C3", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="300101",
    )  # fmt: skip
    broken = lower[:9] + str((int(lower[9]) + 1) % 10) + lower[10:]
    hit = screen(Query.of_document(parse((upper, broken), today=TODAY)), (PAPERS,), now=TRUSTED)
    assert hit.outcome is Outcome.HIT
    assert "document_number" in hit.unreadable
    other = screen(Query.of_document(parse((upper, broken.replace("L898902C3", "L888902C3")), today=TODAY)),
                   (PAPERS,), now=TRUSTED)  # fmt: skip
    assert other.outcome is Outcome.UNREADABLE


@pytest.mark.parametrize(
    ("change", "readable"),
    [
        (lambda u, w: (u, w[:20] + "X" + w[21:]), True),                    # sex: no list is asked by it
        (lambda u, w: (u, w[:21] + "301301" + w[27:]), False),              # expiry: composite fails as well
        (lambda u, w: (u[:20] + "4" + u[21:], w), False),                   # a digit in the name
        (lambda u, w: (u[:20], w), False),                                  # no format
        (lambda u, w: (u[:5] + "<" * 39, w), False),                        # no name: nobody was asked for
        (lambda u, w: (u[:20] + "é" + u[21:], w), False),                   # characters
    ],
)
def test_which_errors_leave_a_question_doubtful(change: object, readable: bool) -> None:
    lines = compose.td3(
        issuing_state="UTO", surname="ERIKSSON", given_names="ANNA MARIA", number="L898902C9", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="300101",
    )  # fmt: skip
    assert callable(change)
    query = Query.of_document(parse(change(*lines), today=TODAY))
    assert (not query.doubts) is readable
    verdict = screen(query, (PAPERS, PEOPLE), now=TRUSTED)
    assert verdict.outcome is (Outcome.CLEAR if readable else Outcome.UNREADABLE)


# -- coverage ------------------------------------------------------------------------------------------------


def states(verdict: Verdict) -> dict[str, CoverageState]:
    return {c.list_id: c.state for c in verdict.coverage}


CALM = Query.of_fields({"surname": "LINDGREN", "given_names": "SVEN ARVID", "document_number": "X1"})


def test_coverage_names_generation_age_and_records() -> None:
    (part,) = screen(CALM, (PEOPLE,), now=TRUSTED).coverage
    assert (part.generation, part.records, part.state) == (1, 4, CoverageState.ASKED)
    assert part.age_seconds == int((NOW - datetime(2026, 2, 27, tzinfo=UTC)).total_seconds())


def test_no_list_at_all_is_incomplete() -> None:
    assert screen(CALM, (), now=TRUSTED).outcome is Outcome.INCOMPLETE


def test_a_required_list_that_is_absent_or_damaged() -> None:
    damaged = MemoryList("sltd", None, None, None, "its digest does not agree")
    screener = Screener(required=frozenset({"sltd", "national", "missing"}))
    found = screener.screen(CALM, (PEOPLE, damaged), TRUSTED)
    assert states(found) == {
        "national": CoverageState.ASKED,
        "sltd": CoverageState.DAMAGED,
        "missing": CoverageState.MISSING,
    }
    assert found.outcome is Outcome.INCOMPLETE
    lenient = Screener(required=frozenset({"national"})).screen(CALM, (PEOPLE, damaged), TRUSTED)
    assert lenient.outcome is Outcome.CLEAR


def test_age_limits() -> None:
    day_s = timedelta(days=1).total_seconds()
    assert Screener(None, 30 * day_s).screen(CALM, (PEOPLE,), TRUSTED).outcome is Outcome.CLEAR
    stale = Screener(None, day_s).screen(CALM, (PEOPLE,), TRUSTED)
    assert (states(stale)["national"], stale.outcome) == (CoverageState.STALE, Outcome.INCOMPLETE)
    own = Screener(None, day_s, {"national": 30 * day_s}).screen(CALM, (PEOPLE,), TRUSTED)
    assert own.outcome is Outcome.CLEAR
    blind = Screener(None, 30 * day_s).screen(CALM, (PEOPLE,), UNTRUSTED)
    assert (states(blind)["national"], blind.outcome) == (CoverageState.TIME_UNTRUSTED, Outcome.INCOMPLETE)
    assert blind.coverage[0].age_seconds is None
    future = memory_list("national", persons=[NO_BIRTH], source_date=NOW + timedelta(days=30))
    assert states(Screener(None, day_s).screen(CALM, (future,), TRUSTED))["national"] is CoverageState.TIME_UNTRUSTED


def test_a_stale_list_is_asked_all_the_same() -> None:
    query = Query.of_fields({"surname": "NUWAYRA", "given_names": "ZUBAIDA"})
    assert Screener(None, 1.0).screen(query, (PEOPLE,), TRUSTED).outcome is Outcome.POSSIBLE


def test_a_list_that_holds_nothing_for_the_fields_does_not_count() -> None:
    found = ask((PEOPLE, PAPERS), document_number="ZZ1", issuing_state="UTO")
    assert states(found) == {"national": CoverageState.NOT_APPLICABLE, "sltd": CoverageState.ASKED}
    assert found.outcome is Outcome.CLEAR
    assert ask((PEOPLE,), document_number="ZZ1").outcome is Outcome.INCOMPLETE


# -- silence and limits --------------------------------------------------------------------------------------


def test_a_silent_list_projects_to_what_would_be_without_it() -> None:
    public = memory_list("national", persons=[NO_BIRTH])
    silent = memory_list("watch", persons=[WERFALLI, NO_BIRTH], silent=True)
    nobody = memory_list("watch", persons=[replace(WERFALLI, names=(EntryName("Torvald Quist", "primary"),))] * 2)
    for fields in (
        {"surname": "NUWAYRA", "given_names": "ZUBAIDA"},
        {"surname": "WERFALLI", "given_names": "MOKHTAR SALEM BASHIR", "birth_date": "1971-03-09"},
    ):
        with_silent, without = ask((public, silent), **fields), ask((public, nobody), **fields)
        assert with_silent.outcome.rank >= without.outcome.rank
        assert any(r.silent for r in with_silent.reasons)
        shown = with_silent.shown()
        assert (shown.outcome, shown.reasons) == (without.outcome, without.reasons)
        assert shown.coverage == without.coverage


def test_reasons_are_bounded_and_the_rest_is_counted() -> None:
    crowd = [PersonEntry(f"C-{i}", (EntryName("Zubaida Nuwayra", "primary"),), silent=i < 15) for i in range(40)]
    found = ask((memory_list("crowd", persons=crowd),), surname="NUWAYRA", given_names="ZUBAIDA")
    public = [r for r in found.reasons if not r.silent]
    silent = [r for r in found.reasons if r.silent]
    assert (len(public), len(silent)) == (MAX_REASONS, MAX_REASONS)
    counts = {e.listed for r in found.reasons for e in r.evidence if e.rule == "more records of this list agree"}
    assert counts == {"15", "5"}


@given(st.dictionaries(
    st.sampled_from(["surname", "given_names", "birth_date", "sex", "nationality", "document_number", "issuing_state"]),
    st.one_of(st.text(max_size=40), st.none(), st.integers(), st.lists(st.text(max_size=3), max_size=2)),
))  # fmt: skip
def test_no_fields_raise(fields: dict[str, object]) -> None:
    verdict = screen(Query.of_fields(fields), (PEOPLE, PAPERS), now=TRUSTED)
    assert len(verdict.coverage) == 2
    if not any(isinstance(v, str) and v.strip() for v in fields.values()):
        assert verdict.outcome is Outcome.UNREADABLE


@given(st.lists(st.text("ABCDEFGHIKLMNOP<0123456789é", min_size=0, max_size=50), max_size=4))
def test_no_lines_raise(lines: list[str]) -> None:
    verdict = screen(Query.of_document(parse(lines, today=TODAY)), (PEOPLE, PAPERS), now=TRUSTED)
    assert verdict.outcome is not Outcome.CLEAR or not verdict.unreadable


STOLEN = memory_list("sltd", documents=(DocumentEntry(number="N48211730", issuing_state="UTO", document_type="P",
                                                      fraud_category="stolen", reference="S-1"),))  # fmt: skip


@pytest.mark.parametrize(
    ("state", "nationality", "outcome"),
    [
        ("UTO", "UTO", Outcome.HIT),
        ("UT0", "UTO", Outcome.POSSIBLE),   # a code that no State has: misread
        ("TUN", "UTO", Outcome.POSSIBLE),   # misread into another State's code
        ("TUN", "TUN", Outcome.CLEAR),      # somebody else's passport of the same number
    ],
)
def test_a_misread_issuing_state_does_not_hide_a_stolen_passport(
    state: str, nationality: str, outcome: Outcome
) -> None:
    lines = compose.td3(
        issuing_state="UTO", surname="Fennimore", given_names="Ada", number="N48211730", nationality=nationality,
        birth_date="800101", sex="F", expiry_date="310101",
    )
    document = parse((f"P<{state}{lines[0][5:]}", lines[1]), today=TODAY)
    assert screen(Query.of_document(document), (STOLEN,), now=TRUSTED).outcome is outcome


def test_a_name_with_fewer_ancestors_is_possible_on_the_very_day_of_birth_and_else_not() -> None:
    listed = memory_list("national", persons=(
        PersonEntry("N-9", (EntryName("Ghazala Mutammir Yadgar Abu Sindiyar Qamrani", "primary"),),
                    (day("1978-01-07"),), "F", ("UTO",)),
    ))  # fmt: skip

    def outcome(**fields: str) -> Outcome:
        return ask((listed,), surname="Qamrani", given_names="Ghazala", sex="F", nationality="UTO", **fields).outcome

    assert outcome(birth_date="1978-01-07") is Outcome.POSSIBLE
    assert outcome(birth_date="1978-01-08") is Outcome.CLEAR
    assert outcome() is Outcome.CLEAR
    other = ask((listed,), surname="Qamrani", given_names="Ghazala Zenobia", birth_date="1978-01-07")
    assert other.outcome is Outcome.CLEAR


@pytest.mark.parametrize(
    ("typed", "outcome"),
    [
        ("N48211730", Outcome.HIT),
        ("N4821173O", Outcome.POSSIBLE),   # the letter O typed for the digit
        ("N482117E0", Outcome.CLEAR),      # E is not read for 3
        ("NA8211730", Outcome.CLEAR),
    ],
)
def test_a_typed_number_is_read_with_its_look_alikes(typed: str, outcome: Outcome) -> None:
    assert ask((STOLEN,), document_number=typed, issuing_state="UTO").outcome is outcome
