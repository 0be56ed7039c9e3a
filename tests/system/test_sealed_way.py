"""Persons, sealed: from a source to a verdict through the commands, with a stick, and a box that lacks a list's key."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hq import keys

EDGE = """\
[box]
device = "box-1"
state_dir = "{place}/state"
lists_dir = "{place}/lists"
socket = "{place}/box.sock"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["desk"]

[[reader]]
name = "desk"
driver = "text"
port = "desk.tty"

[clock]
source = "system"

[updates]
root = "{place}/root.json"
folder = "{place}/stick"
"""
PERSONS = "reference,surname,given_names,birth_date\n"
MAIN = {"hq": "from hq.cli import main; main()", "box": "from edge.cli import main; main()"}


class House:
    """Headquarters in a folder with two lists of persons, and a box that gets what a stick carries."""

    def __init__(self, place: Path) -> None:
        self.place = place
        keys.create(place / "keys")
        (place / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n')
        lines = keys.public_lines(place / "keys/seal.pem", place / "keys/ack.pem", passphrase=None).toml()
        (place / "edge.toml").write_text(EDGE.format(place=place) + "\n" + lines)
        (place / "state").mkdir(mode=0o700)

    def run(self, program: str, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        more = ("--config", "edge.toml") if program == "box" else ()
        done = subprocess.run(
            [sys.executable, "-c", MAIN[program], *words, *more], capture_output=True, text=True, timeout=60,
            check=False, cwd=self.place,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def publish(self, *lists: str) -> None:
        self.run("hq", "keys", "seal-lists", "--lists", "clear", "--out", "sealed")
        for list_id in lists:
            key = f"signing/list-{list_id}.pem"
            self.run("hq", "publish", "list", "repo", list_id, "--from", "sealed", "--key", key)
        online = ("--key", "signing/snapshot.pem", "--key", "signing/timestamp.pem")
        self.run("hq", "publish", "timestamp", "repo", *online)
        shutil.rmtree(self.place / "stick", ignore_errors=True)
        for name in ("metadata", "targets"):
            shutil.copytree(self.place / "repo" / name, self.place / "stick" / name)

    def build(self, list_id: str, *rows: str) -> None:
        (self.place / f"{list_id}.csv").write_text(PERSONS + "".join(f"{row}\n" for row in rows))
        self.run("hq", "lists", "build", "--out", "clear", "--source", f"persons-csv@{list_id}:{list_id}.csv")

    def update(self, code: int = 0) -> dict[str, dict[str, Any]]:
        found = json.loads(self.run("box", "lists", "update", "--json", code=code).stdout)
        return {row["list"]: row for row in found["updates"][0]["lists"]}

    def outcome(self, surname: str) -> str:
        words = ("screen", "--surname", surname, "--given-names", "Tamur", "--birth-date", "1979-03-02", "--json")
        done = subprocess.run(
            [sys.executable, "-c", MAIN["box"], *words, "--config", "edge.toml"], capture_output=True, text=True,
            timeout=60, check=False, cwd=self.place,
        )  # fmt: skip
        return str(json.loads(done.stdout)["outcome"])


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.run("hq", "keys", "list-key", "--list", "national", "--generation", "1")
    line = house.run("box", "lists", "box-key").stdout.strip()
    house.run("hq", "keys", "seal-ring", "--box", line, "--out", "state/list-keys.sealed")
    house.run("hq", "keys", "list-key", "--list", "un", "--generation", "1")  # after the box's ring was made
    house.run("hq", "publish", "init", "repo", "--keys", "signing", "--list", "national", "--list", "un")
    shutil.copy(tmp_path / "repo" / "metadata" / "1.root.json", tmp_path / "root.json")
    house.build("national", "N-1,Zarqelli,Tamur,1979-03-02")
    house.build("un", "U-1,Marwazeh,Tamur,1979-03-02")
    house.publish("national", "un")
    return house


def test_a_sealed_list_is_published_taken_and_asked_and_one_without_its_key_stops_no_other(house: House) -> None:
    taken = house.update(code=1)
    assert (taken["national"]["outcome"], taken["national"]["now"]) == ("updated", 1)
    assert (taken["un"]["outcome"], taken["un"]["refused"]["code"]) == ("refused", "no_key")
    assert not (house.place / "lists" / "un").exists()
    assert b"Zarqelli".upper() not in (house.place / "lists/national/0000000001/persons.bin").read_bytes().upper()
    assert house.outcome("Zarqelli") == "HIT"
    assert house.outcome("Marwazeh") != "HIT"
    told = house.run("box", "doctor", code=1).stdout  # a reader is not there either
    (line,) = [number for number, text in enumerate(told.splitlines()) if "update of un" in text]
    assert "sealed by a key that is not on this box" in told.splitlines()[line]
    assert "keys seal-ring" in "".join(told.splitlines()[line : line + 2])
    # what `doctor` says next is done, and the box has both
    box = house.run("box", "lists", "box-key").stdout.strip()
    house.run("hq", "keys", "seal-ring", "--box", box, "--out", "state/list-keys.sealed")
    taken = house.update()
    assert (taken["national"]["outcome"], taken["un"]["outcome"], taken["un"]["now"]) == ("current", "updated", 1)
    assert house.outcome("Marwazeh") == "HIT"
    # the next generation, sealed by the same key: who was removed is gone
    house.build("national", "N-2,Qadrovan,Tamur,1979-03-02")
    house.publish("national")
    assert house.update()["national"]["now"] == 2
    assert (house.outcome("Zarqelli"), house.outcome("Qadrovan")) == ("CLEAR", "HIT")
