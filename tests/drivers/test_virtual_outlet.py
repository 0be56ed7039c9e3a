"""What a virtual device still has to send, over a line that takes nothing for a while."""

from __future__ import annotations

import pytest

from drivers.virtual.outlet import STALL_S, Job, Outlet, pieces


@pytest.mark.parametrize(
    ("patience", "late", "whole"), [(STALL_S, 1.5, False), (STALL_S, 0.9, True), (20.0, 15.0, True)]
)
def test_the_rest_is_lost_when_the_host_is_later_than_the_device_is_patient(
    patience: float, late: float, whole: bool
) -> None:
    told: list[tuple[int, bool]] = []
    room = True
    outlet = Outlet(lambda data: len(data) if room else 0, patience)
    outlet.add(Job(pieces(bytes(16), 8), 0.0, lambda sent, all_of_it: told.append((sent, all_of_it))))
    outlet.pump(0.0)
    room = False
    outlet.pump(1.0)
    outlet.pump(1.0 + late)
    room = True
    outlet.pump(1.0 + late)
    assert told == [(16 if whole else 8, whole)]
