"""From the last byte that a device sends to the DocumentRead in the queue, and to the last byte at the officer's PC.

    python -m benchmarks.reader_latency            (--documents 2000, --only text,rte)

Four processes, as at a post: the virtual reader (which notes the monotonic second after its last byte), the box's
reader thread with its queue and its pass-through, the PC that reads a pty, and this one, which lays documents down.
Beside it in the same run, on the same bytes of the text family, what one would write without us: pyserial's own
ReaderThread with a Packetizer cut at ETX, which puts packets into a queue and writes them to the PC's port; and a
bare copy of bytes from port to port (a loop of select, read and write, as socat has), which knows no documents.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import queue
import select
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAUSE_S = 0.003  # between two documents: a box that is slower than that falls behind, and it shows
LIMIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Way:
    """One row of the table: which device, how it is set, how the box is, how many reads make one document."""

    kind: str
    options: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    box: str = "borderpost"
    reads: int = 1


WAYS = {
    "elyctis": Way("elyctis"),
    "text": Way("text"),
    "honeywell": Way("honeywell", ("--presentation",), {"mode": "presentation"}),
    "rte": Way("rte"),
    "est": Way("est", ("--no-signs", "--no-chip")),
    "hid_keyboard": Way("hid_keyboard", reads=2),
    "text, pyserial ReaderThread": Way("text", box="pyserial"),
    "text, bare copy of bytes": Way("text", box="copy"),
}


# The box -----------------------------------------------------------------------------------------------------


def borderpost(way: Way, port: str, pc: Path, came: list[tuple[float, int]]) -> None:
    """Reader keeper, queue and pass-through as the daemon has them, without the counter behind the queue."""
    import random

    from drivers.api import DocumentRead, OtherRead
    from drivers.catalog import open_reader
    from drivers.transport.serial_out import SerialOut
    from edge import logs
    from edge.app import SWITCH_S
    from edge.config import LogConfig, PassThroughConfig
    from edge.crew import Pulse
    from edge.passthrough import PassThrough
    from edge.readers import ReaderKeeper, ReaderState

    logs.set_up(LogConfig(level="error"))
    sys.setswitchinterval(SWITCH_S)
    inbox: queue.Queue[DocumentRead | OtherRead] = queue.Queue(64)
    relay = PassThrough(
        [PassThroughConfig(to=f"pty:{pc}", readers=("reader",))], open_line=SerialOut, mono=time.monotonic
    )

    relay.start()

    def deliver(read: DocumentRead | OtherRead) -> None:
        inbox.put_nowait(read)
        came.append((time.monotonic(), len(read.raw)))

    def announce(_name: str, state: ReaderState) -> None:
        if state is ReaderState.READY:
            say("ready")

    reader = open_reader(way.kind, "reader", {"port": port, **way.settings}, time.monotonic)
    keeper = ReaderKeeper(reader, tap=relay.emit, deliver=deliver, announce=announce, jitter=random.random)
    pulse = Pulse(threading.Event(), time.monotonic)
    for work in (relay.run, keeper.run, lambda _pulse: drain(inbox)):
        threading.Thread(target=work, args=(pulse,), daemon=True).start()


def with_pyserial(_way: Way, port: str, pc: Path, came: list[tuple[float, int]]) -> None:
    """The way of pyserial's manual: serial.threaded."""
    import serial
    import serial.threaded

    out = own_pty(pc)
    inbox: queue.Queue[bytes] = queue.Queue(64)

    class Packets(serial.threaded.Packetizer):  # type: ignore[misc, unused-ignore]
        TERMINATOR = b"\x03"

        def handle_packet(self, packet: bytes) -> None:
            frame = bytes(packet) + self.TERMINATOR
            inbox.put_nowait(frame)
            came.append((time.monotonic(), len(frame)))
            os.write(out, frame)

    serial.threaded.ReaderThread(serial.Serial(port, 9600, timeout=1), Packets).start()
    threading.Thread(target=drain, args=(inbox,), daemon=True).start()
    say("ready")


def with_a_copy(_way: Way, port: str, pc: Path, _came: list[tuple[float, int]]) -> None:
    """Bytes from port to port."""
    import serial

    out, line = own_pty(pc), serial.Serial(port, 9600, timeout=0)

    def copy() -> None:
        while True:
            select.select([line.fileno()], [], [])
            os.write(out, os.read(line.fileno(), 4096))

    threading.Thread(target=copy, daemon=True).start()
    say("ready")


def own_pty(link: Path) -> int:
    """A raw pty behind ``link``; its master."""
    master, slave = os.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    return master


def drain(inbox: queue.Queue[Any]) -> None:
    """Who waits behind the queue."""
    while True:
        inbox.get()


BOXES: dict[str, Callable[[Way, str, Path, list[tuple[float, int]]], None]] = {
    "borderpost": borderpost, "pyserial": with_pyserial, "copy": with_a_copy,
}


def box(name: str, port: str, pc: str) -> None:
    """The box's process: until its standard input ends; then what came, as JSON."""
    way, came = WAYS[name], list[tuple[float, int]]()
    BOXES[way.box](way, port, Path(pc), came)
    sys.stdin.readline()
    say(json.dumps(came))
    os._exit(0)


# The PC ------------------------------------------------------------------------------------------------------


def pc_program(port: str) -> None:
    """The PC's process: until its standard input ends; then (second, bytes so far) of each piece, as JSON."""
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    say("ready")
    came, total = list[tuple[float, int]](), 0
    while True:
        ready, _, _ = select.select([fd, sys.stdin.fileno()], [], [])
        if fd in ready:
            total += len(os.read(fd, 4096))
            came.append((time.monotonic(), total))
        elif ready:
            break
    say(json.dumps(came))


