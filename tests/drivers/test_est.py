"""EST frames: JSON between STX and ETX, whatever state it is in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import MAX_RAW, BadSetting, Tier
from drivers.est import FRAME_CAP, READING_S, EstCodec, Settings, build
from drivers.framing import Garbled, Noise, OtherBlock, RowsRead
from drivers.virtual.est_device import EstDevice, EstOptions, frame

LATER = 99.0
UPPER = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"
LOWER = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
BY_HAND = f'\x02CameraData:{{"data":"{UPPER}\\n{LOWER}","type":"PassPort"}}\x03\r\n'.encode()


def read(sent: bytes, **settings) -> list:
    codec = EstCodec(**settings)
    return codec.feed(sent, 0.0) + codec.tick(LATER)


def is_sign(event) -> bool:
    return isinstance(event, OtherBlock) and event.raw.startswith(b"\x02PCSign:")


def rows(sent: bytes, **settings) -> tuple[str, ...]:
    (event,) = [event for event in read(sent, **settings) if not is_sign(event)]
    assert isinstance(event, RowsRead), event
    return event.rows


def test_a_frame_written_by_hand_from_the_source(td3):
    assert rows(BY_HAND) == td3
    assert EstDevice(EstOptions(signs=False)).present(td3) == BY_HAND


def test_a_document_is_there_with_its_etx(td3):
    """Law 1: the line end behind is not waited for; its absence is no fault, and its presence no noise."""
    codec = EstCodec()
    (event,) = codec.feed(BY_HAND[:-2], 0.0)
    assert event.rows == td3
    assert event.raw == BY_HAND  # the line end, which the PC's program may wait for, without waiting for it
    assert codec.feed(b"\r\n", 0.0) + codec.tick(LATER) == []
    assert [event.rows for event in read(BY_HAND[:-2] * 2)] == [td3, td3]


@pytest.mark.parametrize("options", [
    EstOptions(), EstOptions(plain_line_ends=True), EstOptions(type_name="IDCard"), EstOptions(chip=True),
], ids=["usual", "plain line ends", "unknown type", "chip"])
def test_split_at_every_offset(td3, td1, options):
    for zone in (td3, td1):
        sent = EstDevice(options).present(zone)
        for at in range(len(sent) + 1):
            codec = EstCodec()
            events = codec.feed(sent[:at], 0.0) + codec.tick(0.1) + codec.feed(sent[at:], 0.2) + codec.tick(LATER)
            assert [event.rows for event in events if isinstance(event, RowsRead)] == [zone], at
            assert not [event for event in events if isinstance(event, Garbled | Noise)], at


@pytest.mark.parametrize("end", ["\\n", "\\r\\n", "\\r", "\n", "\r\n", "\\n\\n"])
def test_rows_are_split_at_line_ends_of_every_kind(td3, end):
    assert rows(BY_HAND.replace(b"\\n", end.encode())) == td3


@pytest.mark.parametrize("sent", [
    BY_HAND.replace(b"PassPort", b"Visa"), BY_HAND.replace(b',"type":"PassPort"', b""),
    BY_HAND.replace(b"CameraData", b"CameraData"), BY_HAND.replace(b'"PassPort"', b"17"),
    BY_HAND.replace(b'{"', b'{"stage":"readStart","', 1),
])
def test_names_that_we_have_not_seen_lose_nobody(td3, sent):
    assert rows(sent) == td3


@pytest.mark.parametrize("sent", [
    BY_HAND.replace(b'"PassPort"', b'"PassPo'), BY_HAND.replace(b'"type"', b'"ty\xffpe'),
    BY_HAND.replace(b"CameraData:", b"Camera"), BY_HAND.replace(b"}", b""),
])
def test_json_that_is_none_still_gives_a_zone_that_can_be_made_out(td3, sent):
    assert rows(sent) == td3


@pytest.mark.parametrize("text", [
    b"", b"CameraData", b"CameraData:", b"CameraData:{", b"CameraData:]", b'CameraData:{"data":"P<UTO',
    b"\xff\xfe:\x80", b"X:" + b"[" * 990, b"X:" + b'{"a":' * 190, b"CameraData:NaN;", b'{"data":"ABC1234567"',
    b"X:5", b'X:"text"', b"X:[1]",
    b"X:" + b"9" * 900 + b"x", b"M1ERIKSSON/ANNA       EABC123 ZRHUTO",
])
def test_what_is_no_json_object_is_garbled(text):
    sent = b"\x02" + text + b"\x03\r\n"
    (event,) = read(sent)
    assert isinstance(event, Garbled)
    assert event.count == len(sent) - 2


@pytest.mark.parametrize("text", [
    b'EidlinkResult:{"result":"0"}', b"X:{}", b'CameraData:{"data":"ABC1234567","type":"BarCode"}',
    b'CameraData:{"data":null}', b'CameraData:{"data":["P<UTO"]}', b'CameraData:{"data":7}',
    b'PCSign:{"stage":"readStop"}',
    b'PCSign:{"stage":["readStart"]}',
])
def test_json_without_a_zone_is_another_block(text):
    sent = b"\x02" + text + b"\x03\r\n"
    assert read(sent) == [OtherBlock(len(sent) - 2, sent)]


def test_a_bar_code_between_documents(td3):
    device = EstDevice()
    sent = device.present(td3) + device.block("ABC1234567") + device.present(td3)
    assert [type(event) for event in read(sent) if not is_sign(event)] == [RowsRead, OtherBlock, RowsRead]


def test_a_vendors_replacement_character_becomes_the_one_the_parser_knows(td3):
    damaged = (td3[0], "*" + td3[1][1:])
    assert rows(EstDevice().present(damaged), error_characters="*") == (td3[0], "?" + td3[1][1:])


def test_characters_beyond_ascii_are_findings(td3):
    assert rows(EstDevice().present((td3[0], "é" + td3[1][1:])))[1][1:] == td3[1][1:]


# Law 4: long frames --------------------------------------------------------------------------------------------

def chip(size: int) -> bytes:
    """What a chip says, in a frame of ``size`` bytes with its line end."""
    bare = len(frame("EidlinkResult", {"result": ""}))
    return frame("EidlinkResult", {"result": "0123456789abcdef" * (size // 16 + 1)}).replace(
        b"0123456789abcdef" * (size // 16 + 1), (b"0123456789abcdef" * (size // 16 + 1))[: size - bare]
    )


@pytest.mark.parametrize("size", [1023, 1026, 1027, 4000, FRAME_CAP + 2])
@pytest.mark.parametrize("step", [1, 7, 4096])
def test_what_a_chip_says_is_another_block_however_long(td3, size, step):
    """No fault of the line: ten garbled frames would have the reader switched off and on."""
    sent = BY_HAND + chip(size) + BY_HAND
    codec, events = EstCodec(), []
    for at in range(0, len(sent), step):
        events += codec.feed(sent[at : at + step], 0.0)
    assert [type(event) for event in events] == [RowsRead, OtherBlock, RowsRead]
    assert events[1] == OtherBlock(size - 2, chip(size))
    assert codec.framer.buffer.highest <= FRAME_CAP


def test_a_frame_longer_than_the_longest_is_garbled_once(td3):
    events = read(BY_HAND + chip(FRAME_CAP + 500) + BY_HAND)
    assert [type(event) for event in events if not isinstance(event, Noise)] == [RowsRead, Garbled, RowsRead]


def test_a_document_with_a_picture_beside_its_rows_is_read(td3):
    long = BY_HAND.replace(b'"type"', b'"image":"' + b"QUJD" * 1000 + b'","type"')
    (event,) = read(long)
    assert event == RowsRead(td3, long)


def test_the_raw_of_a_long_frame_is_whole_up_to_its_line_end(td3):
    """The officer's PC gets it through the pass-through: half a frame would have it wait for the end."""
    for event in read(BY_HAND.replace(b'"type"', b'"image":"' + b"QUJD" * 750 + b'","type"') + chip(FRAME_CAP + 2)):
        assert event.raw.startswith(b"\x02")
        assert event.raw.endswith(b"}\x03\r\n")
    assert FRAME_CAP + 2 <= MAX_RAW


