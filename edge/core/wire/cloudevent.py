"""The outside of everything that the journal sends: CloudEvents 1.0, structured mode, JSON.

Laws:
1. The outside is the same for a passage, a closing, a drop report and a finger: one type, one topic, one size
   of ``data_base64`` (ARCHITECTURE law 8); a finger has a size of its own where a gallery of the box wants images.
2. ``id`` is ``device:epoch:seq``; ``seq`` alone gives the order, no clock does (law 10).
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.core.wire.codec import WireError
from edge.core.wire.fields import ClockState, Seq, Timestamp, Token

BODY_TYPE = "bp.passage.v1"
CONTENT_TYPE = "application/vnd.borderpost.sealed"
Mono = Annotated[
    str, Meta(pattern=r"^[0-9]{1,18}$(?!\n)", description="milliseconds since the boot, decimal")
]


class PassageEnvelope(msgspec.Struct, frozen=True, kw_only=True):
    """One journal entry on its way. ``mono`` is text because a CloudEvents integer has 32 bits."""

    specversion: Literal["1.0"] = "1.0"
    id: Annotated[str, Meta(max_length=160)]
    source: Annotated[str, Meta(pattern=r"^/bp/[a-z0-9-]{3,40}$(?!\n)")]
    type: Literal["bp.passage.v1"] = "bp.passage.v1"
    time: Timestamp
    datacontenttype: Literal["application/vnd.borderpost.sealed"] = "application/vnd.borderpost.sealed"
    data_base64: Annotated[str, Meta(max_length=57_344, description="the sealed body")]
    seq: Seq
    epoch: Token
    boot: Annotated[str, Meta(max_length=64)]
    mono: Mono
    clock: ClockState
    session: Annotated[str, Meta(max_length=64)]

    @property
    def device(self) -> str:
        """The device id that ``source`` names."""
        return self.source.removeprefix("/bp/")

    def body(self) -> bytes:
        """The sealed bytes; WireError when they are no Base64 or the id contradicts the attributes."""
        if self.id != message_id(self.device, self.epoch, self.seq):
            raise WireError("the id does not agree with source, epoch and seq")
        try:
            return base64.b64decode(self.data_base64, validate=True)
        except (binascii.Error, ValueError):
            pass
        raise WireError("data_base64 is no Base64")


def message_id(device: str, epoch: str, seq: int) -> str:
    """``device:epoch:seq``: never the same twice, even after the disk was imaged anew."""
    return f"{device}:{epoch}:{seq}"


def envelope(
    *,
    device: str,
    epoch: str,
    seq: int,
    body: bytes,
    at: Timestamp,
    clock: ClockState,
    boot: str,
    mono_ms: int,
    session: str,
) -> PassageEnvelope:
    """Wrap one sealed body for the connection named by ``session``."""
    return PassageEnvelope(
        id=message_id(device, epoch, seq),
        source=f"/bp/{device}",
        time=at,
        seq=seq,
        epoch=epoch,
        boot=boot,
        mono=str(max(0, mono_ms)),
        clock=clock,
        session=session,
        data_base64=base64.b64encode(body).decode(),
    )
