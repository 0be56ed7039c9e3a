"""Several papers on one stick, and what does not count as done."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from enrol_kit import NONCE, NOW, Headquarters, Life, Post, codes
from journal_kit import new_passage

from edge.core.acks import sign_ack
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.result_text import grade
from edge.core.wire import AckPayload, digest_of
from edge.enrol import asking, kept

OTHER = "another-claim-0123456789"


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path, Headquarters())


@pytest.fixture
def enrolled(post: Post) -> Post:
    post.enrol()
    return post


def acks(life: Life, post: Post, *, other: bool = False) -> bytes:
    """Headquarters' word for every row that waits, as import gives it to a stick; ``other``: it holds other bodies."""
    import hashlib

    session = msgspec.json.decode((post.places.state / "carried.json").read_bytes())["sessions"][-1]
    rows = life.journal.pending(0, 100)
    seqs = [row.seq for row in rows]
    payload = AckPayload(
        kind="ack", device=life.box.device, epoch=life.journal.counts().epoch, store="store-1", session=session,
        server_time=NOW, span=(seqs[0], seqs[-1]), ranges=((seqs[0], seqs[-1]),),
        digest=digest_of((row.seq, hashlib.sha256(row.body + b"x" * other).digest()) for row in rows),
    )
    return msgspec.json.encode([sign_ack(payload, post.hq.ack)])


def test_words_that_were_not_believed_are_told_and_nothing_is_acked(enrolled: Post) -> None:
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
    enrolled.plug({})
    with enrolled.process() as life:
        data = enrolled.hq.envelope(life.box, 2, {"acks.json": acks(life, enrolled, other=True)})
    outcome = enrolled.plug({inbox.ENVELOPE: data})
    (told,) = [part.detail for part in outcome.parts if part.code is Code.ACKS_TAKEN]
    assert told == "0 rows, 1 words refused: digest_mismatch"
    with enrolled.process() as life:
        assert life.journal.counts().pending == 1


@pytest.mark.parametrize("reset_first", [True, False])
def test_acks_and_the_reset_that_waits_for_them_may_come_on_one_stick(enrolled: Post, reset_first: bool) -> None:
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
    enrolled.plug({})
    with enrolled.process() as life:
        serial = life.box.identity.serial
        token = enrolled.hq.reset_paper(life.box, 2 if reset_first else 3)
        data = enrolled.hq.envelope(life.box, 3 if reset_first else 2, {"acks.json": acks(life, enrolled)})
    outcome = enrolled.plug({inbox.ENVELOPE: data, inbox.RESET: token})
    assert {"BP-102", "BP-110", "BP-106"} <= set(codes(outcome))
    assert "BP-317" not in codes(outcome)
    with enrolled.process() as life:
        assert life.box.identity.serial != serial


def test_a_configuration_beside_a_reset_takes_nothing_from_it(enrolled: Post) -> None:
    with enrolled.process() as life:
        token = enrolled.hq.reset_paper(life.box, 2)
        data = enrolled.hq.envelope(life.box, 3, {"edge.toml": enrolled.hq.toml(more="[log]\n")})
    outcome = enrolled.plug({inbox.ENVELOPE: data, inbox.RESET: token})
    assert {"BP-102", "BP-106"} <= set(codes(outcome))
    assert enrolled.plug({inbox.RESET: token}).parts[0].grade is Grade.REFUSED


def test_an_envelope_of_an_earlier_visit_uses_up_the_numbers_below_it(enrolled: Post) -> None:
    with enrolled.process() as life:
        token = enrolled.hq.reset_paper(life.box, 2)
        data = enrolled.hq.envelope(life.box, 3, {"acks.json": b"[]"})
    enrolled.plug({inbox.ENVELOPE: data})
    assert codes(enrolled.plug({inbox.RESET: token})) == ["BP-305"]


@pytest.fixture
def held(enrolled: Post) -> tuple[Post, bytes]:
    """A box that has refused reset 2 for a row alone, and has since used up number 3: the token still counts."""
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
        token = enrolled.hq.reset_paper(life.box, 2)
    assert "BP-317" in codes(enrolled.plug({inbox.RESET: token}))
    assert codes(enrolled.plug({inbox.ENVELOPE: following(enrolled, 3)}))[0] == "BP-102"
    assert kept.load(enrolled.places).reset_held == 2
    return enrolled, token


def following(post: Post, sequence: int, *, acked: bool = False) -> bytes:
    with post.process() as life:
        return post.hq.envelope(life.box, sequence, {"acks.json": acks(life, post) if acked else b"[]"})


def test_a_reset_that_was_refused_for_rows_alone_outlives_the_envelopes_until_the_acks_are_there(
    enrolled: Post,
) -> None:
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
        token, serial = enrolled.hq.reset_paper(life.box, 2), life.box.identity.serial
    early = following(enrolled, 3)  # made before headquarters had the row
    assert {"BP-102", "BP-317"} <= set(codes(enrolled.plug({inbox.ENVELOPE: early, inbox.RESET: token})))
    late = following(enrolled, 4, acked=True)
    found = codes(enrolled.plug({inbox.ENVELOPE: late, inbox.RESET: token}))
    assert {"BP-102", "BP-110", "BP-106"} <= set(found)
    assert not {"BP-305", "BP-317"} & set(found)
    after = kept.load(enrolled.places)
    assert (after.sequence, after.resets, after.reset_held) == (4, 1, 0)  # used; numbers did not fall
    with enrolled.process() as life:
        assert life.box.identity.serial != serial
    assert codes(enrolled.plug({inbox.RESET: token}))[0] == str(Code.OTHER_BOX)
    assert kept.load(enrolled.places).resets == 1


