"""What `borderpost counter` shows of each message: words, shapes and next steps, for one counter alone."""

from __future__ import annotations

from typing import Any

import pytest

from edge.core.texts import LANGUAGES
from edge.core.texts import text as told
from edge.core.verdicts import Outcome
from edge.verbs import counter as counter_verb
from hq.sources.catalog import KINDS


def test_the_view_of_one_counter_leaves_others_out() -> None:
    leads = [{"passage": "P1", "counter": "a"}, {"passage": "P2", "counter": "b"}]
    readers = [{"reader": "r1", "counter": "a", "state": "absent"}, {"reader": "r2", "counter": "b", "state": "fault"}]
    hello = {"type": "hello", "counters": ["a", "b"], "open": leads, "readers": readers}
    assert counter_verb.for_counter(hello, "b") == {**hello, "open": leads[1:], "readers": readers[1:]}
    for kind in ("verdict", "closed", "notice"):
        assert counter_verb.for_counter({"type": kind, "counter": "a"}, "b") is None
        assert counter_verb.for_counter({"type": kind, "counter": "b"}, "b") is not None
    assert counter_verb.for_counter({"type": "reader", "reader": "r", "counter": "a"}, "b") is None


def test_a_reader_that_does_not_work_is_shown_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    out = {"reader": "r1", "counter": "a", "state": "absent"}
    hello = {"type": "hello", "device": "box-1", "counters": ["a"], "open": [], "readers": [out]}
    said = "  reader r1: absent: look at its plug, cable and power\n"
    assert shown(hello, capsys).endswith(said)
    assert shown({"type": "reader", **out}, capsys) == said
    assert shown({"type": "reader", **out, "state": "ready"}, capsys) == "  reader r1: ready\n"


MESSAGE: dict[str, Any] = {
    "type": "verdict", "passage": "P1", "at": "2026-03-01T12:00:00+00:00", "counter": "lane-1", "direction": "entry",
    "outcome": "CLEAR", "recorded": True, "elapsed_ms": 12.0, "unreadable": [], "findings": [], "reasons": [],
    "coverage": [{"list": "un", "generation": 1, "age_seconds": None, "records": 1, "state": "stale",
                  "freshness": "unknown"}],
    "records_expire": True,
    "document": {"format": "TD3", "issuing_state": "UTO", "number": "X", "surname": "ERIKSSON", "given_names": "ANNA",
                 "birth_date": "1974-08-12", "sex": "F", "nationality": "UTO"},
    "rows": {"read": [1, 2], "of": 2, "text": []},
}  # fmt: skip


def shown(message: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    counter_verb.show(message)
    return capsys.readouterr().out


def test_rows_that_were_seen_are_shown_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"read": [2], "of": 2, "text": ["L898902C36UTO7408122F1204159ZE184226B<<<<<10"]}
    text = shown({**MESSAGE, "outcome": "UNREADABLE", "rows": rows}, capsys)
    assert "row 2 of 2 was read: present the document again" in text
    assert rows["text"][0] in text
    text = shown({**MESSAGE, "outcome": "UNREADABLE", "rows": {"read": [1, 2], "of": 3, "text": ["A", "B"]}}, capsys)
    assert "rows 1 and 2 of 3 were read: present the document again" in text
    text = shown({**MESSAGE, "outcome": "UNREADABLE", "rows": {"read": [], "of": 0, "text": ["HELLO"]}}, capsys)
    assert "HELLO" in text
    assert "present the document again" not in text


OLD = {"list": "sltd", "generation": 3, "age_seconds": 302_400, "freshness": "old", "records": 5, "state": "asked"}
GONE = {"list": "un", "generation": None, "age_seconds": None, "freshness": "fresh", "records": 0, "state": "erased"}
BLIND = {**OLD, "age_seconds": None, "freshness": "unknown", "state": "time_untrusted"}


