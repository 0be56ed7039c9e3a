"""What the writers write, the parser reads; names are cut by the rules."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.mrz import compose, parse

TODAY = date(2026, 11, 22)
WRITERS = {"TD1": compose.td1, "TD2": compose.td2, "TD3": compose.td3, "MRVA": compose.mrva, "MRVB": compose.mrvb}

dates = st.dates(date(1977, 1, 1), date(2025, 12, 31)).map(lambda d: d.strftime("%y%m%d"))
partial = st.sampled_from(["85<<<<", "8502<<", "<<<<<<"])
words = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=20)
names = st.lists(words, min_size=1, max_size=5).map(" ".join)
numbers = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=9)
fields = st.fixed_dictionaries({
    "issuing_state": st.sampled_from(["UTO", "D", "LBY", "XPO"]), "nationality": st.sampled_from(["UTO", "D", "XXB"]),
    "surname": names, "given_names": st.one_of(st.just(""), names), "number": numbers,
    "birth_date": st.one_of(dates, partial), "sex": st.sampled_from("MF<"), "expiry_date": dates,
})  # fmt: skip


@given(st.sampled_from(sorted(WRITERS)), fields)
def test_what_is_written_is_read_back(format_, given_fields):
    document = parse(WRITERS[format_](**given_fields), today=TODAY)
    assert document.valid
    assert document.format == format_
    read = document.fields
    assert read.document_number == given_fields["number"]
    for name in ("issuing_state", "nationality", "birth_date", "sex", "expiry_date"):
        assert getattr(read, name) == given_fields[name]
    assert document.primary
    assert bool(document.secondary) is bool(given_fields["given_names"])
    if not document.truncated:
        assert (read.surname, read.given_names) == (given_fields["surname"], given_fields["given_names"])
    for written, printed in zip(given_fields["surname"].split(), document.primary, strict=False):
        assert written.startswith(printed)


@pytest.mark.parametrize(("surname", "given_names", "field"), [
    ("Nilavadhanananda", "Chayapa Dejthamrong Krasuang", "NILAVADHANANANDA<<CHAYAPA<DEJTHAMRONG<K"),
    ("Papandropoulous", "Jonathon Warren Trevor Alexander", "PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR"),
    ("van der Müller-Ó'Hara", "Zoë", "VAN<DER<MULLER<OHARA<<ZOE<<<<<<<<<<<<<<"),
    ("A" * 37, "Bo", "A" * 36 + "<<B"), ("A" * 36, "Bo", "A" * 36 + "<<B"), ("A" * 60, "", "A" * 39),
    ("A" * 33, "B C D", "A" * 32 + "<<B<C<D"), ("A" * 20 + " " + "B" * 20, "Bo", "A" * 18 + "<" + "B" * 17 + "<<B"),
])
def test_names_are_cut_so_that_a_letter_stands_last(surname, given_names, field):
    found = compose.name_field(surname, given_names, 39)
    assert len(found) == 39
    assert found == field


@given(names, names)
def test_a_cut_name_ends_with_a_letter_and_keeps_a_given_name(surname, given_names):
    for width in (30, 31, 39):
        field = compose.name_field(surname, given_names, width)
        full = surname.replace(" ", "<") + "<<" + given_names.replace(" ", "<")
        assert len(field) == width
        if len(full) > width:
            assert field[-1] != "<"
        primary, _, secondary = field.partition("<<")
        assert primary
        assert secondary.strip("<")[:1] == given_names[0]


def test_the_specimens_of_the_standard():
    holder = {"issuing_state": "UTO", "surname": "ERIKSSON", "given_names": "ANNA MARIA", "birth_date": "740812",
              "sex": "F", "expiry_date": "120415", "nationality": "UTO"}  # fmt: skip
    assert compose.td3(**holder, number="L898902C3", optional="ZE184226B")[1] == (
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
    assert compose.td1(**holder, number="D23145890") == (
        "I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")
    assert compose.td2(**holder, number="D23145890") == (
        "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6")
    assert compose.fra_id(surname="Berthier", given_names="Corinne", number="880692310285", birth_date="651206",
                          sex="F") == ("IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<", "8806923102858CORINNE<<<<<<<6512068F6")


@pytest.mark.parametrize("fault", [
    {"birth_date": "1974-08-12"}, {"sex": "X"}, {"number": "1" * 10}, {"issuing_state": "UTOPIA"},
    {"optional": "1" * 15}, {"document_code": "PXX"},
])
def test_a_field_that_cannot_be_written_says_what_to_do(fault):
    holder = {"issuing_state": "UTO", "surname": "ERIKSSON", "number": "L898902C3", "nationality": "UTO",
              "birth_date": "740812", "expiry_date": "120415"}  # fmt: skip
    with pytest.raises(compose.ComposeError) as raised:
        compose.td3(**holder | fault)
    assert raised.value.advice
