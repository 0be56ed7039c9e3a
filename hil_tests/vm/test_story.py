"""The one story, from power on to power on: a blank box, two sticks, a stolen passport, a finger, a pulled plug."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil_tests.bench import gallery, steps
from hil_tests.bench.target import DAEMON
from hil_tests.vm.guest import Guest
from hil_tests.vm.officer import Officer, Shown
from hil_tests.vm.stages import READER, SERIAL, Bench, Stages

LINK_S = 180.0  # a connection, TLS and all, on a slow guest
pytestmark = pytest.mark.needs("mains", "emulated scanner")
REST = [steps.zone(f"K{number:08d}") for number in range(1, 9)]


def test_a_blank_box_becomes_a_post_finds_a_stolen_passport_and_outlives_a_power_cut(
    stages: Stages, say: Callable[[str], None], figure: Callable[[str, object], None]
) -> None:
    moment = stages.post()  # power on, claim stick, code, envelope stick: each of them asserted there
    with stages.opened(moment, "story") as bench:
        _story(bench, say, figure)


def _story(bench: Bench, say: Callable[[str], None], figure: Callable[[str, object], None]) -> None:
    lab, hq, box = bench.lab, bench.hq, bench.target
    say("a reader is plugged in, and a stolen passport laid on it")
    officer = lab.watch_verdicts()
    reader = lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    reader.present(steps.zone(steps.STOLEN))
    (shown,) = officer.wait(1, 60)
    assert (shown["outcome"], shown["recorded"]) == ("HIT", True), shown
    (row,) = hq.wait_rows(1, LINK_S)
    assert (row.shown, row.device, row.passage) == ("HIT", steps.DEVICE, shown.passage)
    say("a finger of a wanted person")
    scanner = lab.plug_scanner()
    steps.fingers_ready(box)
    assert steps.ask(box, {"do": "finger", "passage": shown.passage}).get("ok")
    for number, seed in enumerate((gallery.WANTED, gallery.SECOND)):
        _until_said(box, officer, lambda one: one["step"] == "place", "finger", number)
        scanner.finger(seed, 1)
        (*_, told) = _until_said(box, officer, lambda one: True, "fingers", number)
        scanner.remove()
        assert [one["record"] for one in told["candidates"]] == ["W-1"], told.message
    hq.wait_rows(2, LINK_S, kind="fingers")
    say("the link is out, and the plug is pulled in mid-scan")
    lab.link(up=False)  # what headquarters has already could not be lost
    for zone in REST:
        reader.present(zone)
    officer.wait(4, 60)
    reader.present(steps.zone("LAST00001"), cut=40)
    lab.cut_power()
    seen = officer.passages()
    assert len(seen) >= 4
    say("mains again")
    up = lab.power_on()
    figure("power on to the agent, a post after a power cut", f"{up:.1f} s")
    box.until(lambda: box.show(DAEMON, "SubState") == "running", 60, every_s=0.5)
    box.until(lambda: set(hq.passages()) >= seen, 60, every_s=0.5)
    assert max(hq.passages().values()) == 1
    figure("passages shown before the story's power cut, all at headquarters", len(seen))


def _until_said(
    box: Guest, officer: Officer, wanted: Callable[[Shown], bool], kind: str, number: int
) -> list[Shown]:
    """Those messages to the officer, once there are more than ``number``."""

    def said() -> list[Shown]:
        return [one for one in officer.everything() if one.kind == kind and wanted(one)]

    box.until(lambda: len(said()) > number, 30)
    return said()
