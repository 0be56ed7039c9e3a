"""Image files of fingers: PNG, TIFF and WSQ into a FingerImage, and any FingerImage to 500 pixels per inch.

Laws:
1. A file that cannot be used raises FingerError; it names the file and the next step, and tells nothing of the image.
2. Sides are looked at before anything is unpacked: no file makes us allocate more than MAX_SIDE x MAX_SIDE pixels
   of four channels (64 MiB).
3. The resolution is what the caller says (``ppi``), else what the file states if a scanner can have it
   (MIN_PPI to MAX_PPI; the 72 and 96 of picture editors are not taken for one), else 500.

WSQ needs the package ``wsq``, the others Pillow: both come with the extra ``fingers``.
"""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Final

import numpy as np

from common.files import open_regular
from edge.core.fingerprints import nist_itl
from edge.core.fingerprints.model import MAX_SIDE, PPI, FingerError, FingerImage, Pixels

if TYPE_CHECKING:
    from PIL import Image

MAX_BYTES: Final = 64 << 20  # of one file
MIN_SIDE: Final = 64  # pixels: 3 mm at 500 per inch, less shows no minutiae
MIN_PPI: Final = 200  # the coarsest scanner known asks 250 (ISO/IEC 19794-4:2005, table 1)
MAX_PPI: Final = 1200  # the finest asks 1000
ASPECT: Final = 0.01  # by how much the two resolutions of a file may differ
SAME_PPI: Final = 0.005  # a ratio this near to 1 moves a minutia by less than 2 pixels over an inch: left as it is
EXTRA: Final = "install the packages for fingers: pip install --require-hashes -r requirements-box.lock"
OF_NIST_ITL: Final = "take its images out: borderpost fingers export FILE --format fir2011 (or wsq)"
FORMATS: Final = ("PNG", "TIFF", "WSQ")

_WSQ_COMMENT: Final = b"\xff\xa8"  # a comment segment; NISTCOM lines such as "PPI 500" stand in it
_COMMENT_PPI: Final = re.compile(rb"(?:^|\n)PPI[ \t]+(\d{2,5})")
_COMMENTS_IN: Final = 4096  # bytes from the start of a WSQ file in which its comments are looked for


def read_image(path: Path, ppi: float | None = None) -> FingerImage:
    """Read one file, of at most MAX_BYTES; ``ppi`` overrides what it states. Raises FingerError."""
    return decode_image(read_bytes(path), str(path), ppi)


def read_bytes(path: Path) -> bytes:
    """The bytes of a regular file of at most MAX_BYTES. Raises FingerError."""
    try:
        with open_regular(path) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FingerError(
            f"{path}: cannot be read: {error.strerror or error}", advice="check the name and the rights of the file"
        ) from error
    if len(data) > MAX_BYTES:
        raise FingerError(f"{path}: over {MAX_BYTES >> 20} MiB", advice="cut the image down to one finger")
    return data


