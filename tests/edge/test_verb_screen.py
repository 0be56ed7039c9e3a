"""``borderpost screen``: the JSON lines interface, and the view for a person."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edge.core.mrz import compose
from edge.core.screening import FIELDS
from edge.verbs.screen import MAX_LINE, command
from hq.verbs.lists import command as hq_lists

PERSONS = """\
reference,surname,given_names,birth_date,sex,nationalities,notice
N-1,al-Werfalli,Mokhtar Salem Bashir,1971-03-09,M,UTO,red
"""
KEYS = {"id", "outcome", "shown", "unreadable", "reasons", "coverage"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lists folder as headquarters builds it."""
    persons, papers = tmp_path / "national.csv", tmp_path / "sltd.csv"
    persons.write_text(PERSONS, encoding="utf-8")
    papers.write_text("document_number,issuing_state,fraud_category\nL898902C3,UTO,stolen\n", encoding="utf-8")
    out = tmp_path / "lists"
    for source in (f"persons-csv:{persons}", f"sltd-csv:{papers}"):
        built = CliRunner().invoke(hq_lists, ["build", "--out", str(out), "--source", source])
        assert built.exit_code == 0, built.output
    return out


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(arguments), input=stdin)


def ask(folder: Path, *requests: Any, extra: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    text = "".join(json.dumps(r) + "\n" for r in requests)
    result = run("--lists", str(folder), "--jsonl", *extra, stdin=text)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_fields_and_lines_in_order(folder: Path) -> None:
    lines = compose.td3(
        issuing_state="UTO", surname="ERIKSSON", given_names="ANNA MARIA", number="L898902C3", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="300101",
    )  # fmt: skip
    person, paper, calm = ask(
        folder,
        {"id": {"any": [1]}, "surname": "WERFALLI", "given_names": "MUKHTAR SALIM BASHIR", "birth_date": "1971-03-09"},
        {"id": "b", "lines": lines},
        {"surname": "LINDGREN", "given_names": "SVEN ARVID", "document_number": "X1", "issuing_state": "UTO"},
    )
    assert set(person) == KEYS
    assert (person["id"], person["outcome"]) == ({"any": [1]}, "HIT")
    reason = person["reasons"][0]
    assert {"list", "record", "kind", "score", "evidence"} <= set(reason)
    assert (reason["record"], reason["kind"]) == ("N-1", "person")
    assert all({"query", "listed", "rule", "similarity", "weight", "points"} == set(e) for e in reason["evidence"])
    assert (paper["id"], paper["outcome"], paper["reasons"][0]["kind"]) == ("b", "HIT", "document")
    assert (calm["id"], calm["outcome"], calm["reasons"]) == (None, "CLEAR", [])
    assert all({"list", "generation", "age_seconds", "records"} <= set(c) for c in calm["coverage"])
    assert all(isinstance(c["age_seconds"], int) for c in calm["coverage"])


@pytest.mark.parametrize(
    "raw",
    [b"garbage\n", b"[1]\n", b'{"lines": "x"}\n', b'{"lines": [1]}\n', b'"x"\n', b"\xff\xfe\n", b"[" * 5000 + b"\n",
     b"x" * (MAX_LINE + 9) + b"\n"],
)  # fmt: skip
def test_a_bad_line_is_answered_and_the_next_one_too(folder: Path, raw: bytes) -> None:
    result = run("--lists", str(folder), "--jsonl", stdin=raw + b'{"id": 2, "surname": "LINDGREN"}\n')
    bad, good = (json.loads(line) for line in result.stdout.splitlines())
    assert (bad["outcome"], bool(bad["error"])) == ("UNREADABLE", True)
    assert (good["id"], good["outcome"]) == (2, "CLEAR")


def test_what_cannot_be_read_or_asked(folder: Path) -> None:
    empty, unformatted, wrong = ask(
        folder, {"id": 1}, {"id": 2, "lines": ["ABC"]}, {"id": 3, "surname": "LINDGREN", "birth_date": "1974-13-40"}
    )
    assert [a["outcome"] for a in (empty, unformatted, wrong)] == ["UNREADABLE"] * 3
    assert wrong["unreadable"] == ["birth_date"]


@pytest.mark.parametrize("key", ["documentnumber", "birthdate", "Surname", "Lines", "documents", ""])
def test_a_misspelt_key_is_named_and_never_clear(folder: Path, key: str) -> None:
    calm = {"id": 7, "surname": "LINDGREN", "given_names": "SVEN"}
    wrong, null, alone = ask(folder, {**calm, key: "1974"}, {**calm, key: None, "sex": None}, {"id": 8, key: "X1"})
    assert (wrong["id"], wrong["outcome"], wrong["unreadable"]) == (7, "UNREADABLE", ["unknown_field"])
    assert f"unknown keys: {key};" in wrong["error"]
    assert all(name in wrong["error"] for name in FIELDS)
    assert (null["outcome"], set(null)) == ("CLEAR", KEYS)
    assert alone["outcome"] == "UNREADABLE"


def test_a_misspelt_key_hides_no_hit_and_a_zone_is_asked_alone(folder: Path) -> None:
    lines = compose.td3(
        issuing_state="UTO", surname="LINDGREN", given_names="SVEN", number="X1", nationality="UTO",
        birth_date="740812", sex="F", expiry_date="300101",
    )  # fmt: skip
    hit, zone = ask(
        folder,
        {"document_number": "L898902C3", "issuing_state": "UTO", "birthdate": "1974"},
        {"lines": lines, "document_number": "L898902C3", "issuing_state": "UTO", "note": "counter 3"},
    )
    assert (hit["outcome"], hit["unreadable"]) == ("HIT", ["unknown_field"])
    assert (zone["outcome"], set(zone)) == ("CLEAR", KEYS)


def test_many_long_unknown_keys_are_named_briefly(folder: Path) -> None:
    (answer,) = ask(folder, {"surname": "LINDGREN", **{f"k{n}" * 100: 1 for n in range(50)}})
    assert len(answer["error"]) < 500


@pytest.mark.parametrize("days", ["nan", "inf", "-inf", "-1"])
def test_an_age_limit_that_is_no_number_of_days_is_wrong_usage(folder: Path, days: str) -> None:
    result = run("--lists", str(folder), f"--max-age={days}", "--surname", "LINDGREN")
    assert result.exit_code == 2
    assert "--max-age" in result.stderr


def test_doubts_are_said_in_words(folder: Path) -> None:
    empty = run("--lists", str(folder), "--birth-date", "1974")
    assert "nothing to ask by: give a name, a number or lines" in empty.stdout
    date = run("--lists", str(folder), "--surname", "LINDGREN", "--birth-date", "soon")
    assert "no date YYYY[-MM[-DD]]" in date.stdout
    zone = run("--lists", str(folder), "ABC")
    assert "Neither 3 lines of 30" in zone.stdout
    assert "not_applicable" not in empty.stdout + date.stdout + zone.stdout
    paper = run("--lists", str(folder), "--document-number", "L898902C3", "--issuing-state", "UTO")
    assert "national: holds nothing to ask by the fields given" in paper.stdout


def test_help_names_the_keys_and_warns_of_a_surname_alone() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "A surname alone may miss" in text
    assert all(name in text for name in ("lines", *FIELDS))


def test_a_file_in_place_of_the_lists_folder_says_what_to_give(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("")
    error = run("--lists", str(tmp_path / "list"), "--surname", "X").exception
    assert "give the folder that `borderpost-hq lists build` made" in str(error)


def test_an_age_limit_applies_only_when_given(folder: Path) -> None:
    request = {"id": 1, "surname": "LINDGREN", "given_names": "SVEN"}
    assert ask(folder, request)[0]["outcome"] == "CLEAR"
    assert ask(folder, request, extra=("--max-age", "0"))[0]["outcome"] == "INCOMPLETE"


def test_the_lists_own_ages_hold_and_what_is_old_is_said(folder: Path, tmp_path: Path) -> None:
    source = f"persons-csv:{tmp_path / 'national.csv'}"
    built = CliRunner().invoke(hq_lists, [
        "build", "--out", str(folder), "--source", source, "--source-date", "2020-01-01", "--ages", "national=1,,",
    ])  # fmt: skip
    assert built.exit_code == 0, built.output
    asked = ("--lists", str(folder), "--surname", "LINDGREN", "--given-names", "SVEN")
    old = run(*asked)
    assert (old.exit_code, old.stdout.split()[0]) == (0, "CLEAR")
    assert "days old, more than it should be" in old.stdout
    (part,) = [c for c in json.loads(run(*asked, "--json").stdout)["coverage"] if c["list"] == "national"]
    assert (part["state"], part["freshness"]) == ("asked", "old")
    CliRunner().invoke(hq_lists, [
        "build", "--out", str(folder), "--source", source, "--source-date", "2020-01-01", "--ages", "national=1,2,",
    ])  # fmt: skip
    assert run(*asked).stdout.split()[0] == "INCOMPLETE"


def test_no_list_or_a_damaged_one_is_incomplete_and_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    nothing = run("--lists", str(tmp_path / "none"), "--surname", "LINDGREN", "--given-names", "SVEN")
    assert (nothing.exit_code, nothing.stdout.split()[0]) == (1, "INCOMPLETE")
    assert "lists build" in nothing.stderr
    damaged = next(folder.glob("*/0000000001/persons.bin"))
    data = bytearray(damaged.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.chmod(0o644)
    damaged.write_bytes(data)
    result = run("--lists", str(folder), "--surname", "LINDGREN", "--given-names", "SVEN", "--json")
    assert json.loads(result.stdout)["outcome"] == "INCOMPLETE"
    assert "copy the list again" in result.stderr


def test_the_view_for_a_person(folder: Path) -> None:
    result = run("--lists", str(folder), "--surname", "AL WERFALLI", "--given-names", "MOKHTAR SALEM BASHIR")
    assert result.exit_code == 1
    assert result.stdout.startswith("POSSIBLE\n")
    assert "birth date not known" in result.stdout
    assert "NCB" in result.stdout
    calm = run("--lists", str(folder), "--surname", "LINDGREN", "--given-names", "SVEN")
    assert (calm.exit_code, calm.stdout.split()[0]) == (0, "CLEAR")


def test_wrong_usage(folder: Path) -> None:
    assert run("--lists", str(folder)).exit_code == 2
    assert run("--lists", str(folder), "--jsonl", "--surname", "X").exit_code == 2
    assert "no lists to ask" in str(run("--surname", "X").exception)


def test_evidence_is_told_in_words_with_room_between(folder: Path) -> None:
    fields = ("--document-number", "L898902C3", "--issuing-state")
    text = run("--lists", str(folder), *fields, "QQQ").stdout
    assert "issuing State not known on one side " in text
    assert "QQQ ~ UTO" in text.split("on one side ")[1].splitlines()[0]
    named = run("--lists", str(folder), *fields, "Utopia").stdout
    assert named.startswith("HIT")
    doubtful = run("--lists", str(folder), *fields, "Nowhere at all").stdout
    assert "doubtful: the issuing State is neither a code nor an English name" in doubtful
    zone = ("P<FRAERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")
    by_nationality = run("--lists", str(folder), *zone).stdout
    assert "nationality is the issuing State of the record UTO ~ UTO" in by_nationality
