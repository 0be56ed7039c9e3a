#!/usr/bin/python3 -IS
"""The 32 bytes that the box's keys are sealed with, in every start. Python's own library alone.

    box-secret [FOLDER [TPM [PAUSE_S [CREDS_S]]]]    /etc/credstore.encrypted, /dev/tpmrm0, 1 and 20 seconds

systemd keeps them encrypted to this machine: by its TPM where it has one, and by the key that it keeps on the disk.
Asked at every start: systemd starts no daemon with a secret that does not open (another machine, another TPM), and a
post must not close for that.

Laws:
1. The secret is never on the disk in clear; a cut leaves none or all; nothing is ever moved onto one that is there.
2. One that does not open is set aside, and taken again where it opens:
     lost-N    a TPM that answers and is in no lockout does not open it: tried where no other opens
     locked-N  the TPM is in lockout (power cuts count as failed tries there, tpm_lockout.py takes them back), is not
               heard, too slow, or not there: tried before the one in use, in every start; the one in use is lost-N once
               a locked one opens
3. The one in use is asked at least once before it is set aside: those tried before it have half the time.
4. A fresh one that the TPM seals must open before it is used: a TPM in lockout seals, and opens nothing.
5. It ends within LONGEST_S, which is less than its unit allows: no question begins after ASKING_S, and a call that does
   not end is killed and left behind, even where the kernel holds it.
"""

from __future__ import annotations

import contextlib
import enum
import os
import subprocess
import sys
import time
from pathlib import Path

NAME = "box-secret"
LOST, LOCKED = "lost", "locked"
TRIES = 10  # of the secret in use, a pause between two: a TPM may be busy, or its driver late
PAUSE_S, CREDS_S, TPM_S, END_S = 1.0, 20.0, 10.0, 2.0
DEFAULTS = ["/etc/credstore.encrypted", "/dev/tpmrm0", str(PAUSE_S), str(CREDS_S)]
LOCKED_S, ASKING_S = 30.0, 60.0
CALLS_AFTER = 3  # a fresh one by the TPM, its opening, a fresh one by the disk's key
LONGEST_S = ASKING_S + PAUSE_S + (1 + CALLS_AFTER) * (CREDS_S + END_S)
BY_TPM, BY_HOST = "host+tpm2", "host"  # not "auto": that passes over a TPM of which no UEFI speaks, and waits for one


class Answer(enum.Enum):
    """What came of opening one. LATE says nothing of the secret."""

    OPENS = enum.auto()
    REFUSED = enum.auto()
    LATE = enum.auto()


class Tpm(enum.Enum):
    """What is known of it in this start; the text is for the journal."""

    ABSENT = "no TPM is there"
    UNWELL = "the TPM is in lockout, not heard or too slow"
    WELL = "the TPM is well"


def call(args: list[str], seconds: float, data: bytes = b"", *, quiet: bool = False) -> int | None:
    """The exit code of a program that gets ``data`` (less than a pipe holds); None if it did not end in ``seconds``."""
    out = subprocess.DEVNULL if quiet else None
    child = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=out, stderr=out)
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # its exit code says why
        child.stdin.write(data)
        child.stdin.flush()
    with contextlib.suppress(BrokenPipeError):
        child.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return child.wait(seconds)
    child.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):  # a driver that never comes back (law 5)
        child.wait(END_S)
    return None


