"""Both reader families, each with its codec and with the bytes its device sends.

The bytes come from ``drivers.virtual``, which is written from the devices' byte rules and shares no
code with the codecs (test_separation.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from drivers.elyctis import ElyctisCodec
from drivers.est import EstCodec
from drivers.rte import RteCodec
from drivers.text import Shape, TextCodec
from drivers.virtual.elyctis_device import frame, mrz_payload
from drivers.virtual.est_device import EstDevice, EstOptions
from drivers.virtual.rte_device import RteDevice
from drivers.virtual.text_device import TextDevice, TextShape

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


@dataclass(frozen=True)
class Family:
    name: str
    codec: Callable[[], ElyctisCodec | TextCodec]
    encode: Callable[[Sequence[str]], bytes]
    starts: bytes  # bytes that may begin a frame, for malicious noise


def _text_bytes(rows: Sequence[str]) -> bytes:
    return TextDevice().present(rows)


def _outer_bytes(rows: Sequence[str]) -> bytes:
    return TextDevice(TextShape(start=b"\x1b\x41", end=b"\x0d\x0a", line_end="crlf")).present(rows)


FAMILIES = [
    Family("elyctis", ElyctisCodec, lambda rows: frame(0x49, mrz_payload(rows)), b"\x49\x00\x43\x56\x01\x03"),
    Family("text", TextCodec, _text_bytes, b"\x02\x03"),
    Family(
        "text-outer",
        lambda: TextCodec(Shape(device_start=b"\x1b\x41", device_end=b"\x0d\x0a", row_end="crlf")),
        _outer_bytes, b"\x1b\x41\x02\x03\x0d\x0a",
    ),
    Family("rte", RteCodec, RteDevice().present, b"\x01OU\x02\x03a\x00"),
    Family("est", EstCodec, EstDevice(EstOptions(signs=False)).present, b"\x02\x03\r\n"),
]


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name)
def family(request: pytest.FixtureRequest) -> Family:
    chosen: Family = request.param
    return chosen


@pytest.fixture
def td3() -> tuple[str, ...]:
    return TD3


@pytest.fixture
def td1() -> tuple[str, ...]:
    return TD1


@pytest.fixture(scope="session")
def family_list() -> list[Family]:
    """All of them, for properties (hypothesis wants fixtures that outlive one example)."""
    return FAMILIES


@pytest.fixture(scope="session")
def td3_rows() -> tuple[str, ...]:
    return TD3
