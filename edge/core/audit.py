"""The audit chain: who changes a row, breaks every row after it.

Each row carries ``hash = SHA-256(previous hash || canonical JSON of its header)``; the header holds
number, time, kind and the SHA-256 of the canonical JSON of its body. So retention can replace a body
by nothing and the chain still verifies. Bodies hold the shown projection only (ARCHITECTURE law 8)
and nothing of a person (law 9). Pure: rows in, hashes out.

A *checkpoint* is a row of the chain whose body carries the box's signature over number and hash of the row before it.
Who rewrites the chain from some row on needs the box's key, or must leave out every checkpoint after it; and then the
chain ends in more unsigned rows than a box leaves (``MAX_UNSIGNED``), or the head that headquarters was told is not
in it.

*Retention* takes bodies from the front of the chain, each row's but a checkpoint's up to some row, and later whole rows
from the front. What it took it states in a row of the chain: so a body that is gone from anywhere else, or a front that
is missing, is a finding, and with a key only a statement that a checkpoint vouches for counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

GENESIS = "0" * 64  # the hash before the first row
CHECKPOINT: Final = "checkpoint"  # the kind of a row that carries a signature
RETENTION: Final = "retention"  # the kind of a row that states what retention took
MAX_UNSIGNED: Final = 200  # rows after the last checkpoint: a box signs after 100, and one entry may add a few
_DOMAIN: Final = b"borderpost audit checkpoint 1\n"

_sha256 = hashlib.sha256
_encode = msgspec.json.Encoder().encode


class AuditRow(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """One row of the chain; ``body`` is canonical JSON, or None once retention has taken it.

    As JSON it is an array of its fields in this order.
    """

    number: int
    at: str
    kind: str
    body: str | None
    body_hash: str
    previous: str
    hash: str


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a checkpoint: ``signature`` (Base64) by ``key`` over ``checkpoint_bytes`` of the other fields."""

    device: Annotated[str, Meta(max_length=64)]
    number: Annotated[int, Meta(ge=0)]
    head: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    at: Annotated[str, Meta(max_length=40)]
    key: Annotated[str, Meta(max_length=128)]
    signature: Annotated[str, Meta(max_length=700)]

    def signed(self) -> bytes:
        """The bytes that the signature is over."""
        return checkpoint_bytes(self.device, self.number, self.head, self.at)


