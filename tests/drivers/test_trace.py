"""A recording made on a pty, replayed without one, gives the same reads at the same moments."""

from __future__ import annotations

import io
import time

import pytest

from drivers.api import DeviceGone, DocumentRead, Noise, Tier
from drivers.elyctis import ElyctisCodec
from drivers.reader import FramedReader
from drivers.text import TextCodec
from drivers.trace import (
    MAX_S,
    BadTrace,
    Entry,
    RecordingTransport,
    ReplayTransport,
    Trace,
    TraceWriter,
    read_trace,
    write_trace,
)
from drivers.transport import SerialTransport
from drivers.virtual.control import VirtualReader
from drivers.virtual.text_device import TextDevice

PROVENANCE = {
    "Device": "virtual ELYCTIS", "Date": "2026-01-01", "Submitter": "the test", "Documents": "specimen UTO",
}


def reader_on(transport, codec, clock) -> FramedReader:
    return FramedReader(
        name="north", driver="x", tier=Tier.VIRTUAL, port="replay", clock=clock, codec=codec,
        connect=lambda: transport,
    )


def replayed(trace: Trace, codec) -> tuple[list, FramedReader]:
    replay = ReplayTransport(trace)
    reader = reader_on(replay, codec, replay.clock)
    reader.open()
    events: list = []
    with pytest.raises(DeviceGone, match="recording has ended"):
        read_on(reader, replay, events)
    return [event for event in events if event is not None], reader


def read_on(reader: FramedReader, replay: ReplayTransport, events: list) -> None:
    while replay.clock() < 1000:
        events.append(reader.read(0.5))


def test_record_then_replay(tmp_path, td3, td1):
    out = io.StringIO()
    with VirtualReader(tmp_path / "reader", tmp_path / "sock", options=["--fragment", "7"]) as virtual:
        writer = TraceWriter(out, PROVENANCE, time.monotonic)
        line = RecordingTransport(SerialTransport(str(virtual.link)), writer)
        reader = reader_on(line, ElyctisCodec, time.monotonic)
        reader.open()
        live = []
        for rows in (td3, td1):
            reader.read(0.2)
            assert virtual.present(rows) is not None
            live.append(reader.read(5.0).lines)
        reader.close()
    trace = read_trace(out.getvalue().splitlines())
    assert trace.provenance == PROVENANCE
    events, again = replayed(trace, ElyctisCodec)
    assert [event.lines for event in events if isinstance(event, DocumentRead)] == live == [td3, td1]
    assert again.status().firmware == "OCR 4.07"


def test_replay_keeps_time(td3):
    sent = TextDevice().present(td3)
    trace = Trace({}, (Entry(1.0, "<", sent[:50]), Entry(7.0, "<", sent), Entry(7.25, "<", sent[:9])))
    events, _ = replayed(trace, TextCodec)
    assert [type(event) for event in events] == [Noise, DocumentRead, Noise]
    assert events[0] == Noise(50, garbled=1)
    assert events[1].at == 7.0


def test_an_answer_does_not_come_before_its_question():
    trace = Trace({}, (Entry(0.0, ">", b"\x00V\x00\x00"), Entry(0.1, "<", b"V\x00\x01A")))
    replay = ReplayTransport(trace)
    assert replay.read(100, 1.0) == b""
    replay.write(b"\x00V\x00\x00")
    assert replay.read(2, 0.0) == b"V\x00"
    assert replay.read(100, 0.0) == b"\x01A"


@pytest.mark.parametrize("key", list(PROVENANCE))
def test_no_recording_without_provenance(key):
    with pytest.raises(BadTrace, match=key):
        TraceWriter(io.StringIO(), PROVENANCE | {key: " "}, lambda: 0.0)


@pytest.mark.parametrize(
    "line", [
        "x < 00", "1.0 ? 00", "1.0 < 0", "1.0 <", "-1 < 00", "nan < 00", "inf < 00", "1e300 < 00", "1 < 00 00",
        "A" * 20_000,
    ],
)
def test_a_damaged_recording_names_its_line(line):
    with pytest.raises(BadTrace, match="line 2"):
        read_trace(["# Device: x", line])


def test_a_recording_ends_at_its_limit_and_says_so(monkeypatch):
    monkeypatch.setattr("drivers.trace.MAX_BYTES", 10)
    out = io.StringIO()
    writer = TraceWriter(out, PROVENANCE, lambda: 1.0)
    for chunk in (b"", b"12345678", b"9abc", b"more"):
        writer.note("<", chunk)
    assert writer.full
    assert writer.bytes == 12
    trace = read_trace(out.getvalue().splitlines())
    assert [entry.data for entry in trace.entries] == [b"12345678", b"9abc"]
    assert trace.provenance["Ended"]


def test_a_recording_that_nobody_ends_ends_after_a_week_and_can_be_read():
    out, now = io.StringIO(), [100.0]
    writer = TraceWriter(out, PROVENANCE, lambda: now[0])
    for seconds in (0.0, MAX_S, MAX_S + 1, MAX_S + 2):
        now[0] = 100.0 + seconds
        writer.note("<", b"x")
    assert writer.full
    assert [entry.at for entry in read_trace(out.getvalue().splitlines()).entries] == [0.0, MAX_S]
    assert out.getvalue().count("# Ended") == 1


def test_what_is_written_is_what_is_read():
    trace = Trace(PROVENANCE, (Entry(0.25, "<", b"\x00\xff"), Entry(1.5, ">", b"V")))
    out = io.StringIO()
    write_trace(out, trace)
    assert read_trace(out.getvalue().splitlines()) == trace
