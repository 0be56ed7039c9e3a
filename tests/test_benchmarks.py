"""Every benchmark that stands in the list is there, is run once in small, and says on which machine it ran."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import machine
from benchmarks.__main__ import BENCHMARKS, listed

ROOT = Path(__file__).resolve().parents[1]
HEAD = {"cpu", "architecture", "cores", "memory_gib", "system", "python", "load", "nice", "date"}


def ran(tmp_path: Path, name: str, *words: str) -> dict[str, Any]:
    """The report of a small run that ended well."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", f"benchmarks.{name}", *words, "--json", str(report)]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told: dict[str, Any] = json.loads(report.read_text("utf-8"))
    assert told["benchmark"] == name
    assert told["machine"].keys() == HEAD
    assert told["machine"]["cpu"] in done.stdout
    figures: dict[str, Any] = told["figures"]
    return figures


def test_the_list_names_every_command_and_its_make_target() -> None:
    commands = {
        path.stem for path in (ROOT / "benchmarks").glob("*.py")
        if re.search(r"ArgumentParser\(|machine\.parser\(", path.read_text("utf-8")) and path.stem != "machine"
    }
    assert commands <= BENCHMARKS.keys()
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for name, target in BENCHMARKS.items():
        assert not target or re.search(rf"^{target}:.*\n(\t.*\n)*\t.*benchmarks\.{name}\b.*\$\(ARGS\)", makefile, re.M)
    assert all(len(line.split("  ")[-1]) > 20 for line in listed())
    told = subprocess.run([sys.executable, "-m", "benchmarks"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(line in told.stdout for line in listed())


def test_a_report_goes_to_standard_output_where_no_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    report = machine.Report("some", machine.parser("what it does").parse_args(["--json"]))
    report.say("for people")
    report.figures["p99"] = 5
    report.end()
    out, err = capsys.readouterr()
    assert json.loads(out)["figures"] == {"p99": 5}
    assert "for people" in err


def test_documents(tmp_path: Path) -> None:
    figures = ran(tmp_path, "document_store", "--records", "30000", "--asks", "500", "--workers", "1")
    assert figures["good"]
    assert figures["build"]["bytes_a_record"] < 16.5
    for store in ("keyed", "sqlite"):
        assert figures[store]["warm"]["wrong"] == 0
        assert figures[store]["warm"]["asks"] == 1000
        assert 0 < figures[store]["cold"]["p50"] <= figures[store]["cold"]["p99"]


def test_deltas_compaction_and_kills(tmp_path: Path) -> None:
    words = ("--records", "30000", "--deltas", "1", "--kills", "4", "--rest", "0.5", "--workers", "1")
    figures = ran(tmp_path, "document_deltas", *words)
    assert figures["good"]
    assert figures["wrong"] == 0
    assert figures["questions"] > 100
    assert figures["delta"]["written"][0] > 100_000 * 16
    assert figures["compaction"]["written"] > 129_000 * 16
    kill = figures["kill"]
    assert (kill["old"] + kill["new"], kill["neither"], kill["back"]) == (4, 0, 0)
    assert sum(kill["on_disk"].values()) == 4


def test_tampering(tmp_path: Path) -> None:
    words = ("--records", "2000", "--part-kib", "16", "--block", "16384", "--metadata-block", "2048")
    figures = ran(tmp_path, "tampering", *words)
    assert figures["wrong"] == 0
    assert figures["refused"] > 100
    assert {(row["kind"], row["what"]) for row in figures["rows"]} >= {
        (kind, what)
        for kind in ("one flipped bit per block", "cut short, longer, missing", "files swapped", "an older generation",
                     "a foreign key")
        for what in ("metadata", "chunk", "delta")
    } | {("clock in 1970 or 2151", "metadata")} | {("signed, but not the list", what) for what in ("chunk", "delta")}
    assert figures["messages"].keys() >= {
        "damaged", "incomplete", "older", "foreign", "foreign_path", "expired", "clock_ahead", "clock_behind",
        "mismatch", "not_usable", "no_key",
    }


def test_what_is_accepted_makes_the_command_fail() -> None:
    from benchmarks.tampering import Row, tried
    from benchmarks.tampering_cases import Case
    from edge.updates import UpdateError

    class Still:
        def standing(self) -> dict[str, object]:
            return {}

        def generation(self) -> int:
            return 1

    def refuse() -> None:
        raise UpdateError("older")

    row = Row()
    for act in (refuse, lambda: None):
        tried(Case("metadata", "a case", Still(), act, "damaged"), row)  # type: ignore[arg-type]
    assert row.wrong == ["a case: older", "a case: accepted"]


def test_distribution(tmp_path: Path) -> None:
    figures = ran(tmp_path, "distribution", "--mebibytes", "2", "--days", "9")
    assert figures["headquarters"]["deltas of 9 days"] >= 8
    assert figures["borderpost"]["written, MB"] < figures["tuf_client"]["written, MB"]


def test_a_million_names_in_small(tmp_path: Path) -> None:
    people = [
        {"names": [f"{given} {family}"], "birth": "1974-08-12", "sex": "", "nationality": ""}
        for given in ("Anna Maria", "Omar", "Mikael", "Salma") for family in ("Eriksson", "Quillfeather", "Velmirov")
    ]  # fmt: skip
    asked = [{"name": p["names"][0], "birth": p["birth"], "kind": "exact", "sex": ""} for p in people]
    for name, rows in (("small.jsonl", people), ("small.questions.jsonl", asked)):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    told = ran(tmp_path, "names_million", str(tmp_path / "small.jsonl"), "--recall", "12", "--peers", "3")
    assert told["names"] == len(people)
    assert told["recall"]["scanned_hits"] >= len(people)
    assert told["recall"]["differences"] == told["recall"]["differences_by_birth_date"] == 0
    assert told["recall"]["token_differences"] == 0


def test_a_gallery_on_its_way(tmp_path: Path) -> None:
    figures = ran(tmp_path, "gallery_deltas", "--templates", "300", "--changed", "10")
    assert figures["same"]
    assert 1000 < figures["bytes_a_template"] < 3000
    assert figures["delta_bytes"] < 12 * 3000
    assert figures["put"]["cpu_s"] > 0
    assert figures["open"]["cpu_s"] >= 0


def test_a_finger_from_pixels_to_candidates(tmp_path: Path) -> None:
    pytest.importorskip("nbis")
    words = ("--templates", "2000", "--persons", "3", "--impressions", "1", "--extractor", "mindtct", "--goal", "30")
    figures = ran(tmp_path, "finger_counter", *words)
    assert figures["good"]
    assert figures["taken"] == 3
    assert figures["found"] >= 2
    assert 1000 < figures["bytes_a_template"] < 4000
    stages = [figures[stage]["wall"]["median"] for stage in ("gate", "extract", "search")]
    assert min(stages) > 0
    assert sum(stages) <= figures["all"]["wall"]["worst"] * 3


def test_fingers(tmp_path: Path) -> None:
    words = ("--sizes", "300", "900", "--searches", "6", "--slow", "3", "--pairs", "10")
    figures = ran(tmp_path, "finger_search", *words)
    assert figures["good"]
    assert 100 < figures["bytes_a_template"] < 2000
    assert 0 < figures["describe_us"] < 100_000
    assert {row["templates"] for row in figures["rows"]} == {300, 900}
    for row in figures["rows"]:
        assert 0 < row["wall_ms"]["median"] <= row["wall_ms"]["worst"]
        assert row["in_best"] == 1
        assert row["rank_1"] == 1
    assert "NumPy, the oracle" in {row["engine"] for row in figures["rows"]}
    pairs = figures["pairs"]
    assert 0 < pairs["native"] < pairs["NumPy"]
