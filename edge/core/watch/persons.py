"""Persons of one list: a vocabulary of name tokens, names over it, records decoded on demand.

Laws:
1. Arrays are views of the buffer; a token, a name or a record becomes a Python object when asked.
2. Opening checks every index and offset once (vectorised), so that no later question can leave the
   file; what a record's own bytes say is checked when it is decoded. Damage raises ``LayoutError``.
3. The vocabulary is sorted (A-Z code points), tokens are distinct; ``skeletons[i]`` is
   ``skeleton_hash`` of token i's skeleton, and ``tokens_by_skeleton`` finds all tokens of one hash.
4. The names of one person stand together: ``person_names(i)`` is a range. Persons' names stand in ``birth_order``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec
import numpy as np

from edge.core.documents import DateInterval
from edge.core.watch.birth_order import birth_keys
from edge.core.watch.documents import day
from edge.core.watch.entries import MAX_TOKEN_LETTERS, QUALITIES, Quality
from edge.core.watch.layout import (
    KIND_PERSONS,
    U8,
    U16,
    U32,
    U64,
    Array,
    Buffer,
    LayoutError,
    Sections,
    check_below,
    check_offsets,
)
from edge.core.watch.strings import open_strings, string_at

SILENT: Final = 1
_BLOCK: Final = 1 << 16  # names checked at a time, so that opening needs little room beside the file


class StoredPerson(msgspec.Struct, array_like=True):
    """The bytes of one record; notice and action are indices of the string table."""

    reference: str
    births: list[tuple[int, int]]
    sex: str
    nationalities: list[str]
    notice: int
    action: int
    flags: int
    review: int
    documents: int


OpenRecord = Callable[[int, Buffer], bytes]
"""(number of the record, its bytes in the file) -> the record; raises ``LayoutError``."""

_decoder: Final = msgspec.msgpack.Decoder(StoredPerson)


@dataclass(frozen=True, slots=True)
class ListedName:
    """One rendering of one name: ``tokens`` are ids of the vocabulary, ``text`` as the list writes it."""

    person: int
    tokens: tuple[int, ...]
    text: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name for display and explanation."""

    text: str
    quality: Quality


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """One listed person. ``documents`` counts the documents that lead here from the document table."""

    reference: str
    names: tuple[PersonName, ...]
    original_script: tuple[str, ...]
    births: tuple[DateInterval, ...]
    sex: str
    nationalities: tuple[str, ...]
    notice: str
    action: str
    silent: bool
    review_date: date | None
    documents: int


