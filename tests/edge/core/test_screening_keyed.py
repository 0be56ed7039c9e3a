"""Keyed lists at the counter: what they answer, and that it is what a list in generations answers.

Differences that are meant, and left out of the comparison:
- A reading that is not the printed one, of a State that nobody knows, is asked under its own code and the State of the
  nationality alone: a look-alike under 250 States would be a lead for every tenth traveller with a soiled document.
- A record of a code that no State has meets only a document of that very code: a keyed list cannot be asked by number.
- A record keeps the family of its issuer (GBR for GBD), so that a successor of one of the family counts as the
  successor of each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keyed_kit import LIST, base_bytes, opened
from memory_lists import NOW, TRUSTED, UNTRUSTED, MemoryList, memory_list

from edge.core.documents import NumberReading, NumberSource
from edge.core.errors import LayoutError
from edge.core.keyed import keys
from edge.core.keyed.card import Card, Thing
from edge.core.keyed.header import Header
from edge.core.keyed.record import Record, unpack
from edge.core.keyed.store import Found, Store
from edge.core.mrz import compose, parse
from edge.core.screening import Query, Screener, ThingQuery, screen
from edge.core.screening.screener import MAX_FAILED
from edge.core.shown import summary, verdict_message
from edge.core.verdicts import CoverageState, Outcome, ReasonKind
from edge.core.watch import DocumentEntry
from edge.core.watch.objects import VehicleEntry
from hq.keyed_lists import rows_of

NOBODY = parse(["nothing"], today=NOW.date())
ACTION = "Ask the second line. Confirm with the NCB."


@dataclass
class Asked:
    """A store as ``KeyedList`` shows it; ``fails`` from that question on."""

    store: Store
    damaged: bool = False
    fails: int | None = None
    asked: int = 0
    rotten: frozenset[str] = frozenset()

    @property
    def header(self) -> Header:
        return self.store.newest

    def find(self, text: str) -> tuple[Found, ...]:
        self.asked += 1
        if text in self.rotten or (self.fails is not None and self.asked > self.fails):
            raise LayoutError("a chunk is damaged")
        return self.store.find(LIST, text)


def keyed(told: dict[str, Record] | list[tuple[str, Record]], *, thing: Thing = "documents", silent: bool = False,
          list_id: str = "sltd") -> MemoryList:  # fmt: skip
    pairs = list(told.items()) if isinstance(told, dict) else told
    store = Store(opened(base_bytes(dict.fromkeys(pairs, 1), 3, list_id=list_id)))
    return MemoryList(list_id, None, None, None, keyed=Asked(store), card=Card(list_id, "x", thing, silent, ACTION))


def of_entries(*entries: DocumentEntry) -> MemoryList:
    return keyed([(text, unpack(payload)) for entry in entries for text, payload in rows_of(entry)])


def zone(number: str = "L898902C3", issuer: str = "UTO", nationality: str = "UTO") -> Query:
    lines = compose.td3(
        issuing_state=issuer, surname="ERIKSSON", given_names="ANNA MARIA", number=number, nationality=nationality,
        birth_date="740812", sex="F", expiry_date="300101",
    )  # fmt: skip
    return Query.of_document(parse(lines, today=NOW.date()))


def outcome(query: Query | ThingQuery, one: MemoryList) -> Outcome:
    return screen(query, [one], now=TRUSTED).outcome


LOST = Record("P", "lost")


@pytest.mark.parametrize(
    ("listed", "query", "expected"),
    [
        (("UTO", "L898902C3"), zone(), "HIT"),
        (("D", "L898902C3"), zone(issuer="DEU", nationality="DEU"), "HIT"),
        (("", "L898902C3"), zone(), "POSSIBLE"),
        (("UTO", "L898902C3"), zone(issuer="UT0", nationality="FRA"), "POSSIBLE"),
        (("FRA", "L898902C3"), zone(issuer="UT0"), "POSSIBLE"),
        (("FRA", "L898902C3"), zone(), "CLEAR"),
        (("FRA", "L898902C3"), zone(nationality="FRA"), "POSSIBLE"),
        (("UTO", "1S9S902C3"), zone(), "POSSIBLE"),
        (("UTO", "L898902C4"), zone(), "CLEAR"),
    ],
)
def test_the_table(listed: tuple[str, str], query: Query, expected: str) -> None:
    one = keyed({keys.document_text(*listed): LOST})
    verdict = screen(query, [one], now=TRUSTED)
    assert verdict.outcome == expected
    part = verdict.coverage[0]
    assert (part.state, part.generation, part.records) == (CoverageState.ASKED, 3, 1)
    assert part.age_seconds == int((NOW - datetime.fromtimestamp(1_699_000_000, UTC)).total_seconds())
    for reason in verdict.reasons:
        assert (reason.kind, reason.category, reason.action) == (ReasonKind.DOCUMENT, "lost", ACTION)
        assert "reported as" in [line.rule for line in reason.evidence]


ISSUERS = ("UTO", "D", "FRA", "GBR", "GBD", "RKS", "UNK", "SUN", "RUS", "")
NUMBERS = ("L898902C3", "L8989O2C3", "B123456", "8123456", "AB1234567890")
entries = st.builds(
    DocumentEntry, number=st.sampled_from(NUMBERS), issuing_state=st.sampled_from(ISSUERS),
    document_type=st.sampled_from(("P", "I", "V", "O", "")), fraud_category=st.sampled_from(("lost", "listed_person")),
    review_date=st.sampled_from((None, date(2026, 2, 28), date(2026, 3, 1), date(2030, 1, 1))), silent=st.booleans(),
)  # fmt: skip
readings = st.builds(
    NumberReading, st.sampled_from(NUMBERS), st.sampled_from((*ISSUERS, "UT0")), st.sampled_from(list(NumberSource))
)  # fmt: skip
queries = st.builds(
    Query, readings=st.lists(readings, min_size=1, max_size=6).map(tuple),
    nationality=st.sampled_from((*ISSUERS, "UT0")), document_type=st.sampled_from(("P", "PD", "I", "V", "")),
)  # fmt: skip
SURE = {NumberSource.PRINTED, NumberSource.LONG}


def comparable(query: Query, listed: list[DocumentEntry]) -> bool:
    """True where no difference of the module's docstring is touched."""
    unknown = [r for r in query.readings if r.issuing_state in ("", "UT0")]
    families = {entry.issuing_state for entry in listed} & {"GBD", "UNK"}
    return all(r.source in SURE for r in unknown) and not families


