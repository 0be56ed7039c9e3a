"""The short run of the killing harness; the long one (200 rounds) stands in docs/reliability.md."""

from __future__ import annotations

from pathlib import Path

import broker
import pytest
from system.reliability import soak


@pytest.mark.broker
@pytest.mark.timeout(240)
def test_nothing_acknowledged_is_lost_or_doubled_when_anything_is_killed(tmp_path: Path) -> None:
    broker.program()
    found = soak(rounds=6, passages=60, seed=11, say=lambda _line: None, folder=tmp_path)
    assert found.rounds == 6
    assert found.acknowledged >= 36  # a killed box acknowledges nothing meanwhile
    assert found.missing == 0
    assert found.twice == 0
    assert found.at_headquarters >= found.acknowledged
    assert found.refilled_after_restore > 0
    assert found.missing_after_restore == 0
    assert found.wire_bytes > 100_000
    assert found.in_clear == []
