"""Box, broker and headquarters in one: nothing acknowledged is lost, nothing false is believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from broker import Broker
from link_world import Headquarters, Post

from edge.core.verdicts import Outcome

pytestmark = pytest.mark.broker


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def test_what_is_recorded_reaches_headquarters(tmp_path: Path, stack: ExitStack) -> None:
    broker = stack.enter_context(Broker(tmp_path / "broker"))
    hq = Headquarters(tmp_path / "hq", broker.port).start()
    stack.callback(hq.stop)
    post = Post(tmp_path / "box", broker.port, hq).start()
    stack.callback(post.stop)
    post.record(50)
    post.record(1, Outcome.HIT)
    post.drained()
    assert hq.held() == 51
    with hq.view() as view:
        (seen,) = view.posts()
        assert (seen.device, seen.online, seen.held, seen.gaps) == ("box-one", True, 51, ())
        assert [h.outcome for h in view.hits(0)] == ["HIT"]
    assert post.signed
