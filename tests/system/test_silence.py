"""A silent hit and a CLEAR look alike at the counter and on the wire (ARCHITECTURE law 8)."""

from __future__ import annotations

import broker
import pytest
from system.silence import constant_part, distance, observe, p_value

PAIRS = 60
TELLABLE = 0.001  # a run on an honest box falls below this once in a thousand


@pytest.mark.broker
@pytest.mark.timeout(120)
def test_a_silent_hit_cannot_be_told_from_a_clear() -> None:
    broker.program()
    seen = observe(PAIRS, seed=5, records=10)
    clear, silent = seen[False], seen[True]
    assert len(clear.shown) == len(silent.shown) == PAIRS
    reference = constant_part(clear.shown[0])
    assert reference["outcome"] == "CLEAR"
    assert all(constant_part(m) == reference for m in [*clear.shown, *silent.shown])
    # Counters grow by a digit now and then; the rest of every message is one size on one topic.
    assert len({(topic, size - digits) for topic, size, digits in [*clear.wire, *silent.wire]}) == 1
    assert p_value(clear.counter_ms, silent.counter_ms) > TELLABLE
    assert p_value(clear.wire_ms, silent.wire_ms) > TELLABLE


def test_the_comparison_does_tell_two_different_times_apart() -> None:
    one = [30 + i % 7 * 0.1 for i in range(PAIRS)]
    slower = [x + 0.5 for x in one]
    assert distance(one, one) < 1e-9
    assert p_value(one, slower) < TELLABLE
