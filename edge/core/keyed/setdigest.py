"""A 256-bit digest of a set of records that does not depend on their order or on how they are stored.

Laws:
1. The digest is a sum over the records: adding and removing records adds and subtracts, so base and overlay, the
   compacted base and headquarters agree without anybody reading 140 million rows again.
2. A record counts with its key, the SEQUENCE of its layer (not an index of some file's table), and masked payload.
3. It shows that two sets differ, whatever went wrong. Forgery is what signatures are for: the mixing is fast, and no
   secret.

Four lanes of 64 bits, each with constants of its own: x = mix(key + c0); x = mix((x ^ masked) + c1);
x = mix((x ^ sequence) + c2), summed modulo 2^64. ``mix`` is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge.core.keyed.rows import Rows, U64Array

SIZE: Final = 32
EMPTY: Final = bytes(SIZE)
_BLOCK: Final = 32_768  # rows at a time: what fits the processor's cache
_WORD: Final = (1 << 64) - 1

# first 64 bits of the fractional parts of the square roots of the first 12 primes (as in SHA-512 and SHA-384)
_CONSTANTS: Final = (
    (0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B),
    (0xA54FF53A5F1D36F1, 0x510E527FADE682D1, 0x9B05688C2B3E6C1F),
    (0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179, 0xCBBB9D5DC1059ED8),
    (0x629A292A367CD507, 0x9159015A3070DD17, 0x152FECD8F70E5939),
)


def of(rows: Rows) -> bytes:
    """The digest of these rows: 32 bytes."""
    lanes = [0, 0, 0, 0]
    masked, sequences = rows.masked, rows.sequences
    with np.errstate(over="ignore"):
        for start in range(0, len(rows), _BLOCK):
            stop = start + _BLOCK
            for lane, (c0, c1, c2) in enumerate(_CONSTANTS):
                x = _mix(rows.keys[start:stop] + np.uint64(c0))
                x = _mix((x ^ masked[start:stop]) + np.uint64(c1))
                x = _mix((x ^ sequences[start:stop]) + np.uint64(c2))
                lanes[lane] += int(x.sum(dtype=np.uint64))
    return b"".join((lane & _WORD).to_bytes(8, "big") for lane in lanes)


def plus(a: bytes, b: bytes) -> bytes:
    """The digest of two sets that share nothing."""
    return b"".join(((x + y) & _WORD).to_bytes(8, "big") for x, y in zip(_lanes(a), _lanes(b), strict=True))


def minus(a: bytes, b: bytes) -> bytes:
    """The digest of what remains when the set of ``b`` is taken out of the set of ``a``."""
    return b"".join(((x - y) & _WORD).to_bytes(8, "big") for x, y in zip(_lanes(a), _lanes(b), strict=True))


def _lanes(digest: bytes) -> list[int]:
    return [int.from_bytes(digest[i : i + 8], "big") for i in range(0, SIZE, 8)]


def _mix(x: U64Array) -> U64Array:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
