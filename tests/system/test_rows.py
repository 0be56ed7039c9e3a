"""The real daemon with a reader that sends one row at a time, and with one that is shown the same document again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import STOLEN, BoxWorld, Listener, until, zone

WAIT_MS = 400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path / "box") as world:
        text = world.config.read_text("utf-8")
        kept = text.replace("same_document_s = 0", f"row_wait_ms = {WAIT_MS}\nsame_document_s = 10")
        assert kept != text
        world.config.write_text(kept, encoding="utf-8")
        world.publish()
        yield world.start()


def test_rows_become_passages_and_the_same_document_is_one(world: BoxWorld) -> None:
    listener = Listener(world)
    for row in zone(STOLEN):
        assert world.reader.present((row,)) is not None
    whole = listener.next("verdict")
    assert (whole["outcome"], whole["rows"]) == ("HIT", {"read": [1, 2], "of": 2, "text": []})
    assert whole["elapsed_ms"] < WAIT_MS  # counted from the row that completed it, not held back

    world.reader.present(zone(STOLEN))
    again = listener.next("again")
    assert (again["passage"], again["outcome"], again["times"]) == (whole["passage"], "HIT", 2)

    lower = zone("K90217730")[1]
    world.reader.present((lower,))
    part = listener.next("verdict")
    assert (part["outcome"], part["rows"]) == ("UNREADABLE", {"read": [2], "of": 2, "text": [lower]})
    assert WAIT_MS <= part["elapsed_ms"] < WAIT_MS + 2000

    for row in (zone()[0], zone("K90217730", "Other", "Name")[0], zone()[1]):  # one lower row for two upper ones
        world.reader.present((row,))
    assert [listener.next("verdict")["outcome"] for _ in range(3)] == ["UNREADABLE"] * 3

    until(lambda: (world.status() or {})["counters"][0]["passages"] == 5, "five passages are counted")
    (counter,) = (world.status() or {})["counters"]
    assert (counter["repeats"], counter["shown"]["HIT"], counter["shown"]["UNREADABLE"]) == (1, 1, 4)
    assert world.end() == 0
    assert lower not in world.log.read_text("utf-8")
