"""A box for tests as it runs at a post: the real command, a virtual reader, lists built by headquarters' publisher.

Everything is a process of its own, started and ended by its id; what a test waits for, it waits for with ``until``.
"""

from __future__ import annotations

import contextlib
import io
import json
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drivers.virtual.control import VirtualReader
from edge.cli import borderpost
from edge.core.mrz import compose
from edge.desk import DeskClient, DeskError
from edge.errors import guarded
from hq import keys
from hq.publisher import SourceSpec, build

LISTS = Path(__file__).resolve().parents[1] / "demo" / "lists"
WAIT_S = 60.0  # on a computer that is busy with something else; what hangs is found all the same
STOLEN = "S7310442K"  # a number on the demo's invented document list

CONFIG = """\
[box]
device = "test-box"
site = "Test crossing"
state_dir = "{state}"
lists_dir = "lists"
socket = "{socket}"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["page-1"]

[[reader]]
name = "page-1"
driver = "text"
port = "page-1.tty"

[assembly]
same_document_s = 0

[screening]
required = ["national", "sltd"]
max_age_days = 3650
pace_ms = 0
refresh_seconds = 0.1

{headquarters}
[clock]
source = "system"

[log]
format = "json"
"""


def until(what: Callable[[], object], why: str, seconds: float = WAIT_S) -> None:
    """Wait until ``what()`` is true; fail with ``why`` when the time is over."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s: {why}"
        time.sleep(0.02)


def zone(number: str = "L898902C3", surname: str = "Eriksson", given: str = "Anna Maria") -> tuple[str, ...]:
    """A specimen passport of Utopia."""
    return compose.td3(
        issuing_state="UTO", surname=surname, given_names=given, number=number, nationality="UTO",
        birth_date="740812", sex="F", expiry_date="310415",
    )


class BoxWorld:
    """One box in ``folder``; ``state`` may lie elsewhere (a small file system)."""

    def __init__(self, folder: Path, *, state: Path | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.state = state or folder / "state"
        self.socket = folder / "counter.sock"
        self.lists = folder / "lists"
        self.config = folder / "edge.toml"
        self.log = folder / "box.log"
        self.headquarters = keys.create(folder / "keys").toml()
        self.config.write_text(
            CONFIG.format(state=self.state, socket=self.socket, headquarters=self.headquarters), encoding="utf-8"
        )
        self.reader = VirtualReader(folder / "page-1.tty", folder / "page-1.ctl", "text")
        self.process: subprocess.Popen[bytes] | None = None
        self._plugged = False
        self._log_start = 0

    def publish(self, *kinds: str) -> None:
        """Have one new generation of each list built: ``sltd-csv`` and ``persons-csv`` unless told otherwise."""
        for kind in kinds or ("sltd-csv", "persons-csv"):
            source = LISTS / {"sltd-csv": "sltd.csv", "persons-csv": "persons.csv"}[kind]
            build(self.lists, [SourceSpec.parse(f"{kind}:{source}")], now=datetime.now(UTC))

    def start(self, *, environ: Mapping[str, str] | None = None) -> BoxWorld:
        """Start reader and box; wait until the reader is open."""
        if not self._plugged:
            self.reader.start()
            self._plugged = True
        with self.log.open("ab") as out:
            self._log_start = out.tell()
            self.process = subprocess.Popen(self.words("run"), stdout=out, stderr=out, env=environ)
        until(self._ready, "the box opens its reader")
        return self

    def words(self, verb: str, *more: str) -> list[str]:
        """The command line of one verb."""
        config = () if "--config" in more else ("--config", str(self.config))
        return [str(Path(sys.executable).parent / "borderpost"), verb, *more, *config]

    def run(self, verb: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run a verb to its end."""
        return subprocess.run(self.words(verb, *more), capture_output=True, text=True, timeout=WAIT_S, check=False)

    def ask(self, verb: str, *more: str) -> tuple[int, str, str]:
        """The same in this process, for verbs that start nothing: exit code, output, errors."""
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = guarded(lambda: borderpost(self.words(verb, *more)[1:], standalone_mode=False))
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
        return code, texts[0], texts[1]

    def status(self) -> dict[str, Any] | None:
        """The box's status, or None while it does not answer."""
        try:
            with DeskClient(self.socket, 5.0) as desk:
                answer = desk.ask({"do": "status"})
        except DeskError:
            return None
        return dict(answer["status"]) if answer.get("ok") else None

    def scan(self, lines: tuple[str, ...] = zone()) -> dict[str, Any]:
        """Lay a document down; the verdict that the counter saw."""
        with DeskClient(self.socket, WAIT_S) as desk:
            messages = desk.messages()
            next(messages)  # hello: from here on nothing is missed
            assert self.reader.present(lines) is not None
            return next(m for m in messages if m["type"] == "verdict")

    def end(self) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(WAIT_S)
        self.process = None
        return code

    def wait(self) -> int:
        """Wait for the box to end by itself; the exit code."""
        assert self.process is not None
        code = self.process.wait(WAIT_S)
        self.process = None
        return code

    def events(self) -> list[dict[str, Any]]:
        """What the box logged."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def close(self) -> None:
        """End what runs."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(WAIT_S)
        self.reader.close()

    def __enter__(self) -> BoxWorld:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()[-2000:]
        logged = self.log.read_bytes()[self._log_start :]  # `status` may be a second old
        return b'"event": "running"' in logged and b'"event": "reader_ready"' in logged


class Listener:
    """Every message of the counter's socket, gathered by a thread until the box goes away."""

    def __init__(self, world: BoxWorld) -> None:
        self.messages: queue.Queue[dict[str, Any]] = queue.Queue()
        self._desk = DeskClient(world.socket)
        threading.Thread(target=self._run, daemon=True).start()
        assert self.messages.get(timeout=WAIT_S)["type"] == "hello"

    def _run(self) -> None:
        for message in self._desk.messages():
            self.messages.put(message)

    def next(self, kind: str) -> dict[str, Any]:
        """The next message of that type."""
        while True:
            message = self.messages.get(timeout=WAIT_S)
            if message["type"] == kind:
                return message