@pytest.mark.parametrize(
    ("language", "old", "gone", "unsure"),
    [
        ("en", "list sltd is 3.5 days old, more than it should be", "list un was erased", "records do not expire"),
        ("fr", "la liste sltd date de 3.5 jours", "la liste un a été effacée", "aucune fiche n'expire"),
        ("ar", "3.5 يوم", "مُحيت القائمة un", "ولا تنتهي صلاحية أي سجل"),
    ],
)
def test_the_age_of_lists_is_told_in_words_and_the_word_above_stands(
    language: str, old: str, gone: str, unsure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(coverage: list[dict[str, Any]], *, expire: bool = True) -> str:
        counter_verb.show({**MESSAGE, "coverage": coverage, "records_expire": expire}, language)
        return capsys.readouterr().out

    fresh = told([{**OLD, "freshness": "fresh"}])
    assert not any(said in fresh for said in (old, gone, unsure))
    assert old in told([OLD])
    assert " ● CLEAR " in told([OLD])
    assert gone in told([OLD, GONE])
    blind = told([BLIND], expire=False)
    assert unsure in blind
    assert old not in blind
    hours = told([{**OLD, "age_seconds": 9_000}])
    assert "2.5" in hours


@pytest.mark.parametrize("outcome", ["CLEAR", "HIT"])
def test_the_same_document_again_shows_the_word_and_says_so(outcome: str, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {key: MESSAGE[key] for key in ("passage", "at", "counter", "direction", "document", "elapsed_ms")}
    text = shown({"type": "again", "times": 3, "outcome": outcome, **kept}, capsys)
    assert f" {counter_verb.LOOKS[outcome][1]} {outcome} " in text
    assert "P1  the same document, read 3 times: no new passage" in text
    assert "ERIKSSON, ANNA" in text
    assert "\n" not in text.strip().split("ERIKSSON")[1]


@pytest.mark.parametrize("outcome", list(Outcome), ids=str)
def test_every_outcome_has_word_shape_and_next_step(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown({**MESSAGE, "outcome": str(outcome)}, capsys)
    assert f" {counter_verb.LOOKS[outcome][1]} {outcome} " in text
    assert told("en", f"next.{outcome}") in text
    assert ("borderpost close" in text) is (outcome in ("HIT", "POSSIBLE"))
    assert "un age unknown STALE" in text
    assert "NOT RECORDED" not in text
    assert "arrest" not in text
    assert "guilty" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_view_speaks_the_officers_language(language: str, capsys: pytest.CaptureFixture[str]) -> None:
    step = {"query": "ANNA", "listed": "ANA", "rule": "skeleton", "similarity": 0.99, "weight": 1.0, "points": 0.0}
    reason = {"list": "un", "record": "R1", "kind": "person", "outcome": "HIT", "score": 0.97, "category": "red",
              "action": "", "name": "Ana", "evidence": [step]}
    finding = {"code": "expired", "severity": "info", "field": "expiry_date", "message": "The document has expired."}
    odd = {"code": "of_a_newer_box", "severity": "info", "field": "", "message": "A finding of a newer box."}
    message = {**MESSAGE, "outcome": "HIT", "reasons": [reason], "findings": [finding, odd], "recorded": False}
    counter_verb.show(message, language)
    text = capsys.readouterr().out
    assert "HIT" in text  # the reports' own word stays
    for key in ("next.HIT", "rule.skeleton", "category.red", "kind.person", "finding.expired", "say.not_recorded"):
        assert told(language, key) in text, key
    assert "A finding of a newer box." in text
    counter_verb.show({"type": "closed", "passage": "P1", "outcome": "referred"}, language)
    assert "referred" in capsys.readouterr().out


def test_no_two_outcomes_share_colour_or_shape() -> None:
    assert set(counter_verb.LOOKS) == {str(o) for o in Outcome}
    assert len({colour for colour, _ in counter_verb.LOOKS.values()}) == 5
    assert len({shape for _, shape in counter_verb.LOOKS.values()}) == 5


def test_not_recorded_and_notices_stand_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert "NOT RECORDED" in shown({**MESSAGE, "recorded": False}, capsys)
    notice = {"type": "notice", "counter": "lane-1", "text": "call the technician"}
    assert "call the technician" in shown(notice, capsys)
    assert shown({"type": "something new"}, capsys) == ""


def test_what_a_document_says_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    nasty = {**MESSAGE["document"], "surname": "A\x1b[2J\x1b[H\x9b1mB\r\nCLEAR", "number": "1\x07\x00"}
    finding = {"code": "x", "severity": "error", "field": "line", "message": "bad character '\x1b[31m'"}
    text = shown({**MESSAGE, "document": nasty, "findings": [finding]}, capsys)
    assert not [c for c in text if c != "\n" and (ord(c) < 32 or 127 <= ord(c) < 160)]
    assert not any(line.strip() == "CLEAR" for line in text.splitlines())


REASON: dict[str, Any] = {
    "list": "sltd", "record": "7", "kind": "document", "outcome": "HIT", "score": 1.0, "category": "listed_person",
    "action": "Keep the document and refer to second line. Confirm with the NCB.", "name": "",
    "evidence": [
        {"query": "X1", "listed": "", "rule": "number printed", "similarity": 1.0, "weight": 1.0, "points": 0.0},
        {"query": "", "listed": "listed_person 2025-01-01", "rule": "reported as", "similarity": 0.0, "weight": 0.0,
         "points": 0.0},
    ],
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_codes_of_a_record_are_words_and_nothing_is_shown_for_nothing(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    counter_verb.show({**MESSAGE, "outcome": "HIT", "reasons": [REASON]}, language)
    lines = capsys.readouterr().out.splitlines()
    assert not any("listed_person" in line or "+0.00" in line or " - " in line for line in lines)
    assert any(told(language, "category.listed_person") + " 2025-01-01" in line for line in lines)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_actions_that_lists_have_by_default_are_told_in_the_language(
    language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in KINDS.values():
        counter_verb.show({**MESSAGE, "reasons": [{**REASON, "action": kind.action}]}, language)
        assert (kind.action in capsys.readouterr().out) is (language == "en")
    own = "Ask the duty officer. Confirm with the NCB."
    counter_verb.show({**MESSAGE, "reasons": [{**REASON, "action": own}]}, language)
    assert own in capsys.readouterr().out
