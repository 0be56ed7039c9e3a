"""Readers that come, go, change places and look alike, under real udev: a document is of the counter that read it.

Laws:
1. Whole documents alone become passages. What a pulled cable tore is none, whatever is read next.
2. A reader is known by the name that the configuration gives it: its serial number wherever it is plugged in, or its
   port whatever is plugged in there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hil_tests.bench import cabling, report, steps
from hil_tests.bench.country import BY_ID, Device
from hil_tests.bench.target import DAEMON
from hil_tests.vm.plugged import VmReader
from hil_tests.vm.stages import READER, SERIAL, SITE, Bench, Stages

Figure = Callable[[str, object], None]
Say = Callable[[str], None]
SECOND, TWIN = "SN0002", "SN0009"  # serial numbers; of TWIN there are two
AT_PORT = {3: "page-3", 4: "page-4"}  # readers by their place: USB port -> name
BY_PATH = "/dev/serial/by-path"
SHOWN_S = 60.0
HELD = "ls -l /proc/{}/fd | grep -o 'ttyUSB[0-9]*' | sort -u"


def counter_of(bench: Bench, reader: VmReader, number: str) -> str:
    """Lay a document down: the counter at which it was shown, and nothing else was."""
    before = len(bench.lab.officer.verdicts())
    reader.present(steps.zone(number))
    (shown,) = bench.lab.officer.wait(before + 1, SHOWN_S)[before:]
    assert shown["document"]["number"].rstrip("<") == number, shown.message
    return str(shown["counter"])


@pytest.mark.needs("emulated moment", "verdicts")
def test_a_reader_comes_goes_in_the_midst_of_a_document_and_comes_back(post: Bench, figure: Figure, say: Say) -> None:
    lab, box = post.lab, post.target
    officer = lab.watch_verdicts()
    say("a reader is plugged in while the post runs")
    reader = lab.plug_reader("text", serial=SERIAL, fragment=16, delay_s=0.02)
    first = box.until(lambda: _state(post, READER.name) == "ready", 30)
    daemon = box.pid()
    assert counter_of(post, reader, "R00000001") == "lane-1"
    again = 0.0
    for round_, (cut, seen) in enumerate(((1, False), (40, False), (89, False), (40, True)), 2):
        say(f"pulled after {cut} bytes of a document" + ", which the box has seen" * seen)
        before = _torn(post)
        reader.present(steps.zone("TORN00001"), cut=cut)
        if seen:
            box.until(partial(_has_torn, post, before), 30)
        reader.unplug()
        box.until(lambda: _state(post, READER.name) == "absent", 30)
        reader.plug()
        again = box.until(lambda: _state(post, READER.name) == "ready", 60)
        assert counter_of(post, reader, f"R0000000{round_}") == "lane-1"
    shown = [one["document"]["number"] for one in officer.verdicts()]
    assert shown == [f"R0000000{number}" for number in range(1, 6)], "law 1"
    assert box.pid() == daemon, "the daemon lives on"
    post.hq.wait_rows(5, SHOWN_S * 5, kind="passage")
    figure("a reader plugged in: ready after", f"{first:.1f} s; pulled in mid-document and put back: {again:.1f} s")


@pytest.fixture(scope="module")
def lanes(request: pytest.FixtureRequest, stages: Stages) -> Iterator[Bench]:
    """A post of four counters: two readers by their serial numbers, two by their ports; nothing is plugged in."""
    with stages.opened(stages.post(), "lanes") as bench:
        report.watch(request.config, bench.target)
        _cabled(bench, bench.folder / "cabled")
        bench.lab.watch_verdicts()
        yield bench
        report.unwatch(request.config, bench.target)


def _cabled(bench: Bench, to: Path) -> None:
    """Headquarters' new configuration for the site comes by a stick."""
    readers = [READER, Device("page-2", "text", BY_ID.format(serial=SECOND), counter="lane-2")]
    for port, name in AT_PORT.items():
        probe = bench.lab.plug_reader("text", serial="PROBE", port=port)
        at = bench.target.pipe(f"udevadm settle; ls {BY_PATH}").decode().split()
        assert len(at) == 1, at
        readers.append(Device(name, "text", f"{BY_PATH}/{at[0]}", counter=f"lane-{port}"))
        probe.unplug()
    done = cabling.changed(bench.lab, bench.country, replace(SITE, readers=tuple(readers)), to)
    assert done.parts["envelope"] == "BP-102", done.result
    bench.target.until(lambda: _state(bench, "page-4") == "absent", 120, every_s=0.5)
    bench.target.until(lambda: bench.target.show(DAEMON, "SubState") == "running", 60, every_s=0.5)


