"""The order in which a person file keeps its names: by what is known of their persons' birth dates.

Laws:
1. Persons with no birth date or several come first, then those born on one day, by day, then those of one interval,
   by its first and last day. So everybody of a day, a year or an interval is one range of names.
2. Writer and reader use this one function; a file whose names stand in another order is refused.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge.core.watch.layout import Array

DAY, SPAN = 1 << 62, 2 << 62        # added to the keys of one day, and of one interval
_MOST: Final = np.uint32(0x7FFF_FFFF)  # days in a key have 31 bits; there are 3.7 million
_SHIFT: Final = np.uint64(31)


def birth_keys(offsets: Array, first: Array, last: Array) -> npt.NDArray[np.uint64]:
    """A number for each person: 0, or ``DAY`` or ``SPAN`` with first and last day in 31 bits each.

    ``offsets`` (persons + 1, into the others), ``first`` and ``last`` (days as ``date.toordinal`` counts them).
    """
    keys = np.zeros(len(offsets) - 1, dtype=np.uint64)
    one = np.flatnonzero(offsets[1:] - offsets[:-1] == 1)
    begin, end = first[offsets[one]], last[offsets[one]]
    found = (np.minimum(begin, _MOST).astype(np.uint64) << _SHIFT) | np.minimum(end, _MOST)
    keys[one] = found | np.where(begin == end, np.uint64(DAY), np.uint64(SPAN))
    return keys


def first_days(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The first day of each key."""
    return ((keys >> _SHIFT) & np.uint64(_MOST)).astype(np.int64)


def last_days(keys: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """The last day of each key."""
    return (keys & np.uint64(_MOST)).astype(np.int64)
