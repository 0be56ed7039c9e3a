"""What another process may lay into the inbox, what a link may bring, and a disk that refuses: the box's own stays."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from enrol_deaths import in_child
from enrol_kit import NONCE, NOW, Headquarters, Post, codes, tree
from no_setgid import forbid_setgid

from edge.clock import Source
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade
from edge.enrol import watcher
from edge.enrol.disk import Disk
from edge.enrol.letterbox import AGAIN_S, NOISE_S, PAUSE_S


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path, Headquarters())


@pytest.fixture
def enrolled(post: Post) -> Post:
    post.enrol()
    return post


# -- the unit's own rules (RestrictSUIDSGID) ------------------------------------------------------------------------


def under_the_unit(post: Post, files: Mapping[str, bytes]) -> inbox.StickOutcome:
    """One visit in a process that may set no setgid bit, with the inbox as tmpfiles makes it."""
    post.places.inbox.chmod(0o2770)
    folder = post.offer(files)

    def work() -> None:
        os.umask(0o007)
        forbid_setgid()
        probe = post.places.runtime / "probe"
        probe.mkdir()
        with pytest.raises(PermissionError):
            probe.chmod(0o2770)
        with post.process() as life:
            life.look()

    assert in_child(work) == 0
    return post.outcome(folder)


def test_under_the_rules_of_its_unit_a_blank_box_writes_its_request_back(post: Post) -> None:
    outcome = under_the_unit(post, {inbox.CLAIM: post.hq.claim_paper()})
    assert codes(outcome) == ["BP-101"]
    assert post.request().request.nonce == NONCE
    out = post.places.inbox / "1" / inbox.OUT
    assert stat.S_IMODE(out.stat().st_mode) == 0o2770  # of the inbox; the stick's process can remove it
    assert stat.S_IMODE((out / inbox.REQUEST).stat().st_mode) == 0o640


def test_under_the_rules_of_its_unit_an_enrolled_box_writes_rows_and_log_back(enrolled: Post) -> None:
    outcome = under_the_unit(enrolled, {inbox.TIME: enrolled.hq.time_paper(1, NOW)})
    assert not [part for part in outcome.parts if part.grade is not Grade.OK]
    out = enrolled.places.inbox / str(enrolled.number) / inbox.OUT
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {
        inbox.ROWS: 0o640, inbox.LOGS: 0o640}  # fmt: skip


# -- links and odd things in the inbox ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [inbox.ROWS, inbox.LOGS, inbox.REQUEST, inbox.ROWS + ".partial"])
@pytest.mark.parametrize("blank", [True, False])
def test_a_link_where_something_goes_out_leads_nowhere(post: Post, name: str, blank: bool) -> None:
    if not blank:
        post.enrol()
    with post.process() as life:
        key = post.places.device_key
        life.box.identity.show_to_tls(life.box.disk, key)
        before = (key.read_bytes(), key.stat().st_mode)
        folder = post.offer({})
        (folder / inbox.OUT).mkdir()
        (folder / inbox.OUT / name).symlink_to(key)
        life.look()
        assert (key.read_bytes(), key.stat().st_mode) == before
    assert post.outcome(folder).serial


def test_out_that_is_a_link_is_refused_and_nothing_is_written_through_it(enrolled: Post) -> None:
    generation = enrolled.places.config / "1"
    before = tree(generation)
    with enrolled.process() as life:
        folder = enrolled.offer({})
        (folder / inbox.OUT).symlink_to(generation)
        life.look()
    assert tree(generation) == before
    assert codes(enrolled.outcome(folder)) == [Code.ODD_FILE]


def test_out_that_belongs_to_somebody_else_is_refused(enrolled: Post) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    with enrolled.process() as life:
        folder = enrolled.offer({})
        (folder / inbox.OUT).mkdir()
        os.chown(folder / inbox.OUT, 65534, 65534)
        life.look()
    assert codes(enrolled.outcome(folder)) == [Code.ODD_FILE]
    assert list((folder / inbox.OUT).iterdir()) == []


@pytest.mark.parametrize("name", [inbox.TIME, inbox.ENVELOPE, inbox.RESET])
def test_a_staged_paper_that_is_a_link_is_not_read(enrolled: Post, name: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    with enrolled.process() as life:
        data = {
            inbox.TIME: enrolled.hq.time_paper(1, NOW), inbox.RESET: enrolled.hq.reset_paper(life.box, 2),
            inbox.ENVELOPE: enrolled.hq.envelope(life.box, 2, {"acks.json": b"[]"}),
        }[name]  # fmt: skip
        elsewhere.write_bytes(data)
        folder = enrolled.offer({})
        (folder / name).symlink_to(elsewhere)
        life.look()
        assert not life.ended.is_set()
    found = codes(enrolled.outcome(folder))
    assert found[0] == Code.ODD_FILE
    assert not {Code.TIME_TAKEN, Code.APPLIED, Code.RESET_DONE} & set(found)


def test_a_visit_whose_folder_is_a_link_is_no_visit(enrolled: Post, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    enrolled.offer({inbox.TIME: enrolled.hq.time_paper(1, NOW)}).rename(elsewhere)
    (enrolled.places.inbox / str(enrolled.number)).symlink_to(elsewhere)
    before = tree(elsewhere)
    with enrolled.process() as life:
        life.look()
    assert tree(elsewhere) == before


# -- offers that cannot be read -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "link", "noise", "large", "pipe"])
def test_an_offer_that_cannot_be_read_is_answered_and_the_next_stick_is_taken(enrolled: Post, kind: str) -> None:
    folder = enrolled.offer({})
    offer = folder / inbox.OFFER
    offer.unlink()
    if kind == "folder":
        offer.mkdir()
    elif kind == "link":
        offer.symlink_to(folder / "nothing")
    elif kind == "pipe":
        os.mkfifo(offer)
    else:
        offer.write_bytes(b"{" if kind == "noise" else b" " * 100_000)
    with enrolled.process() as life:
        life.look()
        assert Code.FAULT in codes(enrolled.outcome(folder))
        following = enrolled.offer({inbox.TIME: enrolled.hq.time_paper(1, NOW)})
        life.look()
        assert not life.ended.is_set()
        assert (following / inbox.OUTCOME).exists()


def test_a_folder_that_cannot_be_answered_holds_no_other_up(enrolled: Post) -> None:
    """Its answer's name is taken by a folder that is not empty: the rename fails however often it is tried."""
    stuck = enrolled.offer({inbox.TIME: enrolled.hq.time_paper(1, NOW)})
    (stuck / (inbox.OUTCOME + ".partial") / "x").mkdir(parents=True)
    with enrolled.process() as life:
        following = enrolled.offer({})
        rows = life.journal.counts().audit_rows
        for _ in range(2 * watcher.RETRY_LOOKS):
            life.look()
        assert (following / inbox.OUTCOME).exists()
        assert life.journal.counts().audit_rows - rows <= 4  # said once, not at every try
        assert not (stuck / inbox.OUTCOME).exists()
        (stuck / (inbox.OUTCOME + ".partial") / "x").rmdir()
        (stuck / (inbox.OUTCOME + ".partial")).rmdir()
        for _ in range(watcher.RETRY_LOOKS + 1):
            life.look()
    assert Code.TIME_TAKEN in codes(enrolled.outcome(stuck))


