"""Which single lines may be a row of a zone: all that can be written, misread ones too; and no bar code."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rows import FULL_ROWS, check_digit, is_row, is_text, is_zone, row_number, without_id
from edge.core.mrz import compose
from edge.core.mrz.digits import digit_of, values_of

UPPER = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
LOWER = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
FULL_LOWER = "L898902C36UTO7408122F1204159ZE184226BCDEFG16"  # no filler at all
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
SIGNS = LETTERS + DIGITS

dates = st.dates(date(1927, 1, 1), date(2045, 12, 31)).map(lambda d: d.strftime("%y%m%d"))
names = st.lists(st.text(LETTERS, min_size=1, max_size=45), min_size=1, max_size=4).map(" ".join)
states = st.sampled_from(["UTO", "D", "LBY", "XPO", "XXB"])
FIELDS = {
    "surname": names, "given_names": st.just("") | names, "birth_date": dates | st.sampled_from(["85<<<<", "<<<<<<"]),
    "sex": st.sampled_from("MF<"),
}
CARDS = FIELDS | {"issuing_state": states, "nationality": states, "expiry_date": dates}
fields = st.fixed_dictionaries(CARDS | {"number": st.text(SIGNS, min_size=1, max_size=9)})
french = st.fixed_dictionaries(FIELDS | {
    "number": st.text(SIGNS, min_size=12, max_size=12), "office": st.text(SIGNS, max_size=6),
})  # fmt: skip


def known(row: str) -> bool:
    """Alone, or, of letters without one filler, beside another row; so that a word of thirty letters is a bar code."""
    return is_row(row) or (row.isalpha() and is_row(row, beside=True))


ROOM = {"td3": 14, "td2": 7, "mrva": 16, "mrvb": 8}


@pytest.mark.parametrize(("writer", "room"), ROOM.items())
@given(given_fields=fields, data=st.data())
def test_every_row_of_two_that_can_be_written_is_a_row(writer, room, given_fields, data):
    optional = data.draw(st.text(SIGNS, max_size=room))
    rows = getattr(compose, writer)(**given_fields, optional=optional)
    assert all(map(known, rows)), rows


@given(fields, st.text(SIGNS, max_size=15), st.text(SIGNS, max_size=11))
def test_every_row_of_three_that_can_be_written_is_a_row(given_fields, first, second):
    rows = compose.td1(**given_fields, optional1=first, optional2=second)
    assert all(map(known, rows)), rows


@given(fields, st.text(SIGNS, min_size=10, max_size=14))
def test_long_numbers_too(given_fields, number):
    assert all(map(known, compose.td1(**given_fields | {"number": number})))
    assert all(map(is_row, compose.td2(**given_fields | {"number": number})))


@given(french)
def test_the_french_card_too(given_fields):
    assert all(map(is_row, compose.fra_id(**given_fields)))


@given(fields, st.sampled_from("?*#_ o\xe9"), st.integers(0, 43))
def test_a_misread_character_loses_no_row(given_fields, odd, place):
    for row in compose.td3(**given_fields):
        assert is_row(row[:place] + odd + row[place + 1 :])


@given(fields, st.integers(0, 43), st.booleans())
def test_a_lost_or_doubled_character_loses_no_row_with_fillers(given_fields, place, lost):
    for row in compose.td3(**given_fields):
        damaged = row[:place] + row[place + 1 :] if lost else row[:place] + row[place] + row[place:]
        assert is_row(damaged) or damaged.count("<") < 2


@pytest.mark.parametrize("row", [
    FULL_LOWER, FULL_LOWER.replace("L8989", "L8??9"), FULL_LOWER.replace("7408122", "74O8122"),
    "L898902C36UTO74O8I22F12O4I59ZE184226B1234510",         # letters that look like digits
    "IDUTOD231458907ABCDEFGHIJKLMNO", "7408122F1204159UTOABCDEFGHIJK6",
    "I<UTOD231458908ABCDEFGHIJKLMNO", "I<UTOD2314589O7ABCDEFGHIJKLMNO",  # one filler: the digit may be misread
    "I<UTOD23145890?ABCDEFGHIJKLMNO",
])
def test_rows_without_fillers_are_known_by_their_form(row):
    assert is_row(row)
    assert is_zone((row,))


@pytest.mark.parametrize("row", [
    FULL_LOWER[:20] + "7" + FULL_LOWER[21:30],              # no form at this length
    FULL_LOWER.replace("UTO7408122F", "1237408122F"),      # digits where the State stands
    "IDUTOD231458908ABCDEFGHIJKLMNO",                       # the weak form needs its check digit
    "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD", "INVOICE" + "X" * 23, "HTTPS//" + "A" * 23, "C" + "A" * 35,
    "PACKAGEDELIVERYNUMBERABCDEFGHIJKLMNOPQRSTUVW",         # letters alone
    "A" * 44, "0" * 44, "?" * 44, "", UPPER[:27], UPPER + "<<<",
])
def test_what_has_no_form_is_no_row(row):
    assert not is_row(row)


@pytest.mark.parametrize("row", [
    "IDUTOD231458908ABCDEFGHIJKLMNO", "XDUTOD231458907ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCD",
    "P" + "A" * 43, FULL_LOWER.replace("UTO7408122F", "0TO740B12AF"),
])
def test_beside_a_row_less_is_asked(row):
    assert not is_row(row)
    assert is_row(row, beside=True)


@given(st.text(DIGITS, min_size=28, max_size=46))
def test_digits_alone_are_no_row_even_so(text):
    assert not is_row(text, beside=True)


@pytest.mark.parametrize("writer", [*ROOM, "td1", "fra_id"])
@given(given_fields=fields, office=st.text(DIGITS, max_size=6), long=st.text(DIGITS, min_size=12, max_size=12))
def test_which_row_it_is_the_form_tells(writer, given_fields, office, long):
    if writer == "fra_id":
        taken = {key: given_fields[key] for key in FIELDS}
        rows = compose.fra_id(**taken, number=long, office=office)
    else:
        rows = getattr(compose, writer)(**given_fields)
    assert all(row_number(row) in (number, 0) for number, row in enumerate(rows, 1))
    if writer in ("td3", "mrva", "mrvb"):
        assert all(map(row_number, rows))


@pytest.mark.parametrize(("row", "number"), [
    (UPPER, 1), (LOWER, 2), (FULL_LOWER, 2), ("I<UTOD231458907<<<<<<<<<<<<<<<", 1),
    ("7408122F1204159UTO<<<<<<<<<<<6", 2),
    ("ERIKSSON<<ANNA<MARIA<<<<<<<<<<", 3), ("CARLSSON<<ANNA<MARIA<<<<<<<<<<", 3), ("F" + UPPER[1:], 1),
    (UPPER.replace("O", "0"), 1), (LOWER.replace("74081", "74O8I"), 2), ("I<UTOABCDEFGHI4<<<<<<<<<<<<<<<", 1),
    ("I<UTOABCDEFGHI5<<<<<<<<<<<<<<<", 0),  # its digit is wrong, and it holds no other
    ("IDFRABERTHIER<<<<<<<<<<<<<<<<<922512", 1), ("8806923102858CORINNE<<<<<<<6512068F6", 2),
    (UPPER[:-1], 0), ("<" * 44, 0), ("?" * 44, 0), ("", 0), ("0" * 44, 0),
])
def test_rows_and_their_numbers(row, number):
    assert row_number(row) == number


@given(fields, st.integers(0, 43), st.sampled_from(SIGNS + "<?"))
def test_a_misreading_never_gets_another_number(given_fields, place, odd):
    for number, row in enumerate(compose.td3(**given_fields), 1):
        assert row_number(row[:place] + odd + row[place + 1 :]) in (number, 0)


BAR_CODES = st.one_of(
    st.text(DIGITS, min_size=1, max_size=60),                                     # EAN, ITF, SSCC
    st.text(DIGITS + "X", min_size=28, max_size=46),                              # ISBN, tracking numbers
    st.builds("01{:014d}17{:06d}10{}".format, st.integers(0, 10**14 - 1), st.integers(0, 999999),
              st.text(SIGNS, min_size=4, max_size=20)),                           # GS1-128
    st.text(SIGNS + "-. $/+%", min_size=1, max_size=27),                          # Code 39
    st.builds("https://example.test/{}".format, st.text("abcdefghij0123456789?=&/", max_size=30)),
    st.builds("M1{:<20.20}EABC123 ZRHUTOXX 0834 326J001A0025 1{}".format, st.sampled_from(["ERIKSSON/ANNA", "A/B"]),
              st.sampled_from(["00", "47>1180 W"])),                              # IATA BCBP
    st.builds("%B{}^ERIKSSON/ANNA^{}?".format, st.text(DIGITS, min_size=12, max_size=19),
              st.text(DIGITS, max_size=12)),                                      # track 1
    st.builds("{}{}={}{}".format, st.sampled_from([";", ""]), st.text(DIGITS, min_size=12, max_size=19),
              st.text(DIGITS, max_size=20), st.sampled_from(["?", ""])),          # track 2
    st.builds("WIFI:T:WPA;S:{};P:secret;;".format, st.text("abcdef", max_size=20)),
    st.builds("HC1:{}".format, st.text(SIGNS + " $%*+-./:", min_size=24, max_size=42)),  # base 45
)  # fmt: skip


@given(BAR_CODES)
def test_bar_codes_boarding_passes_and_stripes_are_no_rows(text):
    assert not is_row(text)
    assert not is_zone((text,))


@given(st.text(SIGNS, min_size=1, max_size=46), st.integers(0, 44))
def test_a_boarding_pass_cut_short_is_no_row_even_so(text, length):
    pass_ = f"M1{'ERIKSSON/ANNA':<20}EABC123 ZRHUTOXX 0834 {text}"
    assert not is_row(pass_[:length])


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text):
    assert is_row(text) in (True, False)
    assert not is_row(text) or len(text) in range(28, 47)


@given(st.text(SIGNS + "<", max_size=30))
def test_check_digits_are_those_of_the_parser(text):
    assert str(check_digit(text)) == digit_of(values_of(text))


@pytest.mark.parametrize("row", [UPPER, LOWER, "I<UTOD231458907<<<<<<<<<<<<<<<"])
def test_what_says_that_it_is_a_bar_code_is_no_row(row):
    for aim in ("]Q1", "]L2", "]C0", "]zA", "]O4", "]d1"):
        assert without_id(aim + row) == aim + row
        assert not is_row(aim + row)
        assert not is_row(aim + row, beside=True)
        assert not is_zone((aim + row, LOWER))
    for aim in ("]o1", "]o9", "]O1"):
        assert without_id(aim + row) == row
    assert is_row("]" + row[1:])  # misread


@pytest.mark.parametrize(("line", "code_id", "rest"), [
    ("]o1" + UPPER, "", UPPER), ("O" + UPPER, "O", UPPER), ("]o1O" + UPPER, "O", UPPER), (UPPER, "", UPPER),
    ("OLSEN<<ANNA<<<<<<<<<<<<<<<<<<<", "O", "OLSEN<<ANNA<<<<<<<<<<<<<<<<<<<"), ("O" + UPPER, "", UPPER),
    ("O" + LOWER, "", LOWER), ("?" + UPPER, "", UPPER), ("7" + LOWER, "", LOWER),
    ("OI<UTOD231458907<<<<<<<<<<<<<<<", "", "I<UTOD231458907<<<<<<<<<<<<<<<"),
    ("]o1O" + UPPER, "", UPPER), ("L" + LOWER[:9] + "7" + LOWER[10:], "", "L" + LOWER[:9] + "7" + LOWER[10:]),
    ("P" + UPPER, "", "P" + UPPER), ("OERIKSSON<<ANNA<MARIA<<<<<<<<<<", "", "OERIKSSON<<ANNA<MARIA<<<<<<<<<<"),
    ("]C1ABC123", "O", "]C1ABC123"), ("]", "", "]"),
])
def test_identifiers_before_a_row_are_no_part_of_it(line, code_id, rest):
    assert without_id(line, code_id) == rest


@pytest.mark.parametrize("data", [b"", b"5901234123457", "Gepäck".encode(), b"01095\x1d10ABC", b"A\tB\r\nC"])
def test_what_a_bar_code_may_hold(data):
    assert is_text(data)


@pytest.mark.parametrize("data", [b"\x00", b"AB\x07", b"\xff\xfe", b"A\x7f", "\x85".encode(), b"\x1b[A"])
def test_what_it_may_not(data):
    assert not is_text(data)


def test_the_widths_are_those_of_the_standard():
    assert FULL_ROWS == (30, 36, 44)
