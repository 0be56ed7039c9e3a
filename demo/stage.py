"""The pieces on the desk: broker, link, headquarters, box, two virtual readers, each a real process.

Everything lives in one folder: ``lists/``, ``hq/`` (keys, database), ``box/`` (edge.toml, state, socket).
``close()`` ends every process that this stage started, by its own id, in the order in which a post would
go down: box first.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from demo import fingers
from demo.broker import Broker
from demo.fingers import FingerDesk
from demo.link import Link
from drivers.virtual.control import VirtualReader, VirtualReaderFault
from edge.core.errors import BorderpostError
from edge.desk import DeskClient, DeskError

LISTS = Path(__file__).parent / "lists"
DEVICE = "demo-box"
READERS = (("swipe-1", "elyctis", "lane-1"), ("page-1", "text", "lane-2"))
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
AGAIN = "run the demo again; if it ends like this each time, report it with its output"

EDGE_TOML = """\
# written by borderpost-demo
[box]
device = "{device}"
site = "Demo crossing"
state_dir = "state"
lists_dir = "../lists"
socket = "counter.sock"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["swipe-1"]

[[counter]]
name = "lane-2"
direction = "exit"
readers = ["page-1"]

[[reader]]
name = "swipe-1"
driver = "elyctis"
port = "swipe-1.tty"

[[reader]]
name = "page-1"
driver = "text"
port = "page-1.tty"

[screening]
required = ["sltd", "national"]
max_age_days = 3650
pace_ms = {pace_ms}
refresh_seconds = 0.2

{headquarters}

[uplink]
host = "127.0.0.1"
port = {port}
backoff_min_s = 0.2
backoff_max_s = 1.0
health_s = 5.0

[log]
format = "json"
"""

HQ_TOML = """\
# written by borderpost-demo
[store]
path = "hq.sqlite"

[keys]
seal = ["keys/seal.pem"]
ack = "keys/ack.pem"

[broker]
host = "127.0.0.1"
port = {port}
backoff_min_s = 0.2
backoff_max_s = 1.0