class PersonTable:
    """A view of one ``persons.bin``.

    Arrays for candidate search, indexed by token id: ``token_lengths`` (u8, letters),
    ``token_masks`` (u32, ``letter_mask``), ``token_counts`` (u32, names that hold the token),
    ``token_offsets`` (u32, V+1, into ``token_blob``), ``skeletons`` (u64); ``skeleton_order`` (u32)
    are the token ids sorted by skeleton. By name id: ``name_persons`` (u32), ``name_offsets``
    (u32, N+1, into ``name_tokens``, u32 token ids), ``name_qualities`` (u8, index of ``QUALITIES``).
    By person: ``person_first_names`` (u32, name ids), ``person_name_counts`` (u16), ``birth_offsets`` (u32, P+1) into
    ``birth_first`` and ``birth_last`` (u32, days as ``date.toordinal`` counts them): the record's birth
    dates once more, so that no record is opened of which they say that it cannot be meant.
    """

    def __init__(self, buffer: Buffer, open_record: OpenRecord | None = None) -> None:
        """Open and check the file. Raises ``LayoutError``.

        ``open_record`` opens one record by its number, where records are sealed one by one (``edge.core.vault``).
        """
        sections = Sections(buffer, KIND_PERSONS)
        self._open_record = open_record
        self.token_lengths: Array = sections.array("tok_len", U8)
        vocabulary = len(self.token_lengths)
        self.token_masks: Array = sections.array("tok_mask", U32, items=vocabulary)
        self.token_counts: Array = sections.array("tok_cnt", U32, items=vocabulary)
        self.token_offsets: Array = sections.array("tok_off", U32, items=vocabulary + 1)
        self.token_blob: memoryview = sections.bytes("tok_blob")
        self.skeletons: Array = sections.array("skel", U64, items=vocabulary)
        self.skeleton_order: Array = sections.array("skel_ord", U32, items=vocabulary)
        self._posting_offsets: Array = sections.array("post_off", U32, items=vocabulary + 1)
        self._postings: Array = sections.array("postings", U32)
        self.name_persons: Array = sections.array("nam_pers", U32)
        names = len(self.name_persons)
        self.name_offsets: Array = sections.array("nam_off", U32, items=names + 1)
        self.name_tokens: Array = sections.array("nam_tok", U32)
        self.name_qualities: Array = sections.array("nam_qual", U8, items=names)
        self._text_starts: Array = sections.array("txt_off", U32, items=names)
        self._text_lengths: Array = sections.array("txt_len", U16, items=names)
        self._texts: memoryview = sections.bytes("txt_blob")
        self._record_offsets: Array = sections.array("rec_off", U64)
        self._records: memoryview = sections.bytes("rec_blob")
        persons = max(0, len(self._record_offsets) - 1)
        self.person_first_names: Array = sections.array("per_nam", U32, items=persons)
        self.person_name_counts: Array = sections.array("per_cnt", U16, items=persons)
        self.birth_offsets: Array = sections.array("bir_off", U32, items=persons + 1)
        self.birth_first: Array = sections.array("bir_lo", U32)
        self.birth_last: Array = sections.array("bir_hi", U32, items=len(self.birth_first))
        self._strings = open_strings(sections)
        self._check(persons, names, vocabulary)
        self._skeletons_sorted: Array = self.skeletons[self.skeleton_order]
        if bool((self._skeletons_sorted[1:] < self._skeletons_sorted[:-1]).any()):
            raise LayoutError("the skeleton index of a person file is not sorted")

    def _check(self, persons: int, names: int, vocabulary: int) -> None:
        check_offsets(self.token_offsets, len(self.token_blob), "the vocabulary")
        check_offsets(self._posting_offsets, len(self._postings), "the postings")
        check_offsets(self.name_offsets, len(self.name_tokens), "the names")
        if bool((self.name_offsets[1:] == self.name_offsets[:-1]).any()):
            raise LayoutError("a name of a person file has no token")
        check_offsets(self._record_offsets, len(self._records), "the records")
        check_offsets(self.birth_offsets, len(self.birth_first), "the birth dates")
        check_below(self.skeleton_order, vocabulary, "the skeleton index")
        check_below(self._postings, names, "a posting")
        check_below(self.name_tokens, vocabulary, "a name")
        check_below(self.name_persons, persons, "a name")
        check_below(self.name_qualities, len(QUALITIES), "a name's quality")
        if not bool((np.diff(self.token_offsets) == self.token_lengths).all()):
            raise LayoutError("the lengths of the vocabulary do not fit its offsets")
        check_below(self.token_lengths, MAX_TOKEN_LETTERS + 1, "a token's length")
        for at in range(0, names, _BLOCK):
            ends = self._text_starts[at : at + _BLOCK].astype(np.uint64) + self._text_lengths[at : at + _BLOCK]
            check_below(ends, len(self._texts) + 1, "a name's text")
        self._check_order(names)
        if vocabulary and (np.frombuffer(self.token_blob, U8) > 127).any():
            raise LayoutError("the vocabulary of a person file is not ASCII")

    def _check_order(self, names: int) -> None:
        changes = self.name_persons[1:] != self.name_persons[:-1]
        begins = np.flatnonzero(np.append(np.ones(min(names, 1), np.bool_), changes))
        owners = self.name_persons[begins]
        together = np.array_equal(self.person_first_names[owners], begins) and np.array_equal(
            self.person_name_counts[owners], np.diff(begins, append=names)
        )
        if not together or int(self.person_name_counts.sum(dtype=np.int64)) != names:
            raise LayoutError("the names of a person file do not stand with their persons")
        keys = birth_keys(self.birth_offsets, self.birth_first, self.birth_last)[owners]
        if bool((keys[1:] < keys[:-1]).any()):
            raise LayoutError("the names of a person file are not in the order of birth dates")

    def __len__(self) -> int:
        return len(self._record_offsets) - 1

    @property
    def n_names(self) -> int:
        """How many renderings of names the list holds."""
        return len(self.name_persons)

    @property
    def n_tokens(self) -> int:
        """How many distinct tokens the vocabulary holds."""
        return len(self.token_lengths)

    def token(self, token_id: int) -> str:
        """One token of the vocabulary (0 <= token_id < n_tokens, else ``IndexError``)."""
        first, last = int(self.token_offsets[token_id]), int(self.token_offsets[token_id + 1])
        return str(self.token_blob[first:last], "ascii")

    def token_id(self, token: str) -> int | None:
        """The id of exactly this token, or None."""
        low, high = 0, self.n_tokens
        while low < high:
            middle = (low + high) // 2
            if self.token(middle) < token:
                low = middle + 1
            else:
                high = middle
        return low if low < self.n_tokens and self.token(low) == token else None

    def tokens_by_skeleton(self, skeleton_hash: int) -> Array:
        """The ids (u32) of all tokens with this skeleton hash; none for 0."""
        if skeleton_hash == 0:
            return self.skeleton_order[:0]
        wanted = np.uint64(skeleton_hash)
        first = int(np.searchsorted(self._skeletons_sorted, wanted, "left"))
        last = int(np.searchsorted(self._skeletons_sorted, wanted, "right"))
        return self.skeleton_order[first:last]

    def postings(self, token_id: int) -> Array:
        """The ids (u32, rising, distinct) of all names that hold the token."""
        return self._postings[int(self._posting_offsets[token_id]) : int(self._posting_offsets[token_id + 1])]

    def holders(self, token_ids: Array) -> Array:
        """The ids (u32) of all names that hold one of these tokens; a name that holds several is told so often."""
        first, last = self._posting_offsets[token_ids].tolist(), self._posting_offsets[token_ids + 1].tolist()
        held = [self._postings[a:b] for a, b in zip(first, last, strict=True)]
        return np.concatenate(held) if held else self._postings[:0]

    def name(self, name_id: int) -> ListedName:
        """One rendering (0 <= name_id < n_names). Raises ``LayoutError`` if its text is damaged."""
        first, last = int(self.name_offsets[name_id]), int(self.name_offsets[name_id + 1])
        return ListedName(
            person=int(self.name_persons[name_id]),
            tokens=tuple(self.name_tokens[first:last].tolist()),
            text=self._text(name_id),
            quality=QUALITIES[int(self.name_qualities[name_id])],
        )

    def person_names(self, person: int) -> range:
        """The name ids of one person."""
        first = int(self.person_first_names[person])
        return range(first, first + int(self.person_name_counts[person]))

    def standing(self, person: int) -> tuple[bool, date | None]:
        """Whether a person is silent, and its review date. Raises ``LayoutError`` as ``person`` does."""
        stored = self._stored(person)
        return bool(stored.flags & SILENT), day(stored.review)

    def person(self, person: int, *, names: bool = True) -> PersonRecord:
        """One record (0 <= person < len), on request without its names. Raises ``LayoutError`` if its bytes are
        damaged."""
        stored = self._stored(person)
        written = self._written(person) if names else {}
        return PersonRecord(
            reference=stored.reference,
            names=tuple([n for n in written if n.quality != "original"]) if names else (),
            original_script=tuple([n.text for n in written if n.quality == "original"]) if names else (),
            births=tuple([_interval(*b) for b in stored.births]),
            sex=stored.sex,
            nationalities=tuple(stored.nationalities),
            notice=string_at(self._strings, stored.notice),
            action=string_at(self._strings, stored.action),
            silent=bool(stored.flags & SILENT),
            review_date=day(stored.review),
            documents=stored.documents,
        )

    def _written(self, person: int) -> dict[PersonName, None]:
        return dict.fromkeys(
            PersonName(self._text(n), QUALITIES[int(self.name_qualities[n])]) for n in self.person_names(person)
        )

    def _stored(self, person: int) -> StoredPerson:
        if not 0 <= person < len(self):
            raise LayoutError("a document or name leads to a person that is not there")
        first, last = int(self._record_offsets[person]), int(self._record_offsets[person + 1])
        try:
            record: Buffer = self._records[first:last]
            return _decoder.decode(record if self._open_record is None else self._open_record(person, record))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise LayoutError("a person's record cannot be read") from error

    def _text(self, name_id: int) -> str:
        start, length = int(self._text_starts[name_id]), int(self._text_lengths[name_id])
        try:
            return str(self._texts[start : start + length], "utf-8")
        except UnicodeDecodeError as error:
            raise LayoutError("a name's text cannot be read") from error


def _interval(earliest: int, latest: int) -> DateInterval:
    first, last = day(earliest), day(latest)
    if first is None or last is None or first > last:
        raise LayoutError("a record holds a birth date that does not exist")
    return DateInterval(first, last)
