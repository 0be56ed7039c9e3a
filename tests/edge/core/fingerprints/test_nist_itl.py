"""The strict reader of NIST-ITL files: what it takes, what it refuses, by byte and field."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.finger_formats_fuzz import refused, repaired, seeds
from edge.core.fingerprints.iso19794_4 import Payload
from edge.core.fingerprints.model import FingerError, Position
from edge.core.fingerprints.nist_itl import is_transaction, read

HEADER = {2: "0502", 3: "1\x1f2\x1e2\x1f0\x1e14\x1f1", 4: "CPS", 5: "20261122", 7: "XX/NCB", 8: "XX/1", 9: "T-7"}
SECOND = {2: "0", 7: "XX/2026-17"}
FINGER = {2: "1", 3: "1", 4: "XX/1", 5: "20261122", 6: "4", 7: "3", 8: "1", 9: "500",
          10: "500", 11: "NONE", 12: "8", 13: "7"}  # fmt: skip
PIXELS = bytes(range(0x14, 0x20))  # with FS, GS, RS and US among them


def record(kind: int, fields: dict[int, str], data: bytes | None = None) -> bytes:
    parts = [b"%d.%03d:" % (kind, number) + text.encode() for number, text in fields.items()]
    if data is not None:
        parts.append(b"%d.999:" % kind + data)
    rest = b"\x1d" + b"\x1d".join(parts) + b"\x1c"
    return b"%d.001:%05d" % (kind, len(rest) + 11 + (kind > 9)) + rest


def file_of(*, header: dict[int, str] = HEADER, second: dict[int, str] = SECOND,
            fingers: Sequence[dict[int, str]] = (FINGER,), data: bytes = PIXELS) -> bytes:  # fmt: skip
    return record(1, header) + record(2, second) + b"".join(record(14, finger, data) for finger in fingers)


def test_a_file_is_read_with_separators_among_its_pixels() -> None:
    found = read(file_of())
    assert is_transaction(file_of())
    assert (found.header[4], found.header[7], found.descriptive[7]) == ("CPS", "XX/NCB", "XX/2026-17")
    image, = found.images
    assert (image.position, image.width, image.height, image.ppi) == (Position.LEFT_INDEX, 4, 3, 500.0)
    assert (image.payload, image.data, image.impression) == (Payload.PLAIN, PIXELS, 1)
    assert "2026-17" not in repr(found)


def test_the_reader_takes_what_a_transaction_may_lack_or_add() -> None:
    none = {**HEADER, 3: "1\x1f1\x1e2\x1f0", 13: "INT-I\x1f5.03"}
    assert read(file_of(header=none, fingers=())).images == ()
    more = {**FINGER, 8: "2", 9: "197", 10: "197", 20: "comment"}
    assert read(file_of(fingers=[more])).images[0].ppi == 500.0


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"header": {**HEADER, 2: "9999"}}, "1.002: is not a version"),
        ({"header": {**HEADER, 3: "1\x1f1\x1e2\x1f0"}}, "1.003"),
        ({"header": {**HEADER, 3: "rubbish"}}, "1.003"),
        ({"header": {**HEADER, 3: "1\x1f2\x1e2\x1f0\x1e9\x1f1"}}, "1.003"),
        ({"header": {k: v for k, v in HEADER.items() if k != 9}}, "1.009: is missing"),
        ({"header": {2: "0502", 4: "CPS", 3: "x"}}, "1.003: out of order"),
        ({"second": {2: "0", 7: "M\u00fcller"}}, "2.007"),
        ({"second": {2: "0", 7: "x" * 9000}}, "2.007"), ({"second": {7: "x"}}, "2.002: is missing"),
        ({"second": {2: "0", 999: "x"}}, "2.999"), ({"fingers": [{**FINGER, 6: "0"}]}, "14.006"),
        ({"fingers": [{**FINGER, 7: "99999"}]}, "14.007"), ({"fingers": [{**FINGER, 9: "501"}]}, "14.010"),
        ({"fingers": [{**FINGER, 9: "50", 10: "50"}]}, "14.010"), ({"fingers": [{**FINGER, 11: "JP2"}]}, "14.011"),
        ({"fingers": [{**FINGER, 12: "16"}]}, "14.012"), ({"fingers": [{**FINGER, 13: "13"}]}, "14.013"),
        ({"fingers": [{**FINGER, 3: "10"}]}, "14.003"), ({"fingers": [{**FINGER, 8: "3"}]}, "14.008"),
        ({"fingers": [{**FINGER, 2: "1\x1e2"}]}, "14.002"), ({"data": PIXELS[:-1]}, "14.999"),
        ({"data": b""}, "14.999"),
        ({"header": {**HEADER, 3: "1\x1f3\x1e2\x1f0\x1e14\x1f1\x1e14\x1f1"}, "fingers": [FINGER, FINGER]}, "14.002"),
        ({"fingers": [FINGER] * 63}, "more than 64"), ({"second": dict.fromkeys(range(2, 300), "x")}, "too many"),
    ],
)  # fmt: skip
def test_a_fault_names_its_field(changed: dict[str, object], told: str) -> None:
    with pytest.raises(FingerError, match=told) as raised:
        read(file_of(**changed))  # type: ignore[arg-type]
    assert "byte" in raised.value.message
    assert raised.value.advice


@pytest.mark.parametrize(
    "data",
    [
        b"", b"1.001:", b"1.001:5\x1d", b"1.001:x\x1d", b"1.002:20\x1d1.003:\x1c",
        b"1.001:0000000024\x1d1.002:0502\x1c",
        record(2, SECOND), record(1, HEADER), record(1, HEADER) * 2, file_of() + record(2, SECOND), file_of() + b"\x00",
        file_of() + record(15, FINGER, PIXELS), record(1, HEADER).replace(b"\x1d1.004", b"\x1c1.004"),
        file_of()[:-1] + b"\x1d",
        file_of().replace(b"14.013:", b"13.013:"), file_of().replace(b"14.013:", b"14.000:"),
        file_of().replace(b"14.013:", b"14-013:"),
    ],
)  # fmt: skip
def test_what_is_no_transaction_is_refused(data: bytes) -> None:
    assert refused(read, data) is None


def test_every_shorter_file_is_refused() -> None:
    whole = file_of()
    for end in range(len(whole)):
        assert refused(read, whole[:end]) is None


@given(st.sampled_from(list(seeds("itl"))), st.data())
def test_a_damaged_file_is_read_or_refused_by_name(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    for given_bytes in (bytes(damaged), repaired("itl", bytes(damaged))):
        found = refused(read, given_bytes)
        assert found is None or read(given_bytes) == found
