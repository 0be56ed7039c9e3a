"""Two collectors under one client id: each says so, and they do not throw each other off at full speed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import structlog
from broker import Broker
from link_world import Headquarters, until
from structlog.testing import LogCapture

from hq.collector import Collector
from hq.store import Store

pytestmark = [pytest.mark.broker, pytest.mark.timeout(60)]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogCapture]:
    capture = LogCapture()
    before = structlog.get_config()
    structlog.configure(processors=[capture])
    monkeypatch.setattr("hq.collector.loop.log", structlog.get_logger("collector"))
    yield capture
    structlog.configure(**before)


def test_a_second_collector_under_the_same_client_id_is_hinted_at(tmp_path: Path, said: LogCapture) -> None:
    with Broker(tmp_path / "broker", acl="topic readwrite #\n") as broker:
        first, second = Headquarters(tmp_path / "one", broker.port), Headquarters(tmp_path / "two", broker.port)
        first.start()
        second.start()
        try:
            until(lambda: len(_thrown(said)) >= 3, "they throw each other off")
        finally:
            first.stop()
            second.stop()
    assert "second collector running, or another client named hq" in _thrown(said)[0]["advice"]


def test_the_pause_is_never_below_the_configured_one_and_grows_while_thrown_off(tmp_path: Path) -> None:
    hq = Headquarters(tmp_path, 1)
    now = [0.0]
    collector = Collector(
        hq.config, hq.keys, clock=datetime.now, mono=lambda: now[0], new_token=lambda: "t" * 16, jitter=lambda: 0.0
    )  # fmt: skip
    pauses: list[float] = []

    def connection(_store: Store) -> None:
        collector.subscribed, collector._since = True, now[0]
        now[0] += 1.0 if len(pauses) < 6 else 60.0
        raise collector._lost("Unspecified error")

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 8:
            collector.stop()

    collector._connection, collector._sleep = connection, sleep  # type: ignore[method-assign]
    collector.run()
    least, most = hq.config.broker.backoff_min_s, hq.config.broker.backoff_max_s
    assert pauses[:2] == [least, least]
    assert min(pauses) == least
    assert pauses[5] == most / 2  # jitter 0: half of the pause
    assert pauses[6:] == [least, least]


def _thrown(said: LogCapture) -> list[dict[str, str]]:
    return [dict(e) for e in said.entries if "thrown off" in str(e.get("reason"))]
