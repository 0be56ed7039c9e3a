"""Headquarters' beacon: ``timestamp.json`` as it stands in the repository, told by MQTT.

Law: it is a hint. Nothing of it is believed but that there may be something to ask for.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_BYTES: Final = 16_384  # of timestamp.json, as tuf allows


class _Signed(msgspec.Struct):
    version: int


class _Beacon(msgspec.Struct):
    signed: _Signed


def version_of(beacon: bytes) -> int | None:
    """The version that it names, not verified; None for what is no timestamp."""
    if len(beacon) > MAX_BYTES:
        return None
    try:
        return msgspec.json.decode(beacon, type=_Beacon).signed.version
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
