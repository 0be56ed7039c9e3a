"""A Debian without a network that boots in a second: systemd-nspawn around a folder, left as it was found.

Laws:
1. What a machine writes goes into memory (an overlay) and is gone with it; its network leads nowhere. Nothing of this
   computer's /dev, /run, /proc and /sys is bound into it but ``ports``: ptys that the test itself has made.
2. It is ended by the id of its process, and dies with the bench. No wait is without a limit.
3. One machine at a time on this computer: the control groups of two would be the same ones.
4. Commands go into the namespaces of its first process alone, never into this computer's.
"""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from hil_tests.bench.target import COMMAND_S, Done, Target, TargetError, until
from hil_tests.vm.children import Child, tail

BOOT_S = 60.0
STOP_S = 20.0
TURN_S = 600.0  # for the machine of another run to end
ENVIRON = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Machine(Target):
    """A booted root. Use with ``with``. ``ports``: names inside (``/dev/ttyUSB0``) of ptys of this computer."""

    def __init__(self, root: Path, name: str, log: Path, *, ports: Mapping[str, str] | None = None) -> None:
        self._root, self._name, self.log_file = root, name, log
        self._ports = dict(ports or {})
        self._process: Child | None = None
        self.leader = 0  # its first process, as this computer counts
        self.booted_s = 0.0  # from the first process to every unit started

    def __enter__(self) -> Machine:
        """Boot."""
        for pty in self._ports.values():
            if not (pty.startswith("/dev/pts/") and pty[len("/dev/pts/"):].isdecimal()):
                raise TargetError(f"{pty} is no pty")
        self._turn = _turn()
        binds = [f"--bind={pty}:{inside}" for inside, pty in self._ports.items()]
        words: list[str | os.PathLike[str]] = [
            "systemd-nspawn", "-D", self._root, "--register=no", "--keep-unit", "-b", "--volatile=overlay",
            "--private-network", "--console=pipe", *binds, "-M", self._name,
        ]
        try:
            self._process = Child(words, self.log_file)
            until(self._find_leader, BOOT_S)
            begun = time.monotonic()
            until(lambda: self.state() in ("running", "degraded"), BOOT_S)
        except BaseException as error:
            error.add_note(self.run("systemctl", "list-jobs", check=False) if self.leader else "no leader")
            self.__exit__()
            raise
        self.booted_s = time.monotonic() - begun
        return self

    def __exit__(self, *_: object) -> None:
        """End it: nothing of it is kept."""
        process, self._process, self.leader = self._process, None, 0
        try:
            if process is not None:
                if process.alive():
                    os.kill(process.pid, signal.SIGTERM)
                if not process.wait(STOP_S):
                    process.kill()
        finally:
            self._turn.close()

    def _find_leader(self) -> bool:
        assert self._process is not None
        self._process.must_live()
        pid = self._process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if _is_first(child):
                self.leader = int(child)
        return bool(self.leader)

    def words(self, *words: str) -> list[str]:
        """That command, as one of this computer that goes inside (law 4)."""
        if not self.leader:
            raise TargetError("the machine is not running")
        return ["nsenter", "-t", str(self.leader), "-a", *words]

    def execute(self, words: Sequence[str], *, stdin: bytes = b"", limit_s: float = COMMAND_S) -> Done:
        """See Target."""
        try:
            done = subprocess.run(
                self.words(*words), input=stdin, capture_output=True, timeout=limit_s, check=False, env=ENVIRON
            )
        except subprocess.TimeoutExpired as error:
            raise TargetError(f"{words}: not within {limit_s:.0f} s") from error
        return Done(done.returncode, done.stdout, done.stderr)

    def console(self) -> str:
        """The end of what it said while it booted."""
        return tail(self.log_file)


def _turn() -> socket.socket:
    """Law 3: a name in the kernel that one process can have, and that ends with it."""
    mine = socket.socket(socket.AF_UNIX)

    def free() -> bool:
        """The machine of another run has ended."""
        try:
            mine.bind("\0borderpost-bench-machine")
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        return True

    try:
        until(free, TURN_S)
    except BaseException:
        mine.close()
        raise
    return mine


def _is_first(pid: str) -> bool:
    """True for the first process of a machine (law 4): systemd-nspawn has a short-lived child besides."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    seen = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(seen) > 1 and seen[-1] == "1"


def without_network(*words: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run a command where there is no network at all."""
    return subprocess.run(
        ["unshare", "-n", *words], capture_output=True, text=True, timeout=300, check=False, env=ENVIRON
    )