def test_the_refused_reset_is_done_on_a_later_stick_of_its_own(held: tuple[Post, bytes]) -> None:
    post, token = held
    assert "BP-317" in codes(post.plug({inbox.RESET: token}))  # however often
    post.plug({inbox.ENVELOPE: following(post, 4, acked=True)})
    assert "BP-106" in codes(post.plug({inbox.RESET: token}))


def test_no_other_old_number_counts_beside_the_one_that_was_refused_for_rows(held: tuple[Post, bytes]) -> None:
    post, _ = held
    post.plug({inbox.ENVELOPE: following(post, 9)})
    with post.process() as life:
        others = [post.hq.reset_paper(life.box, number, lose_rows=True) for number in (1, 3, 4, 9)]
    for token in others:
        assert "BP-305" in codes(post.plug({inbox.RESET: token}))
    assert kept.load(post.places).reset_held == 2


def test_a_newer_reset_takes_the_place_of_the_one_that_waits(held: tuple[Post, bytes]) -> None:
    post, token = held
    with post.process() as life:
        newer = post.hq.reset_paper(life.box, 5)
    assert "BP-317" in codes(post.plug({inbox.RESET: newer}))
    post.plug({inbox.ENVELOPE: following(post, 6)})
    assert "BP-305" in codes(post.plug({inbox.RESET: token}))
    post.plug({inbox.ENVELOPE: following(post, 7, acked=True)})
    assert "BP-106" in codes(post.plug({inbox.RESET: newer}))


@pytest.mark.parametrize("why", ["expired", "foreign", "box"])
def test_what_was_refused_for_anything_else_does_not_wait(enrolled: Post, why: str) -> None:
    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
        hq = Headquarters() if why == "foreign" else enrolled.hq
        changes = {"expired": {"expires": NOW - timedelta(days=1)}, "box": {"serial": "aaaaaaaaaaaaa"}}.get(why, {})
        token = hq.reset_paper(life.box, 2, **changes)
    assert "BP-317" not in codes(enrolled.plug({inbox.RESET: token}))
    assert kept.load(enrolled.places).reset_held == 0


def test_a_reset_that_waits_still_expires(held: tuple[Post, bytes]) -> None:
    post, token = held
    post.plug({inbox.ENVELOPE: following(post, 4, acked=True)})
    post.wall = NOW + timedelta(days=40)
    outcome = post.plug({inbox.TIME: post.hq.time_paper(1, post.wall, by_root=True), inbox.RESET: token})
    assert "BP-106" not in codes(outcome)
    assert [str(part.code) for part in outcome.parts if part.part == "reset"] == [str(Code.EXPIRED)]


def test_a_box_that_two_claims_asked_shows_no_code_once_it_is_enrolled(post: Post) -> None:
    post.plug({inbox.CLAIM: post.hq.claim_paper()})
    post.plug({inbox.CLAIM: post.hq.claim_paper(nonce=OTHER)})
    with post.process() as life:
        assert life.box.code()
        data = post.hq.envelope(life.box, 1, post.hq.files(life.box), nonce=NONCE)
    assert codes(post.plug({inbox.ENVELOPE: data})) == ["BP-102"]
    with post.process() as life:
        assert life.box.code() == life.box.status()["code"] == ""
        assert life.box.facts({}, "").code == ""
        assert asking.load(post.places, life.box.identity) == ()
        life.look()
    assert post.places.console is not None
    assert "Read this code" not in post.places.console.read_text()


@pytest.mark.parametrize("name", [inbox.ENVELOPE, inbox.TIME, inbox.RESET])
def test_a_forged_paper_is_refused_and_no_more(enrolled: Post, name: str) -> None:
    with enrolled.process() as life:
        hq = Headquarters()  # somebody else's keys
        made = {
            inbox.ENVELOPE: hq.envelope(life.box, 2, {"acks.json": b"[]"}), inbox.TIME: hq.time_paper(9, NOW),
            inbox.RESET: hq.reset_paper(life.box, 2),
        }
    outcome = enrolled.plug({name: made[name]})
    assert codes(outcome) == ["BP-302"]
    assert grade(outcome.parts) is Grade.REFUSED


def test_a_useless_stick_is_refused_and_an_empty_one_is_nothing_new(enrolled: Post) -> None:
    outcome = enrolled.plug({}, problems=((Code.TOO_MANY_FILES, "70000 files"),))
    assert grade(outcome.parts) is Grade.REFUSED
    assert codes(enrolled.plug({})) == ["BP-103"]


def test_time_that_was_taken_stands_alone_and_time_that_cannot_be_turned_back_is_not_done(enrolled: Post) -> None:
    ahead = NOW + timedelta(days=1800)
    taken = enrolled.plug({inbox.TIME: enrolled.hq.time_paper(1, ahead, by_root=True)})
    assert codes(taken)[0] == "BP-107"
    assert "BP-103" not in codes(taken)
    for _ in range(2):  # the number is not used up either
        back = enrolled.plug({inbox.TIME: enrolled.hq.time_paper(int(NOW.timestamp()), NOW)})
        assert codes(back)[0] == "BP-323"
        assert back.parts[0].grade is Grade.REFUSED
        assert "2031-02-03 12:00" in back.parts[0].detail
    lower = enrolled.plug({inbox.TIME: enrolled.hq.time_paper(2, NOW, by_root=True, lower=True)})
    assert codes(lower)[0] == "BP-107"
