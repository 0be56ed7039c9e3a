"""Codes of Doc 9303-3 section 5: all parts known, spellings of the UN list mapped, issuers compared."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import shared_data

from edge.core import states


def test_every_part_of_section_5_is_known() -> None:
    others = (
        "D GBD GBN GBO GBP GBS RKS EUE UNO UNA UNK XBA XIM XCC XCE XCO XEC XPO XES XMP XOM XDC "
        "XXA XXB XXC XXX IAO UTO"
    )
    assert all(code in states.CODES for code in others.split())
    iso = {c for c in states.CODES if not c.startswith("X")} - set(others.split()) - {"DEU"}
    assert len(iso) == 248  # ISO 3166-1 has 249, Germany among them


def test_codes_are_one_to_three_letters_and_no_code_is_both_used_and_withdrawn() -> None:
    assert all(re.fullmatch(r"[A-Z]{1,3}", c) for c in states.CODES | states.WITHDRAWN)
    assert not states.CODES & states.WITHDRAWN


@pytest.mark.parametrize("code", ["ANT", "NTZ", "YUG", "SUN", "DDR", "ZAR", "SCG", "CSK", "ROM", "TMP"])
def test_withdrawn_codes_are_known_as_withdrawn(code: str) -> None:
    assert states.is_known(code)
    assert states.is_withdrawn(code)
    assert states.name_of(code)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Germany", "D"),
        ("Iran (Islamic Republic of)", "IRN"),
        ("Democratic People's Republic of Korea", "PRK"),
        ("DEMOCRATIC PEOPLE’S REPUBLIC OF KOREA", "PRK"),
        ("Democratic Republic of the Congo", "COD"),
        ("Congo", "COG"),
        ("Türkiye", "TUR"),
        ("Turkiye", "TUR"),
        ("Côte d'Ivoire", "CIV"),
        ("the Sudan", "SDN"),
        ("State of Palestine", "PSE"),
        ("former Soviet Union", "SUN"),
        ("Syrian Arab Republic", "SYR"),
        ("United Kingdom of Great Britain and Northern Ireland", "GBR"),
        ("utopia", "UTO"),
        ("D<<", "D"),
        ("tun", "TUN"),
        ("na", None),
        ("", None),
        ("Atlantis", None),
    ],
)
def test_names_lead_to_codes(name: str, code: str | None) -> None:
    assert states.code_of(name) == code


def test_every_shown_name_leads_back_to_its_code() -> None:
    for code in states.CODES - {"DEU"}:
        assert states.code_of(states.name_of(code) or "") == code


def test_adjectives() -> None:
    assert states.code_of_adjective("Tunisian") == "TUN"
    assert states.code_of_adjective("passport") is None


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ("D", "DEU", True),
        ("D", "DDR", True),
        ("DEU", "DDR", True),
        ("GBR", "GBN", True),
        ("GBD", "GBS", True),
        ("RKS", "UNK", True),
        ("CHN", "HKG", True),
        ("SRB", "YUG", True),
        ("HRV", "YUG", True),
        ("SRB", "HRV", False),
        ("ZAR", "COD", True),
        ("COG", "COD", False),
        ("UTO", "D", False),
        ("", "D", False),
        ("", "", True),
    ],
)
def test_same_issuer_is_symmetric_and_not_transitive(a: str, b: str, same: bool) -> None:
    assert states.same_issuer(a, b) is same
    assert states.same_issuer(b, a) is same


def test_all_spellings_of_the_un_list_are_mapped() -> None:
    root = ET.parse(shared_data.path("lists/un/UN_consolidated.xml")).getroot()
    texts = [e.text for tag in ("ISSUING_COUNTRY", "COUNTRY_OF_ISSUE") for e in root.iter(tag)]
    texts += [v.text for n in root.iter("NATIONALITY") for v in n]
    spellings = {" ".join((t or "").split()) for t in texts} - {""}
    assert len(spellings) > 50
    assert {s for s in spellings if states.code_of(s) is None} == {"na"}  # "not available": no State