@settings(max_examples=300, deadline=None)
@given(st.lists(entries, max_size=4), queries, st.booleans())
def test_both_kinds_of_list_answer_alike(listed: list[DocumentEntry], query: Query, trusted: bool) -> None:
    if not comparable(query, listed):
        listed = [e if e.issuing_state not in ("GBD", "UNK") else replace(e, issuing_state="GBR") for e in listed]
        query = replace(query, readings=tuple(
            replace(r, source=NumberSource.PRINTED) if r.issuing_state in ("", "UT0") else r for r in query.readings
        ))  # fmt: skip
    now = TRUSTED if trusted else UNTRUSTED
    one = screen(query, [memory_list("sltd", documents=listed, action=ACTION)], now=now)
    other = screen(query, [of_entries(*listed)], now=now)
    assert other.outcome == one.outcome
    assert other.shown().outcome == one.shown().outcome
    told = {(r.kind, r.outcome, r.score, r.silent) for r in one.reasons}
    assert {(r.kind, r.outcome, r.score, r.silent) for r in other.reasons} == told
    assert [c.state for c in one.coverage] == [c.state for c in other.coverage]


def test_a_record_ends_by_trusted_time_alone() -> None:
    one = keyed({keys.document_text("UTO", "L898902C3"): replace(LOST, review_date=date(2026, 2, 28))})
    assert screen(zone(), [one], now=TRUSTED).outcome == "CLEAR"
    assert screen(zone(), [one], now=UNTRUSTED).outcome == "HIT"


@pytest.mark.parametrize(("silent", "record"), [(True, LOST), (False, replace(LOST, silent=True))])
def test_silent_cards_and_silent_records(silent: bool, record: Record) -> None:
    verdict = screen(zone(), [keyed({keys.document_text("UTO", "L898902C3"): record}, silent=silent)], now=TRUSTED)
    assert (verdict.outcome, verdict.shown().outcome) == ("HIT", "CLEAR")


