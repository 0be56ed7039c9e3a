"""What every passport reader owes its post, whatever stands behind the port."""

from __future__ import annotations

import re
import time

import pytest

from drivers.api import DeviceBusy, DeviceGone, DocumentRead

ROW = re.compile(r"[!-~]{7,44}")


@pytest.fixture
def reader(rig):
    made = rig.reader()
    made.open()
    yield made
    made.close()


def test_it_opens_and_counts_from_nothing(rig, reader):
    status = reader.status()
    assert status.open
    assert (status.driver, status.reads, status.garbled) == (rig.driver, 0, 0)


def test_it_has_one_owner(rig, reader):
    with pytest.raises(DeviceBusy):
        rig.reader("second").open()


def test_waiting_ends_in_time(reader):
    began = time.monotonic()
    reader.read(0.5)
    assert time.monotonic() - began < 2.0


def test_a_document_is_read_with_its_time(rig, reader):
    began = time.monotonic()
    read = rig.lay(reader)
    assert 1 <= len(read.lines) <= 3
    assert all(ROW.fullmatch(row) for row in read.lines)
    assert all(row.encode() in read.raw or "?" in row for row in read.lines)
    assert began <= read.at <= time.monotonic()


def test_lifted_and_laid_down_again_it_is_read_again(rig, reader):
    first, second = rig.lay(reader), rig.lay(reader)
    assert first.lines == second.lines
    assert reader.status().reads == 2


def test_a_document_left_there_is_not_sent_for_ever(rig, reader):
    rig.lay(reader)
    limit = time.monotonic() + 3.0
    again = [event for event in iter(lambda: reader.read(0.5), None) if isinstance(event, DocumentRead)]
    assert len(again) <= 1
    assert time.monotonic() < limit + 1.0


def test_pulled_out_and_plugged_in_it_reads_on(rig, reader):
    rig.lay(reader)
    rig.pull()
    with pytest.raises(DeviceGone) as caught:
        read_until_it_is_gone(reader, rig.patience_s)
    assert caught.value.advice
    reader.close()
    rig.plug()
    open_again(reader, rig.patience_s)
    assert isinstance(rig.lay(reader), DocumentRead)


def read_until_it_is_gone(reader, patience_s: float) -> None:
    limit = time.monotonic() + patience_s
    while time.monotonic() < limit:
        reader.read(0.5)


def open_again(reader, patience_s: float) -> None:
    limit = time.monotonic() + patience_s
    while True:
        try:
            return reader.open()
        except DeviceGone:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)