[collector]
health_interval_s = 5.0
"""


class StageError(BorderpostError):
    """A piece of the demo did not come up."""


class Stage:
    """One post and its headquarters in ``folder``."""

    def __init__(self, folder: Path, *, broker: str = "auto", keep_wire: bool = False, pace_ms: int = 30) -> None:
        self.folder = folder
        self.box, self.hq, self.lists = folder / "box", folder / "hq", folder / "lists"
        for part in (self.box, self.hq, self.lists):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.broker = Broker(folder, prefer=broker)
        self._keep_wire = keep_wire
        self._pace_ms = pace_ms
        self.link: Link | None = None
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.readers: dict[str, VirtualReader] = {}
        self.desk: FingerDesk | None = None

    @property
    def edge_toml(self) -> Path:
        """The box's configuration."""
        return self.box / "edge.toml"

    @property
    def hq_toml(self) -> Path:
        """Headquarters' configuration."""
        return self.hq / "hq.toml"

    @property
    def socket(self) -> Path:
        """The counter's socket."""
        return self.box / "counter.sock"

    def set_up(self) -> None:
        """Keys, configurations, broker and link."""
        self.broker.start()
        self.link = Link(self.broker.port, keep=self._keep_wire)
        keys = self.command("borderpost-hq", "keys", "create", "--out", str(self.hq / "keys"))
        self.hq_toml.write_text(HQ_TOML.format(port=self.broker.port), encoding="utf-8")
        headquarters = keys[keys.index("[headquarters]") :].strip()
        self.edge_toml.write_text(
            EDGE_TOML.format(
                device=DEVICE, headquarters=headquarters, port=self.link.port, pace_ms=self._pace_ms
            ),
            encoding="utf-8",
        )

    def add_fingers(self) -> str:
        """A counter with a scanner, and a gallery that headquarters begins to build; why not, where that cannot be."""
        if why := fingers.missing():
            return why
        self.desk = FingerDesk(self.folder, self.box, self.lists, self._build)
        try:
            section = self.desk.start()
        except (OSError, VirtualReaderFault) as error:
            raise StageError(f"the virtual scanner did not start: {error}", advice=AGAIN) from error
        self.edge_toml.write_text(self.edge_toml.read_text("utf-8") + section, encoding="utf-8")
        return ""

    def publish_list(self, source: str) -> None:
        """Have headquarters build one list from a source ``KIND:PATH`` into the box's lists folder."""
        self._build(source, self.lists)

    def _build(self, source: str, out: Path, *words: str) -> None:
        self.command("borderpost-hq", "lists", "build", "--out", str(out), "--source", source, *words)

    def start_headquarters(self) -> None:
        """Start the collector."""
        self._spawn("hq", "borderpost-hq", "run", "--config", str(self.hq_toml))

    def start_readers(self) -> None:
        """Plug the readers in."""
        more = ((fingers.READER, "text", fingers.COUNTER),) if self.desk else ()
        for name, kind, _ in (*READERS, *more):
            reader = VirtualReader(self.box / f"{name}.tty", self.box / f"{name}.ctl", kind)
            try:
                self.readers[name] = reader.start()
            except (OSError, VirtualReaderFault) as error:
                raise StageError(f"the virtual reader {name} did not start: {error}", advice=AGAIN) from error

    def present(self, reader: str, lines: Sequence[str]) -> float:
        """Lay a document on a reader; the monotonic second of its last byte. StageError if it cannot be read."""
        try:
            at = self.readers[reader].present(lines)
        except (OSError, VirtualReaderFault) as error:
            raise StageError(f"the virtual reader {reader} does not answer", advice=AGAIN) from error
        if at is None:
            raise StageError("the box did not take the document", advice=f"read {self.folder / 'box.log'}")
        return at

    def look_after(self) -> None:
        """StageError if something that must run has ended by itself, with the place of its log."""
        running = {"the box": self.processes["box"], "headquarters": self.processes["hq"]}
        if self.broker.process is not None:
            running["the broker"] = self.broker.process
        for (what, process), log in zip(running.items(), ("box", "hq", "broker"), strict=False):
            if (code := process.poll()) is not None:
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise StageError(f"{what} ended ({how}); its log: {self.folder / log}.log", advice=AGAIN)

    def start_box(self) -> None:
        """Start the box and wait for its socket."""
        self._spawn("box", "borderpost", "run", "--config", str(self.edge_toml))
        self.wait_for(lambda: self.status() is not None, "the box did not open its socket", "box")

    def status(self) -> dict[str, Any] | None:
        """The box's own `status`, or None while it does not answer."""
        try:
            with DeskClient(self.socket, 5.0) as desk:
                answer = desk.ask({"do": "status"})
        except DeskError:
            return None
        status = answer.get("status")
        return dict(status) if isinstance(status, dict) else None

    def wait_ready(self) -> None:
        """Wait until readers are open and headquarters has answered."""

        def ready() -> bool:
            s = self.status()
            return bool(s) and s is not None and all(r["state"] == "ready" for r in s["readers"]) and self.linked(s)

        self.wait_for(ready, "readers or link did not come up", "box")

    @staticmethod
    def linked(status: dict[str, Any]) -> bool:
        """True while headquarters answers the box."""
        return bool(status["uplink"]["state"] == "sending")

    def wait_for(self, ready: Callable[[], bool], complaint: str, process: str) -> None:
        """Wait until ``ready()``; StageError after the limit or when the process has ended."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if ready():
                return
            if self.processes[process].poll() is not None:
                break
            time.sleep(0.05)
        raise StageError(complaint, advice=f"read {self.folder / (process + '.log')}")

    def command(self, program: str, *words: str) -> str:
        """Run one of our commands to its end; its standard output."""
        done = subprocess.run(
            [script(program), *words], capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
        )
        if done.returncode:
            raise StageError(f"{program} {words[0]}: {done.stderr.strip()}", advice="run it by hand to see why")
        return done.stdout

    def end(self, name: str, *, kill: bool = False) -> None:
        """End one process: kindly, or as a power cut would."""
        process = self.processes.pop(name, None)
        if process is None or process.poll() is not None:
            return
        if kill:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_TIMEOUT_S)

    def close(self) -> None:
        """End everything that this stage started."""
        for name in ("box", "hq"):
            self.end(name)
        for reader in self.readers.values():
            with contextlib.suppress(OSError):
                reader.close()
        if self.desk:
            self.desk.close()
        if self.link:
            self.link.close()
        self.broker.stop()

    def _spawn(self, name: str, program: str, *words: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                [script(program), *words], stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )


def script(name: str) -> str:
    """The console script beside this interpreter."""
    return str(Path(sys.executable).parent / name)


def source_of(kind: str) -> str:
    """``KIND:PATH`` of one of the demo's invented lists."""
    names: dict[str, str] = {"sltd-csv": "sltd.csv", "persons-csv": "persons.csv"}
    return f"{kind}:{LISTS / names[kind]}"


def counters() -> Sequence[str]:
    """Names of the demo's counters."""
    return [counter for _, _, counter in READERS]
