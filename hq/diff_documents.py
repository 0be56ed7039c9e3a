"""Which documents of two generations are new, gone or changed, without holding a Python object a record.

A document is the same in both if its hashed number, issuing State and category agree (several such are told apart
by their order). Its other fields make it changed: type, dates, action, silence, reference, whether it has a bearer.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import numpy as np

from edge.core.watch.documents import NO_PERSON, DocumentTable
from edge.core.watch.layout import U64, Array, LayoutError

_ODD: Final = np.uint64(0x9E37_79B9_7F4A_7C15)   # 2^64 over the golden ratio
_MIX: Final = np.uint64(0xBF58_476D_1CE4_E5B9)   # splitmix64
_DATES: Final = ("reported", "issued", "expires", "review")


@dataclass(slots=True)
class DocumentChanges:
    """Counts alone. ``gone_by`` and ``new_by`` count by category and issuing State."""

    old: int = 0
    new: int = 0
    added: int = 0
    removed: int = 0
    changed: int = 0
    unsilenced: int = 0
    new_by: Counter[str] = field(default_factory=Counter)
    gone_by: Counter[str] = field(default_factory=Counter)


def compare(old: DocumentTable, new: DocumentTable) -> DocumentChanges:
    """Raises ``LayoutError`` if a record met on the way is damaged."""
    texts: dict[str, int] = {}
    before, after = _identities(old, texts), _identities(new, texts)
    _, kept_old, kept_new = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    gone = np.setdiff1d(np.arange(len(before)), kept_old, assume_unique=True)
    come = np.setdiff1d(np.arange(len(after)), kept_new, assume_unique=True)
    differs = _contents(old, texts, kept_old) != _contents(new, texts, kept_new)
    silent_before = old.columns()[1]["flags"][kept_old]
    silent_after = new.columns()[1]["flags"][kept_new]
    return DocumentChanges(
        old=len(before),
        new=len(after),
        added=len(come),
        removed=len(gone),
        changed=int(differs.sum()),
        unsilenced=int(((silent_before & 1) & ~silent_after & 1).sum()),
        new_by=_by(new, come),
        gone_by=_by(old, gone),
    )


def _identities(table: DocumentTable, texts: dict[str, int]) -> Array:
    """64 bits a row that two generations share for the same document; distinct within one."""
    keys, rows = table.columns()
    found = _mixed(_mixed(keys.astype(np.uint64)) ^ rows["confirm"].astype(np.uint64))
    for column in ("issuer", "fraud"):
        found = _mixed(found ^ _numbered(table, rows[column], texts))
    order = np.argsort(found, kind="stable")
    ordered = found[order]
    first = np.append(True, ordered[1:] != ordered[:-1]) if len(ordered) else np.zeros(0, dtype=bool)
    starts = np.maximum.accumulate(np.where(first, np.arange(len(ordered)), 0)) if len(ordered) else order
    rank = np.empty(len(found), dtype=U64)
    rank[order] = (np.arange(len(ordered)) - starts).astype(U64)
    result: Array = np.where(rank == 0, found, _mixed(found ^ (rank * _ODD)))
    return result


def _contents(table: DocumentTable, texts: dict[str, int], chosen: Array) -> Array:
    """64 bits of everything else that the chosen rows say."""
    rows = table.columns()[1][chosen]
    found: Array = rows["flags"].astype(U64)
    for column in ("type", "action", "theft"):
        found = _mixed(found ^ _numbered(table, rows[column], texts))
    for column in _DATES:
        found = _mixed(found ^ rows[column].astype(U64))
    found = _mixed(found ^ (rows["person"] == NO_PERSON).astype(U64))
    return _mixed(found ^ _references(table, rows["reference"].astype(np.int64), rows["reference_length"]))


def _references(table: DocumentTable, starts: Array, lengths: Array) -> Array:
    blob = bytes(table.references())
    ends = starts + lengths
    if len(ends) and int(ends.max()) > len(blob):
        raise LayoutError("a document's reference lies outside the file")
    hashed = (
        int.from_bytes(blake2b(blob[a:b], digest_size=8).digest(), "little")
        for a, b in zip(starts.tolist(), ends.tolist(), strict=True)
    )
    return np.fromiter(hashed, dtype=U64, count=len(starts))


def _numbered(table: DocumentTable, indices: Array, texts: dict[str, int]) -> Array:
    """A file's own text indices as numbers that both files share."""
    used, where = np.unique(indices, return_inverse=True)
    shared = [texts.setdefault(table.text(int(i)), len(texts)) for i in used]
    return np.array(shared, dtype=U64)[where] if shared else np.zeros(0, dtype=U64)


def _by(table: DocumentTable, chosen: Array) -> Counter[str]:
    rows = table.columns()[1][chosen]
    pairs = Counter(zip(rows["fraud"].tolist(), rows["issuer"].tolist(), strict=True))
    found: Counter[str] = Counter()
    for (category, issuer), count in pairs.items():
        found[f"{table.text(category) or 'no category'} {table.text(issuer) or 'no issuer'}"] += count
    return found


def _mixed(values: Array) -> Array:
    with np.errstate(over="ignore"):
        mixed: Array = (values + _ODD) * _MIX
    mixed ^= mixed >> np.uint64(31)
    return mixed
