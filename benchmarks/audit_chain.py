"""A million rows of the audit chain: written, exported, verified; and what else looks through the same bytes.

`make bench-audit` (ARGS="--rows 100000"). One run, one machine, one process; CPU seconds beside wall seconds.
The chain is that of a journal in use: passages, one closing in twenty, a signed checkpoint after every hundred rows.
Beside it: plain SHA-256 over the same file, the same file decoded as JSON and nothing more, and SQLite's own
integrity_check and quick_check over the journal that it came from, which look for damage and not for changes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks import machine
from edge.audit_keys import believer
from edge.core import audit, audit_file
from edge.journal import JournalLimits, read_only, schema
from edge.journal.entries import stamp

LIMIT_S = 10.0  # for a million rows
BLOCK = 1 << 20
START = datetime(2026, 1, 1, tzinfo=UTC)
DEVICE = "post-7"


def main() -> int:
    """Run it; 1 if a million rows took longer than they may, or an edit was not found."""
    parser = machine.parser(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where some 2 GB per million rows may lie")
    given = parser.parse_args()
    report = machine.Report("audit_chain", given)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        failed = _measure(Path(folder), given.rows, report)
    report.say(f"NOT HELD: {', '.join(failed)}" if failed else "all promises held")
    report.end()
    return int(bool(failed))


def _measure(folder: Path, rows: int, report: machine.Report) -> list[str]:
    def timed(what: str, action: Callable[[], object]) -> float:
        wall, cpu = time.perf_counter(), time.process_time()
        action()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        report.figures[what] = {"wall_s": round(wall, 3), "cpu_s": round(cpu, 3)}
        report.say(f"{what:<44}{wall:>8.2f} s wall{cpu:>8.2f} s CPU{rows / wall / 1e3:>9.0f} k rows/s")
        return wall

    key = ec.generate_private_key(ec.SECP256R1())
    path, file = folder / "journal.sqlite", folder / "audit.jsonl"
    timed("chain written into a journal", lambda: _fill(path, rows, key))
    timed("exported as a file", lambda: _export(path, file))
    believe = believer([key.public_key()])
    size = file.stat().st_size
    report.figures["bytes_a_row"] = round(size / rows)
    report.say(f"{'the file':<44}{size / 1e6:>8.0f} MB, {size / rows:.0f} bytes a row")

    def verified() -> None:
        check = audit_file.check(_blocks(file), believe=believe)[1]
        assert check.sound, check
        assert check.rows == rows

    with read_only(path) as view:
        head = view.counts().audit_head
        taken = [
            timed("verified: chain, signatures and head", lambda: _with_head(file, believe, head)),
            timed("verified: chain and signatures", verified),
            timed("verified: chain alone", lambda: audit_file.check(_blocks(file))),
            timed("verified: in the journal", lambda: view.verify_audit(believe)),
        ]
    report.say("beside it, over the same bytes:")
    timed("plain SHA-256 of the file (hashlib)", lambda: _sha256(file))
    timed("decoded as JSON and nothing more (json)", lambda: _decoded(file))
    for pragma in ("integrity_check", "quick_check"):
        timed(f"SQLite's {pragma} of the journal", lambda pragma=pragma: _sqlite(path, pragma))
    missed = _tampered(file, folder / "tampered.jsonl", rows, believe)
    report.figures["missed"] = missed
    report.say(f"{'one row edited, deleted, moved, the end cut':<44}{4 - missed:>8} of 4 found, by the row")
    slow = max(taken) * 1e6 / rows > LIMIT_S
    return [*(["a million rows in 10 s"] if slow else []), *(["every edit is found"] if missed else [])]


def _chain(rows: int, key: ec.EllipticCurvePrivateKey) -> Iterator[audit.AuditRow]:
    previous = audit.GENESIS
    for number in range(1, rows + 1):
        at = stamp(START + timedelta(seconds=number))
        if number % 101 == 0:
            data = audit.checkpoint_bytes(DEVICE, number - 1, previous, at)
            kind, body = audit.CHECKPOINT, {
                "device": DEVICE, "number": number - 1, "head": previous, "at": at, "key": "f" * 64,
                "signature": _base64(key.sign(data, ec.ECDSA(hashes.SHA256()))),
            }  # fmt: skip
        elif number % 20 == 0:
            kind, body = "closing", {
                "passage": f"K7QZ4-{number:05}", "code": "same", "seq": number, "sha256": "ab" * 32,
            }  # fmt: skip
        else:
            kind, body = "passage", {
                "passage": f"K7QZ4-{number:05}", "counter": "entry-1", "direction": "entry", "shown": "CLEAR",
                "state": "closed", "seq": number, "sha256": "ab" * 32, "late": False,
            }  # fmt: skip
        row = audit.link(previous, number, at, kind, body)
        previous = row.hash
        yield row


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _fill(path: Path, rows: int, key: ec.EllipticCurvePrivateKey) -> None:
    db, _ = schema.open_journal(path, JournalLimits(quota_bytes=8 << 30), lambda: "epoch-1")
    db.execute("begin")
    db.executemany(
        "insert into audit (number, at, kind, body, body_hash, previous, hash) values (?, ?, ?, ?, ?, ?, ?)",
        ((r.number, r.at, r.kind, r.body, r.body_hash, r.previous, r.hash) for r in _chain(rows, key)),
    )
    db.execute("insert into meta values ('device', ?)", (DEVICE,))
    db.execute("commit")
    db.execute("pragma wal_checkpoint(truncate)").fetchall()
    db.close()


def _export(path: Path, file: Path) -> None:
    with read_only(path) as view, file.open("wb") as out:
        for line in view.export_audit("2026-03-01T12:00:00Z"):
            out.write(line)


def _blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as data:
        while block := data.read(BLOCK):
            yield block


def _with_head(file: Path, believe: Callable[[audit.Checkpoint], bool], head: str) -> None:
    check = audit_file.check(_blocks(file), believe=believe, heads=[head])[1]
    assert check.sound, check
    assert check.found[head] == check.rows


def _sha256(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _decoded(file: Path) -> int:
    with file.open("rb") as data:
        return sum(1 for line in data if json.loads(line))


def _sqlite(path: Path, pragma: str) -> None:
    with sqlite3.connect(path) as db:
        assert db.execute(f"pragma {pragma}").fetchall() == [("ok",)]


def _tampered(file: Path, other: Path, rows: int, believe: Callable[[audit.Checkpoint], bool]) -> int:
    """One row in the middle edited, deleted, moved, and the end cut off: how many of the four were not found."""
    middle, missed = rows // 2, 0
    for kind in ("edited", "deleted", "moved", "cut"):
        with file.open("rb") as data, other.open("wb") as out:
            for number, line in enumerate(data):
                if number == middle and kind == "edited":
                    out.write(line.replace(b"2026", b"2027", 1))
                elif number == middle and kind in ("deleted", "moved"):
                    kept = line
                elif number == middle + 1 and kind == "moved":
                    out.write(line + kept)
                elif kind != "cut" or number < middle:
                    out.write(line)
        try:
            check = audit_file.check(_blocks(other), believe=believe)[1]
            missed += check.first_bad != middle
        except audit_file.AuditFileError:
            missed += kind != "cut"
    return missed


if __name__ == "__main__":
    sys.exit(main())
