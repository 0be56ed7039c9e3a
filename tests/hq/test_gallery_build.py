"""From a folder of prints to a verified gallery: what is lost and why, what ends a build, what it leaves behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from finger_kit import finger

from common.fingers.extractors import extractor_id_of
from common.fingers.images import png_bytes
from common.fingers.packing import pack
from edge.core.fingerprints import iso19794_2, iso19794_4
from edge.core.fingerprints.iso19794_4 import Payload
from edge.core.fingerprints.model import Position, Template
from edge.core.vault import KeyRing, RingEntry
from edge.core.watch import manifest as manifests
from hq.build_options import BuildError, BuildOptions, SourceSpec
from hq.build_report import BuildReport
from hq.gallery_cache import CacheError, TemplateCache, cache_key
from hq.gallery_extract import Extraction
from hq.gallery_files import open_gallery
from hq.list_keys import seal_newest
from hq.list_verify import verify_lists
from hq.publisher import build
from hq.sources.base import Complaint
from hq.sources.finger_entry import FingerRead
from hq.sources.fingers_index import FingersIndex

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HEADER = "record,reference,position,file,ppi,name,category,action,silent,review_date\n"


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """To load an extractor takes longer than these few prints."""
    monkeypatch.setattr("hq.gallery_build.WORKERS", 1)


@pytest.fixture(scope="module")
def prints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four prints and what cannot be used."""
    folder = tmp_path_factory.mktemp("prints")
    for seed in range(4):
        (folder / f"{seed}.png").write_bytes(png_bytes(finger(seed).pixels))
    (folder / "cut.png").write_bytes((folder / "0.png").read_bytes()[:900])
    (folder / "blank.png").write_bytes(png_bytes(np.full((300, 300), 255, np.uint8)))
    (folder / "text.png").write_bytes(b"no image")
    framed = [pack(finger(4), Position.RIGHT_THUMB, Payload.WSQ), pack(finger(5), Position.LEFT_THUMB, Payload.PLAIN)]
    (folder / "both.fir").write_bytes(iso19794_4.write_2011(framed))
    drawn = np.random.default_rng(1)
    views = [
        Template("", position, 300, 400, drawn.integers(5, 290, 30).astype(np.int16),
                 drawn.integers(5, 390, 30).astype(np.int16), drawn.integers(0, 256, 30).astype(np.uint8),
                 np.ones(30, np.uint8), np.full(30, 80, np.uint8))
        for position in (Position.RIGHT_INDEX, Position.LEFT_INDEX)
    ]  # fmt: skip
    (folder / "views.fmr").write_bytes(iso19794_2.write_2005(views))
    return folder


def built(folder: Path, out: Path, rows: str, *, name: str = "index.csv", **more: Any) -> BuildReport:
    (folder / name).write_text(HEADER + rows, encoding="utf-8")
    options = BuildOptions(**{"extractor": "mindtct", "max_lost": 1.0, "source_date": NOW, **more})
    return build(out, [SourceSpec.parse(f"fingers-index:{folder / name}")], now=NOW, options=options)


def reasons(report: BuildReport) -> dict[int, str]:
    return {one.line: one.reason for one in report.sources[0].complaints}


def test_prints_become_a_gallery_that_a_box_can_open(prints: Path, tmp_path: Path) -> None:
    rows = (
        "W-2,F-1,right-index,2.png,500,Ana Exemplo,fraud,Call the shift leader,yes,2030-01-01\n"
        "W-1,F-1,RIGHT INDEX,0.png,,,,,,\nW-1,F-1,7,1.png,,,,,no,\n"
    )
    report = built(prints, tmp_path, rows, images={"fingers"})
    (made,) = report.lists
    assert made.gallery is not None
    assert (made.gallery.templates, made.gallery.persons, made.gallery.image) == (3, 2, True)
    assert made.gallery.extractor_id == extractor_id_of("mindtct")
    assert made.gallery.positions == (0, 0, 2, 0, 0, 0, 0, 1, 0, 0, 0)
    assert made.gallery.tail is None
    found = open_gallery(tmp_path / "fingers" / "0000000001")
    assert [found.table.entry(i).key for i in range(3)] == [("W-1", "F-1", 2), ("W-1", "F-1", 7), ("W-2", "F-1", 2)]
    last = found.table.entry(2)
    assert (last.name, last.category, last.silent, str(last.review_date)) == (
        "Ana Exemplo", "fraud", True, "2030-01-01",
    )  # fmt: skip
    assert last.action == "Call the shift leader. Confirm with the NCB."
    assert found.table.entry(0).action == found.manifest.action
    assert 0 <= last.quality <= 100
    assert len(found.table.template(0)) > 10
    assert (found.manifest.records.persons, found.manifest.held) == (2, 3)


