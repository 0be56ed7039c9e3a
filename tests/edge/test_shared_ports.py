"""Two readers of edge.toml whose ports are two links to one device: said, by doctor and at the start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import BoxWorld

from edge import config
from edge.configured import shared_ports

SECOND = '[[reader]]\nname = "page-2"\ndriver = "text"\nport = "{port}"\n\n[assembly]'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[BoxWorld]:
    with BoxWorld(tmp_path) as one:
        yield one


def ports(world: BoxWorld, first: str, second: str) -> None:
    text = world.config.read_text().replace('port = "page-1.tty"', f'port = "{first}"')
    text = text.replace('readers = ["page-1"]', 'readers = ["page-1", "page-2"]')
    world.config.write_text(text.replace("[assembly]", SECOND.format(port=second)))


def by_links(world: BoxWorld) -> None:
    """As udev makes them: by-id and by-path of what is page-1's node."""
    for folder in ("by-id", "by-path"):
        (world.folder / folder).mkdir()
        (world.folder / folder / "port").symlink_to("../page-1.tty")
    ports(world, "by-id/port", "by-path/port")


def test_doctor_fails_and_names_both_and_the_device(world: BoxWorld) -> None:
    by_links(world)
    world.reader.start()
    code, out, _ = world.ask("doctor", "--json")
    assert code == 1
    (check,) = [c for c in json.loads(out) if "both lead to" in c["found"]]
    assert (check["name"], check["grade"]) == ("reader page-2", "error")
    device = (world.folder / "page-1.tty").resolve()
    said = f'{world.config}: [[reader]] name = "page-1" and name = "page-2": port: both lead to {device}'
    assert check["found"] == said
    assert "borderpost devices" in check["advice"]


def test_the_box_says_so_when_it_starts_and_reads_by_one_of_them(world: BoxWorld) -> None:
    by_links(world)
    world.publish()
    world.start()
    (line,) = [line for line in world.events() if line["event"] == "port_shared"]
    assert line["level"] == "warning"
    assert line["path"] == str(world.config)
    assert '"page-1" and name = "page-2"' in line["reason"]
    assert line["advice"]
    assert world.scan()["outcome"]


@pytest.mark.parametrize(
    ("first", "second", "devices"),
    [
        ("one", "two", 0),
        ("one", "link", 1),
        ("link", "further", 1),
        ("one", "absent", 0),
        ("dangling", "dangling-too", 0),  # nothing is plugged in: it cannot be told
        ("round", "round-too", 0),
        ("one", "socket://192.0.2.7:4001", 0),
        ("usb:1a2b:0001:A", "usb:1a2b:0001@1-1.2", 0),
    ],
)
def test_only_what_is_there_and_a_file_is_compared(world: BoxWorld, first: str, second: str, devices: int) -> None:
    for name in ("one", "two"):
        (world.folder / name).touch()
    links = (("link", "one"), ("further", "link"), ("dangling", "absent"), ("dangling-too", "absent"),
             ("round", "round-too"), ("round-too", "round"))
    for name, to in links:
        (world.folder / name).symlink_to(to)
    ports(world, first, second)
    assert len(shared_ports(config.load(world.config).reader)) == devices
