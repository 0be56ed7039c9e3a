"""Keyed lists from source to verdict, through the commands: key, build, delta, ring for the box, question."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from common.command import guarded
from edge.cli import borderpost
from edge.core.keyed import card as cards
from edge.core.keyed import delta as deltas
from edge.core.keyed.header import decode
from edge.keyed_files import KeyedList
from edge.keyed_install import install_base
from hq import keys
from hq.cli import headquarters
from hq.list_keys import RingFile

EDGE = """\
[box]
device = "box-1"
state_dir = "{state}"
lists_dir = "{lists}"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["desk"]

[[reader]]
name = "desk"
driver = "virtual"
port = "/dev/null"
"""
SLTD = "document_number,issuing_state,fraud_category,document_type,review_date\n"
VEHICLES = """\
plate,plate_state,vin,category
AB 123 CD,UTO,1M8GDM9AXKP042788,stolen
ZZ 9,,,embezzled
"""
FIREARMS = "serial,make,calibre,category\nA 123456,Utopia Arms,9x19,stolen\nB77777,,,trafficked\n"


PROGRAMS: dict[str, click.Command] = {"hq": headquarters, "box": borderpost}


def run(program: str, *arguments: str | Path, cwd: Path) -> Said:
    """A whole command as the console script runs it, in this process: one that is started takes a second."""
    with contextlib.chdir(cwd), CliRunner().isolation() as (out, err, _):
        code = guarded(lambda: PROGRAMS[program].main([*map(str, arguments)], program, standalone_mode=False))
        sys.stderr.flush()
    return Said(code, out.getvalue().decode(), err.getvalue().decode())


def done(program: str, *arguments: str | Path, cwd: Path) -> Said:
    result = run(program, *arguments, cwd=cwd)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


class House:
    """Headquarters in a folder, and a box beside it."""

    def __init__(self, place: Path) -> None:
        self.place = place
        keys.create(place / "keys")
        (place / "hq.toml").write_text('[keys]\nseal = ["keys/seal.pem"]\nack = "keys/ack.pem"\n')
        self.ring = RingFile(place / "keys/list-keys.ring", keys.load_seal([place / "keys/seal.pem"], None))
        self.edge = place / "edge.toml"
        lines = keys.public_lines(place / "keys/seal.pem", place / "keys/ack.pem", passphrase=None).toml()
        self.edge.write_text(EDGE.format(state=place / "state", lists=place / "box") + "\n" + lines)

    def key(self, list_id: str, generation: int = 1) -> None:
        done("hq", "keys", "list-key", "--list", list_id, "--generation", str(generation), cwd=self.place)

    def build(self, source: str, text: str, *more: str, list_id: str = "sltd") -> Said:
        (self.place / "source.csv").write_text(text)
        return run(
            "hq", "lists", "build", "--out", "lists", "--source", f"{source}@{list_id}:source.csv",
            "--keyed", f"{list_id}=keys/list-keys.ring", "--json", *more, cwd=self.place,
        )  # fmt: skip

    def folder(self, list_id: str) -> Path:
        return self.place / "lists" / list_id

    def base(self, generation: int, list_id: str = "sltd") -> Path:
        return self.folder(list_id) / f"base-{generation:010d}.sdl"

    def to_box(self, list_id: str) -> None:
        """What an update does, and the ring that headquarters seals for the box."""
        place = self.place / "box" / list_id
        install_base(place, list_id, [max(self.folder(list_id).glob("base-*")).read_bytes()])
        (place / cards.FILE_NAME).write_bytes((self.folder(list_id) / cards.FILE_NAME).read_bytes())
        line = done("box", "lists", "box-key", "--config", self.edge, cwd=self.place).stdout.strip()
        done("hq", "keys", "seal-ring", "--box", line, "--out", "state/list-keys.sealed", cwd=self.place)

    def ask(self, *arguments: str) -> dict[str, Any]:
        result = run("box", *arguments, "--config", self.edge, "--json", cwd=self.place)
        found = json.loads(result.stdout)
        assert isinstance(found, dict)
        assert result.returncode == (0 if found["outcome"] == "CLEAR" else 1)
        return found


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def sltd(numbers: range) -> str:
    return SLTD + "".join(f"C{n:07d},UTO,stolen,P,2040-01-01\n" for n in numbers)


def report(result: Said) -> dict[str, Any]:
    assert result.returncode == 0, result.stdout + result.stderr
    found = json.loads(result.stdout)["keyed"][0]
    assert isinstance(found, dict)
    return found


def test_from_source_to_verdict(house: House) -> None:
    house.key("sltd")
    made = report(house.build("sltd-csv", sltd(range(3000)), "--ages", "sltd=2,7,30", "--source-date", "2026-02-01"))
    assert (made["generation"], made["since"], made["records"], made["added"]) == (1, None, 3000, 3000)
    names = sorted(p.name for p in house.folder("sltd").iterdir())
    assert names == ["base-0000000001.sdl", "card.json", "plain-0000000001.sdp"]
    card = cards.decode((house.folder("sltd") / cards.FILE_NAME).read_bytes())
    assert (card.thing, card.silent, card.erase_after_s, card.warn_after_s) == ("documents", False, 2_592_000, 172_800)
    house.to_box("sltd")
    seen = done("box", "lists", "inspect", "box", "--config", house.edge, "--json", cwd=house.place)
    (entry,) = json.loads(seen.stdout)["lists"]
    assert (entry["sound"], entry["generation"], entry["records"]) == (True, 1, 3000)
    assert entry["source_date"] == "2026-02-01T00:00:00Z"
    plain = done("box", "lists", "inspect", "box", "--config", house.edge, cwd=house.place).stdout
    assert "3,000 records of documents (keyed, base 1)" in plain
    found = house.ask("screen", "--document-number", "C0000007", "--issuing-state", "UTO", "--max-age", "100000")
    assert (found["outcome"], found["reasons"][0]["category"]) == ("HIT", "stolen")
    assert found["coverage"][0]["records"] == 3000
    calm = house.ask("screen", "--document-number", "D0000007", "--issuing-state", "UTO", "--max-age", "100000")
    assert (calm["outcome"], calm["coverage"][0]["state"]) == ("INCOMPLETE", "stale")  # by the card's own 7 days


def test_the_next_generation_tells_what_changed_and_its_delta_leads_there(house: House) -> None:
    house.key("sltd")
    report(house.build("sltd-csv", sltd(range(1000))))
    made = report(house.build("sltd-csv", sltd(range(20, 1100)).replace("C0000500,UTO,stolen", "C0000500,UTO,lost")))
    assert (made["since"], made["records"]) == (1, 1080)
    assert (made["added"], made["removed"], made["kept"]) == (101, 21, 979)
    command = ("hq", "lists", "diff", house.base(1), house.base(2))
    told = done(*command, "--json", "--delta", "1-2.sdd", cwd=house.place)
    found = json.loads(told.stdout)
    assert (found["added"], found["removed"], found["changed"], found["old_records"]) == (100, 20, 1, 1000)
    assert found["removed_share"] == 0.02
    data = (house.place / "1-2.sdd").read_bytes()
    assert (deltas.decode(data).since, deltas.decode(data).to) == (1, 2)
    folder = house.place / "box" / "sltd"
    install_base(folder, "sltd", [house.base(1).read_bytes()])
    (entry,) = house.ring.read().entries
    KeyedList.open(folder, "sltd", {entry.key_id: entry.key}.get).apply(data)
    serving = KeyedList.open(folder, "sltd", {entry.key_id: entry.key}.get)
    assert serving.header.digest == decode(house.base(2).read_bytes()).digest
    words = done(*command, cwd=house.place).stdout
    assert "records: 1,000 -> 1,080: 100 new, 20 gone, 1 changed" in words


def test_a_delta_that_removes_too_much_is_not_written_without_force(house: House) -> None:
    house.key("sltd")
    report(house.build("sltd-csv", sltd(range(100))))
    report(house.build("sltd-csv", sltd(range(50))))
    command = ("hq", "lists", "diff", house.base(1), house.base(2), "--delta", "d.sdd")
    refused = run(*command, cwd=house.place)
    assert refused.returncode == 1
    assert "50.0%" in refused.stderr
    assert not (house.place / "d.sdd").exists()
    done(*command, "--max-removed", "60%", cwd=house.place)
    (house.place / "d.sdd").unlink()
    done(*command, "--force", cwd=house.place)
    backwards = run("hq", "lists", "diff", house.base(2), house.base(1), "--delta", "e.sdd", cwd=house.place)
    assert backwards.returncode == 1
    assert not (house.place / "e.sdd").exists()


def test_two_folders_are_compared_by_their_newest_bases_and_cards(house: House) -> None:
    house.key("sltd")
    report(house.build("sltd-csv", sltd(range(100)), "--silent", "sltd"))
    (house.place / "lists").rename(house.place / "before")
    report(house.build("sltd-csv", sltd(range(101)), "--generation", "2"))
    told = done("hq", "lists", "diff", "before/sltd", "lists/sltd", cwd=house.place).stdout
    assert "no longer silent" in told
    damaged = house.base(2)
    data = bytearray(damaged.read_bytes())
    data[5000] ^= 1
    damaged.write_bytes(data)
    refused = run("hq", "lists", "diff", "before/sltd", "lists/sltd", cwd=house.place)
    assert (refused.returncode, "damaged" in refused.stderr) == (1, True)


def test_a_lost_plain_file_is_named_with_what_to_do(house: House) -> None:
    house.key("sltd")
    report(house.build("sltd-csv", sltd(range(10))))
    (house.folder("sltd") / "plain-0000000001.sdp").unlink()
    refused = house.build("sltd-csv", sltd(range(11)))
    assert "plain-0000000001.sdp, which belongs to the base before, is not there" in refused.stderr
    assert "put it back" in refused.stderr
    assert not house.base(2).exists()


def test_a_new_key_begins_a_base_anew(house: House) -> None:
    house.key("sltd")
    report(house.build("sltd-csv", sltd(range(100))))
    house.key("sltd", 2)
    made = report(house.build("sltd-csv", sltd(range(100))))
    assert (made["since"], made["added"]) == (None, 100)
    refused = run("hq", "lists", "diff", house.base(1), house.base(2), cwd=house.place)
    assert (refused.returncode, "two keys" in refused.stderr) == (1, True)


@pytest.mark.parametrize(
    ("source", "text", "more", "said"),
    [
        ("sltd-csv", sltd(range(3)), (), "holds no key"),
        ("persons-csv", "reference,surname,given_names\nN-1,SPECIMEN,ANNA\n", (), "persons"),
        ("sltd-csv", SLTD, (), "holds no rows"),
        ("sltd-csv", sltd(range(3)) + "broken\n", (), "lost 1 of 4 rows"),
        ("sltd-csv", sltd(range(3)), ("--ages", "sltd=1,2"), "--ages is written"),
        ("sltd-csv", sltd(range(3)), ("--ages", "sltd=9,2,1"), "must rise"),
        ("sltd-csv", sltd(range(3)), ("--keyed", "tdawn=keys/list-keys.ring"), "does not make"),
        ("sltd-csv", sltd(range(3)), ("--keyed", "sltd=keys/other.ring"), "no ring keys/other.ring"),
        ("sltd-csv", sltd(range(3)), ("--thresholds", "sltd=0.9,0.8"), "no names to score"),
    ],
)
def test_what_cannot_be_built_leaves_nothing(
    house: House, source: str, text: str, more: tuple[str, ...], said: str
) -> None:
    house.key("tdawn")
    if said != "holds no key":
        house.key("sltd")
    result = house.build(source, text, *more)
    assert result.returncode != 0
    assert said in result.stdout + result.stderr
    left = house.folder("sltd")
    assert not left.exists() or list(left.iterdir()) == []


def test_objects_need_a_key(house: House) -> None:
    (house.place / "v.csv").write_text(VEHICLES)
    refused = run("hq", "lists", "build", "--out", "lists", "--source", "vehicles-csv:v.csv", cwd=house.place)
    assert (refused.returncode, "--keyed vehicles=" in refused.stderr) == (1, True)


def test_ctrl_c_leaves_nothing_half_done(house: House) -> None:
    house.key("sltd")
    report(house.build("sltd-csv", sltd(range(10))))
    pipe = house.place / "slow.csv"
    os.mkfifo(pipe)
    main = "from hq.cli import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", main, "lists", "build", "--out", "lists", "--source", f"sltd-csv:{pipe}", "--keyed",
         "sltd=keys/list-keys.ring", "--source-date", "2026-01-01"],
        cwd=house.place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with pipe.open("w") as feed:
        feed.write(sltd(range(5000)))
        feed.flush()
        deadline = time.monotonic() + 20
        while not list(house.folder("sltd").glob(".build-*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert list(house.folder("sltd").glob(".build-*"))
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    process.communicate()
    assert process.returncode == 130
    assert sorted(p.name for p in house.folder("sltd").iterdir()) == [
        "base-0000000001.sdl", "card.json", "plain-0000000001.sdp",
    ]  # fmt: skip


def test_vehicles_are_built_and_asked(house: House) -> None:
    house.key("vehicles")
    made = report(house.build("vehicles-csv", VEHICLES, list_id="vehicles"))
    assert (made["thing"], made["records"]) == ("vehicles", 3)  # a plate and a VIN are two ways to one vehicle
    house.to_box("vehicles")
    keyless = run("box", "vehicle", "--plate", "AB123CD", "--lists", "box", cwd=house.place)
    assert keyless.stdout.startswith("INCOMPLETE\n")
    assert "give --config" in keyless.stderr
    assert "copy the list" not in keyless.stderr
    found = house.ask("vehicle", "--state", "UTO", "--plate", "ab-123-cd", "--vin", "1M8GDM9AXKP042788")
    assert [(r["kind"], r["outcome"]) for r in found["reasons"]] == [("vehicle", "HIT")] * 2
    assert found["coverage"][0]["state"] == "asked"
    assert house.ask("vehicle", "--plate", "AB123CD")["outcome"] == "POSSIBLE"
    assert house.ask("vehicle", "--state", "FRA", "--plate", "ZZ 9")["reasons"][0]["category"] == "embezzled"
    assert house.ask("vehicle", "--state", "UTO", "--plate", "QQ1")["outcome"] == "CLEAR"
    assert house.ask("screen", "--document-number", "AB123CD")["coverage"][0]["state"] == "not_applicable"
    assert house.ask("firearm", "--serial", "AB123CD")["outcome"] == "INCOMPLETE"
    spoken = run("box", "vehicle", "--plate", "AB123CD", "--config", house.edge, cwd=house.place)
    assert spoken.stdout.startswith("POSSIBLE\n")
    assert "Confirm with the NCB" in spoken.stdout
    assert run("box", "vehicle", "--state", "UTO", "--config", house.edge, cwd=house.place).returncode == 2
    doubtful = run("box", "vehicle", "--vin", "1", "--config", house.edge, cwd=house.place)
    assert (doubtful.returncode, "the VIN has not 5 to 17" in doubtful.stdout) == (1, True)


def test_firearms_are_built_and_asked(house: House) -> None:
    house.key("firearms")
    report(house.build("firearms-csv", FIREARMS, list_id="firearms"))
    house.to_box("firearms")
    asked = ("firearm", "--serial", "a-123456")
    assert house.ask(*asked, "--make", "UTOPIA arms", "--calibre", "9 x 19 mm")["outcome"] == "HIT"
    assert house.ask(*asked)["outcome"] == "POSSIBLE"
    assert house.ask(*asked, "--make", "Utopia Arms")["outcome"] == "POSSIBLE"
    assert house.ask(*asked, "--make", "Syldavia")["outcome"] == "POSSIBLE"  # written otherwise, for all that is known
    assert house.ask("firearm", "--serial", "B77777", "--make", "Syldavia")["outcome"] == "POSSIBLE"
    assert run("box", "firearm", "--config", house.edge, cwd=house.place).returncode == 2


def test_tdawn_answers_as_a_person_alert(house: House) -> None:
    house.key("tdawn")
    text = "document_number,issuing_state,notice_id,notice,silent\n"
    text += "X1234567,UTO,2026/90001,red,no\nX7654321,UTO,2026/9,blue,yes\n"
    report(house.build("tdawn-csv", text, list_id="tdawn"))
    house.to_box("tdawn")
    (reason,) = house.ask("screen", "--document-number", "X1234567", "--issuing-state", "UTO")["reasons"]
    assert (reason["kind"], reason["outcome"], reason["category"]) == ("person", "HIT", "tdawn")
    silent = house.ask("screen", "--document-number", "X7654321", "--issuing-state", "UTO")
    assert (silent["outcome"], silent["shown"]) == ("HIT", "CLEAR")
