"""Sealing: one size, one reader, one place."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import padding, sealing

KEYS = [sealing.SealPrivate.from_private_bytes(bytes([n]) * 32) for n in range(1, 6)]
RECIPIENTS = [sealing.Recipient.of(k.public_key()) for k in KEYS]
RING = {r.key_id: k for r, k in zip(RECIPIENTS, KEYS, strict=True)}
SIGN = sealing.SignPrivate.from_private_bytes(b"\x07" * 32)


def _seal(plaintext: bytes, count: int = 1, message_id: str = "d:e:1") -> bytes:
    return sealing.seal(plaintext, message_id=message_id, type="t", recipients=RECIPIENTS[:count])


def _open(blob: bytes, message_id: str = "d:e:1", type_: str = "t", ring: object = None) -> bytes:
    return sealing.open_sealed(blob, message_id=message_id, type=type_, keys=ring or RING)  # type: ignore[arg-type]


@given(st.binary(max_size=1900), st.integers(1, 4))
def test_every_body_has_one_size_and_comes_back(plaintext: bytes, count: int) -> None:
    blob = _seal(plaintext, count)
    assert len(blob) == sealing.sealed_size(count)
    assert _open(blob) == plaintext


def test_sizes_are_the_ones_in_the_documents() -> None:
    assert [sealing.sealed_size(n) for n in (1, 2)] == [2157, 2245]


def test_each_recipient_alone_can_open() -> None:
    blob = _seal(b"body", 3)
    for recipient, key in zip(RECIPIENTS[:3], KEYS[:3], strict=True):
        assert _open(blob, ring={recipient.key_id: key}) == b"body"
    with pytest.raises(sealing.SealError):
        _open(blob, ring={RECIPIENTS[4].key_id: KEYS[4]})


def test_a_body_cannot_be_moved_to_another_id_type_or_key() -> None:
    blob = _seal(b"body")
    for wrong in ({"message_id": "d:e:2"}, {"type_": "u"}, {"ring": {RECIPIENTS[0].key_id: KEYS[1]}}):
        with pytest.raises(sealing.SealError):
            _open(blob, **wrong)  # type: ignore[arg-type]


def test_any_altered_byte_is_noticed() -> None:
    blob = _seal(b"body", 2)
    header = 5 + 2 * 88
    for place in [*range(header), *range(header, len(blob), 97), len(blob) - 1]:
        altered = bytearray(blob)
        altered[place] ^= 0x01
        with pytest.raises(sealing.SealError):
            _open(bytes(altered), ring={RECIPIENTS[0].key_id: KEYS[0]})


@given(st.binary(max_size=300) | st.binary(max_size=60).map(lambda b: b"BPS1\x01" + b))
def test_other_bytes_are_refused_not_crashed_on(blob: bytes) -> None:
    with pytest.raises(sealing.SealError):
        _open(blob)


def test_a_recipient_cannot_be_added_to_a_sealed_body_by_swapping_headers() -> None:
    one, other = _seal(b"one"), _seal(b"other")
    with pytest.raises(sealing.SealError):
        _open(one[:93] + other[93:])


@pytest.mark.parametrize("count", [0, 5])
def test_the_number_of_recipients_has_limits(count: int) -> None:
    with pytest.raises(sealing.SealError):
        _seal(b"", count)
    with pytest.raises(sealing.SealError):
        sealing.make_sealer(RECIPIENTS[:count], type="t")


def test_a_body_that_does_not_fit_is_an_error_of_the_caller() -> None:
    noise = b"".join(bytes([n * 37 % 256, n * 91 % 253]) for n in range(3000))
    assert padding.room(zlib.compress(noise) * 3) < 0
    with pytest.raises(padding.PaddingError):
        padding.pad(b"".join(sealing.generate_box_key() for _ in range(70)))


def test_a_block_that_inflates_without_end_is_refused() -> None:
    bomb = zlib.compress(bytes(1_000_000), 9)
    block = len(bomb).to_bytes(2, "big") + bomb
    with pytest.raises(padding.PaddingError):
        padding.unpad(block + bytes(padding.PLAIN_SIZE - len(block)))


@given(st.binary(max_size=80))
def test_only_padded_blocks_are_unpadded(noise: bytes) -> None:
    with pytest.raises(padding.PaddingError):
        padding.unpad((b"\x00\x50" + noise).ljust(padding.PLAIN_SIZE, b"\x01"))


@given(st.binary(max_size=200), st.text(alphabet="abc", min_size=1, max_size=5))
def test_a_signature_holds_for_its_domain_and_payload_only(payload: bytes, domain: str) -> None:
    public = SIGN.public_key()
    signature = sealing.sign(domain, payload, SIGN)
    assert sealing.verify(domain, payload, signature, public)
    assert not sealing.verify(domain + "x", payload, signature, public)
    assert not sealing.verify(domain, payload + b"x", signature, public)
    assert not sealing.verify(domain, payload, signature[:-1], public)
    assert not sealing.verify(domain, payload, b"", public)


def test_moving_bytes_between_domain_and_payload_breaks_the_signature() -> None:
    signature = sealing.sign("ab", b"c", SIGN)
    assert not sealing.verify("a", b"bc", signature, SIGN.public_key())


def test_a_boxed_value_opens_in_its_own_context_only() -> None:
    key = sealing.generate_box_key()
    boxed = sealing.box_seal(key, b"\x01", b"row 1")
    assert len(boxed) == 1 + sealing.BOX_OVERHEAD
    assert sealing.box_open(key, boxed, b"row 1") == b"\x01"
    for wrong_key, value, context in ((key, boxed, b"row 2"), (bytes(32), boxed, b"row 1"), (key, b"", b"row 1")):
        with pytest.raises(sealing.SealError):
            sealing.box_open(wrong_key, value, context)


def test_keys_survive_their_text_and_pem_forms() -> None:
    seal, sign = KEYS[0], SIGN
    assert sealing.seal_public_from_text(sealing.public_to_text(seal.public_key())) == seal.public_key()
    assert sealing.sign_public_from_text(sealing.public_to_text(sign.public_key())) == sign.public_key()
    again = sealing.seal_private_from_pem(sealing.private_to_pem(seal))
    assert sealing.key_id(again.public_key()) == sealing.key_id(seal.public_key())
    assert sealing.sign_private_from_pem(sealing.private_to_pem(sign)).public_key() == sign.public_key()


@pytest.mark.parametrize("text", ["", "x25519:", "x25519:AAAA", "ed25519:" + "A" * 43 + "=", "x25519:!", "nonsense"])
def test_a_key_line_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(sealing.KeyTextError) as caught:
        sealing.seal_public_from_text(text)
    assert caught.value.advice


def test_a_pem_of_another_kind_is_refused() -> None:
    with pytest.raises(sealing.KeyTextError):
        sealing.seal_private_from_pem(sealing.private_to_pem(SIGN))
    with pytest.raises(sealing.KeyTextError):
        sealing.sign_private_from_pem(sealing.private_to_pem(KEYS[0]))
    with pytest.raises(sealing.KeyTextError):
        sealing.sign_private_from_pem(b"-----BEGIN NOTHING-----")


def test_the_keyed_hash_needs_the_key() -> None:
    assert sealing.keyed_hash(b"k" * 32, "L898902C3") != sealing.keyed_hash(b"j" * 32, "L898902C3")
    assert len(sealing.keyed_hash(b"k" * 32, "\ud800")) == 64
