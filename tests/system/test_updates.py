"""The whole way of a list: built and published at headquarters, taken by a box from a stick and over HTTPS, asked.

Every step of the box is a command in a process of its own, as people run them; headquarters' too for the stick.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from box_world import BoxWorld, until, zone
from keyed_kit import KEY, RING
from tls_kit import certificates, serving
from update_kit import World, documents

from edge.core import sealing
from edge.core.keyed.keys import document_text
from edge.core.vault import KeyRing, RingEntry, seal_ring
from edge.keyed_files import KeyedList
from edge.list_keys import SEALED, ListKeys
from hq.keyed_build import delta_between, opened


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def one(report: dict[str, Any], list_id: str) -> dict[str, Any]:
    (update,) = report["updates"]
    (found,) = [row for row in update["lists"] if row["list"] == list_id]
    return dict(found)


def keyed(world: World) -> KeyedList:
    return KeyedList.open(world.lists / "sltd", "sltd", RING.get)


def is_listed(world: World, number: int) -> bool:
    return bool(keyed(world).find(document_text("UTO", f"A{number:07d}")))


def test_from_a_stick(tmp_path: Path) -> None:
    world = World(tmp_path, apart=True)
    world.build_keyed(1, documents(*range(1, 300)))
    world.build_watch(["Zarqelli Tamur", "Marwazeh Husam"])
    assert [step["from"] for step in world.publish("sltd")["steps"]] == [0]
    world.publish("un", code=1)  # persons in clear
    world.publish("un", "--in-clear")
    world.stamp()
    stick = world.root / "stick"
    shutil.copytree(world.repo / "metadata", stick / "metadata")
    shutil.copytree(world.repo / "targets", stick / "targets")
    report = world.update("--from", str(stick))
    assert (one(report, "sltd")["now"], one(report, "sltd")["records"]) == (1, 299)
    assert (one(report, "un")["now"], one(report, "un")["outcome"]) == (1, "updated")
    assert is_listed(world, 7)
    found = json.loads(world.box("lists", "inspect", str(world.lists), "--json")[0])
    assert found["sound"]

    built = world.build_keyed(2, documents(*range(8, 310)))
    world.build_watch(["Marwazeh Husam"])
    assert [(step["from"], step["to"]) for step in world.publish("sltd")["steps"]] == [(1, 2)]
    world.publish("un", "--in-clear")
    world.stamp()
    report = world.update("--from", str(world.repo))
    assert (one(report, "sltd")["before"], one(report, "sltd")["now"], one(report, "sltd")["files"]) == (1, 2, 1)
    assert one(report, "un")["now"] == 2
    assert not is_listed(world, 7)  # what headquarters removed is gone with the next delta
    assert is_listed(world, 309)
    with opened(built.path) as file:
        assert (keyed(world).header.digest, keyed(world).header.count) == (file.header.digest, file.header.count)
    again = world.update("--from", str(world.repo))
    assert {row["outcome"] for row in again["updates"][0]["lists"]} == {"current"}

    _, why = world.box("lists", "update", "--from", str(stick), code=1)  # the old stick once more
    assert "older than one that this box has taken" in why
    assert "next:  take the newest stick" in why
    assert keyed(world).generation == 2
    # `doctor` tells of it (and of a reader that is not there)
    assert "older than one that this box has taken" in world.box("doctor", code=1)[0]
    assert world.hq("publish", "list", str(world.repo), "sltd", "--from", str(world.out), "--key",
                    str(world.keys / "list-sltd.pem")) == "sltd: generation 2 is published already\n"  # fmt: skip


def test_over_https_and_a_signed_list_that_lies(world: World) -> None:
    ca, own = certificates(world.root / "tls")
    world.build_keyed(1, documents(1, 2, 3))
    world.publish("sltd")
    world.stamp()
    with serving(world.root, own) as (_, address):
        world.write_config(url=f"{address}/repo", ca=str(ca))
        assert one(world.update(), "sltd")["now"] == 1
        # the key of the list is used wrongly: a delta that says of itself what is not so
        second = world.build_keyed(2, documents(1, 2))
        delta = world.root / "delta"
        delta.write_bytes(delta_between(world.out / "sltd/base-0000000001.sdl", second.path))
        world.hq("publish", "add", str(world.repo), "--list", "sltd", "--generation", "2", "--from", "1", "--file",
                 f"delta.sdd={delta}", "--file", f"card.json={world.out / 'sltd/card.json'}", "--as-of", "2026-03-02",
                 "--records", "2", "--digest", "0" * 64, "--force", "--key",
                 str(world.keys / "list-sltd.pem"))  # fmt: skip
        world.stamp()
        refused = one(world.update(code=1), "sltd")
        assert (refused["refused"]["code"], refused["now"]) == ("mismatch", 1)
        assert keyed(world).generation == 1
        assert is_listed(world, 3)
    world.write_config(url="https://127.0.0.1:9/repo", ca=str(ca))
    assert world.update(code=1)["updates"][0]["refused"]["code"] == "source_unreachable"


def test_a_box_without_the_key_keeps_what_it_has(world: World) -> None:
    world.build_keyed(1, documents(1, 2, 3))
    world.publish("sltd")
    world.stamp()
    (world.state / SEALED).unlink()
    assert one(world.update("--from", str(world.repo), code=1), "sltd")["refused"]["code"] == "no_key"
    assert not (world.lists / "sltd" / "CURRENT").exists()


@pytest.fixture
def running(world: World) -> Iterator[tuple[World, BoxWorld]]:
    """A box that runs, with its lists below headquarters' world."""
    with BoxWorld(world.root / "post") as box:
        text = box.config.read_text(encoding="utf-8").replace('required = ["national", "sltd"]', 'required = ["sltd"]')
        text += f'\n[updates]\nroot = "{world.repo}/metadata/1.root.json"\nfolder = "{world.repo}"\nevery_s = 10\n' \
            "backoff_min_s = 1\n"
        box.config.write_text(text, encoding="utf-8")
        box.state.mkdir(mode=0o700)
        line = ListKeys(box.state).public_line()
        ring = seal_ring(KeyRing.of([RingEntry("sltd", 1, KEY)]), sealing.seal_public_from_text(line))
        (box.state / SEALED).write_bytes(ring)
        yield world, box


