"""A box and a headquarters for tests: real journal, real uplink, real collector, real broker between.

Time and randomness are the system's here; what a test waits for, it waits for with ``until``.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from edge.config import TlsConfig, UplinkConfig
from edge.core import sealing
from edge.core.trusted import ClockState
from edge.core.verdicts import Outcome
from edge.core.wire import BODY_TYPE, PassageBody
from edge.journal import AWAITING, CLOSED, Journal, NewPassage
from edge.uplink import Box, Uplink
from hq import keys as hq_keys
from hq.collector import Collector
from hq.config import BrokerConfig, CollectorConfig, Config, KeysConfig, StoreConfig
from hq.config import TlsConfig as HqTlsConfig
from hq.store import View

WAIT_S = 12.0


def until(what: Callable[[], object], why: str, seconds: float = WAIT_S) -> None:
    """Wait until ``what()`` is true; fail with ``why`` when the time is over."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"not within {seconds} s: {why}"
        time.sleep(0.01)


def token() -> str:
    """A fresh random token."""
    return secrets.token_hex(8)


def now() -> datetime:
    """The present time, aware."""
    return datetime.now(UTC)


def passage(number: int, outcome: Outcome = Outcome.CLEAR, shown: Outcome | None = None) -> NewPassage:
    """An invented passage; ``number`` makes its id."""
    shown = shown or outcome
    at = now()
    name = f"p-{number:06d}"
    body = PassageBody(
        passage=name,
        counter="lane-1",
        direction="entry",
        at=at,
        clock=ClockState.SYSTEM,
        outcome=outcome,
        shown=shown,
        number_hash="0" * 64,
    )
    return NewPassage(
        passage=name,
        at=at,
        clock=ClockState.SYSTEM,
        counter="lane-1",
        direction="entry",
        shown=shown,
        truth_clear=outcome is Outcome.CLEAR,
        state=AWAITING if shown in (Outcome.HIT, Outcome.POSSIBLE) else CLOSED,
        summary=(),
        body=body,
        number_hash="0" * 64,
    )


class Headquarters:
    """A collector in a thread, with its own keys and database below ``folder``."""

    def __init__(self, folder: Path, port: int, *, tls: HqTlsConfig | None = None, **limits: int) -> None:
        self.folder = folder
        if not (folder / "keys").exists():
            hq_keys.create(folder / "keys")
        self.path = folder / "hq.sqlite"
        self.config = Config(
            store=StoreConfig(path=str(self.path)),
            keys=KeysConfig(seal=(str(folder / "keys" / "seal.pem"),), ack=str(folder / "keys" / "ack.pem")),
            broker=BrokerConfig(
                port=port, tls=tls, keepalive_s=5, backoff_min_s=0.1, backoff_max_s=0.5, connect_timeout_s=3
            ),
            collector=CollectorConfig(**limits),
        )
        self.keys = hq_keys.load(self.config.keys)
        self.collector: Collector | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> Headquarters:
        """Run the collector until it listens."""
        self.collector = Collector(
            self.config, self.keys, clock=now, mono=time.monotonic, new_token=token, jitter=lambda: 0.5
        )
        self._thread = threading.Thread(target=self.collector.run, daemon=True)
        self._thread.start()
        until(lambda: self.collector and self.collector.subscribed, "the collector listens")
        return self

    def stop(self) -> None:
        """End it in order."""
        if self.collector and self._thread:
            self.collector.stop()
            self._thread.join(5)
            assert not self._thread.is_alive()
            self.collector = None

    def forget(self) -> None:
        """Lose the database."""
        for name in ("hq.sqlite", "hq.sqlite-wal", "hq.sqlite-shm"):
            (self.folder / name).unlink(missing_ok=True)

    def view(self) -> View:
        """A read-only look at its database."""
        return View(self.path)

    def held(self) -> int:
        """Messages in its database."""
        if not self.path.exists():
            return 0
        with self.view() as view:
            return view.counts()["messages"]

    def alarms(self) -> set[str]:
        """Codes of its open alarms."""
        with self.view() as view:
            return {a.code for a in view.alarms()}


class Post:
    """A box: journal and uplink, below ``folder``; ``link`` is what else the uplink is given."""

    def __init__(
        self,
        folder: Path,
        port: int,
        hq: Headquarters,
        *,
        device: str = "box-one",
        tls: TlsConfig | None = None,
        ack_key: sealing.SignPublic | None = None,
        signed_time: Callable[[datetime], None] | None = None,
        link: Mapping[str, Any] = MappingProxyType({}),
        **config: float,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.device = device
        seal = next(iter(hq.keys.seal.values())).public_key()
        started = time.monotonic()
        self.journal = Journal(
            folder / "journal.sqlite",
            device=device,
            sealer=sealing.make_sealer([sealing.Recipient.of(seal)], type=BODY_TYPE),
            box_key=b"k" * 32,
            token=token,
            wall=now,
            mono=lambda: time.monotonic() - started,
            boot="boot-1",
        )
        self.journal.start()
        self.signed: list[datetime] = []
        defaults: dict[str, float] = {
            "keepalive_s": 5, "backoff_min_s": 0.1, "backoff_max_s": 0.5, "sync_retry_s": 1.0,
            "ack_timeout_s": 1.0, "health_s": 1.0, "connect_timeout_s": 3,
        }  # fmt: skip
        self.config = msgspec.convert({"host": "127.0.0.1", "port": port, **defaults, **config}, UplinkConfig)
        if tls:
            self.config = msgspec.structs.replace(self.config, tls=tls)
        self.uplink = Uplink(
            self.config,
            Box(device, "boot-1", "0.1.0", lambda: {"un": 1}, self._health, lambda: (now(), ClockState.SYSTEM)),
            self.journal,
            (ack_key or hq.keys.ack.public_key(),),
            mono=time.monotonic,
            token=token,
            jitter=lambda: 0.5,
            on_signed_time=signed_time or self.signed.append,
            **link,
        )
        self.journal.add_listener(self.uplink.wake)
        self._thread: threading.Thread | None = None
        self._number = 0

    def _health(self) -> Mapping[str, object]:
        return {"at": now(), "clock": "system", "outbox": self.pending}

    def start(self) -> Post:
        """Run the uplink."""
        self._thread = threading.Thread(target=self.uplink.run, daemon=True)
        self._thread.start()
        return self

    def record(self, count: int = 1, outcome: Outcome = Outcome.CLEAR) -> None:
        """Write that many passages; they are on the disk when this returns."""
        futures = []
        for _ in range(count):
            self._number += 1
            futures.append(self.journal.record(passage(self._number, outcome)))
        for future in futures:
            future.result(5)

    @property
    def pending(self) -> int:
        """Rows that headquarters has not acked."""
        return self.journal.counts().pending

    def drained(self, seconds: float = WAIT_S) -> None:
        """Wait until nothing is pending."""
        until(lambda: self.pending == 0, f"the outbox drains ({self.uplink.status()})", seconds)

    def stop(self) -> None:
        """End uplink and journal."""
        self.uplink.stop()
        if self._thread:
            self._thread.join(8)
            assert not self._thread.is_alive()
        self.journal.close()
