"""What the log and headquarters hear of a reader: each loss once, another device at its port once."""

from __future__ import annotations

from collections.abc import Callable

from keeper_kit import GONE, READ, Rig

from edge.lifecycle import ALARM_AFTER_S, HEAL_MIN_S, STEADY_S, ReaderState
from edge.reader_news import UNSTEADY


def test_a_loss_that_lasts_a_minute_is_alarmed_once() -> None:
    rig = Rig()
    rig.device.plugged = False
    assert rig.run(ALARM_AFTER_S - 5) == ["reader_lost"]
    assert rig.alarms == []
    rig.run(600)
    assert rig.alarms == [("reader_lost", "swipe-1")]


def test_a_plug_that_wobbles_is_one_loss_until_it_stays() -> None:
    rig = Rig()
    rig.device.plugged = True
    events = rig.run(2)
    for _ in range(100):  # every other second, for minutes
        rig.device.plugged = False
        rig.device.reads = [GONE]
        events += rig.run(1.5)
        rig.device.plugged = True
        events += rig.run(1.5)
    assert events == ["reader_ready", "reader_lost"]
    assert rig.alarms == [("reader_lost", "swipe-1")]
    assert rig.keeper.losses >= 99
    ready, absent = ReaderState.READY, ReaderState.ABSENT
    assert rig.announced == [ready, absent, ready, UNSTEADY]  # a verdict must not scroll away
    assert rig.run(HEAL_MIN_S + 1) == ["reader_ready"]
    assert rig.announced[4:] == [ready]


def test_a_wobbling_plug_that_stays_out_is_shown_as_out() -> None:
    rig = Rig()
    rig.device.plugged = True
    rig.run(2)
    for plugged in (False, True, False):
        rig.device.plugged = plugged
        rig.device.reads = [] if plugged else [GONE]
        rig.run(1.5)
    assert rig.announced[-1] == UNSTEADY
    rig.run(STEADY_S)
    assert rig.announced[-2:] == [UNSTEADY, ReaderState.ABSENT]


def test_a_device_that_dies_right_after_each_opening_is_told_once_in_eight_hours() -> None:
    rig = Rig(reads=[GONE] * 10_000)
    assert rig.run(8 * 3600) == ["reader_ready", "reader_lost"]
    assert rig.alarms == [("reader_lost", "swipe-1")]
    assert rig.keeper.losses > 400


def test_another_device_at_the_port_is_alarmed_once_and_read_all_the_same() -> None:
    rig = Rig(reads=[READ, GONE], differs=lambda _own: "serial number 2 is plugged in where 1 was set up")
    rig.device.plugged = True
    assert rig.run(30).count("reader_swapped") == 1
    assert rig.keeper.opens == 2
    assert rig.alarms == [("reader_swapped", "swipe-1")]
    assert rig.delivered == [READ]
    assert rig.keeper.health()["swapped"] == "serial number 2 is plugged in where 1 was set up"


def test_a_serial_number_that_the_device_tells_later_is_compared_then() -> None:
    rig = Rig(differs=lambda own: f"it says {own}" if own == "B" else "")

    def says(serial: str) -> Callable[[], None]:
        def step() -> None:
            rig.device.serial = serial
        return step

    rig.device.reads = [None, says("B"), None, None]
    assert rig.run(10) == ["reader_ready", "reader_swapped"]
    # plugged in again, it has told nothing yet: no news; then it says the same: no news either
    def pulled() -> None:
        rig.device.serial = ""
        raise GONE

    rig.device.reads = [pulled, None, says("B"), None]
    assert "reader_swapped" not in rig.run(10)
    # the right one, and then the wrong one once more: that is news
    rig.device.reads = [says("A"), says("B"), None]
    assert rig.run(10).count("reader_swapped") == 1
    assert rig.alarms == [("reader_swapped", "swipe-1")] * 2


def test_the_second_identical_swap_is_told_too_where_devices_tell_no_serial_number() -> None:
    stands = ["B is plugged in where A was set up", "", "B is plugged in where A was set up"]
    rig = Rig(differs=lambda _own: stands[0])
    events = rig.run(5)
    for _ in range(2):
        del stands[0]
        rig.device.reads = [GONE]
        events += rig.run(3)
    assert events.count("reader_swapped") == 2
    assert rig.alarms == [("reader_swapped", "swipe-1")] * 2


def test_an_instant_in_which_nobody_can_tell_makes_no_second_alarm() -> None:
    said: list[str | None] = ["B is plugged in where A was set up", None]
    rig = Rig(differs=lambda _own: said[0])
    for _ in range(4):  # a plug that wobbles
        rig.run(3)
        said.reverse()
        rig.device.reads = [GONE]
    assert rig.alarms == [("reader_swapped", "swipe-1")]


def test_what_udev_did_not_know_at_the_opening_is_asked_once_more() -> None:
    known: list[str | None] = [None]
    rig = Rig(differs=lambda _own: known[0])
    rig.run(1)
    known[0] = "B is plugged in where A was set up"
    assert rig.run(STEADY_S) == ["reader_swapped"]
    assert rig.keeper.health()["swapped"] == known[0]
