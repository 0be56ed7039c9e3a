"""Thresholds, and keys that are replaced: marks fall for those roles alone, and what a stolen key did is undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from distribution_kit import Box, Headquarters, key, roots
from tuf.api.metadata import Metadata

from edge.updates import Mark, UpdateError
from hq.distribution.errors import PublishError


@pytest.fixture
def hq(tmp_path: Path) -> Headquarters:
    made = Headquarters(tmp_path / "hq")
    made.add("un", 0, 1, b"one")
    made.add("sltd", 0, 1, b"lost and stolen")
    made.stamp()
    return made


def code(box: Box, source: Path, list_id: str = "un") -> str:
    with pytest.raises(UpdateError) as refused:
        box.take(source, list_id)
    return refused.value.code


def test_root_wants_two_of_three_and_software_both(tmp_path: Path, hq: Headquarters) -> None:
    with hq.open() as repository:
        signed = repository.draft("root")
        one = repository.submit("root", signed, roots(1))
        assert (one.published, one.missing) == (False, 1)
        with pytest.raises(PublishError, match="may not sign root"):
            repository.sign("root", [key("un")])
        assert repository.sign("root", roots(1)).missing == 1  # the same holder twice is one
        assert repository.sign("root", roots(3)).published
        software = repository.submit("software", repository.draft("software"), [key("software-1")])
        assert (software.published, software.missing) == (False, 1)
        assert repository.sign("software", [key("software-2")]).published
    hq.stamp()
    assert Box(tmp_path / "box", hq.root()).take(hq.path)


def test_a_new_root_key_is_signed_by_the_old_ones_and_the_new_ones(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.take(hq.path)
    with hq.open() as repository:
        signed = repository.draft("root")
        for number in (1, 2):
            for role in ("root", "targets"):
                signed.revoke_key(key(f"root-{number}").public_key.keyid, role)
                signed.add_key(key(f"root-{number + 3}").public_key, role)
        assert repository.submit("root", signed, roots(1, 2)).missing == 2
        assert repository.sign("root", roots(4, 5)).published
        targets = repository.draft("targets")
        repository.submit("targets", targets, roots(4, 5))
    hq.add("un", 1, 2, b"two")
    hq.stamp()
    assert box.take(hq.path) == [{"documents.bin": b"two"}]
    assert Box(tmp_path / "new box", hq.root()).take(hq.path)  # walks from the first root


def test_a_replaced_timestamp_key_is_believed_no_more(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    shutil.copytree(hq.path, tmp_path / "old")
    hq.rotate("timestamp", "timestamp-2")
    hq.add("un", 1, 2, b"two")
    hq.stamp("snapshot", "timestamp-2")
    box.take(hq.path)
    assert code(box, tmp_path / "old") == "foreign"
    shutil.rmtree(box.folder)  # also when all that is left is the marks
    assert code(box, tmp_path / "old") == "older"


def test_a_root_that_came_with_a_broken_update_counts_already(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    shutil.copytree(hq.path, tmp_path / "old")
    hq.rotate("timestamp", "timestamp-2")
    hq.stamp("snapshot", "timestamp-2")
    (hq.path / "metadata/timestamp.json").write_bytes(b"")
    assert code(box, hq.path) == "damaged"
    assert code(box, tmp_path / "old") == "foreign"


def test_a_stolen_timestamp_key_shuts_no_box_for_good(tmp_path: Path, hq: Headquarters) -> None:
    """Fast-forward: the thief raises the version to its end; a new key brings the numbers back down."""
    box = Box(tmp_path / "box", hq.root())
    box.take(hq.path, "sltd")
    shutil.copytree(hq.path, tmp_path / "evil")
    path = tmp_path / "evil/metadata/timestamp.json"
    forged: Metadata[object] = Metadata.from_bytes(path.read_bytes())
    forged.signed.version = 2**40  # type: ignore[attr-defined]
    forged.sign(key("timestamp"))
    path.write_bytes(forged.to_bytes())
    box.take(tmp_path / "evil")
    hq.stamp()
    assert code(box, hq.path) == "older"
    before = box.marks.get("list-un")
    hq.rotate("timestamp", "timestamp-2")
    hq.stamp("snapshot", "timestamp-2")
    hq.add("un", 1, 2, b"two")
    hq.stamp("snapshot", "timestamp-2")
    assert box.take(hq.path) == [{"documents.bin": b"two"}]
    assert box.marks.get("timestamp").version < 100
    assert box.marks.get("list-sltd").generation == 1  # other marks stand
    assert box.marks.get("list-un").version > before.version


def test_a_stolen_list_key_is_undone_by_a_new_one_and_touches_no_other_list(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    hq.add("un", 1, 900, b"the thief's list")
    hq.stamp()
    box.take(hq.path)
    box.take(hq.path, "sltd")
    assert box.have == {"un": 900, "sltd": 1}
    with hq.open() as repository:  # headquarters drops what the thief published
        signed = repository.draft("list-un")
        signed.targets = {path: t for path, t in signed.targets.items() if "900" not in path}
        repository.submit("list-un", signed, [key("un")])
    hq.add("un", 1, 2, b"two")
    hq.stamp()
    assert code(box, hq.path) == "older"  # the same key: a number that falls is a roll-back
    hq.redelegate("un", "un-2")
    hq.stamp()
    assert box.take(hq.path) == [{"documents.bin": b"one"}, {"documents.bin": b"two"}]  # anew, from the base
    assert box.have["un"] == 2
    assert box.marks.get("list-un") == Mark(
        version=box.marks.get("list-un").version, generation=2,
        keys=(key("un-2").public_key.keyid[:16],), threshold=1, anew=False,
    )  # fmt: skip
    assert box.marks.get("list-sltd").generation == 1
    assert box.take(hq.path, "sltd") == []


def test_a_planned_change_of_key_fetches_nothing_twice(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.take(hq.path)
    hq.redelegate("un", "un-2")
    hq.stamp()
    assert box.take(hq.path) == []
    hq.add("un", 1, 2, b"two", signer=key("un-2"))
    hq.stamp()
    assert box.take(hq.path) == [{"documents.bin": b"two"}]


def test_one_holder_of_three_may_change_without_a_mark_falling(tmp_path: Path, hq: Headquarters) -> None:
    box = Box(tmp_path / "box", hq.root())
    box.take(hq.path)
    with hq.open() as repository:
        signed = repository.draft("root")
        signed.revoke_key(key("root-3").public_key.keyid, "targets")
        signed.add_key(key("root-6").public_key, "targets")
        repository.submit("root", signed, roots())
    hq.stamp()
    box.take(hq.path)
    assert not box.marks.get("targets").anew
    assert box.marks.get("targets").version == 1
    assert not Mark(keys=("a", "b", "c"), threshold=2).replaced_by(("a", "b", "d"))
    assert Mark(keys=("a", "b", "c"), threshold=2).replaced_by(("a", "d", "e"))


def test_a_box_may_be_installed_with_a_later_root(tmp_path: Path, hq: Headquarters) -> None:
    for number in (2, 3, 4):
        hq.rotate("timestamp", f"timestamp-{number}")
    hq.stamp("snapshot", "timestamp-4")
    third = (hq.path / "metadata/3.root.json").read_bytes()
    (hq.path / "metadata/2.root.json").unlink()
    box = Box(tmp_path / "box", third)
    assert box.take(hq.path) == [{"documents.bin": b"one"}]
    assert box.take(hq.path) == []
    assert box.marks.get("root").version == 4


@pytest.mark.parametrize("bad", [b"", b"{}", b"not json", b"[" * 10_000])
def test_a_root_file_that_is_none_is_named(tmp_path: Path, hq: Headquarters, bad: bytes) -> None:
    assert code(Box(tmp_path / "box", bad), hq.path) == "damaged_root"
