"""The card of a keyed list: what goes in comes out, and nothing else comes in."""

from __future__ import annotations

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core.errors import LayoutError
from edge.core.keyed import card as cards
from edge.core.keyed.card import Card

CARD = Card("sltd", "Stolen and lost travel documents", "documents", False, "Keep it. Confirm with the NCB.", 86_400)


def test_a_card_comes_back() -> None:
    assert cards.decode(cards.encode(CARD)) == CARD.sealed()
    assert cards.decode(cards.encode(msgspec.structs.replace(CARD, erase_after_s=None))).erase_after_s is None


@pytest.mark.parametrize(
    "change",
    [
        {"list_id": "S"}, {"list_id": "../x"}, {"title": "x" * 201}, {"thing": "persons"}, {"silent": 1},
        {"action": "x" * 501}, {"action": "Arrest him. Confirm with the NCB."}, {"action": "Keep the document."},
        {"erase_after_s": 0}, {"erase_after_s": 1 << 40}, {"erase_after_s": 1.5}, {"format": 2}, {"later": 1},
    ],
)  # fmt: skip
def test_what_is_no_card_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(LayoutError):
        cards.decode(resealed({**msgspec.to_builtins(CARD), **change}))


def resealed(what: dict[str, object]) -> bytes:
    """A card whose seal fits whatever it says: what is refused then is refused for what it says."""
    bare = msgspec.json.encode({**what, "seal": ""}, order="sorted")
    return msgspec.json.encode({**what, "seal": hashlib.sha256(bare).hexdigest()})


def test_every_flipped_bit_is_noticed_and_what_was_written_in() -> None:
    data = cards.encode(CARD)
    assert cards.decode(resealed(msgspec.to_builtins(CARD))) == CARD.sealed()
    for at in range(len(data)):
        for bit in range(8):
            other = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            if other[at : at + 1] in b" \n\t\r" and data[at : at + 1] in b" \n":
                continue  # a space for a space says the same
            with pytest.raises(LayoutError):
                cards.decode(other)
    for other in (data.replace(b"false", b"true"), data.replace(b'"warn_after_s": null', b'"warn_after_s": 3600')):
        assert other != data
        with pytest.raises(LayoutError, match="its own digest"):
            cards.decode(other)


def test_what_could_not_be_read_is_not_written() -> None:
    with pytest.raises(LayoutError):
        cards.encode(msgspec.structs.replace(CARD, action="Guilty."))


@given(st.binary(max_size=400) | st.just(b"[" * 4000) | st.just(b" " * 5000))
def test_bytes_never_raise_anything_else(data: bytes) -> None:
    with pytest.raises(LayoutError):
        cards.decode(data)
