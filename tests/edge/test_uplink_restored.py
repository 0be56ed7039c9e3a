"""A disk that was put back from an image: headquarters holds more than the box ever wrote, and the box takes it up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import talk_bench
from talk_bench import Bench

from edge.core.wire import AckPayload
from hq.store import View


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


def settled(bench: Bench) -> None:
    for _ in range(12):
        bench.turn()


def put_back(bench: Bench, image: Path) -> None:
    """The journal is what it was when ``image`` was taken; the box starts again."""
    bench.journal.close()
    for path in bench.folder.glob("journal.sqlite*"):
        path.unlink()
    shutil.copyfile(image, bench.folder / "journal.sqlite")
    bench.open_journal()
    bench.connect()


def image_of(bench: Bench) -> Path:
    bench.journal.close()
    image = bench.folder / "image"
    shutil.copyfile(bench.folder / "journal.sqlite", image)
    bench.open_journal()
    bench.connect()
    return image


def test_a_disk_that_was_put_back_gets_a_new_epoch_and_loses_nothing(bench: Bench) -> None:
    bench.record(3)
    settled(bench)
    image = image_of(bench)
    bench.record(4)
    settled(bench)
    assert bench.pending() == 0
    before = bench.journal.epoch
    put_back(bench, image)
    assert bench.journal.epoch == before
    settled(bench)
    after = bench.journal.epoch
    assert after != before
    assert bench.alarms == ["disk_restored"]
    bench.record(2)
    settled(bench)
    assert bench.journal.epoch == after  # once, not at every ack
    assert bench.pending() == 0
    bench.intake.look_into(100)
    with View(bench.folder / "hq.sqlite") as view:
        held = view.messages(0)
        assert {m.id.split(":")[1] for m in held} == {before, after}
        assert len([m for m in held if m.id.split(":")[1] == before]) == 7
        assert view.counts()["conflicts"] == 0


def test_without_a_word_of_what_is_held_everything_is_as_it_was(bench: Bench) -> None:
    """A headquarters that does not say it yet."""
    bench.intake._speaker._newest = None
    bench.record(3)
    settled(bench)
    image = image_of(bench)
    bench.intake._speaker._newest = None
    bench.record(2)
    settled(bench)
    before = bench.journal.epoch
    put_back(bench, image)
    settled(bench)
    assert bench.journal.epoch == before
    assert bench.pending() == 0


def test_a_busy_box_keeps_its_epoch(bench: Bench) -> None:
    before = bench.journal.epoch
    for _ in range(15):
        bench.record(3)
        bench.turn(answer=True)
    settled(bench)
    assert bench.pending() == 0
    assert (bench.journal.epoch, bench.alarms) == (before, [])


def test_an_older_box_and_an_older_headquarters_understand_the_newer_side() -> None:
    class Older(msgspec.Struct, frozen=True, kw_only=True):
        """The ack as it was before it named what is held."""

        kind: str
        device: str

    new = AckPayload.__struct_fields__
    assert "newest_held" in new
    text = (
        '{"kind":"ack","device":"post-7","epoch":"epoch-1","store":"store-1","session":"session-1",'
        '"server_time":"2026-05-17T08:00:00Z","span":[1,2],"ranges":[[1,2]],"digest":"' + "0" * 64 + '"}'
    )
    old = msgspec.json.decode(text, type=AckPayload)
    assert old.newest_held is None
    assert b"newest_held" not in msgspec.json.encode(old)
    newer = msgspec.json.encode(msgspec.structs.replace(old, newest_held=7))
    assert msgspec.json.decode(newer, type=Older).device == "post-7"
    assert msgspec.json.decode(newer, type=AckPayload).newest_held == 7


def test_rows_of_a_former_name_wait_for_a_stick_and_nothing_says_that_they_are_lacked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is another box's by its certificate: under its topic those rows would not open."""
    bench.record(2)
    settled(bench)  # acked, under the old name
    bench.record(2)
    bench.journal.close()
    monkeypatch.setattr(talk_bench, "DEVICE", "box-two")
    bench.open_journal()
    bench.connect()
    bench.record(1)
    settled(bench)
    assert [item.device for item in bench.journal.pending_all()] == ["box-one"] * 2
    assert bench.alarms == ["former_rows"]
    bench.intake.look_into(100)
    with View(bench.folder / "hq.sqlite") as view:
        held = view.messages(0)
    assert [m.device for m in held] == ["box-one"] * 2 + ["box-two"] * 2  # its notice, and the passage
    assert "unopened" not in {m.kind for m in held}
