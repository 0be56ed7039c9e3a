"""FollowTheMoney entities and their delta files: invented ones, and the test data of another program by counts."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import shared_data
from hypothesis import given
from hypothesis import strategies as st

from edge.core.watch.entries import PersonEntry
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.ftm import Ftm

OLD, MIDDLE, NEW = "20260101000000-aaa", "20260102000000-bbb", "20260103000000-ccc"


def entity(key: str = "uto-1", schema: str = "Person", **properties: Any) -> dict[str, Any]:
    return {"id": key, "schema": schema, "properties": properties or {"name": ["Anna Maria Eriksson"]}}


def write(path: Path, *lines: dict[str, Any] | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines), "utf-8")
    return path


def persons(items: list[Item]) -> list[PersonEntry]:
    return [i for i in items if isinstance(i, PersonEntry)]


def complaints(items: list[Item]) -> list[tuple[str, int, str, bool]]:
    return [(i.file, i.line, i.reason, i.lost) for i in items if isinstance(i, Complaint)]


def test_a_person_with_all_properties_that_are_read(tmp_path: Path) -> None:
    told = entity(
        name=["Анна Эрикссон", "Anna Maria Eriksson", "Anna Eriksson"],
        alias=["Ana Erikson", "آنا"],
        weakAlias=["Annie"],
        previousName=["Anna Specimen"],
        birthDate=["1974-08-12", "1975", "1976-03", "circa 1980", "1974-08-12T00:00:00"],
        gender=["female"],
        nationality=["de", "xk"],
        citizenship=["suhh"],
        country=["fr"],
        passportNumber=["L898902C3", "D 2314589 (Utopia)"],
        idNumber=["123456-7"],
        topics=["sanction"],
    )
    told["caption"] = "Anna Maria Eriksson"
    items = list(Ftm(write(tmp_path / "e.json", told)))
    (found,) = persons(items)
    assert [(n.text, n.quality) for n in found.names] == [
        ("Anna Maria Eriksson", "primary"),
        ("Анна Эрикссон", "original"),
        ("Anna Eriksson", "good"),
        ("Ana Erikson", "good"),
        ("آنا", "original"),
        ("Anna Specimen", "good"),
        ("Annie", "low"),
    ]
    assert [str(b) for b in found.births] == [
        "1974-08-12",
        "1975-01-01/1975-12-31",
        "1976-03-01/1976-03-31",
        "1979-01-01/1981-12-31",
    ]
    assert (found.reference, found.sex, found.nationalities) == ("uto-1", "F", ("D", "RKS", "SUN"))
    assert [(d.number, d.issuing_state, d.document_type) for d in found.documents] == [
        ("L898902C3", "", "P"),
        ("D2314589", "UTO", "P"),
        ("1234567", "", "I"),
    ]
    assert complaints(items) == []


def test_papers_go_to_their_holder_wherever_they_stand(tmp_path: Path) -> None:
    passport = entity(
        "p1",
        "Passport",
        holder=["uto-1"],
        number=["L898902C3"],
        country=["de"],
        startDate=["2017-04-16"],
        endDate=["2027-04-15"],
    )
    nested = entity("p2", "Identification", number=["7654321"], country=["fr"])
    items = list(Ftm(write(tmp_path / "e.json", passport, entity(name=["Anna Eriksson"], documents=[nested]))))
    (found,) = persons(items)
    assert [(d.number, d.issuing_state, d.document_type, d.issued, d.expires) for d in found.documents] == [
        ("L898902C3", "D", "P", date(2017, 4, 16), date(2027, 4, 15)),
        ("7654321", "FRA", "I", None, None),
    ]


def test_names_made_of_parts_count_only_without_a_whole_name(tmp_path: Path) -> None:
    items = list(Ftm(write(tmp_path / "e.json", entity(firstName=["Anna"], lastName=["Eriksson"]))))
    assert [n.text for n in persons(items)[0].names] == ["Anna Eriksson"]


def test_what_is_passed_over_stands_in_the_remarks(tmp_path: Path) -> None:
    bystander = {**entity("uto-2"), "target": False}
    source = Ftm(
        write(tmp_path / "e.json", entity(name=["Anna Eriksson"], shoeSize=["38"]), bystander, entity("c", "Company"))
    )
    assert len(list(source)) == 1
    assert source.remarks == (
        "not persons and not screened: 1 Company",
        "1 persons are no targets of the list and are not screened",
        "unknown properties are not read: shoeSize (1)",
    )


def test_what_cannot_be_read_is_said_with_its_line(tmp_path: Path) -> None:
    bad = entity(name=["Anna Eriksson"], birthDate=["soon"], nationality=["qq"], gender=["?"], passportNumber=["none"])
    items = list(
        Ftm(write(tmp_path / "e.json", entity(), "", "{broken", "[]", '{"id": 1}', entity("x", name=["12"]), bad))
    )
    assert len(persons(items)) == 2
    assert complaints(items) == [
        ("e.json", 3, "the line is not a JSON object", True),
        ("e.json", 4, "the line is not a JSON object", True),
        ("e.json", 5, "the line is no entity with id and schema", True),
        ("e.json", 6, "a person has no name that can be compared", True),
        ("e.json", 7, "a document is listed with no number that a zone could print", False),
        ("e.json", 7, "a birth date cannot be read", False),
        ("e.json", 7, "a gender is none of male, female, other", False),
        ("e.json", 7, "a nationality names no known State", False),
    ]


def test_a_file_that_ends_within_a_line_or_is_something_else_stops_the_source(tmp_path: Path) -> None:
    path = write(tmp_path / "e.json", entity(), entity("uto-2"))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SourceError, match="ends within a line"):
        list(Ftm(path))
    with pytest.raises(SourceError, match="holds no FollowTheMoney entities"):
        list(Ftm(write(tmp_path / "x.json", {"type": "FeatureCollection"})))
    with pytest.raises(SourceError, match="cannot be read"):
        list(Ftm(tmp_path / "nowhere.json"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="does not hold one file"):
        list(Ftm(tmp_path / "empty"))


def folder(tmp_path: Path, *versions: tuple[str, list[dict[str, Any] | str]], base_version: str | None = OLD) -> Path:
    place = tmp_path / "set"
    write(place / "entities.ftm.json", entity("a"), entity("b"), entity("c"))
    if base_version:
        write(place / "index.json", {"version": base_version})
    write(place / "delta.json", {"versions": dict.fromkeys((v for v, _ in versions), "https://example.org/x")})
    for version, lines in versions:
        write(place / version / "entities.delta.json", *lines)
    return place


def change(op: str, key: str, **properties: Any) -> dict[str, Any]:
    return {"op": op, "entity": {"id": key} if op == "DEL" else entity(key, **properties)}


def test_deltas_are_applied_in_order_and_the_last_word_stands(tmp_path: Path) -> None:
    place = folder(
        tmp_path,
        (NEW, [change("DEL", "b"), change("MOD", "a", name=["Anna Third"]), change("DEL", "d")]),
        (MIDDLE, [change("MOD", "a", name=["Anna Second"]), change("ADD", "d"), change("ADD", "e")]),
    )
    source = Ftm(place)
    found = persons(list(source))
    assert [(p.reference, p.names[0].text) for p in found] == [
        ("a", "Anna Third"),
        ("c", "Anna Maria Eriksson"),
        ("e", "Anna Maria Eriksson"),
    ]
    assert source.remarks == ("2 deltas applied: 2 ADD, 2 MOD, 2 DEL",)
    assert source.source_date == datetime(2026, 1, 3, tzinfo=UTC)


def test_deltas_that_the_full_file_already_holds_are_passed_over(tmp_path: Path) -> None:
    source = Ftm(folder(tmp_path, (OLD, [change("DEL", "a")]), (MIDDLE, [change("DEL", "b"), change("DEL", "z")])))
    assert [p.reference for p in persons(list(source))] == ["a", "c"]
    assert "1 deltas are not newer than the full file and were passed over" in source.remarks
    assert "1 entities that the deltas delete are not in the full file" in source.remarks


def test_without_a_version_the_newest_last_seen_stands_for_it(tmp_path: Path) -> None:
    place = folder(tmp_path, (OLD, [change("DEL", "a")]), (NEW, [change("DEL", "b")]), base_version=None)
    lines = [{**entity(k), "last_seen": "2026-01-02T00:00:00"} for k in "abc"]
    write(place / "entities.ftm.json", *lines)
    assert [p.reference for p in persons(list(Ftm(place)))] == ["a", "c"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["{broken"], "cannot be read at line 1"),
        ([{"op": "DEL", "entity": {"id": "a"}}, {"op": "EAT", "entity": {"id": "a"}}], "holds no change at line 2"),
        ([{"op": "DEL", "entity": {}}], "holds no change at line 1"),
        ([{"op": "ADD", "entity": {"id": "q"}}], "without a schema at line 1"),
        (None, "is not there"),
    ],
)
def test_a_delta_that_cannot_be_read_stops_the_source(tmp_path: Path, lines: Any, message: str) -> None:
    place = folder(tmp_path, (MIDDLE, lines or []))
    if lines is None:
        shutil.rmtree(place / MIDDLE)
    with pytest.raises(SourceError, match=message):
        list(Ftm(place))


@pytest.mark.parametrize("version", ["../../etc-aaa", "2026-aaa", "20261399000000-aaa"])
def test_a_version_is_no_path(tmp_path: Path, version: str) -> None:
    place = folder(tmp_path)
    write(place / "delta.json", {"versions": {version: ""}})
    with pytest.raises(SourceError, match="does not name versions"):
        list(Ftm(place))


@given(
    st.recursive(
        st.none() | st.text(max_size=8) | st.integers() | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "birthDate", "nationality", "passportNumber", "holder", "schema", "gender"]),
                inner,
            )
        ),
        max_leaves=10,
    )
)
def test_no_properties_stop_a_source(tmp_path_factory: pytest.TempPathFactory, properties: Any) -> None:
    path = tmp_path_factory.mktemp("ftm") / "e.json"
    items = list(Ftm(write(path, entity(), {"id": "x", "schema": "Person", "properties": properties})))
    assert len(persons(items)) + sum(lost for *_, lost in complaints(items)) == 2


def test_real_entities_and_deltas(tmp_path: Path) -> None:
    place = tmp_path / "set"
    shutil.copytree(shared_data.path("lists/ftm/yente_t2_delta"), place)
    shutil.copy(shared_data.path("lists/ftm/yente_t1_entities.ftm.json"), place / "entities.ftm.json")
    write(place / "index.json", {"version": "20240527000000-aaa"})
    source = Ftm(place)
    items = list(source)
    assert (len(persons(items)), sum(lost for *_, lost in complaints(items))) == (6, 0)
    assert source.remarks[0] == "5 deltas applied: 4 ADD, 1 MOD, 1 DEL"
    assert source.source_date == datetime(2024, 5, 28, 13, 47, 29, tzinfo=UTC)