class Taken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of a statement of retention: rows up to ``redacted`` have no body, those up to ``removed`` are not there
    any more; ``base`` is the hash of the last of these."""

    redacted: Annotated[int, Meta(ge=0)] = 0
    removed: Annotated[int, Meta(ge=0)] = 0
    base: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")] = GENESIS


@dataclass(frozen=True, slots=True)
class AuditCheck:
    """What verifying found. ``first_bad`` is the number that the first wrong row has, or should have; None if none is.

    ``signed_until`` is the last row that a believed checkpoint vouches for, 0 for none or where no key was given;
    ``checkpoints`` counts all that were seen; ``found`` says at which row each head that was asked for stands.
    ``after`` is the last row that retention took away whole, ``redacted`` the last whose body it took; 0 for none.
    """

    rows: int
    head: str
    first_bad: int | None
    problem: str
    signed_until: int = 0
    checkpoints: int = 0
    found: Mapping[str, int] = field(default_factory=dict)
    after: int = 0
    redacted: int = 0

    @property
    def sound(self) -> bool:
        """True if every row fits."""
        return self.first_bad is None


class _Header(msgspec.Struct, frozen=True, gc=False):
    """The header of a row; its fields in the order of their names, so that its JSON is canonical."""

    at: str
    body: str
    kind: str
    n: int


def canonical(value: Mapping[str, object]) -> str:
    """JSON with sorted keys and no spaces: the same text for the same content, always."""
    return msgspec.json.encode(value, order="deterministic").decode()


def checkpoint_bytes(device: str, number: int, head: str, at: str) -> bytes:
    """What a box signs: that row ``number`` of its chain has the hash ``head``."""
    return _DOMAIN + canonical({"device": device, "number": number, "head": head, "at": at}).encode()


def link(previous: str, number: int, at: str, kind: str, body: Mapping[str, object]) -> AuditRow:
    """The next row after ``previous`` (its hash; GENESIS for the first)."""
    text = canonical(body)
    body_hash = _sha256(text.encode()).hexdigest()
    return AuditRow(number, at, kind, text, body_hash, previous, _hash(previous, number, at, kind, body_hash))


def verify(
    rows: Iterable[AuditRow],
    *,
    after: int = 0,
    previous: str = GENESIS,
    believe: Callable[[Checkpoint], bool] | None = None,
    heads: Collection[str] = (),
) -> AuditCheck:
    """Check rows in order; stops at the first bad one and says what is wrong with it.

    ``after`` and ``previous`` are number and hash of the row before the first one given; a statement of retention must
    name them. ``believe`` says whether the signature of a checkpoint is the box's; with it a chain is sound only if one
    at least is, its last rows but ``MAX_UNSIGNED`` are signed for, and what retention took is. ``heads`` are hashes
    that somebody else was told; each must be the hash of a row, or ``previous``.
    """
    wanted, found = frozenset(heads), dict.fromkeys({previous} & frozenset(heads), after)
    first, number, signed, points = after, after, 0, 0
    base, stated, vouched = previous, Taken(), Taken()
    bare = whole = 0  # the last row without a body, and the first that has one

    def ended(bad: int | None, problem: str) -> AuditCheck:
        return AuditCheck(number - first, previous, bad, problem, signed, points, found, first, bare)

    for row in rows:
        number += 1
        problem = _problem(row, number, previous)
        if row.kind == CHECKPOINT:
            if not problem:
                points += 1
                problem = _distrust(row, believe)
                if not problem and believe is not None:
                    signed, vouched = number - 1, stated
        elif row.body is None:
            problem = problem or ("its body was taken out, and not by retention" if whole else "")
            bare = bare if problem else number
        else:
            whole = whole or number
            if row.kind == RETENTION and not problem:
                problem, stated = _statement(row, stated)
        if problem:
            return ended(number, problem)
        previous = row.hash
        if previous in wanted:
            found[previous] = number
    if believe is None:
        signed, vouched = number, stated
    bad, problem = _ending(number, signed, wanted - found.keys())
    if not problem and not points and believe is not None:
        bad, problem = first + 1, "no row is signed by anybody"
    if not problem:
        bad, problem = _beginning(vouched, first, base, bare)
    signed = 0 if believe is None else signed
    return ended(bad, problem)


def _ending(number: int, signed: int, missing: Collection[str]) -> tuple[int | None, str]:
    if missing:
        return number + 1, f"the chain ends, or was written anew, before the head {min(missing)}"
    if number - signed > MAX_UNSIGNED:
        return signed + 1, f"the last {number - signed} rows are signed by nobody"
    return None, ""


def _beginning(taken: Taken, after: int, base: str, bare: int) -> tuple[int | None, str]:
    if (taken.removed, taken.base) != (after, base):
        return 1, f"the chain begins at row {after + 1}, and no statement of retention that counts says so"
    if bare > taken.redacted:
        bad = max(taken.redacted, after) + 1
        return bad, "its body was taken out, and no statement of retention that counts says so"
    return None, ""


def _statement(row: AuditRow, before: Taken) -> tuple[str, Taken]:
    try:
        taken = msgspec.json.decode(row.body or "", type=Taken)
    except msgspec.MsgspecError:
        return "is no statement of retention", before
    if not before.removed <= taken.removed < row.number or not before.redacted <= taken.redacted < row.number:
        return "states what retention cannot have taken", before
    return "", taken


def _problem(row: AuditRow, expected: int, previous: str) -> str:
    if row.number != expected:
        return "is missing, or stands elsewhere"
    if row.previous != previous:
        return "does not continue the row before it"
    if row.body is not None and _sha256(row.body.encode()).hexdigest() != row.body_hash:
        return "its body was changed"
    if _hash(previous, expected, row.at, row.kind, row.body_hash) != row.hash:
        return "its header was changed"
    return ""


def _distrust(row: AuditRow, believe: Callable[[Checkpoint], bool] | None) -> str:
    try:
        point = msgspec.json.decode(row.body or "", type=Checkpoint)
    except msgspec.MsgspecError:
        return "is no checkpoint"
    if (point.number, point.head) != (row.number - 1, row.previous):
        return "is the checkpoint of another row"
    if believe is not None and not believe(point):
        return "its signature is not the box's"
    return ""


def _hash(previous: str, number: int, at: str, kind: str, body_hash: str) -> str:
    return _sha256(bytes.fromhex(previous) + _encode(_Header(at, body_hash, kind, number))).hexdigest()
