"""Clears the failed tries that a TPM 2.0 counts: power cuts never add up to a lockout. Python's own library alone.

    tpm_lockout.py [DEVICE [SECONDS]]    /dev/tpmrm0, and 8 seconds for everything

A start after a power cut counts as one failed try where an object under dictionary attack protection was used before
the cut; at the limit (3 and more, as its maker chose) the TPM opens nothing for minutes or hours. What systemd seals
there are such objects. It prints one line; the exit code says what is so now:

    0  no lockout (any more)
    3  in lockout still: an owner has set a password for it, or the TPM refuses
    2  the TPM could not be spoken with

Laws:
1. Nothing is tried where an owner has set a password for the lockout: a wrong one would close that way for him too.
2. Whether the lockout is over is what the TPM says afterwards, not that it took the command.
3. Every wait ends with one deadline; a response is at most 4096 bytes, and one that says otherwise is refused.

Source: TPM 2.0 Library, revision 1.59. Part 1: 19.8.6 (non-orderly shutdown). Part 2: 6.5.2 TPM_CC, 6.6.3 TPM_RC,
6.9 TPM_ST, 6.12 TPM_CAP, 6.13 TPM_PT, 7.4 TPM_RH, 8.6 TPMA_PERMANENT, 10.13.2 TPMS_AUTH_COMMAND. Part 3: 25.2
TPM2_DictionaryAttackLockReset, 30.2 TPM2_GetCapability. systemd's objects: github.com/systemd/systemd/issues/30330.
"""

from __future__ import annotations

import os
import select
import struct
import sys
import time
from dataclasses import dataclass

DEVICE = "/dev/tpmrm0"
TIMEOUT_S = 8.0
AGAIN_S = 0.1  # between two sendings of one command that the TPM puts off
MAX_BYTES = 4096  # the buffer of Linux's driver
MAX_PROPERTIES = 64
FREE, LOCKED, DEAF = 0, 3, 2  # exit codes

TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS = 0x8001, 0x8002
TPM_CC_LOCK_RESET, TPM_CC_GET_CAPABILITY = 0x139, 0x17A
TPM_CAP_TPM_PROPERTIES = 6
TPM_PT_PERMANENT = 0x200
TPM_PT_LOCKOUT_COUNTER, TPM_PT_MAX_AUTH_FAIL, TPM_PT_LOCKOUT_INTERVAL, TPM_PT_LOCKOUT_RECOVERY = range(0x20E, 0x212)
LOCKOUT_AUTH_SET, IN_LOCKOUT = 1 << 2, 1 << 9  # bits of TPM_PT_PERMANENT
TPM_RS_PW, TPM_RH_LOCKOUT = 0x40000009, 0x4000000A
TPM_RC_SUCCESS = 0
PUT_OFF = (0x908, 0x90A, 0x920, 0x922)  # YIELDED, TESTING, NV_RATE, RETRY: the same command later
HEADER = struct.Struct(">HII")  # tag, size of everything, command or response code


class TpmError(Exception):
    """The TPM does not answer, or with what is no answer."""


@dataclass(frozen=True)
class Lockout:
    """What a TPM says of its failed tries. ``interval``: seconds until one is forgotten; ``recovery``: seconds that a
    wrong password for the lockout closes that way; ``owned``: there is such a password."""

    locked: bool
    owned: bool
    tries: int
    limit: int
    interval: int
    recovery: int

    def __str__(self) -> str:
        state = "in lockout" if self.locked else "not in lockout"
        return f"{state}, {self.tries} of {self.limit} failed tries, one forgotten every {self.interval} s"


# -- bytes ------------------------------------------------------------------------------------------------------------

def ask_properties(first: int, count: int) -> bytes:
    """TPM2_GetCapability for ``count`` properties from ``first`` on."""
    body = struct.pack(">III", TPM_CAP_TPM_PROPERTIES, first, count)
    return HEADER.pack(TPM_ST_NO_SESSIONS, HEADER.size + len(body), TPM_CC_GET_CAPABILITY) + body


def lock_reset() -> bytes:
    """TPM2_DictionaryAttackLockReset with an empty password."""
    session = struct.pack(">IHBH", TPM_RS_PW, 0, 0, 0)  # no nonce, no attributes, no password
    body = struct.pack(">II", TPM_RH_LOCKOUT, len(session)) + session
    return HEADER.pack(TPM_ST_SESSIONS, HEADER.size + len(body), TPM_CC_LOCK_RESET) + body


