"""Publishing over months as headquarters does it, and what is refused before anything is signed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from distribution_kit import T0, Box, Headquarters, days, key

from edge.core.distribution import MAX_FILES
from hq.distribution import history
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder
from hq.distribution.publishing import Edition, add, offer_of, sweep
from hq.distribution.retention import Generation


@pytest.fixture
def hq(tmp_path: Path) -> Headquarters:
    return Headquarters(tmp_path / "hq")


def lacking(hq: Headquarters) -> list[tuple[int, int]]:
    folder = Folder(hq.path)
    metadata = folder.latest("list-un")
    assert metadata is not None
    return history.missing(offer_of("un", metadata.signed), history.read(folder, "un"))


def test_two_hundred_days_and_every_box_comes_along(tmp_path: Path, hq: Headquarters) -> None:
    folder, known = Folder(hq.path), []
    boxes = {}
    for number in range(1, 201):
        hq.now = T0 + days(number)
        known = history.joined(known, [Generation(number, hq.now)])
        offer = offer_of("un", folder.latest("list-un").signed)  # type: ignore[union-attr]
        steps = {*history.missing(offer, known), *([(0, 100)] if number == 100 else [])}
        editions = [Edition("un", start, to, hq.now, {"delta" if start else "documents.bin": _file(hq, start, to)})
                    for start, to in sorted(steps)]  # fmt: skip
        with hq.open() as repository:
            add(repository, editions, [key("un")])
        assert lacking(hq) == []
        if number in (18, 19, 55, 120, 180, 199):
            hq.stamp()
            boxes[number] = Box(tmp_path / f"box-{number}", hq.root(), hq.now)
            boxes[number].take(hq.path)
            assert boxes[number].have == {"un": number}
    hq.stamp()
    for number, box in boxes.items():
        box.at = box.at.__class__(hq.now, vouched=False)
        steps = box.take(hq.path)
        assert box.have == {"un": 200}
        assert len(steps) <= MAX_FILES, number
        assert steps[0].keys() == {"delta"}  # never the base again
    offer = offer_of("un", Folder(hq.path).latest("list-un").signed)  # type: ignore[union-attr]
    assert [step.to for step in offer.steps if not step.start] == [100]  # the older base was dropped
    assert len(offer.steps) < 220
    metadata = len(list((hq.path / "metadata").iterdir()))
    with hq.open() as repository:
        assert sweep(repository) > 0
        assert sweep(repository) == 0
    left = sorted(p.name.split(".")[-2] for p in (hq.path / "metadata").iterdir())
    assert metadata > 100
    assert left == ["list-sltd", "list-un", "root", "snapshot", "software", "targets", "timestamp"]
    assert Box(tmp_path / "new", hq.root(), hq.now).take(hq.path)[0].keys() == {"documents.bin"}


def _file(hq: Headquarters, start: int, to: int) -> Path:
    path = hq.files / f"{start}-{to}"
    path.write_bytes(f"from {start} to {to}".encode() if start else b"b" * 100_000)
    return path


def test_nothing_is_dropped_while_something_is_missing(hq: Headquarters) -> None:
    hq.add("un", 0, 1, b"one")
    hq.now = T0 + days(1)
    hq.add("un", 1, 2, b"two")
    hq.now = T0 + days(40)
    hq.add("un", 2, 3, b"three")
    hq.now = T0 + days(300)
    hq.add("un", 3, 4, b"four")  # no base within reach: one is due
    assert lacking(hq) == [(0, 4)]
    offer = offer_of("un", Folder(hq.path).latest("list-un").signed)  # type: ignore[union-attr]
    assert {(1, 2), (2, 3)} <= {(step.start, step.to) for step in offer.steps}
    hq.add("un", 0, 4, b"all four")
    assert lacking(hq) == []
    offer = offer_of("un", Folder(hq.path).latest("list-un").signed)  # type: ignore[union-attr]
    assert {(step.start, step.to) for step in offer.steps} == {(0, 4)}


def test_a_list_that_is_published_whole_keeps_the_newest_alone(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    for number in range(1, 5):
        hq.now = T0 + days(number)
        hq.add("un", 0, number, f"whole {number}".encode())
        hq.stamp()
        assert lacking(hq) == []
        assert box.take(hq.path) == [{"documents.bin": f"whole {number}".encode()}]
    offer = offer_of("un", Folder(hq.path).latest("list-un").signed)  # type: ignore[union-attr]
    assert [(step.start, step.to) for step in offer.steps] == [(0, 4)]


def test_software_comes_when_both_have_signed(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    for number in (1, 2):
        wheel = _file(hq, 0, number)
        with hq.open() as repository:
            edition = Edition("software", 0, number, T0, {"borderpost.whl": wheel})
            assert not add(repository, [edition], [key("software-1")]).published
        hq.stamp()
        assert box.take(hq.path, "software") == []
        with hq.open() as repository:
            assert repository.sign("software", [key("software-2")]).published
        hq.stamp()
        assert box.take(hq.path, "software")[0]["borderpost.whl"] == wheel.read_bytes()
        assert box.have["software"] == number


def test_what_is_refused_changes_nothing(tmp_path: Path, hq: Headquarters) -> None:
    hq.add("un", 0, 1, b"one")
    before = sorted(p.name for p in hq.path.rglob("*"))
    good = tmp_path / "file"
    good.write_bytes(b"x")
    for edition, signer, words in (
        (Edition("un", 0, 1, T0, {"documents.bin": good}), key("un"), "is there already"),
        (Edition("un", 2, 2, T0, {"delta": good}), key("un"), "leads nowhere"),
        (Edition("un", 1, 2, T0, {}), key("un"), "leads nowhere"),
        (Edition("un", 1, 2, T0, {"../delta": good}), key("un"), "cannot name"),
        (Edition("un", 1, 2, T0, {"delta": tmp_path / "absent"}), key("un"), "No such file"),
        (Edition("un", 1, 2, T0, {"delta": tmp_path}), key("un"), "not a regular file"),
        (Edition("un", 1, 2, T0, {"delta": good}), key("sltd"), "may not sign"),
        (Edition("other", 0, 1, T0, {"delta": good}), key("un"), "no role"),
    ):
        with hq.open() as repository, pytest.raises(PublishError, match=words):
            add(repository, [edition], [signer])
        assert sorted(p.name for p in hq.path.rglob("*")) == before


def test_two_writers_and_damage_are_named(hq: Headquarters) -> None:
    with hq.open(), pytest.raises(PublishError, match="somebody else"), hq.open():
        pass
    path = hq.path / "metadata/1.list-un.json"
    path.write_bytes(path.read_bytes()[:-1])
    with hq.open() as repository, pytest.raises(PublishError, match="damaged"):
        repository.draft("list-un")


def test_metadata_say_how_old_the_data_are_and_when_they_were_signed(hq: Headquarters) -> None:
    hq.add("un", 0, 7, b"seven")
    hq.stamp()
    (custom,) = [t["custom"] for t in json.loads((hq.path / "metadata/2.list-un.json").read_bytes())
                 ["signed"]["targets"].values()]  # fmt: skip
    assert custom["as_of"] == "2026-03-01T12:00:00Z"
    assert (custom["list"], custom["from"], custom["to"], custom["records_after"]) == ("un", 0, 7, 1)
    timestamp = json.loads((hq.path / "metadata/timestamp.json").read_bytes())["signed"]
    assert timestamp["x-issued"] == "2026-03-01T12:00:00Z"
    assert timestamp["expires"] == "2026-05-30T12:00:00Z"
