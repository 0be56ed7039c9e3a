"""The service ``extract`` of the child process: an image in, a template and its NFIQ 2 out.

An image is either pixels (of a scanner) or a whole file. Files that others made are unpacked in the child too: the C
library below ``wsq`` crashes on 1 damaged file in 200 (SIGSEGV; 400 files with one to four wrong bytes).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from common.fingers.child import Child
from common.fingers.extractors import Extractor, open_extractor
from common.fingers.frames import Handler, wipe
from common.fingers.images import decode_image
from edge.core.fingerprints.model import MAX_MINUTIAE, MAX_SIDE, FingerError, FingerImage, Position, Template

NAME: Final = "extract"
TIMEOUT_S: Final = 10.0  # a rolled finger with LEADER takes 2.4 s of one core
_WARM_SIDE: Final = 128  # pixels of the first image, which is thrown away


class ExtractOptions(msgspec.Struct, frozen=True):
    """``extractor`` of the NAMES of extractors; ``threads`` it may use; ``quality``: NFIQ 2 may be asked for."""

    extractor: str
    threads: int = 1
    quality: bool = True


class ExtractRequest(msgspec.Struct, array_like=True, frozen=True, tag="pixels"):
    """``pixels`` row by row, 0 black to 255 white, ridges dark; ``quality``: NFIQ 2 is wanted (0.1 s)."""

    width: int
    height: int
    ppi: float
    position: int
    quality: bool
    pixels: bytes

    def __repr__(self) -> str:
        return f"ExtractRequest({self.width} x {self.height})"


class FileRequest(msgspec.Struct, array_like=True, frozen=True, tag="file"):
    """``data`` of a PNG, TIFF or WSQ file, ``name`` for errors; ``ppi`` overrides what the file states."""

    name: str
    ppi: float | None
    position: int
    quality: bool
    data: bytes

    def __repr__(self) -> str:
        return f"FileRequest({len(self.data)} bytes)"


class TemplateMessage(msgspec.Struct, array_like=True, frozen=True):
    """A template; arrays as little-endian bytes, two each for ``x`` and ``y``, in memory that can be overwritten."""

    extractor_id: str
    position: int
    width: int
    height: int
    image_quality: int
    x: bytearray
    y: bytearray
    angle: bytearray
    kind: bytearray
    quality: bytearray

    def __repr__(self) -> str:
        return f"TemplateMessage({self.extractor_id}, {len(self.angle)} minutiae)"

    def forget(self) -> None:
        """See ``frames.Forgetful``."""
        for part in (self.x, self.y, self.angle, self.kind, self.quality):
            wipe(part)


def extract_in(
    child: Child, image: FingerImage, position: Position, *, quality: bool = False, timeout_s: float = TIMEOUT_S
) -> Template:
    """Have the child's service ``extract`` work; ``quality`` fills the template's image quality with NFIQ 2.

    Raises FingerError (this image cannot be used), ChildFailedError (capture again).
    """
    height, width = image.pixels.shape
    request = ExtractRequest(width, height, image.ppi, int(position), quality, image.pixels.tobytes())
    message = child.call(NAME, request, TemplateMessage, timeout_s)
    return from_message(message)


def extract_file_in(
    child: Child, data: bytes, name: str, position: Position, *, ppi: float | None = None, quality: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Template:  # fmt: skip
    """The same of a whole file; ``name`` stands in the errors.

    Raises FingerError (this file cannot be used), ChildFailedError (it may be the file: a decoder can crash on it).
    """
    request = FileRequest(name, ppi, int(position), quality, data)
    return from_message(child.call(NAME, request, TemplateMessage, timeout_s))


def to_message(template: Template) -> TemplateMessage:
    """For the pipe."""
    return TemplateMessage(
        template.extractor_id, int(template.position), template.width, template.height, template.image_quality,
        *(_bytes(one, "<i2") for one in (template.x, template.y)),
        *(_bytes(one, "u1") for one in (template.angle, template.kind, template.quality)),
    )  # fmt: skip


def _bytes(array: NDArray[np.generic], dtype: str) -> bytearray:
    return bytearray(np.ascontiguousarray(array, dtype).view(np.uint8).data)


def from_message(message: TemplateMessage) -> Template:
    """From the pipe; its arrays are the message's own memory, so that whoever holds the template may erase it.

    Raises FingerError if its parts do not fit together.
    """
    count = len(message.angle)
    lengths = len(message.x) // 2, len(message.y) // 2, len(message.kind), len(message.quality)
    whole = set(lengths) == {count} and len(message.x) % 2 == len(message.y) % 2 == 0
    sides = 0 <= message.width <= MAX_SIDE and 0 <= message.height <= MAX_SIDE and 0 <= message.image_quality <= 255
    if not (whole and sides and count <= MAX_MINUTIAE and 0 <= message.position <= 10):
        raise FingerError("a template whose parts do not fit together", advice="capture the finger again")
    return Template(
        extractor_id=message.extractor_id, position=Position(message.position), width=message.width,
        height=message.height, x=np.frombuffer(message.x, "<i2").astype(np.int16, copy=False),
        y=np.frombuffer(message.y, "<i2").astype(np.int16, copy=False), angle=np.frombuffer(message.angle, np.uint8),
        kind=np.frombuffer(message.kind, np.uint8), quality=np.frombuffer(message.quality, np.uint8),
        image_quality=message.image_quality,
    )  # fmt: skip


def service(options: msgspec.Raw) -> Handler:
    """The factory: everything is loaded, and run once, before the first finger comes. Raises FingerError."""
    given = msgspec.msgpack.decode(options, type=ExtractOptions)
    extractor = open_extractor(given.extractor, threads=given.threads)
    judge = _judge() if given.quality else None
    warm = _stripes()
    for one in filter(None, (extractor, judge)):
        one.extract(warm)
    decoder = msgspec.msgpack.Decoder(ExtractRequest | FileRequest)

    def handle(body: msgspec.Raw) -> TemplateMessage:
        request = decoder.decode(body)
        if not 0 <= request.position <= 10:
            raise FingerError(f"finger position {request.position}", advice="give a position of 0 to 10")
        image = (
            decode_image(request.data, request.name, request.ppi) if isinstance(request, FileRequest)
            else _pixels(request)
        )  # fmt: skip
        template = _extracted(image, Position(request.position), extractor, judge if request.quality else None)
        message = to_message(template)
        for column in (template.x, template.y, template.angle, template.kind, template.quality):
            column.fill(0)  # made here, and of no use any more
        return message

    return handle


def _pixels(request: ExtractRequest) -> FingerImage:
    width, height = request.width, request.height
    fits = 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and len(request.pixels) == width * height
    if not (fits and 0 < request.ppi < 10_000):
        raise FingerError(f"an image of {width} x {height} pixels that is none", advice="capture the finger again")
    return FingerImage(np.frombuffer(request.pixels, np.uint8).reshape(height, width), request.ppi)


def _extracted(image: FingerImage, position: Position, extractor: Extractor, judge: Extractor | None) -> Template:
    template = extractor.extract(image, position)
    if judge is None:
        return template
    return replace(template, image_quality=judge.extract(image).image_quality)


def _judge() -> Extractor | None:
    """NFIQ 2 comes with nbis-py; without it nothing is said of quality."""
    from common.fingers.mindtct import Mindtct

    try:
        return Mindtct(quality=True)
    except FingerError:
        return None


def _stripes() -> FingerImage:
    rows = 128 + 100 * np.sin(np.arange(_WARM_SIDE) * (2 * np.pi / 9))
    return FingerImage(np.repeat(rows.astype(np.uint8)[:, np.newaxis], _WARM_SIDE, axis=1))
