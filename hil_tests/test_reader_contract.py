"""What every passport reader owes its post, whatever stands behind the port."""

from __future__ import annotations

import re
import time

import pytest

from drivers.api import DeviceBusy, DocumentRead, OtherRead
from drivers.virtual.control import VirtualReader
from hil_tests.capabilities import Can, needs
from hil_tests.rigs import SLICE_S, VirtualRig, rows_of

LEFT_S = 5.0           # longer than twice the rest that a driver gives its device (honeywell: pause_s, 2 s)
AT_MOST_EVERY_S = 1.5  # a document that lies there is news so often and no oftener
ROW = re.compile(r"[!-~]{7,44}")


@pytest.fixture
def reader(rig):
    made = rig.reader()
    rig.open_again(made)
    yield made
    made.close()


def test_it_opens_and_counts_from_nothing(rig, reader):
    status = reader.status()
    assert status.open
    assert (status.driver, status.reads, status.garbled) == (rig.driver, 0, 0)


@needs(Can.OWN)
def test_it_has_one_owner(rig, reader):
    with pytest.raises(DeviceBusy) as caught:
        rig.reader("second").open()
    assert caught.value.advice


@needs(Can.LIVE)
def test_waiting_ends_in_time(reader):
    began = time.monotonic()
    reader.read(0.5)
    assert time.monotonic() - began < 2.0


@needs(Can.PRESENT)
def test_a_document_is_read_with_its_time(rig, reader):
    began = rig.clock()
    reads = rig.lay(reader)
    rows = rows_of(reads)
    assert rows == rig.rows or (rig.rows is None and 1 <= len(rows) <= 3)
    assert all(ROW.fullmatch(row) for row in rows)
    assert all(began <= read.at <= rig.clock() for read in reads)
    assert reader.status().reads == len(reads)


@needs(Can.PRESENT)
def test_what_was_read_is_in_no_repr(rig, reader):
    reads = rig.lay(reader)
    assert not any(row in repr(reads) + repr(reader.status()) for row in rows_of(reads))


@needs(Can.PRESENT, Can.LIFT)
def test_lifted_and_laid_down_again_it_is_read_again(rig, reader):
    first, second = rig.lay(reader), rig.lay(reader)
    assert rows_of(first) == rows_of(second)
    assert reader.status().reads == len(first) + len(second)


@pytest.fixture
def left_alone(rig, tmp_path):
    """The rig; an imager on the bench is one that reads what lies there as often as it is started."""
    if not isinstance(rig, VirtualRig) or rig.driver != "honeywell":
        yield rig
        return
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock", rig.driver, ["--rereads"]) as virtual:
        made = VirtualRig(virtual)
        yield made
        made.close()


@needs(Can.PRESENT, Can.LIVE)
def test_a_document_left_there_is_not_sent_for_ever(left_alone, noted):
    reader = left_alone.reader()
    left_alone.open_again(reader)
    first = left_alone.lay(reader)
    again, until = [], time.monotonic() + LEFT_S
    while time.monotonic() < until:
        event = reader.read(SLICE_S)
        again += [event] if isinstance(event, DocumentRead) else []
    reader.close()
    left_alone.lift()
    noted(f"left there for {LEFT_S:g} s: sent again in {len(again)} reads")
    assert len(again) <= len(first) * LEFT_S / AT_MOST_EVERY_S


@needs(Can.BLOCK)
def test_a_bar_code_is_no_document(rig, reader):
    rig.block()
    came = rig.quiet(reader)
    assert [type(event) for event in came if not isinstance(event, OtherRead)] == []
    assert reader.status().others == len(came) == 1
    assert rows_of(rig.lay(reader)) == rig.rows
