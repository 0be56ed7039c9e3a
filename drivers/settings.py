"""Settings of a reader: from the configuration's table to a checked value, or an error that names the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

import msgspec

from drivers.api import BadSetting
from drivers.framing import GAP_S
from drivers.transport import SerialTransport, Transport


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every serial reader needs. ``port`` is a path; one in /dev/serial/by-id/ survives re-plugging."""

    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    bytesize: Literal[7, 8] = 8
    stopbits: Literal[1, 2] = 1
    gap_s: Annotated[float, msgspec.Meta(ge=0.05, le=5)] = GAP_S  # silence inside a frame that ends it

    def connect(self) -> Transport:
        """Open the port. Raises DeviceError."""
        return SerialTransport(
            self.port, baud=self.baud, parity=self.parity, bytesize=self.bytesize, stopbits=self.stopbits
        )


Chosen = TypeVar("Chosen", bound=Port)
KEY = re.compile(r"(?:at `\$\.|unknown field `|required field `)(?P<key>\w+)")


def read_settings(kind: type[Chosen], settings: Mapping[str, object], device_name: str) -> Chosen:
    """Check one reader's table against what its driver knows. Raises BadSetting that names the key."""
    try:
        return msgspec.convert(dict(settings), kind)
    except msgspec.ValidationError as problem:
        text = str(problem)
        found = KEY.search(text)
        key = found["key"] if found else ""
        known = ", ".join(field.name for field in msgspec.structs.fields(kind))
        raise BadSetting(
            f"reader {device_name!r}: {text.replace('$.', '')}", key=key,
            advice=f"correct {key or 'the settings'} of this reader; its driver knows: {known}",
        ) from None