def say(line: str) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# The hands ---------------------------------------------------------------------------------------------------


class Child:
    """A process of this program."""

    def __init__(self, *words: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.reader_latency", *words], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def ready(self) -> None:
        """Wait for its word."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if line != "ready":
            raise RuntimeError(f"a process of the bench ended: {line!r}")

    def end(self) -> list[tuple[float, int]]:
        """What it noted."""
        out, _ = self._process.communicate("\n", timeout=LIMIT_S)
        noted: list[tuple[float, int]] = json.loads(out.splitlines()[-1])
        return noted

    def kill(self) -> None:
        """However it stands."""
        self._process.kill()
        self._process.wait()


def zone(number: int) -> tuple[str, ...]:
    """An invented passport of Utopia, another in all its rows: no pair of them may be two readings of one row."""
    from hashlib import sha256

    from edge.core.mrz import compose

    signs = sha256(number.to_bytes(8, "big")).hexdigest().upper()
    letters = signs.translate(str.maketrans("0123456789", "GHIJKLMNOP"))
    return compose.td3(
        issuing_state="UTO", surname=letters[:8], given_names=f"{letters[8:12]} {letters[12:17]}", number=signs[:9],
        nationality="UTO", birth_date="740812", sex="F", expiry_date="310415", optional=signs[9:23],
    )


def run(name: str, documents: int, folder: Path) -> tuple[list[float], list[float]]:
    """Milliseconds to the queue (none where there is no queue), and to the PC's last byte."""
    from drivers.virtual.control import VirtualReader

    way, pc_link = WAYS[name], folder / "pc"
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(VirtualReader(folder / "port", folder / "control", way.kind, way.options))
        host = Child("--box", name, reader.port, str(pc_link))
        stack.callback(host.kill)
        host.ready()
        pc = Child("--pc", str(pc_link))
        stack.callback(pc.kill)
        pc.ready()
        time.sleep(0.5)  # the box sees the PC, the device's greetings are over
        sent = list(present(reader, documents))
        time.sleep(2.0)  # what a busy machine still has under way
        arrived = pc.end()  # first: without the box its port hangs up
        queued = host.end()
    ends = [queued[at] for at in range(way.reads - 1, len(queued), way.reads)]
    if way.box == "copy":
        size = arrived[-1][1] // documents
        sizes = [size * (at + 1) for at in range(documents)]
    else:
        if len(queued) != documents * way.reads:
            raise RuntimeError(f"{name}: {len(queued)} reads of {documents} documents")
        sizes, total = [], 0
        for at, (_, length) in enumerate(queued, 1):
            total += length
            if at % way.reads == 0:
                sizes.append(total)
    if arrived[-1][1] != sizes[-1]:
        raise RuntimeError(f"{name}: {arrived[-1][1]} bytes at the PC, not {sizes[-1]}")
    to_queue = [(at - second) * 1000 for second, (at, _) in zip(sent, ends, strict=False)]
    return to_queue, [(at - second) * 1000 for second, at in zip(sent, whole_at(arrived, sizes), strict=True)]


def present(reader: Any, documents: int) -> Iterator[float]:
    """The second of each document's last byte."""
    for number in range(documents):
        at = reader.present(zone(number))
        if at is None:
            raise RuntimeError(f"the device did not send document {number}")
        yield at
        time.sleep(PAUSE_S)


def whole_at(arrived: Sequence[tuple[float, int]], sizes: Sequence[int]) -> Iterator[float]:
    """When so many bytes had come."""
    pieces = iter(arrived)
    second, total = next(pieces)
    for size in sizes:
        while total < size:
            second, total = next(pieces)
        yield second


def main() -> int:
    """Run every way in turn and print the table."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--documents", type=int, default=2000, help="of each family")
    arguments.add_argument("--only", default="", help="names of rows, comma between")
    arguments.add_argument("--box", nargs=3, help=argparse.SUPPRESS)
    arguments.add_argument("--pc", help=argparse.SUPPRESS)
    options = arguments.parse_args()
    if options.box:
        box(*options.box)
    if options.pc:
        pc_program(options.pc)
        return 0
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}, "
          f"{options.documents} documents each; milliseconds after the last byte on the wire")
    print(f"{'':30}{'in the queue':>28}{'last byte at the PC':>28}")
    print(f"{'':30}{'p50':>10}{'p99':>9}{'max':>9}{'p50':>10}{'p99':>9}{'max':>9}")
    slow = False
    for name in [name for name in WAYS if not options.only or name in options.only.split(",")]:
        with tempfile.TemporaryDirectory() as folder:
            queued, arrived = run(name, options.documents, Path(folder))
        print(f"{name:30}{figures(queued)}{figures(arrived)}", flush=True)
        slow = slow or (WAYS[name].box == "borderpost" and max(at(queued, 99), at(arrived, 99)) >= 5)
    return 1 if slow else 0


def at(values: Sequence[float], percent: float) -> float:
    """The value that so many percent do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * percent / 100))]


def figures(values: Sequence[float]) -> str:
    """p50, p99, max."""
    if not values:
        return f"{'-':>10}{'-':>9}{'-':>9}"
    return f"{at(values, 50):>10.2f}{at(values, 99):>9.2f}{max(values):>9.2f}"


if __name__ == "__main__":
    sys.exit(main())
