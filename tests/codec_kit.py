"""What tests of codecs share: a codec joined with its virtual device, and runs of noise seen as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from drivers.framing import Noise, RowsRead


class Line:
    """Codec and device joined without a port; time moves only when told."""

    def __init__(self, codec: Any, device: Any) -> None:
        self.codec, self.device, self.now = codec, device, 0.0
        self.events: list[Any] = []
        self.orders: list[bytes] = []

    def settle(self, from_device: bytes = b"") -> None:
        """Pass bytes to and fro until both are quiet."""
        for _ in range(50):
            self.events += self.codec.feed(from_device, self.now)
            order = self.codec.bytes_to_send()
            if not order:
                return
            self.orders.append(order)
            from_device = self.device.receive(order)
        pytest.fail("codec and device do not come to rest")

    def open(self) -> None:
        self.codec.start(self.now)
        self.settle()

    def rows(self) -> list[tuple[str, ...]]:
        return [event.rows for event in self.events if isinstance(event, RowsRead)]


def merged(events: Sequence[Any]) -> list[Any]:
    """The events with runs of noise as one: how many there are depends on the pieces."""
    out: list[Any] = []
    for event in events:
        if isinstance(event, Noise) and out and isinstance(out[-1], Noise):
            out[-1] = Noise(out[-1].count + event.count)
        else:
            out.append(event)
    return out
