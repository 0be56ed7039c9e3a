"""Images of fingers as payloads of exchange files: plain, WSQ, PNG; from pixels and back.

Laws:
1. WSQ is made of 500 pixels per inch only (the FBI's specification IAFIS-IC-0010(V3), 1.4); others are scaled first.
2. A payload is unpacked with its sides checked against what its file says.
3. Native code unpacks and packs WSQ and PNG, and a damaged file may end the process that runs it: so files of others,
   and whatever the box makes, go through a child (``image_service``), and only there is this called for them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from types import ModuleType
from typing import Final, TypeAlias

import numpy as np

from common.fingers.images import EXTRA, MAX_PPI, MIN_PPI, at_500, decode_image
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload
from edge.core.fingerprints.model import FingerError, FingerImage, Position

BITRATE: Final = 0.75  # bits a pixel: about 15 to 1, what AFIS take (IAFIS-IC-0010(V3), annex)

Decode: TypeAlias = Callable[[bytes, str], FingerImage]
"""``images.decode_image``, or a child that runs it: the bytes of a file, its name for errors."""


def pack(image: FingerImage, position: Position, payload: Payload) -> FramedImage:
    """The image as a payload of an exchange file, at its own resolution, or at 500 for WSQ. Raises FingerError."""
    if payload is Payload.WSQ:
        image = at_500(image)
    height, width = image.pixels.shape
    data = np.ascontiguousarray(image.pixels).tobytes() if payload is Payload.PLAIN else _encoded(image, payload)
    return FramedImage(position, width, height, payload, data, image.ppi)


def unpack(
    framed: FramedImage, name: str, decode: Decode = decode_image, ppi: float | None = None
) -> FingerImage:
    """The pixels of a payload, in memory of their own; ``name`` stands in the errors, ``ppi`` (pixels per inch, MIN_PPI
    to MAX_PPI) overrides what the file states. Raises FingerError."""
    if ppi is not None and not MIN_PPI <= ppi <= MAX_PPI:
        raise FingerError(f"{name}: {ppi:g} pixels per inch", advice=f"give --ppi from {MIN_PPI} to {MAX_PPI}")
    stated = framed.ppi if ppi is None else ppi
    if framed.payload is Payload.PLAIN:
        pixels = np.frombuffer(framed.data, np.uint8).reshape(framed.height, framed.width)
        return FingerImage(pixels.copy(), stated)
    known = {Payload.WSQ: b"\xff\xa0", Payload.PNG: b"\x89PNG"}[framed.payload]
    if not framed.data.startswith(known):
        raise FingerError(f"{name}: its image is not {framed.payload.value.upper()}", advice="ask for the file again")
    image = decode(framed.data, name)
    if image.pixels.shape != (framed.height, framed.width):
        raise FingerError(f"{name}: its image has other sides than it says", advice="ask for the file again")
    return FingerImage(pixels=image.pixels, ppi=stated)


def wsq_bytes(image: FingerImage) -> bytes:
    """A WSQ file, at 500 pixels per inch. Raises FingerError."""
    return _encoded(at_500(image), Payload.WSQ)


def writer_of(payload: Payload) -> ModuleType:
    """Pillow's module that can write such a payload; to be asked before a person is. Raises FingerError."""
    try:
        from PIL import Image

        if payload is Payload.WSQ:
            import wsq  # noqa: F401 - importing it makes Pillow know WSQ
    except ImportError as error:
        raise FingerError(f"{payload.value} cannot be written: a package is missing", advice=EXTRA) from error
    return Image


def _encoded(image: FingerImage, payload: Payload) -> bytes:
    out = io.BytesIO()
    picture = writer_of(payload).fromarray(np.ascontiguousarray(image.pixels))
    if payload is Payload.WSQ:
        picture.save(out, "WSQ", bitrate=BITRATE)
    else:
        picture.save(out, "PNG", dpi=(image.ppi, image.ppi))
    return out.getvalue()