def move(source: Path, target: Path) -> None:
    """Law 1: the caller looked that nothing is there."""
    source.rename(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def say(line: str) -> None:
    """Into the journal, before what the next program says there."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Start:
    """What one start does with the secrets in ``folder``."""

    def __init__(self, folder: Path, device: Path, pause_s: float, creds_s: float) -> None:
        self.folder, self.device, self.pause_s, self.creds_s = folder, device, pause_s, creds_s
        self.target = folder / NAME
        self.tpm = Tpm.ABSENT
        self._begun = time.monotonic()  # the day's clock may be set meanwhile

    def run(self) -> bool:
        """True where there is a secret afterwards that opens, as far as could be seen."""
        self._look()
        return self._locked_opens() or self._in_use_opens() or self._lost_opens() or self._make()

    def _locked_opens(self) -> bool:
        locked = self._kept(LOCKED)
        found = next((path for path in locked if self._ask(path, LOCKED_S) is Answer.OPENS), None)
        if found is None:
            return False
        # The first of them is the box's own. No other may take its place in the next start.
        for other in (*locked, self.target):
            if other != found and other.exists():
                self._set_aside(other, LOST)
        return self._take_back(found)

    def _in_use_opens(self) -> bool:
        if not self.target.exists():
            return False
        answer = self._ask_patiently(self.target)
        if answer is Answer.OPENS:
            return True
        if self.tpm is Tpm.WELL and answer is Answer.REFUSED:
            say(f"{NAME} does not open on this machine")
            self._set_aside(self.target, LOST)
        else:
            say(f"{NAME} does not open, and {self.tpm.value}: it is tried again in every start")
            self._set_aside(self.target, LOCKED)
        return False

    def _lost_opens(self) -> bool:
        found = next((path for path in self._kept(LOST) if self._ask(path, ASKING_S) is Answer.OPENS), None)
        return found is not None and self._take_back(found)

    def _make(self) -> bool:
        return any(self._made(with_key) for with_key in ((BY_TPM, BY_HOST) if self._is_there() else (BY_HOST,)))

    def _made(self, with_key: str) -> bool:
        fresh = self.folder / f".{NAME}.new"
        fresh.unlink(missing_ok=True)
        args = ["systemd-creds", "encrypt", f"--with-key={with_key}", f"--name={NAME}", "-", str(fresh)]
        made = call(args, self.creds_s, os.urandom(32)) == 0 and fresh.exists() and fresh.stat().st_size > 0
        if not made or (with_key == BY_TPM and self._opening(fresh) != 0):
            say(f"no secret could be made with {with_key}")
            return False
        fresh.chmod(0o600)
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        move(fresh, self.target)
        return True

    # -- asking ------------------------------------------------------------------------------------------------------

    def _is_there(self) -> bool:
        return self.device.is_char_device()

    def _has_time(self, until: float) -> bool:
        return time.monotonic() - self._begun < until

    def _look(self) -> None:
        """Until it is well: it may be there late, or busy."""
        if self.tpm is Tpm.WELL or not self._is_there() or not self._has_time(ASKING_S):
            return
        program = Path(__file__).resolve().with_name("tpm_lockout.py")
        answer = call(["/usr/bin/python3", "-IS", str(program), str(self.device)], TPM_S)
        self.tpm = Tpm.WELL if answer == 0 else Tpm.UNWELL

    def _ask(self, path: Path, until: float) -> Answer:
        if not self._has_time(until):
            return Answer.LATE
        code = self._opening(path)
        if code is None:
            return Answer.LATE
        return Answer.OPENS if code == 0 else Answer.REFUSED

    def _opening(self, path: Path) -> int | None:
        return call(["systemd-creds", "decrypt", f"--name={NAME}", str(path), "-"], self.creds_s, quiet=True)

    def _ask_patiently(self, path: Path) -> Answer:
        answer = Answer.LATE
        for _ in range(TRIES):
            self._look()
            answer = self._ask(path, ASKING_S)
            if answer is Answer.OPENS or not self._has_time(ASKING_S):
                break
            time.sleep(self.pause_s)
        return answer

    # -- what is kept ------------------------------------------------------------------------------------------------

    def _kept(self, kind: str) -> list[Path]:
        """Those of a kind, as they were set aside."""
        found = [path for path in self.folder.glob(f"{NAME}.{kind}-*") if number_of(path)]
        return sorted(found, key=number_of)

    def _set_aside(self, path: Path, kind: str) -> None:
        number = max(map(number_of, self._kept(kind)), default=0) + 1
        say(f"{path.name} is set aside as {NAME}.{kind}-{number}")
        move(path, self.folder / f"{NAME}.{kind}-{number}")

    def _take_back(self, path: Path) -> bool:
        """There is no secret in use."""
        say(f"{path.name} opens on this machine: it is the box's secret again")
        move(path, self.target)
        return True


def number_of(path: Path) -> int:
    """Of a secret that was set aside; 0 for a name that is none."""
    text = path.name.rpartition("-")[2]
    return int(text) if text.isascii() and text.isdecimal() else 0


def main(args: list[str]) -> int:
    """0 where the daemon finds a secret that opens."""
    folder, tpm, pause, creds = [*args, *DEFAULTS[len(args):]]
    try:
        return 0 if Start(Path(folder), Path(tpm), float(pause), float(creds)).run() else 1
    except OSError as error:
        say(f"{NAME} in {folder}: {error.strerror}; see `borderpost doctor`, disk")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
