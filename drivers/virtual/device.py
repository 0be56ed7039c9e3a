"""What every virtual device is to the bench that plays it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol


class VirtualDevice(Protocol):
    """A pure state machine: bytes and a hand's movements in, bytes out. It knows no time and no port."""

    def power_on(self) -> bytes:
        """Forget everything but what lies on the glass; what the device says on power-up."""

    def receive(self, data: bytes) -> bytes:
        """Bytes from the host; what the device answers (a read that an order sets free included)."""

    def present(self, lines: Sequence[str]) -> bytes:
        """A document is laid on the glass; what the device sends now (b"" if it waits for an order)."""

    def remove(self) -> bytes:
        """The document is lifted; what the device sends."""

    def block(self, text: str) -> bytes:
        """Another kind of block (bar code, stripe) in this device's framing; b"" if it has none."""

    @property
    def unsent(self) -> bool:
        """True while a document lies there that has not been sent."""


class SendsUnasked(ABC):
    """A device that sends each document once, when it is laid down, says nothing else and obeys nobody."""

    def power_on(self) -> bytes:
        """Says nothing."""
        return b""

    def receive(self, data: bytes) -> bytes:  # noqa: ARG002 - no order means anything to it
        """Takes no orders."""
        return b""

    @abstractmethod
    def present(self, lines: Sequence[str]) -> bytes:
        """The document in this device's framing."""

    def remove(self) -> bytes:
        """Says nothing."""
        return b""

    def block(self, text: str) -> bytes:
        """Framed like a document of one row."""
        return self.present([text])

    @property
    def unsent(self) -> bool:
        """It never waits."""
        return False
