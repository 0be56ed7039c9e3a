"""The thin driver's own laws, on a port that the test plays."""

from __future__ import annotations

from collections import deque

import pytest
from port_kit import Script, reader_on

from drivers.api import DeviceGone, DocumentRead, Noise, OtherRead
from drivers.elyctis import ElyctisCodec
from drivers.hid_keyboard import HidKeyboardCodec
from drivers.reader import OTHERS_AT_ONCE, OTHERS_PER_S, REST_S
from drivers.text import BEFORE, TextCodec
from drivers.virtual.elyctis_device import frame, mrz_payload
from drivers.virtual.keyboard_device import KeyboardDevice, Typing
from drivers.virtual.text_device import TextDevice


def test_documents_of_one_chunk_come_one_per_call(td3, td1):
    device = TextDevice()
    reader = reader_on(Script(device.present(td3) + device.present(td1)), TextCodec)
    assert [reader.read(1).lines, reader.read(1).lines] == [td3, td1]
    assert reader.read(1) is None


def test_a_document_is_given_out_although_the_device_vanished_behind_it(td3):
    gone = DeviceGone("gone", advice="plug it in")
    greeting = [b"V\x00\x01A", b"W\x00\x01A", b"R\x00\x01A", b"T\x00\x01A", b"I\x00\x03\r\r\r", b"C\x00\x01\x01"]
    script = Script(*greeting, frame(0x49, mrz_payload(td3)), gone, write_fault=gone, good_writes=6)
    reader = reader_on(script, ElyctisCodec)
    assert reader.read(1).lines == td3
    assert len(script.writes) == 7  # the order to read on failed
    with pytest.raises(DeviceGone):
        reader.read(1)


def test_a_port_that_fails_while_it_is_greeted_is_closed_again():
    gone = DeviceGone("gone", advice="plug it in")
    with pytest.raises(DeviceGone):
        reader_on(Script(write_fault=gone), ElyctisCodec)


def test_noise_is_one_event_per_call_and_the_driver_rests():
    script = Script(*[b"\xff" * 200] * 100)
    reader = reader_on(script, TextCodec)
    assert reader.read(1.0) == Noise(200 * reads_within(1.0))
    assert set(script.rests) == {REST_S}
    assert reader.read(30.0) == Noise(20_000 - 200 * reads_within(1.0))
    assert reader.status().noise_bytes == 20_000


class Babbler(Script):
    """A UART at 115200 baud that never stops: what has gathered since the last read is there at once."""

    def __init__(self) -> None:
        super().__init__()
        self.sent, self.calls = 0, 0

    def read(self, size: int, wait_s: float) -> bytes:
        self.calls += 1
        self.now += 1 / 11_520
        ready = min(size, int(self.now * 11_520) - self.sent)
        self.sent += ready
        return b"\x55" * ready


def test_a_minute_of_noise_costs_a_counter():
    port = Babbler()
    reader = reader_on(port, TextCodec)
    events = [reader.read(0.5) for _ in range(120)]
    assert port.now >= 60
    assert all(isinstance(event, Noise) for event in events)
    held = len(reader._codec.framer.buffer)  # may yet stand before an STX
    assert held <= BEFORE
    assert sum(event.count for event in events) == reader.status().noise_bytes == port.sent - held > 690_000
    assert port.calls < 60 / REST_S + 1100  # fifty wake-ups a second, after the first kilobyte


def reads_within(seconds: float) -> int:
    """Six reads fill 1 KiB at a millisecond each; each further one is preceded by a rest."""
    now, reads = 0.0, 0
    while now < seconds:
        now += 0.001 + (REST_S if reads >= 6 else 0.0)
        reads += 1
    return reads


def test_silence_ends_the_resting(td3):
    sent = TextDevice().present(td3)
    script = Script(*[b"\xff" * 600] * 3, b"", *(sent[at : at + 1] for at in range(len(sent))))
    reader = reader_on(script, TextCodec)
    read = reader.read(5.0)
    assert isinstance(read, DocumentRead)
    assert len(script.rests) == 2


def test_sense_ends_the_resting(td3):
    script = Script(*[b"\xff" * 600] * 3, TextDevice().present(td3), *[b"\xff" * 10] * 5)
    reader = reader_on(script, TextCodec)
    assert reader.read(5.0).lines == td3
    assert reader.read(5.0) == Noise(50)
    assert len(script.rests) == 2


class Typist(Script):
    """A keyboard: one report after another, each at its time; what has gathered is read at one go."""

    def __init__(self, sent: bytes, step_s: float) -> None:
        super().__init__()
        self.reports = deque((at / 8 * step_s, sent[at : at + 8]) for at in range(0, len(sent), 8))

    def read(self, size: int, wait_s: float) -> bytes:
        until = self.now + wait_s
        if not self.reports or self.reports[0][0] > until:
            self.now = until
            return b""
        self.now, out = max(self.now, self.reports[0][0]), b""
        while self.reports and self.reports[0][0] <= self.now and len(out) + 8 <= size:
            out += self.reports.popleft()[1]
        return out


