"""``borderpost explain``: the JSON lines interface, its limits and errors, and the view for a person."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_lists import TRUSTED, memory_list  # type: ignore[import-not-found]

from edge.core.documents import DateInterval
from edge.core.screening import Query, Screener
from edge.core.screening.explain import ONE_COMMON, ONE_TOKEN, TOO_LITTLE, Person, explain_pair, may_be_cut
from edge.core.screening.namesakes import RULE as NAMESAKES
from edge.core.watch import EntryName, PersonEntry
from edge.verbs.explain import command
from edge.verbs.jsonl import MAX_LINE

STEP = {"query", "listed", "rule", "similarity", "weight", "points"}


def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(arguments), input=stdin)


def ask(*requests: Any) -> list[dict[str, Any]]:
    result = run("--jsonl", stdin="".join(json.dumps(r) + "\n" for r in requests))
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def pair(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    return ask({"id": 1, "a": a, "b": b})[0]


def rules(found: dict[str, Any]) -> list[str]:
    return [step["rule"] for step in found["evidence"]]


def test_the_answer_has_an_id_a_score_and_the_steps_to_it() -> None:
    (found,) = ask({
        "id": {"any": [1]},
        "a": {"name": "AL WERFALLI MUKHTAR SALIM", "birth_date": "1971-09-03", "sex": "M", "nationality": "UTO"},
        "b": {"name": "Mokhtar Salem al-Werfalli", "birth_date": "1971-03-09", "sex": "M", "nationality": "D"},
    })  # fmt: skip
    assert set(found) == {"id", "score", "evidence"}
    assert found["id"] == {"any": [1]}
    assert found["score"] > 0.9
    assert all(set(step) == STEP for step in found["evidence"])
    assert rules(found)[-2:] == ["birth day and month swapped", "nationality differs"]


@pytest.mark.parametrize(
    ("fields", "listed"),
    [
        ({"birth_date": "1974-08-12", "sex": "F", "nationality": "UTO"}, "1974-08-12"),
        ({"birth_date": "1974", "sex": "M", "nationality": "D"}, "1974-08-12"),
        ({"birth_date": "1974-08-13"}, "1974-08-12"),
        ({"nationality": "UTO"}, "1970/1975"),
        ({}, "1974"),
    ],
)
def test_the_score_and_the_qualifiers_are_those_of_screening(fields: dict[str, str], listed: str) -> None:
    birth = DateInterval.parse(listed)
    assert birth is not None
    person = PersonEntry(
        reference="N-1", names=(EntryName("Anna Maria Eriksson", "primary"),), births=(birth,), sex="F",
        nationalities=("UTO",),
    )  # fmt: skip
    lists = (memory_list("national", persons=[person]),)
    asked = Query.of_fields({"surname": "ERIKSON", "given_names": "ANNA MARIA", **fields})
    reasons = Screener().screen(asked, lists, TRUSTED).reasons
    found = pair({"name": "ERIKSON ANNA MARIA", **fields},
                 {"name": "Anna Maria Eriksson", "birth_date": listed, "sex": "F", "nationality": "UTO"})
    assert reasons
    assert found["score"] == reasons[0].score
    steps = [step for step in reasons[0].evidence if step.rule != NAMESAKES]  # of a list, and a pair has none
    assert rules(found) == [step.rule for step in steps]
    points = [round(step["points"], 4) for step in found["evidence"]]
    assert points == [round(step.points, 4) for step in steps]


def test_any_script_and_a_raw_name_field() -> None:
    arabic, zone, padded = ask(
        {"a": {"name": "مختار سالم الورفلي"}, "b": {"name": "Mukhtar Salim al-Werfalli"}},
        {"a": {"name": "ERIKSSON<<ANNA<MARIA<CHRISTINA"}, "b": {"name": "Eriksson Anna Maria Christina Elisabeth"}},
        {"a": {"name": "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"}, "b": {"name": "Eriksson Anna Maria Christina Elisabeth"}},
    )
    assert arabic["score"] > 0.85
    assert "cut away" in rules(zone)
    assert "unmatched" in rules(padded)
    assert zone["score"] > padded["score"]


@pytest.mark.parametrize(
    ("name", "cut"),
    [
        ("A" * 10 + "<<" + "B" * 18, True), ("A" * 10 + "<<" + "B" * 19, True), ("A" * 10 + "<<" + "B" * 27, True),
        ("A" * 10 + "<<" + "B" * 20, False),          # 32 characters: no name field
        ("A" * 10 + "<<" + "B" * 17 + "<", True),      # cut behind a component
        ("A" * 10 + "<<" + "B" * 16 + "<<", False),    # room was left
        ("A" * 28 + "<<", True),                       # cut behind the primary identifier
        ("A" * 30, False),                             # no field: nothing parts it
    ],
)  # fmt: skip
def test_where_a_name_field_may_be_cut(name: str, cut: bool) -> None:
    assert may_be_cut(name) is cut


def test_what_screening_would_not_take_scores_nothing_and_says_why() -> None:
    little, common, single = ask(
        {"a": {"name": "LINDGREN SVEN"}, "b": {"name": "Okonkwo Sven"}},
        {"a": {"name": "HASSAN ALI MANSOURI"}, "b": {"name": "Hassan"}},
        {"a": {"name": "WERFALLI MUKHTAR"}, "b": {"name": "Werfalli"}},
    )
    assert (little["score"], rules(little)) == (0.0, [TOO_LITTLE])
    assert (common["score"], rules(common)[-1]) == (0.0, ONE_COMMON)
    assert (rules(single)[-1], single["score"]) == (ONE_TOKEN, 0.77)


def test_a_record_of_one_token_is_worth_less_to_a_traveller_with_other_names() -> None:
    whole = explain_pair(Person.of_fields({"name": "Zubeyri"}), Person.of_fields({"name": "Zubeyri"}))
    part = explain_pair(Person.of_fields({"name": "Zubeyri Haddad Omran"}), Person.of_fields({"name": "Zubeyri"}))
    assert (whole.score, part.score) == (0.97, 0.77)
    assert part.evidence[-1].rule == ONE_TOKEN
    assert part.evidence[-1].points == -0.2


def test_a_record_may_have_several_dates_and_states() -> None:
    found = pair({"name": "ERIKSSON ANNA", "birth_date": "1975-01-01", "nationality": "Germany"},
                 {"name": "Eriksson Anna", "birth_date": ["1974", "1975-01-01"], "nationality": ["UTO", "D"]})
    assert rules(found)[-2:] == ["birth date equal", "nationality equal"]
    assert "error" not in found


def test_codes_of_two_letters_contradict_none_of_three() -> None:
    other, same, differs = ask(*(
        {"a": {"name": "ERIKSSON ANNA", "nationality": a}, "b": {"name": "Eriksson Anna", "nationality": b}}
        for a, b in (("SE", "SWE"), ("SE", "se"), ("SE", "NO"))
    ))
    assert [rules(f)[2:] for f in (other, same, differs)] == [[], ["nationality equal"], ["nationality differs"]]


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"a": {"name": "A", "birthdate": "1974"}, "b": {"name": "A"}}, "a has unknown keys birthdate"),
        ({"a": {"name": "A"}, "b": {"name": "A"}, "c": 1}, "unknown keys: c"),
        ({"a": {"name": "A", "birth_date": "1974-13-01"}, "b": {"name": "A"}}, "a.birth_date"),
        ({"a": {"name": "A", "birth_date": 1974}, "b": {"name": "A"}}, "a.birth_date"),
        ({"a": {"name": "A"}, "b": {"name": "A", "sex": "?"}}, "b.sex"),
        ({"a": {"name": "A"}, "b": {"name": "A", "nationality": "no such land"}}, "b.nationality"),
        ({"a": {"name": 7}, "b": {"name": "A"}}, "a.name"),
        ({"a": {"name": "A"}, "b": []}, "b is no object"),
        ({"a": {"name": "A"}}, "b is no object"),
        ({"a": {"name": " "}, "b": {"name": "A"}}, "a.name is empty"),
    ],
)
def test_what_was_not_understood_is_named_and_the_rest_is_scored(request_: dict[str, Any], named: str) -> None:
    (found,) = ask(request_)
    assert named in found["error"]
    assert {"id", "score", "evidence"} <= set(found)


def test_null_is_as_absent() -> None:
    found = pair({"name": "ERIKSSON ANNA", "birth_date": None, "x": None}, {"name": "Eriksson Anna", "sex": None})
    assert set(found) == {"id", "score", "evidence"}


@pytest.mark.parametrize(
    "raw",
    [b"garbage\n", b"[1]\n", b'"x"\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b"x" * (MAX_LINE + 9) + b"\n", b"{}{}\n"],
)
def test_a_bad_line_is_answered_and_the_next_one_too(raw: bytes) -> None:
    after = b'{"id": 2, "a": {"name": "ERIKSSON ANNA"}, "b": {"name": "Eriksson Anna"}}\n'
    result = run("--jsonl", stdin=raw + after)
    bad, good = (json.loads(line) for line in result.stdout.splitlines())
    assert (bad["score"], bad["evidence"], bool(bad["error"])) == (0.0, [], True)
    assert (good["id"], good["score"] > 0.9) == (2, True)


def test_an_id_comes_back_byte_for_byte() -> None:
    result = run("--jsonl", stdin='{"id": 1.50e1, "a": {"name": "X"}, "b": {"name": "Y"}}\n')
    assert '"id":1.50e1,' in result.stdout


_VALUES = st.one_of(st.none(), st.text(max_size=60), st.integers(), st.lists(st.text(max_size=12), max_size=3))
_SIDES = st.dictionaries(st.sampled_from(["name", "birth_date", "sex", "nationality", "other"]), _VALUES)


@settings(max_examples=150, deadline=None)
@given(_SIDES, _SIDES)
def test_no_value_raises_and_every_score_is_a_share(a: dict[str, Any], b: dict[str, Any]) -> None:
    found = explain_pair(Person.of_fields(a), Person.of_fields(b, record=True))
    assert 0.0 <= found.score <= 1.0
    assert found.evidence or found.score > 0


def test_a_name_of_many_words_is_bounded() -> None:
    person = Person.of_fields({"name": "AB " * 5000})
    assert len(person.name) <= 300
    assert len(person.name.split()) == 32


@pytest.mark.parametrize(("language", "word"), [("en", "same sound"), ("fr", "même son"), ("ar", "اللفظ نفسه")])
def test_a_person_reads_the_reasons_in_the_own_language(language: str, word: str) -> None:
    result = run("ERIKSSON ANNA", "Erikson Anna", "--birth-dates", "1974-08-12", "1974", "--lang", language)
    assert result.exit_code == 0
    assert word in result.stdout


@pytest.mark.parametrize("arguments", [(), ("A",), ("A", "B", "C"), ("--jsonl", "A", "B")])
def test_wrong_usage_is_said(arguments: tuple[str, ...]) -> None:
    assert run(*arguments, stdin="").exit_code == 2
