"""A stick's visit from the plug to the text: what is staged, what is written back, what survives a silent box."""

from __future__ import annotations

import msgspec
import pytest
from stick_kit import NOW, OTHER, SERIAL, Daemon, Headquarters, Post, codes, plain_answer, refused

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, Grade
from edge.core.provisioning.inbox import BoxFacts, StickOutcome
from edge.core.provisioning.result_text import grade, part


@pytest.fixture
def post(tmp_path):
    return Post(tmp_path)


def test_what_is_for_this_box_is_staged_byte_for_byte_and_answered(post):
    post.full_stick()
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert codes(outcome) == [Code.APPLIED, Code.ROWS_WRITTEN]
    assert daemon.seen[1] == {
        inbox.CLAIM: (post.papers / "claim/north.claim").read_bytes(),
        inbox.ENVELOPE: (post.papers / f"prov/{SERIAL}.prov").read_bytes(),
        inbox.RESET: (post.papers / f"reset/{SERIAL}.reset").read_bytes(),
        inbox.TIME: (post.papers / "time/now.time").read_bytes(),
    }
    assert post.results() == ["RESULT-1.json", "RESULT-1.txt", "rows.sealed"]
    assert msgspec.json.decode((post.papers / f"out/{SERIAL}/RESULT-1.json").read_bytes(), type=StickOutcome) == outcome
    text = (post.papers / f"out/{SERIAL}/RESULT-1.txt").read_text(encoding="utf-8-sig")
    assert "BP-102" in text
    assert "BP-105" in text
    assert [path.name for path in post.inbox.iterdir() if not path.name.startswith(".")] == []


def test_numbers_rise_although_the_folders_go(post):
    with Daemon(post).running():
        assert [post.visit().number for _ in range(3)] == [1, 2, 3]
    assert [name for name in post.results() if name.endswith(".txt")] == [f"RESULT-{n}.txt" for n in (1, 2, 3)]


def test_each_of_twenty_boxes_writes_to_its_own_folder_alone(tmp_path):
    first = Post(tmp_path / "first")
    for number in range(20):
        serial = f"box{chr(97 + number)}aaaaaaaaa"
        post = Post(tmp_path / serial, hq=first.hq, facts=BoxFacts(serial=serial))
        first.put(f"prov/{serial}.prov", first.hq.envelope(serial))
        post.stick, post.papers = first.stick, first.papers
        with Daemon(post).running():
            assert codes(post.visit()) == [Code.APPLIED, Code.ROWS_WRITTEN]
        assert post.results(serial) == ["RESULT-1.json", "RESULT-1.txt", "rows.sealed"]
    assert len(list((first.papers / "out").iterdir())) == 20


@pytest.mark.parametrize(("path", "make", "code"), [
    ("claim/a.claim", lambda hq: hq.claim_paper(key=hq.command), Code.UNKNOWN_KEY),
    ("claim/a.claim", lambda hq: hq.claim_paper()[:-40], Code.DAMAGED_PAPER),
    ("claim/a.claim", lambda hq: bytes(60_001), Code.TOO_LARGE_PAPER),
    ("claim/a.claim", lambda hq: Headquarters().claim_paper(), Code.UNKNOWN_KEY),
    ("claim/a.claim", lambda hq: hq.claim_paper(country="XXA"), Code.OTHER_COUNTRY),
    (f"reset/{SERIAL}.reset", lambda hq: hq.reset_paper(OTHER), Code.OTHER_BOX),
    (f"reset/{SERIAL}.reset", lambda hq: hq.claim_paper(), Code.UNKNOWN_KEY),
    ("time/a.time", lambda hq: hq.time_paper(1, hq.roots[0]), Code.BAD_SIGNATURE),
    ("time/a.time", lambda hq: hq.time_paper(1, hq.claim), Code.UNKNOWN_KEY),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope(OTHER), Code.OTHER_BOX),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope(key=hq.claim), Code.UNKNOWN_KEY),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope(country="XXA"), Code.OTHER_COUNTRY),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope()[:-1], Code.DAMAGED_PAPER),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope() + b"\0", Code.DAMAGED_PAPER),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope()[:500], Code.DAMAGED_PAPER),
    (f"prov/{SERIAL}.prov", lambda hq: b"", Code.DAMAGED_PAPER),
    (f"prov/{SERIAL}.prov", lambda hq: hq.envelope(size=10)[:-1], Code.DAMAGED_PAPER),
])
def test_a_paper_that_is_refused_has_its_own_code_and_stops_no_other(post, path, make, code):
    post.put(path, make(post.hq))
    post.put("time/zz.time", post.hq.time_paper(7))
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome) == [code]
    assert grade(outcome.parts) is Grade.PART
    assert set(daemon.seen[1]) == {inbox.TIME}
    assert [problem for problem, _ in daemon.offers[1].problems] == [code]