def test_a_silent_hit_changes_nothing_of_what_a_counter_is_told() -> None:
    one = keyed({keys.document_text("UTO", "L898902C3"): LOST}, silent=True)
    told = []
    for number in ("L898902C3", "D0000001"):
        verdict = screen(zone(number), [one], now=TRUSTED)
        assert verdict.outcome == ("HIT" if number == "L898902C3" else "CLEAR")
        assert (verdict.shown().outcome, summary(verdict)) == ("CLEAR", [])
        told.append(verdict_message(verdict, NOBODY, passage="p", at="", counter="lane-1", direction="entry"))
    assert told[0] == told[1]


def test_tdawn_answers_as_a_person_in_both_kinds_of_list() -> None:
    entry = DocumentEntry("L898902C3", "UTO", "P", "listed_person", reference="red 2026/90001")
    for one, record, category in (
        (of_entries(entry), "", "tdawn"), (memory_list("tdawn", documents=[entry]), "2026/90001", "red"),
    ):  # fmt: skip
        reason = screen(zone(), [one], now=TRUSTED).reasons[0]
        assert (reason.kind, reason.outcome, reason.record, reason.category) == ("person", "HIT", record, category)


def test_a_misread_number_of_a_misread_issuer_is_found_by_nationality() -> None:
    read = (("L8989O2C3", NumberSource.PRINTED), ("L898902C3", NumberSource.CORRECTED))
    misread = replace(zone(issuer="QQQ"), readings=tuple(NumberReading(n, "QQQ", source) for n, source in read))
    listed = keyed({keys.document_text("UTO", "L898902C3"): LOST})
    assert outcome(misread, listed) == "POSSIBLE"
    assert outcome(replace(misread, nationality="FRA"), listed) == "CLEAR"


def test_a_list_that_cannot_be_read_counts_as_damaged_and_keeps_its_leads() -> None:
    text = keys.document_text("UTO", "L898902C3")
    one = keyed({text: LOST})
    assert isinstance(one.keyed, Asked)
    one.keyed.fails = 0
    verdict = screen(zone(), [one], now=TRUSTED)
    assert (verdict.outcome, verdict.coverage[0].state) == ("INCOMPLETE", CoverageState.DAMAGED)
    one.keyed.asked, one.keyed.fails = 0, 1
    verdict = screen(zone(), [one], now=TRUSTED)
    assert (verdict.outcome, verdict.coverage[0].state) == ("HIT", CoverageState.DAMAGED)


def test_damage_under_one_question_keeps_the_others_and_a_dead_disk_is_not_asked_250_times() -> None:
    one = keyed({keys.document_text("D", "L898902C3"): LOST})
    assert isinstance(one.keyed, Asked)
    query = zone(issuer="QQQ")
    one.keyed.rotten = frozenset(keys.document_questions("QQQ", "L898902C3")[:3])
    verdict = screen(query, [one], now=TRUSTED)
    assert (verdict.outcome, verdict.coverage[0].state) == ("POSSIBLE", CoverageState.DAMAGED)
    one.keyed.asked, one.keyed.fails = 0, 0
    assert screen(query, [one], now=TRUSTED).coverage[0].state is CoverageState.DAMAGED
    assert one.keyed.asked == MAX_FAILED


def test_what_is_known_to_be_damaged_is_asked_and_nothing_is_clear() -> None:
    one = keyed({keys.document_text("UTO", "L898902C3"): LOST})
    assert isinstance(one.keyed, Asked)
    one.keyed.damaged = True
    assert outcome(zone(), one) == "HIT"
    assert outcome(zone("X1"), one) == "INCOMPLETE"


def test_a_name_alone_asks_nothing_of_a_keyed_list() -> None:
    query = Query.of_fields({"surname": "ERIKSSON", "given_names": "ANNA", "birth_date": "1974"})
    verdict = screen(query, [keyed({keys.document_text("UTO", "L898902C3"): LOST})], now=TRUSTED)
    assert verdict.coverage[0].state is CoverageState.NOT_APPLICABLE


