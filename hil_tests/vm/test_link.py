"""The link of a post that works: flapping, slow and lossy, and a broker that is away for 500 passages."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from hil_tests.bench import steps
from hil_tests.bench.target import until
from hil_tests.vm.lane import Lane
from hil_tests.vm.stages import Bench

pytestmark = pytest.mark.needs("verdicts")
Figure = Callable[[str, object], None]
ARRIVED_S = 240.0  # of this computer, after the last document
LATE_MS, LOST_PERCENT = 800, 20
LATE_ARRIVED_S = 300.0  # of this computer: a new connection, mutual TLS and every row, under delay and loss
AWAY = 500
SENT = "/sys/class/net/eth0/statistics/tx_packets"


def sending(post: Bench) -> bool:
    """the box says that its link sends"""
    return bool(steps.status(post.target).get("uplink", {}).get("state") == "sending")


def test_a_link_that_flaps_ten_times_while_travellers_pass_costs_nobody_a_passage(post: Bench, figure: Figure) -> None:
    dice = random.Random(7)
    lane = Lane(post)
    with lane.steadily(pause_s=0.1):
        for _ in range(10):
            post.lab.link(up=False)
            time.sleep(dice.uniform(0.1, 3.0))
            post.lab.link(up=True)
            time.sleep(dice.uniform(0.1, 4.0))
    took = lane.all_there(ARRIVED_S)
    passed = len(lane.acknowledged())
    assert passed >= 50
    figure(f"10 cuts of the link, {passed} passages in a guest", f"{took:.2f} s after the last until all had arrived")


@pytest.mark.needs("quality")
def test_rows_get_through_a_link_that_is_800_ms_late_and_loses_a_fifth(post: Bench, figure: Figure) -> None:
    box, lane = post.target, Lane(post)
    post.hq.stop_broker()
    try:
        post.lab.quality(LATE_MS, LOST_PERCENT)
        lane.scan(40)
        assert not lane.ledger.look()
        post.hq.start_broker()  # the connection, too, is made over that link
        took = lane.all_there(LATE_ARRIVED_S)
        lost = box.run("sh", "-c", "tc -s qdisc show dev eth0 | grep -o 'dropped [0-9]*'").split()[1]
        assert int(lost) > 0
        while_late = time.monotonic()
        lane.scan(10)
        more = lane.all_there(LATE_ARRIVED_S)
    finally:
        post.lab.quality()
        post.hq.start_broker()
    scanned = time.monotonic() - while_late - more
    figure(
        f"{LATE_MS} ms late and {LOST_PERCENT} % lost",
        f"{took:.0f} s from the broker's return until a connection was made and 40 rows had arrived, {lost} packets "
        f"lost; 10 further passages in {scanned:.1f} s, there {more:.1f} s later",
    )


def test_500_passages_without_a_broker_come_once_and_in_their_order(post: Bench, figure: Figure) -> None:
    lane = Lane(post)
    lane.scan(3)
    lane.all_there(ARRIVED_S)
    before, known = lane.acknowledged(), set(lane.ledger.look())
    post.hq.stop_broker(kill=True)
    try:
        begun = time.monotonic()
        while (missing := AWAY - len(lane.acknowledged() - before)) > 0:
            lane.scan(missing)  # what a busy disk made "not recorded" was not acknowledged, and does not count
        took = time.monotonic() - begun
        assert set(lane.ledger.look()) == known
    finally:
        post.hq.start_broker()
    after = lane.all_there(ARRIVED_S)
    shown = lane.officer.verdicts()
    assert lane.acknowledged() <= set(lane.ledger.look()) <= {one.passage for one in shown}
    late = len(shown) - len(lane.acknowledged())
    order = lane.ledger.order()
    assert len({epoch for epoch, _ in order}) == 1
    assert order == sorted(order), "rows were stored out of their order"
    until(lambda: sending(post), ARRIVED_S, every_s=1.0)
    assert steps.status(post.target)["outbox"]["pending"] == 0
    figure(
        f"{AWAY} passages without a broker, in a guest",
        f"{took:.0f} s at the counter, {after:.1f} s after the broker's return until headquarters had all, in order; "
        f"{late} further ones were shown as not recorded",
    )
