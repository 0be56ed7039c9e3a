"""A process killed at every flush, rename and removal of an application, a renewal, a refusal and a reset."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from enrol_deaths import DyingDisk, in_child
from enrol_kit import BOX, NONCE, Headquarters, Post, codes, tree

from edge.core.provisioning import inbox
from edge.core.provisioning.envelope import nonce_mark
from edge.enrol import asking, generations, kept
from edge.enrol.disk import Disk

pytestmark = pytest.mark.timeout(600)  # a process for every step, and a computer that has other work

MAX_STEPS = 400


class Bench:
    """A box that stands before the step under test, copied afresh for every death."""

    def __init__(self, folder: Path, prepare: Callable[[Post], None]) -> None:
        self.hq = Headquarters()
        self._folder = folder
        self._first = Post(folder / "first", self.hq)
        prepare(self._first)
        self.before = tree(self._first.places.state)

    def copies(self) -> Iterator[tuple[int, Post]]:
        """(n, post) with one process dead at its n-th step, for every n, over all processes until the outcome."""
        for at in range(1, MAX_STEPS):
            folder = self._folder / f"at-{at}"
            shutil.copytree(self._first.places.state.parent, folder, symlinks=True)
            post = Post(folder, self.hq)
            post.number = self._first.number
            died = self._live_until_death(post, at)
            if not died:
                shutil.rmtree(folder)
                return
            yield at, post
            shutil.rmtree(folder)
        raise AssertionError("more steps than expected")

    def _live_until_death(self, post: Post, at: int) -> bool:
        """Run processes; one counter goes over all of them. True if one died of it."""
        steps = post.places.state.parent / "steps"
        steps.write_text("0")

        def live() -> None:
            disk = DyingDisk(max(0, at - int(steps.read_text())))
            dying = Post.__new__(Post)
            dying.__dict__.update(post.__dict__)
            dying._disk = lambda: disk
            with dying.process() as life:
                life.look()
            steps.write_text(str(int(steps.read_text()) + disk.steps))

        for _ in range(6):
            code = in_child(live)
            if code == DyingDisk.CODE:
                return True
            assert code in (0, 99)
            if (post.places.inbox / str(post.number) / inbox.OUTCOME).exists():
                return False
        raise AssertionError("no outcome")


def finish(post: Post) -> inbox.StickOutcome:
    """What systemd does: start it again until the stick has its answer."""
    folder = post.places.inbox / str(post.number)
    for _ in range(6):
        if (folder / inbox.OUTCOME).exists():
            return post.outcome(folder)
        with post.process() as life:
            life.look()
    raise AssertionError("no outcome after the death")


def test_an_enrolment_killed_at_any_step_is_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    def prepare(post: Post) -> None:
        post.plug({inbox.CLAIM: post.hq.claim_paper()})
        with post.process() as life:
            data = post.hq.envelope(life.box, 1, post.hq.files(life.box), nonce=NONCE)
        post.offer({inbox.ENVELOPE: data})

    count = 0
    for _, post in Bench(tmp_path, prepare).copies():
        now, current = kept.load(post.places), generations.current(post.places)
        used = nonce_mark(NONCE) in now.nonces
        assert used is (now.sequence == 1)  # both or neither
        assert current == 1 or not used
        if current:
            assert set(generations.files_of(post.places, 1)) == {"edge.toml", "device.pem", "ca.pem"}
        outcome = finish(post)
        assert codes(outcome) == ["BP-102"]
        assert outcome.device == BOX
        assert generations.current(post.places) == kept.load(post.places).sequence == 1
        with post.process() as life:
            assert asking.waiting(asking.load(post.places, life.box.identity), kept.load(post.places)) == ()
        count += 1
    assert count > 30


def test_a_renewal_killed_at_any_step_leaves_the_old_generation_whole_until_the_new_one_counts(tmp_path: Path) -> None:
    old: dict[str, bytes] = {}

    def prepare(post: Post) -> None:
        post.enrol()
        old.update(generations.files_of(post.places, 1))
        with post.process() as life:
            pem = post.hq.authority.issue(life.box.identity.device_key.public_key(), BOX)
            post.offer({inbox.ENVELOPE: post.hq.envelope(life.box, 2, {"device.pem": pem})})

    count = 0
    for _, post in Bench(tmp_path, prepare).copies():
        assert generations.files_of(post.places, 1) == old
        assert generations.current(post.places) in (1, 2)
        outcome = finish(post)
        assert codes(outcome)[0] == "BP-102"
        new = generations.files_of(post.places, 2)
        assert new["edge.toml"] == old["edge.toml"]
        assert new["device.previous.pem"] == old["device.pem"] != new["device.pem"]
        count += 1
    assert count > 20


def test_a_configuration_that_cannot_run_killed_at_any_step_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is sound on paper, and then its first self-test fails, in every process."""
    from edge.enrol.enrolment import Enrolment

    class FailedError(Exception):
        pass

    def failing(self: Enrolment, _daemon: object) -> None:
        if generations.current(self.places) == 2:
            raise FailedError

    def prepare(post: Post) -> None:
        post.enrol()
        with post.process() as life:
            toml = post.hq.toml(more="[log]\nlevel = \"debug\"")
            post.offer({inbox.ENVELOPE: post.hq.envelope(life.box, 2, {"edge.toml": toml})})

    bench = Bench(tmp_path, prepare)
    monkeypatch.setattr(Enrolment, "_self_test", failing)
    count = 0
    for _, post in bench.copies():
        for _ in range(8):
            folder = post.places.inbox / str(post.number)
            if (folder / inbox.OUTCOME).exists():
                break
            try:
                with post.process() as life:
                    life.look()
            except FailedError:
                continue
        outcome = finish(post)
        assert codes(outcome)[0] == "BP-315"
        assert generations.current(post.places) == kept.load(post.places).sequence == 1
        assert "config/1/edge.toml" in tree(post.places.state)
        count += 1
    assert count > 20


