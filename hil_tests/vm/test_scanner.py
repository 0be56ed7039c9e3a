"""A fingerprint scanner that is pulled out in the midst of an image: the officer hears of it, the next finger counts.

Laws:
1. The cable goes when half of the image is on the wire (``pulled`` of drivers.virtual.uru4000_device), not at a time.
2. The daemon and its processes for fingers are the same ones afterwards: none was restarted to get well.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil_tests.bench import gallery, steps
from hil_tests.bench.target import DAEMON
from hil_tests.vm.officer import Shown
from hil_tests.vm.stages import READER, SERIAL, Bench

pytestmark = pytest.mark.needs("emulated scanner", "emulated moment")
FINGER_S = 60.0  # of metal: a finger from the glass to its candidates, and a process that has to load first


def heard(bench: Bench, kind: str, wanted: Callable[[Shown], bool], *, but: int = 0) -> list[Shown]:
    """Those messages to the officer, once there are more than ``but``."""

    def found() -> list[Shown]:
        return [one for one in bench.lab.officer.everything() if one.kind == kind and wanted(one)]

    def enough() -> bool:
        """the officer heard it"""
        return len(found()) > but

    try:
        bench.target.until(enough, FINGER_S)
    except AssertionError as error:
        error.add_note(f"{[one.message for one in bench.lab.officer.everything()[-6:]]}")
        raise
    return found()


def asked(bench: Bench, passage: str) -> None:
    """A finger is asked for, and the officer told to have it laid down."""
    before = len([one for one in bench.lab.officer.everything() if one.kind == "finger" and one["step"] == "place"])
    assert steps.ask(bench.target, {"do": "finger", "passage": passage}).get("ok")
    heard(bench, "finger", lambda one: one["step"] == "place", but=before)


def failed(one: Shown) -> bool:
    """Of a finger that could not be taken."""
    return bool(one["step"] == "failed")


def _scanners(bench: Bench) -> list[str]:
    """The states of the box's scanners; empty while it says nothing."""
    return [str(one["state"]) for one in steps.status(bench.target).get("scanners", [])]


def _processes(bench: Bench) -> tuple[int, ...]:
    """The daemon, and how often each of its processes for fingers was begun."""
    fingers = steps.status(bench.target)["fingers"]
    return (bench.target.pid(), *(int(fingers[name]["starts"]) for name in ("extract", "search")))


def test_pulled_in_the_midst_of_an_image_it_is_a_failed_try_and_the_next_finger_is_searched(
    post: Bench, say: Callable[[str], None], figure: Callable[[str, object], None]
) -> None:
    lab, box = post.lab, post.target
    officer = lab.watch_verdicts()
    reader = lab.plug_reader("text", serial=SERIAL)
    scanner = lab.plug_scanner()
    steps.reader_ready(box, READER.name)
    reader.present(steps.zone(steps.STOLEN))
    (shown,) = officer.wait(1, 60)
    steps.fingers_ready(box)
    processes = _processes(post)
    say("a finger, and the cable pulled when half of its image is on the wire")
    asked(post, shown.passage)
    scanner.fault(pulled=1)
    scanner.finger(gallery.STRANGER)
    (told,) = heard(post, "finger", failed)
    assert told["instruction"], told.message
    assert not scanner.plugged, "the cable was to be pulled in the midst of the image"
    scanner.remove()
    box.until(lambda: not lab.attached(scanner), 30)
    box.until(lambda: _scanners(post) not in ([], ["ready"]), 30)
    assert _processes(post) == processes, "law 2"
    assert box.show(DAEMON, "SubState") == "running"
    reader.present(steps.zone("K00000009"))
    assert officer.wait(2, 60)[1]["outcome"] == "CLEAR", "documents are screened while there is no scanner"

    say("plugged in again")
    lab.attach("scanner")
    back = box.until(lambda: _scanners(post) == ["ready"], 60)
    # The right index again, which was not taken, and then the left one.
    for number, (seed, records) in enumerate(((gallery.STRANGER, []), (gallery.SECOND, ["W-1"]))):
        asked(post, shown.passage)
        scanner.finger(seed, 1)
        (*_, candidates) = heard(post, "fingers", lambda one: bool(one["templates"]), but=number)
        scanner.remove()
        assert [one["record"] for one in candidates["candidates"]] == records, candidates.message
    assert _processes(post) == processes, "law 2"
    figure("a scanner pulled in the midst of an image", f"told to the officer; ready {back:.0f} s after it was back, "
           "the next two fingers searched")
