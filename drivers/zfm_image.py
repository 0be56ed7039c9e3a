"""Images of the EF01 family: four bits a pixel, and how long they take on the line.

Laws, after what modules of the family send:
1. Two pixels a byte, the left one in the high nibble, row by row from the top; 0 black to 15 white, hence x 17.
2. The width and height are what the settings say, else what the module says of itself, else what the count of bytes
   fits among KNOWN, else there is no image.
"""

from __future__ import annotations

from drivers.zfm_codec import HEAD

DEFAULT = (256, 288)         # pixels: ZFM-20, FPM10A, R30x, AS608
KNOWN = {256 * 288 // 2: (256, 288), 192 * 192 // 2: (192, 192)}  # bytes -> pixels; the second: R503
MAX_SIDE = 512               # pixels
MAX_BYTES = MAX_SIDE * MAX_SIDE // 2  # of any image; a module that sends more is not believed
DEPTH = 4                    # bits of a pixel
PAIRS = [bytes((byte >> 4, byte & 15)).translate(bytes(17 * value & 255 for value in range(256)))
         for byte in range(256)]
BITS_A_BYTE = 10             # 8N1


def packed_size(width: int, height: int) -> int:
    """Bytes of an image."""
    return width * height // 2


def sides(count: int, stated: tuple[int, int] | None) -> tuple[int, int] | None:
    """Law 2: width and height of an image of ``count`` bytes; None where they are not those stated, or not known."""
    if stated is not None:
        return stated if packed_size(*stated) == count else None
    return KNOWN.get(count)


def unpacked(data: bytes) -> bytes:
    """Law 1: a byte a pixel, 0 to 255."""
    return b"".join(map(PAIRS.__getitem__, data))


def line_bytes(count: int, packet: int) -> int:
    """Bytes on the line for an image of ``count`` bytes in packets of ``packet``: head and sum around each."""
    return count + -(-count // packet) * (HEAD + 2)


def line_seconds(count: int, packet: int, baud: int) -> float:
    """How long they take at the least."""
    return line_bytes(count, packet) * BITS_A_BYTE / baud
