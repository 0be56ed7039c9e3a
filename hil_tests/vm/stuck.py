"""A guest that the emulator leaves standing before anything of Debian runs: told from every other one, and counted.

Now and then two emulated processors of a kernel that has just begun wait for each other for ever (once in some 250
starts; qemu 7.2, ``tcg,thread=multi``). A box of metal has no such emulator, and nothing of ours has run by then.

Laws:
1. Only a kernel that says itself that a processor is stuck, and that has not started systemd, is started again.
2. It is started again once; every time is in the summary.
"""

from __future__ import annotations

import re
from typing import Final

LOOK_S: Final = 5.0  # between two looks at the console
TELL: Final = "a kernel that the emulator left standing before init"
_SAYS: Final = re.compile(r"watchdog: BUG: soft lockup - CPU#\d+ stuck for \d+s!")
_INIT: Final = "systemd[1]:"

seen: Final[list[str]] = []
"""What the kernel said, one line for each start in this process that was given another."""


def stuck(console: str) -> str:
    """The kernel's own line, if all that a start wrote to its console so far is that of a stuck one; else ""."""
    said = _SAYS.search(console)
    return said.group() if said and _INIT not in console else ""
