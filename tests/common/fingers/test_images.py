"""Image files of fingers: formats, resolutions, limits, and every way in which a file can be no good."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from finger_kit import finger
from hypothesis import given, settings
from hypothesis import strategies as st

from common.fingers import images
from common.fingers.images import at_500, decode_image, png_bytes, read_image
from edge.core.fingerprints.model import FingerError, FingerImage

pillow = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra fingers")
PRINT = finger(1)


def saved(kind: str, mode: str = "L", **options: object) -> bytes:
    out = io.BytesIO()
    pillow.fromarray(PRINT.pixels).convert(mode).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_the_pixels_come_out_as_they_went_in(kind: str, mode: str) -> None:
    found = decode_image(saved(kind, mode), "a")
    assert np.array_equal(found.pixels, PRINT.pixels)
    assert found.ppi == 500
    assert found.pixels.dtype == np.uint8


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "raw"])
def test_compressed_tiff(compression: str) -> None:
    assert np.array_equal(decode_image(saved("TIFF", compression=compression), "a").pixels, PRINT.pixels)


def test_wsq_comes_near_with_the_resolution_of_its_comment() -> None:
    pytest.importorskip("wsq", reason="wsq comes with the extra fingers")
    data = saved("WSQ")
    found = decode_image(data, "a")
    assert found.pixels.shape == PRINT.pixels.shape
    assert np.abs(found.pixels.astype(int) - PRINT.pixels).mean() < 12
    text = b"NIST_COM 3\nPIX_WIDTH 384\nPPI 250\n"
    commented = data[:2] + b"\xff\xa8" + (len(text) + 2).to_bytes(2, "big") + text + data[2:]
    assert decode_image(commented, "a").ppi == 250


def test_sixteen_bits_palettes_and_black_and_white() -> None:
    deep = pillow.fromarray((PRINT.pixels.astype(np.uint16) << 8) | 0x7F)
    out = io.BytesIO()
    deep.save(out, "PNG")
    assert np.array_equal(decode_image(out.getvalue(), "a").pixels, PRINT.pixels)
    assert set(np.unique(decode_image(saved("PNG", "1"), "a").pixels)) == {0, 255}
    assert np.abs(decode_image(saved("PNG", "P"), "a").pixels.astype(int) - PRINT.pixels).max() < 16


def test_what_is_transparent_is_glass() -> None:
    out = io.BytesIO()
    pillow.new("RGBA", (80, 80), (0, 0, 0, 0)).save(out, "PNG")
    assert (decode_image(out.getvalue(), "a").pixels == 255).all()


@pytest.mark.parametrize(
    ("stated", "found"), [(500, 500), (569, 569), (1000, 1000), (72, 500), (96, 500), (1, 500), (2400, 500)]
)
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_stated_resolution_counts_where_a_scanner_can_have_it(kind: str, stated: int, found: int) -> None:
    assert decode_image(saved(kind, dpi=(stated, stated)), "a").ppi == pytest.approx(found, abs=0.05)


def test_what_the_caller_says_counts_more() -> None:
    assert decode_image(saved("PNG", dpi=(500, 500)), "a", 569).ppi == 569
    with pytest.raises(FingerError, match="pixels per inch"):
        decode_image(saved("PNG"), "a", 72)


def test_oblong_pixels_are_refused_unless_the_caller_knows_better() -> None:
    data = saved("PNG", dpi=(500, 300))
    with pytest.raises(FingerError, match="300"):
        decode_image(data, "a")
    assert decode_image(data, "a", 500).ppi == 500


def chunk(name: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")


def huge_png(width: int, height: int) -> bytes:
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    body = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("width", "height"), [(4097, 100), (100, 60_000), (60_000, 60_000), (63, 100), (1, 1)])
def test_sides_are_looked_at_before_anything_is_unpacked(width: int, height: int) -> None:
    with pytest.raises(FingerError, match=f"{width} x {height}|damaged") as caught:
        decode_image(huge_png(width, height), "finger.png")
    assert "finger.png" in caught.value.message
    assert caught.value.advice


@pytest.mark.parametrize("data", [b"", b"not an image", b"GIF89a" + bytes(100), b"\xff\xd8\xff\xe0" + bytes(100)])
def test_other_files_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(FingerError, match=r"finger\.jpg"):
        decode_image(data, "finger.jpg")


def test_several_pages_are_refused() -> None:
    out = io.BytesIO()
    pages = [pillow.fromarray(PRINT.pixels)] * 2
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(FingerError, match="more than one page"):
        decode_image(out.getvalue(), "a")


@pytest.mark.parametrize("tail", [b"", b"\x05\x00" + bytes(8)])
def test_what_a_library_says_of_a_file_reaches_nobody(tail: bytes) -> None:
    """A second page that is not there: Pillow warns of it."""
    whole = bytearray(saved("TIFF"))
    at = struct.unpack_from("<I", whole, 4)[0]
    following = at + 2 + 12 * struct.unpack_from("<H", whole, at)[0]
    struct.pack_into("<I", whole, following, len(whole))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        with pytest.raises(FingerError, match="damaged"):
            decode_image(bytes(whole) + tail, "a")
    assert not heard


def test_strange_colours_are_refused() -> None:
    out = io.BytesIO()
    pillow.new("CMYK", (80, 80)).save(out, "TIFF")
    with pytest.raises(FingerError, match="CMYK"):
        decode_image(out.getvalue(), "a")


@settings(max_examples=150)
@given(kind=st.sampled_from(["PNG", "TIFF", "WSQ"]), data=st.data())
def test_damaged_files_raise_nothing_else(kind: str, data: st.DataObject) -> None:
    whole = bytearray(SMALL[kind])
    for _ in range(data.draw(st.integers(0, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    # WSQ's C library is trusted with whole files only: what is damaged here is its header
    whole = whole[: data.draw(st.integers(2, 30) if kind == "WSQ" else st.integers(0, len(whole)))]
    with contextlib.suppress(FingerError):
        assert max(decode_image(bytes(whole), "a").pixels.shape) <= 4096


def small_files() -> dict[str, bytes]:
    found = {}
    for kind in ("PNG", "TIFF", "WSQ"):
        if kind == "WSQ":
            pytest.importorskip("wsq", reason="wsq comes with the extra fingers")
        out = io.BytesIO()
        pillow.fromarray(PRINT.pixels[100:180, 100:180]).save(out, kind)
        found[kind] = out.getvalue()
    return found


SMALL = small_files()


def test_files_are_read_and_faults_name_them(tmp_path: Path) -> None:
    path = tmp_path / "1_1.png"
    path.write_bytes(saved("PNG"))
    assert read_image(path).pixels.shape == (290, 384)
    with pytest.raises(FingerError, match="cannot be read"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(FingerError, match="cannot be read"):
        read_image(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(FingerError, match="cannot be read"):
        read_image(tmp_path / "pipe.png")


def test_a_file_over_the_limit_is_not_read_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 1 << 20)
    path = tmp_path / "1_1.png"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FingerError, match="over 1 MiB"):
        read_image(path)


def test_other_resolutions_come_to_500() -> None:
    found = at_500(finger(1, 0, 437, 330, 569))
    assert found.ppi == 500
    assert found.pixels.shape == (290, 384)
    assert np.abs(found.pixels[60:-60, 60:-60].astype(int) - PRINT.pixels[60:-60, 60:-60]).mean() < 25
    assert at_500(PRINT).pixels is PRINT.pixels
    assert at_500(FingerImage(PRINT.pixels, 501.9)).pixels is PRINT.pixels


@pytest.mark.parametrize(("side", "ppi"), [(4000, 250), (70, 1000)])
def test_an_image_that_is_too_large_or_small_at_500_is_refused(side: int, ppi: int) -> None:
    with pytest.raises(FingerError, match="at 500 per inch"):
        at_500(FingerImage(np.zeros((side, side), np.uint8), ppi))


def test_pixels_are_in_no_repr() -> None:
    assert "array" not in repr(decode_image(png_bytes(PRINT.pixels), "a"))


def test_no_advice_asks_the_public_index_for_a_package_named_borderpost() -> None:
    root = Path(images.__file__).resolve().parents[2]
    texts = [p for place in ("common", "edge", "hq", "drivers", "demo", "docs") for p in (root / place).rglob("*")
             if p.suffix in (".py", ".md")]  # fmt: skip
    wrong = re.compile(r"pip install[^\n]*\bborderpost(\[|['\"\s]*$)", re.MULTILINE)
    assert [p.name for p in texts if wrong.search(p.read_text("utf-8"))] == []
    assert "--require-hashes -r requirements-box.lock" in images.EXTRA


def test_a_transaction_is_told_what_to_do_with_it() -> None:
    with pytest.raises(FingerError) as said:
        decode_image(b"1.001:135\x1d1.002:0501\x1d", "case.nist")
    assert said.value.message == "case.nist: a NIST-ITL transaction, no image"
    assert "borderpost fingers export FILE --format fir2011" in said.value.advice
