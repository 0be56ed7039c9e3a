"""Requests and envelopes over the link: how often, how large, and what the other side's faults cost."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from edge.core.errors import BorderpostError
from edge.core.wire import MAX_CARRIED, MAX_MESSAGE
from edge.uplink.papers import AGAIN_S, RETRY_S, Courier, Papers

UP, DOWN = "bp/v1/box-one/up/request", "bp/v1/box-one/down/envelope"


@dataclass
class Bench:
    """A courier whose broker is a list; ``due`` is what the box has to ask, ``came`` what was handed on."""

    due: bytes | None = b"a request"
    asked: int = 0
    sent: list[tuple[str, bytes, int]] = field(default_factory=list)
    came: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.courier = Courier(Papers(self._request, self.came.append), "box-one")

    def _request(self) -> bytes | None:
        self.asked += 1
        return self.due

    def publish(self, topic: str, payload: bytes, *, qos: int, retain: bool = False, expiry_s: int = 0) -> int:
        assert not retain, expiry_s
        self.sent.append((topic, payload, qos))
        return len(self.sent)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_request_goes_out_once_a_day_over_any_number_of_connections(bench: Bench) -> None:
    bench.courier.tick(bench.publish, 0.0)
    assert bench.sent == [(UP, b"a request", 1)]
    bench.courier.on_taken(1, 0, 1.0)
    for now in (2.0, RETRY_S + 2, AGAIN_S):
        bench.courier.begin()
        bench.courier.tick(bench.publish, now)
    assert len(bench.sent) == 1
    bench.courier.tick(bench.publish, AGAIN_S + 1)
    assert len(bench.sent) == 2


@pytest.mark.parametrize("how", ["refused", "lost", "another's word"])
def test_a_request_that_the_broker_did_not_take_is_sent_again_after_an_hour(bench: Bench, how: str) -> None:
    bench.courier.tick(bench.publish, 0.0)
    if how == "refused":
        bench.courier.on_taken(1, 0x87, 1.0)
    elif how == "lost":
        bench.courier.begin()
        bench.courier.on_taken(1, 0, 1.0)  # a number of the connection before
    else:
        bench.courier.on_taken(7, 0, 1.0)
    bench.courier.tick(bench.publish, RETRY_S - 1)
    assert len(bench.sent) == 1
    bench.courier.tick(bench.publish, RETRY_S)
    assert len(bench.sent) == 2


def test_nothing_is_sent_while_no_renewal_is_due_and_the_box_is_asked_hourly(bench: Bench) -> None:
    bench.due = None
    for minute in range(0, 181, 10):
        assert bench.courier.tick(bench.publish, minute * 60.0) is None
    assert (bench.sent, bench.asked) == ([], 4)


def test_a_request_that_is_no_message_is_not_sent(bench: Bench) -> None:
    bench.due = b"x" * (MAX_MESSAGE + 1)
    bench.courier.tick(bench.publish, 0.0)
    assert bench.sent == []


@pytest.mark.parametrize(("size", "handed"), [(0, 0), (1, 1), (MAX_CARRIED, 1), (MAX_CARRIED + 1, 0)])
def test_an_envelope_is_handed_on_as_it_came_or_not_at_all(bench: Bench, size: int, handed: int) -> None:
    assert bench.courier.on_message(DOWN, b"e" * size)
    assert bench.came == [b"e" * size] * handed


@pytest.mark.parametrize("where", ["bp/v1/box-two/down/envelope", "bp/v1/box-one/down/ack", "", DOWN + "/x"])
def test_what_is_no_envelope_of_this_box_is_left_to_others(bench: Bench, where: str) -> None:
    assert not bench.courier.on_message(where, b"x")
    assert bench.came == []


@pytest.mark.parametrize("error", [OSError(28, "full"), BorderpostError("no", advice="no"), ZeroDivisionError()])
def test_a_fault_behind_the_courier_ends_with_it(error: Exception) -> None:
    def fail(*_: object) -> bytes:
        raise error

    courier, bench = Courier(Papers(fail, fail), "box-one"), Bench()
    assert courier.on_message(DOWN, b"x")
    assert courier.tick(bench.publish, 0.0) is None
    assert bench.sent == []
