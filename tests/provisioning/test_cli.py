"""The command as a whole: every verb is there, teaches, and answers errors with a next step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from authority_kit import Desk, run

from edge.core.provisioning.codes import Code
from provisioning import cli
from provisioning.cli import VERBS, provision

HERE = [verb for verb in VERBS if verb != "stick"]  # its own tests are in provisioning/stick


def test_help_names_every_verb_and_where_to_begin() -> None:
    text = run("--help").out
    assert "docs/key-ceremony.md" in text
    for verb in VERBS:
        assert f"  {verb} " in text


@pytest.mark.parametrize("verb", HERE)
def test_each_verb_teaches_by_an_example(verb: str) -> None:
    command = provision.get_command(None, verb)  # type: ignore[arg-type]
    assert command is not None
    helps = [run(verb, "--help").out]
    if verb == "site":
        helps = [run(verb, word, "--help").out for word in ("template", "add")]
    for text in helps:
        assert "Try it:" in text
        assert f"borderpost-provision {verb}" in text


def test_a_wrong_word_is_wrong_usage() -> None:
    assert run("make-stick").code == 2
    assert run("sign", "--authority", "nowhere-at-all").code == 1


def test_the_console_script_ends_with_its_verb_s_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.argv", ["borderpost-provision", "show", "--authority", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1


def test_without_an_authority_the_next_step_is_to_make_one(tmp_path: Path) -> None:
    done = run("show", "--authority", tmp_path)
    assert done.code == 1
    assert "borderpost-provision init" in done.err


@pytest.mark.parametrize("lang", ["en", "fr", "ar"])
def test_explain_says_cause_and_next_step_of_every_code(lang: str) -> None:
    rows = run("explain", "--lang", lang, "--json").json
    assert [row["code"] for row in rows] == [str(code) for code in Code]
    assert all(row["cause"] and row["next"] for row in rows)
    one = run("explain", "306", "--lang", lang).out.splitlines()
    assert len(one) == 2
    assert one[0].startswith("BP-306  ")


def test_explain_refuses_a_code_that_is_none() -> None:
    done = run("explain", "BP-999")
    assert done.code == 1
    assert "there is no code BP-999" in done.err


@pytest.mark.parametrize("what", ["boxes", "sites", "claims", "certificates", "papers", "keys"])
def test_show_is_a_table_in_lines_or_one_json_array(desk: Desk, what: str) -> None:
    rows = desk.run("show", what, "--json").json
    plain = desk.run("show", what).out.splitlines()
    assert isinstance(rows, list)
    assert len(plain) == len(rows) + 1
    assert not any("\x1b" in line or "│" in line for line in plain)


def test_no_private_key_and_no_passphrase_is_ever_shown(desk: Desk) -> None:
    for what in ("keys", "papers", "certificates"):
        text = desk.run("show", what, "--json").out
        assert "PRIVATE" not in text
        assert "five plain words" not in text
    for path in (desk.root / "ceremony.txt", desk.root / "national.json", desk.root / "ledger.sqlite"):
        assert b"PRIVATE" not in path.read_bytes()


def test_a_missing_passphrase_is_asked_for_and_without_a_terminal_refused(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("some other five words\n")
    done = desk.run("claim", "north-gate", "--stick", tmp_path, "--passphrase-file", tmp_path / "wrong")
    assert done.code == 1
    assert "the passphrase does not open it" in done.err
    assert "some other five words" not in done.err
    assert not (tmp_path / "BORDERPOST").exists()


def test_json_of_one_paper_is_one_object(desk: Desk, tmp_path: Path) -> None:
    found = json.loads(desk.signs("claim", "north-gate", "--stick", tmp_path, "--uses", 3, "--json").out)
    assert found["uses"] == 3
    assert Path(found["file"]).is_file()