def test_a_build_repeated_gives_the_same_bytes(prints: Path, tmp_path: Path) -> None:
    for out in ("one", "two"):
        built(prints, tmp_path / out, "W-1,F-1,2,0.png,,,,,,\nW-1,F-1,7,1.png,,,,,,\n")
    one, two = (tmp_path / out / "fingers" / "0000000001" / manifests.GALLERY for out in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_what_cannot_be_used_is_one_lost_row_each(prints: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes((prints / "0.png").read_bytes())
    (prints / "out.png").unlink(missing_ok=True)
    (prints / "out.png").symlink_to(tmp_path / "secret.png")
    rows = [
        ("W-1,F-1,2,0.png,,,,,,", ""), ("W-1,F-1,2,1.png,,,,,,", "before"), ("W-2,F,2,absent.png,,,,,,", "not there"),
        ("W-3,F,2,../other.png,,,,,,", "leads out"), ("W-3,F,2,/etc/passwd,,,,,,", "leads out"),
        ("W-3,F,2,out.png,,,,,,", "below the folder"), ("W-4,F,2,cut.png,,,,,,", "its file: "),
        ("W-5,F,2,blank.png,,,,,,", "minutiae"), ("W-6,F,2,text.png,,,,,,", "PNG"),
        ("W-7,F,13,0.png,,,,,,", "position"),
        ("W-8,F,2,0.png,50,,,,,", "ppi"), (",F,2,0.png,,,,,,", "record is empty"), ("W-9,F,2,,,,,,,", "file is empty"),
        ("W-10,F,2,views.fmr,,,,,,", "minutiae of another extractor"), ("W-11,F,3,both.fir,,,,,,", "0 views"),
        (f"{'W' * 61},F,2,0.png,,,,,,", "longer than 60"), ("W-12,F,2,0.png,,,,Arrest him,,", "prejudges"),
    ]  # fmt: skip
    report = built(prints, tmp_path / "out", "\n".join(row for row, _ in rows) + "\n")
    told = reasons(report)
    for line, (_, reason) in enumerate(rows, 2):
        assert reason in told.get(line, ""), (line, reason, told.get(line))
    (source,) = report.sources
    assert (source.rows, source.fingers, source.lost, source.left_out) == (len(rows), 2, len(rows) - 2, 1)
    assert not [one for one in told.values() if ".png" in one or "W-" in one or str(prints) in one]


def test_a_transaction_is_a_lost_row_with_its_next_step(prints: Path, tmp_path: Path) -> None:
    (prints / "case.nist").write_bytes(b"1.001:135\x1d1.002:0501\x1d")
    report = built(prints, tmp_path, "W-1,F-1,2,0.png,,,,,,\nW-1,F-1,7,case.nist,,,,,,\n")
    assert reasons(report)[3].startswith("its file is a NIST-ITL transaction: take its images out: borderpost fingers")


def test_an_index_that_is_not_there_is_said_to_be_none(tmp_path: Path) -> None:
    absent = SourceSpec.parse(f"fingers-index:{tmp_path / 'nosuch.csv'}")
    with pytest.raises(BuildError, match=r"nosuch\.csv: no such file"):
        build(tmp_path / "out", [absent], now=NOW, options=BuildOptions(extractor="mindtct"))


def test_records_of_other_systems(prints: Path, tmp_path: Path) -> None:
    rows = "W-1,F,right-thumb,both.fir,,,,,,\nW-1,F,6,both.fir,,,,,,\nW-2,F,7,views.fmr,,,,,,\n"
    report = built(prints, tmp_path, rows, assume_extractor=True)
    assert not report.sources[0].complaints
    table = open_gallery(tmp_path / "fingers" / "0000000001").table
    assert table.positions == (0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0)
    assert len(table.template(2)) == 30
    assert table.extractor_id == extractor_id_of("mindtct")


def test_an_index_of_json_lines(prints: Path, tmp_path: Path) -> None:
    lines = [
        {"record": "W-1", "reference": "F", "position": 2, "file": "0.png", "silent": True, "note": "x"},
        {"record": "W-2", "reference": "F", "position": "left-index", "file": "1.png", "ppi": 500},
        {"record": "W-3", "reference": "F", "position": 2, "file": ["0.png"]},
        {"record": "W-3", "position": 2, "file": "0.png"},
    ]
    index = prints / "index.jsonl"
    index.write_text("".join(json.dumps(one) + "\n" for one in lines) + "no JSON\n", encoding="utf-8")
    report = build(tmp_path, [SourceSpec.parse(f"fingers-index@wanted:{index}")], now=NOW,
                   options=BuildOptions(extractor="mindtct", max_lost=1.0, source_date=NOW))  # fmt: skip
    assert sorted(reasons(report)) == [3, 4, 5]
    assert "reference is empty" in reasons(report)[4]
    assert "'note'" in report.sources[0].remarks[0]
    assert open_gallery(tmp_path / "wanted" / "0000000001").table.entry(0).silent


def test_too_many_lost_rows_publish_nothing(prints: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="lost 1 of 2 rows"):
        built(prints, tmp_path, "W-1,F,2,0.png,,,,,,\nW-2,F,2,text.png,,,,,,\n", max_lost=0.1)
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []


def test_options_that_no_gallery_can_have(prints: Path, tmp_path: Path) -> None:
    row = "W-1,F,2,0.png,,,,,,\n"
    with pytest.raises(BuildError, match="needs an extractor"):
        built(prints, tmp_path, row, extractor="")
    with pytest.raises(BuildError, match="in the future"):
        built(prints, tmp_path, row, source_date=datetime(2026, 4, 1, tzinfo=UTC))
    with pytest.raises(BuildError, match="names to score"):
        built(prints, tmp_path, row, thresholds={"fingers": manifests.Thresholds(alert=0.9, review=0.8)})
    with pytest.raises(BuildError, match="something else"):
        built(prints, tmp_path, row, keyed={"fingers": KeyRing()})
    persons = prints / "persons.csv"
    persons.write_text("reference,surname,given_names\nR-1,Exemplo,Ana\n", encoding="utf-8")
    with pytest.raises(BuildError, match="something else"):
        build(tmp_path, [SourceSpec.parse(f"{kind}@mixed:{path}") for kind, path in
                         (("persons-csv", persons), ("fingers-index", prints / "index.csv"))], now=NOW,
              options=BuildOptions(extractor="mindtct"))  # fmt: skip
    built(prints, tmp_path, row)
    with pytest.raises(BuildError, match="holds a gallery of fingers"):
        build(tmp_path, [SourceSpec.parse(f"persons-csv@fingers:{persons}")], now=NOW)


def test_a_picture_that_crashes_the_extractor_is_one_lost_row(
    prints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parent))
    (prints / "crash.png").write_bytes((prints / "3.png").read_bytes() + b"CRASH")
    names = ["0.png", "crash.png", "1.png", "crash.png", "2.png"]
    index = prints / "crashing.csv"
    index.write_text(HEADER + "".join(f"W-{i},F,2,{name},,,,,,\n" for i, name in enumerate(names)), encoding="utf-8")
    with Extraction("mindtct", module="crashing_extractor") as extraction:
        pids = [child.pid for child in extraction._children]
        found = list(extraction.read(FingersIndex(index), "crashing.csv"))
        pids += [child.pid for child in extraction._children]
    assert [type(one) for one in found] == [FingerRead, Complaint, FingerRead, Complaint, FingerRead]
    crash = found[1]
    assert isinstance(crash, Complaint)
    assert (crash.line, crash.lost, crash.reason) == (3, True, "the extractor was ended on its file")
    assert not [pid for pid in pids if pid and Path(f"/proc/{pid}").exists()]


def test_an_extractor_that_does_not_start_ends_the_build(
    prints: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(BuildError, match="does not start"):
        built(prints, tmp_path, "W-1,F,2,0.png,,,,,,\n")
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == []


def test_ctrl_c_leaves_neither_list_nor_process(prints: Path, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    shutil.copytree(prints, folder)
    rows = "".join(f"W-{i},F,2,{i % 4}.png,,,,,,\n" for i in range(400))
    (folder / "index.csv").write_text(HEADER + rows, encoding="utf-8")
    command = [sys.executable, "-c", "from hq.cli import main; main()", "lists", "build", "--out", tmp_path / "lists",
               "--source", f"fingers-index:{folder / 'index.csv'}", "--extractor", "mindtct",
               "--templates", tmp_path / "templates"]  # fmt: skip
    process = subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    children: set[int] = set()
    until = time.monotonic() + 60
    while time.monotonic() < until and (tmp_path / "templates").exists() is False:
        time.sleep(0.05)
    while time.monotonic() < until and len(children) < 2:
        children |= {int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()}
        time.sleep(0.05)
    time.sleep(2.0)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130, process.stderr.read() if process.stderr else ""
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert not [p for p in (tmp_path / "lists").rglob("*") if p.name != ".lock"]
    for pipe in (process.stderr, process.stdout):
        if pipe:
            pipe.close()


def test_the_next_build_extracts_what_is_new_alone(prints: Path, tmp_path: Path) -> None:
    file = tmp_path / "templates"
    rows = "W-1,F,2,0.png,,,,,,\nW-2,F,2,1.png,,,,,,\n"
    built(prints, tmp_path / "one", rows, templates=file)
    assert file.stat().st_mode & 0o777 == 0o600
    with TemplateCache(file) as cache:
        assert len(cache) == 2
        key = cache_key((prints / "0.png").read_bytes(), extractor_id_of("mindtct"), Position.RIGHT_INDEX, None)
        known = cache.get(key)
        assert known is not None
        assert cache.get(cache_key(b"", known.extractor_id, Position.RIGHT_INDEX, None)) is None
    with file.open("ab") as torn:
        torn.write(os.urandom(70))  # a record that was cut short
    built(prints, tmp_path / "two", rows + "W-3,F,2,2.png,,,,,,\n", templates=file)
    with TemplateCache(file) as cache:
        assert len(cache) == 3
    one = open_gallery(tmp_path / "one" / "fingers" / "0000000001").table
    two = open_gallery(tmp_path / "two" / "fingers" / "0000000001").table
    np.testing.assert_array_equal(one.template(0).x, two.template(0).x)
    spoiled = bytearray(file.read_bytes())
    spoiled[60] ^= 1
    file.write_bytes(spoiled)
    with TemplateCache(file) as cache:
        assert cache.get(key) is None
    (tmp_path / "other").write_bytes(b"something else entirely")
    with pytest.raises(CacheError, match="no file of templates"):
        TemplateCache(tmp_path / "other").__enter__()


def test_sealed_verified_and_compared(prints: Path, tmp_path: Path) -> None:
    built(prints, tmp_path / "lists", "W-1,F,2,0.png,,,,,,\nW-2,F,2,1.png,,,,,,\n")
    ring = KeyRing.of([RingEntry("fingers", 1, bytes(32))])
    assert [made[:2] for made in seal_newest(tmp_path / "lists", tmp_path / "sealed", ring)] == [("fingers", 1)]
    for out, keys in (("lists", None), ("sealed", None), ("sealed", ring)):
        (found,) = verify_lists(tmp_path / out, keys, lambda _: (), lambda _: None)
        assert (found.problem, found.kind, found.generation, found.records) == (None, "gallery", 1, 2)
    (found,) = verify_lists(tmp_path / "sealed", KeyRing(), lambda _: (), lambda _: None)
    assert found.problem is not None
    assert "which is not given" in found.problem
    path = tmp_path / "sealed" / "fingers" / "0000000001" / manifests.GALLERY
    assert b"W-1" not in path.read_bytes()
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    (found,) = verify_lists(tmp_path / "sealed", None, lambda _: (), lambda _: None)
    assert found.problem == "gallery.bin does not agree with its manifest"


def test_diff_says_counts_and_no_name(prints: Path, tmp_path: Path) -> None:
    first = "W-1,F,2,0.png,,Secret Name,,,yes,\nW-2,F,2,1.png,,,,,,\nW-3,F,7,2.png,,,,,,\n"
    built(prints, tmp_path, first)
    built(prints, tmp_path, "W-1,F,2,0.png,,Secret Name,,,no,\nW-3,F,7,3.png,,,,,,\nW-4,F,2,1.png,,,,,,\n")
    command = [sys.executable, "-c", "from hq.cli import main; main()", "lists", "diff",
               str(tmp_path / "fingers" / "0000000001"), str(tmp_path / "fingers" / "0000000002")]  # fmt: skip
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 1
    assert "3 -> 3: 1 new, 1 gone, 2 changed" in told.stdout
    assert "warning: 1 references are no longer silent" in told.stdout
    assert "removed: 33.33%" in told.stdout
    assert "leaves out 33.3%" in told.stderr
    assert "Secret" not in told.stdout + told.stderr
    assert "W-1" not in told.stdout + told.stderr
    asked = subprocess.run([*command, "--force", "--json"], capture_output=True, text=True, check=False, timeout=60)
    value = json.loads(asked.stdout)
    assert (asked.returncode, value["added"], value["removed"], value["changed"]) == (0, 1, 1, 2)
    assert value["delta"] > 1000
    assert value["added_by"] == {"right-index": 1}
