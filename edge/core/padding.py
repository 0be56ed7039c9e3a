"""One size for every body, so that length says nothing (ARCHITECTURE law 8).

Layout of a padded block: two bytes big-endian length, that many bytes of zlib data, zeros up to the
block's size. Compressing is the sender's own affair: nothing that an outsider chooses is mixed
with a secret, and the length of the result never leaves the block.

There are two sizes. Everything is ``PLAIN_SIZE``, but for what a box says of fingers while one of its galleries wants
images: all of that is ``IMAGE_SIZE``, with an image or without one (docs/adr/0024). No other size is a block.
"""

from __future__ import annotations

import zlib

from edge.core.errors import BorderpostError

PLAIN_SIZE = 2048  # bytes of one padded block, whatever it holds
IMAGE_SIZE = 40_960  # bytes of a block with room for the image of a finger; its envelope stays below 64 KiB
SIZES = (PLAIN_SIZE, IMAGE_SIZE)
MAX_IMAGE = IMAGE_SIZE - PLAIN_SIZE  # bytes of an image that fits beside all that is said in words
MAX_INFLATED = 64 * 1024  # bytes; a block that inflates to more is refused
_LENGTH = 2  # bytes of the length at the beginning
_LEVEL = 6  # zlib's own default


class PaddingError(BorderpostError):
    """A body too long for the block, or a block that was not made by ``pad``."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="shorten the body with wire.fit, or check who made the block")


def room(plaintext: bytes, size: int = PLAIN_SIZE) -> int:
    """Bytes left in a block of ``size`` bytes once ``plaintext`` is in it; negative when it does not fit."""
    if len(plaintext) > MAX_INFLATED:
        return size - _LENGTH - len(plaintext)
    return size - _LENGTH - len(zlib.compress(plaintext, _LEVEL))


def pad(plaintext: bytes, size: int = PLAIN_SIZE) -> bytes:
    """``size`` bytes (one of ``SIZES``) that hold ``plaintext`` compressed; PaddingError when it does not fit."""
    if size not in SIZES:
        raise PaddingError(f"blocks have {' or '.join(map(str, SIZES))} bytes, not {size}")
    packed, most = zlib.compress(plaintext, _LEVEL), size - _LENGTH
    if len(packed) > most or len(plaintext) > MAX_INFLATED:
        raise PaddingError(f"a body of {len(packed)} compressed bytes does not fit {most} bytes")
    return len(packed).to_bytes(_LENGTH, "big") + packed + bytes(most - len(packed))


def unpad(block: bytes) -> bytes:
    """What ``pad`` was given; PaddingError for anything else, never more than ``MAX_INFLATED`` bytes."""
    length = int.from_bytes(block[:_LENGTH], "big")
    if len(block) not in SIZES or length > len(block) - _LENGTH:
        raise PaddingError(f"a block of {len(block)} bytes claims {length} bytes")
    inflater = zlib.decompressobj()
    try:
        plaintext = inflater.decompress(block[_LENGTH : _LENGTH + length], MAX_INFLATED)
    except zlib.error as error:
        raise PaddingError("a block holds no zlib data") from error
    if not inflater.eof or inflater.unused_data or any(block[_LENGTH + length :]):
        raise PaddingError("a block is cut short, too long or followed by other bytes")
    return plaintext
