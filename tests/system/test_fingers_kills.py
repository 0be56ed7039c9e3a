"""The short run of the harness that kills a box under fingers."""

from __future__ import annotations

from pathlib import Path

import broker
import pytest
from system import finger_kills


@pytest.mark.broker
@pytest.mark.timeout(240)
def test_no_finger_that_was_shown_as_recorded_is_lost_when_the_box_is_killed(tmp_path: Path) -> None:
    broker.program()
    found = finger_kills.run(rounds=8, seed=5, folder=tmp_path)
    assert found.rounds == 8
    assert found.killed_before_result  # else the kills came too late
    assert found.killed_after_result  # else too early
    assert found.acknowledged == found.killed_after_result + 2  # of the measurement
    assert (found.missing, found.twice, found.contradictions, found.orphans) == (0, 0, [], 0)