# -- the link -------------------------------------------------------------------------------------------------------


class Hand:
    """Hands messages to a box; ``now`` is the monotonic clock of its letterbox."""

    def __init__(self, post: Post) -> None:
        self.now = 1000.0
        self._process = post.process()
        self.life = self._process.__enter__()
        self.life.watcher = watcher.Watcher(self.life.box, self.life.daemon, lambda: "a test", lambda: self.now)

    def __call__(self, data: bytes) -> None:
        self.life.watcher.hand(data)
        self.life.look()

    @property
    def rows(self) -> int:
        return self.life.journal.counts().audit_rows

    def close(self) -> None:
        self._process.__exit__(None, None, None)


@pytest.fixture
def hand(enrolled: Post) -> Iterator[Hand]:
    made = Hand(enrolled)
    yield made
    made.close()


def test_noise_over_the_link_is_written_nowhere_and_told_once_an_hour(enrolled: Post, hand: Hand) -> None:
    foreign = Headquarters()
    rows, before = hand.rows, tree(enrolled.places.state / "visits")
    with_other_key = foreign.envelope(hand.life.box, 2, {"acks.json": b"[]"})
    good = enrolled.hq.envelope(hand.life.box, 2, {"acks.json": b"[]"})
    for number in range(25):
        hand(b"noise %d" % number)
        hand(with_other_key)
        hand(good[:-1] + bytes([good[-1] ^ (number + 1)]))  # signed head, other content
        assert not (enrolled.places.own_inbox / "1").exists()
    assert hand.rows == rows
    assert tree(enrolled.places.state / "visits") == before
    assert hand.life.alarms == ["envelope_refused"] * 2  # one a code: damaged, foreign
    hand.now += NOISE_S
    hand(b"noise")
    assert hand.life.alarms == ["envelope_refused"] * 3


