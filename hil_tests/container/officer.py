"""What the officer at the counter of a machine sees, as the box sends it to the counter's own program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hil_tests.bench.target import until
from hil_tests.container.machine import Machine
from hil_tests.vm.children import Child

CHUNK = 1 << 20  # bytes of its lines that are read at a time


class Officer:
    """``borderpost counter --json`` inside, as the daemon's user; its lines in ``log``. Use with ``with``."""

    def __init__(self, machine: Machine, log: Path) -> None:
        self._machine, self._log = machine, log
        self._view: Child | None = None
        self._heard: list[dict[str, Any]] = []
        self._read = 0  # bytes

    def __enter__(self) -> Officer:
        who = ("setpriv", "--reuid=borderpost", "--regid=borderpost", "--init-groups")
        self._view = Child(self._machine.words(*who, "borderpost", "counter", "--json"), self._log)
        until(lambda: any(message.get("type") == "hello" for message in self.messages()), 30)
        return self

    def __exit__(self, *_: object) -> None:
        view, self._view = self._view, None
        if view is not None:
            view.end()

    def messages(self) -> list[dict[str, Any]]:
        """Everything so far, oldest first."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            whole, _, _ = file.read(CHUNK).rpartition(b"\n")
        if whole:
            self._read += len(whole) + 1
            self._heard += [json.loads(line) for line in whole.splitlines() if line.startswith(b"{")]
        return self._heard

    def verdicts(self) -> list[dict[str, Any]]:
        """The verdicts so far."""
        return [message for message in self.messages() if message.get("type") == "verdict"]

    def recorded(self) -> set[str]:
        """Ids of the passages that were shown as recorded: what may never be missing anywhere."""
        return {str(message["passage"]) for message in self.verdicts() if message["recorded"]}
