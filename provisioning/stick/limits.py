"""Every limit of a stick's visit, with its unit, and the clock that ends what takes too long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from edge.core.provisioning.codes import Code, ProvisioningError

BLOCK: Final = 256 * 1024  # bytes that are read or written at a time


@dataclass(frozen=True, slots=True)
class Limits:
    """What a stick may ask of a box. Sizes in bytes, times in seconds, the rest are counts."""

    root_names: int = 4096          # names in the stick's own top folder, where people keep other things too
    names: int = 20_000             # files and folders below BORDERPOST
    depth: int = 6                  # folders below one another, from BORDERPOST on
    name_chars: int = 200           # characters of a name
    papers: int = 64                # papers of one kind that are looked at
    problems: int = 32              # that one visit tells of
    unsigned: int = 64_000          # bytes of anything that is parsed before its signature was looked at
    metadata: int = 32 << 20        # bytes of the lists' metadata in all
    staged: int = 16 << 30          # bytes of lists and software in one visit
    spare: int = 64 << 20           # bytes that stay free on the box's disk
    out_files: int = 16             # files that the daemon may send back
    out_bytes: int = 2 << 30        # bytes of one of them
    result_room: int = 128 * 1024   # bytes kept free on the stick for the result
    waiting: int = 8                # offers that the daemon has not answered
    kept: int = 16                  # answers that reached no stick yet
    read_s: float = 900.0           # for everything that is read from the stick
    facts_s: float = 180.0          # until the daemon says who the box is (a stick that was there at power-on)
    lock_s: float = 900.0           # until another stick's visit has ended
    outcome_s: float = 1800.0       # until the daemon has answered: a large list, a restart on a new configuration
    write_s: float = 600.0          # for everything that is written to the stick
    show_s: float = 60.0            # that the light shows the end


class Deadline:
    """Raises ``TOOK_TOO_LONG`` once ``seconds`` have passed; ``now`` gives monotonic seconds."""

    def __init__(self, now: Callable[[], float], seconds: float, what: str) -> None:
        self._now, self._end, self._what, self._seconds = now, now() + seconds, what, seconds

    def check(self) -> None:
        """Call it between any two blocks, names or looks."""
        if self._now() >= self._end:
            raise ProvisioningError(Code.TOOK_TOO_LONG, f"{self._what} took more than {self._seconds:.0f} s")
