"""The service ``images`` of the child process: files into pixels, pixels into WSQ and PNG. It needs no extractor.

The C library below ``wsq`` ends the process it runs in on 1 damaged file in 200 (SIGSEGV), and reports carry what it
makes of a scanner's image: neither is for a process that anybody waits for.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import Final

import msgspec
import numpy as np

from common.fingers.child import Child, ChildFailedError
from common.fingers.frames import Fault, Handler
from common.fingers.images import decode_image
from common.fingers.packing import pack, unpack
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload
from edge.core.fingerprints.model import MAX_SIDE, FingerError, FingerImage, Position

NAME: Final = "images"
TIMEOUT_S: Final = 10.0  # the largest image there is takes 2 s


class Unpack(msgspec.Struct, array_like=True, frozen=True, tag="unpack"):
    """``data`` of a PNG, TIFF or WSQ file, ``name`` for errors; ``ppi`` overrides what the file states."""

    name: str
    ppi: float | None
    data: bytes

    def __repr__(self) -> str:
        return f"Unpack({len(self.data)} bytes)"


class Pack(msgspec.Struct, array_like=True, frozen=True, tag="pack"):
    """``pixels`` row by row; ``payload`` of iso19794_4.Payload."""

    width: int
    height: int
    ppi: float
    payload: str
    pixels: memoryview

    def __repr__(self) -> str:
        return f"Pack({self.width} x {self.height})"


class Made(msgspec.Struct, array_like=True, frozen=True):
    """Pixels row by row, or a payload; ``ppi`` pixels per inch of either."""

    width: int
    height: int
    ppi: float
    data: bytearray

    def __repr__(self) -> str:
        return f"Made({self.width} x {self.height})"


def unpack_in(
    child: Child, data: bytes, name: str, ppi: float | None = None, *, timeout_s: float = TIMEOUT_S
) -> FingerImage:
    """What ``images.decode_image`` says of the file, by the child; its pixels may be overwritten.

    Raises FingerError, with ``name``, also where a decoder ended the child; ChildFailedError if no child starts.
    """
    try:
        made = child.call(NAME, Unpack(name, ppi, data), Made, timeout_s)
    except ChildFailedError as error:
        if error.fault is Fault.NOT_STARTED:
            raise
        raise FingerError(
            f"{name}: damaged: what unpacks it {error.fault.value}", advice="copy the file again, or export it as PNG"
        ) from error
    return FingerImage(_pixels(made.width, made.height, made.data), made.ppi)


def unpack_framed_in(child: Child, framed: FramedImage, name: str, ppi: float | None = None) -> FingerImage:
    """The pixels of a payload of an exchange file (``packing.unpack``); ``ppi`` overrides what the file states.

    Raises as ``unpack_in``.
    """
    return unpack(framed, name, lambda data, named: unpack_in(child, data, named), ppi)


def pack_in(
    child: Child, image: FingerImage, position: Position, payload: Payload, *, timeout_s: float = TIMEOUT_S
) -> FramedImage:
    """What ``packing.pack`` makes of it, by the child. Raises FingerError, ChildFailedError."""
    if payload is Payload.PLAIN:
        return pack(image, position, payload)
    height, width = image.pixels.shape
    pixels = np.ascontiguousarray(image.pixels).reshape(-1).data
    made = child.call(NAME, Pack(width, height, image.ppi, payload.value, pixels), Made, timeout_s)
    return FramedImage(position, made.width, made.height, payload, bytes(made.data), made.ppi)


def service(options: msgspec.Raw) -> Handler:  # noqa: ARG001 - it has none
    """The factory. What is not installed is told by the image that needs it: the others go on."""
    for library in ("PIL.Image", "wsq"):
        with contextlib.suppress(ImportError):
            importlib.import_module(library)
    decoder = msgspec.msgpack.Decoder(Unpack | Pack)

    def handle(body: msgspec.Raw) -> Made:
        asked = decoder.decode(body)
        if isinstance(asked, Unpack):
            image = decode_image(asked.data, asked.name, asked.ppi)
            height, width = image.pixels.shape
            return Made(width, height, image.ppi, bytearray(np.ascontiguousarray(image.pixels)))
        if not 0 < asked.ppi < 10_000:
            raise FingerError("an image without a resolution", advice="capture the finger again")
        image = FingerImage(_pixels(asked.width, asked.height, asked.pixels), asked.ppi)
        framed = pack(image, Position.UNKNOWN, Payload(asked.payload))
        return Made(framed.width, framed.height, framed.ppi, bytearray(framed.data))

    return handle


def _pixels(width: int, height: int, data: bytearray | memoryview) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and len(data) == width * height):
        raise FingerError(f"an image of {width} x {height} pixels that is none", advice="capture the finger again")
    return np.frombuffer(data, np.uint8).reshape(height, width)
