"""The uplink's table of states: whole, and without a way out that nobody thought of."""

from __future__ import annotations

import pytest

from edge.uplink.states import TRANSITIONS, Happening, State, after


def test_every_state_can_be_lost_and_stopped() -> None:
    for state in State:
        assert after(state, Happening.LOST) is State.BACKOFF
        assert after(state, Happening.STOP) is State.OFFLINE


def test_every_state_is_reached_and_every_happening_used() -> None:
    assert {to for row in TRANSITIONS.values() for to in row.values()} == set(State)
    assert {happening for row in TRANSITIONS.values() for happening in row} == set(Happening)


def test_sending_is_reached_only_through_a_sync() -> None:
    ways = {(state, h) for state, row in TRANSITIONS.items() for h, to in row.items() if to is State.SENDING}
    assert ways == {(State.SYNCING, Happening.SYNCED)}


@pytest.mark.parametrize("state", [State.OFFLINE, State.CONNECTING, State.SUBSCRIBING, State.BACKOFF])
def test_what_a_state_does_not_know_is_a_fault(state: State) -> None:
    with pytest.raises(KeyError):
        after(state, Happening.SYNCED)
