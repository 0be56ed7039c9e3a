"""The rules that simple parsers miss: long numbers, dates, names, codes, corrections, readings."""

from __future__ import annotations

import random
from datetime import date

import pytest

from edge.core.documents import DateInterval, NumberSource, Severity
from edge.core.mrz import compose, parse
from edge.core.mrz.corrections import LOOK_ALIKE
from edge.core.mrz.digits import ALPHABET
from edge.core.mrz.layouts import ALL
from edge.core.mrz.number_readings import MAX_READINGS

TODAY = date(2026, 11, 22)
HOLDER = {"issuing_state": "UTO", "surname": "Eriksson", "given_names": "Anna Maria", "nationality": "UTO",
          "birth_date": "740812", "sex": "F", "expiry_date": "320415"}  # fmt: skip
PASSPORT = {**HOLDER, "number": "L898902C3"}


def codes(document, *severities):
    return [f.code for f in document.findings if not severities or f.severity in severities]


def read(lines, today=TODAY):
    return parse(lines, today=today)


def changed(lines, line, column, character):
    """The lines with one character replaced; line and column from 1."""
    text = lines[line - 1]
    return (*lines[: line - 1], text[: column - 1] + character + text[column:], *lines[line:])


class TestLongNumbers:
    @pytest.mark.parametrize("write", [compose.td1, compose.td2])
    @pytest.mark.parametrize("weighting", ["excluded", "included"])
    @pytest.mark.parametrize("number", ["D231458907", "D2314589073", "D2314589ZZ7345"])
    def test_both_weightings_are_right(self, write, weighting, number):
        document = read(write(**HOLDER, number=number, weighting=weighting))
        assert document.valid
        assert document.fields.document_number == number
        assert document.fields.optional1 == ""
        same = compose.td1(**HOLDER, number=number) == compose.td1(**HOLDER, number=number, weighting="included")
        assert document.long_number_weighting == ("excluded" if same else weighting)
        assert ("long_number_included_filler" in codes(document)) is (document.long_number_weighting == "included")

    @pytest.mark.parametrize(("number", "head"), [  # cards of 2003 to 2008, Belgium and Portugal
        ("000590240601", "IDBEL000590240<6013<<<<<<<<<<<"), ("000024759ZZ7", "I<PRT000024759<ZZ72<<<<<<<<<<<"),
    ])
    def test_cards_that_count_the_filler(self, number, head):
        lines = compose.td1(**HOLDER | {"issuing_state": head[2:5]}, document_code=head[:2].rstrip("<"),
                            number=number, weighting="included")
        assert lines[0] == head
        assert read(lines).long_number_weighting == "included"

    def test_optional_data_follow_the_overflow(self):
        document = read(compose.td1(**HOLDER, number="D23145890734", optional1="AB12"))
        assert (document.fields.document_number, document.fields.optional1) == ("D23145890734", "AB12")

    @pytest.mark.parametrize(("write", "width"), [(compose.td1, 22), (compose.td2, 14)])
    def test_the_longest_number(self, write, width):
        number = "AB1234567890123456789012"[:width]
        assert read(write(**HOLDER, number=number)).fields.document_number == number
        with pytest.raises(compose.ComposeError):
            write(**HOLDER, number=number + "1")

    def test_a_number_that_no_filler_ends_is_refused(self):
        upper, middle, lower = compose.td1(**HOLDER, number="123456789")
        document = read((upper[:14] + "<012345678901234", middle, lower))
        assert "document_number" in codes(document, Severity.ERROR)
        assert document.fields.document_number == "123456789"

    def test_a_digit_without_overflow_is_refused(self):
        upper, middle, lower = compose.td1(**HOLDER, number="123456789")
        document = read((upper[:14] + "<" + upper[14] + "<" * 14, middle, lower))
        assert "document_number" in codes(document, Severity.ERROR)

    def test_a_wrong_long_number_is_still_given_whole_with_its_principal_part(self):
        lines = compose.td1(**HOLDER, number="D23145890734")
        document = read(changed(lines, 1, 7, "9"))
        assert document.fields.document_number == "D93145890734"
        assert document.long_number_weighting is None
        found = [(r.number, r.source) for r in document.readings]
        assert found[:2] == [("D93145890734", NumberSource.LONG), ("D93145890", NumberSource.PRINCIPAL)]

    def test_a_passport_has_no_long_number(self):
        document = read(changed(compose.td3(**PASSPORT, optional="1234"), 2, 10, "<"))
        assert "document_number" in codes(document, Severity.ERROR)
        assert document.fields.document_number == "L898902C3"