def decode_image(data: bytes, name: str, ppi: float | None = None) -> FingerImage:
    """Decode the bytes of a PNG, TIFF or WSQ file; ``name`` stands in the errors. Raises FingerError.

    The image keeps its own size; ``ppi`` (pixels per inch, MIN_PPI to MAX_PPI) overrides what the file states.
    """
    if ppi is not None and not MIN_PPI <= ppi <= MAX_PPI:
        raise FingerError(f"{name}: {ppi:g} pixels per inch", advice=f"give --ppi from {MIN_PPI} to {MAX_PPI}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own limit is above ours; what it says of damage, we say (law 1)
        return _decoded(data, name, ppi)


def _decoded(data: bytes, name: str, ppi: float | None) -> FingerImage:
    opened = _opened(data, name)
    width, height = opened.size
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise FingerError(
            f"{name}: {width} x {height} pixels", advice=f"each side must be from {MIN_SIDE} to {MAX_SIDE} pixels"
        )
    stated = _stated_ppi(opened, data) if ppi is None else (ppi, ppi)
    if abs(stated[0] - stated[1]) > ASPECT * stated[0]:
        raise FingerError(
            f"{name}: {stated[0]:.0f} pixels per inch across and {stated[1]:.0f} down",
            advice="scale the image to square pixels, or give the true resolution with --ppi",
        )
    try:
        pixels = _grey(opened, name)
    except FingerError:
        raise
    except Exception as error:  # what a decoder raises on a damaged file is anybody's guess
        raise _damaged(name) from error
    return FingerImage(pixels=pixels, ppi=float(stated[0]))


def at_500(image: FingerImage) -> FingerImage:
    """The same finger at 500 pixels per inch, by Pillow's Lanczos filter; as it is within SAME_PPI.

    Minutiae are then in the frame of every template (law 1 of the model) whatever the scanner was, and extractors
    see the ridge period that they were made for. Raises FingerError if a side leaves MIN_SIDE to MAX_SIDE.
    """
    height, width = image.pixels.shape
    ratio = PPI / image.ppi
    if abs(ratio - 1) > SAME_PPI:
        width, height = round(width * ratio), round(height * ratio)
    if not (MIN_SIDE <= width <= MAX_SIDE and MIN_SIDE <= height <= MAX_SIDE):
        raise FingerError(
            f"an image of {width} x {height} pixels at 500 per inch",
            advice=f"each side must be from {MIN_SIDE} to {MAX_SIDE} pixels: check the resolution that was given",
        )
    if image.pixels.shape == (height, width):
        return FingerImage(pixels=image.pixels, ppi=PPI)
    pillow = _pillow()
    resized = pillow.fromarray(image.pixels).resize((width, height), pillow.Resampling.LANCZOS)
    return FingerImage(pixels=np.asarray(resized, dtype=np.uint8), ppi=PPI)


def png_bytes(pixels: Pixels) -> bytes:
    """8-bit grey pixels as a PNG file, hardly compressed: for libraries that take files only."""
    out = io.BytesIO()
    _pillow().fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise FingerError("images cannot be read: Pillow is missing", advice=EXTRA) from error
    return Image


def _opened(data: bytes, name: str) -> Image.Image:
    pillow = _pillow()
    if data.startswith(b"\xff\xa0"):
        try:
            import wsq  # noqa: F401 - importing it makes Pillow know WSQ
        except ImportError as error:
            raise FingerError(f"{name}: WSQ cannot be read: the package wsq is missing", advice=EXTRA) from error
    formats = [f for f in FORMATS if f != "WSQ" or data.startswith(b"\xff\xa0")]
    try:
        opened: Image.Image = pillow.open(io.BytesIO(data), formats=formats)
    except pillow.UnidentifiedImageError as error:
        if nist_itl.is_transaction(data):
            raise FingerError(f"{name}: a NIST-ITL transaction, no image", advice=OF_NIST_ITL) from error
        raise FingerError(f"{name}: neither PNG, TIFF nor WSQ", advice="save the image as PNG") from error
    except Exception as error:
        raise _damaged(name) from error
    return opened


def _stated_ppi(opened: Image.Image, data: bytes) -> tuple[float, float]:
    stated = opened.info.get("dpi")
    if opened.format == "WSQ":
        stated = _wsq_ppi(data)
    try:
        across, down = float(stated[0]), float(stated[1])  # type: ignore[index]
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return PPI, PPI
    if not (MIN_PPI <= across <= MAX_PPI and MIN_PPI <= down <= MAX_PPI):  # a NaN fails as well
        return PPI, PPI
    return across, down


def _wsq_ppi(data: bytes) -> tuple[float, float] | None:
    """NISTCOM's resolution, where a comment of the first bytes states one."""
    head = data[:_COMMENTS_IN]
    at = head.find(_WSQ_COMMENT)
    found = _COMMENT_PPI.search(head, at) if at >= 0 else None
    return None if found is None else (float(found[1]), float(found[1]))


def _grey(opened: Image.Image, name: str) -> Pixels:
    _one_page(opened, name)
    opened.load()
    mode = opened.mode
    if mode in ("I;16", "I;16L", "I;16B", "I;16N", "I"):
        deep = np.asarray(opened).astype(np.int64)
        if deep.size and not 0 <= int(deep.min()) <= int(deep.max()) <= 0xFFFF:
            raise FingerError(f"{name}: grey values over 16 bits", advice="save it as 8-bit grey")
        return (deep >> 8).astype(np.uint8)
    if mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        raise FingerError(f"{name}: colours of the kind {mode}", advice="save it as 8-bit grey")
    if mode in ("LA", "PA", "RGBA") or "transparency" in opened.info:
        opened = opened.convert("RGBA")
        ground = _pillow().new("RGBA", opened.size, "white")
        ground.alpha_composite(opened)
        opened = ground
    return np.array(opened.convert("L"), dtype=np.uint8)


def _one_page(opened: Image.Image, name: str) -> None:
    if opened.format != "TIFF":
        return
    try:
        opened.seek(1)
    except EOFError:
        opened.seek(0)
        return
    raise FingerError(f"{name}: more than one page", advice="save each page as a file of its own")


def _damaged(name: str) -> FingerError:
    return FingerError(f"{name}: damaged: it cannot be unpacked", advice="copy the file again, or export it as PNG")
