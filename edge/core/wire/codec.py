"""JSON in and out, with one error.

Laws: what comes in is data, so decoding raises WireError and nothing else; unknown fields are
ignored, so that a newer sender is understood; no error text quotes the message (law 9).
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from edge.core.errors import BorderpostError

MAX_MESSAGE = 64 * 1024  # bytes of any message either way
T = TypeVar("T")


class WireError(BorderpostError):
    """Bytes that are no message of this contract."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="compare the sender's software version with docs/messages.md")


def encode(message: object) -> bytes:
    """JSON of a wire struct; WireError when it is longer than ``MAX_MESSAGE`` or no text."""
    try:
        data = msgspec.json.encode(message)
    except UnicodeEncodeError as error:
        raise WireError("a text field holds half a surrogate pair") from error
    if len(data) > MAX_MESSAGE:
        raise WireError(f"a message of {len(data)} bytes is longer than {MAX_MESSAGE}")
    return data


def decode(data: bytes, kind: type[T]) -> T:
    """The message in ``data``; WireError for anything that is not one of this kind."""
    if len(data) > MAX_MESSAGE:
        raise WireError(f"a message of {len(data)} bytes is longer than {MAX_MESSAGE}")
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, OverflowError):
        pass
    raise WireError(f"{len(data)} bytes are no {getattr(kind, '__name__', 'message')}")