class TestDates:
    @pytest.mark.parametrize(("text", "interval", "code"), [
        ("85<<<<", DateInterval.of_year(1985), "birth_date_partial"),
        ("8502<<", DateInterval.of_month(1985, 2), "birth_date_partial"),
        ("85<<14", DateInterval.of_year(1985), "birth_date_partial"),
        ("<<0214", None, "birth_date_partial"),
        ("<<<<<<", None, "birth_date_unknown"),
        ("850230", DateInterval.of_month(1985, 2), "birth_date_impossible"),
        ("010229", DateInterval.of_month(2001, 2), "birth_date_impossible"),
    ])
    def test_unknown_and_impossible_parts_widen(self, text, interval, code):
        document = read(compose.td3(**PASSPORT | {"birth_date": text}))
        assert document.valid
        assert document.birth_date == interval
        assert codes(document) == [code]
        assert document.fields.birth_date == text

    @pytest.mark.parametrize("text", ["851314", "850014", "850200", "850232", "8502<4", "<50214", "85021<"])
    @pytest.mark.parametrize("field", ["birth_date", "expiry_date"])
    def test_out_of_range_is_an_error(self, text, field):
        document = read(compose.td3(**PASSPORT | {field: text}))
        assert codes(document, Severity.ERROR) == [f"{field}_format"]
        assert getattr(document, field) is None

    @pytest.mark.parametrize(("text", "today", "year"), [
        ("261122", TODAY, 2026), ("261123", TODAY, 1926), ("26<<<<", TODAY, 2026), ("2612<<", TODAY, 1926),
        ("27<<<<", TODAY, 1927), ("000229", TODAY, 2000), ("991231", date(2099, 12, 31), 2099),
        ("991231", date(2099, 12, 30), 1999),
    ])
    def test_a_birth_is_the_latest_that_is_not_to_come(self, text, today, year):
        lines = compose.td3(**PASSPORT | {"birth_date": text, "expiry_date": f"{(today.year + 5) % 100:02}0101"})
        assert read(lines, today).birth_date.earliest.year == year

    @pytest.mark.parametrize(("text", "year"), [
        ("760101", 2076), ("770101", 1977), ("990101", 1999), ("261121", 2026), ("000101", 2000),
    ])
    def test_an_expiry_is_within_fifty_years(self, text, year):
        document = read(compose.td3(**PASSPORT | {"birth_date": "600101", "expiry_date": text}))
        assert document.expiry_date.earliest.year == year
        assert ("expired" in codes(document)) is (document.expiry_date.latest < TODAY)

    def test_a_document_never_ends_before_birth(self):
        document = read(compose.td3(**PASSPORT | {"birth_date": "200101", "expiry_date": "100101"}))
        assert str(document.birth_date) == "1920-01-01"
        assert codes(document, Severity.WARNING) == ["expiry_before_birth"]

    @pytest.mark.parametrize("digit", ["0", "<"])
    def test_a_document_without_expiry(self, digit):
        lines = changed(compose.td3(**PASSPORT | {"expiry_date": "<<<<<<"}), 2, 28, digit)
        document = read(lines)
        assert document.valid
        assert document.expiry_date is None
        assert codes(document) == ["expiry_date_unknown"]

    def test_the_digit_of_an_unknown_birth_is_no_filler(self):
        lines = changed(compose.td3(**PASSPORT | {"birth_date": "<<<<<<"}), 2, 20, "<")
        assert codes(read(lines), Severity.ERROR) == ["birth_date"]


class TestNames:
    @pytest.mark.parametrize(("field", "primary", "secondary", "code"), [
        ("<<AHMADI", (), ("AHMADI",), "surname_missing"), ("ZAHRA<<<", ("ZAHRA",), (), None),
        ("ABW<BKR", ("ABW", "BKR"), (), None), ("", (), (), "name_missing"),
        ("ERIKSSON<<ANNA<<MARIA", ("ERIKSSON",), ("ANNA", "MARIA"), "name_extra_filler"),
        ("<ERIKSSON<<ANNA", ("ERIKSSON",), ("ANNA",), "name_extra_filler"),
        ("VAN<DER<BERG<<ANNA", ("VAN", "DER", "BERG"), ("ANNA",), None),
    ])
    def test_identifiers(self, field, primary, secondary, code):
        upper, lower = compose.td3(**PASSPORT)
        document = read((upper[:5] + field.ljust(39, "<"), lower))
        assert document.valid
        assert (document.primary, document.secondary) == (primary, secondary)
        assert document.fields.surname == " ".join(primary)
        assert codes(document) == ([code] if code else [])
        assert not document.truncated

    def test_a_letter_in_the_last_place_means_truncated(self):
        upper, lower = compose.td3(**PASSPORT)
        document = read((upper[:5] + "A" * 30 + "<<BCDEFGH", lower))
        assert document.truncated
        assert codes(document) == ["name_maybe_truncated"]

    @pytest.mark.parametrize("digit", "059")
    def test_a_digit_in_a_name_is_an_error_with_its_place(self, digit):
        document = read(changed(compose.td3(**PASSPORT), 1, 9, digit))
        assert [(f.code, f.line, f.column) for f in document.findings] == [("digit_in_name", 1, 9)]
        assert document.fields.surname == f"ERI{digit}SSON"


