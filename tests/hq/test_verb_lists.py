"""`borderpost-hq lists build` and `borderpost lists inspect` as a person and as a program use them."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import shared_data

from hq.verbs.list_texts import Progress

SLTD = "document_number,issuing_state,fraud_category\nL898902C3,UTO,stolen\nbroken\n"


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    main = {"hq": "from hq.cli import main; main()", "box": "from edge.cli import main; main()"}[program]
    command = [sys.executable, "-c", main, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def as_json(result: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "sltd.csv"
    path.write_text(SLTD)
    return path


def test_build_and_inspect(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "lists"
    made = run(
        "hq", "lists", "build", "--out", out, "--source", f"sltd-csv@lost-2026:{source}", "--max-lost", "50%",
        "--source-date", "2026-02-01", "--silent", "lost-2026", "--action", "lost-2026=Keep the document", "--json",
    )
    assert made.returncode == 0, made.stderr
    report = as_json(made)
    assert report["lists"][0]["list_id"] == "lost-2026"
    assert report["sources"][0]["complaints"] == [
        {"file": "sltd.csv", "line": 3, "reason": "the row has another number of fields than the header", "lost": True}
    ]
    seen = run("box", "lists", "inspect", out, "--json")
    assert seen.returncode == 0, seen.stderr
    (entry,) = as_json(seen)["lists"]
    assert (entry["list"], entry["generation"], entry["sound"]) == ("lost-2026", 1, True)
    assert (entry["source_date"], entry["silent"]) == ("2026-02-01T00:00:00Z", True)
    assert entry["action"] == "Keep the document. Confirm with the NCB."
    assert entry["age_seconds"] > 0


def test_a_build_that_lost_too_much_says_which_rows_and_exits_non_zero(tmp_path: Path, source: Path) -> None:
    made = run("hq", "lists", "build", "--out", tmp_path / "lists", "--source", f"sltd-csv:{source}")
    assert made.returncode == 1
    assert "LOST sltd.csv:3:" in made.stdout
    assert "lost 1 of 2 rows" in made.stderr
    assert "next:" in made.stderr
    assert not (tmp_path / "lists").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--source", "ods:x"),
        ("--source", "sltd-csv:x", "--max-lost", "much"),
        ("--source", "sltd-csv:x", "--source-date", "yesterday"),
        ("--source", "sltd-csv:x", "--action", "sltd"),
        ("--source", "sltd-csv:x", "--thresholds", "sltd=0.5,0.9"),
        (),
    ],
)
def test_wrong_usage_says_so_without_a_traceback(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    made = run("hq", "lists", "build", "--out", tmp_path / "lists", *arguments)
    assert made.returncode in (1, 2)
    assert made.stderr
    assert "Traceback" not in made.stderr


def test_inspect_names_a_damaged_list(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "lists"
    run("hq", "lists", "build", "--out", out, "--source", f"sltd-csv:{source}", "--max-lost", "0.5")
    path = out / "sltd" / "0000000001" / "documents.bin"
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    seen = run("box", "lists", "inspect", out)
    assert seen.returncode == 1
    assert "documents.bin does not agree with its digest" in seen.stdout


def test_inspect_of_a_damaged_list_says_what_to_do(tmp_path: Path, source: Path) -> None:
    out = tmp_path / "lists"
    run("hq", "lists", "build", "--out", out, "--source", f"sltd-csv:{source}", "--max-lost", "0.5")
    (out / "sltd" / "0000000001" / "persons.bin").unlink()
    seen = run("box", "lists", "inspect", out)
    assert seen.returncode == 1
    assert "next:  copy the lists" in seen.stderr
    assert as_json(run("box", "lists", "inspect", out, "--json"))["sound"] is False


def test_a_source_given_twice_is_named(tmp_path: Path, source: Path) -> None:
    again = source.parent / "." / source.name
    made = run("hq", "lists", "build", "--out", tmp_path / "lists", "--source", f"sltd-csv:{source}",
               "--source", f"sltd-csv:{again}")  # fmt: skip
    assert made.returncode == 1
    assert f"the source {again} is given twice" in made.stderr
    assert not (tmp_path / "lists").exists()


def test_a_source_of_which_nothing_can_match_is_warned_of(tmp_path: Path) -> None:
    old, mixed = tmp_path / "old.csv", tmp_path / "mixed.csv"
    head = "document_number,issuing_state,fraud_category,review_date\n"
    old.write_text(head + "L898902C3,UTO,lost,2020-01-01\nD23145890,UTO,lost,2020-01-02\n")
    mixed.write_text(head + "L898902C3,UTO,lost,2020-01-01\nD23145890,UTO,lost,\n")
    made = run("hq", "lists", "build", "--out", tmp_path / "lists", "--source", f"sltd-csv@old:{old}",
               "--source", f"sltd-csv@mixed:{mixed}")  # fmt: skip
    assert made.returncode == 0
    assert made.stdout.count("warning: all 2 records are past their review date") == 1
    assert made.stderr == ""


class _Out(io.StringIO):
    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.mark.parametrize(("terminal", "expected"), [
    (True, "\r\x1b[Ks.csv: 512 rows\r\x1b[Ks.csv: 768 rows\r\x1b[K"),
    (False, "s.csv: 1,536 rows\ns.csv: 2,816 rows\n"),
])  # fmt: skip
def test_progress_rewrites_a_line_on_a_terminal_and_says_little_in_a_pipe(terminal: bool, expected: str) -> None:
    clock = [0.0]
    out = _Out(terminal=terminal)
    progress = Progress(out, lambda: clock[0])
    for rows in range(1, 769 if terminal else 3000):
        clock[0] = (rows - 1) // 256 + 0.0
        progress.row("s.csv", rows)
    progress.end()
    progress.end()
    assert out.getvalue() == expected


def test_inspect_of_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    seen = run("box", "lists", "inspect", tmp_path)
    assert seen.returncode == 1
    assert "borderpost-hq lists build" in seen.stdout


def test_the_real_un_list_builds(tmp_path: Path) -> None:
    path = shared_data.path("lists/un/UN_consolidated.xml")
    made = run("hq", "lists", "build", "--out", tmp_path, "--source", f"un-xml:{path}", "--json")
    assert made.returncode == 0, made.stderr
    report = as_json(made)
    assert (report["sources"][0]["rows"], report["sources"][0]["lost"]) == (730, 0)
    assert report["lists"][0]["records"]["persons"] == 730
    seen = as_json(run("box", "lists", "inspect", tmp_path, "--json"))
    assert seen["lists"][0]["records"] == report["lists"][0]["records"]
    assert seen["lists"][0]["source_date"].startswith("2026-02-27T00:00:09")
