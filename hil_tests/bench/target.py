"""A box under test, whatever it is: a container, a guest of an emulator, a machine of a laboratory.

Laws:
1. A test speaks to the box through this alone, and to the things around it through its ``Lab``: so the same test runs
   on every target that has what it needs.
2. No wait is without a limit.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

COMMAND_S = 120.0  # of a command inside, unless a test says otherwise
REST, REST_MAX_S = 1.5, 3.0  # between two questions: so many times as long as the last one took, and no longer
DAEMON = "borderpost.service"


@dataclass(frozen=True, slots=True)
class Done:
    """What a command inside came to."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        """Standard output."""
        return self.out.decode("utf-8", "replace")


class TargetError(AssertionError):
    """The box did not do what the bench asked of it."""


class Target(ABC):
    """A box, as root on it sees it."""

    slow = 1.0  # how many times slower than a box of metal; limits of a wait are multiplied with it

    @abstractmethod
    def execute(self, words: Sequence[str], *, stdin: bytes = b"", limit_s: float = COMMAND_S) -> Done:
        """Run a command as root. ``limit_s`` in seconds of this computer. Raises TargetError when it takes longer."""

    def run(self, *words: str, check: bool = True, stdin: str | None = None, limit_s: float = COMMAND_S) -> str:
        """A command inside, as root; what it wrote to standard output."""
        done = self.execute(words, stdin=(stdin or "").encode(), limit_s=limit_s)
        if check and done.code != 0:
            raise TargetError(f"{words}: {done.code}\n{done.text}{done.err.decode('utf-8', 'replace')}")
        return done.text

    def pipe(self, script: str, stdin: bytes = b"", *, limit_s: float = COMMAND_S) -> bytes:
        """A shell's script inside, from bytes to bytes; it must succeed."""
        done = self.execute(("sh", "-c", script), stdin=stdin, limit_s=limit_s)
        if done.code != 0:
            raise TargetError(f"{script}: {done.code}\n{done.err.decode('utf-8', 'replace')}")
        return done.out

    def code(self, *words: str) -> int:
        """The exit code of a command inside."""
        return self.execute(words).code

    def state(self) -> str:
        """What systemd inside says of itself."""
        return self.run("systemctl", "is-system-running", check=False).strip()

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "-p", name, "--value", unit).strip()

    def pid(self, unit: str = DAEMON) -> int:
        """The main process, as seen inside."""
        return int(self.show(unit, "MainPID"))

    def signal(self, pid: int, name: str) -> None:
        """Send a signal to a process inside."""
        self.run("sh", "-c", f"kill -{name} {pid}")

    def log(self, unit: str = DAEMON) -> list[dict[str, Any]]:
        """The journal of a unit, oldest first."""
        lines = self.run("journalctl", "-u", unit, "-o", "json", "--no-pager").splitlines()
        return [json.loads(line) for line in lines]

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        self.run("sh", "-c", f"cat > {path}", stdin=text)

    def user(self, *words: str, check: bool = True) -> str:
        """A command inside as the daemon's user."""
        return self.run("setpriv", "--reuid=borderpost", "--regid=borderpost", "--init-groups", *words, check=check)

    def boot_id(self) -> str:
        """Another one after every boot."""
        return self.run("cat", "/proc/sys/kernel/random/boot_id").strip()

    def until(self, what: Callable[[], object], limit_s: float, *, every_s: float = 0.2) -> float:
        """Wait until that is true; the seconds it took. ``limit_s`` is of a box of metal (``slow``).

        A slow box is asked less often (REST): what it is waited for runs on the processors that answer.
        """
        return until(what, limit_s * self.slow, every_s=every_s, rest=REST)


def until(what: Callable[[], object], limit_s: float, *, every_s: float = 0.05, rest: float = 0.0) -> float:
    """Wait until that is true; the seconds it took. Raises TargetError after ``limit_s`` seconds.

    It is asked every ``every_s`` seconds, or after ``rest`` times what the last question took (at most REST_MAX_S).
    """
    begun = asked = time.monotonic()
    while not what():
        now = time.monotonic()
        if now - begun > limit_s:
            raise TargetError(f"not within {limit_s:.0f} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(max(every_s, min(rest * (now - asked), REST_MAX_S)))
        asked = time.monotonic()
    return time.monotonic() - begun
