"""Processes that end with the bench, however the bench ends.

Laws:
1. A child is killed by the kernel when this computer's Python dies, also by SIGKILL (PR_SET_PDEATHSIG).
2. That signal is bound to the *thread* that started the child (prctl(2)); so one thread, which lives as long as Python
   does, starts them all. A fixture may call from any thread.
3. A child is in a session of its own: the terminal's Ctrl-C reaches the bench alone, which then ends its children in
   the right order.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hil_tests.bench.target import TargetError

END_S = 5.0  # of a child between SIGTERM and SIGKILL
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="children")


class Child:
    """A process with its output in a file."""

    def __init__(self, words: Sequence[str | os.PathLike[str]], log: Path) -> None:
        self._name, self._log = Path(words[0]).name, log
        with log.open("ab") as out:
            self._process = _STARTER.submit(_start, [os.fspath(word) for word in words], out.fileno()).result()

    @property
    def pid(self) -> int:
        """Its process id: ``setpriv`` becomes the program itself."""
        return self._process.pid

    def alive(self) -> bool:
        """True while it runs."""
        return self._process.poll() is None

    def must_live(self) -> None:
        """Raises TargetError with its last words when it has ended."""
        if not self.alive():
            raise TargetError(f"{self._name} ended with {self._process.returncode}:\n{tail(self._log)}")

    def wait(self, limit_s: float) -> bool:
        """True when it ended by itself within that many seconds."""
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        if self.alive():
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(END_S)

    def end(self) -> None:
        """SIGTERM, and SIGKILL if that did not do; gone when this returns."""
        if self.alive():
            self._process.terminate()
        if not self.wait(END_S):
            self.kill()


def _start(words: list[str], out: int) -> subprocess.Popen[bytes]:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise TargetError("setpriv (util-linux) is not on PATH")
    return subprocess.Popen(
        [setpriv, "--pdeathsig", "KILL", "--", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        start_new_session=True,
    )


def tail(log: Path, size: int = 2000) -> str:
    """The last ``size`` bytes of a log; nothing of one that is not there."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        return file.read().decode("utf-8", "replace")
