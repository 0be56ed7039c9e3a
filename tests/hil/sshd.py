"""A door of OpenSSH on this computer, for tests: its own port, keys and configuration; nothing of the system's."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

SEPARATION = Path("/run/sshd")  # sshd as root wants this empty folder


def why_not() -> str:
    """Why there can be none; empty if there can."""
    for program in ("ssh", "ssh-keygen"):
        if shutil.which(program) is None:
            return f"{program} not on PATH"
    return "" if Path("/usr/sbin/sshd").exists() else "sshd is not installed (openssh-server)"


class Sshd:
    """Use with ``with``. ``options`` are what a client must be given to get in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = False
        self.process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.user = pwd.getpwuid(os.getuid()).pw_name
        self.options: Sequence[str] = ("-F", str(folder / "client.conf"))

    def __enter__(self) -> Sshd:
        """Make keys, open the door."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for name in ("host", "mine"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self._folder / name], check=True)
        host = (self._folder / "host.pub").read_text().split()
        (self._folder / "known").write_text(f"[127.0.0.1]:{self.port} {host[0]} {host[1]}\n")
        (self._folder / "server.conf").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self._folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self._folder}/mine.pub\nStrictModes no\nPermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        )
        (self._folder / "client.conf").write_text(
            f"IdentityFile {self._folder}/mine\nIdentitiesOnly yes\nUserKnownHostsFile {self._folder}/known\n"
            "GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n"
        )
        if os.getuid() == 0 and not SEPARATION.exists():
            SEPARATION.mkdir(mode=0o755)
            self._made = True
        self.open()
        return self

    def open(self) -> None:
        """Begin to listen; returns when it does."""
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", self._folder / "server.conf"], stdin=subprocess.DEVNULL,
            stderr=(self._folder / "sshd.log").open("ab"),
        )
        begun = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                said = (self._folder / "sshd.log").read_text()
                assert self.process.poll() is None, said
                assert time.monotonic() - begun < 20, said
                time.sleep(0.05)

    def sessions(self) -> list[int]:
        """The processes that hold a connection each."""
        assert self.process is not None
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def close(self) -> None:
        """The door and every connection through it are gone, as when the box loses its power."""
        if self.process is None:
            return
        for pid in self.sessions() if self.process.poll() is None else []:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            for one in [*map(int, children), pid]:
                os.kill(one, 9)
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()
        if self._made:
            SEPARATION.rmdir()
