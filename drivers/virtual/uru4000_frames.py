"""An image as a U.are.U 4000/4500 puts it on the wire: lines in blocks, scrambled. The device's half; pure.

Written from the register's definition, one step a byte, and not from the driver's arithmetic: what one of the two had
wrong would show.

Laws:
1. 64 bytes of header, then lines of 384 bytes; light is a high value on paper and a low one here (ridges are bright).
2. A scrambled block is shifted by one byte: its first is junk, its last is lost.
3. The register steps on with each byte of a block, but for those marked KEY_STANDS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

WIDTH, HEIGHT, HEADER = 384, 290, 64
ABSENT, SCRAMBLED, KEY_STANDS, NEXT_KEY = 1, 2, 4, 0x80
TAPS = 0x9248144D
OUT = (4, 8, 11, 14, 18, 21, 24, 29)
Layout = Sequence[tuple[int, int]]  # flags, lines
LAYOUTS: dict[str, Layout] = {
    "usual": ((2, 72), (0, 1), (2, 49), (1, 1), (0, 1), (2, 49), (0, 1), (2, 116)),  # a real device's
    "plain": ((0, 255), (0, 34)),
    "stands": ((2, 100), (4, 20), (2, 100), (0, 69)),
    "renewed": ((2, 100), (0x82, 100), (1, 2), (2, 80), (0x80, 8)),
}
JUNK = 0x5A


@lru_cache(maxsize=8)
def masks(key: int) -> bytes:
    """One mask a byte for a whole image, by the definition."""
    found, state = bytearray(), key
    for _ in range(WIDTH * HEIGHT):
        mask = 0
        for place, bit in enumerate(OUT):
            mask |= (state >> bit & 1) << place
        found.append(mask)
        state = ((state & TAPS).bit_count() & 1) << 31 | state >> 1
    return bytes(found)


def scrambled(plain: bytes, stream: bytes) -> bytes:
    """Law 2."""
    mixed = bytes(a ^ b for a, b in zip(plain[:-1], stream, strict=False))
    return bytes((JUNK,)) + mixed


def as_sent(pixels: bytes, *, upside_down: bool) -> list[bytes]:
    """Law 1: the lines in the order of the sensor. ``pixels`` as people see them, ridges dark."""
    turned = bytes(255 - value for value in (reversed(pixels) if upside_down else pixels))
    return [turned[at : at + WIDTH] for at in range(0, len(turned), WIDTH)]


def transfer(
    lines: Sequence[bytes], layout: Layout, number: int, key_of: Callable[[int], int], *, really: bool = True
) -> bytes:
    """The whole image. ``lines`` are 290; ``key_of`` gives the key of a number; not ``really``: flags that lie."""
    data, stream, at, row, count = b"", masks(key_of(number)), 0, 0, 0
    for step, (flags, size) in enumerate(layout):
        if flags & NEXT_KEY:
            stream, at = masks(key_of(number + 1 + sum(bool(f & NEXT_KEY) for f, _ in layout[:step]) & 0xFF)), 0
        block = b"".join(lines[row : row + size])
        if not flags & ABSENT:
            count += size
            mixed = really and flags & (SCRAMBLED | KEY_STANDS) == SCRAMBLED
            data += scrambled(block, stream[at:]) if mixed else block
        at += 0 if flags & KEY_STANDS else len(block)
        row += size
    head = bytearray(HEADER)
    head[:4], head[4:6], head[6] = b"\x10\x40\x80\x01", count.to_bytes(2, "little"), number & 0xFF
    for place, pair in enumerate(layout):
        head[16 + 2 * place : 18 + 2 * place] = bytes(pair)
    return bytes(head) + data


def seen(pixels: bytes, layout: Layout, *, upside_down: bool, really: bool = True) -> bytes:
    """What a right host makes of it: an absent line is the one that follows, a scrambled block's last byte is lost."""
    rows, row = as_sent(pixels, upside_down=upside_down), 0
    for flags, size in layout:
        if flags & ABSENT:
            rows[row : row + size] = [rows[min(row + size, HEIGHT - 1)]] * size
        elif flags & (SCRAMBLED | KEY_STANDS) == SCRAMBLED and really:
            rows[row + size - 1] = rows[row + size - 1][:-1] + b"\0"
        row += size
    rows[row:] = [bytes(WIDTH)] * (HEIGHT - row)
    whole = bytes(255 - value for value in b"".join(rows))
    return whole[::-1] if upside_down else whole
