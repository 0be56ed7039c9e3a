"""Memory for what must never reach a disk: anonymous, out of core dumps, out of children, locked where allowed.

Laws:
1. The memory has no file behind it. It is left out of core dumps (MADV_DONTDUMP) and blank in a forked child
   (MADV_WIPEONFORK); where the kernel does not know these words, that is no error.
2. It is locked against swapping (mlock) as far as RLIMIT_MEMLOCK allows; a refusal is no error either: the unit forbids
   swap for the whole service (``MemorySwapMax=0``), and says how much may be locked.
3. The kernel clears the pages when the last view of them is gone.
4. What is computed from it (an index, a record that was opened) stands in the ordinary memory of the process. So the
   daemon as a whole leaves no core dump, whatever the limit, and no other process of its user may look into it.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Callable
from functools import lru_cache
from typing import Final

WIPE_ON_FORK: Final = 18  # MADV_WIPEONFORK of Linux 4.14; Python has no name for it
_SET_DUMPABLE: Final = 4   # PR_SET_DUMPABLE, prctl(2)


def guard_process() -> bool:
    """Leave this process out of core dumps and closed to debuggers of its own user (law 4); False where not possible.

    A limit of 0 on core files alone does not do it: a collector in ``kernel.core_pattern`` is given the dump all the
    same (core(5)). Programs that this one starts are not concerned.
    """
    libc = _libc()
    return libc is not None and bool(libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def allocate(size: int, *, lock: Callable[[mmap.mmap], bool] | None = None) -> memoryview:
    """``size`` bytes of zeroed, writable memory (0 and more). ``lock`` is for tests; default: mlock."""
    if size == 0:
        return memoryview(bytearray())
    mapping = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for advice in (mmap.MADV_DONTDUMP, WIPE_ON_FORK):
        with contextlib.suppress(OSError):
            mapping.madvise(advice)
    (lock or locked)(mapping)
    return memoryview(mapping)


def locked(mapping: mmap.mmap) -> bool:
    """Lock the mapping against swapping; False where that is not allowed."""
    libc = _libc()
    if libc is None:
        return False
    anchor = ctypes.c_char.from_buffer(mapping)
    try:
        return bool(libc.mlock(ctypes.c_void_p(ctypes.addressof(anchor)), ctypes.c_size_t(len(mapping))) == 0)
    finally:
        del anchor


@lru_cache(maxsize=1)
def _libc() -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None
