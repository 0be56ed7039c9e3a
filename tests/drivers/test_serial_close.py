"""Closing a serial port whose device takes nothing: what the kernel says of the line is the fake, a pty the port."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from drivers.transport.serial_port import DRAIN_S, SerialTransport


class Line:
    """The port that pyserial opened, with so many bytes that have not gone out, ``rate`` fewer at each look."""

    def __init__(self, port: object, waiting: int, rate: int) -> None:
        self._port, self._waiting, self._rate = port, waiting, rate
        self.did: list[str] = []

    @property
    def out_waiting(self) -> int:
        self._waiting = max(0, self._waiting - self._rate)
        return self._waiting

    def reset_output_buffer(self) -> None:
        self.did.append("dropped")
        self._waiting = 0

    def close(self) -> None:
        self.did.append(f"closed with {self._waiting} to wait for")
        self._port.close()  # type: ignore[attr-defined]


@pytest.fixture
def port() -> Iterator[SerialTransport]:
    far, near = os.openpty()
    one = SerialTransport(os.ttyname(near))
    yield one
    one.close()
    os.close(far)
    os.close(near)


@pytest.mark.parametrize(
    ("waiting", "rate", "did"),
    [
        (0, 0, ["closed with 0 to wait for"]),
        (20, 10, ["closed with 0 to wait for"]),  # the last order still goes out
        (4000, 0, ["dropped", "closed with 0 to wait for"]),  # the kernel would wait up to 30 s for it
    ],
)
def test_closing_sends_what_the_device_takes_and_drops_the_rest(
    port: SerialTransport, waiting: int, rate: int, did: list[str]
) -> None:
    line = Line(port._serial, waiting, rate)
    port._serial = line
    began = time.monotonic()
    port.close()
    assert line.did == did
    assert time.monotonic() - began < DRAIN_S + 2


def test_a_port_is_closed_twice_and_after_its_device_is_gone(port: SerialTransport) -> None:
    port.close()
    port.close()
