"""A line that does its worst: pieces, noise, floods, absurd lengths, documents that break off or come twice."""

from __future__ import annotations

import random
import time

import pytest

from drivers.api import MAX_RAW, DocumentRead
from hil_tests.capabilities import Can, needs
from hil_tests.frames import REPORT, absurd, cuts
from hil_tests.rigs import rows_of

AT_ONCE_S = 0.002  # what lies on the line is taken


@pytest.fixture
def reader(rig):
    rig.lift()  # a device may be asked for what lies on it
    made = rig.reader()
    rig.open_again(made)
    rig.quiet(made)  # the greeting
    yield made
    made.close()


@pytest.fixture
def every(request):
    return request.config.getoption("--every")


def read_in_two(rig, reader, data: bytes, at: int) -> None:
    rig.send(data[:at])
    early = rows_of([reader.read(AT_ONCE_S)])
    assert early == rig.rows[: len(early)], at
    rig.send(data[at:])
    if early == rig.rows:  # what followed was a sign of the device
        reader.read(AT_ONCE_S)
    else:
        assert early + rows_of(rig.document(reader)) == rig.rows, at


@needs(Can.SEND, Can.SPLIT_BYTES)
def test_split_at_every_byte(rig, reader, every):
    data = rig.frame()
    for at in cuts(data, 1, every):
        read_in_two(rig, reader, data, at)
    assert reader.status().garbled == 0


@needs(Can.SEND, Can.SPLIT_REPORTS)
def test_split_between_any_two_reports(rig, reader, every):
    data = rig.frame()
    for at in cuts(data, REPORT, every):
        read_in_two(rig, reader, data, at)
    assert reader.status().garbled == 0


@needs(Can.SEND)
def test_in_many_small_pieces(rig, reader):
    data = rig.frame()
    for at in range(0, len(data), rig.grain):
        rig.send(data[at : at + rig.grain])
    assert rows_of(rig.document(reader)) == rig.rows


@needs(Can.SEND)
@pytest.mark.parametrize("seed", range(3))
def test_noise_before_and_behind(rig, reader, seed):
    source = random.Random(seed)
    rig.send(source.randbytes(2048))
    rig.quiet(reader)
    lost = reader.status().noise_bytes
    rig.send(rig.frame())
    assert rows_of(rig.document(reader)) == rig.rows
    rig.send(source.randbytes(2048))
    rig.quiet(reader)
    assert reader.status().noise_bytes > lost > 0
    assert rows_of(rig.lay(reader))[-len(rig.rows) :] == rig.rows


@needs(Can.FLOOD, Can.SEND)
@pytest.mark.timeout(900)
def test_flooded(rig, reader, request, noted):
    size = 10_000_000 if rig.name.startswith("recordings") else int(request.config.getoption("--flood-mb") * 1e6)
    if rig.name.startswith("virtual") and rig.usb:
        size = min(size, 400_000)  # 50,000 reports: a keyboard sends at most a hundred a second
    began = time.monotonic()
    sent = rig.flood(reader, size)
    seconds = time.monotonic() - began
    rig.quiet(reader)
    status = reader.status()
    assert sent >= size * 0.99, "the line was not drained"
    # Random bytes make bar codes and, over megabytes, rows; the rest is counted to the byte.
    assert status.noise_bytes > sent * 0.5
    rig.send(rig.frame())
    assert rows_of(rig.document(reader)) == rig.rows
    noted(f"flood: {sent / 1e6:.1f} MB in {seconds:.1f} s, {status.others} blocks, {status.garbled} garbled")


@needs(Can.SEND)
def test_frames_of_absurd_length(rig, reader):
    for number, frame in enumerate(absurd(rig.driver)):
        rig.send(frame)
        came = rig.quiet(reader)
        assert not [event for event in came if isinstance(event, DocumentRead)], number
        assert not reader.reading
        assert all(len(getattr(event, "raw", b"")) <= MAX_RAW for event in came)
        rig.send(rig.frame())
        assert rows_of(rig.document(reader)) == rig.rows, number


@needs(Can.SEND)
def test_a_document_that_breaks_off_is_none_and_the_next_is_read(rig, reader):
    data = rig.frame()
    half = len(data) // 2 // rig.grain * rig.grain
    rig.send(data[: half // 2 // rig.grain * rig.grain])
    began = rig.clock()
    came = rig.quiet(reader)
    assert rig.clock() - began < 5 * rig.quiet_s
    assert not [event for event in came if isinstance(event, DocumentRead)]
    assert reader.status().garbled == 1
    rig.send(data)
    assert rows_of(rig.document(reader)) == rig.rows


@needs(Can.SEND)
def test_sent_twice_it_is_read_twice(rig, reader):
    rig.send(rig.frame() * 2)
    came = rig.quiet(reader)
    assert rows_of(came) == rig.rows * 2
