"""The verb's interfaces: a stream of JSON lines, one JSON document, text for a person; exit codes."""

from __future__ import annotations

import json
import subprocess
import sys

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from edge.verbs.mrz import MAX_LINE, command

PASSPORT = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]
CARD = ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"]
FIELDS = ["document_type", "issuing_state", "document_number", "nationality", "birth_date", "sex", "expiry_date",
          "surname", "given_names", "optional1", "optional2"]  # fmt: skip


def run(*arguments, stdin=b""):
    return CliRunner().invoke(command, ["--today", "2012-01-01", *arguments], input=stdin)


def stream(*lines):
    """Each line a JSON-able object, or bytes as they are -> the answers."""
    raw = b"".join((x if isinstance(x, bytes) else json.dumps(x).encode()) + b"\n" for x in lines)
    result = run("--jsonl", stdin=raw)
    assert result.exception is None
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_answer_a_line_in_order_with_every_key():
    answers = stream({"id": 1, "lines": PASSPORT}, {"id": "b", "lines": CARD}, {"id": None, "lines": ["", ""]})
    assert [a["id"] for a in answers] == [1, "b", None]
    assert [a["format"] for a in answers] == ["TD3", "TD1", None]
    for answer in answers:
        assert list(answer) == ["id", "format", "valid", "findings", "fields", "document", "alternatives"]
    passport, card, empty = answers
    assert passport["valid"] is True
    assert list(passport["fields"]) == FIELDS
    assert passport["fields"]["birth_date"] == "740812"
    assert passport["document"]["birth_date"] == "1974-08-12"
    assert passport["document"]["readings"][0] == {
        "number": "L898902C3", "issuing_state": "UTO", "source": "printed"}
    assert (passport["fields"]["optional2"], card["fields"]["optional2"]) == (None, "")
    assert (empty["valid"], empty["fields"], empty["document"]) == (False, None, None)
    assert [set(f) for f in empty["findings"]] == [{"code", "severity", "field", "line", "column", "message"}]


@pytest.mark.parametrize("id_", ["x", 7, 1.5, -0.0, None, True, [1, {"a": []}], {"z": 1, "a": 2}, 2**80, "é\u0000"])
def test_the_id_comes_back_as_it_went(id_):
    assert stream({"id": id_, "lines": PASSPORT})[0]["id"] == id_


@pytest.mark.parametrize(("id_", "expected"), [
    (b"1e999", "1e999"), (b"-1E+400", "-1E+400"), (b'[1e999, {"a": 1.50}]', ["1e999", {"a": 1.5}]),
    (b"9" * 400, "9" * 400), (b"-" + b"9" * 5000, "-" + "9" * 5000), (b"1e-999", 0.0), (b'"1e999"', "1e999"),
    (b'"\xff"', "\ufffd"),
])
def test_an_id_that_strict_readers_would_refuse_is_mended(id_, expected):
    raw = b'{"id": %b, "lines": ' % id_ + json.dumps(PASSPORT).encode() + b"}\n"
    for line in (raw, raw.replace(b"ANNA", b"ANN\xff")):
        output = run("--jsonl", stdin=line).stdout_bytes
        assert msgspec.json.decode(output)["id"] == expected
        assert msgspec.json.decode(output)["format"] == "TD3"


def test_an_id_within_a_double_comes_back_byte_for_byte():
    for id_ in (b"1.50", b"1E3", b"-0.0e5", b"1e-999", b'{"a":  1e5}', b'"x1e9"'):
        output = run("--jsonl", stdin=b'{"id": %b, "lines": []}' % id_).stdout_bytes
        assert output.startswith(b'{"id":' + id_ + b",")


def test_unknown_keys_are_ignored():
    assert stream({"id": 1, "lines": PASSPORT, "surname": "X", "extra": [1]}) == stream({"id": 1, "lines": PASSPORT})


