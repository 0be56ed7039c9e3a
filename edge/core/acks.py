"""Whether an ack is believed: decisions only, the journal does the rows.

Laws (ARCHITECTURE law 3):
1. An ack is headquarters' word only if its signature fits a key that the configuration names.
2. It counts only for this device, an epoch of this journal and this connection (session), so that an ack
   that was stored and played again changes nothing.
3. It counts only if the digest that it names is the digest of the box's own rows.
4. Only APPLIED ever marks a row as delivered. Everything doubtful leads to sending again.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from edge.core import sealing
from edge.core.wire import AckPayload, Signed, WireError, decode, digest_of, encode

ACK_DOMAIN = "ack"


class AckOutcome(enum.StrEnum):
    """What became of an ack."""

    APPLIED = "applied"
    BAD_SIGNATURE = "bad_signature"  # unknown key, or a signature that does not fit
    MALFORMED = "malformed"  # signed, but no payload of this contract
    FOREIGN = "foreign"  # for another device or another journal
    REPLAYED = "replayed"  # from another connection than the present one
    DIGEST_MISMATCH = "digest_mismatch"  # headquarters holds other bodies than the box sent
    UNKNOWN_ROWS = "unknown_rows"  # names seqs that the box does not know
    OVERTAKEN = "overtaken"  # came by stick, and headquarters has said something else since


def sign_ack(payload: AckPayload, key: sealing.SignPrivate) -> Signed:
    """What headquarters publishes on ``down/ack`` after its commit."""
    data = encode(payload)
    return Signed.of(data, sealing.key_id(key.public_key()), sealing.sign(ACK_DOMAIN, data, key))


def judge(
    message: Signed, *, keys: Mapping[str, sealing.SignPublic], device: str, epochs: frozenset[str], session: str
) -> AckPayload | AckOutcome:
    """The payload if it is headquarters' word for this connection, else why not. Never raises on data.

    ``epochs`` are those that the box still has rows of, the present one among them.
    """
    key = keys.get(message.kid)
    try:
        data, signature = message.parts()
    except WireError:
        return AckOutcome.BAD_SIGNATURE
    if key is None or not sealing.verify(ACK_DOMAIN, data, signature, key):
        return AckOutcome.BAD_SIGNATURE
    try:
        payload = decode(data, AckPayload)
    except WireError:
        return AckOutcome.MALFORMED
    if payload.device != device or payload.epoch not in epochs:
        return AckOutcome.FOREIGN
    if payload.session != session:
        return AckOutcome.REPLAYED
    return payload


def compare(payload: AckPayload, own: Mapping[int, bytes], newest: int) -> AckOutcome:
    """APPLIED if the digest fits the box's own rows, else DIGEST_MISMATCH or UNKNOWN_ROWS.

    ``own`` holds seq -> SHA-256 of the sealed body for the rows in the span that the box still knows;
    ``newest`` is the last seq it ever gave out.
    """
    if payload.ranges and payload.ranges[-1][1] > newest:
        return AckOutcome.UNKNOWN_ROWS
    seqs = list(payload.seqs())
    if any(seq not in own for seq in seqs):
        return AckOutcome.UNKNOWN_ROWS
    agrees = digest_of((seq, own[seq]) for seq in seqs) == payload.digest
    return AckOutcome.APPLIED if agrees else AckOutcome.DIGEST_MISMATCH
