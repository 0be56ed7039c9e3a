"""The whole command on FAT images: packed and unpacked by mtools around the process, never mounted here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stick_kit import OTHER, SERIAL, Daemon, Headquarters, Post, make_image, pack_out, unpack

from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code
from edge.core.provisioning.inbox import BoxFacts

ROOT = Path(__file__).resolve().parents[2]


def stick(post: Post, folder: Path, *words: str, code: int = 0) -> str:
    """The command as the unit runs it, but on a folder."""
    command = [
        sys.executable, "-c", "from provisioning.cli import main; main()", "stick", "--folder", str(folder),
        "--inbox", str(post.inbox), "--facts", str(post.run / "box.json"), "--national", str(post.national),
        "--show", "0", "--json", *words,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code in (0, 1) else done.stderr


def test_one_image_goes_to_two_boxes_and_back_to_headquarters(tmp_path):
    hq = Headquarters()
    desk = Post(tmp_path / "desk", hq=hq)
    desk.full_stick()
    image = tmp_path / "stick.img"
    make_image(image, desk.stick)
    for serial in (SERIAL, OTHER):
        post = Post(tmp_path / serial, hq=hq, facts=BoxFacts(serial=serial))
        mounted = tmp_path / f"mounted-{serial}"
        unpack(image, mounted)
        with Daemon(post).running() as daemon:
            told = json.loads(stick(post, mounted))
        assert [one["code"] for one in told["parts"]] == ["BP-102", "BP-105"]
        assert daemon.seen[1][inbox.ENVELOPE] == (desk.papers / f"prov/{serial}.prov").read_bytes()
        pack_out(image, mounted)
    back = tmp_path / "back"
    unpack(image, back)
    for serial in (SERIAL, OTHER):
        out = back / "BORDERPOST" / "out" / serial
        assert sorted(path.name for path in out.iterdir()) == ["RESULT-1.json", "RESULT-1.txt", "rows.sealed"]
        assert (out / "RESULT-1.txt").read_text(encoding="utf-8-sig").count("BP-102") >= 3  # in each language
    prov = f"prov/{SERIAL}.prov"
    assert (back / "BORDERPOST" / prov).read_bytes() == (desk.papers / prov).read_bytes()


def test_old_short_names_in_capitals_are_found(tmp_path):
    """A PC that knows 8.3 names alone leaves PROV and CLAIM behind; long names keep their case."""
    post = Post(tmp_path)
    post.put("PROV/" + f"{SERIAL}.prov", post.hq.envelope())
    post.put("CLAIM/N.CLAIM", post.hq.claim_paper())
    make_image(tmp_path / "image", post.stick)
    unpack(tmp_path / "image", tmp_path / "mounted")
    with Daemon(post).running() as daemon:
        stick(post, tmp_path / "mounted")
    assert set(daemon.seen[1]) == {inbox.ENVELOPE, inbox.CLAIM}


def test_exit_code_one_when_all_was_refused_and_the_journal_is_told_why(tmp_path):
    post = Post(tmp_path)
    post.put("claim/a.claim", b"no paper")
    with Daemon(post, lambda *_: ()).running():
        told = json.loads(stick(post, post.stick, code=1))
    assert [one["code"] for one in told["parts"]] == ["BP-303"]


def test_what_is_staged_belongs_to_the_group_and_to_nobody_else(tmp_path):
    post = Post(tmp_path)
    post.full_stick()
    modes = {}

    def answer(folder, _offer, _out):
        modes.update({path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]})
        return ()

    with Daemon(post, answer).running():
        stick(post, post.stick, code=1)
    assert modes["1"] == 0o770
    assert modes[inbox.ENVELOPE] == modes[inbox.OFFER] == 0o660


@pytest.mark.parametrize("words", [[], ["sda1", "--folder", "."], ["--wait", "0", "sda1"]])
def test_a_call_that_makes_no_sense_is_refused(words):
    command = [sys.executable, "-c", "from provisioning.cli import main; main()", "stick", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == 2
    assert "Usage" in done.stderr


def test_a_pull_as_systemd_tells_it_ends_the_process_dark_and_at_once(tmp_path):
    """The unit is bound to the device: a pull is a SIGTERM."""
    post = Post(tmp_path)
    post.full_stick()
    led = tmp_path / "led"
    led.mkdir()
    command = [sys.executable, "-c", "from provisioning.cli import main; main()", "stick", "--folder", str(post.stick),
               "--inbox", str(post.inbox), "--facts", str(post.run / "box.json"), "--national", str(post.national),
               "--light", str(led)]  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        while not (post.inbox / "1").exists() and process.poll() is None:
            time.sleep(0.01)
        process.terminate()
        assert process.wait(timeout=20) == 143
    assert (led / "brightness").read_text() == "0"
    assert (post.inbox / "1" / inbox.OFFER).exists()  # the daemon may go on with it
    with Daemon(post).running():
        assert Code.APPLIED in [part.code for part in post.visit().parts]
    assert {"RESULT-1.txt", "RESULT-2.txt"} <= set(post.results())
