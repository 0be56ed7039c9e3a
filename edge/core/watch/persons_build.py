"""From person entries to the bytes of ``persons.bin``.

A name is stored once for each rendering that ``names.renderings`` gives (an Arabic-script name has
several Latin ones), every rendering with the text the list wrote. Names stand in ``birth_order``; persons in the
order given.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import numpy as np

from edge.core import names
from edge.core.watch.birth_order import birth_keys
from edge.core.watch.entries import (
    MAX_ACTION,
    MAX_BIRTHS,
    MAX_NAME_CHARACTERS,
    MAX_NAMES,
    MAX_NATIONALITIES,
    MAX_REFERENCE,
    MAX_TOKEN_LETTERS,
    MAX_TOKENS,
    QUALITIES,
    PersonEntry,
)
from edge.core.watch.layout import KIND_PERSONS, U8, U16, U32, U64, Array, letter_mask, pack, skeleton_hash
from edge.core.watch.persons import SILENT, StoredPerson
from edge.core.watch.strings import StringPool


def renderings(text: str) -> tuple[tuple[str, ...], ...]:
    """The token tuples a name is found by: distinct, none empty, each within the limits."""
    cut = (
        tuple(t[:MAX_TOKEN_LETTERS] for t in tokens if t.isascii())[:MAX_TOKENS]
        for tokens in names.renderings(text[:MAX_NAME_CHARACTERS])
    )
    return tuple(dict.fromkeys(tokens for tokens in cut if tokens))


class _Names:
    """Growing columns of the name table."""

    def __init__(self) -> None:
        self.vocabulary: dict[str, int] = {}
        self.persons: list[int] = []
        self.offsets: list[int] = [0]
        self.tokens: list[int] = []
        self.qualities: list[int] = []
        self.text_starts: list[int] = []
        self.text_lengths: list[int] = []
        self.texts = bytearray()

    def add(self, person: int, text: str, quality: int, found: tuple[tuple[str, ...], ...]) -> None:
        raw = text[:MAX_NAME_CHARACTERS].encode()
        start = len(self.texts)
        self.texts += raw
        for tokens in found:
            self.persons.append(person)
            self.tokens += [self.vocabulary.setdefault(t, len(self.vocabulary)) for t in tokens]
            self.offsets.append(len(self.tokens))
            self.qualities.append(quality)
            self.text_starts.append(start)
            self.text_lengths.append(len(raw))


def build_persons(entries: Iterable[PersonEntry]) -> bytes:
    """The file of these entries; a person's index is its place in the order given."""
    builder = PersonBuilder()
    for entry in entries:
        builder.add(entry)
    return builder.finish()


