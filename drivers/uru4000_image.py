"""An image as a U.are.U 4000/4500 sends it: header, blocks of lines, scrambling. Pure.

Laws, of libfprint's driver ``uru4000`` and checked against recordings of two devices to the last pixel:
1. 64 bytes of header (lines as u16 little-endian at 4, key number at 6, 15 pairs of flags and lines at 16; a pair
   with no lines ends them), then lines of 384 bytes, at most 289 of them.
2. Flags of a block: 01 its lines are absent (the line that follows stands for them, as in libfprint), 02 scrambled,
   04 the key does not advance, 80 the next key number holds from here on.
3. The key is a linear shift register of 32 bits, one step a byte, whose bits 4, 8, 11, 14, 18, 21, 24 and 29 are the
   byte's mask. In a scrambled block plain[i] = raw[i+1] ^ mask[i], and the last byte is 0. The register steps on
   through blocks that are plain (flags & 6 == 0), not through those with 04.
4. What is scrambled looks like noise. Where the first two lines do not, nothing was, whatever the flags say; where
   lines are noise at the end, the key was another: there is no image.
5. Whatever the bytes are, the answer is an image or the reason why there is none; nothing raises.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 384, 290
PPI = 512.0  # the vendor's figure, averaged over the area (the picture is not rectified); libfprint takes it for 500
HEADER, MAX_BLOCKS = 64, 15
TRANSFER = HEADER + WIDTH * HEIGHT  # bytes to ask for
ABSENT, SCRAMBLED, KEY_STANDS, NEXT_KEY = 0x01, 0x02, 0x04, 0x80
FEEDBACK = (0, 2, 3, 6, 10, 12, 19, 22, 25, 28, 31)  # of 0x9248144D: s[n + 32] = xor of s[n + t]
MASK_BITS = (4, 8, 11, 14, 18, 21, 24, 29)
LOOKS_SCRAMBLED = 5000  # mean square deviation of the sum of two lines: libfprint's measure and bound
NOISE = 7000.0          # mean square difference of neighbours: 10,922 of random bytes, under 5,000 of steepest ridges
MAX_NOISY = 8           # lines
Bytes: TypeAlias = "NDArray[np.uint8]"


class Flaw(enum.StrEnum):
    """Why there is no image."""

    LATE = "it did not come in time"
    EMPTY = "no bytes"
    SHORT = "fewer bytes than its lines need"
    LINES = "an impossible number of lines"
    BLOCKS = "blocks that do not add up to its lines"
    UNORDERED = "images came that nobody ordered"
    NOISE = "noise: scrambled with another key than said"


@dataclass(frozen=True, slots=True)
class Block:
    """``lines`` lines of one kind (law 2)."""

    flags: int
    lines: int


@dataclass(frozen=True, slots=True)
class RawImage:
    """What came, cut into its parts: ``data`` holds the lines that are not absent."""

    key_number: int
    blocks: tuple[Block, ...]
    data: bytes = field(repr=False)

    @property
    def scrambled(self) -> bool:
        """Law 4: are keys needed?"""
        return any(block.flags & SCRAMBLED for block in self.blocks) and deviation(self.data) >= LOOKS_SCRAMBLED

    @property
    def key_numbers(self) -> tuple[int, ...]:
        """The numbers of the keys that are needed, in order (law 2); none where nothing is scrambled."""
        if not self.scrambled:
            return ()
        changes = sum(bool(block.flags & NEXT_KEY) for block in self.blocks)
        return tuple((self.key_number + number) & 0xFF for number in range(changes + 1))


def take_apart(transfer: bytes) -> RawImage | Flaw:
    """Law 1."""
    if len(transfer) < HEADER:
        return Flaw.SHORT if transfer else Flaw.EMPTY
    lines = int.from_bytes(transfer[4:6], "little")
    if not 0 < lines < HEIGHT:
        return Flaw.LINES
    if len(transfer) < HEADER + WIDTH * lines:
        return Flaw.SHORT
    blocks = tuple(_blocks(transfer[16 : 16 + 2 * MAX_BLOCKS]))
    present = sum(block.lines for block in blocks if not block.flags & ABSENT)
    if present != lines or sum(block.lines for block in blocks) > HEIGHT:
        return Flaw.BLOCKS
    return RawImage(transfer[6], blocks, transfer[HEADER : HEADER + WIDTH * lines])


def _blocks(pairs: bytes) -> Iterator[Block]:
    for at in range(0, len(pairs), 2):
        if not pairs[at + 1]:
            return
        yield Block(pairs[at], pairs[at + 1])


def deviation(data: bytes) -> int:
    """libfprint's measure of the first two lines, 0 where there are not two."""
    if len(data) < 2 * WIDTH:
        return 0
    two = np.frombuffer(data, np.uint8, 2 * WIDTH).reshape(2, WIDTH).astype(np.int64).sum(axis=0)
    return int(((two - int(two.sum()) // WIDTH) ** 2).sum()) // WIDTH


class Keystream:
    """Law 3: the masks of one key, as many as an image can need."""

    def __init__(self, key: int) -> None:
        self._bits = sequence(key, WIDTH * HEIGHT + 32)
        self._at = 0

    def skip(self, count: int) -> None:
        """Step on."""
        self._at += count

    def take(self, count: int) -> Bytes:
        """The next ``count`` masks."""
        masks = np.zeros(count, np.uint8)
        for place, bit in enumerate(MASK_BITS):
            masks |= self._bits[self._at + bit : self._at + bit + count] << np.uint8(place)
        self._at += count
        return masks


def sequence(key: int, count: int) -> Bytes:
    """The register's bits, one a step: bit i of its state after n steps is number n + i.

    Over GF(2) a recurrence holds with all its distances doubled as well, so chunks of 2**j bits are made at a time.
    """
    bits = np.zeros(count, np.uint8)
    have = min(32, count)
    bits[:have] = [key >> place & 1 for place in range(have)]
    while have < count:
        step = 1 << (have // 32).bit_length() - 1
        size = min(step, count - have)
        start = have - 32 * step
        chunk = bits[have : have + size]
        for place in FEEDBACK:
            chunk ^= bits[start + place * step : start + place * step + size]
        have += size
    return bits


def descramble(image: RawImage, keys: tuple[int, ...]) -> bytes:
    """Laws 3 and 4: its lines as they were; ``keys`` as ``image.key_numbers`` asks for them."""
    if not keys:
        return image.data
    lines = np.frombuffer(image.data, np.uint8).copy()
    left = list(keys)
    stream = Keystream(left.pop(0))
    at = 0
    for block in image.blocks:
        if block.flags & NEXT_KEY and left:
            stream = Keystream(left.pop(0))
        size = WIDTH * block.lines
        kind = block.flags & (SCRAMBLED | KEY_STANDS)
        if kind == SCRAMBLED and not block.flags & ABSENT:
            part = lines[at : at + size]
            part[:-1] = part[1:] ^ stream.take(size)[:-1]
            part[-1] = 0
        elif not kind & KEY_STANDS:
            stream.skip(size)
        at += 0 if block.flags & ABSENT else size
    return lines.tobytes()


def noisy(lines: bytes) -> bool:
    """Law 4: are more than ``MAX_NOISY`` lines noise? Its neighbours are unlike both ways; those of ridges one way."""
    rows = np.frombuffer(lines, np.uint8).reshape(-1, WIDTH).astype(np.float32)
    down = ((rows[1:] - rows[:-1]) ** 2).mean(axis=1)
    across = ((rows[1:, 1:] - rows[1:, :-1]) ** 2).mean(axis=1)
    return int((np.minimum(down, across) >= NOISE).sum()) > MAX_NOISY


def picture(image: RawImage, lines: bytes, *, upside_down: bool) -> bytes:
    """WIDTH x HEIGHT bytes, ridges dark; what the blocks leave over at the end is white."""
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    rows = np.frombuffer(lines, np.uint8).reshape(-1, WIDTH)
    to = taken = 0
    for block in image.blocks:
        if block.flags & ABSENT:
            whole[to : to + block.lines] = rows[min(taken, len(rows) - 1)]
        else:
            whole[to : to + block.lines] = rows[taken : taken + block.lines]
            taken += block.lines
        to += block.lines
    whole = 255 - whole
    return (whole[::-1, ::-1] if upside_down else whole).tobytes()


def pixels(image: RawImage, keys: tuple[int, ...], *, upside_down: bool) -> bytes | Flaw:
    """The picture, or NOISE."""
    lines = descramble(image, keys)
    if noisy(lines):
        if not keys or noisy(image.data):
            return Flaw.NOISE
        lines = image.data  # plain, and of such contrast that it was taken for scrambled
    return picture(image, lines, upside_down=upside_down)
