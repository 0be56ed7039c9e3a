"""The catalogue of officers' texts: nothing that can be said to an officer is missing in a language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from edge.core.codes import OUTCOME_CODES
from edge.core.documents import NumberSource
from edge.core.keyed import record
from edge.core.mrz import findings
from edge.core.screening.qualifiers import Birth
from edge.core.texts import CATALOGUES, LANGUAGES, evidence_text, text
from edge.core.verdicts import CoverageState, Outcome, ReasonKind

CORE = Path(__file__).resolve().parents[3] / "edge" / "core"
MAKERS = {"Evidence": 2, "Likeness": 1}  # what carries a rule, and at which place
NOTICES = ("red", "blue", "green", "yellow", "black", "orange", "purple", "silver", "un", "diffusion", "national")
CATEGORIES = tuple(category for category in record.CATEGORIES if category)


def rules() -> set[str]:
    """Every rule that the core's source can put into an evidence; of an f-string its fixed beginning."""
    found: set[str] = {str(birth.value[0]) for birth in Birth}
    found |= {f"number {source.replace('_', '-')}" for source in NumberSource}
    for folder in ("matching", "screening", "names"):
        for path in sorted((CORE / folder).rglob("*.py")):
            found |= set(_of_file(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def _of_file(tree: ast.Module) -> Iterator[str]:
    words: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        assigned = isinstance(node, ast.Assign | ast.AnnAssign)
        target = getattr(node, "target", None) or (node.targets[0] if isinstance(node, ast.Assign) else None)
        if assigned and isinstance(target, ast.Name) and node.value is not None:
            words.setdefault(target.id, []).append(node.value)
    for node in ast.walk(tree):
        name = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        if isinstance(node, ast.Call) and name in MAKERS:
            named = [k.value for k in node.keywords if k.arg == "rule"]
            given = named or node.args[MAKERS[name] : MAKERS[name] + 1]
            for expression in given:
                yield from _texts(expression, words)


def _texts(expression: ast.expr, words: dict[str, list[ast.expr]], depth: int = 0) -> Iterator[str]:
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        if expression.value:
            yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from _texts(expression.body, words, depth)
        yield from _texts(expression.orelse, words, depth)
    elif isinstance(expression, ast.JoinedStr):
        first = expression.values[0]
        if isinstance(first, ast.Constant) and first.value != "number ":  # those are in NumberSource
            yield f"{first.value}2"
    elif isinstance(expression, ast.Name) and depth < 3:
        for value in words.get(expression.id, ()):
            yield from _texts(value, words, depth + 1)


def test_the_rules_are_found_in_the_source() -> None:
    found = rules()
    assert {"exact", "skeleton", "edit 2", "prefix", "unmatched", "cut away", "sex differs", "birth date equal",
            "nationality equal", "low-quality alias", "number look-alike", "issuing State equal"} <= found


def said_by_the_views() -> set[str]:
    """Every ``say.`` text that a program of the box names."""
    paths = [path for path in sorted(CORE.parent.rglob("*.py")) if "texts" not in path.parts]
    return {key for path in paths for key in re.findall(r"[\"'](say\.[a-z_]+)[\"']", path.read_text(encoding="utf-8"))}


def test_the_texts_of_the_views_are_found_in_the_source() -> None:
    assert {"say.list_old", "say.list_erased", "say.time_unsure", "say.days", "say.age_unknown"} <= said_by_the_views()


def missing(words: set[str], language: str) -> list[str]:
    return sorted(word for word in words if word not in CATALOGUES[language])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_is_missing(language: str) -> None:
    wanted = {f"rule.{re.sub(r' [0-9]+$', '', rule)}" for rule in rules()}
    wanted |= {f"{group}.{outcome}" for outcome in Outcome for group in ("outcome", "next")}
    wanted |= {f"kind.{kind}" for kind in ReasonKind} | {f"coverage.{state}" for state in CoverageState}
    wanted |= {f"category.{word}" for word in (*CATEGORIES, *NOTICES)} | {f"code.{code}" for code in OUTCOME_CODES}
    wanted |= {f"finding.{code}" for code in findings.TABLE}
    wanted |= said_by_the_views()
    for catalogue in CATALOGUES.values():
        wanted |= set(catalogue)
    assert missing(wanted, language) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_the_same_places_and_says_something(language: str) -> None:
    for key, told in CATALOGUES[language].items():
        places = {name for _, name, _, _ in Formatter().parse(told) if name}
        english = {name for _, name, _, _ in Formatter().parse(CATALOGUES["en"][key]) if name}
        assert places == english, key
        assert told.strip() == told, key
        assert bool(told) == bool(CATALOGUES["en"][key]), key


def test_a_language_is_written_in_its_own_letters() -> None:
    arabic = [key for key, told in CATALOGUES["ar"].items() if told and not re.search("[\u0600-\u06ff]", told)]
    french = [k for k, told in CATALOGUES["fr"].items() if told == CATALOGUES["en"][k] and told]
    assert arabic == []
    assert set(french) <= {"kind.document", "category.diffusion"}


def test_the_english_findings_are_the_parsers_own_words() -> None:
    for code, (_severity, _field, message) in findings.TABLE.items():
        assert text("en", f"finding.{code}") == message
    for code, said in OUTCOME_CODES.items():
        assert text("en", f"code.{code}") == said


def test_no_text_prejudges() -> None:
    words = re.compile("arrest|guilty|criminal|coupable|arrêt|criminel|مجرم|مذنب|اعتقال", re.IGNORECASE)
    assert [(lang, key) for lang, told in CATALOGUES.items() for key, t in told.items() if words.search(t)] == []


def test_rules_with_a_number_and_unknown_words() -> None:
    assert evidence_text("en", "edit 2") == "2 letters differ"
    assert "3" in evidence_text("ar", "edit 3")
    assert evidence_text("fr", "some new rule") == "some new rule"
    assert evidence_text("xx", "exact") == "same word"
    assert text("fr", "say.reader", name="a{b}", state="ready") == "lecteur a{b} : ready"
