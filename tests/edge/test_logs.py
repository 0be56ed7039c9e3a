"""What may stand in a log line, and that every line of the box keeps to it."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from edge import logs
from edge.config import LogConfig

EDGE = Path(logs.__file__).parent
PAGE = EDGE.parent / "docs" / "technician.md"
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
UNTOUCHED = structlog.get_config()  # at collection, before any test


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().err


def test_a_key_that_is_not_allowed_is_redacted(stderr: Callable[[], str]) -> None:
    logs.set_up(LogConfig(format="json"))
    structlog.get_logger("box").info("passage", counter="lane-1", surname="ERIKSSON", lines=["P<UTOERIKSSON"])
    text = stderr()
    line = json.loads(text)
    assert line["counter"] == "lane-1"
    assert line["surname"] == line["lines"] == "[not logged]"
    assert "ERIKSSON" not in text
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


@pytest.mark.parametrize(("level", "written"), [("warning", 1), ("info", 2), ("error", 0)])
def test_the_level_of_the_configuration_holds(stderr: Callable[[], str], level: str, written: int) -> None:
    logs.set_up(LogConfig(level=level, format="json"))  # type: ignore[arg-type]
    box = structlog.get_logger("box")
    box.info("a")
    box.warning("b")
    assert len(stderr().splitlines()) == written


def test_text_is_redacted_as_well(stderr: Callable[[], str]) -> None:
    logs.set_up(LogConfig(format="text"))
    structlog.get_logger("box").info("passage", surname="ERIKSSON")
    text = stderr()
    assert "[not logged]" in text
    assert "ERIKSSON" not in text


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=400) | st.integers(), max_size=6))
def test_only_allowed_keys_keep_their_value_and_none_grows_long(event: dict[str, object]) -> None:
    redacted = logs.redact(None, "info", dict(event))
    assert set(redacted) == set(event)
    for key, value in redacted.items():
        if key not in logs.ALLOWED:
            assert value == "[not logged]"
        elif isinstance(value, str):
            assert len(value) <= 301


def test_no_allowed_key_names_a_person_or_a_document() -> None:
    forbidden = {"name", "surname", "given_names", "number", "document", "lines", "raw", "birth_date", "line", "text"}
    assert not logs.ALLOWED & forbidden


def keys_logged(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "log"
        ):
            yield from ((node.lineno, word.arg or "**") for word in node.keywords)


def test_every_line_the_box_logs_carries_allowed_keys_only() -> None:
    found = [(path.name, line, key) for path in EDGE.rglob("*.py") for line, key in keys_logged(path)]
    found += [("talk.py", 0, key) for key in ("rc", "reason")]  # what the uplink's alarms hand to owner.py
    assert len(found) > 30
    strange = [entry for entry in found if entry[2] not in logs.ALLOWED]
    assert [(file, key) for file, _, key in strange] == [("owner.py", "**")]


@pytest.mark.parametrize("level", ["error", "warning"])
def test_what_one_test_sets_up_does_not_reach_the_next(level: str) -> None:
    assert structlog.get_config() == UNTOUCHED
    logs.set_up(LogConfig(level=level))  # type: ignore[arg-type]
    assert structlog.get_config() != UNTOUCHED


def test_levels_are_those_of_the_standard_library() -> None:
    assert all(hasattr(logging, level.upper()) for level in ("debug", "info", "warning", "error"))


def test_what_is_said_before_there_is_a_configuration_is_redacted_json_too(
    stderr: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edge.enrol import start
    from edge.verbs import run

    early = structlog.get_logger("early")

    def prepared(*_: object) -> None:
        early.error("identity_lost", path="identity.lost-1", surname="ERIKSSON")
        raise SystemExit(3)

    monkeypatch.setattr("edge.secret_memory.guard_process", lambda: None)
    monkeypatch.setattr(start, "prepared", prepared)
    words = ["--config", str(tmp_path / "none.toml"), "--state", str(tmp_path), "--runtime", str(tmp_path)]
    with pytest.raises(SystemExit):
        run.command.main(words, standalone_mode=False)
    line = json.loads(stderr())
    assert (line["event"], line["path"], line["surname"]) == ("identity_lost", "identity.lost-1", "[not logged]")
    logs.set_up(LogConfig(level="error"))
    early.warning("of less weight than the configuration wants")
    assert stderr() == "", "who logged before the configuration was there follows it"


def test_a_line_goes_where_standard_error_is_when_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = StringIO(), StringIO()
    monkeypatch.setattr("sys.stderr", first)
    logs.set_up(LogConfig())
    box = structlog.get_logger("box")
    box.info("a")
    monkeypatch.setattr("sys.stderr", second)
    told = first.getvalue()
    first.close()
    box.info("b")
    assert [json.loads(text)["event"] for text in (told, second.getvalue())] == ["a", "b"]


def test_every_key_that_the_page_names_of_an_event_is_one_that_is_written() -> None:
    events = PAGE.read_text("utf-8").partition("## 3. Log events")[2].partition("\n## ")[0]
    lists = re.findall(r"\((`[a-z_]+`(?:, `[a-z_]+`)*)\)", events)
    named = [key for words in lists for key in re.findall(r"[a-z_]+", words)]
    assert len(named) > 30
    assert [key for key in named if key not in logs.ALLOWED] == []
