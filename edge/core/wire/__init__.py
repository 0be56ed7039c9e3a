"""The message contract between a box and headquarters (docs/messages.md). Pure: bytes in, values out."""

from edge.core.wire.bodies import (
    Body,
    BodyDocument,
    ClosingBody,
    DroppedBody,
    NoticeBody,
    PassageBody,
    decode_body,
    passage_body,
)
from edge.core.wire.body_parts import BodyCoverage, BodyEvidence, BodyReason
from edge.core.wire.cloudevent import BODY_TYPE, CONTENT_TYPE, PassageEnvelope, envelope, message_id
from edge.core.wire.codec import MAX_MESSAGE, WireError, decode, encode
from edge.core.wire.control import (
    MAX_SPAN,
    AckPayload,
    Event,
    Health,
    HqState,
    Presence,
    Signed,
    SyncRequest,
    digest_of,
    ranges_of,
)
from edge.core.wire.fields import MAX_RANGES, MAX_SEQ
from edge.core.wire.finger_body import FingersBody, fingers_body
from edge.core.wire.fitting import fit, fit_block
from edge.core.wire.topics import MAX_CARRIED, UP_TOPICS, Topic, parse_topic, subscription, topic, valid_device

__all__ = [
    "BODY_TYPE",
    "CONTENT_TYPE",
    "MAX_CARRIED",
    "MAX_MESSAGE",
    "MAX_RANGES",
    "MAX_SEQ",
    "MAX_SPAN",
    "UP_TOPICS",
    "AckPayload",
    "Body",
    "BodyCoverage",
    "BodyDocument",
    "BodyEvidence",
    "BodyReason",
    "ClosingBody",
    "DroppedBody",
    "Event",
    "FingersBody",
    "Health",
    "HqState",
    "NoticeBody",
    "PassageBody",
    "PassageEnvelope",
    "Presence",
    "Signed",
    "SyncRequest",
    "Topic",
    "WireError",
    "decode",
    "decode_body",
    "digest_of",
    "encode",
    "envelope",
    "fingers_body",
    "fit",
    "fit_block",
    "message_id",
    "parse_topic",
    "passage_body",
    "ranges_of",
    "subscription",
    "topic",
    "valid_device",
]
