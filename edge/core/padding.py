"""One size for every body, so that length says nothing (ARCHITECTURE law 8).

Layout of a padded block: two bytes big-endian length, that many bytes of zlib data, zeros up to
``PLAIN_SIZE``. Compressing is the sender's own affair: nothing that an outsider chooses is mixed
with a secret, and the length of the result never leaves the block.
"""

from __future__ import annotations

import zlib

from edge.core.errors import BorderpostError

PLAIN_SIZE = 2048  # bytes of one padded block, whatever it holds
MAX_INFLATED = 64 * 1024  # bytes; a block that inflates to more is refused
_ROOM = PLAIN_SIZE - 2
_LEVEL = 6  # zlib's own default


class PaddingError(BorderpostError):
    """A body too long for the block, or a block that was not made by ``pad``."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="shorten the body with wire.fit, or check who made the block")


def room(plaintext: bytes) -> int:
    """Bytes left in the block once ``plaintext`` is in it; negative when it does not fit."""
    if len(plaintext) > MAX_INFLATED:
        return _ROOM - len(plaintext)
    return _ROOM - len(zlib.compress(plaintext, _LEVEL))


def pad(plaintext: bytes) -> bytes:
    """``PLAIN_SIZE`` bytes that hold ``plaintext`` compressed; PaddingError when it does not fit."""
    packed = zlib.compress(plaintext, _LEVEL)
    if len(packed) > _ROOM or len(plaintext) > MAX_INFLATED:
        raise PaddingError(f"a body of {len(packed)} compressed bytes does not fit {_ROOM} bytes")
    return len(packed).to_bytes(2, "big") + packed + bytes(_ROOM - len(packed))


def unpad(block: bytes) -> bytes:
    """What ``pad`` was given; PaddingError for anything else, never more than ``MAX_INFLATED`` bytes."""
    length = int.from_bytes(block[:2], "big")
    if len(block) != PLAIN_SIZE or length > _ROOM:
        raise PaddingError(f"a block of {len(block)} bytes claims {length} bytes")
    inflater = zlib.decompressobj()
    try:
        plaintext = inflater.decompress(block[2 : 2 + length], MAX_INFLATED)
    except zlib.error as error:
        raise PaddingError("a block holds no zlib data") from error
    if not inflater.eof or inflater.unused_data or any(block[2 + length :]):
        raise PaddingError("a block is cut short, too long or followed by other bytes")
    return plaintext
