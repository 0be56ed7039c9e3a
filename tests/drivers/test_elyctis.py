"""The dialogue with an ELYCTIS reader, against its virtual device and against the table."""

from __future__ import annotations

import pytest
from idbox_line import IdBoxLine

from drivers.elyctis import ENTERS_ANEW, ON_ENTRY, TRANSITIONS, ElyctisCodec, State, Trigger
from drivers.framing import CardAbsent, Echo, Garbled, Info, Noise
from drivers.virtual.elyctis_device import frame, mrz_payload


@pytest.fixture
def line() -> IdBoxLine:
    return IdBoxLine()


def test_every_state_answers_every_trigger():
    assert set(TRANSITIONS) == set(State) == set(ON_ENTRY)
    for state, row in TRANSITIONS.items():
        assert set(row) == set(Trigger), state
        assert set(row.values()) <= set(State)
    assert all(TRANSITIONS[state][trigger] is state for state, trigger in ENTERS_ANEW)


def test_no_state_waits_for_ever_without_asking_again():
    """Silence leads from every open state back to the order to read, within as many steps as states."""
    for state in set(State) - {State.CLOSED}:
        reached, seen = state, 0
        while reached is not State.ECHO_AGAIN:
            reached, seen = TRANSITIONS[reached][Trigger.SILENCE], seen + 1
            assert seen <= len(State)


def test_greeting_in_the_order_of_the_command_set(line):
    line.open()
    assert line.orders == [
        b"\x00V\x00\x00", b"W\x00\x00", b"R\x00\x00", b"T\x00\x00", b"I\x00\x00", b"C\x00\x01\x01",
    ]
    assert line.codec.facts == {
        "firmware": "OCR 4.07", "nna": "NNA 2.11", "serial": "EV000001", "product": "IDBOX-VIRTUAL",
    }
    assert [type(event) for event in line.events] == [Info, Info, Info, Info, CardAbsent, Echo]
    assert line.codec.state is State.DOCUMENT


def test_armed_again_after_each_read(line, td3, td1):
    line.open()
    for rows in (td3, td1, td3):
        line.orders.clear()
        line.settle(line.device.present(rows))
        line.device.remove()
        assert line.orders == [b"C\x00\x01\x01"]
        assert line.codec.state is State.DOCUMENT
    assert line.rows() == [td3, td1, td3]


def test_the_device_reads_the_same_document_once(line, td3):
    line.open()
    line.settle(line.device.present(td3))
    line.settle(line.device.present(td3))
    line.later(31.0)
    assert line.rows() == [td3]


def test_a_document_lying_there_at_the_start_is_read(line, td3):
    line.device.present(td3)
    line.open()
    assert line.rows() == [td3]
    assert line.codec.state is State.DOCUMENT


def test_a_reader_that_lost_its_power_is_armed_again(line, td3):
    line.open()
    line.device.power_on()
    assert line.device.present(td3) == b""
    line.later(31.0)
    assert line.rows() == [td3]
    assert line.orders[-2] == b"\x00C\x00\x01\x01"


def test_half_a_command_in_the_device_is_flushed(line, td3):
    line.device.receive(b"C\x00\x01")
    line.open()
    for _ in range(8):
        line.later(1.1)
    line.settle(line.device.present(td3))
    assert line.rows() == [td3]


def test_a_silent_device_is_asked_again_once_per_reply_time(line):
    codec = line.codec
    codec.start(0.0)
    sent = [codec.bytes_to_send()]
    for second in range(1, 11):
        codec.tick(second * 1.01)
        sent.append(codec.bytes_to_send())
    assert sent[:5] == [b"\x00V\x00\x00", b"W\x00\x00", b"R\x00\x00", b"T\x00\x00", b"I\x00\x00"]
    assert sent[5:] == [b"\x00C\x00\x01\x01"] * 6


def test_an_echo_that_says_off_is_not_believed_to_be_on(line):
    line.open()
    line.settle(b"C\x00\x01\x00")
    assert line.orders[-1] == b"\x00C\x00\x01\x01"
    assert line.codec.state is State.DOCUMENT


def test_the_clock_is_not_due_before_its_time(line):
    line.open()
    assert line.codec.next_timeout == 30.0
    assert line.codec.tick(29.9) == []
    assert line.codec.bytes_to_send() == b""


def test_a_document_that_overtakes_the_echo_is_read_and_disarms(line, td3):
    line.open()
    line.codec.feed(b"C\x00\x01\x00", 0.0)
    assert line.codec.bytes_to_send() == b"\x00C\x00\x01\x01"
    assert line.codec.state is State.ECHO_AGAIN
    assert line.codec.feed(frame(0x49, mrz_payload(td3)), 0.0)
    assert line.codec.bytes_to_send() == b"C\x00\x01\x01"
    assert line.codec.feed(frame(0x49, mrz_payload(td3)), 0.0)
    assert line.codec.bytes_to_send() == b"C\x00\x01\x01"
    assert line.codec.state is State.ECHO


def test_a_document_that_broke_off_is_asked_for_and_read(line, td3):
    line.open()
    sent = line.device.present(td3)
    line.settle(sent[:50])
    assert line.rows() == []
    line.later(0.5)
    assert line.rows() == [td3]
    assert line.orders[-2:] == [b"I\x00\x00", b"C\x00\x01\x01"]
    assert line.codec.state is State.DOCUMENT


def test_an_answer_that_breaks_off_too_is_asked_for_again(line, td3):
    line.open()
    sent = line.device.present(td3)
    for now in (1.0, 1.6):
        line.codec.feed(sent[:50], now)
        line.codec.tick(now + 0.3)
    assert line.codec.bytes_to_send() == b"I\x00\x00"
    line.now = 1.9
    line.later(0.4)
    assert line.rows() == [td3]


def test_answers_to_no_question_are_noise():
    codec = ElyctisCodec()
    assert codec.feed(b"V\x00\x02AB", 0.0) == [Noise(5)]
    assert codec.facts == {}


def test_no_document_is_three_cr():
    assert ElyctisCodec().feed(b"I\x00\x03\r\r\r", 0.0) == [CardAbsent()]


@pytest.mark.parametrize(
    "sent", [b"I\x00\x00", b"I\x04\x00", b"I\x7f\xff", b"C\x00\x02\x01\x01", b"C\x00\x01\x07"]
)
def test_impossible_lengths_and_payloads_are_noise(sent):
    codec = ElyctisCodec()
    events = codec.feed(sent, 0.0) + codec.tick(9.0)
    assert sum(event.count for event in events) == len(sent)
    assert all(isinstance(event, Noise) for event in events)


@pytest.mark.parametrize("payload", [b"ABX", b"A\rB\rC\rD\r\r"])
def test_text_that_is_no_rows_is_garbled(payload):
    (event,) = ElyctisCodec().feed(b"I\x00" + bytes((len(payload),)) + payload, 0.0)
    assert event == Garbled("no rows ended by CR", 3 + len(payload))


def test_only_a_document_counts_as_reading(line, td3):
    line.codec.start(0.0)
    line.codec.feed(b"V\x00\x08OCR", 0.0)
    assert line.codec.reading is False
    codec = ElyctisCodec()
    codec.feed(frame(0x49, mrz_payload(td3))[:20], 0.0)
    assert codec.reading is True
    assert [type(event) for event in codec.tick(9.0)] == [Garbled]
    assert codec.reading is False
