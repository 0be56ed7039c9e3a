"""The one story, from power on to power on: a blank box, two sticks, a stolen passport, a finger, a pulled plug."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil_tests.bench import gallery, steps
from hil_tests.bench.target import DAEMON
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
    assert (shown["shown"], shown["recorded"]) == ("HIT", True), shown
    (row,) = hq.wait_rows(1, LINK_S)
    assert (row.shown, row.device, row.passage) == ("HIT", steps.DEVICE, shown.passage)
    say("a finger of a wanted person")
    scanner = lab.plug_scanner()
    taken = lab.take_finger(scanner, shown.passage, seed=gallery.WANTED, impression=1)
    figure("what the finger came to", taken)
    hq.wait_rows(1, LINK_S, kind="finger")
    say("the plug is pulled in mid-scan")
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
