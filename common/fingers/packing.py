"""Images of fingers as payloads of exchange files: plain, WSQ, PNG; from pixels and back.

Laws:
1. WSQ is made of 500 pixels per inch only (the FBI's specification IAFIS-IC-0010(V3), 1.4); others are scaled first.
2. A payload is unpacked with its sides checked against what its file says.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np

from common.fingers.images import EXTRA, at_500, decode_image
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload
from edge.core.fingerprints.model import FingerError, FingerImage, Position

BITRATE: Final = 0.75  # bits a pixel: about 15 to 1, what AFIS take (IAFIS-IC-0010(V3), annex)


def pack(image: FingerImage, position: Position, payload: Payload) -> FramedImage:
    """The image as a payload of an exchange file, at its own resolution, or at 500 for WSQ. Raises FingerError."""
    if payload is Payload.WSQ:
        image = at_500(image)
    height, width = image.pixels.shape
    data = np.ascontiguousarray(image.pixels).tobytes() if payload is Payload.PLAIN else _encoded(image, payload)
    return FramedImage(position, width, height, payload, data, image.ppi)


def unpack(framed: FramedImage, name: str) -> FingerImage:
    """The pixels of a payload; ``name`` stands in the errors. Raises FingerError."""
    if framed.payload is Payload.PLAIN:
        pixels = np.frombuffer(framed.data, np.uint8).reshape(framed.height, framed.width)
        return FingerImage(pixels=pixels, ppi=framed.ppi)
    known = {Payload.WSQ: b"\xff\xa0", Payload.PNG: b"\x89PNG"}[framed.payload]
    if not framed.data.startswith(known):
        raise FingerError(f"{name}: its image is not {framed.payload.value.upper()}", advice="ask for the file again")
    image = decode_image(framed.data, name)
    if image.pixels.shape != (framed.height, framed.width):
        raise FingerError(f"{name}: its image has other sides than it says", advice="ask for the file again")
    return FingerImage(pixels=image.pixels, ppi=framed.ppi)


def wsq_bytes(image: FingerImage) -> bytes:
    """A WSQ file, at 500 pixels per inch. Raises FingerError."""
    return _encoded(at_500(image), Payload.WSQ)


def _encoded(image: FingerImage, payload: Payload) -> bytes:
    try:
        from PIL import Image

        if payload is Payload.WSQ:
            import wsq  # noqa: F401 - importing it makes Pillow know WSQ
    except ImportError as error:
        raise FingerError(f"{payload.value} cannot be written: a package is missing", advice=EXTRA) from error
    out = io.BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(image.pixels))
    if payload is Payload.WSQ:
        picture.save(out, "WSQ", bitrate=BITRATE)
    else:
        picture.save(out, "PNG", dpi=(image.ppi, image.ppi))
    return out.getvalue()
