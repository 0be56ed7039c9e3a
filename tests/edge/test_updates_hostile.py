"""What a thief with a real key may sign: nonsense of every kind is refused, and never a fault of the program."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from distribution_kit import Box, Headquarters, key
from hypothesis import given, settings
from hypothesis import strategies as st
from securesystemslib.exceptions import FormatError
from securesystemslib.formats import encode_canonical
from tuf.ngclient import Updater

from edge.core.distribution import OfferError, read_offer
from edge.core.distribution.offers import Row
from edge.updates import UpdateError
from edge.updates.client import PRIVATE

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=20) | st.just("9999-12-31T23:59:59Z")
    | st.just("0001-01-01T00:00:00+14:00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def hq(tmp_path_factory: pytest.TempPathFactory) -> Headquarters:
    made = Headquarters(tmp_path_factory.mktemp("hq"))
    made.add("un", 0, 1, b"one")
    made.stamp()
    return made


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every value inside."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for name, part in inner for found in places(part, (*path, name)))]


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@settings(max_examples=300)
@given(st.data())
def test_a_timestamp_signed_with_a_stolen_key(hq: Headquarters, data: st.DataObject) -> None:
    path = hq.path / "metadata" / "timestamp.json"
    sound = path.read_bytes()
    signed = json.loads(sound)["signed"]
    where = data.draw(st.sampled_from(places(signed)))
    changed = put(signed, where, data.draw(json_values))
    with contextlib.suppress(FormatError):  # what cannot be signed
        signature = key("timestamp").sign(encode_canonical(changed).encode())
        forged = {"signed": changed, "signatures": [{"keyid": signature.keyid, "sig": signature.signature}]}
        path.write_text(json.dumps(forged))
    try:
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(UpdateError):
            assert Box(Path(folder), hq.root()).take(hq.path) == [{"documents.bin": b"one"}]
    finally:
        path.write_bytes(sound)


DEEP = [b"[" * 100_000, b'{"signed":' * 50_000]


@pytest.mark.parametrize("bad", [*DEEP, b"\xff" * 100, b"null", b'"x"', b"[]", b"1e999"])
def test_what_is_no_metadata(hq: Headquarters, tmp_path: Path, bad: bytes) -> None:
    for path in [hq.path / "metadata/timestamp.json", *(hq.path / "metadata").glob("*.snapshot.json")]:
        sound = path.read_bytes()
        path.write_bytes(bad)
        try:
            with pytest.raises(UpdateError) as refused:
                Box(tmp_path / path.name, hq.root()).take(hq.path)
            assert refused.value.code == "damaged"
        finally:
            path.write_bytes(sound)


@settings(max_examples=400)
@given(st.lists(st.tuples(st.text(max_size=30), st.integers(), json_values), max_size=4))
def test_offers_of_any_shape(rows: list[tuple[str, int, Any]]) -> None:
    with contextlib.suppress(OfferError):
        read_offer("un", (Row(path, length, "0" * 64, custom) for path, length, custom in rows))


@settings(max_examples=400)
@given(st.data())
def test_an_offer_with_one_thing_changed(data: st.DataObject) -> None:
    custom = {"list": "un", "from": 1, "to": 2, "as_of": "2026-03-01T12:00:00Z", "name": "delta", "part": 0, "parts": 1,
              "bytes": 5, "records_after": 3, "digest_after": "0" * 64}  # fmt: skip
    row = Row("lists/un/delta-0000000001-0000000002.delta.000", 5, "0" * 64, custom)
    assert read_offer("un", [row]).newest == 2
    name = data.draw(st.sampled_from(sorted(custom)))
    new = data.draw(json_values)
    with contextlib.suppress(OfferError):
        offer = read_offer("un", [Row(row.path, 5, row.sha256, {**custom, name: new})])
        assert name in ("as_of", "records_after", "digest_after") or new == custom[name]
        assert offer.newest == 2


@pytest.mark.parametrize("name", PRIVATE)
def test_another_tuf_stops_updates_and_says_so(
    hq: Headquarters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delattr(Updater, name)
    with pytest.raises(UpdateError) as refused:
        Box(tmp_path / "box", hq.root()).take(hq.path)
    assert refused.value.code == "library"
