"""Memory that was given back, overwritten: what a library or a ``bytes`` object held of a person does not stay.

Laws:
1. From the call on, glibc overwrites every block at the moment when it is given back (mallopt(3), M_PERTURB; mallopt
   counts from 1 to 255). Blocks of up to 1032 bytes that wait in a thread's own cache are not: what is small and
   personal has to be overwritten by whoever holds it. Blocks of 128 KiB and more go back to the kernel, which clears
   them.
2. What is handed out anew is filled as well: it costs one pass over each block, some 0.1 ms a megabyte.
3. Another C library knows no such thing; that is no error.
"""

from __future__ import annotations

import ctypes
from typing import Final

_M_PERTURB: Final = -6
_FILL: Final = 0x55


def overwrite_freed() -> bool:
    """Law 1, for this process and for good; False where the C library cannot."""
    try:
        return bool(ctypes.CDLL(None).mallopt(_M_PERTURB, _FILL) == 1)
    except (OSError, AttributeError):
        return False
