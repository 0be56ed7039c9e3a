"""Which box this is when it starts, and that faults of enrolment keep no box from screening."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from enrol_kit import BOX, Headquarters, Post, codes

from common.settings import ConfigError
from edge.core.provisioning import inbox
from edge.enrol import identity
from edge.enrol.looking import NotEnrolledError, look
from edge.enrol.start import found_config, prepared
from edge.journal import JournalBusyError


def hand_made(post: Post) -> Path:
    place = post.places.state.parent / "edge.toml"
    place.write_bytes(post.hq.toml(box=f'state_dir = "{post.places.state}"'))
    return place


def test_without_anything_it_says_what_is_missing(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.places.national.unlink()
    with pytest.raises(ConfigError, match=r"none\.toml.*BP-501") as found:
        prepared(tmp_path / "none.toml", post.places, "b")
    assert "return it to headquarters" in found.value.advice
    assert not post.places.state.exists()


def test_with_a_national_package_alone_it_waits_for_a_stick(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    config, enrolment = prepared(tmp_path / "none.toml", post.places, "b")
    assert config is None
    assert enrolment is not None
    enrolment.close()


def test_a_hand_made_configuration_wins_and_takes_no_envelope(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.enrol()
    config, enrolment = prepared(hand_made(post), post.places, "b")
    assert config is not None
    assert enrolment is not None
    assert enrolment.by_hand is config
    assert enrolment.renewal(None, post.wall, "") is None
    enrolment.close()


def test_without_package_and_inbox_a_hand_made_box_has_no_enrolment_at_all(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.places.national.unlink()
    post.places.inbox.rmdir()
    config, enrolment = prepared(hand_made(post), post.places, "b")
    assert config is not None
    assert enrolment is None
    assert not post.places.state.exists()


def test_a_fault_of_enrolment_keeps_no_hand_made_box_from_running(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.places.state.mkdir()
    (post.places.state / "identity").write_text("a file where a folder should be")
    config, enrolment = prepared(hand_made(post), post.places, "b")
    assert config is not None
    assert enrolment is None


def test_a_second_daemon_on_one_state_folder_is_refused_before_it_touches_anything(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    with post.process(), pytest.raises(JournalBusyError):
        prepared(tmp_path / "none.toml", post.places, "b")


def test_what_is_kept_can_be_lost_and_the_post_goes_on_without_papers(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.enrol()
    for name in ("kept.json", "kept.copy.json"):
        (post.places.state / name).write_bytes(b"\xff")
    with post.process() as life:
        assert life.config is not None
        assert life.config.box.device == BOX
        data = post.hq.envelope(life.box, 1, post.hq.files(life.box))
    outcome = post.plug({inbox.ENVELOPE: data})
    assert set(codes(outcome)) <= {"BP-505", "BP-501"}
    assert outcome.sequence == 1


def test_other_verbs_find_the_configuration_that_an_envelope_brought(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    absent, made = tmp_path / "none.toml", tmp_path / "made.toml"
    assert found_config(absent, post.places.state) == absent
    post.enrol()
    assert found_config(absent, post.places.state) == post.places.config / "current" / "edge.toml"
    made.touch()
    assert found_config(made, post.places.state) == made


def test_a_look_from_outside_makes_nothing(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    with pytest.raises(NotEnrolledError):
        look(post.places.state, post.places.national)
    assert not post.places.state.exists()
    post.enrol()
    found = look(post.places.state, post.places.national)
    assert (found["device"], found["sequence"], found["pending"]) == (BOX, 1, "")


def test_keys_of_another_machine_leave_the_configuration_running(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    post.enrol()
    (post.places.identity / identity.SECRET).write_bytes(bytes(32))
    with post.process() as life:
        assert life.box.identity.lost
        assert life.config is not None
        assert life.box.sequence == 1


def test_places_are_one_object() -> None:
    from edge.enrol.places import Places

    assert dataclasses.replace(Places(), state=Path("/s")).kept == Path("/s/kept.json")


def test_what_befalls_a_blank_boxs_journal_never_waits_for_headquarters(tmp_path: Path) -> None:
    post = Post(tmp_path, Headquarters())
    with post.process() as life:
        before = life.journal.counts()
        first = life.journal.renew_epoch("disk_copied")
        after = life.journal.counts()
        assert (after.epoch, after.pending, after.newest) == (first, 0, 0)
        assert after.audit_number == before.audit_number + 1  # it is in the chain all the same
        assert life.journal.verify_audit().sound
    post.enrol()
    with post.process() as life:
        assert {item.device for item in life.journal.pending_all()} <= {""}  # all of them may go over the link
        assert [shelf.device for shelf in life.journal.shelves()] == [""]
        told = life.journal.counts().pending
        life.journal.renew_epoch("disk_copied")
        assert life.journal.counts().pending == told + 1  # an enrolled box tells headquarters
