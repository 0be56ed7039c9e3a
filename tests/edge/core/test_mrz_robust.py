"""Nothing raises on data, whatever the data are; and what is said about it is well formed."""

from __future__ import annotations

import importlib.util
import json
from datetime import date
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge.core.documents import Severity
from edge.core.mrz import parse
from edge.core.mrz.digits import ALPHABET
from edge.core.mrz.number_readings import MAX_READINGS
from edge.core.mrz.parser import MAX_LINE_LENGTH, MAX_LINES

TODAY = date(2026, 11, 22)
SIZES = ((2, 44), (2, 36), (3, 30))


def check(lines, today=TODAY):
    document = parse(lines, today=today)
    assert (document.format is None) == (document.fields is None)
    assert len(document.alternatives) <= 16
    readings = document.readings
    assert len(readings) <= MAX_READINGS
    assert all(r.number.isascii() and r.number.isalnum() and r.number.isupper() | r.number.isdigit()
               for r in readings)
    assert len({(r.number, r.issuing_state) for r in readings}) == len(readings)
    for finding in document.findings:
        assert (finding.line is None) == (finding.column is None)
        if finding.line is not None:
            assert 1 <= finding.line <= len(document.lines)
            assert 1 <= finding.column <= len(document.lines[finding.line - 1])
    for interval in filter(None, (document.birth_date, document.expiry_date)):
        assert interval.earliest <= interval.latest
    for alternative in document.alternatives:
        assert not [f for f in parse(alternative.lines, today=today).findings
                    if f.code in ("document_number", "birth_date", "expiry_date", "optional_data", "composite")]
    return document


@given(st.lists(st.text(max_size=130), max_size=12))
def test_any_text(lines):
    document = check(lines)
    assert len(document.lines) <= max(MAX_LINES, 3)
    assert all(len(line) <= MAX_LINE_LENGTH for line in document.lines)


@given(st.data(), st.sampled_from(SIZES), st.sampled_from([ALPHABET, ALPHABET + "abc |_٣é\udcff😀", None]))
def test_any_text_of_a_right_size(data, size, alphabet):
    count, length = size
    characters = st.sampled_from(alphabet) if alphabet else st.characters()
    line = st.lists(characters, min_size=length, max_size=length).map("".join)
    document = check(data.draw(st.lists(line, min_size=count, max_size=count)))
    assert document.format is None or len("".join(document.lines)) == count * length


@given(st.dates(), st.text("0123456789<", min_size=6, max_size=6), st.text("0123456789<", min_size=6, max_size=6))
def test_any_date_on_any_day(today, birth, expiry):
    check(["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
           f"L898902C36UTO{birth}2F{expiry}9ZE184226B<<<<<10"], today)


def fuzzer():
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "mrz_fuzz.py"
    spec = importlib.util.spec_from_file_location("mrz_fuzz", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_sample_of_the_fuzzer():
    inputs = fuzzer().inputs
    formats = set()
    for lines in inputs(3_000, seed=7):
        formats.add(check(lines).format)
    assert formats == {None, "TD1", "TD2", "TD3", "MRVA", "MRVB", "FRA_ID"}


def test_an_illegal_character_is_found_wherever_it_stands():
    text = (Path(__file__).parent / "mrz_specimens.jsonl").read_text(encoding="utf-8")
    for specimen in map(json.loads, text.splitlines()):
        lines = specimen["lines"]
        for number, line in enumerate(lines):
            for column in range(len(line)):
                for character in "a |_٣":
                    changed = [*lines]
                    changed[number] = line[:column] + character + line[column + 1 :]
                    found = [f for f in parse(changed, today=TODAY).findings if f.code == "charset"]
                    assert [(f.line, f.column, f.severity) for f in found] == [
                        (number + 1, column + 1, Severity.ERROR)]
                    assert found[0].field
