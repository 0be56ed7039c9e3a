"""A committed configuration that cannot be read, or does not run, any more: the post goes on with what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from enrol_kit import BOX, Headquarters, Post, codes
from structlog.testing import capture_logs

from edge.core.provisioning import inbox
from edge.enrol import falling_back, generations
from edge.enrol.start import prepared


@pytest.fixture
def twice(tmp_path: Path) -> Post:
    """A box with generations 1 and 2."""
    post = Post(tmp_path, Headquarters())
    post.enrol()
    with post.process() as life:
        data = post.hq.envelope(life.box, 2, {"edge.toml": post.hq.toml(port="/dev/serial/by-id/other")})
    assert "BP-102" in codes(post.plug({inbox.ENVELOPE: data}))
    return post


def spoil(post: Post, number: int) -> None:
    path = generations.folder_of(post.places, number) / generations.CONFIG
    path.write_bytes(bytes(64) + path.read_bytes()[64:])


def test_one_bad_block_brings_back_the_generation_before(twice: Post) -> None:
    spoil(twice, 2)
    with capture_logs() as logs, twice.process() as life:
        assert life.config is not None
        assert life.config.reader[0].port == "/dev/serial/by-id/none"
        assert (life.box.generation, life.box.sequence) == (1, 2)
        assert life.alarms == ["configuration_damaged"]
    assert [line["generation"] for line in logs if line["event"] == "configuration_damaged"] == [2]
    assert generations.current(twice.places) == 2  # it may be read tomorrow
    (generations.folder_of(twice.places, 2) / generations.CONFIG).write_bytes(twice.hq.toml())
    with twice.process() as life:
        assert (life.box.generation, life.box.damage, life.alarms) == (2, "", [])


def test_with_none_left_it_waits_for_a_stick_and_never_ends_for_good(twice: Post) -> None:
    for number in (1, 2):
        spoil(twice, number)
    found, enrolment = prepared(twice.places.state / "none.toml", twice.places, "boot-2")
    assert found is None
    assert enrolment is not None
    assert "edge.toml" in enrolment.damage
    enrolment.close()


@pytest.mark.parametrize("bad", [(2,), (1, 2)])
def test_the_next_envelope_heals_it(twice: Post, bad: tuple[int, ...]) -> None:
    for number in bad:
        spoil(twice, number)
    with twice.process() as life:
        renewal = twice.hq.envelope(life.box, 3, twice.hq.files(life.box))
        stale = twice.hq.envelope(life.box, 2, twice.hq.files(life.box))
    assert "BP-305" in codes(twice.plug({inbox.ENVELOPE: stale}))
    assert "BP-102" in codes(twice.plug({inbox.ENVELOPE: renewal}))
    with twice.process() as life:
        assert (life.box.generation, life.box.damage) == (3, "")
        assert life.config is not None
        assert life.config.box.device == BOX


def test_a_configuration_that_does_not_run_any_more_is_passed_over_in_this_boot_alone(twice: Post) -> None:
    with twice.process() as life:
        assert not life.box.is_trying
        life.box.refuse("profiles/x.toml: a bad block")  # as `borderpost run` says it
    with twice.process() as life:
        assert life.box.generation == 1
        assert life.box.damage == "profiles/x.toml: a bad block"
        life.box.refuse("the same")
    with twice.process() as life:
        assert (life.config, life.box.generation) == (None, 0)
    twice.boot = "boot-2"
    with twice.process() as life:
        assert (life.box.generation, life.box.damage) == (2, "")


def test_another_software_looks_again(twice: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    with twice.process() as life:
        life.box.refuse("a key that this version does not know")
    monkeypatch.setattr(falling_back, "version", lambda _name: "99.0")
    with twice.process() as life:
        assert life.box.generation == 2


def test_a_generation_that_was_never_committed_is_no_candidate(twice: Post) -> None:
    spoil(twice, 2)
    (twice.places.config / "9").mkdir()
    assert falling_back.candidates(twice.places) == [2, 1]


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b'{"boot": "boot-1"}'])
def test_a_note_that_cannot_be_read_keeps_nothing_from_running(twice: Post, data: bytes) -> None:
    (twice.places.config / falling_back.FILE).write_bytes(data)
    with twice.process() as life:
        assert life.box.generation == 2


def test_while_it_waits_the_journal_stays_the_same_box_s(twice: Post) -> None:
    from edge.enrol.unprovisioned import _device

    with twice.process() as life:
        serial = life.box.identity.serial
    for number in (1, 2):
        spoil(twice, number)
    with twice.process() as life:
        assert life.config is None
        assert _device(life.box) == BOX
    (twice.places.config / "current").unlink()
    with twice.process() as life:
        assert _device(life.box) == serial
