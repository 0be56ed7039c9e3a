"""What RestrictSUIDSGID= of systemd does to a process: a mode with a setuid or setgid bit is refused (EPERM).

A filter of the kernel's own (seccomp, classic BPF) in a child process, as systemd lays one: no call is replaced here.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Final

# syscall -> which of its arguments is a mode, by machine (asm/unistd_64.h; asm-generic/unistd.h)
MODES: Final = {
    "x86_64": {90: 1, 91: 1, 268: 2, 83: 1, 258: 2, 452: 2},  # chmod fchmod fchmodat mkdir mkdirat fchmodat2
    "aarch64": {52: 1, 53: 2, 34: 2, 452: 2},  # fchmod fchmodat mkdirat fchmodat2
}
BITS: Final = 0o6000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JSET|K, RET|K
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
ARGUMENTS: Final = 16  # offset of the first argument in struct seccomp_data, 8 bytes each
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, FILTER = 22, 38, 2


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("code", ctypes.c_char_p))


def forbid_setgid() -> None:
    """From here on, for this process and its children, for good. Raises OSError where the kernel has no filters."""
    code = [(LOAD, 0, 0, 0)]
    for number, argument in MODES[platform.machine()].items():
        code += [(EQUAL, 0, 4, number), (LOAD, 0, 0, ARGUMENTS + 8 * argument), (ANY_BIT, 0, 1, BITS),
                 (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]  # fmt: skip
    code.append((RETURN, 0, 0, ALLOW))
    packed = b"".join(struct.pack("=HBBI", *one) for one in code)
    libc, program = ctypes.CDLL(None, use_errno=True), _Program(len(code), packed)
    for arguments in ((PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), (PR_SET_SECCOMP, FILTER, ctypes.byref(program), 0, 0)):
        if libc.prctl(*arguments):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
