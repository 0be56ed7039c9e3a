"""TDAWN, vehicles and firearms as CSV: what a row may say, and what it costs if it cannot be read."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.watch.entries import DocumentEntry
from edge.core.watch.objects import FirearmEntry, VehicleEntry
from hq.sources.base import Complaint, Item
from hq.sources.csv_source import CsvSource
from hq.sources.firearms_csv import FirearmsCsv
from hq.sources.tdawn_csv import TdawnCsv
from hq.sources.vehicles_csv import VehiclesCsv

TDAWN = "document_number,issuing_state,notice_id,document_type,notice,review_date,action,silent"
VEHICLES = "plate,plate_state,vin,category,make,reported_date,theft_state,reference"
FIREARMS = "serial,make,calibre,category,origin,reference"


def read(kind: type[CsvSource], head: str, path: Path, *rows: str) -> tuple[list[Any], list[str], list[str]]:
    path.write_text("\n".join((head, *rows)) + "\n", "utf-8")
    items: list[Item] = list(kind(path))
    complaints = [i for i in items if isinstance(i, Complaint)]
    entries = [i for i in items if not isinstance(i, Complaint)]
    return entries, [c.reason for c in complaints if c.lost], [c.reason for c in complaints if not c.lost]


def test_a_tdawn_row_is_a_document_of_a_person(tmp_path: Path) -> None:
    entries, lost, left = read(
        TdawnCsv,
        TDAWN,
        tmp_path / "t.csv",
        "l898 902c3,UTO,2026/90001,P,Red,2034-01-01,Call the shift leader,yes",
        "D2314589,,N-77,,,,,",
    )
    assert entries == [
        DocumentEntry(
            number="L898902C3",
            issuing_state="UTO",
            document_type="P",
            fraud_category="listed_person",
            review_date=date(2034, 1, 1),
            reference="red 2026/90001",
            silent=True,
            action="Call the shift leader. Confirm with the NCB.",
        ),
        DocumentEntry(number="D2314589", fraud_category="listed_person", reference="N-77"),
    ]
    assert (lost, left) == ([], [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("L898902C3,UTO,,,,,,", "notice_id is empty"),
        ("L898902C3,UTO,a b,,,,,", "notice_id is not 2 to 40 letters, digits and / . _ -"),
        (",UTO,N-7,,,,,", "document_number is empty"),
    ],
)
def test_tdawn_rows_that_are_lost(tmp_path: Path, row: str, reason: str) -> None:
    assert read(TdawnCsv, TDAWN, tmp_path / "t.csv", row)[:2] == ([], [reason])


def test_a_doubtful_tdawn_row_stays_and_rather_silent_than_shown(tmp_path: Path) -> None:
    (entry,), lost, left = read(
        TdawnCsv, TDAWN, tmp_path / "t.csv", "L898902C3,12,N-7,scroll,crimson,soon,they are guilty,perhaps"
    )
    assert (entry.issuing_state, entry.reference, entry.silent, entry.action) == ("", "N-7", True, "")
    assert lost == []
    assert len(left) == 6


def test_vehicles(tmp_path: Path) -> None:
    entries, lost, left = read(
        VehiclesCsv,
        VEHICLES,
        tmp_path / "v.csv",
        "b-UT 1234,D,1M8GDM9AXKP042788,stolen,Utopia  Motors,2026-01-02,FRA,V-1",
        ",,wvwzzz1jz3w386752,Sought,,,,",
        "AB 12,,,stolen plates,,,,",
    )
    assert entries[0] == VehicleEntry(
        plate="BUT1234",
        plate_state="D",
        vin="1M8GDM9AXKP042788",
        make="Utopia Motors",
        category="stolen",
        reported=date(2026, 1, 2),
        theft_state="FRA",
        reference="V-1",
    )
    assert (entries[1].vin, entries[1].plate, entries[1].category) == ("WVWZZZ1JZ3W386752", "", "sought")
    assert (entries[2].plate, entries[2].plate_state, entries[2].category) == ("AB12", "", "stolen_plates")
    assert (lost, left) == ([], [])


@pytest.mark.parametrize(
    ("row", "vin", "reason"),
    [
        (
            ",,1M8GDM9A1KP042788,stolen,,,,",
            "1M8GDM9A1KP042788",
            "vin has a check digit that does not agree; it is kept as written",
        ),
        (",,1M8GDM9A-XKP 042788,stolen,,,,", "1M8GDM9AXKP042788", None),
        (",,WVWZZZ1JZ3W386752,stolen,,,,", "WVWZZZ1JZ3W386752", None),
        (",,CH12345,stolen,,,,", "CH12345", "vin has not 17 characters; it is kept as written"),
        ("AB12,,123,stolen,,,,", "", "vin has not 5 to 17 letters and digits; it is left out"),
        (
            "A,,CH12345678901234O,stolen,,,,",
            "CH123456789012340",
            "plate has not 2 to 24 letters and digits; it is left out",
        ),
    ],
)
def test_a_vin_is_doubted_and_kept(tmp_path: Path, row: str, vin: str, reason: str | None) -> None:
    (entry,), lost, left = read(VehiclesCsv, VEHICLES, tmp_path / "v.csv", row)
    assert (entry.vin, lost, left) == (vin, [], [reason] if reason else [])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",D,,stolen,,,,", "the row has neither a plate nor a VIN that can be compared"),
        ("A,D,12,stolen,,,,", "the row has neither a plate nor a VIN that can be compared"),
        ("AB12,D,,eaten,,,,", "category is none of stolen, embezzled, stolen_plates, sought"),
    ],
)
def test_vehicles_that_are_lost(tmp_path: Path, row: str, reason: str) -> None:
    assert read(VehiclesCsv, VEHICLES, tmp_path / "v.csv", row)[:2] == ([], [reason])


def test_firearms(tmp_path: Path) -> None:
    entries, lost, left = read(
        FirearmsCsv,
        FIREARMS,
        tmp_path / "f.csv",
        "ab-12 345,Utopia Arms,9 x 19 mm,Trafficked,D,F-1",
        "12,Utopia Arms,,lost,Atlantis,",
    )
    assert entries == [
        FirearmEntry(
            serial="AB12345",
            make="Utopia Arms",
            calibre="9 x 19 mm",
            category="trafficked",
            origin="D",
            reference="F-1",
        ),
        FirearmEntry(serial="12", make="Utopia Arms", category="lost"),
    ]
    assert (lost, left) == ([], ["origin is not an ICAO code; it is left out"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Utopia Arms,9,stolen,,", "serial is empty"),
        ("---,Utopia Arms,9,stolen,,", "serial is not 1 to 24 Latin letters and digits"),
        ("АБ123,Utopia Arms,9,stolen,,", "serial is not 1 to 24 Latin letters and digits"),
        ("123,,9,stolen,,", "serial has fewer than 4 characters, and no make stands with it"),
        ("12345,Utopia Arms,9,eaten,,", "category is none of stolen, lost, trafficked, sought"),
    ],
)
def test_firearms_that_are_lost(tmp_path: Path, row: str, reason: str) -> None:
    assert read(FirearmsCsv, FIREARMS, tmp_path / "f.csv", row)[:2] == ([], [reason])


@pytest.mark.parametrize(("kind", "head"), [(TdawnCsv, TDAWN), (VehiclesCsv, VEHICLES), (FirearmsCsv, FIREARMS)])
@given(data=st.data())
def test_rows_read_are_entries_plus_lost(
    tmp_path_factory: pytest.TempPathFactory, kind: type[CsvSource], head: str, data: st.DataObject
) -> None:
    field = st.text(st.characters(codec="utf-8", exclude_characters='\n\r,"'), max_size=20)
    rows = data.draw(st.lists(st.lists(field, min_size=head.count(",") + 1, max_size=head.count(",") + 1), max_size=5))
    lines = [",".join(r) for r in rows]
    told = [x for x in lines if x.encode().strip()]
    entries, lost, _ = read(kind, head, tmp_path_factory.mktemp("o") / "o.csv", *lines)
    assert len(entries) + len(lost) == len(told)
