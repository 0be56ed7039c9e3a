"""Small durable values only rise, and survive."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.state import MAX_VALUE, State, StateError, known_galleries

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_values_survive_a_restart(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    assert (state.floor(), state.high_water(), state.get("x")) == (None, {}, None)
    state.raise_floor(T0)
    state.raise_high_water("un-consolidated", 12)
    state.put("x", "y")
    state.close()
    state = State(tmp_path / "state.db")
    assert (state.floor(), state.high_water(), state.get("x")) == (T0, {"un-consolidated": 12}, "y")
    assert not stat.S_IMODE((tmp_path / "state.db").stat().st_mode) & 0o077
    state.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(1, 50), st.integers(-12, 12)), min_size=1, max_size=6)
)
def test_floor_and_marks_only_rise_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, int]]
) -> None:
    state = State(tmp_path_factory.mktemp("s") / "state.db")
    for seconds, generation, zone in steps:
        state.raise_floor((T0 + timedelta(seconds=seconds)).astimezone(timezone(timedelta(hours=zone))))
        state.raise_high_water("a", generation)
    assert state.floor() == T0 + timedelta(seconds=max(s for s, _, _ in steps))
    assert state.high_water() == {"a": max(g for _, g, _ in steps)}
    state.close()


def test_a_damaged_file_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for number in (1, 2):
        path.write_bytes(b"this is no database\n" * 300)
        state = State(path)
        assert state.set_aside == f"state.corrupt-{number}"
        state.raise_floor(T0)
        state.close()
    assert len(list(tmp_path.glob("state.corrupt-*"))) == 2


def test_what_is_not_allowed_says_what_to_do(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    for name, value in (("floor", "2100-01-01"), ("x", "y" * (MAX_VALUE + 1))):
        with pytest.raises(StateError) as caught:
            state.put(name, value)
        assert caught.value.advice
    state.close()
    with pytest.raises(StateError):
        state.floor()
    with pytest.raises(StateError):
        State(tmp_path / "missing" / "state.db")


def test_what_a_list_is_survives_its_files(tmp_path: Path) -> None:
    state = State(tmp_path / "state.db")
    assert (state.galleries(), known_galleries(tmp_path / "none.db")) == (frozenset(), frozenset())
    for list_id, gallery in (("wanted", True), ("un", False), ("was", True), ("was", False)):
        state.note_kind(list_id, gallery=gallery)
    state.close()
    state = State(tmp_path / "state.db")
    assert state.galleries() == known_galleries(tmp_path / "state.db") == {"wanted"}
    state.close()