class TestCodes:
    @pytest.mark.parametrize(("write", "code", "fits"), [
        (compose.td3, "P", True), (compose.td3, "PD", True), (compose.td3, "P1", False),
        (compose.td3, "ID", False), (compose.td1, "I", True), (compose.td1, "AC", True),
        (compose.td1, "AI", False), (compose.td1, "IV", False), (compose.td2, "P", False),
        (compose.td2, "AC", False), (compose.td2, "IC", True), (compose.mrva, "VC", True),
    ])
    def test_a_document_code_that_does_not_fit_is_a_warning(self, write, code, fits):
        document = read(write(**PASSPORT, document_code=code))
        assert document.valid
        assert codes(document) == ([] if fits else ["document_code"])

    def test_a_refugee_document_may_omit_the_nationality(self):
        document = read(compose.td3(**PASSPORT | {"nationality": ""}))
        assert document.valid
        assert codes(document) == ["nationality_missing"]

    @pytest.mark.parametrize("sex", "MF<")
    def test_the_sexes(self, sex):
        assert read(compose.td3(**PASSPORT | {"sex": sex})).fields.sex == sex

    @pytest.mark.parametrize("sex", "XH0")
    def test_any_other_sex_is_an_error(self, sex):
        document = read(changed(compose.td3(**PASSPORT), 2, 21, sex))
        assert codes(document, Severity.ERROR) == ["sex"]

    @pytest.mark.parametrize("digit", ["0", "<"])
    def test_the_digit_of_empty_optional_data(self, digit):
        assert codes(read(changed(compose.td3(**PASSPORT), 2, 43, digit))) == []

    def test_a_filler_for_the_digit_of_optional_data_is_an_error(self):
        lines = compose.td3(**PASSPORT, optional="123456782")
        assert lines[1][42] == "0"
        document = read(changed(lines, 2, 43, "<"))
        assert codes(document, Severity.ERROR) == ["optional_data"]
        assert codes(document, Severity.WARNING) == ["personal_number_check_digit_filler"]


class TestCorrections:
    @pytest.mark.parametrize(("column", "was", "seen", "field", "value"), [
        (6, "0", "O", "document_number", "L898902C3"), (10, "6", "G", None, None),
        (16, "0", "O", "birth_date", "740812"), (17, "8", "B", "birth_date", "740812"),
        (23, "2", "Z", "expiry_date", "320415"), (27, "5", "S", "expiry_date", "320415"),
        (32, "8", "B", "optional1", "ZE184226B"), (34, "2", "Z", "optional1", "ZE184226B"),
        (44, "8", "B", "composite", "8"),
    ])
    def test_a_look_alike_is_put_right_where_both_digits_agree(self, column, was, seen, field, value):
        right = compose.td3(**PASSPORT, optional="ZE184226B")
        if right[1][column - 1] != was:
            right = next(lines for n in range(100) if (
                lines := compose.td3(**PASSPORT, optional=f"ZE1842{n:02}"))[1][column - 1] == was)
            value = value if field == "composite" else None
        wrong = changed(right, 2, column, seen)
        found = [a for a in read(wrong).alternatives if a.lines == right]
        assert not read(wrong).valid
        assert [(a.field, a.changes) for a in found] == [(field or "document_number", 1)]
        assert value is None or found[0].value == value

    def test_all_equally_good_readings_are_told(self):
        document = read(("P<LBYALBASRI<<HUDA<MUHAMMAD<JAWAD<<<<<<<<<<<",
                         "Y1234567<7LBY8502142M300115612345<<<<<<<<<96"))
        assert [a.value for a in document.alternatives] == ["Y1Z34567", "Y1234S67"]
        assert "correction" in codes(document, Severity.INFO)

    def test_two_fields_at_once(self):
        right = compose.td3(**PASSPORT, optional="ZE184226B")
        found = read(changed(changed(right, 2, 17, "B"), 2, 23, "Z")).alternatives
        assert {(a.field, a.value, a.changes) for a in found if a.lines == right} == {
            ("birth_date", "740812", 2), ("expiry_date", "320415", 2)}

    def test_three_fields_are_no_matter_of_look_alikes(self):
        right = compose.td3(**PASSPORT, optional="ZE184226B")
        wrong = changed(changed(changed(right, 2, 17, "B"), 2, 23, "Z"), 2, 6, "O")
        assert read(wrong).alternatives == ()

    @pytest.mark.parametrize("write", [compose.td1, compose.td2, compose.td3])
    def test_the_search_finds_what_trying_everything_finds(self, write):
        rng, compared = random.Random(5), 0
        right = write(**HOLDER, number="S012B8G5Z")
        layout = ALL[read(right).format]
        zone = "".join(right)
        for _ in range(150):
            offset = rng.choice([o for o, w in enumerate(layout.composite_weights) if w])
            lines = changed(right, *layout.place(offset), rng.choice(ALPHABET))
            document = read(lines)
            own = {"document_number", "birth_date", "expiry_date"}
            wrong = [c for c in codes(document, Severity.ERROR) if c in own]
            if len(wrong) != 1 or zone[layout.document_number_digit] == "<":
                continue
            places = [getattr(layout, name) for name in (wrong[0], f"{wrong[0]}_digit")]
            tried = {changed(lines, *layout.place(o), c)
                     for span in places for o in range(span.start, span.stop)
                     for c in LOOK_ALIKE.get(lines[layout.place(o)[0] - 1][layout.place(o)[1] - 1], "")}
            fitting = {text for text in tried if not codes(read(text), Severity.ERROR)}
            singles = {a.lines for a in document.alternatives if a.changes == 1}
            assert singles == fitting
            compared += bool(fitting)
        assert compared

    def test_none_without_a_composite_digit(self):
        document = read(changed(compose.mrva(**PASSPORT), 2, 6, "O"))
        assert not document.valid
        assert document.alternatives == ()

    def test_none_where_the_composite_disagrees(self):
        lines = changed(compose.td3(**PASSPORT), 2, 6, "O")
        composite = str((int(lines[1][43]) + 1) % 10)
        assert read(changed(lines, 2, 44, composite)).alternatives == ()

    def test_a_long_number_too(self):
        right = compose.td1(**HOLDER, number="D23105890734")
        document = read(changed(right, 1, 10, "O"))
        assert right in {a.lines for a in document.alternatives}
        assert NumberSource.CORRECTED in {r.source for r in document.readings if r.number == "D23105890734"}