def test_a_signature_that_was_altered_is_told_from_a_key_that_is_unknown(post):
    data = msgspec.json.decode(post.hq.claim_paper())
    data["payload"] = data["payload"][:-8] + "AAAAAAA="
    post.put("claim/a.claim", msgspec.json.encode(data))
    with Daemon(post).running():
        assert refused(post.visit()) in ([Code.BAD_SIGNATURE], [Code.DAMAGED_PAPER])


def test_the_root_may_sign_time_by_its_threshold_and_the_highest_number_goes(post):
    post.put("time/a.time", post.hq.time_paper(3, *post.hq.roots[:2], lower=True))
    post.put("time/b.time", post.hq.time_paper(2))
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == []
    assert daemon.seen[1] == {inbox.TIME: (post.papers / "time/a.time").read_bytes()}


def test_no_number_of_a_command_key_hides_the_roots_word(post):
    post.put("time/a.time", post.hq.time_paper(3, *post.hq.roots[:2], lower=True))
    post.put("time/b.time", post.hq.time_paper(2**53 - 1))
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == []
    assert daemon.seen[1] == {inbox.TIME: (post.papers / "time/a.time").read_bytes()}


def test_a_newer_package_goes_and_what_lies_beside_it_is_judged_by_it(post):
    old, new = post.hq, Headquarters()
    new.roots = old.roots  # the same roots name other keys
    post.put("national.json", new.package(number=2))
    post.put("time/a.time", new.time_paper(7))
    post.put(f"prov/{SERIAL}.prov", new.envelope())
    post.put("claim/a.claim", old.claim_paper())
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome) == [Code.UNKNOWN_KEY]  # the claim of a key that has ended
    assert set(daemon.seen[1]) == {inbox.PACKAGE, inbox.TIME, inbox.ENVELOPE}


def test_a_package_of_other_roots_is_refused_and_the_one_in_force_needs_no_offer(post):
    post.put("national.json", Headquarters().package(number=2))
    post.put("time/a.time", post.hq.time_paper(7))
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == [Code.UNKNOWN_KEY]
        post.put("national.json", post.hq.package())
        assert refused(post.visit()) == []
    assert set(daemon.seen[1]) == set(daemon.seen[2]) == {inbox.TIME}


def test_claims_of_several_sites_are_a_question_and_not_a_guess(post):
    post.put("claim/a.claim", post.hq.claim_paper("north-gate"))
    post.put("claim/b.claim", post.hq.claim_paper("south-gate"))
    with Daemon(post).running() as daemon:
        outcome = post.visit()
        assert [one.detail for one in outcome.parts if one.code is Code.NO_PAPERS] == [
            "claims of 2 sites: leave the right one"]
        assert daemon.seen[1] == {}
        post.say(BoxFacts(serial=SERIAL, device="box-7", site="south-gate"))
        assert refused(post.visit()) == []
    assert daemon.seen[2] == {inbox.CLAIM: (post.papers / "claim/b.claim").read_bytes()}


