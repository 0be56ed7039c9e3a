"""The guest's TPM 2.0: a process of swtpm for each guest, whose state is a folder.

Laws:
1. Another folder is another TPM: what was sealed to one is closed to every other.
2. The process ends with the QEMU that it serves (``--terminate``), and with the bench.
3. The state is copied only while the guest is halted.

Source: swtpm(8).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from hil_tests.bench.target import until
from hil_tests.vm.children import END_S, Child

START_S = 20.0


class Tpm:
    """A TPM with its state in ``folder``, which is made if it is not there; QEMU's end is the socket ``path``."""

    def __init__(self, folder: Path, path: Path, log: Path) -> None:
        self._folder, self._path, self._log = folder, path, log
        self._child: Child | None = None

    def start(self) -> None:
        """Run it; it listens when this returns. Raises TargetError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        words = ["swtpm", "socket", "--tpm2", "--terminate", "--tpmstate", f"dir={self._folder},mode=0600",
                 "--ctrl", f"type=unixio,path={self._path}"]  # fmt: skip
        child = self._child = Child(words, self._log)

        def listening() -> bool:
            child.must_live()
            return self._path.exists()

        until(listening, START_S, every_s=0.01)

    def stop(self) -> None:
        """End it; by itself when QEMU has ended."""
        if self._child is not None and not self._child.wait(END_S):
            self._child.end()
        self._child = None

    def copy(self, to: Path) -> None:
        """Copy its state into a new folder (law 3)."""
        shutil.copytree(self._folder, to, ignore=shutil.ignore_patterns(".lock"))
