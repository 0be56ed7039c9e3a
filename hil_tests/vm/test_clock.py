"""A board whose clock is in 1970 when the mains come back: nothing expires, nothing is called fresh, and headquarters'
signed word is the time again.

systemd puts a clock that lies before its own making to that day (systemd(1), "clock epoch"): years before the floor
that the box has kept, and so no time at all (edge.clock, law 4).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hil_tests.bench import steps
from hil_tests.bench.target import DAEMON
from hil_tests.vm.stages import READER, SERIAL, Bench

pytestmark = pytest.mark.needs("mains", "emulated clock")
EPOCH = "1970-01-01T00:00:00"
LINK_S = 240.0


def clock(bench: Bench) -> str:
    """What the box thinks of its time: signed, held, system or untrusted."""
    now: dict[str, Any] = steps.status(bench.target)
    return str(now.get("clock", {}).get("state", ""))


def test_a_box_that_wakes_up_in_1970_screens_on_and_has_its_time_back_from_headquarters(
    post: Bench, figure: Callable[[str, object], None]
) -> None:
    lab, box = post.lab, post.target
    reader = lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    box.run("sync")
    lab.cut_power()
    box.rtc = EPOCH
    begun = lab.power_on()
    lab.link(up=False)
    officer = lab.watch_verdicts()
    box.until(lambda: box.show(DAEMON, "SubState") == "running", 60, every_s=0.5)
    woke = datetime.fromtimestamp(int(box.run("date", "+%s")), UTC)
    (at_boot,) = box.pipe("dmesg | grep -o 'setting system clock to 1970-[^ ]*' | head -1").decode().splitlines()
    assert woke < datetime.now(UTC) - timedelta(days=1), f"{woke}: no clock that is wrong"
    assert clock(post) == "untrusted"

    steps.reader_ready(box, READER.name)
    reader.present(steps.zone("K00000001"))
    (first,) = officer.wait(1, 60)
    assert (first["outcome"], first["recorded"]) == ("INCOMPLETE", True), first
    assert "time_untrusted" in json.dumps(first.message), first
    reader.present(steps.zone(steps.STOLEN))
    assert officer.wait(2, 60)[1]["outcome"] == "HIT", "a list whose age nobody knows still has the stolen passport"
    assert post.hq.rows(kind="passage") == []

    lab.link(up=True)
    box.until(lambda: clock(post) == "signed", LINK_S / box.slow, every_s=1.0)
    post.hq.wait_rows(2, LINK_S)
    reader.present(steps.zone("K00000002"))
    third = officer.wait(3, 60)[2]
    assert third["outcome"] == "CLEAR", third
    post.hq.wait_rows(3, LINK_S)
    assert post.hq.passages() == dict.fromkeys((one.passage for one in officer.verdicts()), 1)
    figure("power on in 1970", f"kernel: {at_boot}; systemd: {woke:%Y-%m-%d}; the agent after {begun:.0f} s; "
           "INCOMPLETE and HIT without a time, CLEAR once headquarters has told it")