def _state(bench: Bench, name: str) -> str:
    """What the box says of a reader; "" while it says nothing."""
    found: list[dict[str, Any]] = steps.status(bench.target).get("readers", [])
    return next((str(one["state"]) for one in found if one["name"] == name), "")


def _torn(bench: Bench) -> int:
    """What came to the box from its first reader and made no document: bytes, and frames that broke."""
    readers = steps.status(bench.target).get("readers", [])
    return sum(int(one["noise_bytes"]) + int(one["garbled"]) for one in readers)


def _has_torn(bench: Bench, before: int) -> bool:
    """the box has seen the torn bytes"""
    return _torn(bench) > before


@pytest.mark.needs("emulated moment", "verdicts")
def test_two_readers_that_change_places_stay_at_their_counters(lanes: Bench, figure: Figure) -> None:
    one = lanes.lab.plug_reader("text", serial=SERIAL, port=1)
    other = lanes.lab.plug_reader("text", serial=SECOND, port=2)
    for name in (READER.name, "page-2"):
        steps.reader_ready(lanes.target, name)
    ttys = one.tty, other.tty
    assert [counter_of(lanes, one, "S00000001"), counter_of(lanes, other, "S00000002")] == ["lane-1", "lane-2"]
    lanes.lab.swap(one, other)
    for name in (READER.name, "page-2"):
        steps.reader_ready(lanes.target, name)
    assert [counter_of(lanes, other, "S00000003"), counter_of(lanes, one, "S00000004")] == ["lane-2", "lane-1"]
    figure("two readers swapped", f"each at its own counter ({', '.join(ttys)} before, {one.tty}, {other.tty} after)")
    for reader in (one, other):
        reader.unplug()


@pytest.mark.needs("emulated moment", "verdicts")
def test_two_readers_that_nothing_tells_apart_are_known_by_their_ports_and_the_doctor_says_so(
    lanes: Bench, figure: Figure
) -> None:
    twins = [lanes.lab.plug_reader("text", serial=TWIN, port=port) for port in AT_PORT]
    for name in AT_PORT.values():
        steps.reader_ready(lanes.target, name)
    for number in range(2):  # and in turn, so that neither speaks for the other
        for twin, port in zip(twins, AT_PORT, strict=True):
            assert counter_of(lanes, twin, f"T000000{port}{number}") == f"lane-{port}"
    lanes.lab.swap(*twins)  # what stands in a port is of that port's counter
    for name in AT_PORT.values():
        steps.reader_ready(lanes.target, name)
    assert counter_of(lanes, twins[0], "T00000051") == "lane-4"
    assert counter_of(lanes, twins[1], "T00000052") == "lane-3"
    for twin in twins:
        twin.unplug()
    twins = [lanes.lab.plug_reader("text", serial=SERIAL, port=port) for port in (1, 2)]  # page-1 by its number
    steps.reader_ready(lanes.target, READER.name)
    said = lanes.target.run("borderpost", "doctor", check=False, limit_s=300.0)
    told = [line for line in said.splitlines() if READER.name in line and "may be the device at" in line]
    assert told, said
    # udev may have turned the name over to the second one since: what the daemon holds is read on.
    held = lanes.target.pipe(HELD.format(lanes.target.pid())).decode().split()
    (meant,) = (twin for twin in twins if [twin.tty] == held)
    assert counter_of(lanes, meant, "T00000061") == "lane-1"
    figure("two readers with one serial number", "each at its own port's counter; named by number: doctor warns")
