"""Finger image records: round trips in both editions, faults by byte and field."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.finger_formats_fuzz import refused, repaired
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload, is_record, read, write_2005, write_2011
from edge.core.fingerprints.model import FingerError, Position

WRITERS = (write_2005, write_2011)
Write = Callable[[list[FramedImage]], bytes]
ONE = FramedImage(Position.LEFT_INDEX, 3, 2, Payload.PLAIN, b"\x00\x10\x20\x30\x40\xff", 500.0, 80)


@st.composite
def images(draw: st.DrawFn) -> list[FramedImage]:
    payload, ppi = draw(st.sampled_from(Payload)), draw(st.sampled_from((250.0, 500.0, 512.0, 1000.0)))
    found = []
    for _ in range(draw(st.integers(1, 5))):
        width, height = draw(st.integers(1, 30)), draw(st.integers(1, 30))
        size = width * height if payload is Payload.PLAIN else draw(st.integers(1, 50))
        found.append(FramedImage(
            draw(st.sampled_from(Position)), width, height, payload, draw(st.binary(min_size=size, max_size=size)), ppi,
            draw(st.sampled_from((0, 99, 255))), draw(st.integers(0, 9)),
        ))  # fmt: skip
    return found


@given(images())
def test_what_is_written_is_read_again(given_images: list[FramedImage]) -> None:
    for write in WRITERS:
        assert read(write(given_images)) == given_images


@given(st.binary(max_size=120), st.sampled_from((b"FIR\x00010\x00", b"FIR\x00020\x00", b"")))
def test_any_bytes_are_read_or_refused_by_name(data: bytes, magic: bytes) -> None:
    data = magic + data
    for record in (data, repaired("fir", data)):
        assert refused(read, record) is None or read(record)


@pytest.mark.parametrize("write", WRITERS)
def test_every_shorter_and_longer_record_is_refused(write: Write) -> None:
    record = write([ONE, replace(ONE, position=Position.RIGHT_THUMB)])
    assert is_record(record)
    for end in range(len(record)):
        with pytest.raises(FingerError, match="byte"):
            read(record[:end])
    with pytest.raises(FingerError, match="byte 8, record length"):
        read(record + b"\x00")


def test_the_layout_of_2005_byte_by_byte() -> None:
    assert write_2005([ONE]).hex(" ") == (
        "46 49 52 00 30 31 30 00 00 00 00 00 00 34 00 00 00 1e 01 01 01 f4 01 f4 01 f4 01 f4 08 00 00 00 "  # 7.1
        "00 00 00 14 07 01 01 50 00 00 03 00 02 00 00 10 20 30 40 ff"  # 7.2
    )


def test_the_layout_of_2011_byte_by_byte() -> None:
    assert write_2011([ONE]).hex(" ") == (
        "46 49 52 00 30 32 30 00 00 00 00 44 00 01 00 01 "  # 8.2
        "00 00 00 34 ff ff ff ff ff ff ff ff ff 00 00 00 00 00 01 50 00 00 00 00 "  # 8.3: unknown time and device
        "07 01 01 01 f4 01 f4 01 f4 01 f4 08 00 00 00 03 00 02 00 00 00 06 00 10 20 30 40 ff"
    )


FAULTS_2005 = [
    (4, b"9", "byte 0"), (8, b"\x01", "byte 8, record length"), (18, b"\x00", "byte 18, number of fingers"),
    (18, b"\x02", "byte 18, number of fingers"), (19, b"\x03", "byte 19, scale units"),
    (24, b"\x01\xf5", "byte 24, image resolution"), (24, b"\x00\x7c\x00\x7c", "byte 24, image resolution"),
    (28, b"\x10", "byte 28, bits a pixel"), (29, b"\x03", "byte 29, compression"), (30, b"\x01", "byte 30, reserved"),
    (32, b"\x00\x00\x00\x0e", "byte 32, length"), (32, b"\xff\xff\xff\xff", "byte 32, representation"),
    (36, b"\x0d", "byte 36, finger position"), (37, b"\x00", "byte 37, count of views"),
    (39, b"\x65", "byte 39, finger quality"), (40, b"\x0a", "byte 40, impression type"),
    (41, b"\x00\x00", "byte 41, image width"), (43, b"\x10\x01", "byte 43, image height"),
    (43, b"\x00\x03", "byte 46, image data"), (45, b"\x01", "byte 45, reserved byte"),
]  # fmt: skip
FAULTS_2011 = [
    (12, b"\x00\x00", "byte 12, number of representations"), (14, b"\x02", "byte 14, certification flag"),
    (15, b"\x02", "byte 15, number of finger positions"), (16, b"\x00\x00\x00\x28", "byte 16, length"),
    (35, b"\x65", "byte 35, quality"), (40, b"\x15", "byte 40, finger position"), (42, b"\x00", "byte 42, scale units"),
    (47, b"\x00\x01", "byte 47, image resolution"), (51, b"\x01", "byte 51, bits a pixel"),
    (52, b"\x04", "byte 52, compression"), (53, b"\x0b", "byte 53, impression type"),
    (54, b"\xff\xff", "byte 54, image width"), (58, b"\x00\x00\x00\x05", "byte 62, image data"),
    (52, b"\x02", None), (58, b"\x00\x00\x00\x07", "byte 62, image data"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("write", "at", "put", "told"),
    [(write_2005, *fault) for fault in FAULTS_2005] + [(write_2011, *fault) for fault in FAULTS_2011],
)
def test_a_fault_names_its_byte_and_field(write: Write, at: int, put: bytes, told: str | None) -> None:
    record = write([ONE])
    record = record[:at] + put + record[at + len(put) :]
    if told is None:  # as WSQ, which is not looked into here, any length is right
        assert read(record)[0].payload is Payload.WSQ
        return
    with pytest.raises(FingerError, match=told) as raised:
        read(record)
    assert raised.value.advice


def test_centimetres_and_the_number_of_fingers_as_others_count() -> None:
    record = bytearray(write_2005([ONE, replace(ONE, data=bytes(6))]))
    record[19], record[24:28] = 2, struct.pack(">2H", 197, 197)
    assert record[18] == 2  # images
    assert [image.ppi for image in read(bytes(record))] == [500.0, 500.0]
    record[18] = 1  # fingers
    record[24:28] = struct.pack(">2H", 394, 394)
    assert read(bytes(record))[0].ppi == pytest.approx(1000.76)


def test_a_finger_has_a_view_number_once() -> None:
    record = bytearray(write_2011([ONE, ONE]))
    at = 16 + 52 + 24
    assert record[at : at + 2] == b"\x07\x02"
    record[at + 1] = 1
    with pytest.raises(FingerError, match="has that view already"):
        read(bytes(record))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("image", "told"),
    [
        (replace(ONE, width=0), "sides"), (replace(ONE, height=3), "as long as"),
        (replace(ONE, data=b""), "as long as"),
        (replace(ONE, ppi=100.0), "resolution"), (replace(ONE, quality=101), "quality"),
        (replace(ONE, impression=10), "impression"),
    ],
)  # fmt: skip
def test_an_image_without_room_in_the_standard_is_refused(image: FramedImage, told: str, write: Write) -> None:
    with pytest.raises(FingerError, match=told) as raised:
        write([ONE, image])
    assert "image 2" in raised.value.message


def test_a_record_of_2005_has_one_resolution_and_payload() -> None:
    other = replace(ONE, payload=Payload.PNG)
    assert read(write_2011([ONE, other])) == [ONE, other]
    with pytest.raises(FingerError, match="two resolutions or payloads"):
        write_2005([ONE, other])
    with pytest.raises(FingerError, match="1 to 176"):
        write_2011([])


def test_a_contactless_image_is_of_2011_alone() -> None:
    image = replace(ONE, impression=24)
    assert read(write_2011([image])) == [image]
    with pytest.raises(FingerError, match="not of this edition"):
        write_2005([image])


def test_pixels_are_in_no_repr_and_nothing_else_is_read() -> None:
    assert "10" not in repr(ONE).replace("100", "")
    for data in (b"", b"FIR\x00030\x00", b"FMR\x00 20\x00"):
        assert not is_record(data)
        with pytest.raises(FingerError, match="byte 0"):
            read(data)
