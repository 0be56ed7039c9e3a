"""Resets: no passage is lost that came in the middle, every key is overwritten, no configuration outlives it unseen."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest
from enrol_kit import Headquarters, Post, codes
from journal_kit import new_passage

from edge.config import load
from edge.core import audit
from edge.core.provisioning import inbox
from edge.core.provisioning.inbox import StickOutcome
from edge.enrol import identity, kept
from edge.enrol.disk import Disk
from edge.enrol.reset import MAX_TRIES
from edge.journal import read_only


@pytest.fixture
def enrolled(tmp_path: Path) -> Post:
    post = Post(tmp_path, Headquarters())
    post.enrol()
    return post


def begin(post: Post, *, lose_rows: bool = False) -> Path:
    with post.process() as life:
        token = post.hq.reset_paper(life.box, 2, lose_rows=lose_rows)
    return post.offer({inbox.RESET: token})


def live(post: Post, *passages: int) -> None:
    """A process that does the visit, and takes passages in the moment before it ends."""
    with post.process() as life:
        life.look()
        for number in passages:
            life.journal.record(new_passage(number)).result(5)


def until_outcome(post: Post, folder: Path) -> StickOutcome:
    for _ in range(6):
        if (folder / inbox.OUTCOME).exists():
            return post.outcome(folder)
        live(post)
    raise AssertionError("no outcome")


def test_a_passage_between_the_look_and_the_end_of_the_process_holds_the_reset_up(enrolled: Post) -> None:
    folder = begin(enrolled)
    live(enrolled, 9)
    assert kept.load(enrolled.places).erasing
    outcome = until_outcome(enrolled, folder)
    assert "BP-317" in codes(outcome)
    assert "BP-106" not in codes(outcome)
    assert "BP-105" in codes(outcome)
    assert outcome.unsent == 1
    after = kept.load(enrolled.places)
    assert (after.sequence, after.resets, after.erasing) == (1, 0, "")  # the token can come again
    with enrolled.process() as life:
        assert life.config is not None
        assert life.journal.counts().pending == 1


def test_with_rows_given_up_it_is_carried_all_the_same(enrolled: Post) -> None:
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
    folder = begin(enrolled, lose_rows=True)
    live(enrolled, 9)
    outcome = until_outcome(enrolled, folder)
    assert "BP-106" in codes(outcome)
    assert [part.detail for part in outcome.parts if part.code == "BP-105"] == ["2 rows"]
    assert kept.load(enrolled.places).sequence == 2


def test_a_lane_that_never_stops_is_told_in_the_end(enrolled: Post) -> None:
    folder = begin(enrolled, lose_rows=True)
    for number in range(MAX_TRIES):
        live(enrolled, number + 1)
    outcome = until_outcome(enrolled, folder)
    assert "BP-317" in codes(outcome)
    with enrolled.process() as life:
        assert life.journal.counts().pending == MAX_TRIES
    after = kept.load(enrolled.places)
    assert (after.erasing_tries, after.reset_held) == (0, 2)  # the token can come again


def test_rows_that_headquarters_has_are_no_reason(enrolled: Post) -> None:
    assert "BP-106" in codes(until_outcome(enrolled, begin(enrolled)))


def test_every_key_is_overwritten_where_it_lies(enrolled: Post) -> None:
    state = enrolled.places.state
    lost = state / "identity.lost-1"
    lost.mkdir()
    held = {}
    for path in (state / "box.key", state / "box-seal.pem", lost / identity.SECRET, lost / identity.KEYS):
        path.write_bytes(b"key of " + path.name.encode() + bytes(32))
    for path in (state / "box.key", state / "box-seal.pem", lost / identity.SECRET, lost / identity.KEYS,
                 enrolled.places.identity / identity.SECRET, enrolled.places.identity / identity.KEYS):
        held[path] = (os.open(path, os.O_RDONLY), path.read_bytes())
    until_outcome(enrolled, begin(enrolled))
    for path, (descriptor, before) in held.items():
        after = os.pread(descriptor, 1 << 16, 0)
        os.close(descriptor)
        assert len(after) == len(before), path
        assert after != before, path
    assert not lost.exists()
    assert not enrolled.places.device_key.exists()


def test_keys_are_gone_before_anything_else_is(enrolled: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    shred, remove = Disk.shred, Disk.remove_tree
    monkeypatch.setattr(Disk, "shred", lambda self, path: (done.append("shred"), shred(self, path))[1])
    monkeypatch.setattr(Disk, "remove_tree", lambda self, path: (done.append(path.name), remove(self, path))[1])
    (enrolled.places.state / "box.key").write_bytes(bytes(32))
    folder = begin(enrolled)
    live(enrolled)
    done.clear()
    until_outcome(enrolled, folder)
    last_key = len(done) - 1 - done[::-1].index("shred")
    assert done.index("journal.sqlite") > last_key
    assert done.index("config") > last_key


def test_answers_that_no_stick_took_do_not_outlive_it_but_rows_that_are_nowhere_else_do(enrolled: Post) -> None:
    enrolled.plug({})
    answered = enrolled.places.inbox / str(enrolled.number)
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
    folder = begin(enrolled, lose_rows=True)
    first = until_outcome(enrolled, folder)
    assert not answered.exists()
    assert first.device == "north-1"
    with enrolled.process() as life:
        again = enrolled.hq.reset_paper(life.box, 3)
    assert "BP-106" in codes(enrolled.plug({inbox.RESET: again}))
    assert (folder / inbox.OUT / inbox.ROWS).stat().st_size > 2000


def test_a_box_that_was_configured_by_hand_is_not_reset(enrolled: Post) -> None:
    place = enrolled.places.state.parent / "edge.toml"
    place.write_bytes(enrolled.hq.toml(box=f'state_dir = "{enrolled.places.state}"'))
    folder = begin(enrolled)
    with enrolled.process(by_hand=load(place)) as life:
        serial = life.box.identity.serial
        life.look()
        assert not life.ended.is_set()
    outcome = enrolled.outcome(folder)
    assert "BP-321" in codes(outcome)
    assert "BP-106" not in codes(outcome)
    assert not kept.load(enrolled.places).erasing
    with enrolled.process() as life:  # edge.toml was moved away: the same token is good
        assert life.box.identity.serial == serial
        token = enrolled.hq.reset_paper(life.box, 2)
    assert "BP-106" in codes(enrolled.plug({inbox.RESET: token}))


def test_it_takes_no_envelope_either_and_says_why(enrolled: Post) -> None:
    place = enrolled.places.state.parent / "edge.toml"
    place.write_bytes(enrolled.hq.toml(box=f'state_dir = "{enrolled.places.state}"'))
    with enrolled.process() as life:
        data = enrolled.hq.envelope(life.box, 2, enrolled.hq.files(life.box))
    folder = enrolled.offer({inbox.ENVELOPE: data})
    with enrolled.process(by_hand=load(place)) as life:
        life.look()
    assert "BP-321" in codes(enrolled.outcome(folder))


def test_the_new_chain_begins_with_the_end_of_the_old_one(enrolled: Post) -> None:
    folder = begin(enrolled, lose_rows=True)
    until_outcome(enrolled, folder)
    known = kept.load(enrolled.places)
    assert known.audit_rows > 3
    for _ in range(2):  # and says so once
        with enrolled.process() as life:
            life.journal.note("looked_at", {"number": 1}).result(5)
        with read_only(enrolled.places.state / "journal.sqlite") as view:
            rows = [msgspec.json.decode(line, type=audit.AuditRow) for line in list(view.export_audit("now"))[1:-1]]
        noted = [msgspec.json.decode(row.body or "") for row in rows if row.kind == "chain_continued"]
        assert noted == [
            {"audit_head": known.audit_head, "audit_rows": known.audit_rows, "resets": 1, "late": False}
        ]
        assert rows[0].kind == "chain_continued"


def test_the_end_is_that_of_the_moment_of_erasing(enrolled: Post) -> None:
    """A row that was written after the stick was looked at, and a checkpoint, are in the chain that was erased."""
    folder = begin(enrolled, lose_rows=True)
    with enrolled.process() as life:
        life.look()
        life.journal.note("looked_at", {"number": 1}).result(5)
        counts = life.journal.counts()
    until_outcome(enrolled, folder)
    known = kept.load(enrolled.places)
    assert (known.audit_head, known.audit_rows) == (counts.audit_head, counts.audit_rows)
