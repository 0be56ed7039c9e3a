"""A stick pulled, a process killed, a disk failing: at every single operation of a visit, one after the other.

What must hold each time: an offer that the daemon sees is whole and is byte for byte what headquarters signed; what is
on the stick is the old file or the new one; and the next visit works as if nothing had been.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path

import pytest
from stick_kit import SERIAL, Daemon, FailingLayer, Post, codes, refused

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code
from provisioning.stick.layer import Layer


@pytest.fixture
def post(tmp_path):
    found = Post(tmp_path)
    found.full_stick()
    return found


def papers(post: Post) -> dict[str, bytes]:
    """What a visit stages when nothing goes wrong."""
    return {
        inbox.CLAIM: (post.papers / "claim/north.claim").read_bytes(),
        inbox.ENVELOPE: (post.papers / f"prov/{SERIAL}.prov").read_bytes(),
        inbox.RESET: (post.papers / f"reset/{SERIAL}.reset").read_bytes(),
        inbox.TIME: (post.papers / "time/now.time").read_bytes(),
    }


def clean(post: Post) -> None:
    for folder in (post.inbox, post.papers / "out"):
        shutil.rmtree(folder, ignore_errors=True)
    post.inbox.mkdir()


def check_files(post: Post) -> None:
    """Nothing half written on the stick under its own name."""
    for name in post.results():
        data = (post.papers / "out" / SERIAL / name).read_bytes()
        if name == inbox.ROWS:
            assert data == b"sealed rows" * 100
        elif name.endswith(".txt"):
            assert data.startswith(b"\xef\xbb\xbf")
            assert b"English" in data or b"ENGLISH" in data
        elif name.endswith(".json"):
            assert data.endswith(b"}\n")


def operations(post: Post) -> int:
    layer = FailingLayer(None, 0)
    with Daemon(post).running():
        assert codes(post.visit(stick_layer=layer)) == [Code.APPLIED, Code.ROWS_WRITTEN]
    clean(post)
    return layer.count


@pytest.mark.parametrize("number", [errno.EIO, errno.ENODEV])
def test_a_stick_pulled_at_any_operation_leaves_whole_offers_or_empty_ones(post, number):
    whole, count = papers(post), operations(post)
    assert count > 80
    texts = 0
    for at in range(1, count + 1):
        layer = FailingLayer(at, number)
        with Daemon(post).running() as daemon:
            outcome = post.visit(stick_layer=layer)
            assert layer.failed
            assert daemon.seen[1] in ({}, whole), f"operation {at}"
            check_files(post)
            if "RESULT-1.txt" in post.results():
                texts += 1  # pulled after the last file was renamed
            else:
                assert Code.READ_ERROR in refused(outcome), f"operation {at}"
                assert (post.inbox / "1").exists()
            if at % 7 == 0:  # the next stick carries what this one did not
                assert refused(post.visit()) == []
                assert {"RESULT-1.txt", "RESULT-2.txt"} <= set(post.results()), f"operation {at}"
                assert post.offers() == []
        clean(post)
    assert texts <= 3


def test_a_single_failing_operation_never_stages_anything_but_what_was_signed(post):
    whole, count = papers(post), operations(post)
    for at in range(1, count + 1):
        with Daemon(post).running() as daemon:
            post.visit(stick_layer=FailingLayer(at, errno.EIO, once=True))
        assert all(whole[name] == data for name, data in daemon.seen[1].items()), f"operation {at}"
        check_files(post)
        clean(post)


@pytest.mark.parametrize(("number", "code"), [(errno.ENOSPC, Code.DISK_FULL), (errno.EIO, Code.DISK_ERROR)])
def test_the_boxs_own_disk_failing_at_any_operation_offers_nothing_half(post, number, code):
    layer = FailingLayer(None, 0)
    whole = papers(post)
    with Daemon(post).running():
        post.visit(box_layer=layer)
    clean(post)
    for at in range(1, layer.count + 1):
        with Daemon(post).running() as daemon:
            outcome = post.visit(box_layer=FailingLayer(at, number))
            told = refused(outcome)
            assert told[:1] == [code], f"operation {at}"
            assert all(files in ({}, whole) for files in daemon.seen.values()), f"operation {at}"
            assert any(name.endswith(".txt") for name in post.results()), f"operation {at}"
            assert refused(post.visit()) == []
        clean(post)


CALLS = frozenset(name for name in vars(Layer) if not name.startswith("_"))


class Killing(Layer):
    """Ends the process, as a power cut does, in front of its n-th operation."""

    def __init__(self, at: int, shared: list[int]) -> None:
        self._at, self._shared = at, shared

    def __getattribute__(self, name: str):
        if name in CALLS:
            shared, at = object.__getattribute__(self, "_shared"), object.__getattribute__(self, "_at")
            shared[0] += 1
            if shared[0] == at:
                os._exit(9)
        return super().__getattribute__(name)


def killed_visit(post: Post, at: int) -> bool:
    """A visit in a process of its own that dies at its n-th operation, wherever that is; False if it ended."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            shared = [0]
            post.visit(stick_layer=Killing(at, shared), box_layer=Killing(at, shared))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.timeout(300)
def test_a_process_killed_at_any_operation_leaves_whole_offers_and_the_next_visit_works(post):
    whole = papers(post)
    at, died = 1, True
    daemon = Daemon(post)
    while died:
        daemon = Daemon(post)
        with daemon.running():
            died = killed_visit(post, at)
        for number, files in daemon.seen.items():
            assert files == whole, f"operation {at}, visit {number}"
        check_files(post)
        if died and at % 5 == 0:
            with Daemon(post).running():
                after = post.visit()
            assert refused(after) == [], f"operation {at}"
            assert {f"RESULT-{n}.txt" for n in (*daemon.seen, after.number)} <= set(post.results())
            assert post.offers() == []
            assert not [path for path in post.inbox.iterdir() if path.name.startswith((".staging", ".scratch"))]
        clean(post)
        at += 1
    assert at > 90
    assert set(daemon.seen) == {1}


def test_a_box_that_restarts_in_the_middle_answers_the_same_visit(post):
    """The daemon goes away after it has seen the offer, and another one answers: the visit does not notice."""
    first, second = Daemon(post), Daemon(post)
    naps = []

    def nap(_seconds):
        naps.append(1)
        if len(naps) == 5:
            assert first.seen == {}
            assert [path.name for path in post.inbox.iterdir() if path.name.isdigit()] == ["1"]
            second.turn()

    outcome = post.visit(nap=nap)
    assert codes(outcome) == [Code.APPLIED, Code.ROWS_WRITTEN]
    assert Path(post.papers / "out" / SERIAL / "RESULT-1.txt").exists()


def test_a_visit_that_was_begun_before_with_the_same_stick_says_so(post):
    class Named:
        """A folder that has a USB serial number."""

        stick, file_system = "AA00", "vfat"

        def open(self):
            return post.stick

        def writable(self):
            pass

        def in_order(self):
            return contextlib.nullcontext()

        def settle(self):
            pass

        def close(self):
            pass

        def there(self):
            return True

        def answers(self):
            return True

    clock = iter(range(0, 10**9))
    post.visit(Named(), now=lambda: float(next(clock)), nap=lambda _: None)
    with Daemon(post).running() as daemon:
        post.visit(Named())
    assert [offer.restaged for offer in daemon.offers.values()] == [False, True]
    assert daemon.offers[2].stick == "AA00"
    assert daemon.offers[2].file_system == "vfat"
