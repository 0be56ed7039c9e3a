"""Rows of a box that was reset: nowhere else, so they wait in the inbox until a stick has taken them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from stick_kit import LIMITS, SERIAL, Daemon, FailingLayer, Post, codes

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code
from edge.core.provisioning.result_text import part
from provisioning.stick.layer import Layer

ROWS = b"sealed rows" * 100


class Full(Layer):
    """A stick with room for the result alone."""

    def room(self, folder):
        return LIMITS.result_room + 200


@pytest.fixture
def post(tmp_path):
    return Post(tmp_path)


def after_reset(_folder, _offer, out):
    (out / inbox.ROWS).write_bytes(ROWS)
    (out / inbox.LOGS).write_bytes(b"sealed log")
    return (part("reset", Code.RESET_DONE), part("rows", Code.ROWS_WRITTEN))


def rows_on(post: Post) -> bytes:
    return (post.papers / "out" / SERIAL / inbox.ROWS).read_bytes()


def waiting(post: Post) -> Path:
    return post.inbox / "1" / inbox.OUT / inbox.ROWS


def test_a_stick_that_was_pulled_leaves_the_rows_for_the_next_one(post):
    pulled = FailingLayer(1, errno.EIO, calls=("write",))
    with Daemon(post, after_reset).running():
        post.visit(stick_layer=pulled)
    assert pulled.failed
    assert waiting(post).read_bytes() == ROWS
    assert not waiting(post).with_name(inbox.LOGS).exists()
    with Daemon(post).running():
        post.visit()
    assert "RESULT-1.txt" in post.results()
    assert rows_on(post) == ROWS
    assert post.offers() == []


def test_a_full_stick_leaves_them_too_and_says_so(post):
    with Daemon(post, after_reset).running():
        outcome = post.visit(stick_layer=Full())
    assert Code.STICK_FULL in codes(outcome)
    assert "RESULT-1.txt" in post.results()
    assert inbox.ROWS not in post.results()
    assert waiting(post).read_bytes() == ROWS
    with Daemon(post, lambda *_: ()).running():
        post.visit(stick_layer=Full())
    assert waiting(post).read_bytes() == ROWS
    with Daemon(post, lambda *_: ()).running():
        post.visit()
    assert rows_on(post) == ROWS
    assert not waiting(post).exists()


def test_however_many_answers_wait_these_rows_stay(post):
    import dataclasses

    few = dataclasses.replace(LIMITS, kept=2)
    with Daemon(post, after_reset).running():
        post.visit(stick_layer=FailingLayer(1, errno.EIO, calls=("write",)), limits=few)
    for _ in range(5):
        with Daemon(post).running():
            post.visit(stick_layer=FailingLayer(1, errno.EIO, calls=("write",)), limits=few)
    assert waiting(post).read_bytes() == ROWS
    assert len(post.offers()) <= 4


def test_rows_of_a_box_that_has_them_still_are_not_kept(post):
    with Daemon(post).running():
        post.visit(stick_layer=FailingLayer(1, errno.EIO, calls=("write",)))
    assert not waiting(post).exists()
    assert (post.inbox / "1" / inbox.OUTCOME).exists()