@pytest.mark.parametrize("arguments", ["mrz --jsonl", "screen --lists . --jsonl"])
@pytest.mark.parametrize(("stream_", "code"), [("<&-", 0), (">&-", 1), (">/dev/full", 1)])
def test_closed_and_full_streams_are_no_traceback(arguments, stream_, code):
    program = f"{sys.executable} -c 'from edge.cli import main; main()' {arguments} {stream_}"
    done = subprocess.run(["sh", "-c", program], input="{}", capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr
    said = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert "Traceback (most recent call last)" not in said
    assert ("error" in said and "next" in said) is bool(code)


def test_a_partial_date_is_an_interval():
    partial = [PASSPORT[0], "L898902C36UTO74<<<<4F1204159ZE184226B<<<<<12"]
    assert stream({"lines": partial})[0]["document"]["birth_date"] == "1974-01-01/1974-12-31"


@pytest.mark.parametrize("line", [
    b"nonsense", b"{", b"[1, 2]", b"7", b"null", b'"P<UTO"', b'{"id": 5}', b'{"id": 5, "lines": null}',
    b'{"id": 5, "lines": "P<UTO"}', b'{"id": 5, "lines": [1, 2]}', b'{"id": NaN, "lines": 1}', b"\xff\xfe",
    b"[" * 60_000, b'{"id": 5, "lines": {"a": 1}}',
])
def test_what_is_no_request_is_answered_and_the_stream_goes_on(line):
    wrong, right = stream(line, {"id": 2, "lines": PASSPORT})
    assert wrong["id"] in (None, 5)
    assert (wrong["id"] == 5) is (b'"id": 5' in line)
    assert (wrong["format"], wrong["valid"], wrong["fields"]) == (None, False, None)
    assert [(f["code"], f["severity"]) for f in wrong["findings"]] == [("input", "error")]
    assert right["valid"] is True


def test_a_line_too_long_is_skipped_and_said():
    wrong, right = stream(b"x" * (3 * MAX_LINE), {"id": 2, "lines": PASSPORT})
    assert str(MAX_LINE) in wrong["findings"][0]["message"]
    assert right["id"] == 2


def test_blank_lines_and_a_byte_order_mark_are_nothing():
    assert [a["id"] for a in stream(b"\xef\xbb\xbf" + json.dumps({"id": 1, "lines": PASSPORT}).encode(), b"", b" \r")
            ] == [1]


@pytest.mark.parametrize("spoilt", [b"\xff", b"\\ud800", b"\\u0661", "é".encode()])
def test_garbled_bytes_are_illegal_characters_under_their_own_id(spoilt):
    raw = json.dumps({"id": 5, "lines": PASSPORT}).encode().replace(b"L898902", b"L" + spoilt + b"98902")
    (answer,) = stream(raw)
    assert (answer["id"], answer["format"]) == (5, "TD3")
    assert [(f["line"], f["column"]) for f in answer["findings"] if f["code"] == "charset"] == [(2, 2)]


@given(st.binary(max_size=300), st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=60), max_size=4))
def test_any_bytes_and_any_text(noise, lines):
    answers = stream(noise.replace(b"\n", b"").replace(b"\r", b""), {"id": "last", "lines": lines})
    assert answers[-1]["id"] == "last"
    assert len(answers) <= 2


def test_json_for_one_document():
    result = run("--json", *PASSPORT)
    assert result.exit_code == 0
    assert msgspec.json.decode(result.stdout)["fields"]["surname"] == "ERIKSSON"


def test_text_for_a_person_from_arguments_and_from_standard_input():
    from_arguments = run(*PASSPORT)
    from_stdin = run(stdin="\r\n".join(PASSPORT).encode())
    from_one_argument = run("\n".join(PASSPORT) + "\n")
    assert from_arguments.exit_code == 0
    assert from_arguments.stdout == from_stdin.stdout == from_one_argument.stdout
    for expected in ("format:        TD3", "P UTO L898902C3", "born:          1974-08-12", "valid"):
        assert expected in from_arguments.stdout
    assert "\x1b" not in from_arguments.stdout


def test_a_wrong_zone_says_where_and_exits_1():
    result = run(PASSPORT[0], PASSPORT[1].replace("74081", "74O81"))
    assert result.exit_code == 1
    assert "error: line 2 column 20:" in result.stdout
    assert "alternative:   birth_date 740812 (1 changed)" in result.stdout
    assert result.stdout.rstrip().endswith("not valid")


@pytest.mark.parametrize("arguments", [["--jsonl", "P<UTO"], ["--jsonl", "--json"], [], ["--today", "soon", "P<"]])
def test_wrong_usage_exits_2(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_help_teaches():
    text = run("--help").stdout
    for word in ("Exit codes", "Try it", "--jsonl", "MRV-B", "standard input"):
        assert word in text