def test_a_reset_killed_at_any_step_is_finished_and_keeps_the_marks(tmp_path: Path) -> None:
    serial = ""

    def prepare(post: Post) -> None:
        nonlocal serial
        post.enrol()
        with post.process() as life:
            serial = life.box.identity.serial
            life.daemon.state.raise_high_water("sltd", 7)
            post.offer({inbox.RESET: post.hq.reset_paper(life.box, 2)})

    count = 0
    for _, post in Bench(tmp_path, prepare).copies():
        outcome = finish(post)
        assert "BP-106" in codes(outcome)
        assert outcome.serial == serial
        after = kept.load(post.places)
        assert (after.sequence, after.resets, after.erasing) == (2, 1, "")
        assert nonce_mark(NONCE) in after.nonces
        assert generations.current(post.places) == 0
        with post.process() as life:
            assert life.box.identity.serial != serial
            assert life.daemon.state.high_water() == {"sltd": 7}
            assert life.config is None
        count += 1
    assert count > 20


def test_power_cuts_do_not_exhaust_the_tries(tmp_path: Path) -> None:
    hq = Headquarters()
    post = Post(tmp_path, hq)
    post.enrol()
    with post.process() as life:
        data = hq.envelope(life.box, 2, {"edge.toml": hq.toml(more='[log]\nlevel = "debug"')})
        folder = post.offer({inbox.ENVELOPE: data})
        life.look()

    def cut() -> None:
        from edge.enrol.enrolment import Enrolment

        box = Enrolment(post.places, disk=Disk(), boot=post.boot, environ={})
        box.begin()  # and then the power goes

    for boot in range(10):
        post.boot = f"cut-{boot}"
        assert in_child(cut) == 0
        assert generations.current(post.places) == 2
    for _ in range(3):  # but three starts of one boot that never come up are enough
        post.boot = "hanging"
        assert in_child(cut) == 0
    with post.process() as life:
        assert generations.current(post.places) == 1
        life.look()
    assert codes(post.outcome(folder))[0] == "BP-315"
