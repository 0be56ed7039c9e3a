"""NIST-ITL files for the NCB: read back by nistitl and by the strict reader; nothing in them that nobody stated."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.fingers import itl
from common.fingers.packing import pack, unpack
from drivers.virtual.prints import synthetic_print
from edge.core.fingerprints import nist_itl
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload, read, write_2005, write_2011
from edge.core.fingerprints.model import FingerError, FingerImage, Position

nistitl = pytest.importorskip("nistitl", reason="the extra fingers is not installed")
pytest.importorskip("wsq", reason="the extra fingers is not installed")

HEADER = itl.Header("CPS", "XX/NCB", "XX/POST", "2026-0007", date(2026, 11, 22), 4, ("INT-I", "5.03"))
REFERENCES = {itl.CASE: "XX/2026-17", itl.RECORD: "XX/R-1"}


def finger(seed: int = 3, ppi: float = 500.0) -> FingerImage:
    pixels = np.frombuffer(synthetic_print(seed, 160, 200, ppi), np.uint8).reshape(200, 160)
    return FingerImage(pixels, ppi)


@pytest.mark.parametrize("payload", list(Payload))
def test_nistitl_reads_back_what_is_written(payload: Payload) -> None:
    images = [pack(finger(3), Position.RIGHT_INDEX, payload), pack(finger(4), Position.LEFT_THUMB, payload)]
    data = itl.write(HEADER, REFERENCES, images, date(2026, 11, 21))
    message = nistitl.Message()
    message.parse(data)
    assert [record.type for record in message] == [1, 2, 14, 14]
    first, second = message[0], message[1]
    assert [first[n].value for n in (2, 4, 5, 6, 7, 8, 9, 11, 12)] == [
        "0502", "CPS", "20261122", "4", "XX/NCB", "XX/POST", "2026-0007", "00.00", "00.00"
    ]  # fmt: skip
    assert first[3].value == [["1", "3"], ["2", "0"], ["14", "1"], ["14", "2"]]
    assert first[13].value == [["INT-I", "5.03"]]
    assert {f.tag: f.value for f in second._fields if f.tag > 2} == {7: "XX/2026-17", 10: "XX/R-1"}
    for image, made in zip(images, message.iter(14), strict=True):
        assert [made[n].value for n in (3, 4, 5, 6, 7, 8, 9, 10, 12)] == [
            "0", "XX/POST", "20261121", "160", "200", "1", "500", "500", "8"
        ]  # fmt: skip
        assert made[11].value == {"plain": "NONE", "wsq": "WSQ20", "png": "PNG"}[payload.value]
        assert made[13].value == str(int(image.position))
        assert made[999].value == image.data


def test_the_strict_reader_gives_the_same_and_the_pixels() -> None:
    images = [pack(finger(), Position.RIGHT_INDEX, payload) for payload in Payload]
    found = nist_itl.read(itl.write(HEADER, REFERENCES, images))
    assert [replace(image, quality=255) for image in images] == list(found.images)
    for image in found.images:
        again = unpack(image, "file").pixels.astype(int)
        off = np.abs(again - finger().pixels).mean()
        assert off < 12 if image.payload is Payload.WSQ else off == 0


@pytest.mark.parametrize("payload", list(Payload))
@pytest.mark.parametrize("write", [write_2005, write_2011])
def test_payloads_survive_iso_records(payload: Payload, write: object) -> None:
    image = pack(finger(), Position.RIGHT_RING, payload)
    assert read(write([image])) == [image]  # type: ignore[operator]


def test_wsq_is_made_at_500_per_inch_only() -> None:
    image = pack(finger(ppi=1000.0), Position.RIGHT_INDEX, Payload.WSQ)
    assert (image.width, image.height, image.ppi) == (80, 100, 500)
    assert pack(finger(ppi=1000.0), Position.RIGHT_INDEX, Payload.PNG).ppi == 1000


def test_nothing_is_in_the_file_that_nobody_stated() -> None:
    image = [pack(finger(), Position.RIGHT_INDEX, Payload.PLAIN)]
    assert itl.write(HEADER, REFERENCES, image) == itl.write(HEADER, REFERENCES, image)
    bare = itl.Header("CPS", "D", "O", "N", date(2026, 1, 2))
    found = nist_itl.read(itl.write(bare, {}, image))
    assert sorted(found.header) == [1, 2, 3, 4, 5, 7, 8, 9, 11, 12]
    assert sorted(found.descriptive) == [1, 2]


SOME = st.tuples(st.sampled_from(Position), st.binary(min_size=6, max_size=6), st.integers(0, 9))


@settings(deadline=None)
@given(
    st.lists(SOME, min_size=1, max_size=5),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=32),
)
def test_any_pixels_and_any_text_survive_both_readers(prints: list[tuple[Position, bytes, int]], text: str) -> None:
    images = [FramedImage(p, 3, 2, Payload.PLAIN, data, impression=kind) for p, data, kind in prints]
    data = itl.write(replace(HEADER, origin=text), {itl.CASE: text}, images)
    assert list(nist_itl.read(data).images) == images
    if "999:" in text:  # nistitl takes these letters for the field of the image, wherever they stand
        return
    message = nistitl.Message()
    message.parse(data)
    assert [record[999].value for record in message.iter(14)] == [image.data for image in images]


IMAGE = FramedImage(Position.RIGHT_INDEX, 3, 2, Payload.PLAIN, bytes(6))


@pytest.mark.parametrize(
    ("header", "references", "images", "told"),
    [
        (replace(HEADER, kind=""), {}, [IMAGE], "1.004"), (replace(HEADER, kind="x" * 17), {}, [IMAGE], "1.004"),
        (replace(HEADER, origin="a\x1db"), {}, [IMAGE], "1.008"),
        (replace(HEADER, destination="\u0644"), {}, [IMAGE], "1.007"),
        (replace(HEADER, number="n\n"), {}, [IMAGE], "1.009"), (replace(HEADER, priority=10), {}, [IMAGE], "1.006"),
        (HEADER, {itl.CASE: ""}, [IMAGE], "2.007"), (HEADER, {18: "NAME"}, [IMAGE], "type 2"),
        (HEADER, {}, [], "0 images"),
        (HEADER, {}, [IMAGE] * 21, "21 images"), (HEADER, {}, [replace(IMAGE, impression=10)], "14.003"),
        (HEADER, {}, [replace(IMAGE, data=b"")], "14.999"),
    ],
)  # fmt: skip
def test_what_does_not_belong_in_a_file_is_refused(
    header: itl.Header, references: dict[int, str], images: list[FramedImage], told: str
) -> None:
    with pytest.raises(FingerError, match=told) as raised:
        itl.write(header, references, images)
    assert raised.value.advice


def test_a_payload_that_is_not_what_it_says_is_refused() -> None:
    packed = pack(finger(), Position.RIGHT_INDEX, Payload.PNG)
    with pytest.raises(FingerError, match="other sides"):
        unpack(replace(packed, width=161), "file")
    with pytest.raises(FingerError, match="not WSQ"):
        unpack(replace(packed, payload=Payload.WSQ), "file")
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (160, 200)).save(out, "TIFF")
    with pytest.raises(FingerError, match="not PNG"):
        unpack(replace(packed, data=out.getvalue()), "file")
