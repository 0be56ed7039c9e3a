"""Whom the box believes."""

from __future__ import annotations

import hashlib
import itertools

import journal_kit as kit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import acks, sealing, wire
from edge.core.acks import AckOutcome

KEY = sealing.SignPrivate.from_private_bytes(b"\x05" * 32)
KEYS = {sealing.key_id(KEY.public_key()): KEY.public_key()}
OWN = {seq: hashlib.sha256(bytes([seq])).digest() for seq in range(1, 9)}


def _payload(**changes: object) -> wire.AckPayload:
    held = {seq: OWN[seq] for seq in (2, 3, 5)}
    fields: dict[str, object] = {
        "kind": "ack",
        "device": kit.DEVICE,
        "epoch": "epoch-0",
        "store": kit.STORE,
        "session": kit.SESSION,
        "server_time": kit.START,
        "span": (2, 5),
        "ranges": [(2, 3), (5, 5)],
        "digest": wire.digest_of(sorted(held.items())),
    }
    return wire.AckPayload(**{**fields, **changes})  # type: ignore[arg-type]


def _judge(message: wire.Signed) -> wire.AckPayload | AckOutcome:
    return acks.judge(message, keys=KEYS, device=kit.DEVICE, epochs=frozenset({"epoch-0"}), session=kit.SESSION)


def test_headquarters_word_is_believed() -> None:
    signed = wire.decode(wire.encode(acks.sign_ack(_payload(), KEY)), wire.Signed)
    assert _judge(signed) == _payload()


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"device": "post-8"}, AckOutcome.FOREIGN),
        ({"epoch": "epoch-1"}, AckOutcome.FOREIGN),
        ({"session": "session-0000"}, AckOutcome.REPLAYED),
    ],
)
def test_a_word_for_somebody_or_sometime_else_is_not(changes: dict[str, object], outcome: AckOutcome) -> None:
    assert _judge(acks.sign_ack(_payload(**changes), KEY)) is outcome


def test_forged_words_are_not_believed() -> None:
    signed = acks.sign_ack(_payload(), KEY)
    stranger = sealing.SignPrivate.from_private_bytes(b"\x06" * 32)
    forged = [
        acks.sign_ack(_payload(), stranger),
        wire.Signed(
            payload=acks.sign_ack(_payload(store="store-bbbb"), KEY).payload,
            kid=signed.kid,
            signature=signed.signature,
        ),
        wire.Signed(payload=signed.payload, kid=signed.kid, signature=""),
        wire.Signed(payload="%%%", kid=signed.kid, signature=signed.signature),
        wire.Signed.of(wire.encode(_payload()), signed.kid, sealing.sign("command", wire.encode(_payload()), KEY)),
    ]
    assert [_judge(f) for f in forged] == [AckOutcome.BAD_SIGNATURE] * 5


@given(st.binary(max_size=200))
def test_signed_nonsense_is_malformed(payload: bytes) -> None:
    signed = wire.Signed.of(payload, sealing.key_id(KEY.public_key()), sealing.sign("ack", payload, KEY))
    assert _judge(signed) is AckOutcome.MALFORMED


@pytest.mark.parametrize(
    "changes",
    [
        {"ranges": [(3, 2)]},
        {"ranges": [(2, 3), (3, 5)]},
        {"ranges": [(1, 3)]},
        {"ranges": [(5, 6)]},
        {"span": (5, 2), "ranges": []},
        {"span": (1, 2001), "ranges": []},
    ],
)
def test_ranges_out_of_order_or_too_wide_are_no_payload(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rang|span"):
        _payload(**changes)


def test_the_digest_decides() -> None:
    assert acks.compare(_payload(), OWN, newest=8) is AckOutcome.APPLIED
    assert acks.compare(_payload(digest="0" * 64), OWN, newest=8) is AckOutcome.DIGEST_MISMATCH
    swapped = {**OWN, 2: OWN[3], 3: OWN[2]}
    assert acks.compare(_payload(), swapped, newest=8) is AckOutcome.DIGEST_MISMATCH
    assert acks.compare(_payload(), OWN, newest=4) is AckOutcome.UNKNOWN_ROWS
    missing = {seq: h for seq, h in OWN.items() if seq != 3}
    assert acks.compare(_payload(), missing, newest=8) is AckOutcome.UNKNOWN_ROWS


@given(st.lists(st.integers(1, 300)))
def test_ranges_hold_exactly_the_seqs(seqs: list[int]) -> None:
    ranges = wire.ranges_of(sorted(seqs))
    assert {s for low, high in ranges for s in range(low, high + 1)} == set(seqs)
    assert all(b[0] > a[1] + 1 for a, b in itertools.pairwise(ranges))
