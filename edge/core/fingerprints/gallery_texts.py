"""Record id, reference id and name of every reference of a gallery: their bounds and their order.

Laws:
1. Each text is UTF-8 of its own. Record and reference have 1 to ``MAX_REFERENCE`` characters, a name has at most
   ``MAX_NAME``; the keys (record, reference, position) rise by code points.
2. Bytes are bounded before anything is decoded, and ``RUN`` references are decoded at a time: what is damaged or
   forged costs no more memory than what is sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from operator import lt
from typing import Final

import numpy as np

from edge.core.watch.entries import MAX_REFERENCE
from edge.core.watch.layout import U8, Array, LayoutError

MAX_NAME: Final = 300  # characters
RUN: Final = 8_192     # references at a time: 14 MB of texts at most
_LIMITS: Final = np.array([MAX_REFERENCE, MAX_REFERENCE, MAX_NAME])  # characters
_WIDEST: Final = 4     # bytes of a character, RFC 3629

Key = tuple[str, str, int]


def check_texts(at: Array, text: memoryview, position: Array) -> None:
    """Raise ``LayoutError`` where a law is broken.

    ``at``: where each of three texts a reference begins in ``text``, and the end; rising, none beyond ``text``.
    """
    for _ in keys_of(at, text, position):
        pass


def keys_of(at: Array, text: memoryview, position: Array) -> Iterator[list[Key]]:
    """The keys in their order, ``RUN`` at a time. Raises ``LayoutError`` as ``check_texts`` does."""
    if bool((np.diff(at).reshape(-1, 3) > _WIDEST * _LIMITS).any()):
        raise LayoutError("a text of a gallery is too long")
    last: list[Key] = []
    for first in range(0, len(position), RUN):
        keys = _keys(at[3 * first : 3 * (first + RUN) + 1].astype(np.int64), text, position[first : first + RUN])
        joined = last + keys
        if not all(map(lt, joined, islice(joined, 1, None))):
            raise LayoutError("the references of a gallery are not in order")
        last = keys[-1:]
        yield keys


def _keys(at: Array, text: memoryview, position: Array) -> list[Key]:
    run = text[int(at[0]) : int(at[-1])]
    begins = (np.frombuffer(run, U8) & 0xC0) != 0x80  # the first byte of a character
    places = at - at[0]
    if not bool(begins[places[places < len(run)]].all()):
        raise LayoutError("a text of a gallery cannot be read")
    try:
        whole = str(run, "utf-8")
    except UnicodeDecodeError:
        raise LayoutError("a text of a gallery cannot be read") from None
    ends = np.append(0, np.cumsum(begins))[places]  # in characters
    lengths = np.diff(ends).reshape(-1, 3)
    if bool((lengths > _LIMITS).any()) or not bool(lengths[:, :2].all()):
        raise LayoutError("a record or reference of a gallery has no id, or a text is too long")
    cuts = ends.reshape(-1)[:-1].reshape(-1, 3).tolist()
    return [(whole[a:b], whole[b:c], p) for (a, b, c), p in zip(cuts, position.tolist(), strict=True)]
