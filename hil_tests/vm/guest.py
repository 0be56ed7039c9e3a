"""A guest of QEMU: a whole machine with our package, booted, cut off, halted into a snapshot, and restored from one.

Laws:
1. What a guest starts ends with it: on ``close``, on an exception while it starts, and when the bench itself is killed
   (children.py).
2. The disk is an overlay in the guest's own folder; the image and a snapshot are never written. The overlay outlives
   ``kill``: the next ``boot`` finds what was flushed, and nothing else (argv.py, law 3).
3. A snapshot is memory, disk and TPM of one moment: processors halted, devices at rest. It names the file under its
   disk, and is not restored over another one: the guest would read files of two systems.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hil_tests.bench.target import COMMAND_S, Done, Target, TargetError, until
from hil_tests.vm.agent import Agent
from hil_tests.vm.argv import Machine, argv
from hil_tests.vm.children import Child, tail
from hil_tests.vm.messages import QmpError
from hil_tests.vm.qmp import Qmp
from hil_tests.vm.stuck import LOOK_S, seen, stuck
from hil_tests.vm.tpm import Tpm

if TYPE_CHECKING:
    from hil_tests.vm.image import Image

BOOT_S = 300.0  # until the agent answers; 20 s on two idle cores
UP_S = 300.0  # until every unit is up
RESTORE_S = 60.0  # 1 s on two idle cores
STOP_S = 120.0
MEMORY, OVERLAY, TPM, UNDER = "memory.zst", "disk.qcow2", "tpm", "under.txt"
AGENT_PORT = "agent0"


@dataclass(frozen=True, slots=True)
class Saved:
    """What a snapshot took: seconds in which the guest stood still; MiB of memory, packed, and of disk."""

    seconds: float
    memory_mib: float
    disk_mib: float


class Guest(Target):
    """A machine in ``folder``: ``serial.log``, ``verdicts.log``, ``qemu.log``, its overlay and its TPM lie there.

    ``disk`` is the raw file (or a snapshot's qcow2) under the overlay. ``rtc``: what the clock of the board says when
    the machine is switched on, UTC in ISO 8601 (``1970-01-01T00:00:00``); the true time when None. ``slow`` is TCG's.
    """

    slow = 12.0

    def __init__(
        self, image: Image, folder: Path, *, disk: Path, broker_port: int, usbip_port: int, rtc: str | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.image, self.folder, self.disk = image, folder, disk
        self.serial_log, self.verdicts_log = folder / "serial.log", folder / "verdicts.log"
        self.broker_port, self.usbip_port, self.rtc = broker_port, usbip_port, rtc
        self._log = folder / "qemu.log"
        self._sockets: Path | None = None
        self._tpm: Tpm | None = None
        self._child: Child | None = None
        self._qmp: Qmp | None = None
        self._agent: Agent | None = None

    def __enter__(self) -> Guest:
        """The guest as it is: nothing is started by this."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()

    @property
    def qmp(self) -> Qmp:
        """Control of the machine. Raises TargetError when it is off."""
        if self._qmp is None:
            raise TargetError("the machine is off")
        return self._qmp

    @property
    def agent(self) -> Agent:
        """The agent inside. Raises TargetError when the machine is off."""
        if self._agent is None:
            raise TargetError("the machine is off")
        return self._agent

    @property
    def sockets(self) -> Path:
        """A folder with a short path for sockets of devices; it is gone when the machine is off."""
        if self._sockets is None:
            raise TargetError("the machine is off")
        return self._sockets

    def running(self) -> bool:
        """True while the machine is on."""
        return self._child is not None and self._child.alive()

    def execute(self, words: Sequence[str], *, stdin: bytes = b"", limit_s: float = COMMAND_S) -> Done:
        """Run a command inside, as root. ``limit_s`` in seconds of this computer. Raises TargetError."""
        return self.agent.execute(words, stdin=stdin, limit_s=limit_s)

    def boot(self, limit_s: float = BOOT_S, *, plug: Callable[[], None] | None = None) -> float:
        """Switch it on; the seconds until the agent inside answers. ``plug`` runs before the first instruction does."""
        begun = time.monotonic()
        self._start(None)
        try:
            if plug is not None:
                plug()
            self.qmp.cont()
            self._answering(begun + limit_s)
        except BaseException:
            self.close()
            raise
        return time.monotonic() - begun

    def wait_up(self, limit_s: float = UP_S) -> float:
        """Until systemd inside has started every unit; the seconds that took."""
        return until(lambda: self.state() in ("running", "degraded"), limit_s, every_s=0.5)

    def wait_reboot(self, limit_s: float = BOOT_S) -> float:
        """Until the guest has gone down by itself and its agent answers again; the seconds that took."""
        begun = time.monotonic()
        self.qmp.wait_event("VSERPORT_CHANGE", limit_s, id=AGENT_PORT, open=False)
        self._answering(begun + limit_s)
        return time.monotonic() - begun

    def kill(self) -> None:
        """Cut the power: SIGKILL to the emulator. What the guest had not flushed is gone."""
        if self._child is not None:
            self._child.kill()
        self._let_go()

    def stop(self, limit_s: float = STOP_S) -> None:
        """Shut down in order. Raises TargetError when it takes longer; it is off in any case."""
        try:
            with contextlib.suppress(QmpError):  # the answer may not get out any more
                self.execute(("systemctl", "poweroff"), limit_s=limit_s)
            if self._child is not None and not self._child.wait(limit_s):
                raise TargetError(f"no power off within {limit_s:.0f} s:\n{tail(self.serial_log)}")
        finally:
            self.close()

    def close(self) -> None:
        """Off, at once; nothing of it runs on. The folder stays."""
        self.kill()

    def screen(self, to: Path) -> None:
        """What the screen shows, as PNG."""
        self.qmp.screendump(to)

    def snapshot(self, folder: Path) -> Saved:
        """Keep memory, disk and TPM of this moment in a new folder; the guest goes on. Nothing may be plugged in."""
        begun = time.monotonic()
        self.agent.sync()
        folder.mkdir(parents=True)
        self.qmp.stop()
        try:
            self.qmp.migrate(folder / MEMORY)  # and every cache of the overlay is in its file (QEMU lets go of it)
            _copy_sparse(self.folder / OVERLAY, folder / OVERLAY)
            assert self._tpm is not None
            self._tpm.copy(folder / TPM)
            (folder / UNDER).write_text(_identity(self.disk))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            self.qmp.cont()
        sizes = [(folder / name).stat().st_blocks * 512 / (1 << 20) for name in (MEMORY, OVERLAY)]
        return Saved(time.monotonic() - begun, sizes[0], sizes[1])

    def set_clock(self) -> None:
        """Give the guest the true time: its own stood still since the snapshot."""
        self.run("date", "-u", "-s", f"@{time.time():.3f}")

    def _start(self, incoming: str | None) -> None:
        if self.running():
            raise TargetError("the machine is on")
        self.close()
        try:
            self._sockets = Path(tempfile.mkdtemp(prefix="bp"))
            overlay = self.folder / OVERLAY
            if not overlay.exists():
                make_overlay(overlay, self.disk)
            self._tpm = Tpm(self.folder / TPM, self._sockets / "tpm", self._log)
            self._tpm.start()
            machine = Machine(
                self.image.kernel, self.image.initrd, overlay, self.folder, self._sockets, self.broker_port,
                self.usbip_port, self.rtc,
            )  # fmt: skip
            child = self._child = Child(argv(machine, incoming), self._log)

            def listening() -> bool:
                child.must_live()
                return (machine.sockets / "qmp").exists()

            until(listening, BOOT_S, every_s=0.01)
            self._qmp = Qmp.connect(machine.sockets / "qmp")
            self._agent = Agent(machine.sockets / "agent")
        except BaseException:
            self.close()
            raise

    def _answering(self, end: float) -> None:
        """Until the agent has opened its port, and answers."""
        try:
            self._opened(end)
            self.agent.sync(max(end - time.monotonic(), 1.0))
        except QmpError as error:
            error.add_note(f"the guest's console:\n{tail(self.serial_log)}\n{tail(self._log)}")
            raise

    def _opened(self, end: float) -> None:
        """Until the agent has opened its port; a kernel that the emulator left standing is started again (stuck.py)."""
        begun, again = self._written(), False
        while True:
            left = end - time.monotonic()
            try:
                limit_s = left if again else min(left, LOOK_S)
                self.qmp.wait_event("VSERPORT_CHANGE", limit_s, id=AGENT_PORT, open=True)
                return
            except QmpError:
                if again or left <= LOOK_S or not self.running():
                    raise
            if said := stuck(tail(self.serial_log, self._written() - begun)):
                seen.append(said)
                self.qmp.execute("system_reset")
                again = True

    def _written(self) -> int:
        return self.serial_log.stat().st_size if self.serial_log.exists() else 0

    def _resume(self, end: float) -> None:
        self.qmp.wait_migrated(end - time.monotonic())
        self.qmp.cont()
        self.agent.sync(end - time.monotonic())

    def _let_go(self) -> None:
        for ended in (self._agent, self._qmp):
            if ended is not None:
                ended.close()
        if self._tpm is not None:
            self._tpm.stop()
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        self._agent = self._qmp = self._tpm = self._child = self._sockets = None


def restore(
    image: Image, snapshot: Path, folder: Path, *, broker_port: int, usbip_port: int, set_clock: bool = True
) -> Guest:
    """A guest in a new ``folder`` that goes on from a snapshot; its agent answers now. Raises TargetError.

    The snapshot must outlive the guest: its disk lies under the new overlay. Without ``set_clock`` the guest believes
    in the snapshot's time.
    """
    end = time.monotonic() + RESTORE_S
    _check(snapshot)
    shutil.copytree(snapshot / TPM, folder / TPM)
    guest = Guest(image, folder, disk=snapshot / OVERLAY, broker_port=broker_port, usbip_port=usbip_port)
    try:
        guest._start(f"zstd -q -d -c {shlex.quote(str(snapshot / MEMORY))}")
        guest._resume(end)
        if set_clock:
            guest.set_clock()
    except BaseException:
        guest.close()
        raise
    return guest


def make_overlay(path: Path, backing: Path) -> None:
    """A qcow2 that holds what differs from ``backing`` (raw, or a qcow2 called ``.qcow2``)."""
    form = "qcow2" if backing.suffix == ".qcow2" else "raw"
    words = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(backing.resolve()), "-F", form, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise TargetError(f"{words}: {done.stderr}")


def _identity(disk: Path) -> str:
    """A file, its size in bytes and its time of change in ns."""
    found = disk.stat()
    return f"{disk.resolve()}\n{found.st_size} {found.st_mtime_ns}\n"


def _check(snapshot: Path) -> None:
    """Law 3, down to the image. Raises TargetError."""
    while (snapshot / UNDER).exists():
        told = (snapshot / UNDER).read_text()
        under = Path(told.splitlines()[0])
        if not under.exists() or _identity(under) != told:
            raise TargetError(f"{under} is another one than when {snapshot} was kept")
        snapshot = under.parent


def _copy_sparse(source: Path, to: Path) -> None:
    words = ["cp", "--sparse=always", "--reflink=auto", os.fspath(source), os.fspath(to)]
    subprocess.run(words, check=True, timeout=120)
