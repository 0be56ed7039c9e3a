"""Settings of a reader: from the configuration's table to a checked value, or an error that names the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeVar

import msgspec

from drivers.api import BadSetting, Feedback
from drivers.framing import GAP_S
from drivers.transport import LineSettings, Transport, check, open_port


class Port(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every serial reader needs. ``port``: a path (one in /dev/serial/by-path/ or by-id/ survives
    re-plugging), ``socket://HOST:PORT`` or ``rfc2217://HOST:PORT`` of a terminal server."""

    port: Annotated[str, msgspec.Meta(min_length=1)]
    baud: Annotated[int, msgspec.Meta(ge=300, le=4_000_000)] = 9600
    parity: Literal["N", "E", "O"] = "N"
    bytesize: Literal[7, 8] = 8
    stopbits: Literal[1, 2] = 1
    gap_s: Annotated[float, msgspec.Meta(ge=0.05, le=5)] = GAP_S  # silence inside a frame that ends it

    def connect(self) -> Transport:
        """Open the port. Raises DeviceError."""
        return open_port(self.port, LineSettings(self.baud, self.parity, self.bytesize, self.stopbits))


HexBytes = Annotated[str, msgspec.Meta(pattern=r"^([0-9A-Fa-f]{2}){0,64}\Z")]  # up to 64 bytes, in hexadecimal


class Orders(Port, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A reader that takes fixed orders besides: what is sent when, in hexadecimal; empty: nothing."""

    init: Annotated[tuple[HexBytes, ...], msgspec.Meta(max_length=32)] = ()  # after opening, in this order
    rearm: HexBytes = ""  # after each read
    rearm_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0  # and again after so much quiet; 0: never
    signal_good: HexBytes = ""
    signal_lead: HexBytes = ""
    signal_retry: HexBytes = ""

    def orders(self) -> FixedOrders:
        """The same as bytes."""
        signs = {
            Feedback.GOOD: self.signal_good, Feedback.LEAD: self.signal_lead, Feedback.RETRY: self.signal_retry
        }
        return FixedOrders(
            init=b"".join(map(bytes.fromhex, self.init)), rearm=bytes.fromhex(self.rearm), rearm_s=self.rearm_s,
            signs={feedback: bytes.fromhex(text) for feedback, text in signs.items() if text},
        )


@dataclass(frozen=True, slots=True)
class FixedOrders:
    """What is sent to a device besides its codec's own dialogue."""

    init: bytes = b""
    rearm: bytes = b""
    rearm_s: float = 0.0  # seconds; 0: not by time
    signs: Mapping[Feedback, bytes] = field(default_factory=dict)


Chosen = TypeVar("Chosen", bound=msgspec.Struct)
KEY = re.compile(r"(?:at `\$\.|unknown field `|required field `)(?P<key>\w+)")


def read_settings(
    kind: type[Chosen], settings: Mapping[str, object], device_name: str, *, what: str = "reader"
) -> Chosen:
    """Check one device's table against what its driver knows, and what its port is called. Opens nothing.

    Raises BadSetting that names the key. Its advice lists what may stand among the settings. ``port`` may not: it is
    written beside them in edge.toml, before them on a command line, and in no profile.
    """
    try:
        chosen = msgspec.convert(dict(settings), kind)
    except msgspec.ValidationError as problem:
        text = str(problem)
        found = KEY.search(text)
        key = found["key"] if found else ""
        known = ", ".join(field.name for field in msgspec.structs.fields(kind) if field.name != "port")
        raise BadSetting(
            f"{what} {device_name!r}: {text.replace('$.', '')}", key=key,
            advice=f"correct {key or 'the settings'} of this {what}; its driver knows: {known}",
        ) from None
    try:
        check(str(settings["port"]))  # every kind requires one
    except BadSetting as wrong:
        raise BadSetting(f"{what} {device_name!r}: {wrong.message}", key=wrong.key, advice=wrong.advice) from None
    return chosen
