"""Orders and answers cross on a slow line: every document comes, and comes once, whatever the timing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.elyctis import ElyctisCodec
from drivers.framing import RowsRead
from drivers.virtual.elyctis_device import ElyctisDevice
from edge.core.mrz import compose

STEP_S = 0.05


def document(number: int) -> tuple[str, ...]:
    return compose.td3(
        issuing_state="UTO", surname=f"QUILLIGAN{chr(65 + number)}", given_names="ISOLDE", number=f"X{number:08d}",
        nationality="UTO", birth_date="700101", sex="F", expiry_date="310101",
    )


class SlowLine:
    """Each way takes its time; noise comes between frames, never within one."""

    def __init__(self, to_device_s: float, to_host_s: float) -> None:
        self.codec, self.device, self.now = ElyctisCodec(), ElyctisDevice(), 0.0
        self._to_device_s, self._to_host_s = to_device_s, to_host_s
        self._orders: list[tuple[float, bytes]] = []
        self._sent: list[tuple[float, bytes]] = []
        self.rows: list[tuple[str, ...]] = []
        self.codec.start(0.0)
        self.wait(6.0)

    def from_device(self, data: bytes) -> None:
        if data:
            self._sent.append((self.now + self._to_host_s, data))

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now = round(self.now + STEP_S, 3)
            while self._orders and self._orders[0][0] <= self.now:
                self.from_device(self.device.receive(self._orders.pop(0)[1]))
            events = self.codec.tick(self.now)
            while self._sent and self._sent[0][0] <= self.now:
                events += self.codec.feed(self._sent.pop(0)[1], self.now)
            self.rows += [event.rows for event in events if isinstance(event, RowsRead)]
            if order := self.codec.bytes_to_send():
                self._orders.append((self.now + self._to_device_s, order))


LATENCY_S = st.sampled_from((0.0, 0.05, 0.15, 0.2))  # a terminal server far away
MOVES = st.lists(
    st.tuples(
        st.sampled_from(("document", "noise", "lift", "lose")), st.sampled_from((0.0, 0.05, 0.2, 0.3, 0.35, 0.6))
    ),
    max_size=14,
)


@settings(max_examples=400)
@given(LATENCY_S, LATENCY_S, MOVES)
def test_every_document_left_lying_comes_and_none_comes_twice(
    to_device_s: float, to_host_s: float, moves: list[tuple[str, float]]
) -> None:
    line = SlowLine(to_device_s, to_host_s)
    laid: tuple[str, ...] = ()
    for number, (move, pause_s) in enumerate(moves):
        if move == "document":
            laid = document(number)
            line.device.remove()
            line.from_device(line.device.present(laid))
        elif move == "lose":  # a document, of which only noise arrives
            laid = document(number)
            line.device.remove()
            if line.device.present(laid):
                line.from_device(b"\xfe" * 30)
        elif move == "noise":
            line.from_device(b"\xfe\xff")
        else:
            laid = ()
            line.device.remove()
        line.wait(pause_s)
    line.wait(70.0)  # the pauses between two questions grow
    assert len(set(line.rows)) == len(line.rows)
    if laid:
        assert line.rows[-1:] == [laid]