def test_an_envelope_for_another_box_or_with_an_old_number_is_noise(enrolled: Post, hand: Hand) -> None:
    box, hq, rows = hand.life.box, enrolled.hq, hand.rows
    hand(hq.envelope(box, 9, {"acks.json": b"[]"}, serial="aaaaaaaaaaaaa"))
    hand(hq.envelope(box, 1, {"acks.json": b"[]"}))
    assert (hand.rows, hand.life.alarms) == (rows, ["envelope_refused"] * 2)


def test_an_envelope_that_was_applied_is_not_looked_at_again_when_the_broker_brings_it(
    enrolled: Post, hand: Hand
) -> None:
    data = enrolled.hq.envelope(hand.life.box, 2, {"acks.json": b"[]"})
    hand(data)
    assert hand.life.box.sequence == 2
    rows = hand.rows
    for _ in range(10):
        hand(data)
    assert (hand.rows, hand.life.alarms) == (rows, [])


def test_after_a_refusal_the_link_waits_and_loses_nothing(enrolled: Post, hand: Hand) -> None:
    box, hq = hand.life.box, enrolled.hq
    bad = hq.envelope(box, 2, {"device.pem": b"no certificate"})
    hand(bad)
    assert hand.life.alarms == ["envelope_refused"]
    rows = hand.rows
    hand(hq.envelope(box, 3, {"acks.json": b"[]"}))
    assert (hand.rows, box.sequence) == (rows, 1)
    hand.now += PAUSE_S
    hand.life.look()
    assert box.sequence == 3


def test_what_was_refused_is_looked_at_again_after_an_hour_and_not_before(enrolled: Post, hand: Hand) -> None:
    bad = enrolled.hq.envelope(hand.life.box, 2, {"device.pem": b"no certificate"})
    hand(bad)
    rows = hand.rows
    hand.now += PAUSE_S
    hand(bad)
    assert hand.rows == rows
    hand.now += AGAIN_S
    hand.life.look()
    assert hand.rows > rows


def test_what_was_refused_waits_for_its_second_try_without_the_broker(enrolled: Post, hand: Hand) -> None:
    soon = NOW + timedelta(days=10)
    hand(enrolled.hq.envelope(hand.life.box, 2, {"acks.json": b"[]"}, not_before=soon))
    assert hand.life.alarms == ["envelope_refused"]
    enrolled.wall = soon + timedelta(days=1)
    hand.life.clock.signed_word(enrolled.wall, Source.TIME_ROOT)
    hand.now += AGAIN_S - 1
    hand.life.look()
    assert hand.life.box.sequence == 1
    hand.now += 1
    hand.life.look()
    assert hand.life.box.sequence == 2
    rows = hand.rows
    hand.now += 2 * AGAIN_S
    hand.life.look()
    assert (hand.rows, hand.life.alarms) == (rows, ["envelope_refused"])


