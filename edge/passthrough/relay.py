"""All outputs of a box, and the thread that tends them. The laws stand in the package's docstring."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from drivers.api import DocumentRead, OtherRead
from edge.config import PassThroughConfig
from edge.crew import Stopping
from edge.passthrough.frames import in_form
from edge.passthrough.keep import Keep, Nobody, Wishes, kept_name
from edge.passthrough.output import OpenLine, Output, shut
from edge.passthrough.ptys import PtyOutput
from edge.passthrough.serials import SerialOutput
from edge.passthrough.sockets import SocketOutput

BREATH_S = 0.02  # between two turns at least, whatever the PCs do: one that never stops sending costs no processor
TURN_S = 0.25  # between two looks at what cannot wake the thread: a pty that nobody has open, a port to be re-opened

log = structlog.get_logger("passthrough")


class PassThrough:
    """Call ``start``, give every read to ``emit``, hire ``run`` (its death is no reason to end the process).

    ``open_line`` opens a serial port, ``keep`` and ``inherited`` (name -> descriptor, taken over: what no output
    claims is closed and let go) are the open files over a restart, ``mono`` monotonic seconds.
    """

    def __init__(
        self, configs: Sequence[PassThroughConfig], *, open_line: OpenLine, mono: Callable[[], float],
        keep: Keep | None = None, inherited: Mapping[str, int] | None = None,
    ) -> None:
        self._open_line, self._mono = open_line, mono
        self._keep = Wishes(keep or Nobody())
        self.faults = 0  # bugs caught in emit
        self._said_faults = 0
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._ringing = threading.Lock()
        left = dict(inherited or {})
        self._routes = [(config, self._output(config, left)) for config in configs]
        for name, fd in left.items():  # of outputs that are configured no more, or of nobody that we know
            shut(fd)
            self._keep.forget(name)
        self._outputs = [output for _, output in self._routes]

    def start(self) -> None:
        """Make ptys and sockets now, before the first read; serial ports take their time and are left to ``run``."""
        for output in self._outputs:
            if not isinstance(output, SerialOutput):
                output.turn()

    def emit(self, read: DocumentRead | OtherRead) -> None:
        """Hand it on to every PC that is to have it (law 1)."""
        for config, output in self._routes:
            if read.device not in config.readers or (isinstance(read, OtherRead) and not config.others):
                continue
            try:
                if output.offer(in_form(read, config.form)):
                    self._ring()
            except Exception:
                self.faults += 1

    def run(self, stopping: Stopping) -> None:
        """Open, re-open, take in PCs, send what had to wait."""
        while not stopping.is_set():
            began = time.monotonic()
            self._keep.say()
            for output in self._outputs:
                output.turn()
            if self.faults > self._said_faults:
                self._said_faults = self.faults
                log.error("passthrough_fault", count=self.faults, advice="report it with the log")
            self._wait()
            stopping.wait(max(0.0, began + BREATH_S - time.monotonic()))

    def health(self) -> list[dict[str, object]]:
        """For `status`: where to, whose reads, is a PC there, and what became of the frames."""
        return [{**output.health(), "readers": list(config.readers)} for config, output in self._routes]

    def close(self) -> None:
        """Let everything go, after the thread has ended; what systemd keeps lives on there."""
        for output in self._outputs:
            output.close()
        with self._ringing:
            bell, self._bell = self._bell, -1
            shut(bell)

    def _ring(self) -> None:
        """Not while it is closed: its number may be another file's a moment later."""
        with self._ringing:
            if self._bell >= 0:
                os.eventfd_write(self._bell, 1)

    def _output(self, config: PassThroughConfig, left: dict[str, int]) -> Output:
        kind, name = config.to.partition(":")[0], kept_name(config.to)
        if kind == "pty":
            return PtyOutput(config.to, self._mono, self._keep, left.pop(name, -1))
        if kind == "unix":
            own = {kept: left.pop(kept) for kept in list(left) if kept == name or kept.startswith(f"{name}-")}
            return SocketOutput(config.to, self._mono, self._keep, own)
        return SerialOutput(config.to, self._mono, self._open_line, config.baud, config.parity)

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        for output in self._outputs:
            for fd, events in output.interest():
                poll.register(fd, events)
        poll.poll(TURN_S * 1000)
        with contextlib.suppress(OSError):
            os.eventfd_read(self._bell)