@pytest.mark.parametrize("step_s", [0.001, 0.002, 0.008])
def test_a_row_of_many_reports_is_there_with_its_last(td3, step_s):
    """Four reports a key, each said twice: 2.8 KiB a row, no byte of it noise."""
    port = Typist(KeyboardDevice(Typing(split_shift=True, idle=2)).present(td3), step_s)
    ends = [at for at, report in port.reports if report[2] == 0x28][::2]
    reader = reader_on(port, HidKeyboardCodec)
    reads = []
    while len(reads) < 2:
        reads += [event for event in [reader.read(5.0)] if event]
    assert [read.lines for read in reads] == [(row,) for row in td3]
    assert [read.at for read in reads] == ends
    assert port.rests == []


@pytest.mark.parametrize("sent", [bytes((2, 0, 4, 0, 0, 0, 0, 0)) * 4000, bytes(8) * 4000])
def test_a_keyboard_that_says_the_same_for_ever_is_rested_between(sent):
    """A key that hangs, or an idle rate that was not switched off: no event tells of those reports."""
    port = Typist(sent, 0.001)
    reader = reader_on(port, HidKeyboardCodec)
    while port.reports:
        reader.read(0.25)
    assert len(port.rests) > 100


def test_counters_survive_reopening(td3):
    script = Script(b"\xff\xff", TextDevice().present(td3))
    reader = reader_on(script, TextCodec)
    reader.read(1)
    reader.close()
    assert reader.status().open is False
    reader.open()
    status = reader.status()
    assert (status.reads, status.noise_bytes, status.open) == (1, 2, True)


def bar_code(at: int) -> bytes:
    return f"\x02CODE{at:09d}\r\x03".encode()


def test_other_blocks_are_given_on_as_they_came():
    reader = reader_on(Script(bar_code(1), bar_code(2) + bar_code(3)), TextCodec)
    given = [reader.read(1), reader.read(1), reader.read(1)]
    assert given == [OtherRead("north", bar_code(1), 0.001), *(OtherRead("north", bar_code(n), 0.002) for n in (2, 3))]
    assert reader.status().others == 3


def test_a_flood_of_other_blocks_is_counted_and_a_few_are_given_on(td3):
    blocks = [bar_code(at) for at in range(1000)]
    script = Script(*blocks, TextDevice().present(td3))
    reader = reader_on(script, TextCodec)
    events = []
    while script.reads or not isinstance(events[-1], DocumentRead):
        events.append(reader.read(1.0))
    others = [event for event in events if isinstance(event, OtherRead)]
    assert others[: int(OTHERS_AT_ONCE)] == [OtherRead("north", blocks[at], others[at].at) for at in range(8)]
    assert len(others) <= OTHERS_AT_ONCE + OTHERS_PER_S * script.now + 1
    assert reader.status().others == 1000
    assert events[-1].lines == td3
    assert script.rests  # and it rests between them as with any noise


def test_a_second_of_quiet_lets_further_blocks_through():
    script = Script(b"".join(map(bar_code, range(20))))
    reader = reader_on(script, TextCodec)
    given = [reader.read(0.0) for _ in range(9)]
    assert [type(event) for event in given] == [OtherRead] * 8 + [type(None)]
    script.now += 1.0
    script.reads.append(b"".join(map(bar_code, range(20, 40))))
    later = [reader.read(0.0) for _ in range(5)]
    assert [event.raw for event in later[:4]] == [bar_code(at) for at in range(20, 24)]
    assert later[4] is None


class Setup(TextCodec):
    """A codec whose device has refused something."""

    def start(self, now: float) -> None:
        self.facts["remark"] = "refused: x"


def test_what_the_device_refused_is_in_the_status():
    assert reader_on(Script(), Setup).status().remark == "refused: x"


def test_a_frame_whose_head_was_hit_counts_as_garbled_once_the_line_is_quiet(td3):
    sent = TextDevice().present(td3)
    reader = reader_on(Script(b"\x42" + sent[1:40], sent[40:], b""), TextCodec)
    assert reader.read(1) == Noise(len(sent), garbled=1)
    assert reader.read(1) is None


@pytest.mark.parametrize("noise", [bytes(range(256)) * 4, b"QUILLIGAN<<ISOLDE<<<<<<<<<<", b"the quick brown fox" * 5])
def test_noise_that_is_no_row_is_no_frame(noise):
    assert reader_on(Script(noise, b""), ElyctisCodec).read(1).garbled == 0


def test_letters_around_a_document_that_came_are_no_frame(td3):
    sent = TextDevice().present(td3)
    reader = reader_on(Script(b"A" * 29, sent, b"B" * 29, b""), TextCodec)
    assert reader.read(1).lines == td3
    assert reader.read(1) == Noise(29, garbled=0)
