"""Memory that was given back, overwritten: what a library or a ``bytes`` object held of a person does not stay.

Laws:
1. From the call on, glibc overwrites every block at the moment when it is given back (mallopt(3), M_PERTURB; mallopt
   counts from 1 to 255). Blocks of up to 1032 bytes that wait in a thread's own cache are not: what is small and
   personal has to be overwritten by whoever holds it, unless the process was started with ``NO_CACHES``. Blocks of
   128 KiB and more go back to the kernel, which clears them.
2. What is handed out anew is filled as well: it costs one pass over each block, some 0.1 ms a megabyte.
3. Another C library knows no such thing; that is no error.
4. NumPy keeps arrays below 1 KiB that were given back, seven of each size, for the next ones of that size, and nothing
   turns that off: ``overwrite_small`` takes all of them and gives them back as zeros.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

NO_CACHES: Final[Mapping[str, str]] = MappingProxyType({
    # For the environment of a process to be: neither glibc nor Python keeps small blocks back from ``overwrite_freed``.
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",
    "PYTHONMALLOC": "malloc",
})
_M_PERTURB: Final = -6
_FILL: Final = 0x55
_KEPT_BELOW: Final = 1024  # bytes of an array (NumPy 1.x and 2.x, NBUCKETS of alloc.c)
_KEPT: Final = 7           # of each size (NCACHE)


def overwrite_freed() -> bool:
    """Law 1, for this process and for good; False where the C library cannot."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_PERTURB, _FILL) == 1)
    except (OSError, AttributeError):
        return False


def overwrite_small() -> None:
    """Law 4, for the calling process; some 4 ms."""
    import numpy as np

    for size in range(1, _KEPT_BELOW):
        _ = [np.zeros(size, np.uint8) for _ in range(_KEPT)]
