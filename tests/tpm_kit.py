"""TPMs on a pseudo terminal: swtpm's real one, and one of a few bytes for where that is not installed."""

from __future__ import annotations

import importlib.util
import os
import pty
import select
import struct
import subprocess
import sys
import threading
import tty
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
TPM_RH_OWNER, INDEX = 0x40000001, 0x01800001
NV_DEFINE, NV_WRITE, NV_READ, CHANGE_AUTH = 0x12A, 0x137, 0x14E, 0x129
AUTH_WRITE, AUTH_READ = 1 << 2, 1 << 18  # without NO_DA: under dictionary attack protection
SHA256 = 0x000B
RETRY = 0x922
OWNERS = b"owner's"
WAIT_S = 20


def program() -> ModuleType:
    """packaging/tpm_lockout.py, which is a program in no package."""
    spec = importlib.util.spec_from_file_location("tpm_lockout", ROOT / "packaging/tpm_lockout.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tpm_lockout"] = module  # where a dataclass looks for its own names
    spec.loader.exec_module(module)
    return module


def sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


def command(code: int, handles: tuple[int, ...], password: bytes, parameters: bytes) -> bytes:
    """A command with a password session (TPM 2.0 Library, part 1, 18 and 19.4)."""
    session = struct.pack(">IHB", 0x40000009, 0, 0) + sized(password)
    body = b"".join(struct.pack(">I", handle) for handle in handles)
    body += struct.pack(">I", len(session)) + session + parameters
    return struct.pack(">HII", 0x8002, 10 + len(body), code) + body


class Terminal:
    """A pseudo terminal; ``path`` is the device that programs open."""

    def __init__(self) -> None:
        self.inside, self.outside = pty.openpty()
        tty.setraw(self.outside)
        self.path = os.ttyname(self.outside)

    def close(self) -> None:
        os.close(self.inside)
        os.close(self.outside)


class SwTpm(Terminal):
    """swtpm with its state in ``folder``; its limit is 3 failed tries."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        folder.mkdir()
        self._start()

    def _start(self) -> None:
        self._child = subprocess.Popen(
            ["swtpm", "chardev", "--tpm2", "--fd", str(self.inside), "--tpmstate", f"dir={self._folder}",
             "--flags", "not-need-init,startup-clear"], pass_fds=[self.inside],
        )  # fmt: skip

    def close(self) -> None:
        self._child.kill()
        self._child.wait()
        super().close()

    def cut(self) -> None:
        """The power fails, and comes back: no TPM2_Shutdown."""
        self._child.kill()
        self._child.wait()
        self._start()

    def send(self, what: bytes) -> int:
        """The response code of a command; sent again, as drivers do, where the TPM first notes down that it is used."""
        code = RETRY
        while code == RETRY:
            os.write(self.outside, what)
            assert select.select([self.outside], [], [], WAIT_S)[0]
            code = int(struct.unpack_from(">HII", os.read(self.outside, 4096))[2])
        return code

    def seal(self) -> None:
        """Put something under dictionary attack protection."""
        public = struct.pack(">IHIHH", INDEX, SHA256, AUTH_WRITE | AUTH_READ, 0, 8)
        assert self.send(command(NV_DEFINE, (TPM_RH_OWNER,), b"", sized(b"box") + sized(public))) == 0
        assert self.send(command(NV_WRITE, (INDEX, INDEX), b"box", sized(b"8 bytes.") + bytes(2))) == 0

    def unseal(self, password: bytes = b"box") -> int:
        return self.send(command(NV_READ, (INDEX, INDEX), password, struct.pack(">HH", 8, 0)))

    def owned(self, lockout: int) -> None:
        """An owner sets a password for the lockout."""
        assert self.send(command(CHANGE_AUTH, (lockout,), b"", sized(OWNERS))) == 0


class ByteTpm(Terminal):
    """Tells that it has counted ``tries`` of 3 and is in lockout at 3; takes a reset unless it is ``owned``.

    ``mute``: it never answers.
    """

    def __init__(self, tries: int = 0, *, owned: bool = False, mute: bool = False) -> None:
        super().__init__()
        self.tries, self.owned, self.mute = tries, owned, mute
        self.resets = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                asked = os.read(self.inside, 4096)
            except OSError:
                return
            if not self.mute:
                os.write(self.inside, self._answer(asked))

    def _answer(self, asked: bytes) -> bytes:
        _, _, code = struct.unpack_from(">HII", asked)
        if code == 0x139:
            self.resets += 1
            if self.owned:
                return bytes.fromhex("80010000000a0000098e")  # TPM_RC_AUTH_FAIL, of session 1
            self.tries = 0
            return bytes.fromhex("80020000001300000000000000000000010000")
        told = {0x200: (self.tries >= 3) << 9 | self.owned << 2, 0x20E: self.tries, 0x20F: 3, 0x210: 1000, 0x211: 1000}
        first, count = struct.unpack_from(">II", asked, 14)
        found = [(key, told[key]) for key in range(first, first + count)]
        body = struct.pack(">BII", 0, 6, count) + b"".join(struct.pack(">II", *pair) for pair in found)
        return struct.pack(">HII", 0x8001, 10 + len(body), 0) + body
