"""Folding: every script and habit comes out as the same tokens, or as tokens of one skeleton."""

from __future__ import annotations

import json

import pytest
import shared_data
from hypothesis import given
from hypothesis import strategies as st

from edge.core import names
from edge.core.names import tables


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ERIKSSON<<ANNA<MARIA<<<<", ("ERIKSSON", "ANNA", "MARIA")),
        ("O'Connor-Smith, Enya Siobhan", ("OCONNOR", "SMITH", "ENYA", "SIOBHAN")),
        ("Müller Jörg", ("MUELLER", "JOERG")),
        ("MUXXLLER", ("MULLER",)),
        ("Žižek Łukasz", ("ZIZEK", "LUKASZ")),
        ("Şahin Işık İnönü", ("SAHIN", "ISIK", "INOENUE")),
        ("Владимир Щукин", ("VLADIMIR", "SHCHUKIN")),
        ("محمد", ("MHMD",)),
        ("MXHMD", ("MHMD",)),
        ("الهاشمي", ("HASHMI",)),
        ("M0HAMED", ("MOHAMED",)),
        ("AL", ("AL",)),
        ("김철수", ("GIMCHEOLSU",)),
        ("中文 123", ()),
        ("", ()),
    ],
)
def test_tokens(text: str, expected: tuple[str, ...]) -> None:
    assert names.tokens(text) == expected


@pytest.mark.parametrize(
    "spellings",
    [
        ("ABD AL-RAHMAN", "ABDUL RAHMAN", "ABDURRAHMAN", "ABDELRAHMAN", "ABDEL<RAHMAN"),
        ("ABDALLAH", "ABD ALLAH", "ABDULLAH", "ABDULLA", "عبد الله", "عبدالله"),
        ("SALAHEDDINE", "SALAH AL-DIN", "SALAH UD DIN", "SALAHUDDIN"),
        ("HIDAYATULLAH", "HIDAYAT ULLAH", "HIDAYAT ALLAH"),
        ("AL-TIKRITI", "EL TIKRITI", "TIKRITI"),
        ("AR-RASHID", "AL RASHID", "RASHID"),
        ("ABU BAKR", "ABOU BAKR"),
        ("IBN SALIM", "BIN SALIM"),
    ],
)
def test_compounds_meet(spellings: tuple[str, ...]) -> None:
    assert len({names.tokens(text) for text in spellings}) == 1


@pytest.mark.parametrize(
    "spellings",
    [
        ("MOHAMED", "MUHAMMAD", "MOHAMMED", "MXHMD", "محمد"),
        ("KHALID", "KHALED", "XKHALD", "خالد"),
        ("WALID", "OUALID", "وليد"),
        ("YUSUF", "YOUSSEF", "يوسف"),
        ("TAWFIK", "TOUFIQ", "TAOUFIK"),
        ("SHARIF", "CHERIF", "SCHARIF"),
        ("DJAMAL", "JAMAL"),
        ("OMAR", "UMAR", "عمر"),
        ("YACINE", "YASSIN"),
        ("AHMED", "AHMAD", "XAEXHMD", "أحمد"),
    ],
)
def test_spellings_share_a_skeleton(spellings: tuple[str, ...]) -> None:
    assert len({names.skeleton(names.tokens(text)[0]) for text in spellings}) == 1


def test_different_names_do_not_share_a_skeleton() -> None:
    assert names.skeleton("AHMED") != names.skeleton("HAMED")
    assert names.skeleton("SALIM") != names.skeleton("KARIM")


def test_g_is_also_read_as_jeem() -> None:
    assert names.skeleton("GAMAL") in names.keys("JAMAL")
    assert names.skeleton("JAMAL") in names.keys("GAMAL")


def test_latin_names_with_x_are_not_taken_for_icao_arabic() -> None:
    assert names.tokens("ALEXEI MAXIM FELIX") == ("ALEXEI", "MAXIM", "FELIX")


def test_renderings_hold_both_forms_of_table_a() -> None:
    assert set(names.renderings("Müller")) == {("MUELLER",), ("MULLER",)}
    assert set(names.renderings("Юрий")) >= {("IURII",), ("YURIY",)}
    assert names.renderings("SMITH") == (("SMITH",),)
    assert names.renderings("中") == ()


def test_a_cut_compound_is_read_as_one() -> None:
    assert names.of_cut("ABDELR") == ("ABD", "R")
    assert names.of_cut("NOUREDDI") == ("NOUR", "DIN")
    assert names.of_cut("TIKRIT") == ("TIKRIT",)


def test_every_letter_of_icao_tables_is_folded() -> None:
    """Each Latin and Cyrillic letter gives letters, each Arabic one is known (or written without letters)."""
    icao = json.loads(shared_data.path("icao_transliteration.json").read_text(encoding="utf-8"))
    for table in ("latin", "cyrillic"):
        for code in icao[table]:
            assert names.tokens("B" + chr(int(code, 16)) + "B")[0].isalpha()
            assert len(names.tokens("B" + chr(int(code, 16)) + "B")[0]) >= 3
    known = tables.ARABIC.keys() | tables.YEHS | {tables.WAW, tables.AIN}
    written = {chr(int(code, 16)) for code, row in icao["arabic"].items() if row["mrz"] not in {"", "[DOUBLE]"}}
    assert written <= known
    for letter in written & known - {"ء"}:
        assert len(names.tokens(letter + "ب")[0]) >= 2, hex(ord(letter))


def test_icao_escapes_are_undone_as_the_table_writes_them() -> None:
    """Every X sequence of table C is known: the raw MRZ of an Arabic name has the Latin name's skeleton."""
    icao = json.loads(shared_data.path("icao_transliteration.json").read_text(encoding="utf-8"))
    sequences = {part for row in icao["arabic"].values() for part in row["mrz"].split("/") if part.startswith("X")}
    assert sequences <= set(tables.ESCAPES)


@given(st.text(max_size=60))
def test_any_text_gives_clean_tokens(text: str) -> None:
    for form in names.renderings(text) or ((),):
        for token in form:
            assert token
            assert token.isascii()
            assert token.isalpha()
            assert token.isupper()
            consonants, gaps = names.shape(token)
            assert len(gaps) == len(consonants) + 1
            assert names.skeleton(token) in names.keys(token)


@given(st.lists(st.sampled_from(["ABDUL", "RAHMAN", "SALAHEDDINE", "MXHMD", "AL", "BIN", "ERIKSSON", "X"]), max_size=6))
def test_folding_twice_changes_nothing(parts: list[str]) -> None:
    once = names.tokens("<".join(parts))
    assert names.tokens(" ".join(once)) == once
