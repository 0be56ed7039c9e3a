"""Messages: decoding refuses with one error, newer senders are understood, topics are exact."""

from __future__ import annotations

import base64
import contextlib
import json

import journal_kit as kit
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.core import wire
from edge.core.trusted import ClockState
from edge.core.wire import contract

KINDS = [k for name, k in contract.MESSAGES.items() if name != "body"]
ENVELOPE = wire.envelope(
    device=kit.DEVICE,
    epoch="epoch-1",
    seq=7,
    body=b"sealed",
    at=kit.START,
    clock=ClockState.HELD,
    boot="boot-1",
    mono_ms=12345,
    session=kit.SESSION,
)


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_random_bytes_are_refused_with_one_error(kind: type, data: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.decode(data, kind)
    with pytest.raises(wire.WireError):
        wire.decode_body(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=6),
    max_leaves=12,
)


@given(st.sampled_from(KINDS), _JSON)
def test_random_json_is_a_message_or_refused(kind: type, value: object) -> None:
    for data in (json.dumps(value).encode(), json.dumps({"kind": "passage", "v": value}).encode()):
        try:
            assert isinstance(wire.decode(data, kind), kind)
        except wire.WireError:
            continue


@given(st.data())
def test_mutated_messages_are_messages_or_refused(data: st.DataObject) -> None:
    text = bytearray(wire.encode(ENVELOPE))
    for _ in range(data.draw(st.integers(1, 4))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(wire.WireError):
        assert isinstance(wire.decode(bytes(text), wire.PassageEnvelope).body(), bytes)


def test_no_error_quotes_the_message_and_every_error_says_what_to_do() -> None:
    with pytest.raises(wire.WireError) as caught:
        wire.decode(b'{"surname": "ERIKSSON"}', wire.Presence)
    assert "ERIKSSON" not in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize("data", [b"[" * 60_000, b'{"x":' * 12_000, b'"' + b"a" * wire.MAX_MESSAGE + b'"'])
def test_deep_and_long_messages_are_refused(data: bytes) -> None:
    for kind in KINDS:
        with pytest.raises(wire.WireError):
            wire.decode(data, kind)


def test_messages_come_back_and_unknown_fields_are_ignored() -> None:
    data = json.loads(wire.encode(ENVELOPE))
    data["tomorrow"] = {"new": [1, 2]}
    again = wire.decode(json.dumps(data).encode(), wire.PassageEnvelope)
    assert again == ENVELOPE
    assert (again.body(), again.device) == (b"sealed", kit.DEVICE)
    assert set(data) >= {"specversion", "id", "source", "type", "time", "seq", "epoch", "boot", "mono", "clock"}


@pytest.mark.parametrize(
    "change", [{"seq": 8}, {"epoch": "epoch-2"}, {"source": "/bp/post-8"}, {"id": "x"}, {"data_base64": "?"}]
)
def test_an_envelope_that_contradicts_itself_gives_no_body(change: dict[str, object]) -> None:
    data = json.loads(wire.encode(ENVELOPE)) | change
    with pytest.raises(wire.WireError):
        wire.decode(json.dumps(data).encode(), wire.PassageEnvelope).body()


@pytest.mark.parametrize(
    "change",
    [
        {"type": "bp.hit.v1"},
        {"seq": 0},
        {"seq": 2**53},
        {"source": "/bp/post-7\n"},
        {"source": "/bp/../hq"},
        {"time": "2026-03-01T12:00:00"},
        {"clock": "ntp"},
    ],
)
def test_an_envelope_outside_the_contract_is_refused(change: dict[str, object]) -> None:
    data = json.loads(wire.encode(ENVELOPE)) | change
    with pytest.raises(wire.WireError):
        wire.decode(json.dumps(data).encode(), wire.PassageEnvelope)


def test_every_body_kind_looks_the_same_outside() -> None:
    """Same topic, same type, same size: only who opens the seal learns the kind."""
    bodies: list[wire.Body] = [
        kit.new_passage(1).body,
        kit.new_passage(2, kit.Outcome.HIT, kit.Outcome.CLEAR).body,
        wire.ClosingBody(passage="p", code="same", at=kit.START, clock=ClockState.SIGNED),
        wire.DroppedBody(ranges=[(1, 2)], count=2, at=kit.START, clock=ClockState.SIGNED),
        wire.NoticeBody(code="journal_set_aside", at=kit.START, clock=ClockState.SIGNED),
    ]
    outside = set()
    for body in bodies:
        sealed = kit.SEALER(wire.fit_block(body), f"{kit.DEVICE}:epoch-1:7")
        message = wire.envelope(
            device=kit.DEVICE,
            epoch="epoch-1",
            seq=7,
            body=sealed,
            at=kit.START,
            clock=ClockState.SIGNED,
            boot="boot-1",
            mono_ms=1,
            session=kit.SESSION,
        )
        data = json.loads(wire.encode(message))
        outside.add((len(base64.b64decode(data.pop("data_base64"))), len(wire.encode(message)), json.dumps(data)))
    assert len(outside) == 1


def test_topics_are_made_and_read_back() -> None:
    for kind in wire.Topic:
        device = kit.DEVICE if "{d}" in kind else ""
        assert wire.parse_topic(wire.topic(kind, device)) == (kind, device)
    assert wire.topic(wire.Topic.PASSAGE, "post-7") == "bp/v1/post-7/up/passage"
    assert wire.subscription(wire.Topic.PASSAGE) == "bp/v1/+/up/passage"


@given(st.text(max_size=60) | st.text(alphabet="bpv1/+#upack-", max_size=40))
def test_other_topics_are_refused(text: str) -> None:
    try:
        kind, device = wire.parse_topic(text)
    except wire.WireError:
        return
    assert wire.topic(kind, device) == text


@pytest.mark.parametrize("device", ["", "ab", "a" * 41, "Post-7", "post/7", "post+7", "post.7", "all", "post-7\n"])
def test_device_ids_outside_the_pattern_are_refused(device: str) -> None:
    with pytest.raises(wire.WireError):
        wire.topic(wire.Topic.ACK, device)


def test_the_digest_depends_on_seq_body_and_order() -> None:
    a, b = bytes(32), bytes([1] * 32)
    digests = {wire.digest_of(rows) for rows in ([], [(1, a)], [(2, a)], [(1, b)], [(1, a), (2, b)], [(1, b), (2, a)])}
    assert len(digests) == 6


def test_half_a_surrogate_pair_is_our_own_error() -> None:
    with pytest.raises(wire.WireError):
        wire.encode(wire.HqState(online=True, store="\ud800", session=kit.SESSION))
