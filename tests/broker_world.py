"""Broker, headquarters and posts of one test, each below its folder, ended in the right order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from broker import Broker, Spy
from link_world import Headquarters, Post

from common.settings import TlsConfig
from edge.uplink import State

ALLOW_ALL = "topic readwrite #\n"


class World:
    """Makes the parts of one test below its folder, and ends them in the right order."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack
        self.broker: Broker
        self.hq: Headquarters

    def start_broker(self, **options: str) -> Broker:
        self.broker = self._stack.enter_context(Broker(self.folder / "broker", **options))  # type: ignore[arg-type]
        return self.broker

    def make_hq(self, tls: TlsConfig | None = None) -> Headquarters:
        self.hq = Headquarters(self.folder / "hq", self.broker.port, tls=tls)
        self._stack.callback(self.hq.stop)
        return self.hq

    def start_post(self, **options: object) -> Post:
        folder = self.folder / str(options.get("device", "box"))
        post = Post(folder, self.broker.port, self.hq, **options)  # type: ignore[arg-type]
        self._stack.callback(post.stop)
        return post.start()

    def spy(self, *topics: str) -> Spy:
        spy = Spy(self.broker.port, *topics)
        self._stack.callback(spy.close)
        return spy


def state_is(post: Post, *states: State) -> Callable[[], bool]:
    return lambda: post.uplink.status().state in states