def test_a_running_box_takes_a_new_list_by_itself(running: tuple[World, BoxWorld]) -> None:
    world, box = running
    world.build_keyed(1, documents(1, 2, 3))
    world.publish("sltd")
    world.stamp()
    box.start()
    until((box.lists / "sltd" / "CURRENT").exists, "the box takes the list", 30)
    until(lambda: any(e["event"] == "list_in_use" for e in box.events()), "the list is in use", 30)
    assert box.scan(zone(number="A0000002"))["outcome"] == "HIT"
    world.build_keyed(2, documents(1, 3))
    world.publish("sltd")
    world.stamp()
    until(lambda: len([e for e in box.events() if e["event"] == "list_in_use"]) > 1, "the delta is in use", 40)
    assert box.scan(zone(number="A0000002"))["outcome"] == "CLEAR"
    status = box.status()
    assert status is not None
    assert status["updates"]["refused"] is None
    assert box.end() == 0


def test_killed_at_any_moment(world: World) -> None:
    # the real command, killed after 0.15 s, 0.3 s, ...: whatever is there is whole, old or new, and goes on
    world.build_keyed(1, documents(*range(1, 3000)))
    world.build_watch(["Zarqelli Tamur"])
    world.publish("sltd")
    world.publish("un", "--in-clear")
    world.stamp()
    world.update("--from", str(world.repo))
    world.build_keyed(2, documents(*range(50, 3100)))
    world.build_watch(["Marwazeh Husam"])
    world.publish("sltd")
    world.publish("un", "--in-clear")
    world.stamp()
    command = [sys.executable, "-c", "from edge.cli import main; main()", "lists", "update", "--from", str(world.repo),
               "--config", str(world.config)]  # fmt: skip
    kills = 0
    for step in range(1, 40):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.15 * step)
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
        here = keyed(world)
        assert here.generation in (1, 2)
        assert here.problem is None
        list(here.verify())
        assert {p.name for p in (world.lists / "un").iterdir() if p.name.isdigit()} in (
            {"0000000001"}, {"0000000001", "0000000002"},
        )  # fmt: skip
        if here.generation == 2 and (world.lists / "un" / "0000000002").exists():
            break
    assert kills > 3
    report = world.update("--from", str(world.repo))
    assert {row["now"] for row in report["updates"][0]["lists"]} == {2}
