"""OFAC's SDN list: invented records in the list's shapes, and the real list by counts alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import shared_data
from hypothesis import given
from hypothesis import strategies as st

from edge.core.documents import DateInterval
from edge.core.watch.entries import PersonEntry
from hq.sources import ofac_dates, ofac_remarks
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.ofac_csv import OfacCsv

NAME = "ERIKSSON, Anna Maria"


def row(number: int, remarks: str = "-0- ", *, name: str = NAME, kind: str = "individual") -> str:
    return f'{number},"{name}","{kind}","UTO",' + "-0- ," * 7 + f'"{remarks}"'


def read(folder: Path, *rows: str, alt: tuple[str, ...] = (), comments: tuple[str, ...] = ()) -> list[Item]:
    (folder / "sdn.csv").write_bytes("\r\n".join((*rows, "\x1a")).encode("latin-1"))
    (folder / "alt.csv").write_bytes("\r\n".join((*alt, "\x1a")).encode("latin-1"))
    if comments:
        (folder / "sdn_comments.csv").write_bytes("\r\n".join(comments).encode("latin-1"))
    return list(OfacCsv(folder / "sdn.csv"))


def reasons(items: list[Item], *, lost: bool = False) -> list[str]:
    return [i.reason for i in items if isinstance(i, Complaint) and i.lost is lost]


def one(folder: Path, remarks: str) -> tuple[PersonEntry, list[str]]:
    items = read(folder, row(7, remarks))
    (person,) = [i for i in items if isinstance(i, PersonEntry)]
    return person, reasons(items)


def test_a_record_with_all_that_remarks_may_hold(tmp_path: Path) -> None:
    person, said = one(
        tmp_path,
        "DOB 12 Aug 1974; alt. DOB circa 1975; POB Zenith, Utopia; nationality Utopia; alt. nationality Korea, North; "
        "citizen Germany; Gender Female; a.k.a. 'ANNIE'; Passport L898902C3 (Utopia) issued 16 Apr 2017 expires 15 Apr "
        "2027; alt. Passport D 23145890; National ID No. 123456-7 (Utopia); SSN 123-45-6789 (Utopia); Minister of "
        "Weather; (Linked To: UTOPIA WEATHER BUREAU).",
    )
    assert person.reference == "OFAC-7"
    assert [(n.text, n.quality) for n in person.names] == [(NAME, "primary"), ("ANNIE", "low")]
    assert [str(b) for b in person.births] == ["1974-08-12", "1974-01-01/1976-12-31"]
    assert (person.nationalities, person.sex) == (("UTO", "PRK", "D"), "F")
    assert [(d.number, d.issuing_state, d.document_type) for d in person.documents] == [
        ("L898902C3", "UTO", "P"),
        ("D23145890", "", "P"),
        ("1234567", "UTO", "I"),
    ]
    assert (person.documents[0].issued, person.documents[0].expires) == (date(2017, 4, 16), date(2027, 4, 15))
    assert {d.fraud_category for d in person.documents} == {"listed_person"}
    assert said == []


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("12 Aug 1974", "1974-08-12"),
        ("Aug 1974", "1974-08-01/1974-08-31"),
        ("1974", "1974-01-01/1974-12-31"),
        ("1974.", "1974-01-01/1974-12-31"),
        ("circa 1974", "1973-01-01/1975-12-31"),
        ("circa Aug 1974", "1973-01-01/1975-12-31"),
        ("1974 to 1976", "1974-01-01/1976-12-31"),
        ("circa 1974-1976", "1973-01-01/1977-12-31"),
        ("01 Jan 1974 to 31 Mar 1976", "1974-01-01/1976-03-31"),
        ("between 1974 and 1976", "1974-01-01/1976-12-31"),
        ("1970s", "1970-01-01/1979-12-31"),
        ("early 1970s", "1969-01-01/1980-12-31"),
        ("31 Jun 1974", "1974-06-01/1974-06-30"),
        ("1974-08-12", "1974-08-12"),
    ],
)
def test_birth_dates_become_intervals(text: str, interval: str) -> None:
    assert str(ofac_dates.birth(text)) == interval


@pytest.mark.parametrize("text", ["", "unknown", "1976 to 1974", "12 Foo 1974", "12 Aug", "1 to 2 to 3"])
def test_what_is_no_birth_date_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    assert ofac_dates.birth(text) is None
    person, said = one(tmp_path, f"DOB {text}; alt. DOB 1980")
    assert person.births == (DateInterval.of_year(1980),)
    assert said == ["a birth date cannot be read"]


@pytest.mark.parametrize(
    ("remark", "documents"),
    [
        ("Diplomatic Passport 1234567 (Utopia)", [("1234567", "UTO", "P")]),
        ("alt. Passport No. A-123 4567 (Korea, South)", [("A1234567", "KOR", "P")]),
        ("Passport K123456(7) (Hong Kong)", [("K1234567", "HKG", "P"), ("K123456", "HKG", "P")]),
        ("Passport 1234567 (Nowhere Land)", [("1234567", "", "P")]),
        ("Cedula No. 12.345.678 (Colombia)", [("12345678", "COL", "I")]),
        ("Citizen's Card Number 12345678 (China)", [("12345678", "CHN", "I")]),
        ("VisaNumberID 1234567 (Utopia)", [("1234567", "UTO", "V")]),
        ("Passport L898902C3; alt. Passport L898902C3 (Utopia)", [("L898902C3", "UTO", "P")]),
        ("Tax ID No. 12345678 (Utopia)", []),
        ("Driver's License No. 12345678 (Utopia)", []),
        ("Electoral Registry No. ABC12345678 (Mexico)", []),
        ("carries Utopian passport no. 7654321", [("7654321", "", "P")]),
    ],
)
def test_papers(tmp_path: Path, remark: str, documents: list[tuple[str, str, str]]) -> None:
    person, _ = one(tmp_path, remark)
    assert [(d.number, d.issuing_state, d.document_type) for d in person.documents] == documents


def test_what_is_not_understood_is_said_without_its_text(tmp_path: Path) -> None:
    person, said = one(tmp_path, "likes PANCAKES; Passport (Utopia); nationality Atlantis; Gender maybe")
    assert (person.documents, person.nationalities, person.sex) == ((), (), "")
    assert said == [
        "a part of the remarks is not understood",
        "a passport is listed with no number that a zone could print",
        "a nationality names no known State",
        "a gender is none of male, female, unknown",
    ]


def test_a_date_or_passport_in_prose_is_taken_though_the_rest_is_not_understood(tmp_path: Path) -> None:
    person, said = one(tmp_path, "a weatherman born 12 Aug. 1974, holder of passport no. 7654321")
    assert [str(b) for b in person.births] == ["1974-08-12"]
    assert [d.number for d in person.documents] == ["7654321"]
    assert said == ["a part of the remarks is not understood"]


def test_passports_of_people_a_record_is_linked_to_are_not_its_own(tmp_path: Path) -> None:
    person, _ = one(tmp_path, "(Linked To: SPECIMEN, John, born 1950, passport no. 7654321)")
    assert (person.births, person.documents) == ((), ())


def test_aliases_stand_in_their_own_file_and_remarks_go_on_in_another(tmp_path: Path) -> None:
    cut = ("DOB 12 Aug 1974; Linked To: " + "X" * 1000)[:1000]
    items = read(
        tmp_path,
        row(7, cut),
        row(8, cut),
        alt=(
            '7,1,"aka","ERIKSON, Ana",-0- ',
            '7,2,"fka","ERICSON, Anne",-0- ',
            '9,3,"aka","NOBODY",-0- ',
            "7,4",
            "7,5,no,X,Y",
        ),
        comments=('7,"XX; DOB 1976."',),
    )
    first, second = (i for i in items if isinstance(i, PersonEntry))
    assert [(n.text, n.quality) for n in first.names[1:]] == [("ERIKSON, Ana", "good"), ("ERICSON, Anne", "good")]
    assert [str(b) for b in first.births] == ["1974-08-12", "1976-01-01/1976-12-31"]
    assert len(second.births) == 1
    assert [(c.file, c.line, c.reason) for c in items if isinstance(c, Complaint)] == [
        ("alt.csv", 4, "the row has not 5 fields"),
        ("alt.csv", 5, "an alias is of no known kind or holds no name"),
        ("sdn.csv", 2, "remarks are cut and go on in no comments file"),
        ("alt.csv", 3, "an alias belongs to no record of the list"),
    ]


def test_rows_that_are_lost_and_rows_that_are_no_persons(tmp_path: Path) -> None:
    items = read(
        tmp_path,
        row(1),
        row(2, kind="vessel"),
        row(3, kind="-0- "),
        row(4, name="12"),
        "5,broken",
        row(6, kind="ghost"),
        row(7, name="\u00c9RIKSSON"),
    )
    assert [p.reference for p in items if isinstance(p, PersonEntry)] == ["OFAC-1", "OFAC-7"]
    assert reasons(items, lost=True) == [
        "an individual has no name that can be compared",
        "the row has not 12 fields",
        "the row has no record number or is of no known type",
    ]
    source = OfacCsv(tmp_path)
    assert len(list(source)) == 5
    assert "not persons and not screened: 1 entities, 1 vessels" in source.remarks


def test_utf8_is_read_as_such_and_all_else_as_latin1(tmp_path: Path) -> None:
    (tmp_path / "alt.csv").write_bytes(b"\x1a")
    (tmp_path / "sdn.csv").write_bytes(
        row(1, name="\u00c9RIKSSON").encode() + b"\n" + row(2, name="\u00c9RIKSSON").encode("latin-1") + b"\n\x1a"
    )
    found = [i for i in OfacCsv(tmp_path) if isinstance(i, PersonEntry)]
    assert [p.names[0].text for p in found] == ["\u00c9RIKSSON"] * 2


def test_a_file_without_its_end_mark_is_warned_of(tmp_path: Path) -> None:
    (tmp_path / "SDN.CSV").write_text(row(1) + "\n")
    (tmp_path / "ALT.CSV").write_bytes(b"\x1a")
    source = OfacCsv(tmp_path)
    assert len(list(source)) == 1
    assert "warning: SDN.CSV has no end mark and may be cut short" in source.remarks


def empty(_: Path) -> None:
    pass


def no_aliases(folder: Path) -> None:
    (folder / "sdn.csv").write_text(row(1))


def another_list(folder: Path) -> None:
    (folder / "sdn.csv").write_text(",".join("abcdefghijkl") + "\n")
    (folder / "alt.csv").write_text("\x1a")


@pytest.mark.parametrize(
    ("prepare", "message"),
    [(empty, "holds no sdn.csv"), (no_aliases, "alt.csv does not lie"), (another_list, "is not a list of OFAC")],
)
def test_what_stops_the_source(tmp_path: Path, prepare: Callable[[Path], None], message: str) -> None:
    prepare(tmp_path)
    with pytest.raises(SourceError, match=message):
        list(OfacCsv(tmp_path))


@given(
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.sampled_from(["", "DOB ", "Passport ", "alt. citizen ", "a.k.a. "]),
)
def test_no_remarks_stop_a_source_and_every_part_is_counted(text: str, label: str) -> None:
    tally, said = ofac_remarks.Tally(), list[str]()
    found = ofac_remarks.read(label + text, "OFAC-1", said.append, tally)
    assert tally.parts <= (label + text).count(";") + 1
    assert tally.not_understood <= len(said)
    assert all(b.earliest <= b.latest for b in found.births)


def test_the_real_list_is_read_whole() -> None:
    source = OfacCsv(shared_data.path("lists/ofac/sdn.csv"))
    items = list(source)
    persons = [i for i in items if isinstance(i, PersonEntry)]
    assert (len(persons), len(reasons(items, lost=True))) == (4620, 0)
    assert (source.tally.parts - source.tally.not_understood) / source.tally.parts > 0.995
    assert sum(len(p.documents) for p in persons) > 2_800
    assert "a birth date cannot be read" not in reasons(items)
    assert not any(line.startswith("warning") for line in source.remarks)


def test_every_real_record_that_tells_a_birth_date_has_one() -> None:
    source = OfacCsv(shared_data.path("lists/ofac/sdn.csv"))
    told = {
        f"OFAC-{line.split(',', 1)[0]}"
        for line in shared_data.path("lists/ofac/sdn.csv").read_text("latin-1").splitlines()
        if '"individual"' in line and "DOB " in line
    }
    having = {p.reference for p in source if isinstance(p, PersonEntry) and p.births}
    assert len(told - having) == 0
    assert len(told) > 4_000
