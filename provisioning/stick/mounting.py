"""Mounting a stick: the exact options as data, and the three system calls.

Laws:
1. Read-only, nosuid, nodev, noexec and without links first; the same with writing once the answer is there.
2. In a mount namespace of this process: the unit's PrivateMounts, or one made here when a person runs the command.
3. The kernel is told the file system; it never guesses.

Flags from mount(2) of Linux 5.10 (MS_NOSYMFOLLOW) and later; the call goes through the C library by ctypes.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.core.provisioning.codes import Code, ProvisioningError

MS_RDONLY: Final = 0x1
MS_NOSUID: Final = 0x2
MS_NODEV: Final = 0x4
MS_NOEXEC: Final = 0x8
MS_SYNCHRONOUS: Final = 0x10
MS_REMOUNT: Final = 0x20
MS_NOSYMFOLLOW: Final = 0x100
MS_NOATIME: Final = 0x400
MS_NODIRATIME: Final = 0x800
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MNT_DETACH: Final = 0x2
CLONE_NEWNS: Final = 0x20000
SAFE: Final = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOSYMFOLLOW | MS_NOATIME | MS_NODIRATIME

# utf8: names as they are written on every PC; a damaged table makes the stick read-only instead of the kernel panic.
DATA: Final[Mapping[str, str]] = {
    "vfat": "utf8,shortname=mixed,tz=UTC,umask=0077,errors=remount-ro",
    "exfat": "iocharset=utf8,umask=0077,errors=remount-ro",
}


@dataclass(frozen=True, slots=True)
class MountCall:
    """The arguments of one mount(2)."""

    source: str
    target: str
    kind: str
    flags: int
    data: str


def first(device: Path, target: Path, kind: str) -> MountCall:
    """To look at it (law 1)."""
    return MountCall(str(device), str(target), kind, SAFE | MS_RDONLY, DATA[kind])


def writable(before: MountCall, *, in_order: bool = False) -> MountCall:
    """The same, to write the answer; with ``in_order`` each change reaches the medium before the next one is made."""
    flags = SAFE | MS_REMOUNT | (MS_SYNCHRONOUS if in_order else 0)
    return MountCall(before.source, before.target, before.kind, flags, before.data)


class Mounts:
    """The system calls. Raises OSError."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def mount(self, call: MountCall) -> None:
        """One mount(2)."""
        words = (call.source.encode(), call.target.encode(), call.kind.encode())
        self._done(lambda: self._libc.mount(*words, ctypes.c_ulong(call.flags), call.data.encode()), call.target)

    def read_only(self, target: Path) -> bool:
        """True if nothing can be written there now; False also where that cannot be asked: the next call tells."""
        try:
            return bool(os.statvfs(target).f_flag & os.ST_RDONLY)
        except OSError:
            return False

    def unmount(self, target: Path) -> None:
        """Now, or once nobody uses it any more."""
        name = str(target).encode()
        try:
            self._done(lambda: self._libc.umount2(name, 0), str(target))
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            self._done(lambda: self._libc.umount2(name, MNT_DETACH), str(target))

    def alone(self) -> None:
        """A mount namespace of this process, from which nothing goes back to the system's (law 2)."""
        self._done(lambda: self._libc.unshare(CLONE_NEWNS), "/")
        self.mount(MountCall("none", "/", "none", MS_REC | MS_PRIVATE, ""))

    def _done(self, call: Callable[[], int], where: str) -> None:
        if call():
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), where)


def mount_error(error: OSError) -> ProvisioningError:
    """Why a stick was not mounted: no such file system in it or in the kernel, gone, or not allowed."""
    if error.errno in (errno.EINVAL, errno.ENODEV, errno.EUCLEAN):
        return ProvisioningError(Code.WRONG_FILE_SYSTEM, error.strerror or "")
    if error.errno in (errno.EPERM, errno.EACCES):
        return ProvisioningError(Code.FAULT, f"mounting is not allowed: {error.strerror}")
    if error.errno == errno.EROFS:
        return ProvisioningError(Code.STICK_READ_ONLY, error.strerror or "")
    return ProvisioningError(Code.READ_ERROR, error.strerror or "")
