"""The chain names the first row that somebody touched."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import audit


def _chain(length: int) -> list[audit.AuditRow]:
    rows: list[audit.AuditRow] = []
    for number in range(1, length + 1):
        previous = rows[-1].hash if rows else audit.GENESIS
        rows.append(audit.link(previous, number, f"2026-03-01T12:00:{number:02}Z", "passage", {"seq": number}))
    return rows


def test_a_chain_verifies_and_so_does_none() -> None:
    rows = _chain(5)
    check = audit.verify(rows)
    assert check.sound
    assert (check.rows, check.head) == (5, rows[-1].hash)
    assert audit.verify([]) == audit.AuditCheck(0, audit.GENESIS, None, "")


@given(st.integers(0, 9), st.sampled_from(["at", "kind", "body", "body_hash", "previous", "hash", "number"]))
def test_any_change_is_found_at_its_row(place: int, field: str) -> None:
    rows = _chain(10)
    value: object = "0" * 64
    if field == "number":
        value = 99
    rows[place] = msgspec.structs.replace(rows[place], **{field: value})
    check = audit.verify(rows)
    if (place, field) == (0, "previous"):
        assert check.sound  # the first row's previous is GENESIS, which is that very value
    else:
        assert check.first_bad == place + 1


@given(st.integers(0, 9))
def test_a_missing_row_is_found(place: int) -> None:
    rows = _chain(10)
    del rows[place]
    assert audit.verify(rows).sound is (place == 9)  # a cut tail shows only against a head kept elsewhere


def _taken(redacted: int, removed: int) -> list[audit.AuditRow]:
    """Six rows and a statement of what retention took of them."""
    rows = _chain(6)
    base = rows[removed - 1].hash if removed else audit.GENESIS
    body = {"redacted": redacted, "removed": removed, "base": base}
    rows.append(audit.link(rows[-1].hash, 7, rows[-1].at, audit.RETENTION, body))
    return [msgspec.structs.replace(r, body=None) if r.number <= redacted else r for r in rows]


def test_retention_takes_bodies_and_the_chain_still_verifies() -> None:
    check = audit.verify(_taken(3, 0))
    assert (check.sound, check.redacted) == (True, 3)
    assert audit.verify(_taken(3, 0)[:6]).first_bad == 1  # without the statement


def test_a_chain_may_start_later_if_it_states_so() -> None:
    rows = _taken(3, 3)
    assert audit.verify(rows[3:], after=3, previous=rows[2].hash).sound
    assert audit.verify(rows[3:], after=3, previous=rows[1].hash).first_bad == 4
    assert audit.verify(rows[4:], after=4, previous=rows[3].hash).first_bad == 1
    assert audit.verify(rows[3:6], after=3, previous=rows[2].hash).first_bad == 1


def test_canonical_text_does_not_depend_on_order() -> None:
    assert audit.canonical({"b": 1, "a": "é"}) == audit.canonical({"a": "é", "b": 1}) == '{"a":"é","b":1}'


@pytest.mark.parametrize("number", [1, 2])
def test_rewriting_from_a_row_on_needs_all_rows_after_it(number: int) -> None:
    rows = _chain(3)
    previous = rows[number - 2].hash if number > 1 else audit.GENESIS
    rows[number - 1] = audit.link(previous, number, rows[number - 1].at, "passage", {"seq": 77})
    assert audit.verify(rows).first_bad == number + 1
