"""A virtual EF01 module on a pty for a test: see scanner_rigs.ZfmRig."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from scanner_rigs import ZfmRig as Rig
from scanner_rigs import four_bits

from drivers.virtual.zfm_device import ZfmOptions

__all__ = ["Rig", "four_bits", "rig_of"]


@contextlib.contextmanager
def rig_of(folder: Path, options: ZfmOptions | None = None, *, paced: bool = False) -> Iterator[Rig]:
    """One, until the end of the block."""
    with Rig(folder, options, paced=paced) as made:
        yield made
