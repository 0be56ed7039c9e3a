"""What goes through the two pipes of a child process: frames of msgpack, each behind its length.

Laws:
1. A frame is four bytes, big-endian, of a length up to MAX_FRAME, and so many bytes. Anything else is garbage, and
   whoever reads it ends the talk: after a wrong length nothing tells where the next frame begins.
2. One request, one reply, with the same number.
3. What is sent and what comes are personal data: both stand in bytearrays, which ``wipe`` overwrites after use.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias, runtime_checkable

import msgspec

MAX_FRAME: Final = 64 << 20  # bytes: an image of 4096 x 4096 pixels takes 16 MiB
HEAD: Final = 4  # bytes of the length
_ROOM: Final = 4096
_ENCODER: Final = msgspec.msgpack.Encoder()

Handler: TypeAlias = Callable[[msgspec.Raw], object]
"""Takes the body of a request (it decodes and checks it), answers what msgpack can write. FingerError is an answer."""
Factory: TypeAlias = Callable[[msgspec.Raw], Handler]
"""Makes a handler from the options of its service: loads what is slow to load. Raises FingerError."""


@runtime_checkable
class Forgetful(Protocol):
    """An answer that is personal data: what it holds is overwritten once it is packed."""

    def forget(self) -> None:
        """Overwrite it."""


class Fault(enum.StrEnum):
    """Why there is no answer. The first three are said by the child, the others seen from outside."""

    REFUSED = "refused"    # the service said FingerError: nothing is wrong with the child
    MEMORY = "out of memory"
    BUG = "failed"
    KILLED = "was ended"
    HUNG = "did not answer in time"
    GARBAGE = "answered what nobody understands"
    NOT_STARTED = "did not start"


class Setup(msgspec.Struct, array_like=True, frozen=True):
    """The first frame: what the child is to be. ``services`` maps a name to the options of its factory."""

    parent: int
    memory_mib: int
    no_new_code: bool
    services: dict[str, msgspec.Raw]


class Ready(msgspec.Struct, array_like=True, frozen=True):
    """The first answer, once everything is loaded. ``fault`` empty if all is well."""

    no_new_code: bool
    fault: str = ""
    message: str = ""
    advice: str = ""


class Request(msgspec.Struct, array_like=True, frozen=True):
    """One piece of work."""

    number: int
    service: str
    body: msgspec.Raw


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """Its answer: ``body``, or a ``fault`` with what a FingerError says."""

    number: int
    body: msgspec.Raw = msgspec.Raw(b"\xc0")
    fault: str = ""
    message: str = ""
    advice: str = ""


def framed(message: object) -> bytearray:
    """The bytes of one frame. Raises ValueError over MAX_FRAME."""
    frame = packed(message, HEAD)
    length = len(frame) - HEAD
    if length > MAX_FRAME:
        raise ValueError(f"a frame of {length} bytes: {MAX_FRAME} is the limit")
    frame[:HEAD] = length.to_bytes(HEAD, "big")
    return frame


def pack(value: object, into: bytearray, offset: int = 0) -> None:
    """A value in msgpack, behind ``offset`` bytes of ``into``, and nothing behind it."""
    into[:] = bytes(_ROOM)  # what fits is written once, and leaves no shorter copy behind
    _ENCODER.encode_into(value, into, offset)


def packed(value: object, offset: int = 0) -> bytearray:
    """A value in msgpack, behind ``offset`` bytes."""
    made = bytearray()
    pack(value, made, offset)
    return made


def raw(value: object) -> msgspec.Raw:
    """A value as the body of a message."""
    return msgspec.Raw(packed(value))


def wipe(data: bytearray) -> None:
    """Overwrite it (law 3)."""
    data[:] = bytes(len(data))
