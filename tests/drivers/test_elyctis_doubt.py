"""Bytes that were lost or harmed on an ELYCTIS reader's line: what is asked for, how often, and what is given once."""

from __future__ import annotations

import pytest
from idbox_line import IdBoxLine

from drivers.elyctis import ElyctisCodec, State


@pytest.fixture
def line() -> IdBoxLine:
    return IdBoxLine()


def orders_in(line: IdBoxLine, command: int) -> int:
    return sum(order.count(bytes((command, 0))) for order in line.orders)


@pytest.mark.parametrize("rearm_s", [0.0, 30.0])
@pytest.mark.parametrize("cut", range(1, 16))
def test_a_document_that_broke_off_in_its_first_bytes_is_asked_for_and_read(
    cut: int, rearm_s: float, td3: tuple[str, ...]
) -> None:
    line = IdBoxLine()
    line.codec = ElyctisCodec(rearm_s=rearm_s)
    line.open()
    line.settle(line.device.present(td3)[:cut])
    line.later(0.5)
    assert line.rows() == [td3]


@pytest.mark.parametrize("harm", [0x80, 0x40, 0x01, None])
def test_a_byte_flipped_or_lost_anywhere_loses_no_document(harm: int | None, td3: tuple[str, ...]) -> None:
    """None: the byte does not come. Nobody lifts the document; a second is enough."""
    for at in range(94):
        line = IdBoxLine()
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


def test_a_document_and_the_echo_before_it_may_both_be_lost(line: IdBoxLine, td3: tuple[str, ...]) -> None:
    line.open()
    line.settle(b"C\x00\x01\x00")  # off: ordered anew, with a document on the glass
    line.codec.feed(b"C\x00\x01\x00", 0.0)
    assert line.codec.bytes_to_send() == b"\x00C\x00\x01\x01"
    assert len(line.device.present(td3)) == 94
    line.codec.feed(b"\xff" * 98, 0.0)
    line.later(0.4)
    assert line.rows() == [td3]


def test_noise_on_an_empty_glass_is_asked_about_once(line: IdBoxLine) -> None:
    line.open()
    before = len(line.orders)
    line.settle(b"\xff\xfe\xfd")
    line.later(0.29)
    assert len(line.orders) == before
    for _ in range(50):
        line.later(0.1)
    assert line.orders[before:] == [b"I\x00\x00", b"C\x00\x01\x01"]


def test_what_is_coming_in_is_waited_for(line: IdBoxLine, td3: tuple[str, ...]) -> None:
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


def test_noise_that_does_not_end_is_asked_about_ever_more_rarely(line: IdBoxLine) -> None:
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


def test_a_device_that_sends_a_byte_behind_each_frame_is_not_asked_for_ever(
    line: IdBoxLine, td3: tuple[str, ...]
) -> None:
    line.open()
    line.device.remove()
    asked = orders_in(line, 0x49)
    line.settle(line.device.present(td3) + b"\n")
    for _ in range(3000):  # five minutes
        line.later(0.1)
        if line.orders and line.orders[-1].startswith(b"I"):
            line.settle(b"\n")
    assert orders_in(line, 0x49) - asked <= 16


def test_a_sound_document_ends_the_pause_between_two_askings(line: IdBoxLine, td3, td1) -> None:
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


def noise_and_asking(line: IdBoxLine) -> None:
    """Noise, and the five seconds in which the device is asked for what it may have sent."""
    before = len(line.orders)
    line.settle(b"\xff\xfe\xfd")
    for _ in range(50):  # it may have been asked a moment ago
        line.later(0.1)
    assert line.orders[before:] == [b"I\x00\x00", b"C\x00\x01\x01"]


def test_a_document_left_on_the_glass_is_not_given_again_after_noise(line: IdBoxLine, td3, td1) -> None:
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


def test_a_document_seen_longer_ago_is_given_again(line: IdBoxLine, td3) -> None:
    line.open()
    line.settle(line.device.present(td3))
    line.later(61.0)
    noise_and_asking(line)
    assert line.rows() == [td3, td3]


def test_a_document_laid_down_again_is_given_again(line: IdBoxLine, td3) -> None:
    line.open()
    line.settle(line.device.present(td3))
    line.device.remove()
    line.settle(line.device.present(td3))  # unasked: the device saw it come
    line.device.remove()
    noise_and_asking(line)  # none lies there
    line.device.present(td3)  # lost on the way
    noise_and_asking(line)
    assert line.rows() == [td3, td3, td3]


def test_a_document_that_crosses_the_question_is_given_once(line: IdBoxLine, td3) -> None:
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


@pytest.mark.parametrize("heard", range(5))
def test_a_document_sent_while_the_session_begins_is_given_once(heard: int, line: IdBoxLine, td3) -> None:
    """The device is armed since an earlier session: it sends at once, and answers the first look with it too."""
    line.open()
    line.codec = ElyctisCodec()
    line.codec.start(line.now)
    for _ in range(heard):  # greetings answered before it is laid down
        line.events += line.codec.feed(line.device.receive(line.codec.bytes_to_send()), line.now)
    assert line.codec.state is not State.DOCUMENT
    line.settle(line.device.present(td3))
    line.later(0.5)
    assert line.rows() == [td3]
    assert line.codec.state is State.DOCUMENT


def test_a_document_found_on_the_glass_and_laid_down_again_at_once_is_given_twice(line: IdBoxLine, td3) -> None:
    line.device.present(td3)
    line.open()
    line.device.remove()
    line.settle(line.device.present(td3))
    assert line.rows() == [td3, td3]