def expected(response: bytes) -> int:
    """How long the response is whose beginning this is. Raises TpmError where it cannot be one."""
    if len(response) < HEADER.size:
        return HEADER.size
    tag, size, _ = HEADER.unpack_from(response)
    if tag not in (TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS) or not HEADER.size <= size <= MAX_BYTES:
        raise TpmError(f"no response of a TPM 2.0: {response[:HEADER.size].hex()}")
    return int(size)


def read_response(response: bytes) -> tuple[int, bytes]:
    """Response code and what follows it. Raises TpmError where it is not whole."""
    if len(response) < HEADER.size or len(response) != expected(response):
        raise TpmError(f"a response of {len(response)} bytes that is not whole")
    return int(HEADER.unpack_from(response)[2]), response[HEADER.size:]


def read_properties(body: bytes) -> dict[int, int]:
    """What TPM2_GetCapability answered. Raises TpmError."""
    try:
        _more, capability, count = struct.unpack_from(">BII", body)
        if capability != TPM_CAP_TPM_PROPERTIES or count > MAX_PROPERTIES or len(body) != 9 + 8 * count:
            raise TpmError(f"no list of properties: {body[:9].hex()}")
        return dict(struct.unpack_from(">II", body, 9 + 8 * index) for index in range(count))
    except struct.error as error:
        raise TpmError(f"no list of properties: {body[:9].hex()}") from error


def lockout_of(found: dict[int, int]) -> Lockout:
    """The properties put together. Raises TpmError where one is missing."""
    try:
        permanent = found[TPM_PT_PERMANENT]
        return Lockout(
            bool(permanent & IN_LOCKOUT), bool(permanent & LOCKOUT_AUTH_SET), found[TPM_PT_LOCKOUT_COUNTER],
            found[TPM_PT_MAX_AUTH_FAIL], found[TPM_PT_LOCKOUT_INTERVAL], found[TPM_PT_LOCKOUT_RECOVERY],
        )  # fmt: skip
    except KeyError as error:
        raise TpmError(f"the TPM does not tell property {error.args[0]:#x}") from error


# -- the device -------------------------------------------------------------------------------------------------------

class Device:
    """A TPM's device, spoken with until a deadline."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._deadline = time.monotonic() + timeout_s
        try:
            self._file = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise TpmError(f"{path}: {error.strerror}") from error

    def close(self) -> None:
        os.close(self._file)

    def run(self, command: bytes) -> tuple[int, bytes]:
        """Send a command, again where the TPM puts it off; the response's code and body. Raises TpmError."""
        while True:
            try:
                if os.write(self._file, command) != len(command):
                    raise TpmError("the command was not taken whole")
                code, body = read_response(self._response())
            except OSError as error:
                raise TpmError(f"{error.strerror}") from error
            if code not in PUT_OFF:
                return code, body
            time.sleep(min(AGAIN_S, self._left()))

    def _response(self) -> bytes:
        response = b""
        while len(response) < (size := expected(response)):
            if not select.select([self._file], [], [], self._left())[0]:
                continue
            part = os.read(self._file, size - len(response) if response else MAX_BYTES)
            if not part:
                raise TpmError("the device answers nothing")
            response += part
        return response

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TpmError("no answer in time")
        return left


def look(device: Device) -> Lockout:
    """What the TPM says of its failed tries. Raises TpmError."""
    found: dict[int, int] = {}
    for first, count in ((TPM_PT_PERMANENT, 1), (TPM_PT_LOCKOUT_COUNTER, 4)):
        code, body = device.run(ask_properties(first, count))
        if code != TPM_RC_SUCCESS:
            raise TpmError(f"the TPM does not tell its properties: {code:#x}")
        found.update(read_properties(body))
    return lockout_of(found)


def clear(device: Device) -> tuple[int, str]:
    """Clear the failed tries where there are any: the exit code, and what was done in one line. Raises TpmError."""
    before = look(device)
    if not before.locked and before.tries == 0:
        return FREE, f"{before}: nothing to clear"
    if before.owned:
        return LOCKED if before.locked else FREE, f"{before}: left alone, an owner's password guards it"
    code, _ = device.run(lock_reset())
    after = look(device)
    done = "cleared" if code == TPM_RC_SUCCESS else f"not cleared, refused with {code:#x}"
    return LOCKED if after.locked else FREE, f"{before}: {done}, now {after}"


def main(words: list[str]) -> int:
    """Speak with the device that is named; the exit code. Raises nothing."""
    path = words[0] if words else DEVICE
    try:
        device = Device(path, float(words[1]) if len(words) > 1 else TIMEOUT_S)
        try:
            code, line = clear(device)
        finally:
            device.close()
    except (TpmError, OSError, ValueError) as error:
        code, line = DEAF, f"could not be spoken with: {error}"
    sys.stdout.write(f"TPM {path}: {line}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
