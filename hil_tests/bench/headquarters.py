"""Headquarters on this computer: broker under mutual TLS and collector, as processes, around a country's folder.

Laws:
1. The broker runs by the files that ``borderpost-provision broker`` wrote: its certificate, its access list, its
   revocations, no persistence. The address, and the account that reads them, are all that is the bench's own.
2. What the store holds is read by headquarters' own reader and opened with headquarters' own keys.
3. Whatever was started is ended by its id, also when a test fails or the bench is killed; every wait has a limit.
"""

from __future__ import annotations

import os
import pwd
import socket
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.core import wire
from edge.core.sealing import SealError, open_sealed
from hil_tests.bench.country import HQ, ROOT, Country
from hil_tests.bench.target import TargetError, until
from hil_tests.vm.children import Child, tail
from hq import config, keys
from hq.errors import StoreError
from hq.store import View

UP_S = 30.0
RUN = "import sys; from hq.cli import main; sys.exit(main())"
BROKER_UP, COLLECTOR_UP = "mosquitto version", "collecting"


@dataclass(frozen=True, slots=True)
class Row:
    """One message that the store holds. ``body`` is None when headquarters' keys do not open it."""

    n: int
    device: str
    epoch: str
    seq: int
    kind: str
    passage: str
    outcome: str
    shown: str
    site: str
    body: wire.Body | None


class Headquarters:
    """Broker and collector of ``country``. Use with ``with``, or ``start`` and ``stop``.

    ``port`` (0: any free one) is of ``address``; ``inside`` are words put before each command, such as
    ``("ip", "netns", "exec", NAME)``: with them the port must be named. Logs: ``folder``/logs of the country.
    """

    def __init__(
        self, country: Country, *, port: int = 0, address: str = "127.0.0.1", inside: Sequence[str] = ()
    ) -> None:
        self.country, self.port, self._address, self._inside = country, port or free_port(), address, tuple(inside)
        self.logs = country.folder / "logs"
        self._broker: Child | None = None
        self._collector: Child | None = None

    def __enter__(self) -> Headquarters:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Broker and collector; both are up when this returns. Raises TargetError."""
        self.logs.mkdir(exist_ok=True)
        self._write_files()
        try:
            self.start_broker()
            self.start_collector()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End both; harmless when they are not running."""
        self.stop_collector()
        self.stop_broker()

    def start_broker(self) -> None:
        """Mosquitto, on the same port as before; harmless when it runs."""
        if self._broker is None:
            words = ["mosquitto", "-c", str(self.country.folder / "mosquitto.conf")]
            self._broker = self._started(words, "mosquitto.log", BROKER_UP)

    def stop_broker(self, *, kill: bool = False) -> None:
        """SIGTERM (or SIGKILL): who is connected sees the connection end, and sessions are forgotten."""
        child, self._broker = self._broker, None
        _end(child, kill=kill)

    def start_collector(self) -> None:
        """``borderpost-hq run``; it is connected when this returns, which needs the broker."""
        if self._collector is None:
            words = [sys.executable, "-c", RUN, "run", "--config", str(self.country.folder / "hq-running.toml")]
            self._collector = self._started(["env", f"PYTHONPATH={ROOT}", *words], "hq.log", COLLECTOR_UP)

    def stop_collector(self, *, kill: bool = False) -> None:
        """The collector alone: what comes meanwhile is the broker's to hold, or the box's to send again."""
        child, self._collector = self._collector, None
        _end(child, kill=kill)

    def rows(self, *, kind: str = "") -> list[Row]:
        """What the store holds and the collector has looked into, oldest first; with ``kind`` only that."""
        path = self.country.folder / "hq.sqlite"
        if not path.exists():
            return []
        settings = config.load(self.country.folder / "hq-running.toml")
        opened = keys.load_seal([Path(one) for one in settings.keys.seal], keys.read_passphrase(settings.keys))
        found: list[Row] = []
        with View(path) as view:
            after = 0
            while messages := view.messages(after):
                after = messages[-1].n
                for one in messages:
                    device, epoch, seq = one.id.split(":")
                    try:
                        sealed = open_sealed(one.sealed, message_id=one.id, type=wire.BODY_TYPE, keys=opened)
                        body = wire.decode_body(sealed)
                    except (SealError, wire.WireError):
                        body = None
                    found.append(Row(one.n, device, epoch, int(seq), one.kind, one.passage, one.outcome, one.shown,
                                     one.site, body))  # fmt: skip
        return [row for row in found if kind in ("", row.kind)]

    def passages(self) -> Counter[str]:
        """Ids of the passages that are there, with how often each is: more than once is a fault."""
        return Counter(row.passage for row in self.rows(kind="passage"))

    def counts(self) -> dict[str, int]:
        """Messages, conflicts, quarantine, and duplicates removed."""
        with View(self.country.folder / "hq.sqlite") as view:
            return view.counts()

    def wait_rows(self, count: int, limit_s: float, *, kind: str = "passage") -> list[Row]:
        """Those rows when there are ``count`` of them or more. Raises TargetError after ``limit_s`` seconds."""
        found: list[Row] = []

        def there() -> bool:
            """So many rows at headquarters."""
            nonlocal found
            try:
                found = self.rows(kind=kind)
            except StoreError:  # the collector is making its tables
                return False
            return len(found) >= count

        try:
            until(there, limit_s, every_s=0.2)
        except TargetError as error:
            said = "\n".join(tail(self.logs / name) for name in ("hq.log", "mosquitto.log"))
            raise TargetError(f"{len(found)} of {count} rows at headquarters after {limit_s:.0f} s\n{said}") from error
        return found

    def _write_files(self) -> None:
        folder = self.country.folder
        made = (folder / "broker" / "mosquitto.conf").read_text("utf-8")
        place = next(line for line in made.splitlines() if line.startswith("acl_file "))[len("acl_file "):-len("/acl")]
        lines = made.replace(place, str(folder / "broker")).splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("listener "))
        lines[at] = f"listener {self.port} {self._address}"
        account = pwd.getpwuid(os.geteuid()).pw_name
        (folder / "mosquitto.conf").write_text("\n".join([*lines, f"user {account}"]) + "\n")
        (folder / "hq-running.toml").write_text(HQ.replace("@port@", str(self.port)))

    def _started(self, words: Sequence[str], name: str, sign: str) -> Child:
        log = self.logs / name
        before = log.stat().st_size if log.exists() else 0
        child = Child([*self._inside, *words], log)

        def up() -> bool:
            """The process says that it is up."""
            child.must_live()
            with log.open("rb") as file:
                file.seek(before)
                return sign.encode() in file.read()

        try:
            until(up, UP_S)
        except BaseException:
            child.end()
            raise
        return child


def _end(child: Child | None, *, kill: bool) -> None:
    if child is not None:
        child.kill() if kill else child.end()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
