"""Processes that die at the n-th operation on the disk, as by a power cut: a child ends without any clean-up."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from edge.enrol.disk import Disk


class DyingDisk(Disk):
    """Ends the process before its n-th flush, rename or removal (from 1); 0 never."""

    CODE = 87

    def __init__(self, at: int) -> None:
        super().__init__(self._count)
        self.at, self.steps = at, 0

    def _count(self, _name: str) -> None:
        self.steps += 1
        if self.steps == self.at:
            os._exit(self.CODE)


def in_child(work: Callable[[], object]) -> int:
    """Do the work in a child process; its exit code: 0, ``DyingDisk.CODE``, or 99 for an exception."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def deaths(work: Callable[[Disk], object]) -> range:
    """Every step of the work, done once to count them."""
    disk = DyingDisk(0)
    work(disk)
    assert disk.steps
    return range(1, disk.steps + 1)
