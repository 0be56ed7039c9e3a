"""A Debian without a network that boots in a second: systemd-nspawn around a folder, left as it was found.

Laws:
1. The machine is a copy (``--ephemeral``) with a network of its own that leads nowhere. Nothing of this computer's
   /dev, /run, /proc or /sys is bound into it.
2. It is ended by the id of its process, and no wait is without a limit.
3. Commands go into the namespaces of its first process alone, never into this computer's.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BOOT_S = 60.0
STOP_S = 20.0


class Machine:
    """A booted root. Use with ``with``."""

    def __init__(self, root: Path, name: str, log: Path) -> None:
        self._root, self._name, self._log = root, name, log
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self.booted_s = 0.0  # from the first process to every unit started

    def __enter__(self) -> Machine:
        """Boot."""
        begun = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["systemd-nspawn", "-D", self._root, "--register=no", "--keep-unit", "-b", "--ephemeral",
                 "--private-network", "--console=pipe", "-M", self._name],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        try:
            until(self._find_leader, BOOT_S)
            self.copied_s = time.monotonic() - begun
            until(lambda: self.state() in ("running", "degraded"), BOOT_S)
        except BaseException as error:
            error.add_note(self.run("systemctl", "list-jobs", check=False) if self._leader else "no leader")
            self.__exit__()
            raise
        self.booted_s = time.monotonic() - begun - self.copied_s
        return self

    def __exit__(self, *_: object) -> None:
        """End it: nothing of it is kept."""
        process = self._process
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)

    def _find_leader(self) -> bool:
        assert self._process is not None
        pid = self._process.pid
        assert self._process.poll() is None, self._log.read_text("utf-8", "replace")[-2000:]
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if _is_first(child):
                self._leader = int(child)
        return bool(self._leader)

    def run(self, *words: str, check: bool = True, stdin: str | None = None, limit_s: float = 120) -> str:
        """A command inside, as root; what it wrote to standard output."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", *words], input=stdin, capture_output=True, text=True,
            timeout=limit_s, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert not check or done.returncode == 0, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def pipe(self, script: str, stdin: bytes = b"") -> bytes:
        """A shell's script inside, from bytes to bytes; it must succeed."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", "sh", "-c", script], input=stdin, capture_output=True,
            timeout=120, check=False, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        assert done.returncode == 0, f"{script}: {done.returncode}\n{done.stderr.decode()}"
        return done.stdout

    def code(self, *words: str) -> int:
        """The exit code of a command inside."""
        return subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", *words], capture_output=True, timeout=120, check=False
        ).returncode

    def state(self) -> str:
        """What systemd inside says of itself."""
        return self.run("systemctl", "is-system-running", check=False).strip()

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-p", name, "--value", unit).strip()

    def pid(self, unit: str = "borderpost.service") -> int:
        """The main process, as seen inside."""
        return int(self.show(unit, "MainPID"))

    def signal(self, pid: int, name: str) -> None:
        """Send a signal to a process inside."""
        self.run("sh", "-c", f"kill -{name} {pid}")

    def log(self, unit: str) -> list[dict[str, Any]]:
        """The journal of a unit, oldest first."""
        lines = self.run("journalctl", "-u", unit, "-o", "json", "--no-pager").splitlines()
        return [json.loads(line) for line in lines]

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        self.run("sh", "-c", f"cat > {path}", stdin=text)

    def user(self, *words: str, check: bool = True) -> str:
        """A command inside as the daemon's user."""
        return self.run("setpriv", "--reuid=borderpost", "--regid=borderpost", "--init-groups", *words, check=check)


def _is_first(pid: str) -> bool:
    """True for the first process of a machine (law 3): systemd-nspawn has a short-lived child besides."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    seen = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
    return len(seen) > 1 and seen[-1] == "1"


def until(what: Callable[[], object], limit_s: float) -> float:
    """Wait until that is true; the seconds it took. Fails after ``limit_s``."""
    begun = time.monotonic()
    while not what():
        assert time.monotonic() - begun < limit_s, f"not within {limit_s} s"
        time.sleep(0.05)
    return time.monotonic() - begun


def without_network(*words: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run a command where there is no network at all."""
    return subprocess.run(
        ["unshare", "-n", *words], capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
    )
