"""Starts a virtual reader in its own process and moves the hands in front of it.

    with VirtualReader(folder / "reader", folder / "reader.sock") as reader:
        at = reader.present(["P<UTO…", "L898…"])    # monotonic second of the last byte
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ANSWER_LIMIT_S = 30.0
START_LIMIT_S = 10.0
USB_KIND = "hid_keyboard"
USB_SCANNER = "uru4000"


class VirtualReaderFault(Exception):  # noqa: N818 - a fault of the bench, not of a device
    """The virtual reader did not start, or did not do as told."""


def ask(control: Path, order: dict[str, Any], *, limit_s: float = ANSWER_LIMIT_S) -> dict[str, Any]:
    """Send one order and wait for its answer, at most ``limit_s`` seconds."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(limit_s)
        connection.connect(str(control))
        connection.sendall(json.dumps(order).encode() + b"\n")
        with connection.makefile("rb") as stream:
            line = stream.readline(64 * 1024)
    if not line:
        raise VirtualReaderFault(f"the virtual reader at {control.name} went away")
    answer: dict[str, Any] = json.loads(line)
    if not answer.get("ok"):
        raise VirtualReaderFault(f"the virtual reader refused: {answer.get('error')}")
    return answer


class VirtualReader:
    """A reader of ``kind`` (a driver's name) behind ``link``; ``port`` is what a box is to be configured with.

    ``options`` are further command-line words, e.g. ``["--fragment", "7", "--delay-ms", "3"]``. The process
    ends with this one, whatever happens to it.
    """

    def __init__(self, link: Path, control: Path, kind: str = "elyctis", options: Sequence[str] = ()) -> None:
        self.link, self.control, self.kind = Path(link), Path(control), kind
        self._options = list(options)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> VirtualReader:
        """Start the process and wait until its port and its control socket are there."""
        words = [sys.executable, "-m", "drivers.virtual", self.kind, "--link", str(self.link)]
        words += ["--control", str(self.control), "--stdin-guard", *self._options]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE)
        limit = time.monotonic() + START_LIMIT_S
        while time.monotonic() < limit:
            if self._process.poll() is not None:
                code = self._process.returncode
                raise VirtualReaderFault(f"the virtual {self.kind} reader ended with code {code}")
            try:
                ask(self.control, {"status": True}, limit_s=1.0)
            except OSError:
                time.sleep(0.01)
            else:
                return self
        self.close()
        raise VirtualReaderFault(f"the virtual {self.kind} reader did not start within {START_LIMIT_S:g} s")

    @property
    def port(self) -> str:
        """The port to configure: the link to the serial port, or what the link says of a device shared over USB/IP.

        Raises OSError while such a device is unplugged.
        """
        return self.link.read_text("ascii").strip() if self.kind in (USB_KIND, USB_SCANNER) else str(self.link)

    def __enter__(self) -> VirtualReader:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def present(self, lines: Sequence[str], *, wait_s: float = 5.0, cut: int | None = None) -> float | None:
        """Lift what lies there and lay a document down.

        Returns the monotonic second just after its last byte was written, or None if the host did not
        take it within ``wait_s``. ``cut`` sends only so many bytes of the frame (the rest is lost).
        """
        self.remove()
        order: dict[str, Any] = {"present": list(lines), "wait_s": wait_s}
        if cut is not None:
            order["cut"] = cut
        at: float | None = ask(self.control, order, limit_s=wait_s + ANSWER_LIMIT_S)["at"]
        return at

    def present_again(self, lines: Sequence[str]) -> float | None:
        """Press the same document down without lifting it; None when the device does not send it again."""
        at: float | None = ask(self.control, {"present": list(lines)})["at"]
        return at

    def remove(self) -> None:
        """Lift the document."""
        ask(self.control, {"remove": True})

    def finger(self, seed: int, impression: int = 0) -> None:
        """Lay a finger of drivers.virtual.prints on a scanner; ``remove`` lifts it."""
        ask(self.control, {"finger": seed, "impression": impression})

    def fault(self, **changes: Any) -> None:
        """Break a scanner, or mend it; its device's module lists what there is."""
        ask(self.control, {"fault": changes})

    def block(self, text: str) -> float | None:
        """Send a bar code or stripe block; None from readers that know zones only."""
        at: float | None = ask(self.control, {"block": text})["at"]
        return at

    def send(self, data: bytes) -> None:
        """Send raw bytes (at most 16 KiB) as they are."""
        ask(self.control, {"bytes": data.hex()})

    def noise(self, count: int, *, seed: int = 0, rate: float = 0.0, limit_s: float = 120.0) -> int:
        """Send ``count`` seeded random bytes (``rate`` bytes a second, 0: as fast as they are taken).

        Returns how many the line took; a host that reads nothing for a second loses the rest.
        """
        order = {"noise": count, "seed": seed, "rate": rate}
        return int(ask(self.control, order, limit_s=limit_s)["sent"])

    def unplug(self) -> None:
        """Pull the cable: link gone, port hung up."""
        ask(self.control, {"unplug": True})

    def plug(self) -> None:
        """Plug it in again, as another port behind the same link."""
        ask(self.control, {"plug": True})

    def close(self) -> None:
        """End the process and wait for it; harmless when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()  # the guard ends it
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
