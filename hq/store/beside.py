"""What short commands do beside a running collector: see requests, queue an envelope. One statement each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hq.errors import StoreError
from hq.store.schema import BUSY_MS, open_reading
from hq.store.writing import stamp


@dataclass(frozen=True, slots=True)
class Request:
    """The newest request of one box, as it came: JSON of ``edge.core.provisioning.papers.Request``."""

    device: str
    serial: str
    received: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """One envelope on its way, or taken (``done`` says when)."""

    device: str
    serial: str
    sequence: int
    queued: str
    done: str
    size: int


def requests_of(path: Path) -> list[Request]:
    """What boxes ask for, oldest first. Raises StoreError."""
    with _reading(path) as db:
        rows = db.execute("SELECT device, serial, received, payload FROM requests ORDER BY received, device").fetchall()
    return [Request(str(d), str(s), str(r), bytes(p)) for d, s, r, p in rows]


def envelopes_of(path: Path) -> list[Envelope]:
    """Envelopes that were queued, by device. Raises StoreError."""
    with _reading(path) as db:
        rows = db.execute(
            "SELECT device, serial, sequence, queued, done, length(payload) FROM envelopes ORDER BY device"
        ).fetchall()
    return [Envelope(*tuple(row)) for row in rows]


def devices_of_serial(path: Path, serial: str) -> list[str]:
    """The devices that said that this is their serial: in their birth message or in a request. Raises StoreError."""
    with _reading(path) as db:
        rows = db.execute(
            "SELECT device FROM devices WHERE json_extract(presence, '$.serial') = ?1"
            " UNION SELECT device FROM requests WHERE serial = ?1 UNION SELECT device FROM visits WHERE serial = ?1",
            (serial,),
        ).fetchall()
    return sorted(str(row[0]) for row in rows)


def queue_envelope(path: Path, device: str, serial: str, sequence: int, payload: bytes, now: datetime) -> bool:
    """Let the collector send an envelope. False if one of this number or a higher one was queued before."""
    with _writing(path) as db:
        return bool(db.execute(
            "INSERT INTO envelopes (device, serial, sequence, queued, payload) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (device) DO UPDATE SET serial = excluded.serial, sequence = excluded.sequence,"
            " queued = excluded.queued, payload = excluded.payload, done = ''"
            " WHERE excluded.sequence > envelopes.sequence OR excluded.serial <> envelopes.serial",
            (device, serial, sequence, stamp(now), payload),
        ).rowcount)  # fmt: skip


@contextmanager
def _reading(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_reading(path)) as db:
        try:
            yield db
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {error}", advice="start this version's `borderpost-hq run` once") from error


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    with _reading(path) as db:  # the file exists and is a store of this version
        db.execute("SELECT 1 FROM envelopes LIMIT 1")
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
            yield db
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}", advice="try again; check the rights of the file") from error