def test_of_two_claims_of_one_site_the_newer_goes(post):
    post.put("claim/a.claim", post.hq.claim_paper(nonce="o" * 22))
    newer = post.put("claim/b.claim", post.hq.claim_paper(created=NOW.replace(day=23))).read_bytes()
    with Daemon(post).running() as daemon:
        post.visit()
    assert daemon.seen[1] == {inbox.CLAIM: newer}


def test_a_stick_without_the_folder_gets_a_text_and_nothing_is_taken(post):
    post.papers.rmdir()
    with Daemon(post).running() as daemon:
        outcome = post.visit()
    assert refused(outcome) == [Code.NO_PAPERS]
    assert daemon.seen[1] == {}
    assert "RESULT-1.txt" in post.results()


def test_a_stick_with_nothing_for_this_box_says_so(post):
    with Daemon(post, lambda *_: ()).running():
        assert codes(post.visit()) == [Code.NO_PAPERS]


def test_papers_of_other_case_are_found_and_what_pcs_leave_is_not_minded(post):
    post.put(f"PROV/{SERIAL.upper()}.PROV", post.hq.envelope())
    post.put("Claim/North.CLAIM", post.hq.claim_paper())
    post.put("Claim/._North.CLAIM", b"resource fork")
    post.put(".fseventsd/0001", b"log")
    post.put("claim.txt", b"read me")
    (post.papers / "OUT").mkdir()
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == []
    assert set(daemon.seen[1]) == {inbox.ENVELOPE, inbox.CLAIM}
    assert (post.papers / "OUT" / SERIAL / "RESULT-1.txt").exists()


def test_without_a_national_package_nothing_is_taken(post):
    post.full_stick()
    post.national.write_bytes(post.hq.package()[:-9])
    with Daemon(post).running() as daemon:
        assert Code.NO_NATIONAL_PACKAGE in refused(post.visit())
        post.national.unlink()
        outcome = post.visit()
    assert refused(outcome) == [Code.NO_NATIONAL_PACKAGE]
    assert grade(outcome.parts) is Grade.FAULT
    assert daemon.seen == {1: {}, 2: {}}


def test_a_newer_package_that_the_daemon_took_counts_and_no_older_or_damaged_one(post):
    later = Headquarters(claim=post.hq.claim)
    post.put("time/a.time", later.time_paper())
    newer = post.run / "national.json"
    with Daemon(post).running() as daemon:
        assert refused(post.visit()) == [Code.UNKNOWN_KEY]
        newer.write_bytes(later.package(number=2))
        assert refused(post.visit()) == []
        for spoiled in (later.package(number=1), later.package(number=2, country="XXA"), later.package(number=2)[:-5]):
            newer.write_bytes(spoiled)
            assert refused(post.visit()) == [Code.UNKNOWN_KEY]
    assert [set(files) for files in daemon.seen.values()] == [set(), {inbox.TIME}, set(), set(), set()]


def test_a_silent_box_is_told_and_its_late_answer_goes_out_with_the_next_stick(post):
    post.full_stick()
    clock = iter(range(0, 10**9, 1))
    outcome = post.visit(now=lambda: float(next(clock)), nap=lambda _: None)
    assert codes(outcome) == [Code.BOX_SILENT]
    assert grade(outcome.parts) is Grade.FAULT
    assert post.results() == ["RESULT-1.json", "RESULT-1.txt"]
    assert len(post.offers()) == 1
    with Daemon(post).running():
        assert codes(post.visit()) == [Code.APPLIED, Code.ROWS_WRITTEN]
    assert "BP-102" in (post.papers / f"out/{SERIAL}/RESULT-1.txt").read_text(encoding="utf-8-sig")
    assert {"RESULT-2.txt", "rows.sealed"} <= set(post.results())
    assert post.offers() == []


def test_a_box_that_never_says_who_it_is_leaves_a_text_all_the_same(post):
    (post.run / "box.json").unlink()
    clock = iter(range(0, 10**9, 1))
    assert codes(post.visit(now=lambda: float(next(clock)), nap=lambda _: None)) == [Code.BOX_SILENT]
    assert post.results("unknown") == ["RESULT-0.json", "RESULT-0.txt"]