def test_what_was_refused_gives_way_to_what_is_newer(enrolled: Post, hand: Hand) -> None:
    box, hq = hand.life.box, enrolled.hq
    hand(hq.envelope(box, 3, {"device.pem": b"no certificate"}))
    hand(hq.envelope(box, 2, {"acks.json": b"[]"}))  # handed later: the newest that came
    hand.now += PAUSE_S
    hand.life.look()
    rows = hand.rows
    hand.now += 2 * AGAIN_S
    hand.life.look()
    assert (box.sequence, hand.rows) == (2, rows)


@pytest.mark.parametrize("how", ["a stick came first", "withdrawn"])
def test_what_was_refused_is_dropped_once_it_cannot_or_shall_not_be_taken(
    enrolled: Post, hand: Hand, how: str
) -> None:
    box, hq = hand.life.box, enrolled.hq
    hand(hq.envelope(box, 2, {"device.pem": b"no certificate"}))
    if how == "withdrawn":
        hand(b"")
    else:
        enrolled.offer({inbox.ENVELOPE: hq.envelope(box, 5, {"acks.json": b"[]"})})
        hand.life.look()
        assert box.sequence == 5
    rows, alarms = hand.rows, list(hand.life.alarms)
    for _ in range(3):
        hand.now += AGAIN_S
        hand.life.look()
    assert (hand.rows, hand.life.alarms) == (rows, alarms)


# -- a disk that refuses --------------------------------------------------------------------------------------------


class FullDisk(Disk):
    """Refuses to write below folders of the names in ``full``."""

    full: frozenset[str] = frozenset()

    def write(self, path: Path, data: bytes, mode: int = 0o600) -> None:
        if self.full & set(path.parts):
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write(path, data, mode)

    def write_tree(self, folder: Path, files: Mapping[str, bytes]) -> None:
        if self.full & set(folder.parts):
            raise OSError(errno.ENOSPC, "No space left on device")
        super().write_tree(folder, files)


@pytest.fixture
def full(tmp_path: Path) -> Post:
    class Own(FullDisk):
        pass

    post = Post(tmp_path, Headquarters(), disk=Own)
    post.enrol()
    return post


def fill(post: Post, *names: str) -> None:
    post._disk.full = frozenset(names)  # type: ignore[attr-defined]


def test_a_disk_that_is_full_when_a_stick_comes_is_told_and_the_next_one_is_taken(full: Post) -> None:
    folder = full.offer({inbox.TIME: full.hq.time_paper(1, NOW)})
    with full.process() as life:
        fill(full, "visits")
        life.look()
        assert codes(full.outcome(folder)) == [Code.DISK_FULL]
        fill(full)
        following = full.offer({inbox.TIME: full.hq.time_paper(1, NOW)})
        life.look()
    assert Code.DISK_FULL not in codes(full.outcome(following))


def test_a_disk_that_fills_in_the_middle_of_a_visit_is_told_with_what_was_done(full: Post) -> None:
    folder = full.offer({inbox.TIME: full.hq.time_paper(1, NOW + timedelta(days=1))})
    with full.process() as life:
        told = life.clock.signed_word

        def word(*args: Any, **how: Any) -> Any:
            fill(full, "visits")
            return told(*args, **how)

        life.clock.signed_word = word  # type: ignore[method-assign]
        life.look()
    assert codes(full.outcome(folder)) == [Code.TIME_TAKEN, Code.DISK_FULL]


def test_an_envelope_that_the_disk_did_not_take_is_tried_again(full: Post) -> None:
    hand = Hand(full)
    try:
        fill(full, full.places.own_inbox.name)
        hand(full.hq.envelope(hand.life.box, 2, {"acks.json": b"[]"}))
        assert hand.life.box.sequence == 1
        fill(full)
        hand.life.look()
        assert hand.life.box.sequence == 1  # not at every look
        hand.now += AGAIN_S
        hand.life.look()
        assert hand.life.box.sequence == 2
    finally:
        hand.close()
