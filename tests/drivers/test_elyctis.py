"""The dialogue with an ELYCTIS reader, against its virtual device and against the table."""

from __future__ import annotations

import codec_kit
import pytest

from drivers.elyctis import ENTERS_ANEW, ON_ENTRY, TRANSITIONS, ElyctisCodec, State, Trigger
from drivers.framing import CardAbsent, Echo, Garbled, Info, Noise
from drivers.virtual.elyctis_device import ElyctisDevice, frame, mrz_payload


class Line(codec_kit.Line):
    """With an ID BOX; time passes in one step."""

    def __init__(self) -> None:
        super().__init__(ElyctisCodec(), ElyctisDevice())

    def later(self, seconds: float) -> None:
        self.now += seconds
        self.events += self.codec.tick(self.now)
        self.settle()


@pytest.fixture
def line() -> Line:
    return Line()


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


def orders_in(line: Line, command: int) -> int:
    return sum(order.count(bytes((command, 0))) for order in line.orders)


@pytest.mark.parametrize("rearm_s", [0.0, 30.0])
@pytest.mark.parametrize("cut", range(1, 16))
def test_a_document_that_broke_off_in_its_first_bytes_is_asked_for_and_read(
    cut: int, rearm_s: float, td3: tuple[str, ...]
) -> None:
    line = Line()
    line.codec = ElyctisCodec(rearm_s=rearm_s)
    line.open()
    line.settle(line.device.present(td3)[:cut])
    line.later(0.5)
    assert line.rows() == [td3]


@pytest.mark.parametrize("harm", [0x80, 0x40, 0x01, None])
def test_a_byte_flipped_or_lost_anywhere_loses_no_document(harm: int | None, td3: tuple[str, ...]) -> None:
    """None: the byte does not come. Nobody lifts the document; a second is enough."""
    for at in range(94):
        line = Line()
        line.open()
        line.later(5.0)
        sent = bytearray(line.device.present(td3))
        if harm is None:
            del sent[at]
        else:
            sent[at] ^= harm
        line.settle(bytes(sent))
        for _ in range(10):
            line.later(0.1)
        assert line.rows(), (harm, at)


def test_a_document_and_the_echo_before_it_may_both_be_lost(line: Line, td3: tuple[str, ...]) -> None:
    line.open()
    line.settle(b"C\x00\x01\x00")  # off: ordered anew, with a document on the glass
    line.codec.feed(b"C\x00\x01\x00", 0.0)
    assert line.codec.bytes_to_send() == b"\x00C\x00\x01\x01"
    assert len(line.device.present(td3)) == 94
    line.codec.feed(b"\xff" * 98, 0.0)
    line.later(0.4)
    assert line.rows() == [td3]


def test_noise_on_an_empty_glass_is_asked_about_once(line: Line) -> None:
    line.open()
    before = len(line.orders)
    line.settle(b"\xff\xfe\xfd")
    line.later(0.29)
    assert len(line.orders) == before
    for _ in range(50):
        line.later(0.1)
    assert line.orders[before:] == [b"I\x00\x00", b"C\x00\x01\x01"]


def test_what_is_coming_in_is_waited_for(line: Line, td3: tuple[str, ...]) -> None:
    """Noise, and a document behind it that is slow: the device is not asked in its midst."""
    line.open()
    line.settle(b"\xff\xfe\xfd")
    before, sent = len(line.orders), line.device.present(td3)
    for at in range(0, len(sent), 10):
        line.later(0.09)
        line.settle(sent[at : at + 10])
    assert line.rows() == [td3]
    line.later(5.0)
    assert line.rows() == [td3]
    assert b"I\x00\x00" not in line.orders[before:]


def test_noise_that_does_not_end_is_asked_about_ever_more_rarely(line: Line) -> None:
    line.open()
    asked, ordered = orders_in(line, 0x49), orders_in(line, 0x43)
    for tenth in range(6000):  # ten minutes, never quiet
        line.settle(b"\xff\xfe\xfd")
        line.later(0.1)
        if tenth == 99:
            assert orders_in(line, 0x49) - asked <= 4
            assert 5 <= orders_in(line, 0x43) - ordered <= 12  # yet armed: about once a second
    assert 15 <= orders_in(line, 0x49) - asked <= 25
    for _ in range(100):
        line.later(1.0)
    before = orders_in(line, 0x49)
    line.settle(b"\xff")
    line.later(0.4)
    assert orders_in(line, 0x49) == before + 1  # after a minute of peace all begins anew


def test_a_device_that_sends_a_byte_behind_each_frame_is_not_asked_for_ever(line: Line, td3: tuple[str, ...]) -> None:
    line.open()
    line.device.remove()
    asked = orders_in(line, 0x49)
    line.settle(line.device.present(td3) + b"\n")
    for _ in range(3000):  # five minutes
        line.later(0.1)
        if line.orders and line.orders[-1].startswith(b"I"):
            line.settle(b"\n")
    assert orders_in(line, 0x49) - asked <= 16


def test_a_sound_document_ends_the_pause_between_two_askings(line: Line, td3, td1) -> None:
    line.open()
    for _ in range(100):
        line.settle(b"\xff\xfe\xfd")
        line.later(0.1)
    line.later(1.0)
    line.settle(line.device.present(td1))
    line.device.remove()
    line.settle(line.device.present(td3)[1:])
    line.later(0.4)
    assert line.rows() == [td1, td3]


def noise_and_asking(line: Line) -> None:
    """Noise, and the five seconds in which the device is asked for what it may have sent."""
    before = len(line.orders)
    line.settle(b"\xff\xfe\xfd")
    for _ in range(50):  # it may have been asked a moment ago
        line.later(0.1)
    assert line.orders[before:] == [b"I\x00\x00", b"C\x00\x01\x01"]


def test_a_document_left_on_the_glass_is_not_given_again_after_noise(line: Line, td3, td1) -> None:
    line.open()
    line.settle(line.device.present(td3))
    line.later(50.0)
    noise_and_asking(line)
    line.later(50.0)  # known for a minute from when it was last seen there
    noise_and_asking(line)
    assert line.rows() == [td3]
    line.device.remove()
    line.device.present(td1)  # lost on the way
    noise_and_asking(line)
    assert line.rows() == [td3, td1]


def test_a_document_seen_longer_ago_is_given_again(line: Line, td3) -> None:
    line.open()
    line.settle(line.device.present(td3))
    line.later(61.0)
    noise_and_asking(line)
    assert line.rows() == [td3, td3]


def test_a_document_laid_down_again_is_given_again(line: Line, td3) -> None:
    line.open()
    line.settle(line.device.present(td3))
    line.device.remove()
    line.settle(line.device.present(td3))  # unasked: the device saw it come
    line.device.remove()
    noise_and_asking(line)  # none lies there
    line.device.present(td3)  # lost on the way
    noise_and_asking(line)
    assert line.rows() == [td3, td3, td3]


def test_a_document_that_crosses_the_question_is_given_once(line: Line, td3) -> None:
    """The device sends it just before it hears the question, and answers with it too."""
    line.open()
    line.settle(b"\xff\xfe\xfd")
    line.now += 0.4
    line.codec.tick(line.now)
    question = line.codec.bytes_to_send()
    assert question == b"I\x00\x00"
    line.events += line.codec.feed(line.device.present(td3), line.now)
    line.settle(line.device.receive(question))
    assert line.rows() == [td3]
    assert line.codec.state is State.DOCUMENT