def test_the_raw_of_a_zone_found_in_json_that_is_none_is_whole_too(td3):
    long = BY_HAND.replace(b'"type"', b'"image":"' + b"QUJD" * 750 + b'","type').replace(b'"}', b"}")
    assert read(long) == [RowsRead(td3, long)]


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_all_that_was_sent_goes_on_byte_for_byte(td3, step):
    """The PC gets what a cable would have brought it: line ends and the signs of PCSign too."""
    sent = EstDevice(EstOptions(chip=True)).present(td3) + EstDevice().block("ABC1234567")
    codec, events = EstCodec(), []
    for at in range(0, len(sent), step):
        events += codec.feed(sent[at : at + step], 0.0)
    assert b"".join(event.raw for event in events) == sent
    assert [event for event in events if is_sign(event)] == [events[0], events[3]]


# Law 5: reading ------------------------------------------------------------------------------------------------

def test_reading_from_the_start_sign_to_the_end_sign(td3):
    codec = EstCodec()
    assert not codec.reading
    sign = frame("PCSign", {"stage": "readStart", "more": "x"})
    assert codec.feed(sign, 1.0) == [OtherBlock(len(sign) - 2, sign)]
    assert codec.reading
    assert codec.tick(1.0 + READING_S / 2) == []
    assert codec.reading
    codec.feed(BY_HAND, 3.0)
    assert codec.reading
    assert [is_sign(event) for event in codec.feed(frame("PCSign", {"stage": "readEnd"}), 4.0)] == [True]
    assert not codec.reading
    assert codec.next_timeout is None


