"""The EF01 frames as pure bytes: every split, every damage, garbage anywhere; and the exchange with a real sensor."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.virtual.zfm_device import ZfmDevice
from drivers.zfm_codec import (
    HEAD,
    MEANINGS,
    BadSum,
    Order,
    Packet,
    PacketParser,
    Parameters,
    Pid,
    command,
    frame,
    meaning,
    parameters,
    product,
)
from drivers.zfm_image import KNOWN, line_bytes, line_seconds, sides, unpacked

REAL = bytes.fromhex("EF01FFFFFFFF 07 0013 00 0000 0000 0050 0003 FFFFFFFF 0002 000C 0477")  # Adafruit issue #30
PACKETS = [frame(Pid.ACK, b"\0"), REAL, frame(Pid.DATA, bytes(range(256))), frame(Pid.LAST, b"\xef\x01\xff\xff")]
STREAM = b"".join(PACKETS)
LARGEST = HEAD + 258


def fed(*pieces: bytes) -> list[Packet | BadSum]:
    parser, out = PacketParser(), []
    for piece in pieces:
        out += parser.feed(piece)
        assert len(parser._buffer) < LARGEST
    return out + parser.silence()


def singly(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def test_a_real_sensors_parameters():
    (packet,) = fed(REAL)
    assert packet == Packet(Pid.ACK, REAL[HEAD:-2])
    assert parameters(packet.payload[1:]) == Parameters(capacity=80, packet=128, baud=115200)


def test_what_is_sent_is_what_the_manual_shows():
    """ZFM-20 manual: GenImg, VfyPwd of password 0, and a change to 115200 baud."""
    assert command(Order.GEN_IMAGE).hex() == "ef01ffffffff010003010005"
    assert command(Order.VERIFY_PASSWORD, bytes(4)).hex() == "ef01ffffffff01000713000000" + "00001b"
    assert command(Order.SET_PARAMETER, b"\x04\x0c").hex() == "ef01ffffffff0100050e040c" + "0024"


def test_the_device_model_and_the_codec_agree_though_neither_knows_the_other():
    device = ZfmDevice()
    (answer,) = fed(device.receive(command(Order.READ_PARAMETERS)))
    assert parameters(answer.payload[1:]) == Parameters(200, 128, 57600)
    (answer,) = fed(device.receive(command(Order.READ_PRODUCT)))
    told = product(answer.payload[1:])
    assert (told.model, told.serial, told.hardware) == ("VIRTUAL-ZFM", "VZ000042", "1.2")
    assert (told.width, told.height) == (256, 288)


def test_every_split_point():
    whole = fed(STREAM)
    assert [event.pid for event in whole] == [7, 7, 2, 8]
    for at in range(len(STREAM) + 1):
        assert fed(STREAM[:at], STREAM[at:]) == whole, at
    assert fed(*singly(STREAM)) == whole


@pytest.mark.parametrize("at", range(len(REAL)))
def test_a_flipped_bit_anywhere_costs_one_packet_alone(at):
    hit = REAL[:at] + bytes((REAL[at] ^ 0x10,)) + REAL[at + 1 :]
    after = fed(PACKETS[0] + hit + PACKETS[2] + PACKETS[3])
    good = [event for event in after if isinstance(event, Packet)]
    assert good == fed(PACKETS[0] + PACKETS[2] + PACKETS[3])


def test_a_length_that_was_hit_does_not_swallow_what_follows():
    hit = bytearray(PACKETS[0])
    hit[8] = 0xFF
    parser = PacketParser()
    assert parser.feed(bytes(hit) + REAL) == []  # it may still become one
    assert parser.silence() == fed(REAL)
    assert parser.noise == len(hit)


def test_a_started_modules_byte_and_another_address_are_noise():
    assert fed(b"\x55" + REAL) == fed(REAL)
    assert fed(frame(Pid.ACK, b"\0", 0x01020304)) == []
    assert PacketParser(0x01020304).feed(frame(Pid.ACK, b"\0", 0x01020304)) == [Packet(7, b"\0")]
    assert fed(command(Order.GEN_IMAGE)) == []  # our own echo


@given(st.lists(st.one_of(st.sampled_from(PACKETS), st.binary(max_size=40), st.just(b"\xef\x01\xff\xff\xff\xff")),
                max_size=12), st.lists(st.integers(1, 300), min_size=1, max_size=8))
@settings(max_examples=300)
def test_any_bytes_in_any_pieces(parts, cuts):
    """Never raises; the pieces change nothing; every byte is in a packet or is noise."""
    stream = b"".join(parts)
    pieces, at, turn = [], 0, 0
    while at < len(stream):
        pieces.append(stream[at : at + cuts[turn % len(cuts)]])
        at, turn = at + cuts[turn % len(cuts)], turn + 1
    parser, events = PacketParser(), []
    for piece in pieces:
        events += parser.feed(piece)
        assert len(parser._buffer) < LARGEST
    events += parser.silence()
    assert events == fed(stream)
    assert parser.noise + sum(HEAD + 2 + len(e.payload) for e in events if isinstance(e, Packet)) == len(stream)


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=300)
def test_garbage_around_a_packet_hides_nothing(before, after):
    assert fed(REAL)[0] in fed(before, REAL, after)


def test_a_megabyte_of_false_heads_is_read_in_linear_time():
    head = b"\xef\x01\xff\xff\xff\xff\x07\x01\x02"
    source = random.Random(5)
    parser = PacketParser()
    for _ in range(1 << 8):
        parser.feed(b"".join(head for _ in range(455)) + source.randbytes(1))
    assert parser.noise > 1 << 19
    parser.silence()
    assert fed(REAL) == parser.feed(REAL)


@given(st.binary(max_size=64))
def test_facts_never_raise(payload):
    told = parameters(payload)
    assert told is None or (told.packet in (32, 64, 128, 256) and 9600 <= told.baud <= 115200)
    about = product(payload)
    assert (about is None) == (len(payload) < 42)


def test_every_code_has_a_meaning():
    assert {meaning(code) for code in MEANINGS} >= {"code 02: no finger", "code FC: not supported"}
    assert meaning(0x7E) == "code 7E: unknown"
    assert all(meaning(code) for code in range(256))


def test_an_image_is_high_nibble_left_times_seventeen():
    assert unpacked(b"\x0f\xa1\x80") == bytes((0, 255, 170, 17, 136, 0))
    assert unpacked(b"") == b""


def test_sides_come_from_what_is_stated_or_from_the_count():
    assert sides(36864, None) == (256, 288)
    assert sides(18432, None) == (192, 192)
    assert sides(18433, None) is None
    assert sides(36864, (192, 192)) is None
    assert sides(18432, (192, 192)) == (192, 192)
    assert all(width * height // 2 == count for count, (width, height) in KNOWN.items())


def test_the_time_on_the_line():
    assert line_bytes(36864, 128) == 36864 + 288 * 11 == 40032
    assert round(line_seconds(36864, 128, 57600), 2) == 6.95
    assert line_seconds(36864, 128, 115200) == 3.475
