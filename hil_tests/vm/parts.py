"""Parts of an image, each kept by the hash of what it is made of; and the programs that make them.

Laws:
1. A part is whole or not there: it is made in a folder of another name and renamed; what an interruption left is
   removed by the next try.
2. A program runs in a session of its own, is ended together with all that it started, and never outlives the bench.
3. One bench builds at a time; the others wait, with a limit.
4. Of each part the KEPT last used stay.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

KEPT = 3
RUN_S = 1200.0  # of a program, unless said otherwise
END_S = 10.0  # of a program between SIGTERM and SIGKILL
LOCK_S = 1800.0  # for another bench that builds
TELL_S = 10.0  # between two words about what takes long
DIGITS = 16  # of a hash, in a folder's name

Say = Callable[[str], None]


class Unavailable(Exception):  # noqa: N818 - no error: this computer has no such thing
    """The image cannot be had here; its text is the reason with which a test is skipped."""


class BuildError(Exception):
    """A program that makes a part failed; its text holds the program's last words."""


def digest(*words: str | bytes) -> str:
    """A key of what a part is made of: each word counts with its length."""
    whole = hashlib.sha256()
    for word in words:
        data = word.encode() if isinstance(word, str) else word
        whole.update(b"%d:" % len(data) + data)
    return whole.hexdigest()


class Workshop:
    """A folder of parts, and the programs that run for them. Use with ``with``: it holds the lock (law 3)."""

    def __init__(self, folder: Path, say: Say) -> None:
        self.folder, self.say = folder, say
        self._running: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._busy: dict[str, float] = {}  # part -> when it was begun

    def __enter__(self) -> Workshop:
        """Raises BuildError when another bench builds for longer than LOCK_S."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        begun = told = time.monotonic()
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return self
            except BlockingIOError:
                if told == begun:
                    self.say("another bench builds the image: waiting for it")
                    told = time.monotonic()
            if time.monotonic() - begun > LOCK_S:
                os.close(self._file)
                raise BuildError(f"another bench holds {self.folder / 'lock'} for {LOCK_S:.0f} s")
            time.sleep(0.5)

    def __exit__(self, *_: object) -> None:
        """End what still runs, remove what is half (law 1)."""
        self.stop()
        for left in self.folder.glob("*.new"):
            shutil.rmtree(left, ignore_errors=True)
        os.close(self._file)

    def find(self, name: str, key: str) -> Path | None:
        """The folder of a part that is there; it counts as used now."""
        folder = self._place(name, key)
        if not folder.is_dir():
            return None
        os.utime(folder)
        return folder

    def part(self, name: str, key: str, make: Callable[[Path], object]) -> Path:
        """The folder of a part: found, or made by ``make`` in an empty folder. Raises what ``make`` raises."""
        if found := self.find(name, key):
            return found
        folder = self._place(name, key)
        fresh = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        self._busy[name] = begun = time.monotonic()
        try:
            make(fresh)
        finally:
            del self._busy[name]
        fresh.rename(folder)
        self.say(f"{name}: {time.monotonic() - begun:.1f} s")
        self._forget(name)
        return folder

    def busy(self) -> str:
        """What is being made now, and for how long: "base 12 s, kernel 3 s"."""
        now = time.monotonic()
        return ", ".join(f"{name} {now - begun:.0f} s" for name, begun in sorted(self._busy.items()))

    def run(self, *words: str | Path, limit_s: float = RUN_S, cwd: Path | None = None,
            env: dict[str, str] | None = None) -> str:
        """A program's standard output. Raises BuildError with its last words when it fails or takes too long."""
        with self._lock:
            if self._closed:
                raise BuildError("interrupted")
            process = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True, errors="replace", cwd=cwd, env=env, start_new_session=True,
            )
            self._running.add(process)
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired as error:
            raise BuildError(f"{words[0]} took longer than {limit_s:.0f} s") from error
        finally:
            _end(process)
            self._running.discard(process)
        if process.returncode != 0:
            last = "\n".join((out + err).strip().splitlines()[-15:])
            raise BuildError(f"{' '.join(map(str, words[:3]))} … ended with {process.returncode}:\n{last}")
        return out

    def stop(self) -> None:
        """End every program; none is started any more."""
        with self._lock:
            self._closed = True
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)
        for process in running:
            _end(process)

    def _place(self, name: str, key: str) -> Path:
        return self.folder / f"{name}-{key[:DIGITS]}"

    def _forget(self, name: str) -> None:
        """Law 4."""
        parts = [path for path in self.folder.glob(f"{name}-*") if path.suffix != ".new"]
        for old in sorted(parts, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            shutil.rmtree(old, ignore_errors=True)


@contextlib.contextmanager
def telling(shop: Workshop) -> Iterator[None]:
    """Say every TELL_S what takes long, for as long as the block runs."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(TELL_S):
            if busy := shop.busy():
                shop.say(f"  … {busy}")

    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)


def _end(process: subprocess.Popen[str]) -> None:
    """Law 2: SIGTERM, and SIGKILL if that did not do."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
        process.wait(END_S)


def needed(programs: Sequence[tuple[str, str]]) -> None:
    """Raises Unavailable, naming the first (program, Debian package) that is not here."""
    for program, package in programs:
        if shutil.which(program) is None:
            raise Unavailable(f"{program} not on PATH (apt install {package})")
