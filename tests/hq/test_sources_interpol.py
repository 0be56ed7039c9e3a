"""INTERPOL notices: pages, details, and what stands in neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shared_data
from hypothesis import given
from hypothesis import strategies as st

from edge.core.watch.entries import PersonEntry
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.interpol_json import InterpolJson

LINK = {"self": {"href": "https://example.org/notices/v1/{}/2026-1"}}


def notice(key: str = "2026/1", colour: str = "red", **more: Any) -> dict[str, Any]:
    link = {"self": {"href": LINK["self"]["href"].format(colour)}}
    return {"entity_id": key, "name": "ERIKSSON", "forename": "ANNA MARIA", "_links": link, **more}


def page(*notices: Any, total: int | None = None, **query: Any) -> dict[str, Any]:
    return {"total": total or len(notices), "query": query, "_embedded": {"notices": list(notices)}, "_links": {}}


def read(path: Path, *contents: Any) -> tuple[list[PersonEntry], list[tuple[str, bool]], tuple[str, ...]]:
    path.mkdir(exist_ok=True)
    for i, content in enumerate(contents):
        (path / f"{i}.json").write_text(json.dumps(content), "utf-8")
    source = InterpolJson(path)
    items: list[Item] = list(source)
    said = [(i.reason, i.lost) for i in items if isinstance(i, Complaint)]
    return [i for i in items if isinstance(i, PersonEntry)], said, source.remarks


def test_a_page(tmp_path: Path) -> None:
    (found,), said, remarks = read(
        tmp_path, page(notice(date_of_birth="1974/08/12", nationalities=["DE", "LY"], sex_id="F"))
    )
    assert [(n.text, n.quality) for n in found.names] == [("ERIKSSON ANNA MARIA", "primary")]
    assert [str(b) for b in found.births] == ["1974-08-12"]
    assert (found.reference, found.sex, found.nationalities, found.notice) == ("2026/1", "F", ("D", "LBY"), "red")
    assert (said, remarks) == ([], ())


@pytest.mark.parametrize(
    ("text", "births"),
    [
        ("1974", ["1974-01-01/1974-12-31"]),
        ("1974/00/00", ["1974-01-01/1974-12-31"]),
        ("1974/08/00", ["1974-08-01/1974-08-31"]),
        ("1974/08", ["1974-08-01/1974-08-31"]),
        ("1974/06/31", ["1974-06-01/1974-06-30"]),
        ("-", []),
        (None, []),
    ],
)
def test_birth_dates_become_intervals(tmp_path: Path, text: str | None, births: list[str]) -> None:
    (found,), said, _ = read(tmp_path, notice(date_of_birth=text))
    assert [str(b) for b in found.births] == births
    assert said == []


@pytest.mark.parametrize("text", ["0000/00/00", "1974/00/12", "1974/13/01", "12.8.1974", "soon"])
def test_a_birth_date_that_cannot_be_read_is_said(tmp_path: Path, text: str) -> None:
    (found,), said, _ = read(tmp_path, notice(date_of_birth=text))
    assert (found.births, said) == ((), [("a birth date cannot be read", False)])


@pytest.mark.parametrize(
    ("name", "forename", "text"), [("ERIKSSON", "-", "ERIKSSON"), ("-", "ANNA", "ANNA"), (None, "ANNA", "ANNA")]
)
def test_a_hyphen_stands_for_no_name(tmp_path: Path, name: str | None, forename: str, text: str) -> None:
    (found,), _, _ = read(tmp_path, {**notice(), "name": name, "forename": forename})
    assert [n.text for n in found.names] == [text]


def test_a_notice_on_a_page_and_in_detail_is_one(tmp_path: Path) -> None:
    (found,), _, _ = read(
        tmp_path,
        page(notice(date_of_birth="1974/08/12", nationalities=["DE"])),
        [
            notice(
                sex_id="F",
                nationalities=None,
                name_at_birth="SPECIMEN",
                aliases=[{"name": "ERIKSON", "forename": "ANA"}],
            )
        ],
    )
    assert (found.sex, found.nationalities, len(found.births)) == ("F", ("D",), 1)
    assert [n.text for n in found.names] == ["ERIKSSON ANNA MARIA", "SPECIMEN ANNA MARIA", "ERIKSON ANA"]


@pytest.mark.parametrize("colour", ["red", "yellow", "un", "blue"])
def test_the_colour_is_in_the_link(tmp_path: Path, colour: str) -> None:
    (found,), said, _ = read(tmp_path, notice(colour=colour))
    assert (found.notice, said) == (colour, [])


def test_what_cannot_be_used_is_said_and_charges_are_not_read(tmp_path: Path) -> None:
    found, said, remarks = read(
        tmp_path,
        page(
            {**notice("2026/2"), "name": "-", "forename": "-"},
            {"name": "X"},
            7,
            notice("2026/3", sex_id="?", nationalities=["QQ", 914], arrest_warrants=[{"charge": "x"}], shoe_size=38),
        ),
        {**notice("2026/4"), "_links": {}},
    )
    assert [p.reference for p in found] == ["2026/3", "2026/4"]
    assert sorted(said) == sorted(
        [
            ("a notice has no entity_id", True),
            ("a notice has no entity_id", True),
            ("a notice has no name that can be compared", True),
            ("a nationality names no known State", False),
            ("sex_id is none of M, F, U", False),
            ("the colour of a notice is not stated", False),
        ]
    )
    assert remarks == ("unknown fields are not read: shoe_size (1)",)


def test_pages_that_are_missing_are_warned_of(tmp_path: Path) -> None:
    pages = [page(notice(f"2026/{i}"), total=5, nationality="DE", page=i, resultPerPage=1) for i in range(3)]
    found, _, remarks = read(tmp_path, *pages)
    assert len(found) == 3
    assert remarks == ("warning: a query has 5 notices, 3 of them are here",)


@pytest.mark.parametrize("content", [{"hello": 1}, "x", 3, {"_embedded": {"notices": 3}}])
def test_what_holds_no_notices_stops_the_source(tmp_path: Path, content: Any) -> None:
    with pytest.raises(SourceError, match="holds no notices"):
        read(tmp_path, content)


def test_broken_json_and_an_empty_folder_stop_the_source(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no JSON"):
        list(InterpolJson(tmp_path))
    (tmp_path / "a.json").write_text('{"entity_id": "2026')
    with pytest.raises(SourceError, match="is not JSON"):
        list(InterpolJson(tmp_path / "a.json"))


VALUES = st.recursive(
    st.none() | st.text(max_size=8) | st.integers(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["self", "href", "name", "forename"]), v),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["name", "forename", "date_of_birth", "nationalities", "sex_id", "_links", "aliases"]), VALUES
    )
)
def test_no_notice_stops_a_source(tmp_path_factory: pytest.TempPathFactory, fields: dict[str, Any]) -> None:
    found, said, _ = read(tmp_path_factory.mktemp("n"), [notice("2026/9"), {**notice(), **fields}])
    assert len(found) + sum(lost for _, lost in said) == 2


def test_the_shared_samples() -> None:
    source = InterpolJson(shared_data.path("lists/interpol"))
    items = list(source)
    assert all(isinstance(i, PersonEntry) for i in items)
    assert (len(items), source.remarks) == (4, ())
