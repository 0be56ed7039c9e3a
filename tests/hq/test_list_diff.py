"""`borderpost-hq lists diff` and `lists check`: counts a person can judge, and the gate before a list half gone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from edge.core.watch.documents import DocumentTable
from edge.core.watch.documents_build import build_documents
from edge.core.watch.entries import DocumentEntry
from hq import diff_documents
from hq.cli import headquarters
from hq.generation_files import GenerationError, open_generation
from hq.list_diff import TooMuchRemovedError, check_removed, compare
from hq.publisher import BuildError, BuildOptions, SourceSpec, build

HEAD = "reference;surname;given_names;aliases;birth_date;nationalities;documents;silent\n"
ANNA = "UTO-1;ERIKSSON;ANNA MARIA;Ana|Annie;1974-08-12;UTO;UTO:L898902C3:P;yes"
JOHN = "UTO-2;SPECIMEN;JOHN;;1960;D;D:1234567:P|D:7654321:I;"
MARY = "UTO-3;SPECIMEN;MARY;;1961;;;"


def publish(folder: Path, *rows: str, list_id: str = "national", **options: Any) -> Path:
    source = folder / f"{list_id}-{len(rows)}.csv"
    source.write_text(HEAD + "".join(f"{r}\n" for r in rows), "utf-8")
    stated = BuildOptions(source_date=datetime(2026, 1, 1, tzinfo=UTC), allow_empty=True, **options)
    now = datetime(2026, 2, 1, tzinfo=UTC)
    report = build(folder / "lists", [SourceSpec("persons-csv", list_id, source)], now=now, options=stated)
    return folder / "lists" / list_id / f"{report.lists[0].generation:010d}"


def hq(*arguments: object) -> Result:
    return CliRunner().invoke(headquarters, [str(a) for a in arguments])


def test_nothing_changed(tmp_path: Path) -> None:
    found = compare(publish(tmp_path, ANNA, JOHN), publish(tmp_path, JOHN, ANNA))
    assert (found.persons.added, found.persons.removed, found.persons.changed) == (0, 0, 0)
    assert (found.documents.added, found.documents.removed, found.documents.changed) == (0, 0, 0)
    assert (found.removed_share, found.warnings) == (0.0, ())


def test_what_changed_is_counted_by_field(tmp_path: Path) -> None:
    other = "UTO-1;ERIKSSON;ANNA MARIA;Ana;1974-08-12|1975;UTO|D;UTO:L898902C3:P;no"
    found = compare(publish(tmp_path, ANNA, JOHN), publish(tmp_path, other, MARY))
    persons, documents = found.persons, found.documents
    assert (persons.added, persons.removed, persons.changed, persons.unsilenced) == (1, 1, 1, 1)
    assert persons.fields == {"names removed": 1, "birth dates": 1, "nationalities": 1, "silence": 1}
    assert persons.names_removed == 1
    assert (persons.added_references, persons.removed_references, persons.changed_references) == (
        ["UTO-3"],
        ["UTO-2"],
        ["UTO-1"],
    )
    assert (documents.added, documents.removed, documents.changed, documents.unsilenced) == (0, 2, 1, 1)
    assert documents.gone_by == {"listed_person D": 2}
    assert found.removed_share == pytest.approx(2 / 3)
    assert found.warnings == ("2 records are no longer silent: counters will show them",)


def test_what_cannot_be_taken_back_is_warned_of(tmp_path: Path) -> None:
    new = publish(tmp_path, ANNA, JOHN)
    old = publish(tmp_path, actions={"national": "Wave them through"})
    found = compare(new, old)
    assert found.warnings == (
        "officers are told to do something else",
        "no person is left",
        "no document is left",
    )
    assert "the second generation is not newer than the first" in compare(old, new).warnings


def test_records_of_one_reference_go_by_their_order(tmp_path: Path) -> None:
    twin = JOHN.replace("UTO-2", "UTO-1")
    found = compare(publish(tmp_path, ANNA, twin), publish(tmp_path, ANNA))
    assert (found.persons.removed, found.persons.changed) == (1, 0)


@pytest.mark.parametrize(
    ("share", "force", "passes"), [(0.5, False, True), (0.49, False, False), (0.49, True, True), (0, True, True)]
)
def test_more_removed_than_stated_needs_force(tmp_path: Path, share: float, force: bool, passes: bool) -> None:
    found = compare(publish(tmp_path, MARY, MARY.replace("-3", "-4")), publish(tmp_path, MARY))
    if passes:
        check_removed(found, share, force=force)
    else:
        with pytest.raises(TooMuchRemovedError, match=r"leaves out 50.0% of generation 1"):
            check_removed(found, share, force=force)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_between_0_and_1(tmp_path: Path, share: float) -> None:
    one = publish(tmp_path, ANNA)
    with pytest.raises(TooMuchRemovedError, match="not between 0 and 1"):
        check_removed(compare(one, one), share, force=True)


def test_two_lists_and_damage_are_refused(tmp_path: Path) -> None:
    one, other = publish(tmp_path, ANNA), publish(tmp_path, ANNA, list_id="other")
    with pytest.raises(GenerationError, match="of two lists"):
        compare(one, other)
    path = other / "documents.bin"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(GenerationError, match="does not agree with its manifest"):
        open_generation(other)
    with pytest.raises(GenerationError, match="holds no generation"):
        open_generation(tmp_path)


def test_the_command_prints_counts_and_exits_non_zero_at_the_gate(tmp_path: Path) -> None:
    old, new = publish(tmp_path, ANNA, JOHN), publish(tmp_path, ANNA)
    refused = hq("lists", "diff", old, new)
    assert isinstance(refused.exception, TooMuchRemovedError)
    assert "persons: 2 -> 1: 0 new, 1 gone, 0 changed" in refused.stdout
    assert "removed: 66.67%" in refused.stdout
    assert "UTO-" not in refused.stdout
    assert "SPECIMEN" not in refused.stdout
    assert hq("lists", "diff", old, new, "--max-removed", "70%").exit_code == 0
    shown = hq("lists", "diff", old, new, "--force", "--references", "5")
    assert (shown.exit_code, "gone UTO-2" in shown.stdout) == (0, True)


def test_the_command_as_json(tmp_path: Path) -> None:
    old, new = publish(tmp_path, ANNA, JOHN), publish(tmp_path, ANNA)
    told = json.loads(hq("lists", "diff", old, new, "--force", "--json").stdout)
    assert (told["persons"]["removed"], told["persons"]["removed_references"]) == (1, [])
    assert told["removed_share"] == pytest.approx(2 / 3)


DOCUMENT = st.builds(
    DocumentEntry,
    number=st.sampled_from(["L898902C3", "1234567", "7654321"]),
    issuing_state=st.sampled_from(["UTO", "D", ""]),
    fraud_category=st.sampled_from(["stolen", "lost"]),
    reference=st.sampled_from(["", "a", "b"]),
    silent=st.booleans(),
    review_date=st.sampled_from([None, date(2030, 1, 1)]),
)


@given(st.lists(DOCUMENT, max_size=8), st.lists(DOCUMENT, max_size=8))
def test_documents_are_counted_as_multisets(before: list[DocumentEntry], after: list[DocumentEntry]) -> None:
    found = diff_documents.compare(DocumentTable(build_documents(before)), DocumentTable(build_documents(after)))
    old, new = ([(d.number, d.issuing_state, d.fraud_category) for d in x] for x in (before, after))
    kept = sum(min(old.count(k), new.count(k)) for k in set(old))
    assert (found.removed, found.added) == (len(old) - kept, len(new) - kept)
    assert (found.new_by.total(), found.gone_by.total()) == (found.added, found.removed)
    assert found.changed <= kept


@given(
    DOCUMENT,
    st.sampled_from(["reference", "silent", "review_date", "document_type", "action", "theft_state", "issued"]),
)
def test_every_field_of_a_document_is_compared(document: DocumentEntry, name: str) -> None:
    values: dict[str, Any] = {
        "silent": not document.silent,
        "review_date": date(2031, 1, 1),
        "issued": date(2001, 1, 1),
    }
    other = replace(document, **{name: values.get(name, "X")})
    tables = [DocumentTable(build_documents([d])) for d in (document, other)]
    found = diff_documents.compare(*tables)
    assert (found.changed, found.added, found.removed) == (1, 0, 0)
    assert found.unsilenced == (document.silent and not other.silent)


def test_check_reads_and_publishes_nothing(tmp_path: Path) -> None:
    vehicles = tmp_path / "v.csv"
    vehicles.write_text("plate,plate_state,vin,category\nAB12,UTO,,stolen\n,UTO,,stolen\nAB13,Atlantis,,stolen\n")
    report = tmp_path / "report.jsonl"
    done = hq("lists", "check", "--source", f"vehicles-csv:{vehicles}", "--report", report)
    assert done.exit_code == 0, done.exception
    assert "3 rows, 2 vehicles, 0 firearms, 1 lost, 1 parts left out" in done.stdout
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    assert [(r["line"], r["lost"]) for r in rows] == [(3, True), (4, False)]
    assert set(rows[0]) == {"source", "kind", "file", "line", "lost", "reason"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["report.jsonl", "v.csv"]
    told = json.loads(hq("lists", "check", "--source", f"vehicles-csv:{vehicles}", "--json").stdout)
    assert (told["sources"][0]["rows"], told["sources"][0]["vehicles"]) == (3, 2)


def test_objects_are_not_published_as_documents_and_persons(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("serial,make,calibre,category\n12345,Utopia Arms,9,stolen\n")
    with pytest.raises(BuildError, match="firearms-csv gives firearms, which only a keyed list holds"):
        build(tmp_path / "lists", [SourceSpec.parse(f"firearms-csv:{path}")], now=datetime(2026, 2, 1, tzinfo=UTC))
    assert not (tmp_path / "lists").exists()


def test_a_build_writes_its_report_even_when_it_is_stopped(tmp_path: Path) -> None:
    source, report = tmp_path / "p.csv", tmp_path / "report.jsonl"
    source.write_text(HEAD + f"{ANNA}\n;;;;;;;\n")
    stopped = hq("lists", "build", "--out", tmp_path / "lists", "--source", f"persons-csv:{source}", "--report", report)
    assert isinstance(stopped.exception, BuildError)
    (row,) = [json.loads(line) for line in report.read_text().splitlines()]
    assert (row["file"], row["line"], row["lost"], row["reason"]) == ("p.csv", 3, True, "reference is empty")


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    source = tmp_path / "p.csv"
    source.write_text(HEAD + ANNA + "\n")
    failed = hq("lists", "check", "--source", f"persons-csv:{source}", "--report", tmp_path / "no" / "r.jsonl")
    assert "the report cannot be written" in str(failed.exception)
