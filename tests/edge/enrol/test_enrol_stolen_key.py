"""What a stolen command key can do to a box's numbers and clock, and how the root repairs it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from enrol_kit import NOW, Headquarters, Post, codes

from edge.core import sealing
from edge.core.provisioning import inbox, papers
from edge.core.provisioning.papers import MAX_STEP
from edge.core.provisioning.signing import sign_paper
from edge.enrol import kept

DAY = timedelta(days=1)
TOP = 2**53 - 1


@pytest.fixture
def post(tmp_path: Path) -> Post:
    made = Post(tmp_path / "post", Headquarters())
    made.enrol()
    return made


def applied(post: Post, sequence: int, files: dict[str, bytes] | None = None, **header: object) -> str:
    with post.process() as life:
        data = post.hq.envelope(life.box, sequence, files or {"acks.json": b"[]"}, **header)
    return codes(post.plug({inbox.ENVELOPE: data}))[0]


def test_no_word_of_a_command_key_takes_the_roots_power_over_the_clock(post: Post) -> None:
    seconds = int((NOW + 29 * DAY).timestamp())
    assert codes(post.plug({inbox.TIME: post.hq.time_paper(TOP, NOW + 29 * DAY)}))[0] == "BP-322"
    assert codes(post.plug({inbox.TIME: post.hq.time_paper(seconds + MAX_STEP, NOW + 29 * DAY)}))[0] == "BP-107"
    assert codes(post.plug({inbox.TIME: post.hq.time_paper(3, NOW, by_root=True, lower=True)}))[0] == "BP-107"
    assert codes(post.plug({inbox.TIME: post.hq.time_paper(3, NOW, by_root=True, lower=True)}))[0] == "BP-103"
    assert codes(post.plug({inbox.TIME: post.hq.time_paper(2, NOW, by_root=True, lower=True)}))[0] == "BP-305"
    with post.process() as life:
        assert life.clock.bounds()[0] == NOW
    honest = NOW + timedelta(hours=1)  # headquarters' own next word, numbered by its seconds
    assert codes(post.plug({inbox.TIME: post.hq.time_paper(int(honest.timestamp()), honest)}))[0] == "BP-107"


def test_no_envelope_and_no_reset_uses_the_numbers_up(post: Post) -> None:
    assert applied(post, TOP) == "BP-322"
    assert applied(post, 1 + MAX_STEP + 1) == "BP-322"
    with post.process() as life:
        assert life.box.sequence == 1
        token = post.hq.reset_paper(life.box, TOP)
    assert codes(post.plug({inbox.RESET: token}))[0] == "BP-322"
    assert applied(post, 1 + MAX_STEP) == "BP-102"
    assert applied(post, 2 + MAX_STEP) == "BP-102"


def test_envelopes_that_follow_one_another_move_the_clock_once(post: Post) -> None:
    for number in (2, 3, 4):
        at = NOW + 799 * (number - 1) * DAY
        assert applied(post, number, created=at, not_before=NOW, not_after=at + 60 * DAY) == "BP-102"
    with post.process() as life:
        assert life.daemon.state.floor() == NOW + 799 * DAY


def revocation(hq: Headquarters, number: int) -> dict[str, bytes]:
    return {"revoked.json": sign_paper(papers.Revocation(country="UTO", number=number, created=NOW), hq.command)}


def test_the_root_ends_a_stolen_key_with_a_stick_alone_and_everything_goes_on(post: Post) -> None:
    hq = post.hq
    assert applied(post, 2, revocation(hq, TOP)) == "BP-102"
    assert codes(post.plug({inbox.TIME: hq.time_paper(int(NOW.timestamp()) + MAX_STEP, NOW)}))[0] == "BP-107"
    stolen = hq.command
    hq.command = sealing.generate_sign_key()  # nobody whom the box believes can sign an envelope any more
    package = hq.renews(command_keys=(sealing.public_to_text(hq.command.public_key()),))
    word = hq.time_paper(9, NOW + DAY)
    outcome = post.plug({inbox.PACKAGE: package, inbox.TIME: word})  # the new key is believed in the same visit
    assert codes(outcome)[:2] == ["BP-111", "BP-107"]
    assert "BP-111" not in codes(post.plug({inbox.PACKAGE: package}))  # it goes round, and is no fault
    assert applied(post, 3, key=stolen) == "BP-302"
    assert applied(post, 3, revocation(hq, int(NOW.timestamp()))) == "BP-102"
    assert kept.load(post.places).revoked == int(NOW.timestamp())


def test_an_envelope_with_the_package_repairs_the_same(post: Post) -> None:
    hq, spare = post.hq, sealing.generate_sign_key()
    both = (sealing.public_to_text(hq.command.public_key()), sealing.public_to_text(spare.public_key()))
    post.plug({inbox.PACKAGE: hq.renews(command_keys=both)})
    assert applied(post, 2, revocation(hq, TOP)) == "BP-102"
    hq.command = spare
    package = hq.renews(command_keys=both[1:])
    assert applied(post, 3, {"national.json": package, **revocation(hq, 7)}) == "BP-102"
    assert kept.load(post.places).revoked == 7


def test_nobody_but_the_root_replaces_the_package(post: Post) -> None:
    hq, evil = post.hq, Headquarters()
    assert codes(post.plug({inbox.PACKAGE: evil.renews()}))[0] == "BP-302"
    assert codes(post.plug({inbox.PACKAGE: sign_paper(hq.package, hq.command)}))[0] == "BP-302"
    second, third = hq.renews(), hq.renews()
    assert codes(post.plug({inbox.PACKAGE: third}))[0] == "BP-111"
    assert codes(post.plug({inbox.PACKAGE: second}))[0] == "BP-305"
