"""The audit chain: who changes a row, breaks every row after it.

Each row carries ``hash = SHA-256(previous hash || canonical JSON of its header)``; the header holds
number, time, kind and the SHA-256 of the canonical JSON of its body. So retention can replace a body
by nothing and the chain still verifies. Bodies hold the shown projection only (ARCHITECTURE law 8)
and nothing of a person (law 9). Pure: rows in, hashes out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

GENESIS = "0" * 64  # the hash before the first row


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row of the chain; ``body`` is canonical JSON, or None once retention has taken it."""

    number: int
    at: str
    kind: str
    body: str | None
    body_hash: str
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What verifying found. ``first_bad`` is the number of the first row that is wrong, None if none is."""

    rows: int
    head: str
    first_bad: int | None
    problem: str

    @property
    def sound(self) -> bool:
        """True if every row fits."""
        return self.first_bad is None


def canonical(value: Mapping[str, object]) -> str:
    """JSON with sorted keys and no spaces: the same text for the same content, always."""
    return msgspec.json.encode(value, order="deterministic").decode()


def link(previous: str, number: int, at: str, kind: str, body: Mapping[str, object]) -> AuditRow:
    """The next row after ``previous`` (its hash; GENESIS for the first)."""
    text = canonical(body)
    body_hash = hashlib.sha256(text.encode()).hexdigest()
    return AuditRow(number, at, kind, text, body_hash, previous, _hash(previous, number, at, kind, body_hash))


def verify(rows: Iterable[AuditRow], *, after: int = 0, previous: str = GENESIS) -> AuditCheck:
    """Check rows in order; stops at the first bad one and says what is wrong with it.

    ``after`` and ``previous`` are number and hash of the row before the first one given.
    """
    count = 0
    for row in rows:
        count += 1
        problem = _problem(row, after + count, previous)
        if problem:
            return AuditCheck(count, previous, row.number, problem)
        previous = row.hash
    return AuditCheck(count, previous, None, "")


def _problem(row: AuditRow, expected: int, previous: str) -> str:
    if row.number != expected:
        return f"row {expected} is missing"
    if row.previous != previous:
        return "does not continue the row before it"
    if row.body is not None and hashlib.sha256(row.body.encode()).hexdigest() != row.body_hash:
        return "its body was changed"
    if _hash(previous, row.number, row.at, row.kind, row.body_hash) != row.hash:
        return "its header was changed"
    return ""


def _hash(previous: str, number: int, at: str, kind: str, body_hash: str) -> str:
    header = canonical({"n": number, "at": at, "kind": kind, "body": body_hash})
    return hashlib.sha256(bytes.fromhex(previous) + header.encode()).hexdigest()
