"""The real command: a blank box, a claim, an envelope, then a box that reads; each process ends by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from box_world import WAIT_S, until
from enrol_kit import BOX, NONCE, NOW, Headquarters, Post

from edge.core.provisioning import inbox
from edge.core.provisioning.inbox import BoxFacts
from edge.core.provisioning.request import read_request
from edge.desk import DeskClient
from edge.enrol import identity

COMMAND = str(Path(sys.executable).parent / "borderpost")


class Box:
    """``borderpost run`` in a folder, and whoever starts it again."""

    def __init__(self, post: Post) -> None:
        self.post, self.process = post, None
        self.log = post.places.state.parent / "log"
        self.environ = {**os.environ, "BORDERPOST_STATE": str(post.places.state)}
        self.environ.pop("CREDENTIALS_DIRECTORY", None)

    def verb(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *words], capture_output=True, text=True, env=self.environ, check=False,
            timeout=60,
        )

    def start(self) -> None:
        places = self.post.places
        words = [
            "run", "--config", str(places.state.parent / "none.toml"), "--national", places.national,
            "--state", places.state, "--inbox", places.inbox, "--facts", places.facts, "--runtime", places.runtime,
            "--console", places.console,
        ]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [COMMAND, *map(str, words)], stdout=out, stderr=out, env=self.environ
            )

    def until_outcome(self, folder: Path) -> inbox.StickOutcome:
        def there() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                assert self.process.returncode == 0, self.log.read_text()
                self.start()  # systemd: Restart=always
            return (folder / inbox.OUTCOME).exists()

        until(there, "the outcome of the stick", 4 * WAIT_S)
        return self.post.outcome(folder)

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT_S)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(Post(tmp_path, Headquarters()))
    yield made
    if made.process is not None:
        made.stop()


def test_a_blank_box_becomes_a_post_that_screens(box: Box) -> None:
    post = box.post
    box.start()
    facts = post.places.facts
    until(facts.exists, "the box says who it is")
    blank = msgspec.json.decode(facts.read_bytes(), type=BoxFacts)
    assert (blank.device, blank.code, blank.country) == ("", "", "UTO")

    first = box.until_outcome(post.offer({inbox.CLAIM: post.hq.claim_paper()}))
    assert [str(p.code) for p in first.parts] == ["BP-101"]
    asked = read_request((post.places.inbox / "1" / "out" / "request.json").read_bytes())
    until(lambda: asked.code in facts.read_text(), "the box shows the code that headquarters computes")
    screen, shown = post.places.console, "   ".join(asked.code.split("-"))
    assert screen is not None
    until(lambda: shown in screen.read_text(), "the code is on the screen")
    told = json.loads(box.verb("identity", "--national", str(post.places.national), "--json").stdout)
    assert (told["serial"], told["code"], told["device"]) == (blank.serial, asked.code, "")
    assert asked.code not in "".join(
        p.read_text(errors="replace") for p in (post.places.inbox / "1" / "out").iterdir()
    )

    keys = identity.open_if_there(post.places.identity, {})
    assert keys is not None
    hq = post.hq
    with tempfile.TemporaryDirectory() as short:
        sealed = hq.envelope(_Known(keys), 1, {
            "edge.toml": hq.toml(box=f'state_dir = "{post.places.state}"\nsocket = "{short}/desk"'),
            "device.pem": hq.authority.issue(keys.device_key.public_key(), BOX),
            "ca.pem": hq.authority.pem(),
        }, nonce=NONCE, not_after=NOW.replace(year=2040))
        second = box.until_outcome(post.offer({inbox.ENVELOPE: sealed}))
        assert str(second.parts[0].code) == "BP-102"
        assert (second.device, second.sequence) == (BOX, 1)
        until(lambda: Path(short, "desk").exists(), "the desk is open")
        with DeskClient(Path(short, "desk"), WAIT_S) as desk:
            status = desk.ask({"do": "status"})["status"]
        assert status["device"] == BOX
        assert status["enrolment"]["serial"] == blank.serial
        assert status["enrolment"]["pending"] == ""
        assert (post.places.runtime / "device.key").stat().st_mode & 0o777 == 0o600
        said = box.verb("status", "--config", str(post.places.state.parent / "none.toml"))
        assert f"serial {blank.serial}" in said.stdout, said.stderr

        third = box.until_outcome(post.offer({inbox.RESET: _reset(hq, keys)}))
        assert "BP-106" in [str(p.code) for p in third.parts]
        until(lambda: blank.serial not in facts.read_text(), "the box has another name")
    assert box.stop() == 0
    assert "PRIVATE" not in box.log.read_text()


class _Known:
    """What the kit needs of a box: its identity."""

    def __init__(self, keys: identity.Identity) -> None:
        self.identity = keys


def _reset(hq: Headquarters, keys: identity.Identity) -> bytes:
    return hq.reset_paper(_Known(keys), 2, expires=NOW.replace(year=2040))
