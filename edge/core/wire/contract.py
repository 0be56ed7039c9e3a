"""The contract as documents: JSON Schema 2020-12 per message and one AsyncAPI 3 document.

Generated from the types, so that documents and code cannot drift apart; ``docs/generate.py`` writes
them and a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

import msgspec

from edge.core.provisioning import papers
from edge.core.wire import bodies, cloudevent, control
from edge.core.wire.topics import MAX_CARRIED, Topic

MESSAGES: Mapping[str, Any] = {
    "passage-envelope": cloudevent.PassageEnvelope,
    "body": bodies.Body,
    "presence": control.Presence,
    "event": control.Event,
    "sync-request": control.SyncRequest,
    "health": control.Health,
    "signed": control.Signed,
    "ack-payload": control.AckPayload,
    "hq-state": control.HqState,
    "beacon": control.Beacon,
    "request": papers.Request,
}
PARCEL, ENVELOPE = "parcel", "envelope"
BINARY: Mapping[str, int] = {PARCEL: 64_000, ENVELOPE: MAX_CARRIED}  # messages that are no JSON -> most bytes


# Topic -> (message, who publishes, QoS, retained, what it is for)
CHANNELS: Mapping[Topic, tuple[str, str, int, bool, str]] = {
    Topic.STATE: ("presence", "box", 1, True, "Birth message and last will of one box."),
    Topic.PASSAGE: ("passage-envelope", "box", 1, False, "One sealed journal entry; all have one size."),
    Topic.EVENT: ("event", "box", 1, False, "Something a technician or a supervisor should know."),
    Topic.SYNC: ("sync-request", "box", 1, False, "What is on the shelf; sent on every connect."),
    Topic.HEALTH: ("health", "box", 0, False, "How the box is."),
    Topic.REQUEST: ("request", "box", 1, False, "The box asks for a new certificate before its own ends."),
    Topic.ACK: ("signed", "headquarters", 1, False, "Signed AckPayload: what is committed."),
    Topic.ENVELOPE: (ENVELOPE, "headquarters", 1, True, "An envelope for this box alone, as it would come by stick."),
    Topic.HQ_STATE: ("hq-state", "headquarters", 1, True, "Whether the collector runs; also its last will."),
    Topic.BEACON: ("beacon", "headquarters", 1, True, "Which version of the repository of lists is the newest."),
    Topic.PARCEL: (PARCEL, "headquarters", 1, True, "An urgent withdrawal: one delta with the metadata that prove it."),
}


def schemas() -> dict[str, dict[str, Any]]:
    """Message name -> its JSON Schema."""
    return {name: _schema(name, kind) for name, kind in MESSAGES.items()}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document; the box is the application that it describes."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "borderpost messages",
            "version": "1.0.0",
            "description": "MQTT 5 between a box and headquarters. See messages.md.",
        },
        "defaultContentType": "application/json",
        "channels": {_key(topic): _channel(topic) for topic in CHANNELS},
        "operations": {_key(topic): _operation(topic) for topic in CHANNELS},
        "components": {
            "messages": {
                name: _message(name) for name in _published()
            }
        },
    }


def _schema(name: str, kind: Any) -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:borderpost:schema:{name}:1",
    }
    schema: dict[str, Any] = _clean(msgspec.json.schema(kind))
    return head | schema


def _clean(schema: Any) -> Any:
    """The schema with its descriptions dedented: Python 3.13 dedents docstrings itself, 3.11 does not."""
    if isinstance(schema, dict):
        return {
            key: cleandoc(value) if key == "description" and isinstance(value, str) else _clean(value)
            for key, value in schema.items()
        }
    return [_clean(item) for item in schema] if isinstance(schema, list) else schema


def _message(name: str) -> dict[str, Any]:
    if name in BINARY:
        payload = {"type": "string", "format": "binary", "maxLength": BINARY[name]}
        return {"name": name, "contentType": "application/octet-stream", "payload": payload}
    return {"name": name, "payload": {"$ref": f"schemas/{name}.json"}}


def _channel(topic: Topic) -> dict[str, Any]:
    message, _, _, _, purpose = CHANNELS[topic]
    channel: dict[str, Any] = {
        "address": topic.replace("{d}", "{device}"),
        "description": purpose,
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
    }
    if "{d}" in topic:
        channel["parameters"] = {"device": {"description": "Device id: 3 to 40 of a-z, 0-9 and hyphen."}}
    return channel


def _operation(topic: Topic) -> dict[str, Any]:
    _, publisher, qos, retain, _ = CHANNELS[topic]
    return {
        "action": "send" if publisher == "box" else "receive",
        "channel": {"$ref": f"#/channels/{_key(topic)}"},
        "bindings": {"mqtt": {"qos": qos, "retain": retain, "bindingVersion": "0.2.0"}},
    }


def _published() -> list[str]:
    return sorted({message for message, *_ in CHANNELS.values()})


def _key(topic: Topic) -> str:
    return topic.name.lower()
