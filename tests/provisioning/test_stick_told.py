"""What the stick's command tells at the end: no more than came to be, and what to do next."""

from __future__ import annotations

import errno
import os
import signal

import pytest
from click.testing import CliRunner
from stick_kit import LIMITS, SERIAL, Daemon, Post

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code
from edge.core.provisioning.result_text import explain, part
from provisioning.stick import back
from provisioning.stick.layer import Layer
from provisioning.verbs.stick import command


@pytest.fixture
def post(tmp_path):
    return Post(tmp_path)


def asking(_folder, _offer, out):
    """A bare box's answer to a claim."""
    (out / inbox.REQUEST).write_bytes(b"{}" * 500)
    return (part("claim", Code.REQUEST_WRITTEN),)


@pytest.mark.parametrize(("room", "written"), [(0, []), (LIMITS.result_room + 50, ["RESULT-1.json", "RESULT-1.txt"])])
def test_a_claim_on_a_full_stick_asks_for_nothing_and_says_so(post, monkeypatch, room, written):
    post.put("claim/a.claim", post.hq.claim_paper())
    monkeypatch.setattr(Layer, "room", lambda *_: room)
    if not written:
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(back, "write_all", full)
    words = ["--folder", str(post.stick), "--inbox", str(post.inbox), "--facts", str(post.run / "box.json"),
             "--national", str(post.national), "--show", "0", "--wait", "20"]  # fmt: skip
    mask = os.umask(0o022)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with Daemon(post, asking).running():
            done = CliRunner().invoke(command, words, catch_exceptions=False)
    finally:
        os.umask(mask)
        signal.signal(signal.SIGTERM, handler)
    assert done.exit_code == 1
    assert post.results() == written
    assert "BP-101" not in done.stderr
    assert "stick: BP-208" in done.stderr
    assert f"next:  BP-208: {explain(Code.STICK_FULL).step}" in done.stderr
    if written:
        text = (post.papers / f"out/{SERIAL}/RESULT-1.txt").read_text(encoding="utf-8-sig")
        assert "BP-208" in text
        assert "BP-101" not in text
