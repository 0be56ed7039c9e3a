"""The UN list reader on invented individuals in the list's shapes, and on the real list by counts alone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shared_data

from edge.core.watch.entries import PersonEntry
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.un_xml import UnXml

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<CONSOLIDATED_LIST dateGenerated="2026-02-27T00:00:09.554Z">'
TAIL = "</CONSOLIDATED_LIST>"


def individual(inner: str, name: str = "<FIRST_NAME>ANNA MARIA</FIRST_NAME><SECOND_NAME>ERIKSSON</SECOND_NAME>") -> str:
    return f"<INDIVIDUAL><DATAID>1</DATAID>{name}<REFERENCE_NUMBER>UTi.001</REFERENCE_NUMBER>{inner}</INDIVIDUAL>"


def read(path: Path, *individuals: str) -> list[Item]:
    path.write_text(f"{HEAD}\n<INDIVIDUALS>\n" + "\n".join(individuals) + f"\n</INDIVIDUALS>{TAIL}", "utf-8")
    return list(UnXml(path))


def one(tmp_path: Path, inner: str) -> tuple[PersonEntry, list[str]]:
    items = read(tmp_path / "un.xml", individual(inner))
    (person,) = [i for i in items if isinstance(i, PersonEntry)]
    return person, [c.reason for c in items if isinstance(c, Complaint)]


def test_names_in_all_their_places(tmp_path: Path) -> None:
    person, complaints = one(
        tmp_path,
        "<THIRD_NAME>TEST</THIRD_NAME><NAME_ORIGINAL_SCRIPT>Анна Эрикссон</NAME_ORIGINAL_SCRIPT>"
        "<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Ana Erikson; Anne Ericson</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>“Annie”</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>",
    )
    assert [(n.text, n.quality) for n in person.names] == [
        ("ANNA MARIA ERIKSSON TEST", "primary"),
        ("Анна Эрикссон", "original"),
        ("Ana Erikson", "good"),
        ("Anne Ericson", "good"),
        ("Annie", "low"),
    ]
    assert not complaints


def test_sex_nationality_and_documents_of_an_individual(tmp_path: Path) -> None:
    person, complaints = one(
        tmp_path,
        "<GENDER>Female</GENDER><NATIONALITY><VALUE>Utopia</VALUE><VALUE>na</VALUE></NATIONALITY>"
        "<INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT><NUMBER>L898902C3</NUMBER>"
        "<ISSUING_COUNTRY>Utopia</ISSUING_COUNTRY></INDIVIDUAL_DOCUMENT>"
        "<INDIVIDUAL_DOCUMENT><TYPE_OF_DOCUMENT>Passport</TYPE_OF_DOCUMENT></INDIVIDUAL_DOCUMENT>"
        "<INDIVIDUAL_DOCUMENT/>",
    )
    assert (person.sex, person.nationalities, person.notice) == ("F", ("UTO",), "un")
    assert [(d.number, d.issuing_state) for d in person.documents] == [("L898902C3", "UTO")]
    assert complaints == ["a nationality names no known State", "a passport is listed with no number"]


def test_an_individual_without_a_name_is_lost_with_its_line(tmp_path: Path) -> None:
    items = read(tmp_path / "un.xml", individual(""), individual("", name="<FIRST_NAME>12</FIRST_NAME>"))
    assert isinstance(items[0], PersonEntry)
    assert items[1] == Complaint("un.xml", 5, "an individual has no name that can be compared", lost=True)


def test_an_individual_beyond_the_limits_is_lost_alone(tmp_path: Path) -> None:
    big = individual("<COMMENTS1>" + "x" * (1 << 20) + "</COMMENTS1>")
    many = individual("<A/>" * 20_001)
    items = read(tmp_path / "un.xml", big, many, individual(""))
    assert [i.lost if isinstance(i, Complaint) else "person" for i in items] == [True, True, "person"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not xml",
        "<OTHER/>",
        f"{HEAD}<INDIVIDUALS><INDIVIDUAL>",
        "<CONSOLIDATED_LIST/>",
        '<!DOCTYPE x [<!ENTITY a "b">]>' + HEAD.partition("\n")[2] + TAIL,
        '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">' + HEAD.partition("\n")[2] + TAIL,
        HEAD + "<a>" * 20 + "</a>" * 20 + TAIL,
    ],
)
def test_a_file_that_is_no_consolidated_list_stops_the_source(tmp_path: Path, text: str) -> None:
    path = tmp_path / "un.xml"
    path.write_text(text)
    with pytest.raises(SourceError):
        list(UnXml(path))


def test_a_missing_file_stops_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        list(UnXml(tmp_path / "none.xml"))


def test_every_individual_and_every_passport_of_the_real_list_is_accounted_for() -> None:
    path = shared_data.path("lists/un/UN_consolidated.xml")
    source = UnXml(path)
    items = list(source)
    persons = [i for i in items if isinstance(i, PersonEntry)]
    complaints = [i for i in items if isinstance(i, Complaint)]
    assert source.source_date == datetime(2026, 2, 27, 0, 0, 9, 554000, UTC)
    assert len(persons) == 730
    assert not any(c.lost for c in complaints)

    elements = list(ET.parse(path).getroot().iter("INDIVIDUAL_DOCUMENT"))
    kinds = [f"{d.findtext('TYPE_OF_DOCUMENT')} {d.findtext('TYPE_OF_DOCUMENT2')}" for d in elements]
    passports = sum(1 for k in kinds if re.search("passport|passeport|pasaporte", k, re.IGNORECASE))
    without = [c for c in complaints if c.reason.startswith("a passport is listed with")]
    assert passports == 308 + 6 + 5  # by type, in French or Spanish, by the second type
    assert len(without) == 2  # no number at all; a laissez-passer whose file mark no zone could print
    listed = sum(1 for p in persons for d in p.documents if d.document_type == "P")
    assert listed >= passports - len(without)


def test_every_date_element_of_the_real_list_is_read_or_complained_of() -> None:
    path = shared_data.path("lists/un/UN_consolidated.xml")
    items = list(UnXml(path))
    unread = [i for i in items if isinstance(i, Complaint) and i.reason == "a birth date cannot be read"]
    assert len(unread) == 1  # an age, "40-50 years old" without the year it was said in
    with_date = [
        i for i in ET.parse(path).getroot().iter("INDIVIDUAL")
        if any(e.findtext("DATE") or e.findtext("YEAR") or e.findtext("FROM_YEAR")
               for e in i.iter("INDIVIDUAL_DATE_OF_BIRTH"))
    ]
    assert sum(1 for i in items if isinstance(i, PersonEntry) and i.births) >= len(with_date)