class PersonBuilder:
    """Takes entries one by one; ``len`` is the index that the next person gets."""

    def __init__(self) -> None:
        self._table = _Names()
        self._pool = StringPool()
        self._records = bytearray()
        self._record_offsets = [0]
        self._name_counts: list[int] = []
        self._birth_offsets = [0]
        self._births: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._name_counts)

    def add(self, entry: PersonEntry) -> None:
        """Raises ``ValueError`` for an entry beyond the limits or without a name to compare."""
        _check(entry)
        found = [(name, renderings(name.text)) for name in entry.names]
        if not any(forms for _, forms in found):
            raise ValueError("a person has no name that can be compared")
        room, person = MAX_NAMES, len(self)
        for name, forms in found:
            self._table.add(person, name.text, QUALITIES.index(name.quality), forms[:room])
            room -= len(forms[:room])
        self._name_counts.append(MAX_NAMES - room)
        self._births += [(b.earliest.toordinal(), b.latest.toordinal()) for b in entry.births]
        self._birth_offsets.append(len(self._births))
        self._records += msgspec.msgpack.encode(_stored(entry, self._pool))
        self._record_offsets.append(len(self._records))

    def finish(self) -> bytes:
        """The file of all entries added."""
        table = self._table
        births = {
            "bir_off": np.array(self._birth_offsets, dtype=U32),
            "bir_lo": np.array([first for first, _ in self._births], dtype=U32),
            "bir_hi": np.array([last for _, last in self._births], dtype=U32),
        }
        persons = np.array(table.persons, dtype=U32)
        order = np.argsort(birth_keys(*births.values())[persons], kind="stable")
        first = np.zeros(len(self), dtype=U32)
        persons = persons[order]
        begins = np.flatnonzero(np.diff(persons, prepend=-1))
        first[persons[begins]] = begins
        sizes: Array = np.diff(np.array(table.offsets, dtype=np.int64))[order]
        offsets: Array = np.append(0, np.cumsum(sizes))
        places = np.arange(offsets[-1]) + np.repeat(np.array(table.offsets)[order] - offsets[:-1], sizes)
        return pack(
            KIND_PERSONS,
            {
                **_token_sections(table.vocabulary, np.array(table.tokens, dtype=np.int64)[places], offsets),
                "nam_pers": persons,
                "nam_off": offsets.astype(U32),
                "nam_qual": np.array(table.qualities, dtype=U8)[order],
                "txt_off": np.array(table.text_starts, dtype=U32)[order],
                "txt_len": np.array(table.text_lengths, dtype=U16)[order],
                "txt_blob": bytes(table.texts),
                "rec_off": np.array(self._record_offsets, dtype=U64),
                "rec_blob": bytes(self._records),
                "per_nam": first,
                "per_cnt": np.array(self._name_counts, dtype=U16),
                **births,
                "strings": self._pool.encode(),
            },
        )


def _token_sections(vocabulary: dict[str, int], tokens: Array, offsets: Array) -> dict[str, Array | bytes]:
    """Sort the vocabulary, renumber the names' tokens, and index them both ways."""
    words = sorted(vocabulary)
    count = len(words)
    renumber = np.zeros(count, dtype=U32)
    for new, word in enumerate(words):
        renumber[vocabulary[word]] = new
    tokens = renumber[tokens]
    sizes: Array = np.diff(offsets)
    owners = np.repeat(np.arange(len(offsets) - 1, dtype=np.uint64), sizes)
    pairs = np.unique((tokens.astype(np.uint64) << np.uint64(32)) | owners)
    held = np.bincount((pairs >> np.uint64(32)).astype(np.int64), minlength=count)
    lengths = np.array([len(w) for w in words], dtype=U8)
    skeletons = np.array([skeleton_hash(names.skeleton(w)) for w in words], dtype=U64)
    return {
        "tok_len": lengths,
        "tok_mask": np.array([letter_mask(w) for w in words], dtype=U32),
        "tok_cnt": held.astype(U32),
        "tok_off": np.append(0, np.cumsum(lengths, dtype=np.int64)).astype(U32),
        "tok_blob": "".join(words).encode("ascii"),
        "skel": skeletons,
        "skel_ord": np.argsort(skeletons, kind="stable").astype(U32),
        "post_off": np.append(0, np.cumsum(held)).astype(U32),
        "postings": (pairs & np.uint64(0xFFFF_FFFF)).astype(U32),
        "nam_tok": tokens.astype(U32),
    }


def _stored(entry: PersonEntry, pool: StringPool) -> StoredPerson:
    return StoredPerson(
        reference=entry.reference,
        births=[(b.earliest.toordinal(), b.latest.toordinal()) for b in entry.births],
        sex=entry.sex,
        nationalities=list(entry.nationalities),
        notice=pool.index(entry.notice),
        action=pool.index(entry.action),
        flags=SILENT if entry.silent else 0,
        review=entry.review_date.toordinal() if entry.review_date else 0,
        documents=len(entry.documents),
    )


def _check(entry: PersonEntry) -> None:
    if len(entry.reference) > MAX_REFERENCE or len(entry.action) > MAX_ACTION:
        raise ValueError("a person's reference or action text is too long")
    if len(entry.births) > MAX_BIRTHS or len(entry.nationalities) > MAX_NATIONALITIES:
        raise ValueError("a person has too many birth dates or nationalities")
    if entry.sex not in ("M", "F", ""):
        raise ValueError("a person's sex is M, F or not stated")
