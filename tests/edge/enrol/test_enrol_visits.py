"""What sticks do to a box that is well: claims, time, rows, renewals, resets, what comes over the link."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from enrol_kit import BOX, NONCE, NOW, SITE, Headquarters, Life, Post, codes, tree

from edge.core import sealing
from edge.core.provisioning import inbox, papers
from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.request import read_request
from edge.core.provisioning.signing import sign_paper
from edge.core.provisioning.stream import open_stream
from edge.core.trusted import ClockState
from edge.crew import Pulse, Stopping
from edge.enrol import generations, kept
from edge.enrol.engine import Engine
from edge.update_report import ListOutcome, Refusal, Report


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path, Headquarters())


@pytest.fixture
def enrolled(post: Post) -> Post:
    post.enrol()
    return post


def test_a_claim_is_answered_with_a_request_whose_code_the_box_shows(post: Post) -> None:
    outcome = post.plug({inbox.CLAIM: post.hq.claim_paper()})
    assert codes(outcome) == ["BP-101"]
    asked = post.request()
    with post.process() as life:
        assert life.box.code() == asked.code
        assert asked.request.serial == life.box.identity.serial == outcome.serial
        assert asked.request.seal_key == life.box.identity.seal_line
    assert (asked.request.kind, asked.request.nonce, asked.request.site) == ("enrol", NONCE, SITE)


def test_the_code_stays_the_same_however_often_the_claim_comes(post: Post) -> None:
    seen = set()
    for _ in range(3):
        post.plug({inbox.CLAIM: post.hq.claim_paper()})
        seen.add(post.request().code)
    assert len(seen) == 1
    post.plug({inbox.CLAIM: post.hq.claim_paper(nonce="another-claim-0123456789")})
    assert post.request().code not in seen


def test_only_the_newest_claims_are_kept(post: Post) -> None:
    for number in range(6):
        post.plug({inbox.CLAIM: post.hq.claim_paper(nonce=f"claim-number-{number}-0123456789")})
    with post.process() as life:
        from edge.enrol import asking

        found = [one.nonce for one in asking.load(post.places, life.box.identity)]
    assert found == [f"claim-number-{n}-0123456789" for n in (2, 3, 4, 5)]


def test_the_code_is_on_the_screen_and_nowhere_on_the_stick(post: Post) -> None:
    post.plug({inbox.CLAIM: post.hq.claim_paper()})
    code = post.request().code
    assert post.places.console is not None
    assert "   ".join(code.split("-")) in post.places.console.read_text()
    stick = b"".join(tree(post.places.inbox / "1").values())
    assert code.encode() not in stick
    assert code.replace("-", "").encode() not in stick


def test_an_enrolled_box_answers_no_claim(enrolled: Post) -> None:
    claim = enrolled.hq.claim_paper(nonce="another-claim-0123456789")
    outcome = enrolled.plug({inbox.CLAIM: claim})
    assert "BP-101" not in codes(outcome)
    assert outcome.parts[0].grade is Grade.OK


def test_a_box_whose_keys_headquarters_holds_needs_no_claim(post: Post) -> None:
    with post.process() as life:
        data = post.hq.envelope(life.box, 1, post.hq.files(life.box))
    assert codes(post.plug({inbox.ENVELOPE: data})) == ["BP-102"]


def test_an_envelope_sets_the_clock_of_a_box_that_has_none(enrolled: Post) -> None:
    with enrolled.process() as life:
        assert life.clock.now().state is not ClockState.UNTRUSTED
        assert life.daemon.state.floor() == NOW


def test_time_papers_move_the_clock_within_their_ceilings(enrolled: Post) -> None:
    def word(number: int, days: float, **how: bool) -> list[str]:
        return codes(enrolled.plug({inbox.TIME: enrolled.hq.time_paper(number, NOW + timedelta(days=days), **how)}))

    assert word(5, 10)[0] == "BP-107"
    assert word(5, 10)[0] == "BP-103"
    assert word(4, 11)[0] == "BP-305"
    assert word(6, 4000)[0] == "BP-316"
    assert word(7, 400, by_root=True)[0] == "BP-107"
    assert word(8, 5, lower=True)[0] == "BP-323"  # a command key lowers nothing
    with enrolled.process() as life:
        assert life.daemon.state.floor() == NOW + timedelta(days=400)
    assert word(9, 5, by_root=True, lower=True)[0] == "BP-107"
    with enrolled.process() as life:
        assert life.daemon.state.floor() == NOW + timedelta(days=5)


def test_the_log_comes_back_sealed_to_headquarters(enrolled: Post) -> None:
    enrolled.plug({})
    data = (enrolled.places.inbox / str(enrolled.number) / inbox.OUT / inbox.LOGS).read_bytes()
    keys = {sealing.key_id(enrolled.hq.seal.public_key()): enrolled.hq.seal}
    found = [purpose for purpose in ("logs", "rows") if _opens(data, keys, purpose)]
    assert found == ["logs"]


def _opens(data: bytes, keys: dict[str, sealing.SealPrivate], purpose: str) -> bool:
    try:
        return b"".join(open_stream([data], keys, purpose)) is not None
    except Exception:
        return False


def test_a_stick_without_papers_is_told_so_to_a_blank_box_and_collects_from_an_enrolled_one(post: Post) -> None:
    assert codes(post.plug({})) == ["BP-201"]
    post.enrol()
    assert codes(post.plug({})) == ["BP-103"]


def test_what_the_stick_s_process_refused_stands_first(enrolled: Post) -> None:
    outcome = enrolled.plug({}, problems=((Code.TOO_MANY_FILES, "70000 files"),))
    assert codes(outcome)[0] == "BP-204"
    assert outcome.parts[0].grade is Grade.REFUSED


def test_a_certificate_past_half_its_life_is_asked_to_be_renewed(enrolled: Post) -> None:
    assert "BP-108" not in codes(enrolled.plug({}))
    enrolled.plug({inbox.TIME: enrolled.hq.time_paper(1, NOW + timedelta(days=400), by_root=True)})
    enrolled.wall = NOW + timedelta(days=400)
    outcome = enrolled.plug({})
    assert "BP-108" in codes(outcome)
    asked = enrolled.request()
    assert (asked.request.kind, asked.request.device, asked.request.sequence) == ("renew", BOX, 1)
    assert asked.device == BOX
    with enrolled.process() as life:  # over the link later: from a third on
        assert life.box.renewal(NOW + timedelta(days=400), NOW, "") is None
        data = life.box.renewal(NOW + timedelta(days=600), NOW, "")
        assert data is not None
        assert read_request(data).request.kind == "renew"


def test_a_renewal_keeps_the_configuration_and_shows_the_old_certificate_until_the_new_one_connects(
    enrolled: Post,
) -> None:
    before = generations.files_of(enrolled.places, 1)
    with enrolled.process() as life:
        pem = enrolled.hq.authority.issue(life.box.identity.device_key.public_key(), BOX)
        data = enrolled.hq.envelope(life.box, 7, {"device.pem": pem})
    assert codes(enrolled.plug({inbox.ENVELOPE: data}))[0] == "BP-102"
    after = generations.files_of(enrolled.places, 7)
    assert after == {**before, "device.pem": pem, "device.previous.pem": before["device.pem"]}
    assert enrolled.plug({}).sequence == 7


def test_an_expired_certificate_is_renewed_by_stick(enrolled: Post) -> None:
    late = NOW + timedelta(days=1000)
    enrolled.wall = late
    with enrolled.process() as life:
        pem = enrolled.hq.authority.issue(
            life.box.identity.device_key.public_key(), BOX, start=late, end=late + timedelta(days=700)
        )
        data = enrolled.hq.envelope(
            life.box, 2, {"device.pem": pem}, created=late, not_before=late, not_after=late + timedelta(days=30)
        )
    enrolled.plug({inbox.TIME: enrolled.hq.time_paper(1, late, by_root=True)})
    assert codes(enrolled.plug({inbox.ENVELOPE: data}))[0] == "BP-102"


def test_a_newer_national_package_is_obeyed_and_outlives_a_reset(enrolled: Post) -> None:
    hq = enrolled.hq
    hq.command, old = sealing.generate_sign_key(), hq.command
    hq.package = msgspec.structs.replace(
        hq.package, number=2, command_keys=(sealing.public_to_text(hq.command.public_key()),)
    )
    with enrolled.process() as life:
        data = hq.envelope(life.box, 2, {"national.json": hq.national()}, key=old)
    assert codes(enrolled.plug({inbox.ENVELOPE: data}))[0] == "BP-102"
    with enrolled.process() as life:
        token = hq.reset_paper(life.box, 3)
        stale = hq.envelope(life.box, 4, {"edge.toml": hq.toml(more="[log]\n")}, key=old)
    assert codes(enrolled.plug({inbox.ENVELOPE: stale}))[0] == "BP-302"
    assert "BP-106" in codes(enrolled.plug({inbox.RESET: token}))
    with enrolled.process() as life:
        assert life.box.trust is not None
        assert life.box.trust.package.number == 2


def test_a_revoked_box_is_told_and_headquarters_hears(enrolled: Post) -> None:
    with enrolled.process() as life:
        paper = papers.Revocation(country="UTO", number=3, created=NOW, serials=(life.box.identity.serial,))
        data = enrolled.hq.envelope(life.box, 2, {"revoked.json": sign_paper(paper, enrolled.hq.command)})
    outcome = enrolled.plug({inbox.ENVELOPE: data})
    assert {"BP-102", "BP-320"} <= set(codes(outcome))
    assert kept.load(enrolled.places).revoked == 3


def test_rows_that_nobody_acked_hold_a_reset_up_unless_headquarters_gives_them_up(enrolled: Post) -> None:
    from journal_kit import new_passage

    with enrolled.process() as life:
        life.journal.record(new_passage(1)).result(5)
        token = enrolled.hq.reset_paper(life.box, 2)
        anyway = enrolled.hq.reset_paper(life.box, 2, lose_rows=True)
        serial = life.box.identity.serial
    outcome = enrolled.plug({inbox.RESET: token})
    assert "BP-317" in codes(outcome)
    assert outcome.unsent == 1
    rows = enrolled.places.inbox / str(enrolled.number) / inbox.OUT / inbox.ROWS
    assert rows.stat().st_size > 2000
    done = enrolled.plug({inbox.RESET: anyway})
    assert {"BP-105", "BP-106"} <= set(codes(done))
    with enrolled.process() as life:
        assert life.box.identity.serial != serial
        assert life.journal.counts().pending == 0


def test_an_envelope_over_the_link_takes_the_same_path(enrolled: Post) -> None:
    with enrolled.process() as life:
        data = enrolled.hq.envelope(life.box, 2, {"edge.toml": enrolled.hq.toml(more="[log]\nlevel = \"debug\"")})
        life.watcher.hand(data)
        life.look()
        assert life.ended.is_set()
    with enrolled.process() as life:
        assert kept.load(enrolled.places).sequence == 2
        life.look()
        life.watcher.hand(data)  # the broker keeps it
        life.look()
        assert not life.ended.is_set()
        assert life.alarms == []
    assert not (enrolled.places.own_inbox / "1").exists()


def test_a_bad_envelope_over_the_link_is_an_alarm_and_no_more(enrolled: Post) -> None:
    with enrolled.process() as life:
        life.watcher.hand(b"noise")
        life.look()
        assert life.alarms == ["envelope_refused"]
        assert not life.ended.is_set()


LISTS = {
    "BP-104": Report(source="x", at=NOW, lists=(ListOutcome(list="sltd", outcome="updated", before=1, now=2),)),
    "BP-103": Report(source="x", at=NOW, lists=(ListOutcome(list="sltd", outcome="current", before=2, now=2),)),
    "BP-401": Report(source="x", at=NOW, refused=Refusal("mismatch", "a file was altered", "copy the stick again")),
}


@pytest.mark.parametrize("code", ["BP-104", "BP-103", "BP-401"])
def test_lists_on_the_stick_are_looked_into_and_told(enrolled: Post, code: str) -> None:
    asked: list[Path] = []

    def take(folder: Path, _pulse: Stopping) -> Report | None:
        asked.append(folder)
        return LISTS[code]

    folder = enrolled.offer({"tuf/metadata/timestamp.json": b"{}"})
    with enrolled.process() as life:
        outcome = _engine(life, take).visit(folder, "stick", Pulse(threading.Event(), time.monotonic))
    assert asked == [folder / "tuf"]
    assert outcome is not None
    assert codes(outcome)[0] == code


def test_a_stage_that_fails_in_an_unforeseen_way_is_a_fault_and_the_visit_goes_on(enrolled: Post) -> None:
    def take(_folder: Path, _pulse: Stopping) -> Report | None:
        raise RuntimeError("L898902C3 is nobody's business")

    folder = enrolled.offer({"tuf/metadata/timestamp.json": b"{}"})
    with enrolled.process() as life:
        outcome = _engine(life, take).visit(folder, "stick", Pulse(threading.Event(), time.monotonic))
    assert outcome is not None
    assert codes(outcome)[0] == "BP-505"
    assert "L898902C3" not in (folder / inbox.OUTCOME).read_text()
    assert (folder / inbox.OUT / inbox.LOGS).exists()


def _engine(life: Life, take: Callable[[Path, Stopping], Report | None]) -> Engine:
    import dataclasses

    return Engine(life.box, dataclasses.replace(life.daemon, take_lists=take))