class TestReadings:
    def test_printed_first_then_look_alikes_that_the_digit_cannot_see(self):
        readings = read(compose.td3(**PASSPORT)).readings
        assert readings[0].number == "L898902C3"
        assert readings[0].source is NumberSource.PRINTED
        assert readings[0].issuing_state == "UTO"
        assert {r.source for r in readings[1:]} == {NumberSource.LOOK_ALIKE}
        assert "1898902C3" in {r.number for r in readings}
        assert not any("O" in r.number for r in readings)

    def test_all_look_alikes_once_the_digit_fails(self):
        readings = read(changed(compose.td3(**PASSPORT), 2, 10, "1")).readings
        assert "L8989O2C3" in {r.number for r in readings if r.source is NumberSource.LOOK_ALIKE}

    def test_a_visa_is_read_under_issuer_and_nationality(self):
        document = read(compose.mrvb(**PASSPORT | {"issuing_state": "D", "nationality": "UTO"}))
        assert [(r.number, r.issuing_state) for r in document.readings[:2]] == [
            ("L898902C3", "D"), ("L898902C3", "UTO")]

    def test_fillers_within_and_a_k_that_was_a_filler(self):
        document = read(compose.td3(**PASSPORT | {"number": "AB12<34K"}))
        assert document.fields.document_number == "AB12<34K"
        assert {"AB1234K", "AB1234"} <= {r.number for r in document.readings}

    def test_other_scripts_and_lower_case_are_read_as_what_they_stand_for(self):
        upper, lower = compose.td3(**PASSPORT | {"number": "AB123456"})
        document = read((upper, "ab١٢٣٤٥٦" + lower[8:]))
        assert not document.valid
        assert document.readings[0].number == "AB123456"

    def test_never_more_than_the_bound(self):
        assert len(read(compose.td1(**HOLDER, number="8" * 22)).readings) == MAX_READINGS

    @pytest.mark.parametrize("spoil", [
        lambda upper, lower: (upper[:-1], lower), lambda upper, lower: (upper + lower,),
        lambda upper, lower: ("", upper, lower), lambda upper, lower: (lower[:-1],),
    ])
    def test_lines_of_no_format_still_give_the_number_as_a_look_alike(self, spoil):
        document = read(spoil(*compose.td3(**PASSPORT)))
        assert document.format is None
        assert [(r.number, r.issuing_state, r.source) for r in document.readings] == [
            ("L898902C3", "", NumberSource.LOOK_ALIKE)]

    @pytest.mark.parametrize("lines", [(), ("",), ("", ""), ("HELLO WORLD", "12"), ("<" * 50,)])
    def test_noise_gives_none(self, lines):
        assert read(lines).readings == ()
