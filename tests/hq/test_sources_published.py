"""Every kind of source through a whole build: what a post then finds, in four lists made at once."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import shared_data

from hq.generation_files import OpenGeneration, open_generation
from hq.publisher import BuildOptions, SourceSpec, build

NOW = datetime(2026, 2, 1, tzinfo=UTC)
REMARKS = "DOB circa 1974; nationality Utopia; a.k.a. 'ANNIE'; Passport L898902C3 (Utopia)"


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """A lists folder with one generation each of ofac, ftm, notices and tdawn."""
    nulls = "-0- ," * 7
    (tmp_path / "sdn.csv").write_text(f'7,"ERIKSSON, Anna Maria","individual","UTO",{nulls}"{REMARKS}"\n\x1a')
    (tmp_path / "alt.csv").write_text('7,1,"aka","ERIKSON, Ana",-0- \n\x1a')
    (tmp_path / "e.json").write_text(
        json.dumps({
            "id": "uto-1", "schema": "Person",
            "properties": {"name": ["Anna Eriksson"], "birthDate": ["1974-08"], "passportNumber": ["L898902C3"]},
        }) + "\n"
    )  # fmt: skip
    (tmp_path / "n.json").write_text(
        json.dumps({
            "entity_id": "2026/1", "name": "ERIKSSON", "forename": "-", "date_of_birth": "1974", "sex_id": "F",
            "_links": {"self": {"href": "https://example.org/notices/v1/blue/2026-1"}},
        })
    )  # fmt: skip
    (tmp_path / "t.csv").write_text(
        "document_number,issuing_state,notice_id,notice,silent\nL898902C3,UTO,2026/1,blue,yes\n"
    )
    sources = ("ofac-csv:sdn.csv", "ftm:e.json", "interpol-json:n.json", "tdawn-csv:t.csv")
    specs = [SourceSpec.parse(s.replace(":", f":{tmp_path}/")) for s in sources]
    build(tmp_path / "lists", specs, now=NOW, options=BuildOptions(source_date=NOW))
    return tmp_path / "lists"


def opened(lists: Path, list_id: str) -> OpenGeneration:
    return open_generation(lists / list_id / "0000000001")


@pytest.mark.parametrize(
    ("list_id", "reference", "names", "birth"),
    [
        ("ofac", "OFAC-7", ["ERIKSSON, Anna Maria", "ERIKSON, Ana", "ANNIE"], "1973-01-01/1975-12-31"),
        ("ftm", "uto-1", ["Anna Eriksson"], "1974-08-01/1974-08-31"),
        ("notices", "2026/1", ["ERIKSSON"], "1974-01-01/1974-12-31"),
    ],
)
def test_persons_of_each_kind(lists: Path, list_id: str, reference: str, names: list[str], birth: str) -> None:
    generation = opened(lists, list_id)
    person = generation.persons.person(0)
    assert (person.reference, [n.text for n in person.names]) == (reference, names)
    assert [str(b) for b in person.births] == [birth]
    assert "Confirm with the NCB." in generation.manifest.action


@pytest.mark.parametrize(
    ("list_id", "issuer", "bearer", "silent", "reference"),
    [
        ("ofac", "UTO", 0, False, "OFAC-7"),
        ("ftm", "", 0, False, "uto-1"),
        ("tdawn", "UTO", None, True, "blue 2026/1"),
    ],
)
def test_documents_of_each_kind(
    lists: Path, list_id: str, issuer: str, bearer: int | None, silent: bool, reference: str
) -> None:
    (record,) = opened(lists, list_id).documents.find("L898902C3")
    assert (record.issuing_state, record.person, record.silent, record.reference) == (issuer, bearer, silent, reference)
    assert record.fraud_category == "listed_person"


def test_the_real_ofac_list_fits_a_generation(tmp_path: Path) -> None:
    path = shared_data.path("lists/ofac/sdn.csv")
    report = build(tmp_path / "lists", [SourceSpec("ofac-csv", "ofac", path)], now=datetime(2027, 1, 1, tzinfo=UTC))
    assert (report.lists[0].records.persons, report.sources[0].lost) == (4620, 0)
    assert report.lists[0].records.documents == report.sources[0].documents


@pytest.mark.parametrize(
    ("kind", "names"), [("ofac-csv", ["sdn.csv", "alt.csv"]), ("interpol-json", ["n.json", "m.json"])]
)
def test_a_source_of_several_files_is_as_old_as_the_oldest(
    tmp_path: Path, lists: Path, kind: str, names: list[str]
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    for i, name in enumerate(names):
        (place / name).write_bytes((tmp_path / name.replace("m.json", "n.json")).read_bytes())
        os.utime(place / name, (1_700_000_000 - 100 * i,) * 2)
    report = build(lists, [SourceSpec.parse(f"{kind}@aged:{place}")], now=NOW)
    assert report.lists[0].source_date == datetime.fromtimestamp(1_699_999_900, UTC)
    assert report.sources[0].source_date_from == "file time"
