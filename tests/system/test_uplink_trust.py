"""The broker's certificate is judged by trusted time, whatever the system clock says; the time itself is asked for."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from broker import Authority, Broker
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from link_world import Headquarters, Post, until

from common.settings import TlsConfig
from edge.clock import Source, TrustedClock, Word
from edge.core.trusted import ClockState
from edge.state import State as Small

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]

ACL = """user hq
topic readwrite #
pattern write bp/v1/%u/up/#
pattern read bp/v1/%u/down/#
topic read bp/v1/hq/state
user box-one
topic read bp/v1/hq/state
"""
DAY = timedelta(days=1)
HOURS = 24  # of a day
LOST = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2151, 1, 1, tzinfo=UTC)]


class Scene:
    """A broker whose server certificate holds ``hours`` for the box; headquarters comes in by another door."""

    def __init__(self, folder: Path, stack: ExitStack, hours: tuple[int, int]) -> None:
        self._folder, self._stack = folder, stack
        self.authority = Authority(folder / "ca", days=(-20_000, 60_000))
        door = self.authority.issue("localhost", server=True, file="door")
        odd = self.authority.issue("localhost", server=True, hours=hours, file="odd")
        self.broker = stack.enter_context(Broker(folder / "broker", acl=ACL, tls=odd, also=door, verbose=True))
        self.hq = Headquarters(folder / "hq", self.broker.also_port, tls=self._tls("hq"))
        stack.callback(self.hq.stop)
        self.hq.start()
        self.wall = datetime.now(UTC)
        self._small = Small(folder / "state.sqlite")
        stack.callback(self._small.close)
        self.words: list[Word] = []
        self.boot()

    def boot(self, *, floor: datetime | None = None, wall: datetime | None = None) -> None:
        """Switch the box on with that floor on its disk and that system clock."""
        if floor is not None:
            self._small.raise_floor(floor)
        self.wall = wall or self.wall
        self.clock = TrustedClock(wall=lambda: self.wall, mono=time.monotonic, state=self._small)

    def _tls(self, name: str) -> TlsConfig:
        own = self.authority.issue(name)
        return TlsConfig(ca=str(own.ca), cert=str(own.certificate), key=str(own.key))

    def post(self, **options: object) -> Post:
        """The box, with two passages that wait."""
        post = Post(
            self._folder / "box", self.broker.port, self.hq, tls=self._tls("box-one"),
            signed_time=lambda t: self.words.append(self.clock.signed_word(t)),
            link={"bounds": self.clock.bounds}, **options,  # type: ignore[arg-type]
        )
        self._stack.callback(post.stop)
        post.record(2)
        return post.start()

    def sent(self) -> list[list[str]]:
        """For each connection of the box the last words of the topics that it published on, in order."""
        connections: list[list[str]] = []
        for line in self.broker.log().splitlines():
            if re.search(r"New client connected from \S+ as box-one ", line):
                connections.append([])
            elif found := re.search(r"Received PUBLISH from box-one .*'bp/v1/box-one/up/(\w+)'", line):
                connections[-1].append(found[1])
        return connections


def scene(folder: Path, stack: ExitStack, *, hours: tuple[int, int] = (-1, HOURS)) -> Scene:
    return Scene(folder, stack, hours)


@pytest.mark.parametrize(("away", "why"), [(2 * DAY, "ended on"), (-2 * DAY, "begins on")])
def test_a_certificate_that_trusted_time_refuses_is_refused_though_the_system_clock_would_take_it(
    tmp_path: Path, stack: ExitStack, away: timedelta, why: str
) -> None:
    s = scene(tmp_path, stack)
    s.clock.signed_word(s.wall + away)
    post = s.post()
    until(lambda: post.uplink.status().problem, "the box says why")
    assert "the broker is not believed" in post.uplink.status().problem
    assert why in post.uplink.status().problem
    assert (post.pending, s.sent()) == (2, [])  # not even a CONNECT


@pytest.mark.parametrize("days", [14 * 365, -14 * 365])
def test_a_certificate_of_another_year_is_taken_where_trusted_time_is_that_year(
    tmp_path: Path, stack: ExitStack, days: int
) -> None:
    s = scene(tmp_path, stack, hours=((days - 1) * HOURS, (days + 1) * HOURS))
    s.clock.signed_word(s.wall + days * DAY)
    s.post().drained()
    assert s.hq.held() == 2
    assert len(s.sent()) == 1


@pytest.mark.parametrize("wall", LOST)
@pytest.mark.parametrize("floor", [None, -DAY])
def test_a_box_that_knows_no_time_asks_for_it_first_and_for_nothing_else(
    tmp_path: Path, stack: ExitStack, wall: datetime, floor: timedelta | None
) -> None:
    s = scene(tmp_path, stack)
    s.boot(floor=None if floor is None else s.wall + floor, wall=wall)
    assert s.clock.now().state is ClockState.UNTRUSTED
    s.post().drained()
    assert s.hq.held() == 2
    now = s.clock.now()
    assert now.state is ClockState.SIGNED
    assert now.time is not None
    assert abs(now.time - datetime.now(UTC)) < timedelta(minutes=1)
    asked, talked = s.sent()
    assert set(asked) == {"sync"}
    assert {"state", "sync", "passage"} <= set(talked)


@pytest.mark.parametrize("wall", LOST)
def test_a_broker_that_ended_is_refused_once_the_time_is_known(
    tmp_path: Path, stack: ExitStack, wall: datetime
) -> None:
    s = scene(tmp_path, stack, hours=(-3 * HOURS, -2))
    s.boot(wall=wall)
    post = s.post()
    until(lambda: "ended on" in post.uplink.status().problem, "the box says why")
    assert s.clock.now().state is ClockState.SIGNED
    assert post.pending == 2
    assert {topic for connection in s.sent() for topic in connection} == {"sync"}


def test_a_certificate_that_ended_before_the_floor_is_not_even_asked_for_the_time(
    tmp_path: Path, stack: ExitStack
) -> None:
    s = scene(tmp_path, stack, hours=(-3 * HOURS, -2))
    s.boot(floor=s.wall, wall=LOST[0])
    post = s.post()
    until(lambda: "ended on" in post.uplink.status().problem, "the box says why")
    assert s.sent() == []


def test_a_time_that_headquarters_key_did_not_sign_is_not_taken(tmp_path: Path, stack: ExitStack) -> None:
    s = scene(tmp_path, stack)
    s.boot(wall=LOST[0])
    post = s.post(ack_key=Ed25519PrivateKey.generate().public_key())
    until(lambda: post.uplink.status().tally.disbelieved.get("bad_signature"), "the word is disbelieved")
    assert s.clock.now().state is ClockState.UNTRUSTED
    assert (s.words, post.pending) == ([], 2)
    assert {topic for connection in s.sent() for topic in connection} == {"sync"}


def test_a_word_that_leaps_too_far_leaves_the_box_out_until_the_root_speaks(tmp_path: Path, stack: ExitStack) -> None:
    s = scene(tmp_path, stack)
    true = s.wall
    s.boot(floor=true - 100 * DAY, wall=LOST[0])
    post = s.post()
    until(lambda: "leaps too far" in post.uplink.status().problem, "the box says why")
    assert "time paper" in post.uplink.status().advice
    assert Word.TOO_FAR in s.words
    assert post.pending == 2
    assert s.clock.signed_word(true, Source.TIME_ROOT) is Word.ACCEPTED
    post.drained()
    assert s.hq.held() == 2


def test_held_time_that_may_be_on_either_side_of_the_end_is_settled_by_asking(
    tmp_path: Path, stack: ExitStack
) -> None:
    s = scene(tmp_path, stack)  # ends in a day
    s.boot(floor=s.wall - DAY / 48, wall=s.wall + 30 * DAY)  # a month ahead: near enough to be held, and wrong
    assert s.clock.now().state is ClockState.HELD
    s.post().drained()
    assert s.hq.held() == 2
    assert set(s.sent()[0]) == {"sync"}
