"""Two collectors under one client id: each says so, and they do not throw each other off at full speed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from broker import Broker
from link_world import Headquarters, until
from structlog.testing import LogCapture

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
    assert "the name hq" in _thrown(said)[0]["reason"]
    assert "second collector" in _thrown(said)[0]["advice"]


def _thrown(said: LogCapture) -> list[dict[str, str]]:
    return [dict(e) for e in said.entries if "thrown off" in str(e.get("reason"))]
