"""A short slice of the soak of ``plugging.py``: the long run's figures stand in docs/reliability.md."""

from __future__ import annotations

import pytest
import structlog
from system.plugging import soak, text
from system.plugging_hand import FOUR
from system.plugging_tally import Tally

SECONDS = 20.0


def test_nothing_is_lost_and_nothing_leaks_while_readers_are_plugged_unplugged_and_disturbed() -> None:
    before = structlog.get_config()
    try:
        found = soak(SECONDS, 11, FOUR, lambda _line: None, every_s=0.5)
    finally:
        structlog.configure(**before)
    assert found.broken == [], text(found)
    totals = Tally()
    for tally in found.readers.values():
        totals.documents += tally.documents
        totals.plugs += tally.plugs
        totals.noise_bytes += tally.noise_bytes
    assert totals.documents >= 20
    assert totals.plugs >= 4
    assert totals.noise_bytes > 0
    assert found.samples >= 10


@pytest.mark.parametrize("field", ["lost", "doubled", "foreign", "not_open"])
def test_the_run_fails_on_what_it_is_there_to_find(field: str) -> None:
    found = soak(1.0, 1, ["text"], lambda _line: None, every_s=0.5)
    found.readers["text"].documents = 1
    assert found.broken == []
    setattr(found.readers["text"], field, 1)
    assert len(found.broken) == 1
