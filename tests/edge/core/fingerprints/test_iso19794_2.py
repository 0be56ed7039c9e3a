"""Minutiae records: round trips in both editions, faults by byte and field, what others write."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.finger_formats_fuzz import check_of, refused
from edge.core.fingerprints.iso19794_2 import is_record, read, write_2005, write_2011
from edge.core.fingerprints.model import MAX_MINUTIAE, FingerError, Position, Template

ARRAYS = ("x", "y", "angle", "kind", "quality")
WRITERS = (write_2005, write_2011)
Write = Callable[[list[Template]], bytes]


def made(rows: list[tuple[int, int, int, int, int]], **said: object) -> Template:
    x, y, angle, kind, quality = zip(*rows, strict=True) if rows else ((),) * 5
    small = (np.array(values, np.uint8) for values in (angle, kind, quality))
    arrays = dict(zip(ARRAYS, (np.array(x, np.int16), np.array(y, np.int16), *small), strict=True))
    told = {"extractor_id": "test", "position": Position.RIGHT_INDEX, "width": 300, "height": 400, "image_quality": 70}
    return Template(**{**told, **said}, **arrays)  # type: ignore[arg-type]


ONE = made([(10, 20, 128, 1, 50), (299, 399, 255, 2, 0)])


def same(one: Template, other: Template) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in ARRAYS]
    return one.position == other.position and all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in pairs)


@st.composite
def templates(draw: st.DrawFn) -> list[Template]:
    width, height = draw(st.integers(1, 4096)), draw(st.integers(1, 4096))
    highest = (width - 1, height - 1, 255, 2, 100)
    minutia = st.tuples(*(st.integers(0, most) for most in highest))
    count = draw(st.integers(1, 6))
    return [
        made(draw(st.lists(minutia, max_size=40)), width=width, height=height, position=draw(st.sampled_from(Position)),
             image_quality=draw(st.sampled_from((0, 55, 100, 255))))
        for _ in range(count)
    ]  # fmt: skip


@given(templates())
def test_what_is_written_is_read_again(given_templates: list[Template]) -> None:
    for write in WRITERS:
        again = read(write(given_templates), "test")
        assert all(same(a, b) for a, b in zip(given_templates, again, strict=True))
        sizes = {(t.width, t.height, "test") for t in given_templates}
        assert {(t.width, t.height, t.extractor_id) for t in again} == sizes
    qualities = [t.image_quality for t in read(write_2011(given_templates))]
    assert qualities == [t.image_quality for t in given_templates]
    # 2005 has no word for "unknown".
    told = [t.image_quality for t in read(write_2005(given_templates))]
    assert told == [0 if quality == 255 else quality for quality in qualities]


@given(st.binary(max_size=200), st.sampled_from((b"FMR\x00 20\x00", b"FMR\x00030\x00", b"")))
def test_any_bytes_are_read_or_refused_by_name(data: bytes, magic: bytes) -> None:
    data = magic + data
    for record in (data, data[:8] + struct.pack(">I", len(data)) + data[12:]):
        assert refused(read, record) is None or read(record)


@given(templates(), st.data())
def test_a_damaged_record_is_read_or_refused_by_name(given_templates: list[Template], data: st.DataObject) -> None:
    record = bytearray(data.draw(st.sampled_from(WRITERS))(given_templates))
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    check_of("fmr2005")(bytes(record))
    if refused(read, bytes(record)) is not None:
        for template in read(bytes(record)):
            assert not len(template) or (template.x.max() < template.width and template.y.max() < template.height)


@pytest.mark.parametrize("write", WRITERS)
def test_every_shorter_and_longer_record_is_refused(write: Write) -> None:
    record = write([ONE, replace(ONE, position=Position.LEFT_THUMB)])
    assert is_record(record)
    for end in range(len(record)):
        with pytest.raises(FingerError, match="byte"):
            read(record[:end])
    with pytest.raises(FingerError, match="byte 8, record length"):
        read(record + b"\x00")


def test_the_layout_of_2005_byte_by_byte() -> None:
    assert write_2005([ONE]).hex(" ") == (
        "46 4d 52 00 20 32 30 00 00 00 00 2a 00 00 01 2c 01 90 00 c5 00 c5 01 00 "  # 7.4
        "02 00 46 02 40 0a 00 14 80 32 81 2b 01 8f ff 00 00 00"  # 7.5
    )


def test_the_layout_of_2011_byte_by_byte() -> None:
    assert write_2011([ONE]).hex(" ") == (
        "46 4d 52 00 30 33 30 00 00 00 00 42 00 01 00 "  # 8.3
        "00 00 00 33 ff ff ff ff ff ff ff ff ff 00 00 00 00 00 01 46 00 00 00 00 "  # 8.4: unknown time and device
        "02 00 00 c5 00 c5 00 01 2c 01 90 60 02 40 0a 00 14 80 32 81 2b 01 8f ff 00 00 00"
    )


FAULTS_2005 = [
    (0, b"X", "byte 0, format identifier"), (8, b"\x00\x00\x00\x2b", "byte 8, record length"),
    (14, b"\x00\x00", "byte 14, image width"), (14, b"\x40\x00", "byte 14, image width"),
    (14, b"\x30\x00", "byte 14, image width"), (18, b"\x00\x62", "byte 18, pixels per cm, x"),
    (20, b"\xff\xff", "byte 20, pixels per cm, y"), (22, b"\x00", "byte 22, number of views"),
    (22, b"\xb1", "byte 22, number of views"), (22, b"\x02", "byte 42, finger position"),
    (23, b"\x01", "byte 23, reserved byte"), (24, b"\x0b", "byte 24, finger position"),
    (25, b"\x0a", "byte 25, impression type"), (26, b"\x65", "byte 26, finger quality"),
    (27, b"\xff", "byte 28, minutiae"), (28, b"\xc0", "byte 28, type of minutia 1"),
    (36, b"\x41", "byte 34, reserved bits of minutia 2"), (34, b"\x81\x2c", "byte 34, x of minutia 2"),
    (30, b"\x01\x90", "byte 28, y of minutia 1"), (33, b"\x65", "byte 28, quality of minutia 1"),
    (40, b"\x00\x01", "byte 42, extended data"),
]  # fmt: skip


@pytest.mark.parametrize(("at", "put", "told"), FAULTS_2005)
def test_a_fault_of_2005_names_its_byte_and_field(at: int, put: bytes, told: str) -> None:
    record = write_2005([ONE])
    with pytest.raises(FingerError, match=told) as raised:
        read(record[:at] + put + record[at + len(put) :])
    assert raised.value.advice


FAULTS_2011 = [
    (12, b"\x00\x00", "byte 12, number of representations"), (12, b"\x00\xb1", "byte 12, number of representations"),
    (14, b"\x02", "byte 14, certification flag"), (15, b"\x00\x00\x00\x21", "byte 15, length of the representation"),
    (15, b"\xff\xff\xff\xff", "byte 15, representation"), (15, b"\x00\x00\x00\x32", "byte 64, extended data length"),
    (33, b"\xff", "byte"), (34, b"\x65", "byte 34, quality"), (39, b"\x0b", "byte 39, finger position"),
    (40, b"\x10", "byte 40, representation number"), (41, b"\x00\x00", "byte 41, pixels per cm, x"),
    (45, b"\x0a", "byte 45, impression type"), (46, b"\x00\x00", "byte 46, image width"),
    (50, b"\x70", "byte 50, minutia length"), (50, b"\x62", "byte 50, minutia length"),
    (51, b"\x03", "byte 52, minutiae"),
    (52, b"\xc0", "byte 52, type of minutia 1"), (57, b"\x80", "byte 52, quality of minutia 1"),
    (64, b"\x00\x04", "byte 66, extended data"),
]  # fmt: skip


@pytest.mark.parametrize(("at", "put", "told"), FAULTS_2011)
def test_a_fault_of_2011_names_its_byte_and_field(at: int, put: bytes, told: str) -> None:
    record = write_2011([ONE])
    with pytest.raises(FingerError, match=told):
        read(record[:at] + put + record[at + len(put) :])


def test_a_fault_tells_nothing_of_a_minutia() -> None:
    record = bytearray(write_2005([ONE]))
    record[28:30] = b"\x7b\x7b"  # x far outside: 15227
    with pytest.raises(FingerError) as raised:
        read(bytes(record))
    assert "15227" not in str(raised.value)
    assert "7b7b" not in str(raised.value)
    assert "299" not in repr(ONE)


@pytest.mark.parametrize("write", WRITERS)
def test_a_finger_has_a_view_number_once(write: Write) -> None:
    record = bytearray(write([ONE, ONE]))
    at, number = (24 + 18, 1) if write is write_2005 else (15 + 51 + 24, 1)
    assert record[at] == Position.RIGHT_INDEX
    record[at + number] = 0
    with pytest.raises(FingerError, match="has that view already"):
        read(bytes(record))


@pytest.mark.parametrize("per_cm", [196, 197])
def test_five_hundred_per_inch_is_left_as_it_is(per_cm: int) -> None:
    record = bytearray(write_2005([ONE]))
    record[18:22] = struct.pack(">2H", per_cm, per_cm)
    assert same(read(bytes(record))[0], ONE)


def test_other_resolutions_are_scaled_to_500_and_stay_inside() -> None:
    record = bytearray(write_2005([ONE]))
    record[18:22] = struct.pack(">2H", 394, 224)  # 1000 per inch across, 569 down
    found = read(bytes(record))[0]
    assert (found.width, found.height) == (150, 352)
    assert found.x.tolist() == [5, 149]
    assert found.y.tolist() == [18, 351]
    assert found.angle.tolist() == [128, 255]


def with_extended(area: bytes, write: Write) -> bytes:
    record = write([ONE])[:-2] + struct.pack(">H", len(area)) + area
    record = record[:8] + struct.pack(">I", len(record)) + record[12:]
    if write is write_2011:
        record = record[:15] + struct.pack(">I", len(record) - 15) + record[19:]
    return record


BLOCK = b"\x01\x01\x00\x09hello" + b"\x00\x02\x00\x04"  # a maker's own, then an empty one of cores and deltas


@pytest.mark.parametrize("write", WRITERS)
def test_extended_data_is_skipped(write: Write) -> None:
    assert same(read(with_extended(BLOCK, write))[0], ONE)


def test_in_2005_a_length_without_its_own_head_is_taken_too() -> None:
    apart = b"\x01\x01\x00\x05hello" + b"\x00\x02\x00\x00"
    assert same(read(with_extended(apart, write_2005))[0], ONE)
    with pytest.raises(FingerError, match="extended data block"):
        read(with_extended(apart, write_2011))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("area", [b"\x01", b"\x01\x01\x00\x03", b"\x01\x01\x00\x20short", BLOCK + b"\x00"])
def test_extended_data_must_fill_its_place(area: bytes, write: Write) -> None:
    with pytest.raises(FingerError, match="extended data"):
        read(with_extended(area, write))


def test_certificates_qualities_and_minutiae_of_five_bytes_are_read() -> None:
    record = write_2011([ONE])
    qualities = b"\x02\xff\x00\x00\x00\x00\x2a\x00\x01\x00\x02"  # not computed, then 42
    rows = record[52:57] + record[58:63]
    view = record[19:33] + qualities + b"\x01\x01\x02\x03" + record[39:50] + b"\x51\x02" + rows + b"\x00\x00"
    body = struct.pack(">I", len(view) + 4) + view
    found = read(record[:8] + struct.pack(">IHB", 15 + len(body), 1, 1) + body)[0]
    assert found.image_quality == 42
    assert same(found, replace(ONE, quality=np.zeros(2, np.uint8)))


def test_a_quality_that_is_not_said_is_zero_in_2011() -> None:
    record = bytearray(write_2011([ONE]))
    record[57], record[34] = 254, 255
    found = read(bytes(record))[0]
    assert found.quality.tolist() == [0, 0]
    assert found.image_quality == 255


@pytest.mark.parametrize("write", WRITERS)
def test_as_many_as_the_standard_has_room_for(write: Write) -> None:
    full = made([(n, n, n, n % 3, n % 101) for n in range(MAX_MINUTIAE)])
    everything = [replace(full, position=position) for position in Position for _ in range(16)]
    found = read(write(everything))
    assert len(found) == 176
    assert all(same(full, replace(t, position=full.position)) for t in found)
    with pytest.raises(FingerError, match="1 to 176"):
        write([*everything, full])
    with pytest.raises(FingerError, match="16 views of a finger"):
        write([full] * 17)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("template", "told"),
    [
        (replace(ONE, width=0), "its image"), (replace(ONE, height=4097), "its image"),
        (replace(ONE, width=299), "outside the image"), (replace(ONE, y=np.array([-1, 0], np.int16)), "outside"),
        (replace(ONE, kind=np.array([1, 3], np.uint8)), "type"),
        (replace(ONE, quality=np.array([101, 0], np.uint8)), "quality"),
        (replace(ONE, image_quality=101), "image quality"), (replace(ONE, angle=np.zeros(1, np.uint8)), "one length"),
        (made([(0, 0, 0, 0, 0)] * 256), "255"),
    ],
)  # fmt: skip
def test_a_template_without_room_in_the_standard_is_refused(template: Template, told: str, write: Write) -> None:
    with pytest.raises(FingerError, match=told) as raised:
        write([ONE, template])
    assert "template 2" in raised.value.message


def test_nothing_else_is_read() -> None:
    for data in (b"", b"FMR", b"FMR\x00 21\x00", b"FIR\x00010\x00" + bytes(40)):
        assert not is_record(data)
        with pytest.raises(FingerError, match="byte 0"):
            read(data)
    with pytest.raises(FingerError, match="is the limit"):
        read(b"FMR\x00 20\x00" + bytes(1 << 20))
