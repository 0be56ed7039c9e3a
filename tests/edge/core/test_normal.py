"""What is typed in another script is asked as it was meant, or said to be in doubt; never half of it."""

from __future__ import annotations

import pytest

from edge.core.keyed import keys
from edge.core.normal import is_comparable, normal_number
from edge.core.screening import Query, ThingQuery


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("L٨٩٨٩٠٢C3", "L898902C3"), ("L۸۹۸۹۰۲C3", "L898902C3"), ("АВ 123", "AB123"), ("ΑΒ-123", "AB123"),
        ("Ｌ８９８", "L898"), ("l898 902<c3", "L898902C3"), ("٠", "0"),
    ],
)  # fmt: skip
def test_digits_and_twins_of_other_scripts(typed: str, normal: str) -> None:
    assert normal_number(typed) == normal
    assert is_comparable(typed)
    (first, *_) = Query.of_fields({"document_number": typed, "issuing_state": "UTO"}).readings
    assert first.number == normal


@pytest.mark.parametrize("typed", ["ب١٢٣٤٥٦", "Ж123456", "12Ñ456"])
def test_half_a_number_is_never_clear(typed: str) -> None:
    assert "document_number" in Query.of_fields({"document_number": typed, "issuing_state": "UTO"}).doubts
    assert "serial" in ThingQuery.of_firearm({"serial": typed}).doubts
    assert "vin" in ThingQuery.of_vehicle({"vin": typed}).doubts


def test_a_vin_and_a_serial_number_in_other_scripts() -> None:
    vin = "1M8GDM9AXKP042788"
    assert keys.vin_text("1М8GDМ9АХКР٠٤٢٧٨٨") == keys.vin_text(vin) != ""
    assert not ThingQuery.of_vehicle({"vin": "1М8GDМ9АХКР٠٤٢٧٨٨"}).doubts
    assert keys.firearm_text("", "", "А١٢٣٤") == keys.firearm_text("", "", "A1234") != ""


@pytest.mark.parametrize(
    ("typed", "listed"),
    [("۱۲ ب ۳۴۵", "12ب345"), ("۱۲ ی ۳۴۵", "١٢ي٣٤٥"), ("١ـب", "1ب"), ("ΥΖΑ-1234", "YZA 1234"), ("а123вс", "A123BC")],
)
def test_plates_of_two_keyboards_are_one(typed: str, listed: str) -> None:
    assert keys.plate_text("", typed) == keys.plate_text("", listed) != ""


@pytest.mark.parametrize("typed", ["9х19", "٩x١٩", "9 × 19 мм", "9x19 mm"])
def test_a_calibre_typed_in_another_script(typed: str) -> None:
    assert keys.normal_calibre(typed) == "9X19"


def test_a_make_in_another_script_is_as_if_not_stated() -> None:
    listed = set(keys.firearm_rows("Utopia Arms", "9x19", "A1234"))
    assert listed & set(keys.firearm_questions("Утопия АК", "9x19", "A1234"))
    assert keys.firearm_text("Ćeška", "", "A1") == keys.firearm_text("CESKA", "", "A1")
