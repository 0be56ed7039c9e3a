"""The topics, in one place: nobody spells a topic anywhere else.

``{d}`` is the device id of a box, equal to the common name of its certificate: lower-case letters,
digits and hyphens, 3 to 40 of them (no ``. / + #``, so that it is safe on every broker). The major
version stands in the root.
"""

from __future__ import annotations

import enum
import re

from edge.core.wire.codec import WireError

ROOT = "bp/v1"
DEVICE_PATTERN = r"[a-z0-9-]{3,40}"
MAX_CARRIED = 48_000  # bytes of an envelope that goes by MQTT; a larger one goes by stick
_RESERVED = frozenset({"all"})  # three letters, so it would pass the pattern; kept for broadcast topics


class Topic(enum.StrEnum):
    """Every topic template. ``up`` goes from the box, ``down`` to it."""

    STATE = "bp/v1/{d}/up/state"  # birth (retained) and last will: Presence
    PASSAGE = "bp/v1/{d}/up/passage"  # PassageEnvelope, one size, hit or not
    EVENT = "bp/v1/{d}/up/event"  # Event
    SYNC = "bp/v1/{d}/up/sync"  # SyncRequest
    HEALTH = "bp/v1/{d}/up/health"  # Health
    REQUEST = "bp/v1/{d}/up/request"  # provisioning.papers.Request: the box asks for a new certificate
    ACK = "bp/v1/{d}/down/ack"  # Signed AckPayload
    ENVELOPE = "bp/v1/{d}/down/envelope"  # an envelope for this box (retained), byte for byte as on a stick
    HQ_STATE = "bp/v1/hq/state"  # HqState (retained) and last will
    BEACON = "bp/v1/hq/lists"  # timestamp.json of the repository (retained): which version is the newest
    PARCEL = "bp/v1/hq/parcel"  # an urgent withdrawal (retained), as edge.core.distribution.parcel packs it


UP_TOPICS = (Topic.STATE, Topic.PASSAGE, Topic.EVENT, Topic.SYNC, Topic.HEALTH, Topic.REQUEST)


def topic(kind: Topic, device: str = "") -> str:
    """The topic of one box, or a fixed topic; WireError for a device id that is not allowed."""
    if "{d}" not in kind:
        return str(kind)
    if not valid_device(device):
        raise WireError("a device id has 3 to 40 lower-case letters, digits and hyphens")
    return kind.replace("{d}", device)


def subscription(kind: Topic) -> str:
    """The filter that takes this topic from every box."""
    return kind.replace("{d}", "+")


def parse_topic(text: str) -> tuple[Topic, str]:
    """Which topic it is, and the device ('' for a fixed one); WireError when it is none of ours."""
    for kind in Topic:
        if "{d}" not in kind and text == kind:
            return kind, ""
        before, _, after = kind.partition("{d}")
        device = text[len(before) : len(text) - len(after)]
        if text == before + device + after and valid_device(device):
            return kind, device
    raise WireError("not a topic of this contract")


def valid_device(device: str) -> bool:
    """True for a device id that may stand in a topic."""
    return re.fullmatch(DEVICE_PATTERN, device) is not None and device not in _RESERVED