def vehicles() -> MemoryList:
    stolen = Record("plate", "stolen")
    return keyed(
        {
            keys.plate_text("UTO", "AB 123"): stolen, keys.plate_text("", "XY9"): stolen,
            keys.vin_text("1M8GDM9AXKP042788"): Record("vin", "embezzled"),
            keys.vin_text("12345"): Record("vin", "sought"),
        },
        thing="vehicles", list_id="vehicles",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "UTO", "plate": "ab-123"}, "HIT"), ({"plate": "AB123"}, "POSSIBLE"),
        ({"state": "FRA", "plate": "AB123"}, "CLEAR"), ({"state": "FRA", "plate": "XY 9"}, "POSSIBLE"),
        ({"vin": "1M8GDM9AXKP042788"}, "HIT"), ({"vin": "1m8gdm9axkpo42788"}, "HIT"), ({"vin": "12345"}, "POSSIBLE"),
        ({"vin": "123"}, "UNREADABLE"), ({"plate": "---"}, "UNREADABLE"),
        ({"state": "Nowhere", "plate": "X1"}, "UNREADABLE"),
        ({}, "UNREADABLE"), ({"plate": 7}, "UNREADABLE"), ({"vin": "1M8GDM9AXKP042788", "plate": "?"}, "HIT"),
    ],
)  # fmt: skip
def test_vehicles(fields: dict[str, object], expected: str) -> None:
    assert outcome(ThingQuery.of_vehicle(fields), vehicles()) == expected


MAKES = ("", "UTOPIA ARMS", "Syldavia")
CALIBRES = ("", "9x19", "7,62 mm")
words = st.tuples(st.sampled_from(MAKES), st.sampled_from(CALIBRES))


@settings(max_examples=200, deadline=None)
@given(st.lists(words, max_size=4, unique=True), words)
def test_a_serial_number_is_a_lead_and_all_of_it_a_hit(listed: list[tuple[str, str]], asked: tuple[str, str]) -> None:
    told = {text: Record("firearm", "lost") for m, c in listed for text in keys.firearm_rows(m, c, "A 1234")}
    one = keyed({**told, keys.firearm_text("x", "y", "OTHER"): LOST}, thing="firearms", list_id="firearms")
    exact = all(asked) and asked in listed
    expected = "HIT" if exact else "POSSIBLE" if listed else "CLEAR"
    query = ThingQuery.of_firearm({"serial": "a-1234", "make": asked[0].title(), "calibre": asked[1].upper()})
    assert outcome(query, one) == expected


def test_a_plate_under_a_sign_that_is_no_code_is_found_whatever_state_is_asked() -> None:
    listed = VehicleEntry(plate="AB123CD", plate_state="F")
    one = keyed([(text, unpack(payload)) for text, payload in rows_of(listed)], thing="vehicles")
    for state in ("", "FRA", "F"):
        assert outcome(ThingQuery.of_vehicle({"plate": "AB123CD", "state": state}), one) == "POSSIBLE"


def test_a_list_of_things_is_not_for_travellers_nor_theirs_for_things() -> None:
    papers, old = memory_list("un", documents=[DocumentEntry("X1", "UTO")]), vehicles()
    strict = Screener(max_age_seconds=1.0)  # a stale list of the other kind has no say either
    asked = screen(zone(), [papers, old], now=TRUSTED)
    assert [c.state for c in asked.coverage] == [CoverageState.ASKED, CoverageState.NOT_APPLICABLE]
    assert strict.screen(zone(), [old], TRUSTED).coverage[0].state is CoverageState.NOT_APPLICABLE
    verdict = screen(ThingQuery.of_vehicle({"vin": "1M8GDM9AXKP042788"}), [papers, old], now=TRUSTED)
    assert [c.state for c in verdict.coverage] == [CoverageState.NOT_APPLICABLE, CoverageState.ASKED]
    assert verdict.reasons[0].kind is ReasonKind.VEHICLE
    alone = screen(ThingQuery.of_firearm({"serial": "A1"}), [papers, old], now=TRUSTED)
    assert alone.outcome == "INCOMPLETE"


def test_a_misread_issuer_asks_every_state_once() -> None:
    one = keyed({keys.document_text("UTO", "L898902C3"): LOST})
    assert isinstance(one.keyed, Asked)
    screen(zone(issuer="UT0", nationality="UT0"), [one], now=TRUSTED)
    assert 200 < one.keyed.asked < 600
    one.keyed.asked = 0
    screen(zone(), [one], now=TRUSTED)
    assert one.keyed.asked < 200
