"""What tests of the pass-through share: one that runs in its thread, reads for it, a PC's handle, a serial line."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from drivers.api import DocumentRead
from drivers.transport.serial_out import SerialOut
from edge.config import PassThroughConfig
from edge.crew import Pulse
from edge.passthrough import PassThrough

LIMIT_S = 15.0
ROWS = ("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10")


def document(number: int = 0, device: str = "swipe-1", pad: int = 0) -> DocumentRead:
    raw = b"\x02" + f"{number:06d}".encode() + b"<" * pad + b"\r\x03"
    return DocumentRead(device, ROWS, raw, time.monotonic())


class Running:
    """A pass-through with its thread; ``turns`` are those that its first output has taken."""

    def __init__(self, *configs: PassThroughConfig, **parts: Any) -> None:
        self.relay = PassThrough(configs, **{"open_line": SerialOut, "mono": time.monotonic, **parts})
        self.relay.start()
        self.turns = 0
        self._output = self.relay._outputs[0]
        self._turn, self._output.turn = self._output.turn, self._counted  # type: ignore[method-assign]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.relay.run, args=(Pulse(self._stop, time.monotonic),))
        self._thread.start()

    def _counted(self) -> None:
        self.turns += 1
        self._turn()

    def turns_within(self, seconds: float) -> int:
        before = self.turns
        time.sleep(seconds)
        return self.turns - before

    def end(self) -> None:
        self._stop.set()
        self._thread.join(LIMIT_S)
        self.relay.close()

    def one(self, key: str) -> object:
        return self.relay.health()[0][key]

    def until(self, key: str, value: object) -> None:
        until(lambda: self.one(key) == value, f"{key} = {value}, not {self.one(key)}")


def until(what: Callable[[], object], why: str) -> None:
    end = time.monotonic() + LIMIT_S
    while not what():
        assert time.monotonic() < end, why
        time.sleep(0.005)


@contextlib.contextmanager
def starting() -> Iterator[Callable[..., Running]]:
    """Starts a ``Running`` a call; ends them all."""
    with contextlib.ExitStack() as stack:

        def begin(*configs: PassThroughConfig, **parts: Any) -> Running:
            running = Running(*configs, **parts)
            stack.callback(running.end)
            return running

        yield begin


def config(to: str, **more: object) -> PassThroughConfig:
    return PassThroughConfig(to=to, readers=("swipe-1",), **more)  # type: ignore[arg-type]


def opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)


def take(fd: int, count: int) -> bytes:
    data, end = b"", time.monotonic() + LIMIT_S
    while len(data) < count:
        ready, _, _ = select.select([fd], [], [], max(0.0, end - time.monotonic()))
        assert ready, f"{len(data)} of {count} bytes came"
        data += os.read(fd, count - len(data))
    return data


def nothing_there(fd: int, wait_s: float = 0.05) -> bool:
    return not select.select([fd], [], [], wait_s)[0]


class Wire:
    """A serial line to a PC: the box opens ``port``, the PC holds ``pc``."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.pc = -1
        self.plug()

    def plug(self) -> None:
        self.pc, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self.pc, False)
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        self.link.unlink(missing_ok=True)
        os.close(self.pc)
        self.pc = -1
