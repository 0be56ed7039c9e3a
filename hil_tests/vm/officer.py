"""What the officer saw: every message of the box's desk, carried out of the guest as it is shown.

Inside, from the first second of every boot, a unit of the image copies the counter's socket to a virtio port
(guest_files/etc/bench/verdicts.py); QEMU appends that to a file of this computer, which outlives the guest. So whatever
stands in it was shown, and may not be missing later.

Laws:
1. A line counts when it is whole and JSON. What a power cut tore counts as not shown.
2. At most ``KEPT`` messages are held, the oldest go first; ``lost`` counts them.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hil_tests.bench.target import Target, TargetError

UNIT = "bench-verdicts.service"
DESK = "/run/borderpost/counter.sock"
KEPT = 20_000
LINE_LIMIT = 1 << 20
LOOK_S = 0.02  # how late a message's time may be
READ_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Shown:
    """A message of the desk. ``at``: this computer's monotonic seconds when it was out of the guest."""

    at: float
    message: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """A field of the message. Raises KeyError."""
        return self.message[name]

    @property
    def kind(self) -> str:
        """As ``hello``, ``verdict``, ``again``, ``reader``, ``notice``, ``fingers``."""
        return str(self.message.get("type"))

    @property
    def passage(self) -> str:
        """Whose word it is; "" of what is no passage's."""
        return str(self.message.get("passage", ""))


class Lines:
    """Bytes of the port in, messages out; pure."""

    def __init__(self) -> None:
        self._half = b""
        self.torn = 0  # lines that were no JSON

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """The messages that are whole now (law 1)."""
        *lines, self._half = (self._half + data).split(b"\n")
        if len(self._half) > LINE_LIMIT:
            self._half, self.torn = b"", self.torn + 1
        found = []
        for line in filter(None, lines):
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if isinstance(message, dict):
                found.append(message)
            else:
                self.torn += 1
        return found


class Officer:
    """Follows the file ``log`` from where it ends now; end it with ``close``."""

    def __init__(self, log: Path) -> None:
        self._log, self._lines = log, Lines()
        self._shown: deque[Shown] = deque(maxlen=KEPT)
        self._at = log.stat().st_size if log.exists() else 0
        self._told = threading.Condition()
        self._over = False
        self.lost = 0
        self._thread = threading.Thread(target=self._follow, name="officer", daemon=True)
        self._thread.start()

    @property
    def torn(self) -> int:
        """Lines that a power cut tore."""
        return self._lines.torn

    def everything(self) -> list[Shown]:
        """All that is held, oldest first; what lies in the file at this moment is in it."""
        self._look()
        with self._told:
            return list(self._shown)

    def verdicts(self) -> list[Shown]:
        """The verdicts."""
        return [one for one in self.everything() if one.kind == "verdict"]

    def passages(self) -> set[str]:
        """The passages that were shown as recorded: what the box has acknowledged."""
        return {one.passage for one in self.verdicts() if one.message.get("recorded")}

    def wait(self, count: int, limit_s: float) -> list[Shown]:
        """Until so many verdicts were shown in all. Raises TargetError after ``limit_s`` seconds."""
        end = time.monotonic() + limit_s
        while len(found := self.verdicts()) < count:
            if time.monotonic() > end:
                raise TargetError(f"{len(found)} of {count} verdicts within {limit_s:.0f} s; last: "
                                  f"{[one.message for one in self.everything()[-3:]]}")
            time.sleep(LOOK_S)
        return found

    def close(self) -> None:
        """No more."""
        self._over = True
        self._thread.join(5)

    def _follow(self) -> None:
        while not self._over:
            self._look()
            time.sleep(LOOK_S)

    def _look(self) -> None:
        with self._told:
            if not self._log.exists():
                return
            with self._log.open("rb") as file:
                file.seek(self._at)
                while data := file.read(READ_BYTES):
                    self._at += len(data)
                    now = time.monotonic()
                    for message in self._lines.feed(data):
                        self.lost += len(self._shown) == KEPT
                        self._shown.append(Shown(now, message))


def seated(target: Target) -> bool:
    """Is the desk there, and the officer's view at its port? What is said in between the desk keeps for the view."""
    there = target.run("sh", "-c", f"test -S {DESK} && echo there; systemctl is-active {UNIT}", check=False)
    return there.split() == ["there", "active"]
