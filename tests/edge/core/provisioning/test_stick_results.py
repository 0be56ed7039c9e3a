"""What a technician reads: every code in every language, the verdict first, nothing that a stick could play with."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.provisioning import result_text
from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.inbox import ListLine, Part, StickOutcome
from edge.core.provisioning.result_text import explain, grade, grade_of, part, plain, result_bytes
from edge.core.provisioning.texts_data import LABELS, LANGUAGES, TEXTS, VERDICTS

ARABIC = re.compile("[\u0621-\u064a]")
LATIN = re.compile("[A-Za-z]")
AT = datetime(2026, 11, 1, 9, 30, tzinfo=timezone(timedelta(hours=2)))
SENTENCES = [
    (language, code, text) for language in LANGUAGES for code, pair in TEXTS[language].items() for text in pair
]


def outcome(*parts: Part, **changes: object) -> StickOutcome:
    said: dict[str, object] = {
        "number": 3, "serial": "abcdefghijklm", "device": "box-7", "site": "north-1", "at": AT, "clock": "signed",
        "sequence": 4, "certificate_until": AT, "unsent": 12, "software": "0.6.0", "audit_head": "ab" * 32,
        "lists": (ListLine(list="documents", generation=12, age_seconds=90_000),),
    }
    return StickOutcome(parts=parts, **{**said, **changes})  # type: ignore[arg-type]


def lines_of(said: StickOutcome) -> list[str]:
    return result_text.result_text(said).split("\r\n")


def test_every_code_has_a_cause_and_a_step_in_every_language() -> None:
    for language in LANGUAGES:
        assert set(TEXTS[language]) == set(Code)
        assert set(VERDICTS[language]) == set(Grade)
        assert set(LABELS[language]) == set(LABELS["en"])
    for language, code, text in SENTENCES:
        assert 8 <= len(text) <= 260, (language, code)
        assert text == unicodedata.normalize("NFC", text.strip())
        assert text.endswith((".", "BORDERPOST", "exFAT")), (language, code)
        assert all(unicodedata.category(c) not in {"Cc", "Cf"} for c in text), (language, code)


def test_no_two_codes_say_the_same() -> None:
    for language in LANGUAGES:
        causes = [advice.cause for advice in TEXTS[language].values()]
        assert len(set(causes)) == len(causes)


def test_an_arabic_line_can_be_read_in_a_window_of_either_direction() -> None:
    for _, code, text in (row for row in SENTENCES if row[0] == "ar"):
        assert ARABIC.match(text[0]), code
        latin = LATIN.search(text)
        assert latin is None or not ARABIC.search(text, latin.start()), code
    for line in arabic_section(lines_of(outcome(*(part("envelope", code) for code in Code)))):
        latin = LATIN.search(line)
        assert ARABIC.match(line[0]), line
        assert latin is None or not ARABIC.search(line, latin.start()), line


def arabic_section(lines: list[str]) -> list[str]:
    start = lines.index(LABELS["ar"]["language"])
    end = next(n for n in range(start, len(lines)) if lines[n].startswith("---"))
    return [line for line in lines[start:end] if line]


def test_other_languages_hold_no_arabic_and_their_own_letters() -> None:
    french = " ".join(text for language, _, text in SENTENCES if language == "fr")
    assert "é" in french
    assert not any(ARABIC.search(text) for language, _, text in SENTENCES if language != "ar")
    # a stick is never called by the word for a cryptographic key alone where one of the two could be meant
    assert not re.search(r"(?i)(retirez|branchez|rebranchez|envoyez|rendez) la clé(?! USB)", french)


def test_the_first_line_is_the_verdict() -> None:
    first = lines_of(outcome(part("envelope", Code.APPLIED), part("rows", Code.ROWS_WRITTEN)))[0]
    assert first == "DONE / TERMINÉ / تم / BP-102 BP-105"
    first = lines_of(outcome(part("envelope", Code.APPLIED), part("time", Code.OLD_NUMBER)))[0]
    assert first == "IN PART / EN PARTIE / تم جزئياً / BP-305"
    assert lines_of(outcome())[0].endswith("/ BP-201")
    assert lines_of(outcome(part("stick", Code.DISK_ERROR), part("time", Code.TIME_TAKEN)))[0].startswith("FAULT /")


def test_what_needs_somebody_stands_before_what_was_done() -> None:
    lines = lines_of(outcome(part("rows", Code.ROWS_WRITTEN), part("envelope", Code.OTHER_BOX, "for zzzzzzzzzzzzz")))
    assert lines.index("Code: BP-304") < lines.index("Code: BP-105")
    assert lines.index("Code : BP-304") < lines.index("Code : BP-105")
    assert "BP-304 envelope: for zzzzzzzzzzzzz" in lines
    said = f"What to do now: {explain(Code.OTHER_BOX).step}"
    assert said in lines


def test_facts_stand_in_each_language() -> None:
    lines = lines_of(outcome(part("time", Code.TIME_TAKEN)))
    for wanted in ("Serial of the box: abcdefghijklm", "Time of the box (certain): 2026-11-01 07:30 UTC",
                   "List (name, generation, age): documents, 12, 1 d", "Nom du boîtier : box-7",
                   "سجلات لم تؤكد الإدارة المركزية استلامها: 12"):
        assert wanted in lines
    blank = lines_of(outcome(device="", site="", at=None, clock="untrusted", lists=(), certificate_until=None))
    for wanted in ("Name of the box: none", "Time of the box (not certain): none",
                   "Certificat valable jusqu'au : aucun", "List (name, generation, age): no lists on the box"):
        assert wanted in blank


def test_a_file_opens_in_old_editors() -> None:
    data = result_bytes(outcome(part("envelope", Code.APPLIED)))
    assert data.startswith(b"\xef\xbb\xbfDONE")
    assert data.count(b"\n") == data.count(b"\r\n") > 30
    assert len(data) < 20_000


HOSTILE = st.text(st.characters() | st.sampled_from("\r\n\u202e\u2066\u200f\x1b\ud800\x00"), max_size=200)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_stick_cannot_write_its_own_verdict(detail: str, name: str, state: str) -> None:
    odd = ListLine(list=name, generation=1, state=state)
    said = outcome(part("stick", Code.ODD_FILE, detail), site=name, lists=(odd,))
    quiet = outcome(part("stick", Code.ODD_FILE, "x"), site="x", lists=(ListLine(list="x", generation=1, state="x"),))
    lines = lines_of(said)
    assert len(lines) == len(lines_of(quiet))
    assert lines[0] == lines_of(quiet)[0]
    for line in lines:
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for c in line)
    result_bytes(said).decode("utf-8")


def test_plain_keeps_names_and_takes_what_moves() -> None:
    assert plain("مركز nord-é 7") == "مركز nord-é 7"
    assert plain("a\nb\u202ec\x1b[2J") == "a?b?c?[2J"
    assert len(plain("x" * 900)) == 200


def test_a_long_outcome_stays_a_short_file() -> None:
    parts = [part("tuf", code, "x" * 500) for code in Code] * 20
    lists = tuple(ListLine(list="l" * 300, generation=n) for n in range(900))
    assert len(result_bytes(outcome(*parts, lists=lists))) < 200_000


@pytest.mark.parametrize(("codes", "whole"), [
    ((), Grade.REFUSED),
    ((Code.APPLIED, Code.UP_TO_DATE), Grade.OK),
    ((Code.APPLIED, Code.EXPIRED), Grade.PART),
    ((Code.EXPIRED, Code.LISTS_REFUSED), Grade.REFUSED),
    ((Code.APPLIED, Code.EXPIRED, Code.DISK_FULL), Grade.FAULT),
])
def test_the_grade_of_a_visit(codes: tuple[Code, ...], whole: Grade) -> None:
    assert grade(part("x", code) for code in codes) is whole
    assert grade(part("x", code) for code in reversed(codes)) is whole


def test_every_code_has_a_grade() -> None:
    assert {code.value[3]: grade_of(code) for code in Code} == {
        "1": Grade.OK, "2": Grade.REFUSED, "3": Grade.REFUSED, "4": Grade.REFUSED, "5": Grade.FAULT,
    }
    assert grade([Part(part="lists", code=Code.LISTS_UPDATED, grade=Grade.PART)]) is Grade.PART


def test_an_unknown_language_reads_english() -> None:
    assert explain(Code.APPLIED, "xx") == TEXTS["en"][Code.APPLIED]


@pytest.mark.parametrize(("seconds", "said"), [
    (None, "?"), (-1, "?"), (0, "0 min"), (59, "0 min"), (60, "1 min"), (3600, "1 h"), (86_399, "23 h"),
    (10**9, "11574 d"),
])
def test_ages(seconds: int | None, said: str) -> None:
    lines = lines_of(outcome(lists=(ListLine(list="d", generation=1, age_seconds=seconds),)))
    assert f"List (name, generation, age): d, 1, {said}" in lines


def test_a_time_at_the_end_of_the_calendar_is_still_text() -> None:
    edge = datetime.max.replace(tzinfo=timezone(-timedelta(hours=12)))
    assert any("9999-12-31" in line for line in lines_of(outcome(at=edge)))
    assert any("0001-01-01" in line for line in lines_of(outcome(at=datetime.min.replace(tzinfo=UTC))))


def test_nothing_newer_is_nothing_done() -> None:
    nothing, refused, fault = (part("x", code) for code in (Code.UP_TO_DATE, Code.BAD_SIGNATURE, Code.DISK_FULL))
    assert grade([nothing]) is Grade.OK
    assert grade([nothing, refused]) is Grade.REFUSED
    assert grade([nothing, part("x", Code.TIME_TAKEN), refused]) is Grade.PART
    assert grade([nothing, fault]) is Grade.FAULT
