"""Which boot of the machine this is: the kernel's own random id."""

from __future__ import annotations

from pathlib import Path
from typing import Final

UNKNOWN: Final = "unknown"


def boot_id() -> str:
    """36 characters, another one after every boot; ``unknown`` where the kernel gives none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN
