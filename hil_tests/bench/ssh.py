"""A box of a laboratory, reached with OpenSSH: one connection that everything shares, and the way back to headquarters.

    with SshTarget(parse("root@box7:2222")) as box:
        box.run("borderpost", "doctor")

The host's key must be known and a key must open the door (``ssh root@box7 true`` works without a question): nothing is
asked, nothing is trusted for the first time here. What ~/.ssh/config says of the host holds.

Laws:
1. No wait is without a limit, and a command that took longer is ended on the box too.
2. A connection that broke is made anew with the next command, with the forwards that it had: boxes under test restart.
3. The exit code is the command's own; what went wrong on the way is a TargetError.
"""

from __future__ import annotations

import math
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hil_tests.bench.target import COMMAND_S, Done, Target, TargetError

CONNECT_S = 15.0
STOP_S = 5.0
OUT_MOST = 64 << 20  # bytes of what a command writes to each of its outputs
LOST = 255  # ssh's own exit code, and also one that a command may have
ADDRESS = re.compile(r"(?:(?P<user>[a-z_][a-z0-9_-]*)@)?(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9a-fA-F:]+\])"
                     r"(?::(?P<port>[0-9]{1,5}))?")
INSIDE = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}

BY_HAND = {  # what a person at the terminal does: nothing is in the way of a test that needs it
    "reader", "stick", "mains", "link", "document",
}
# What a test may need (marker ``needs``) and a laboratory with real devices has not: the reason of the skip.
CANNOT = {
    "blank": "a box that is blank again for each test needs an emulated disk",
    "snapshot": "a box as it was a moment ago needs an emulated machine",
    "emulated moment": "what is pulled or cut at a given byte or moment needs an emulated device",
    "rounds": "a person does not pull the mains plug that often",
    "emulated clock": "a clock that is wrong at boot needs an emulated one",
    "emulated tpm": "another machine's TPM needs an emulated one",
    "watchdog": "what the board's watchdog did is seen on an emulated one alone",
    "emulated scanner": "a finger that is always the same needs the emulated scanner",
    "composite": "a stick that is a keyboard too needs an emulated one",
    "emulated keyboard": "a keyboard wedge with given strokes needs an emulated one",
    "same serial": "two readers with one serial number need emulated ones",
    "quality": "a poor link would carry the bench's own connection too",
    "emulated disk": "a disk that is full or spoilt on purpose belongs to an emulated box",
    "verdicts": "the port on which the counter tells the bench its verdicts is an emulated one",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Whom to ask; ``port`` 0: what ssh's own configuration says."""

    user: str
    host: str
    port: int = 0


def parse(text: str) -> Address:
    """``USER@HOST[:PORT]``; without a user it is root. Raises ValueError."""
    found = ADDRESS.fullmatch(text)
    if found is None or not 0 <= int(found["port"] or 0) < 65536:
        raise ValueError(f"{text!r} is no USER@HOST[:PORT]")
    return Address(found["user"] or "root", found["host"].strip("[]"), int(found["port"] or 0))


class SshTarget(Target):
    """A box behind OpenSSH. ``options`` are given to every ssh (``-F FILE``). Use with ``with``."""

    def __init__(self, address: Address, *, options: Sequence[str] = ()) -> None:
        self.address = address
        self._folder = Path(tempfile.mkdtemp(prefix="bench-ssh-"))  # a socket's name has 107 bytes at most
        self._socket = self._folder / "c"
        port = ("-p", str(address.port)) if address.port else ()
        self._ssh = ("ssh", *options, "-o", "BatchMode=yes", "-o", f"ConnectTimeout={CONNECT_S:.0f}",
                     "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "-o", "ExitOnForwardFailure=yes",
                     "-T", "-S", str(self._socket), *port, "-l", address.user)
        self._master: subprocess.Popen[bytes] | None = None
        self._forwards: dict[int, _Forward] = {}

    def __enter__(self) -> SshTarget:
        """Connect. Raises TargetError with ssh's own words."""
        try:
            self.connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the connection; nothing of it stays on either side."""
        for inside in list(self._forwards):
            self.cancel(inside)
        self._hang_up()
        shutil.rmtree(self._folder, ignore_errors=True)

    def connect(self, limit_s: float = CONNECT_S + 5) -> None:
        """Make the shared connection anew, with its forwards. Raises TargetError."""
        self._hang_up()
        log = self._folder / "ssh.log"
        with log.open("wb") as said:
            self._master = subprocess.Popen(
                [*self._ssh, "-M", "-N", self.address.host], stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )
        begun = time.monotonic()
        while not self.connected():
            if self._master.poll() is not None or time.monotonic() - begun > limit_s:
                self._hang_up()
                raise TargetError(f"no way to {self.address.user}@{self.address.host}: "
                                  f"{log.read_text('utf-8', 'replace').strip()[-500:] or 'no answer'}")
            time.sleep(0.05)
        for inside, forward in list(self._forwards.items()):
            self.forward(inside, forward.here)

    def connected(self) -> bool:
        """True while the shared connection stands."""
        if self._master is None or self._master.poll() is not None or not self._socket.exists():
            return False
        with suppress(subprocess.TimeoutExpired):
            words = [*self._ssh, "-O", "check", self.address.host]
            return subprocess.run(words, capture_output=True, timeout=CONNECT_S, check=False).returncode == 0
        return False

    def execute(self, words: Sequence[str], *, stdin: bytes = b"", limit_s: float = COMMAND_S) -> Done:
        """See Target."""
        if self._master is None or self._master.poll() is not None:
            self.connect()  # law 2
        env = [f"{name}={value}" for name, value in INSIDE.items()]
        inside = shlex.join(["timeout", "-s", "KILL", str(math.ceil(limit_s) + 2), "env", *env, *words])
        with tempfile.TemporaryFile(dir=self._folder) as out, tempfile.TemporaryFile(dir=self._folder) as err:
            try:
                done = subprocess.run(
                    [*self._ssh, self.address.host, inside], input=stdin, stdout=out, stderr=err, timeout=limit_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise TargetError(f"{list(words)}: not within {limit_s:.0f} s") from None
            told = Done(done.returncode, _whole(out), _whole(err))
        if told.code == LOST and not self.connected():  # law 3
            raise TargetError(f"{list(words)}: the connection is lost: {told.err.decode('utf-8', 'replace').strip()}")
        return told

    def wait_up(self, limit_s: float = 300.0) -> float:
        """Wait until the box can be reached and systemd there has started everything; the seconds it took."""
        begun = time.monotonic()
        while True:
            left = limit_s - (time.monotonic() - begun)
            with suppress(TargetError):
                self.connect(min(CONNECT_S, max(left, 1.0)))
                if self.state() in ("running", "degraded"):
                    return time.monotonic() - begun
            if left <= 0:
                raise TargetError(f"{self.address.host} is not up after {limit_s:.0f} s")
            time.sleep(1.0)

    def forward(self, inside: int, here: int) -> None:
        """Port ``inside`` of 127.0.0.1 on the box leads to port ``here`` of this computer's. Raises TargetError.

        A process of its own: when it is ended, so are the connections that went through it, as with a cable.
        """
        self.cancel(inside)
        log = self._folder / f"forward-{inside}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                [*self._ssh, "-S", "none", "-N", "-R", f"127.0.0.1:{inside}:127.0.0.1:{here}", self.address.host],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )
        self._forwards[inside] = _Forward(here, process)
        begun = time.monotonic()
        while not self._listens(inside):
            if process.poll() is not None or time.monotonic() - begun > CONNECT_S:
                self.cancel(inside)
                why = log.read_text("utf-8", "replace").strip()
                raise TargetError(f"port {inside} of the box cannot be had: {why}")
            time.sleep(0.1)

    def cancel(self, inside: int) -> None:
        """No more, and what went through it is cut."""
        forward = self._forwards.pop(inside, None)
        if forward is not None:
            _end(forward.process)

    def _listens(self, port: int) -> bool:
        here = f"0100007F:{port:04X} 00000000:0000 0A"  # 127.0.0.1 in the kernel's order, a listening socket
        return self.execute(("grep", "-q", here, "/proc/net/tcp"), limit_s=CONNECT_S).code == 0

    def _hang_up(self) -> None:
        master, self._master = self._master, None
        if master is not None:
            _end(master)
        self._socket.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Forward:
    here: int
    process: subprocess.Popen[bytes]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_S)


def _whole(file: IO[bytes]) -> bytes:
    file.seek(0)
    text = file.read(OUT_MOST + 1)
    if len(text) > OUT_MOST:
        raise TargetError(f"the command wrote more than {OUT_MOST >> 20} MiB")
    return text
