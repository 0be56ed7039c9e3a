"""The end of the box's log: the systemd journal where there is one, else files that are named."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

LOG_BYTES = 4 << 20  # of the log that go to headquarters: the newest
LOG_LINES = 40_000  # asked of the journal
WAIT_S = 20.0  # longest wait for it
UNITS = "borderpost*"


def log_tail(limit: int, files: Sequence[Path] = (), journalctl: str | None = None) -> bytes:
    """At most ``limit`` bytes, the newest last. ``files`` are read where the journal gives nothing.

    Never raises: a log that cannot be read is a line that says so.
    """
    program = journalctl if journalctl is not None else shutil.which("journalctl") or ""
    found, problem = _journal(program, limit) if program else (b"", "there is no journalctl")
    if found:
        return found
    parts = [_end_of(path, limit // len(files)) for path in files]
    return b"".join(parts)[-limit:] or f"no log could be read: {problem}\n".encode()[:limit]


def _journal(program: str, limit: int) -> tuple[bytes, str]:
    command = [program, f"--unit={UNITS}", f"--lines={LOG_LINES}", "--output=short-iso-precise", "--utc",
               "--no-pager", "--quiet"]  # fmt: skip
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=WAIT_S, check=False, env=environment,
                              stdin=subprocess.DEVNULL)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return b"", type(error).__name__
    if done.returncode:
        return b"", f"journalctl ended with {done.returncode}"
    return _whole_lines(done.stdout, limit), "it is empty"


def _end_of(path: Path, limit: int) -> bytes:
    head = f"== {path.name}\n".encode()
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - limit))
            return head + _whole_lines(file.read(limit), limit - len(head))
    except OSError as error:
        return head + f"cannot be read: {error.strerror}\n".encode()


def _whole_lines(text: bytes, limit: int) -> bytes:
    if len(text) <= limit:
        return text
    return text[-limit:].partition(b"\n")[2]
