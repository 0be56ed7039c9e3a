"""An urgent withdrawal in one message, verified like a stick."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from distribution_kit import Box, Headquarters, MemoryMarks
from hypothesis import given
from hypothesis import strategies as st

from edge.core.distribution import parcel
from edge.updates import UpdateError
from edge.updates.parcels import ParcelFetcher, is_news
from hq.distribution import parcels
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder


@pytest.fixture
def hq(tmp_path: Path) -> Headquarters:
    made = Headquarters(tmp_path / "hq")
    made.add("un", 0, 1, b"one" * 100_000)
    made.stamp()
    return made


def beacon(hq: Headquarters) -> bytes:
    return (hq.path / "metadata/timestamp.json").read_bytes()


def test_a_withdrawal_in_one_message(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    assert is_news(beacon(hq), box.marks)
    box.take(hq.path)
    assert not is_news(beacon(hq), box.marks)
    hq.rotate("timestamp", "timestamp-2")
    hq.add("un", 1, 2, b"minus one")
    hq.stamp("snapshot", "timestamp-2")
    assert len(beacon(hq)) < 600
    assert is_news(beacon(hq), box.marks)
    sent = parcels.make(Folder(hq.path), "un", 1, 2)
    assert len(sent) < 5000
    assert box.take(ParcelFetcher(sent)) == [{"documents.bin": b"minus one"}]
    assert box.take(ParcelFetcher(sent)) == []
    assert box.take(hq.path) == []
    assert box.take(ParcelFetcher(sent), "sltd") == []  # its metadata are known, and offer nothing
    with pytest.raises(UpdateError) as refused:  # a box that has nothing needs the base
        Box(tmp_path / "other", hq.root()).take(ParcelFetcher(sent))
    assert refused.value.code == "incomplete"


def test_a_parcel_with_a_flipped_bit(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.take(hq.path)
    hq.add("un", 1, 2, b"minus one")
    hq.stamp()
    sent = parcels.make(Folder(hq.path), "un", 1, 2)
    unharmed = 0
    for at in range(0, len(sent), 11):
        bad = bytearray(sent)
        bad[at] ^= 4
        if says_the_same(bytes(bad), sent):
            unharmed += 1
            continue
        with pytest.raises(UpdateError) as refused:
            box.take(ParcelFetcher(bytes(bad)))
        assert refused.value.code == "damaged"
    assert unharmed <= 2
    assert box.take(ParcelFetcher(sent))


def says_the_same(bad: bytes, sent: bytes) -> bool:
    """True where the bit made a repeated piece be copied from another place that holds the same bytes."""
    try:
        return parcel.unpack(bad) == parcel.unpack(sent)
    except parcel.ParcelError:
        return False


def test_what_does_not_fit_is_named(hq: Headquarters) -> None:
    folder = Folder(hq.path)
    with pytest.raises(PublishError, match="no step from 1 to 2"):
        parcels.make(folder, "un", 1, 2)
    with pytest.raises(PublishError, match="not published yet"):
        parcels.make(folder, "other", 1, 2)
    hq.add("un", 1, 2, os.urandom(70_000))
    with pytest.raises(PublishError, match="not stamped yet"):
        parcels.make(folder, "un", 1, 2)
    hq.stamp()
    with pytest.raises(parcel.ParcelError, match="more than 64000"):
        parcels.make(folder, "un", 1, 2)


@given(st.dictionaries(st.text(max_size=20), st.binary(max_size=200), max_size=10))
def test_what_is_packed_comes_out(files: dict[str, bytes]) -> None:
    assert parcel.unpack(parcel.pack(files)) == files


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_parcel_or_an_error(data: bytes, begun: bool) -> None:
    with contextlib.suppress(parcel.ParcelError):
        parcel.unpack(parcel.MAGIC + data if begun else data)
    assert not is_news(data, MemoryMarks())


def test_a_bomb_is_refused() -> None:
    import zlib

    bomb = parcel.MAGIC + zlib.compress(b"\0" * 50_000_000, 9)
    assert len(bomb) < parcel.MAX_PACKED
    with pytest.raises(parcel.ParcelError):
        parcel.unpack(bomb)