def test_an_end_sign_that_never_comes_is_not_waited_for():
    codec = EstCodec(reading_s=2.0)
    codec.feed(frame("PCSign", {"stage": "readStart"}), 1.0)
    assert codec.next_timeout == 3.0
    codec.feed(frame("PCSign", {"stage": "readStart"}), 2.9)  # said again: the limit stands
    assert codec.tick(3.0) == []
    assert not codec.reading
    assert codec.next_timeout is None


def test_reading_while_a_frame_is_under_way_and_anew_after_opening():
    codec = EstCodec()
    codec.feed(BY_HAND[:20], 0.0)
    assert codec.reading
    codec = EstCodec()
    codec.feed(frame("PCSign", {"stage": "readStart"}), 0.0)
    codec.start(1.0)
    assert not codec.reading


# Noise ------------------------------------------------------------------------------------------------------------

def test_a_frame_without_an_end_is_dropped(td3):
    codec = EstCodec()
    monster = b"\x02EidlinkResult:{" + b"A" * 20_000
    events = codec.feed(monster, 0.0) + codec.tick(LATER)
    assert sum(event.count for event in events) == len(monster)
    assert codec.framer.buffer.highest <= FRAME_CAP
    assert [event.rows for event in codec.feed(BY_HAND, LATER)] == [td3]


def test_a_frame_that_begins_within_a_frame(td3):
    assert [type(event) for event in read(BY_HAND[:40] + BY_HAND)] == [Garbled, RowsRead]
    assert [type(event) for event in read(b"\x02\x02\x02" + BY_HAND)] == [Noise, RowsRead]


def test_line_ends_alone_are_no_noise_and_half_of_one_is():
    assert read(b"\r\n\r\n") == []
    assert read(b"\r") == [Noise(1)]
    assert read(b"\n") == [Noise(1)]


TEXT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789<", min_size=44, max_size=44)


@given(upper=TEXT, lower=TEXT, type_name=st.text(max_size=30), cut=st.integers(0, 300))
def test_round_trip(upper, lower, type_name, cut):
    sent = EstDevice(EstOptions(type_name=type_name)).present([upper, lower])
    codec = EstCodec()
    events = codec.feed(sent[:cut], 0.0) + codec.feed(sent[cut:], 0.0)
    assert [event.rows for event in events if not is_sign(event)] == [(upper, lower)]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=20),
                    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4))


@given(kind=st.sampled_from(["CameraData", "PCSign", "EidlinkResult", ""]) | st.text(max_size=8), content=JSON)
def test_no_json_raises(kind, content):
    sent = b"\x02" + f"{kind}:{json.dumps(content)}".encode().replace(b"\x02", b"").replace(b"\x03", b"") + b"\x03"
    assert len(read(sent)) <= 2


# Settings ------------------------------------------------------------------------------------------------------------

def test_the_line_is_256000_baud_with_odd_parity():
    chosen = Settings(port="/dev/null")
    assert (chosen.baud, chosen.bytesize, chosen.parity, chosen.stopbits) == (256_000, 8, "O", 1)


@pytest.mark.parametrize(("key", "value"), [("reading_s", 0), ("error_characters", "é"), ("stx", "02")])
def test_a_wrong_setting_is_named(key, value):
    with pytest.raises(BadSetting) as caught:
        build("north", {"port": "/dev/null", key: value}, lambda: 0.0, Tier.VIRTUAL)
    assert caught.value.key == key
