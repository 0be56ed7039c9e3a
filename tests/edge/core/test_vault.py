"""Lists at rest: rings, segments, records; every alteration refused, nothing said of what is inside."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.core import sealing
from edge.core.documents import DateInterval
from edge.core.keyed.keys import ListKey
from edge.core.vault import (
    SEGMENT,
    KeyRing,
    RecordKey,
    RingEntry,
    RingError,
    SealedRecords,
    VaultError,
    header_of,
    is_sealed,
    key_id,
    open_into,
    open_ring,
    seal_file,
    seal_records,
    seal_ring,
    tail_of,
)
from edge.core.vault.records import MAX_RECORD, PAD
from edge.core.watch import EntryName, LayoutError, PersonEntry, PersonTable, build_persons

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
ENTRY = RingEntry("un", 7, KEY)
PLAIN = b"ERIKSSON ANNA MARIA " * 120_000  # three segments


def opened(blob: bytes, key: bytes = KEY) -> bytes:
    into = bytearray(header_of(blob).length)
    open_into(blob, key, memoryview(into))
    return bytes(into)


# -- segments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, len(PLAIN)])
def test_a_file_opens_as_it_was_sealed(length: int) -> None:
    plain = PLAIN[:length]
    blob = seal_file(plain, ENTRY, generation=9, kind="PERS")
    header = header_of(blob)
    assert is_sealed(blob)
    assert (header.list_id, header.generation, header.kind, header.key_id) == ("un", 9, "PERS", key_id(KEY))
    assert len(blob) == header.size == 112 + length + 16 * max(1, -(-length // SEGMENT))
    assert opened(blob) == plain


def test_nothing_of_the_content_stands_in_the_file_and_the_same_content_gives_the_same_bytes() -> None:
    blob = seal_file(PLAIN, ENTRY, generation=9, kind="PERS")
    assert b"ERIKSSON" not in blob
    assert blob == seal_file(PLAIN, ENTRY, generation=9, kind="PERS")
    other = seal_file(b"x" + PLAIN[1:], ENTRY, generation=9, kind="PERS")
    assert header_of(other).salt != header_of(blob).salt  # another file key: no nonce meets a key twice
    assert other[112 + SEGMENT :] != blob[112 + SEGMENT :]


@pytest.mark.parametrize("at", [0, 9, 13, 17, 25, 33, 41, 49, 70, 112, 112 + 4096, 112 + SEGMENT + 3, -1])
def test_one_flipped_bit_is_refused(at: int) -> None:
    blob = bytearray(seal_file(PLAIN, ENTRY, generation=9, kind="PERS"))
    blob[at] ^= 0x10
    with pytest.raises(VaultError):
        opened(bytes(blob))


def test_one_flipped_bit_in_every_4_kb_is_refused_and_what_was_opened_before_is_wiped() -> None:
    good = seal_file(PLAIN, ENTRY, generation=9, kind="PERS")
    for at in range(112, len(good), 4096):
        blob = bytearray(good)
        blob[at] ^= 1
        into = bytearray(len(PLAIN))
        with pytest.raises(VaultError):
            open_into(bytes(blob), KEY, memoryview(into))
        assert into.count(0) == len(into)


def test_segments_cannot_be_left_out_doubled_moved_or_brought_from_elsewhere() -> None:
    blob = seal_file(PLAIN, ENTRY, generation=9, kind="PERS")
    step = SEGMENT + 16
    head, body = blob[:112], blob[112:]
    one, two, three = body[:step], body[step : 2 * step], body[2 * step :]
    foreign = seal_file(b"x" + PLAIN[1:], ENTRY, generation=9, kind="PERS")[112 : 112 + step]
    older = seal_file(PLAIN, ENTRY, generation=8, kind="PERS")[112 : 112 + step]
    kind = seal_file(PLAIN, ENTRY, generation=9, kind="DOCS")[112 : 112 + step]
    for body in (two + one + three, one + one + three, one + three, one + two, foreign + two + three,
                 older + two + three, kind + two + three, one + two + three + b"\0"):
        with pytest.raises(VaultError):
            opened(head + body)
    short = dataclasses.replace(header_of(blob), length=2 * SEGMENT).encode()  # the end cut off, and the header mended
    with pytest.raises(VaultError):
        opened(short + one + two)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(VaultError, match="segment 1 of 3"):
        opened(seal_file(PLAIN, ENTRY, generation=9, kind="PERS"), OTHER)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_refused_and_nothing_else_is_raised(data: bytes) -> None:
    for blob in (data, b"BPVAULT\0" + data, seal_file(b"x", ENTRY, generation=9, kind="PERS")[:108] + data):
        with pytest.raises(VaultError):
            opened(blob)


# -- records -------------------------------------------------------------------------------------------------------


def test_records_open_by_their_own_number_alone() -> None:
    key = RecordKey(ENTRY)
    blob = key.seal(3, b"ERIKSSON")
    assert key.open(3, blob) == b"ERIKSSON"
    assert b"ERIKSSON" not in blob
    assert blob == key.seal(3, b"ERIKSSON") != key.seal(4, b"ERIKSSON")
    assert len(blob) == len(key.seal(3, b"")) == 12 + PAD + 16  # the length tells nothing
    strangers = (RecordKey(RingEntry("un", 7, OTHER)), RecordKey(RingEntry("national", 7, KEY)))
    for opener, number, data in [
        (key, 4, blob), (key, 2**40, blob), (key, 3, blob[:-1]), (key, 3, b""), (key, 3, _flipped(blob, 0)),
        (strangers[0], 3, blob), (strangers[1], 3, blob),
    ]:  # fmt: skip
        with pytest.raises(VaultError):
            opener.open(number, data)
    assert key.open(0, key.seal(0, bytes(MAX_RECORD))) == bytes(MAX_RECORD)
    with pytest.raises(ValueError, match="more than"):
        key.seal(0, bytes(MAX_RECORD + 1))


def people(count: int) -> list[PersonEntry]:
    birth = DateInterval.parse("1974-08-12")
    assert birth is not None
    return [
        PersonEntry(reference=f"UTO-REF-{n}", names=(EntryName(f"Eriksson Anna{chr(97 + n)}", "primary"),),
                    births=(birth,) * (n % 4), sex="F", nationalities=("UTO",))
        for n in range(count)
    ]  # fmt: skip


def test_a_person_file_with_sealed_records_says_the_same_and_holds_no_record_in_clear() -> None:
    plain = build_persons(people(9))
    sealed, tail = seal_records(plain, ENTRY)
    assert b"UTO-REF-3" in plain
    assert b"UTO-REF" not in sealed + tail
    before, after = PersonTable(plain), PersonTable(sealed, SealedRecords(tail, ENTRY).open)
    assert [after.person(n) for n in range(9)] == [before.person(n) for n in range(9)]
    assert [after.name(n) for n in range(9)] == [before.name(n) for n in range(9)]
    for stranger in (None, SealedRecords(tail, RingEntry("un", 7, OTHER)).open):
        with pytest.raises(LayoutError):
            PersonTable(sealed, stranger).person(0)
    empty, nothing = seal_records(build_persons([]), ENTRY)
    assert (len(PersonTable(empty)), len(SealedRecords(nothing, ENTRY))) == (0, 0)
    assert tail_of(seal_file(sealed, ENTRY, generation=1, kind="PERS", tail=tail)) == tail


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(min_value=0, max_value=12))
def test_a_damaged_tail_of_records_is_refused(noise: bytes, count: int) -> None:
    _, tail = seal_records(build_persons(people(3)), ENTRY)
    cut = tail[: len(noise)] + noise + tail[2 * len(noise) :]
    for data in (noise, count.to_bytes(8, "little") + noise, cut, tail[:-1]):
        try:
            records = SealedRecords(data, ENTRY)
        except VaultError:
            continue
        for number in range(len(records) + 1):
            try:
                assert records.open(number)  # a record that was not touched
            except VaultError:
                continue


# -- rings ---------------------------------------------------------------------------------------------------------

RING = KeyRing.of([ENTRY, RingEntry("un", 20, OTHER), RingEntry("sltd", 1, bytes(32))])


def test_a_ring_says_which_key_a_generation_is_sealed_by() -> None:
    assert [getattr(RING.for_generation("un", n), "key", None) for n in (6, 7, 19, 20, 99)] == [
        None, KEY, KEY, OTHER, OTHER,
    ]  # fmt: skip
    assert RING.for_generation("national", 1) is None
    assert RING.find(key_id(OTHER)) == RING.entries[2]
    assert RING.find(b"") is None
    assert {e.list_id for e in RING.only(["sltd"]).entries} == {"sltd"}
    assert KeyRing.decode(RING.encode()) == RING
    assert key_id(KEY) == ListKey(KEY).ident  # one name for a key in all files


def test_a_ring_travels_to_one_box() -> None:
    private, stranger = sealing.generate_seal_key(), sealing.generate_seal_key()
    blob = seal_ring(RING, private.public_key())
    assert open_ring(blob, private) == RING
    with pytest.raises(RingError, match="another box"):
        open_ring(blob, stranger)
    for bad in (blob[:-1], blob[:40], b"", b"x" * 100, blob + b"x", *(_flipped(blob, at) for at in (0, 9, 16, 60, -1))):
        with pytest.raises(RingError):
            open_ring(bad, private)


def _flipped(blob: bytes, at: int) -> bytes:
    changed = bytearray(blob)
    changed[at] ^= 1
    return bytes(changed)


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"keys": [{}]}', b'{"keys": [], "format": 2}', b"\xff", b"[" * 9999, b"x" * 600_000,
     RING.encode().replace(b'"generation":7', b'"generation":0'), RING.encode().replace(b'"un"', b'"U"'),
     RING.encode().replace(b'"generation":20', b'"generation":7'), RING.encode().replace(b"AAEC", b"A AC"),
     RING.encode().replace(b"AAEC", b"AAED"), RING.encode().replace(b"AAEC", b"")],
)  # fmt: skip
def test_what_is_no_ring_is_refused_and_not_quoted(data: bytes) -> None:
    with pytest.raises(RingError) as caught:
        KeyRing.decode(data)
    assert caught.value.advice
    assert caught.value.__cause__ is None
    assert "AAE" not in str(caught.value)


def test_no_key_shows_in_a_repr() -> None:
    assert repr(KEY)[2:12] not in repr(RING)
    assert "key=" not in repr(ENTRY)
    assert KeyRing.of([]).entries == ()
    with pytest.raises(RingError):
        KeyRing.of([ENTRY, ENTRY])
    with pytest.raises(RingError):
        KeyRing.of([RingEntry("un", 1, b"short")])