def test_a_stick_that_was_there_at_power_on_waits_for_the_box(post):
    post.full_stick()
    (post.run / "box.json").unlink()
    naps = []

    def nap(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            post.say()

    with Daemon(post).running() as daemon:
        outcome = post.visit(nap=nap, up_s=12.0)
    assert codes(outcome) == [Code.APPLIED, Code.ROWS_WRITTEN]
    assert daemon.offers[1].at_boot


def test_a_box_that_is_far_behind_is_not_given_more(post):
    clock = iter(range(0, 10**9, 1))
    for _ in range(8):
        post.visit(now=lambda: float(next(clock)), nap=lambda _: None)
    assert codes(post.visit(now=lambda: float(next(clock)), nap=lambda _: None)) == [Code.BUSY]
    assert len(post.offers()) == 8


@pytest.mark.parametrize("data", [b"", b"{", b'{"number": 7, "serial": "x"}', b"[1]", b"\xff" * 10, bytes(300_000)])
def test_an_answer_that_is_none_is_a_fault_and_ends_the_visit(post, data):
    def spoil(folder, _offer, _out):
        (folder / "outcome.json").write_bytes(data)
        raise FileNotFoundError

    with Daemon(post, spoil).running():
        outcome = post.visit()
    assert codes(outcome) == [Code.FAULT]
    assert "RESULT-1.txt" in post.results()


def test_only_plain_files_of_plain_names_go_out(post):
    def answer(folder, offer, out):
        (out / "link").symlink_to(post.national)
        (out / "Bad Name").write_bytes(b"x")
        (out / ".hidden").write_bytes(b"x")
        (out / "folder").mkdir()
        return plain_answer(folder, offer, out)

    with Daemon(post, answer).running():
        post.visit()
    assert post.results() == ["RESULT-1.json", "RESULT-1.txt", "rows.sealed"]


def test_what_a_kill_left_half_staged_is_gone_after_the_next_visit(post):
    left = post.inbox / ".staging-4" / "tuf"
    left.mkdir(parents=True)
    (left / "x").write_bytes(b"x")
    (post.inbox / ".scratch").mkdir()
    with Daemon(post).running():
        assert post.visit().number == 1
    assert sorted(path.name for path in post.inbox.iterdir()) == [".lock", ".number"]


def test_a_second_stick_waits_for_the_first_and_then_is_refused(post):
    import fcntl

    post.full_stick()
    with (post.inbox / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clock = iter(range(0, 10**9, 1))
        outcome = post.visit(now=lambda: float(next(clock)), nap=lambda _: None)
    assert codes(outcome) == [Code.OTHER_STICK_AT_WORK]
    assert post.results() == ["RESULT-0.json", "RESULT-0.txt"]
    assert post.offers() == []


def test_two_sticks_at_once_are_taken_one_after_the_other(tmp_path):
    import threading

    post = Post(tmp_path / "box")
    post.full_stick()
    other = Post(tmp_path / "stick", hq=post.hq)
    other.put("time/a.time", post.hq.time_paper(2))
    other.inbox, other.run, other.national = post.inbox, post.run, post.national
    found: list[StickOutcome] = []
    with Daemon(post).running() as daemon:
        visits = [threading.Thread(target=lambda one=one: found.append(one.visit())) for one in (post, other)]
        for thread in visits:
            thread.start()
        for thread in visits:
            thread.join()
    assert sorted(outcome.number for outcome in found) == [1, 2]
    assert sorted(map(len, daemon.seen.values())) == [1, 4]
    assert all(refused(outcome) == [] for outcome in found)


def test_the_daemons_word_on_a_problem_is_not_said_twice(post):
    post.put("claim/a.claim", b"no paper")
    with Daemon(post).running():
        outcome = post.visit()
    assert codes(outcome).count(Code.DAMAGED_PAPER) == 1
    assert part("stick", Code.DAMAGED_PAPER, "8 bytes are no signed paper") in outcome.parts
