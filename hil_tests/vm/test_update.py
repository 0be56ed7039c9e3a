"""New versions of the software, as a technician brings them: a bad one gives way, a good one outlives power cuts."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from hil_tests.bench import steps, traffic, versions
from hil_tests.bench.target import DAEMON, Target
from hil_tests.vm.plugged import VmReader
from hil_tests.vm.stages import READER, SERIAL, Bench

Say = Callable[[str], None]
Figure = Callable[[str, object], None]
UPDATE = "borderpost-update.service"
LOOK_S = 600.0  # of this computer: verify, unpack and try a version
RETURN_S = 60.0  # of a box of metal: three starts that fail, and one that does not
SETTLED_S = 60.0  # edge.software.trial: so long a version must have been up
BAD, GOOD = "0.2.0", "0.3.0"
VERSIONS = "/opt/borderpost/versions"
pytestmark = pytest.mark.needs("reader", "stick", "verdicts")


def _current(box: Target) -> str:
    return box.run("readlink", "/opt/borderpost/current").strip().rpartition("/")[2]


def _events(box: Target, unit: str = UPDATE) -> list[str]:
    return [entry["BORDERPOST_EVENT"] for entry in box.log(unit) if "BORDERPOST_EVENT" in entry]


def _outcome(box: Target) -> dict[str, Any]:
    """What came of the last trial; empty while there was none."""
    text = box.run("cat", "/opt/borderpost/outcome.json", check=False)
    found: dict[str, Any] = json.loads(text) if text else {}
    return found


def _look(box: Target) -> None:
    """What borderpost-update.timer starts once a minute, now."""
    box.run("systemctl", "start", UPDATE, limit_s=LOOK_S)


def _brought(post: Bench, version: str, *, mistake: bool) -> None:
    """A stick with that version and a list, taken by the box."""
    archive = versions.packed(post.target.image.package, post.folder, version, mistake=mistake)
    stick = versions.publish(post.country, archive, post.folder / f"stick-{version}")
    visit = steps.visit(post.lab, stick, post.folder / f"taken-{version}", limit_s=4 * steps.VISIT_S)
    assert visit.parts == {"lists": "BP-104"}, visit.result
    assert "software 1" in str(visit.result["parts"]), visit.result


def _counter(post: Bench) -> VmReader:
    post.lab.watch_verdicts()
    reader = post.lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(post.target, READER.name)
    return reader


def _serves(post: Bench, reader: VmReader, numbers: list[str]) -> None:
    """Documents are read and recorded, and headquarters has all that ever was."""
    traffic.running(post.target)
    post.lab.watch_verdicts()
    steps.reader_ready(post.target, READER.name)
    traffic.served(post.target, post.hq, reader, post.lab.officer, numbers)


def test_a_signed_version_that_does_not_start_gives_way_to_the_one_before(
    post: Bench, figure: Figure, say: Say
) -> None:
    box, hq = post.target, post.hq
    before = _current(box)
    reader = _counter(post)
    traffic.scanned(box, reader, post.lab.officer, ["U0000001", "U0000002"])
    say("a stick with a signed version whose daemon does not start")
    _brought(post, BAD, mistake=True)
    say("it is verified, unpacked, tried, and put in place")
    _look(box)
    assert "software_on_trial" in _events(box), box.log(UPDATE)[-5:]

    def returned() -> bool:
        """the version before is back"""
        return bool(_outcome(box).get("outcome") == "returned" and _current(box) == before)

    took = box.until(returned, RETURN_S, every_s=0.5)
    assert (_outcome(box)["version"], _outcome(box)["reason"]) == (BAD, "3 starts failed")
    assert "a mistake of this version" in box.run("journalctl", "-b", "-o", "cat", "--no-pager", "-u", DAEMON)
    say("the version before serves again; headquarters hears of it")
    _serves(post, reader, ["U0000003", "U0000004"])
    box.until(lambda: BAD in traffic.alarms(hq).get("software_returned", ""), traffic.HEARD_S, every_s=0.5)
    _look(box)
    assert _events(box).count("software_on_trial") == 1, "the bad version was taken again"
    assert (_current(box), _events(box).count("software_returned")) == (before, 1)
    assert BAD not in box.run("ls", VERSIONS).split()
    assert steps.facts(box)["software"] == before
    figure("a bad version", f"back to the one before {took:.0f} s after it was put in place, by itself, emulated")


@pytest.mark.long
@pytest.mark.needs("mains", "emulated moment")
def test_power_cuts_in_the_middle_of_an_update_cost_nothing(post: Bench, figure: Figure, say: Say) -> None:
    lab, box = post.lab, post.target
    reader = _counter(post)
    traffic.scanned(box, reader, lab.officer, ["U0000011", "U0000012"])
    before = _current(box)
    say("a stick with a good version; the power goes while it is unpacked")
    _brought(post, GOOD, mistake=False)
    box.run("systemctl", "start", "--no-block", UPDATE)

    def unpacking() -> bool:
        """it is being unpacked"""
        return GOOD in box.run("ls", VERSIONS)

    box.until(unpacking, RETURN_S, every_s=0.05)
    lab.cut_power()
    lab.power_on()
    assert _current(box) == before
    _serves(post, reader, ["U0000013"])
    say("mains again: it is put in place; the power goes while it starts")
    _look(box)
    assert _current(box) == GOOD, box.log(UPDATE)[-5:]
    lab.cut_power()
    lab.power_on()
    _serves(post, reader, ["U0000014"])
    assert _current(box) == GOOD, "a power cut took a good version away"
    say(f"its trial ends when it has been up for {SETTLED_S:.0f} s")

    def kept() -> bool:
        """its trial ended well"""
        return bool(_outcome(box).get("outcome") == "kept")

    box.until(kept, 2 * SETTLED_S, every_s=2.0)
    assert steps.facts(box)["software"] == GOOD
    _serves(post, reader, ["U0000015"])
    figure("power cuts in the middle of an update", "2: while it was unpacked, while it started; taken all the same")
