"""What a question leaves open or says in a way that is not understood never looks CLEAR."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from keyed_kit import LIST, base_bytes, opened
from memory_lists import TRUSTED, MemoryList, memory_list

from edge.core.documents import DateInterval
from edge.core.keyed.card import Card, Thing
from edge.core.keyed.header import Header
from edge.core.keyed.record import unpack
from edge.core.keyed.store import Found, Store
from edge.core.names import unread
from edge.core.screening import Query, Screener, ThingQuery, screen
from edge.core.screening.explain import Person
from edge.core.verdicts import Freshness, Outcome, Verdict
from edge.core.watch import DocumentEntry, EntryName, PersonEntry
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from hq.keyed_lists import rows_of

BORN = DateInterval.parse("1974-08-12")
assert BORN is not None
ERIKSSON = PersonEntry("N-1", (EntryName("Anna Maria Eriksson", "primary"),), (BORN,), "F")
PEOPLE = memory_list("national", persons=(ERIKSSON,))
NUMBER = "K0B8S5Z21"


@dataclass
class Asked:
    """A store as ``KeyedList`` shows it."""

    store: Store
    damaged: bool = False

    @property
    def header(self) -> Header:
        return self.store.newest

    def find(self, text: str) -> tuple[Found, ...]:
        return self.store.find(LIST, text)


def keyed(thing: Thing, *entries: DocumentEntry | VehicleEntry | FirearmEntry) -> MemoryList:
    told = [(text, unpack(payload)) for entry in entries for text, payload in rows_of(entry)]
    store = Store(opened(base_bytes(dict.fromkeys(told, 1), 3, list_id="things")))
    card = Card("things", "x", thing, False, "Confirm with the NCB.")
    return MemoryList("things", None, None, None, keyed=Asked(store), card=card)


def ask(one: MemoryList, **fields: str) -> Verdict:
    return screen(Query.of_fields(fields), (one,), now=TRUSTED)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("Müller-Ødegård", 0), ("Иванова Анна Соловьёва", 0), ("Γεωργίου", 0), ("כהן", 0), ("محمد عبدالله بن عيسى", 0),
        ("ﻣﺤﻤﺪ", 0), ("김철수", 0), ("O'Neil ʿAlī", 0), ("ＡＮＮＡ", 0), ("١٢٣ 12", 0), ("", 0),
        ("安娜", 2), ("ERIKSSON 安", 1), ("नितिन", 3), ("สมชาย", 5),
    ],
)  # fmt: skip
def test_letters_that_no_table_knows_are_counted(name: str, count: int) -> None:
    assert unread(name) == count


@pytest.mark.parametrize(
    "fields", [{"surname": "ERIKSSON", "given_names": "安娜"}, {"surname": "सिंह", "given_names": "SVEN"}]
)
def test_a_name_half_in_an_unread_script_is_no_clear(fields: dict[str, str]) -> None:
    verdict = ask(PEOPLE, birth_date="1974-08-12", **fields)
    assert verdict.unreadable == ("name_letters",)
    assert verdict.outcome is Outcome.UNREADABLE


def test_what_is_read_of_it_is_asked_all_the_same() -> None:
    verdict = ask(PEOPLE, surname="ERIKSSON", given_names="ANNA MARIA 安", birth_date="1974-08-12")
    assert verdict.outcome is Outcome.HIT
    assert verdict.unreadable == ("name_letters",)


@pytest.mark.parametrize("kind", ["generation", "keyed"])
@pytest.mark.parametrize("code", ["XXA", "XXB", "XXC", "XXX"])
def test_a_holders_status_says_nothing_of_the_issuer(code: str, kind: str) -> None:
    for listed, read in (("UTO", code), (code, "UTO"), (code, code)):
        same = kind == "generation" and listed == read  # printed as listed; a keyed list does not keep the code
        entry = DocumentEntry(number=NUMBER, issuing_state=listed, document_type="P", fraud_category="stolen")
        one = memory_list("sltd", documents=(entry,)) if kind == "generation" else keyed("documents", entry)
        verdict = ask(one, document_number=NUMBER, issuing_state=read, nationality=read)
        assert verdict.outcome is (Outcome.HIT if same else Outcome.POSSIBLE), (listed, read)


@pytest.mark.parametrize("code", ["UNO", "XOM", "XPO", "EUE", "UNK"])
def test_an_organization_issues_as_a_state_does(code: str) -> None:
    entry = DocumentEntry(number=NUMBER, issuing_state=code, document_type="P", fraud_category="stolen")
    one = memory_list("sltd", documents=(entry,))
    assert ask(one, document_number=NUMBER, issuing_state=code).outcome is Outcome.HIT
    assert ask(one, document_number=NUMBER, issuing_state="UTO").outcome is Outcome.CLEAR


ARM = keyed(
    "firearms",
    FirearmEntry(serial="AB-12345", make="Utopia Arms", calibre="9 x 19 mm", category="stolen"),
    FirearmEntry(serial="77", make="Colt", calibre=".45", category="lost"),
)


@pytest.mark.parametrize(
    ("fields", "outcome", "rules"),
    [
        ({"serial": "AB12345"}, "POSSIBLE", {"make or calibre not known on both sides"}),
        ({"serial": "AB12345", "calibre": "9mm"}, "POSSIBLE", {"calibre differs from the record"}),
        ({"serial": "AB12345", "make": "Utopia", "calibre": "9x19mm"}, "POSSIBLE", {"make differs from the record"}),
        ({"serial": "AB12345", "make": "X", "calibre": "Y"}, "POSSIBLE",
         {"make differs from the record", "calibre differs from the record"}),
        ({"serial": "77", "make": "Colt", "calibre": ".45 ACP"}, "POSSIBLE", {"calibre differs from the record"}),
        ({"serial": "AB12345", "make": "utopia-arms", "calibre": "9x19"}, "HIT", {"make and calibre equal"}),
    ],
)  # fmt: skip
def test_saying_more_than_the_serial_number_loses_no_lead(
    fields: dict[str, str], outcome: str, rules: set[str]
) -> None:
    verdict = screen(ThingQuery.of_firearm(fields), (ARM,), now=TRUSTED)
    assert verdict.outcome == outcome
    (reason,) = verdict.reasons  # one arm, told once, by what agrees best
    assert {e.rule for e in reason.evidence} == {"serial number", "reported as", *rules}


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"plate": "0B 123", "state": "UTO"}, "POSSIBLE"), ({"plate": "O8 123", "state": "UTO"}, "POSSIBLE"),
        ({"plate": "OB 12E", "state": "UTO"}, "CLEAR"), ({"plate": "OB 123", "state": "UTO"}, "HIT"),
        ({"plate": "OB I23"}, "POSSIBLE"), ({"plate": "0B 123", "state": "FRA"}, "CLEAR"),
    ],
)  # fmt: skip
def test_a_plate_is_asked_with_its_look_alikes(fields: dict[str, str], outcome: str) -> None:
    one = keyed("vehicles", VehicleEntry(plate="OB 123", plate_state="UTO", category="stolen"))
    assert screen(ThingQuery.of_vehicle(fields), (one,), now=TRUSTED).outcome == outcome


def test_the_look_alikes_of_a_plate_are_bounded() -> None:
    assert len(ThingQuery.of_vehicle({"plate": "0" * 24, "state": "UTO"}).questions) <= 3 * 13


@pytest.mark.parametrize("state", ["Germany", "DE", "de", "German", "DEU", "D<<", "Federal Republic of Germany"])
def test_a_state_is_understood_as_people_type_it(state: str) -> None:
    query = Query.of_fields({"document_number": NUMBER, "issuing_state": state, "nationality": state})
    assert (query.nationality, query.readings[0].issuing_state, query.doubts) in {("D", "D", ()), ("DEU", "DEU", ())}


@pytest.mark.parametrize("state", ["Deutschland", "UT0", "?"])
def test_words_that_name_no_state_are_a_doubt(state: str) -> None:
    fields = {"document_number": NUMBER, "issuing_state": state, "nationality": state}
    assert ask(PEOPLE, surname="X", **fields).unreadable == ("nationality", "issuing_state")
    entry = DocumentEntry(number=NUMBER, issuing_state="UTO", document_type="P", fraud_category="stolen")
    assert ask(memory_list("sltd", documents=(entry,)), **fields).outcome is Outcome.POSSIBLE  # every State was asked


def test_letters_that_a_document_may_print_stand_as_they_are() -> None:
    assert Query.of_fields({"document_number": NUMBER, "issuing_state": "QQQ", "nationality": "xbd"}).doubts == ()


def test_two_letters_are_no_sign_of_a_vehicle() -> None:
    assert ThingQuery.of_vehicle({"plate": "OB 123", "state": "ES"}).doubts == ("state",)  # El Salvador, and no Spain


@pytest.mark.parametrize("name", ["安娜", "გიორგი", "नितिन", "สมชาย", "アンナ", "ERIKSSON 安"])
def test_a_name_of_which_not_all_is_read_is_told_in_a_comparison(name: str) -> None:
    assert Person.of_fields({"name": name}).doubts == ("name",)
    assert Person.of_fields({"name": "ERIKSSON ANNA"}).doubts == ()


def test_nothing_is_fresh_of_a_list_that_cannot_be_used() -> None:
    damaged = MemoryList("sltd", None, None, None, problem="damaged")
    verdict = Screener(frozenset({"un"})).screen(Query.of_fields({"surname": "X"}), (damaged,), TRUSTED)
    assert [(c.list_id, c.age_seconds, c.freshness) for c in verdict.coverage] == [
        ("sltd", None, Freshness.UNKNOWN), ("un", None, Freshness.UNKNOWN),
    ]  # fmt: skip
