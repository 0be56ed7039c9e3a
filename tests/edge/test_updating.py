"""The daemon's side of updates: what wakes it, what it keeps of messages, and the messages themselves."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from update_kit import World, documents

from edge import config
from edge.core.trusted import ClockState, Trusted
from edge.core.wire import Topic
from edge.crew import Pulse
from edge.update_report import Refusal, Report, last
from edge.updating import MAX_PARCEL, Updater, task_of
from hq.collector.news import News


class Alarms:
    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, str]]] = []

    def __call__(self, code: str, **detail: str) -> None:
        self.told.append((code, detail))


class Running:
    """An updater in a thread."""

    def __init__(self, world: World) -> None:
        self.alarms, self.heard, self.stopping = Alarms(), [], threading.Event()  # type: ignore[var-annotated]
        now = datetime.now(UTC)
        self.updater = Updater(
            config.load(world.config), now=lambda: Trusted(ClockState.SYSTEM, now, now), mono=time.monotonic,
            jitter=lambda: 0.0, alarm=self.alarms, signed_time=self.heard.append,
        )
        pulse = Pulse(self.stopping, time.monotonic)
        self.thread = threading.Thread(target=self.updater.run, args=(pulse,), daemon=True)
        self.thread.start()

    def until(self, what: Any, seconds: float = 30.0) -> None:
        end = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self) -> None:
        self.stopping.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, ["sltd"])
    world.build_keyed(1, documents(1, 2, 3))
    world.publish("sltd")
    world.stamp()
    return world


@pytest.fixture
def running(world: World) -> Iterator[Running]:
    world.update("--from", str(world.repo))
    made = Running(world)
    yield made
    made.end()


def generation(world: World) -> int:
    report = last(world.state)
    assert report is not None
    return next((row.now for row in report.lists), 0)


def publish_second(world: World) -> bytes:
    """A withdrawal, as a parcel; nothing is left where the box could look for it."""
    world.build_keyed(2, documents(1, 3))
    world.publish("sltd")
    world.stamp()
    world.hq("publish", "parcel", str(world.repo), "--list", "sltd", "--from", "1", "--generation", "2", "--send")
    return (world.repo / "urgent.parcel").read_bytes()


def test_a_withdrawal_by_message_is_applied_at_once_and_once(world: World, running: Running) -> None:
    parcel = publish_second(world)
    assert len(parcel) < MAX_PARCEL
    running.updater.news(Topic.PARCEL, parcel)
    running.until(lambda: generation(world) == 2)
    running.until(lambda: running.heard)  # headquarters' signed time: the daemon has read the report too
    at = last(world.state)
    running.updater.news(Topic.PARCEL, parcel)  # retained: it comes again with each connection
    assert not running.updater._woken.wait(0.2)
    assert last(world.state) == at
    assert running.alarms.told == []
    running.until(lambda: not (world.state / "updates" / "parcel").exists())


def test_a_parcel_with_one_wrong_bit_changes_nothing_and_is_told(world: World, running: Running) -> None:
    good = publish_second(world)
    running.updater.news(Topic.PARCEL, b"x" * (MAX_PARCEL + 1))
    running.updater.news(Topic.PARCEL, good[:-20] + bytes([good[-20] ^ 1]) + good[-19:])
    running.until(lambda: running.alarms.told)
    assert running.alarms.told == [("update_refused", {"list": "all", "reason": "damaged"})]
    report = last(world.state)
    assert report is not None
    assert report.refused is not None
    running.updater.news(Topic.PARCEL, good)  # the true one still gets in
    running.until(lambda: generation(world) == 2)


def test_a_beacon_makes_the_box_ask_at_once_and_old_ones_do_not(world: World) -> None:
    world.write_config(folder=str(world.repo))
    running = Running(world)
    try:
        running.until(lambda: last(world.state) is not None and generation(world) == 1)
        running.until(lambda: running.heard)  # the daemon has read the report too
        old = (world.repo / "metadata" / "timestamp.json").read_bytes()
        publish_second(world)
        (world.repo / "urgent.parcel").unlink()
        for hint in (old, b"{}", b"\xff", b"[" * 10_000, b'{"signed": {"version": "9"}}'):
            running.updater.news(Topic.BEACON, hint)
            assert not running.updater._woken.is_set()
        running.updater.news(Topic.BEACON, (world.repo / "metadata" / "timestamp.json").read_bytes())
        running.until(lambda: generation(world) == 2)
    finally:
        running.end()


def test_a_source_that_is_away_is_tried_again_sooner(world: World) -> None:
    world.write_config(url="https://127.0.0.1:9/repo")
    running = Running(world)
    try:
        running.until(lambda: last(world.state) is not None)
        report = last(world.state)
        assert report is not None
        assert report.refused is not None
        assert report.refused.code == "source_unreachable"
        assert running.alarms.told == []  # links break: no person must come for that
    finally:
        running.end()


def test_a_parcel_that_was_withdrawn_is_nothing_to_look_at(world: World, running: Running) -> None:
    before = last(world.state)
    running.updater.news(Topic.PARCEL, b"")  # as a broker hands on that a retained message is gone
    assert not running.updater._woken.is_set()
    assert last(world.state) == before


def test_an_old_parcel_heard_again_after_a_restart_alarms_nobody(world: World) -> None:
    world.update("--from", str(world.repo))
    parcel = publish_second(world)
    world.build_keyed(3, documents(1, 3, 4))
    world.publish("sltd")
    world.stamp()
    world.update("--from", str(world.repo))
    before = last(world.state)
    running = Running(world)
    try:
        running.updater.news(Topic.PARCEL, parcel)  # retained, and older than what the stick brought
        running.until(lambda: running.updater._done == parcel)
        running.until(lambda: not (world.state / "updates" / "parcel").exists())
    finally:
        running.end()
    assert running.alarms.told == []
    assert last(world.state) == before


def test_what_two_sources_refuse_is_told_once_each(world: World) -> None:
    alarms = Alarms()
    now = Trusted(ClockState.UNTRUSTED, None, None)
    settings = config.load(world.config)
    updater = Updater(
        settings, now=lambda: now, mono=time.monotonic, jitter=lambda: 0.0, alarm=alarms, signed_time=lambda _: None
    )
    stick, server = task_of(settings, "/media/stick", now), task_of(settings, "https://hq.example/repo", now)
    for _ in range(3):
        updater._tell(Report(source=stick.source, at=datetime.now(UTC), refused=Refusal("older", "", "")), stick)
        updater._tell(Report(source=server.source, at=datetime.now(UTC), refused=Refusal("expired", "", "")), server)
    assert [detail["reason"] for _, detail in alarms.told] == ["older", "expired"]
    updater._tell(Report(source=stick.source, at=datetime.now(UTC)), stick)  # gone, and there again
    updater._tell(Report(source=stick.source, at=datetime.now(UTC), refused=Refusal("older", "", "")), stick)
    assert [detail["reason"] for _, detail in alarms.told] == ["older", "expired", "older"]


def test_a_mount_point_without_its_stick_is_no_source(world: World) -> None:
    stick = world.root / "stick"
    stick.mkdir()
    world.write_config(folder=str(stick))
    running = Running(world)
    try:
        time.sleep(0.3)
        assert last(world.state) is None
        _, why = world.box("lists", "update", code=1)  # by hand it is said
        assert "no repository of headquarters is here" in why
        assert "metadata and targets" in why
    finally:
        running.end()
    assert running.alarms.told == []


def test_headquarters_sends_beacon_and_parcel_once_each_and_withdraws_a_parcel(world: World) -> None:
    publish_second(world)
    news = News(str(world.repo), 5.0)
    first = dict(news.due(0.0))
    assert json.loads(first[Topic.BEACON])["signed"]["_type"] == "timestamp"
    assert first[Topic.PARCEL].startswith(b"BPPARCEL")
    assert list(news.due(1.0)) == list(news.due(10.0)) == []
    news.connected()
    assert set(dict(news.due(11.0))) == {Topic.BEACON, Topic.PARCEL}
    (world.repo / "urgent.parcel").unlink()
    assert list(news.due(20.0)) == [(Topic.PARCEL, b"")]
    (world.repo / "urgent.parcel").write_bytes(b"x" * 70_000)
    (world.repo / "metadata" / "timestamp.json").write_bytes(b"nonsense")
    assert list(news.due(30.0)) == []
    assert list(News("", 5.0).due(0.0)) == []
