"""The publisher: whole generations or nothing, whatever the sources hold and wherever it is stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge.core.watch import DocumentTable, PersonTable, Thresholds
from edge.core.watch import manifest as manifests
from edge.watchlists import OpenList, Watchlists
from hq.list_folder import ListFolder, ListFolderError
from hq.publisher import BuildError, BuildOptions, SourceSpec, build
from hq.sources.base import SourceError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DATED = BuildOptions(source_date=datetime(2026, 2, 1, tzinfo=UTC))
SLTD = "document_number,issuing_state,fraud_category,review_date\n"
PERSONS = "reference,surname,given_names,documents,action,silent,review_date\n"


@pytest.fixture
def sltd(tmp_path: Path) -> SourceSpec:
    path = tmp_path / "sltd.csv"
    path.write_text(SLTD + "L898902C3,UTO,stolen,2034-01-01\nD231458907,UTO,lost,\n")
    return SourceSpec.parse(f"sltd-csv:{path}")


@pytest.fixture
def persons(tmp_path: Path) -> SourceSpec:
    path = tmp_path / "persons.csv"
    path.write_text(
        PERSONS
        + "UTO-1,ERIKSSON,ANNA MARIA,UTO:L898902C3:P,Call the shift leader,,2035-01-01\n"
        + "UTO-2,SPECIMEN,JOHN,,,yes,\n"
    )
    return SourceSpec.parse(f"persons-csv:{path}")


def opened(out: Path, list_id: str) -> tuple[manifests.Manifest, DocumentTable, PersonTable]:
    (entry,) = [e for e in Watchlists.open(out).lists if e.list_id == list_id]
    assert entry.problem is None
    assert entry.manifest
    assert entry.documents is not None
    assert entry.persons is not None
    return entry.manifest, entry.documents, entry.persons


def tree(out: Path) -> dict[str, bytes]:
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != ".lock"}


def test_two_lists_of_one_build(tmp_path: Path, sltd: SourceSpec, persons: SourceSpec) -> None:
    out = tmp_path / "lists"
    report = build(out, [sltd, persons], now=NOW, options=DATED)
    assert [(r.list_id, r.generation, r.records.documents, r.records.persons) for r in report.lists] == [
        ("sltd", 1, 2, 0), ("national", 1, 1, 2),
    ]
    assert sorted(p.name for p in out.iterdir()) == [".lock", "national", "sltd"]
    manifest, documents, _ = opened(out, "sltd")
    assert manifest.source_date == DATED.source_date
    assert manifest.built_at == NOW
    assert [r.fraud_category for r in documents.find("L898902C3")] == ["stolen"]


def test_a_listed_document_leads_to_its_bearer(tmp_path: Path, persons: SourceSpec) -> None:
    build(tmp_path / "lists", [persons], now=NOW, options=DATED)
    _, documents, people = opened(tmp_path / "lists", "national")
    (record,) = documents.find("L898902C3")
    assert record.person is not None
    bearer = people.person(record.person)
    assert (bearer.reference, bearer.documents) == ("UTO-1", 1)
    assert record.review_date == bearer.review_date  # the document expires with its person
    assert record.action == bearer.action == "Call the shift leader. Confirm with the NCB."


def test_two_sources_with_one_list_id_become_one_list(
    tmp_path: Path, sltd: SourceSpec, persons: SourceSpec
) -> None:
    specs = [SourceSpec(sltd.kind, "local", sltd.path), SourceSpec.parse(f"persons-csv@local:{persons.path}")]
    report = build(tmp_path / "lists", specs, now=NOW, options=DATED)
    assert [(r.list_id, r.records.documents, r.records.persons) for r in report.lists] == [("local", 3, 2)]


def test_generations_rise_and_old_ones_stay(tmp_path: Path, sltd: SourceSpec) -> None:
    out = tmp_path / "lists"
    build(out, [sltd], now=NOW, options=DATED)
    first = tree(out)
    assert build(out, [sltd], now=NOW, options=DATED).lists[0].generation == 2
    seven = BuildOptions(source_date=DATED.source_date, generation=7)
    assert build(out, [sltd], now=NOW, options=seven).lists[0].generation == 7
    assert build(out, [sltd], now=NOW, options=DATED).lists[0].generation == 8
    after = tree(out)
    assert {k: after[k] for k in first} == first
    with pytest.raises(ListFolderError, match="not above 8"):
        build(out, [sltd], now=NOW, options=seven)
    assert tree(out) == after


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, sltd: SourceSpec, persons: SourceSpec) -> None:
    build(tmp_path / "a", [sltd, persons], now=NOW, options=DATED)
    build(tmp_path / "b", [sltd, persons], now=NOW, options=DATED)
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_a_source_that_lost_too_much_publishes_nothing(
    tmp_path: Path, sltd: SourceSpec, persons: SourceSpec
) -> None:
    out = tmp_path / "lists"
    build(out, [persons], now=NOW, options=DATED)
    before = tree(out)
    with sltd.path.open("a") as file:
        file.write("broken\n")
    with pytest.raises(BuildError, match="lost 1 of 3 rows") as stopped:
        build(out, [persons, sltd], now=NOW, options=DATED)
    assert tree(out) == before
    report = stopped.value.report
    assert report is not None
    assert [(c.file, c.line, c.lost) for c in report.sources[1].complaints] == [("sltd.csv", 4, True)]
    allowed = BuildOptions(source_date=DATED.source_date, max_lost=0.34)
    assert build(out, [sltd], now=NOW, options=allowed).sources[0].lost == 1
    assert opened(out, "sltd")[0].lost == manifests.Lost(rows=1, of=3)


def test_complaints_are_listed_up_to_fifty_and_counted_beyond(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text(SLTD + "L898902C3,UTO,stolen,\n" * 100 + "broken\n" * 80)
    options = BuildOptions(source_date=DATED.source_date, max_lost=0.5)
    report = build(tmp_path / "lists", [SourceSpec("sltd-csv", "sltd", path)], now=NOW, options=options)
    (source,) = report.sources
    assert (len(source.complaints), source.lost, source.rows) == (50, 80, 180)
    assert source.reasons.total() == 80


def test_an_empty_source_is_refused_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "empty.csv"
    path.write_text(SLTD)
    spec = SourceSpec("sltd-csv", "sltd", path)
    with pytest.raises(BuildError, match="no rows"):
        build(tmp_path / "lists", [spec], now=NOW, options=DATED)
    options = BuildOptions(source_date=DATED.source_date, allow_empty=True)
    assert build(tmp_path / "lists", [spec], now=NOW, options=options).lists[0].records.documents == 0
    assert opened(tmp_path / "lists", "sltd")[0].generation == 1


def test_a_source_fault_publishes_nothing(tmp_path: Path, sltd: SourceSpec) -> None:
    missing = SourceSpec("un-xml", "un", tmp_path / "none.xml")
    with pytest.raises(SourceError):
        build(tmp_path / "lists", [sltd, missing], now=NOW, options=DATED)
    assert not (tmp_path / "lists").exists()


def test_the_age_of_a_csv_is_the_files_unless_stated(tmp_path: Path, sltd: SourceSpec) -> None:
    os.utime(sltd.path, (1_760_000_000, 1_760_000_000))
    report = build(tmp_path / "lists", [sltd], now=NOW)
    assert report.sources[0].source_date_from == "file time"
    assert report.lists[0].source_date == datetime.fromtimestamp(1_760_000_000, UTC)
    future = BuildOptions(source_date=NOW + timedelta(days=2))
    with pytest.raises(BuildError, match="future"):
        build(tmp_path / "lists", [sltd], now=NOW, options=future)


def test_silent_lists_actions_and_thresholds(tmp_path: Path, sltd: SourceSpec, persons: SourceSpec) -> None:
    options = BuildOptions(
        source_date=DATED.source_date,
        silent={"sltd"},
        actions={"sltd": "Let the traveller pass and tell the duty officer"},
        thresholds={"national": Thresholds(alert=0.95, review=0.85)},
    )
    build(tmp_path / "lists", [sltd, persons], now=NOW, options=options)
    manifest, documents, _ = opened(tmp_path / "lists", "sltd")
    assert manifest.silent
    assert all(r.silent and r.action == manifest.action for r in documents.find("L898902C3"))
    assert manifest.action == "Let the traveller pass and tell the duty officer. Confirm with the NCB."
    manifest, _, people = opened(tmp_path / "lists", "national")
    assert [people.person(i).silent for i in range(2)] == [False, True]
    assert manifest.thresholds == Thresholds(alert=0.95, review=0.85)


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(silent={"other"}),
        BuildOptions(actions={"other": "x"}),
        BuildOptions(actions={"sltd": "Arrest the traveller"}),
        BuildOptions(actions={"sltd": "x" * 501}),
        BuildOptions(max_lost=1.5),
        BuildOptions(max_lost=float("nan")),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(
    tmp_path: Path, sltd: SourceSpec, options: BuildOptions
) -> None:
    sltd.path.unlink()
    with pytest.raises(BuildError):
        build(tmp_path / "lists", [sltd], now=NOW, options=options)


@pytest.mark.parametrize("text", ["", "sltd-csv", "sltd-csv:", "ods:x", "sltd-csv@:x", "sltd-csv@Big:x"])
def test_wrong_source_texts_are_refused(text: str) -> None:
    with pytest.raises(BuildError):
        SourceSpec.parse(text)


def test_ctrl_c_while_reading_leaves_nothing(tmp_path: Path, sltd: SourceSpec) -> None:
    def stop(_file: str, _rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "lists", [sltd], now=NOW, options=DATED, progress=stop)
    assert not (tmp_path / "lists").exists()


def test_what_was_staged_and_not_published_is_removed(tmp_path: Path) -> None:
    with ListFolder(tmp_path) as folder:
        folder.stage("sltd", 1, {"manifest.json": b"{}"})
        assert list((tmp_path / "sltd").iterdir())
    assert not (tmp_path / "sltd").exists()


def test_what_a_killed_build_left_behind_is_swept_by_the_next(tmp_path: Path, sltd: SourceSpec) -> None:
    left = tmp_path / "lists" / "sltd" / ".build-killed"
    left.mkdir(parents=True)
    (left / "documents.bin").write_bytes(b"half")
    build(tmp_path / "lists", [sltd], now=NOW, options=DATED)
    assert [p.name for p in (tmp_path / "lists" / "sltd").iterdir()] == ["0000000001"]


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with ListFolder(tmp_path), pytest.raises(ListFolderError, match="another build"), ListFolder(tmp_path):
        pass


def test_progress_counts_every_row(tmp_path: Path, sltd: SourceSpec) -> None:
    seen: list[tuple[str, int]] = []
    build(tmp_path / "lists", [sltd], now=NOW, options=DATED, progress=lambda f, n: seen.append((f, n)))
    assert seen == [("sltd.csv", 1), ("sltd.csv", 2)]


def test_nothing_of_a_record_stands_in_the_report_or_the_manifest(tmp_path: Path, persons: SourceSpec) -> None:
    with persons.path.open("a") as file:
        file.write('UTO-3,TESTER,ANNA,UTO:!!:P,,,\n"UTO-4,TESTER\n')
    options = BuildOptions(source_date=DATED.source_date, max_lost=0.5)
    report = build(tmp_path / "lists", [persons], now=NOW, options=options)
    text = repr(report) + next((tmp_path / "lists").rglob("manifest.json")).read_text()
    assert not [word for word in ("TESTER", "ERIKSSON", "L898902C3", "UTO-1") if word in text]


def all_lists(out: Path) -> Iterator[OpenList]:
    yield from Watchlists.open(out).lists


def test_what_is_published_is_what_the_box_opens(tmp_path: Path, sltd: SourceSpec, persons: SourceSpec) -> None:
    report = build(tmp_path / "lists", [sltd, persons], now=NOW, options=DATED)
    opened_lists = {e.list_id: e for e in all_lists(tmp_path / "lists")}
    for made in report.lists:
        entry = opened_lists[made.list_id]
        assert entry.problem is None
        assert entry.manifest
        assert (entry.manifest.generation, entry.manifest.records) == (made.generation, made.records)
