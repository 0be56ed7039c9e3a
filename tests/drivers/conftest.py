"""Every reader family, with its codec and with the bytes its device sends: one entry of FAMILIES each.

The bytes come from ``drivers.virtual``, which is written from the devices' byte rules and shares no code with the
codecs (test_catalog.py). A family is imported when it is tested, so that a broken one fails alone and by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from drivers.framing import Codec

TD3 = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)
TD1 = ("I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<")


@dataclass(frozen=True)
class Family:
    """What the contract needs to know of a family; the defaults are those of frames with a head of their own."""

    name: str
    codec: Callable[[], Codec]
    encode: Callable[[Sequence[str]], bytes]  # the device's bytes for a document
    other: bytes                              # its bytes for a bar code
    starts: bytes                             # bytes that may begin a frame, for malicious noise
    monster: bytes                            # a frame of absurd length
    breaker: int | None = 0x02  # a byte that breaks a frame; None: the cut looks at whole lines or reports anew
    clear: bytes = b""          # what ends a half read, where a read has no head of its own
    unit: int = 1               # bytes that come together in any case
    row_by_row: bool = False    # each row is a read of its own
    all_counted: bool = True    # every byte of noise is in a counter; outer bytes and empty lines are in none

    def noise(self, data: bytes) -> bytes:
        """Noise as it can come before a read."""
        return data[: len(data) // self.unit * self.unit] + self.clear


def part(module: str, name: str) -> Any:
    """One thing of one module of ``drivers``."""
    return getattr(importlib.import_module(f"drivers.{module}"), name)


def _elyctis() -> Family:
    frame, payload = part("virtual.elyctis_device", "frame"), part("virtual.elyctis_device", "mrz_payload")
    return Family(
        "elyctis", part("elyctis", "ElyctisCodec"), lambda rows: frame(0x49, payload(rows)),
        b"\x02M1ERIKSSON/ANNA       EABC123 ZRHUTO\r\x03", b"\x49\x00\x43\x56\x01\x03",
        b"\x49\x7f\xff" + b"A" * 40_000, breaker=0x00,
    )


def _text() -> Family:
    device = part("virtual.text_device", "TextDevice")()
    return Family(
        "text", part("text", "TextCodec"), device.present, device.block("5901234123457"), b"\x02\x03",
        b"\x02" + b"A" * 40_000,
    )


def _text_outer() -> Family:
    codec, shape = part("text", "TextCodec"), part("text", "Shape")
    sends = part("virtual.text_device", "TextShape")(start=b"\x1b\x41", end=b"\x0d\x0a", line_end="crlf")
    device = part("virtual.text_device", "TextDevice")(sends)
    return Family(
        "text-outer", lambda: codec(shape(device_start=b"\x1b\x41", device_end=b"\x0d\x0a", row_end="crlf")),
        device.present, device.block("5901234123457"), b"\x1b\x41\x02\x03\x0d\x0a", b"\x1b\x41\x02" + b"A" * 40_000,
        all_counted=False,
    )


def _honeywell() -> Family:
    def encode(rows: Sequence[str]) -> bytes:
        return "\r".join(rows).encode() + b"\r"

    return Family(
        "honeywell", part("honeywell", "HoneywellCodec"), encode, b"5901234123457\r", b"]o1O\x06\x15!.\r\nP<",
        b"A" * 40_000, breaker=None, clear=b"\r", all_counted=False,
    )


def _rte() -> Family:
    device = part("virtual.rte_device", "RteDevice")()
    return Family(
        "rte", part("rte", "RteCodec"), device.present, device.block("5901234123457"), b"\x01OU\x02\x03a\x00",
        b"\x01\xff\x3fOU\x02" + b"A" * 40_000, breaker=0x03,
    )


def _est() -> Family:
    options = part("virtual.est_device", "EstOptions")(signs=False)
    device = part("virtual.est_device", "EstDevice")(options)
    return Family(
        "est", part("est", "EstCodec"), device.present, device.block("5901234123457"), b"\x02\x03\r\n",
        b'\x02CameraData:{"data":"' + b"A" * 40_000, all_counted=False,
    )


def _hid_keyboard() -> Family:
    device = part("virtual.keyboard_device", "KeyboardDevice")()
    enter = bytes((0, 0, 0x28, 0, 0, 0, 0, 0))
    return Family(
        "hid_keyboard", part("hid_keyboard", "HidKeyboardCodec"), device.present, device.block("5901234123457"),
        bytes((0, 0, 4, 0, 0, 0, 0, 0)), device.block("A" * 2500), breaker=None,
        clear=bytes(8) + enter + bytes(8), unit=8, row_by_row=True, all_counted=False,
    )


FAMILIES: dict[str, Callable[[], Family]] = {
    "elyctis": _elyctis, "text": _text, "text-outer": _text_outer, "honeywell": _honeywell, "rte": _rte, "est": _est,
    "hid_keyboard": _hid_keyboard,
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    return FAMILIES[request.param]()


@pytest.fixture
def family_names() -> set[str]:
    return set(FAMILIES)


@pytest.fixture
def td3() -> tuple[str, ...]:
    return TD3


@pytest.fixture
def td1() -> tuple[str, ...]:
    return TD1


@pytest.fixture(scope="session", params=FAMILIES)
def lasting_family(request: pytest.FixtureRequest) -> Family:
    """One after another, for properties (hypothesis wants fixtures that outlive one example)."""
    return FAMILIES[request.param]()


@pytest.fixture(scope="session")
def td3_rows() -> tuple[str, ...]:
    return TD3
