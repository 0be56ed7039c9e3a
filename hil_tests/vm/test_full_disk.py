"""A disk that somebody else fills while travellers come: what is recorded, what is given up, and who hears of it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from edge.core import wire
from hil_tests.bench import steps, traffic
from hil_tests.bench.headquarters import Row
from hil_tests.bench.target import Target
from hil_tests.vm.stages import READER, SERIAL, Bench

BALLAST = 1 << 20  # bytes that the journal sets aside (edge.journal.model.JournalLimits)
FILLER = "/var/lib/filler"  # on the file system of /var/lib/borderpost
# Blocks first, in one step; then byte by byte what is left, the room that is kept for root included.
FILL = f"""
fallocate -l $(df --output=avail -B1 /var/lib | tail -n 1) {FILLER} || true
cat /dev/zero > {FILLER}.rest || true
sync; df --output=avail -B1 /var/lib | tail -n 1
"""
pytestmark = pytest.mark.needs("emulated disk", "reader", "verdicts")
BEFORE = [f"F{number:08d}" for number in range(6)]
MEANWHILE = [f"F{number:08d}" for number in range(100, 116)]
AFTERWARDS = [f"F{number:08d}" for number in range(200, 203)]
LEADS = (steps.STOLEN,) * 4


def _free(box: Target) -> int:
    return int(box.pipe("df --output=avail -B1 /var/lib | tail -n 1"))


def _graded(box: Target, name: str) -> str:
    """The doctor's grade of one check; it works on a full disk, without the daemon's help."""
    found = json.loads(box.user("borderpost", "doctor", "--json", check=False))
    (grade,) = (str(one["grade"]) for one in found if one["name"] == name)
    return grade


def _given_up(rows: list[Row]) -> set[int]:
    """What the box reported as dropped: sequence numbers."""
    bodies = [row.body for row in rows if isinstance(row.body, wire.DroppedBody)]
    found = {number for body in bodies for low, high in body.ranges for number in range(low, high + 1)}
    assert sum(body.count for body in bodies) == len(found), bodies
    return found


def test_a_full_disk_costs_no_verdict_no_hit_and_nothing_in_silence(
    post: Bench, figure: Callable[[str, object], None], say: Callable[[str], None]
) -> None:
    lab, box, hq = post.lab, post.target, post.hq
    officer = lab.watch_verdicts()
    reader = lab.plug_reader("text", serial=SERIAL)
    steps.reader_ready(box, READER.name)
    lab.link(up=False)  # nothing is acknowledged, so that nothing makes room
    hq.stop_broker()
    before = traffic.scanned(box, reader, officer, BEFORE)
    assert all(traffic.written(one) for one in before), before
    say("the disk is filled to the last byte")
    box.pipe(FILL)
    assert _free(box) < BALLAST
    leads = traffic.scanned(box, reader, officer, LEADS[:2])
    meanwhile = traffic.scanned(box, reader, officer, MEANWHILE)
    leads += traffic.scanned(box, reader, officer, LEADS[2:])
    assert {one["outcome"] for one in leads} == {"HIT"}, leads
    assert all(traffic.written(one) for one in leads), leads
    assert {one["outcome"] for one in meanwhile} == {"CLEAR"}, meanwhile
    unrecorded = sum(not one["recorded"] for one in meanwhile)
    said = steps.status(box)
    assert said["disk_free_mb"] <= BALLAST / 1e6, said
    assert _graded(box, "disk") == "error"
    say("room again, and the link")
    box.pipe(f"rm {FILLER} {FILLER}.rest")
    hq.start_broker()
    lab.link(up=True)
    after = traffic.scanned(box, reader, officer, AFTERWARDS)
    assert all(traffic.written(one) for one in after), after
    kept = {one.passage for one in (*leads, *after)}
    traffic.reckoned(box, hq, lambda: kept)
    counts = _nothing_waits(box)
    _nothing_in_silence(post)
    figure("a full disk", f"{len(leads)} of {len(leads)} hits at headquarters; of {len(before) + len(meanwhile)} CLEAR "
           f"{unrecorded} shown as NOT RECORDED and recorded when there was room, {counts['dropped']} given up and "
           "reported")  # fmt: skip
    assert counts["forgotten"] == 0, counts


def _nothing_waits(box: Target) -> dict[str, int]:
    """The outbox's counts, once it is empty and nothing is left in memory."""
    counts: dict[str, int] = {}

    def told() -> bool:
        """everything is at headquarters"""
        counts.update(steps.status(box)["outbox"])
        return not counts["pending"] and not counts["retrying"]

    box.until(told, traffic.HEARD_S, every_s=1.0)
    return counts


def _nothing_in_silence(post: Bench) -> None:
    """Each number of the box's sequence is at headquarters, or reported as given up, and never both."""
    rows = post.hq.rows()
    held, gone = {row.seq for row in rows}, _given_up(rows)
    assert held | gone == set(range(1, max(held) + 1)), (held, gone)
    assert not held & gone
    missing = post.lab.officer.passages() - {row.passage for row in rows}
    assert len(missing) <= len(gone), "shown as recorded, and neither at headquarters nor reported as given up"
    shown = {one.passage: one["outcome"] for one in post.lab.officer.verdicts()}
    assert {shown[one] for one in missing} <= {"CLEAR"}
