"""What is left of a person whom no gallery knows: nothing on the disk, nothing in the daemon's memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import memory_search
import numpy as np
import pytest
from finger_world import (
    CLEAR_ZONE,
    CROWD,
    EXTRACT,
    HEIGHT,
    LEAD_ZONE,
    PPI,
    SEARCH,
    STRANGER,
    WANTED,
    WIDTH,
    FingerWorld,
    build_gallery,
)

from common.fingers.extractors import open_extractor
from drivers.virtual.prints import synthetic_print
from drivers.virtual.uru4000_frames import LAYOUTS, as_sent, seen
from edge.core.fingerprints.model import FingerImage, Position, Template

pytestmark = pytest.mark.timeout(180)

RUN = 64   # bytes: what is looked for
ROWS = range(60, 230, 17)


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FingerWorld]:
    gallery = build_gallery(tmp_path_factory.mktemp("gallery"), [WANTED, *CROWD])
    with FingerWorld(tmp_path_factory.mktemp("traces") / "box", gallery) as world:
        yield world.start()


def captured(seed: int, impression: int) -> bytes:
    """The pixels as the driver hands them over."""
    return seen(synthetic_print(seed, WIDTH, HEIGHT, PPI, impression=impression), LAYOUTS["usual"], upside_down=True)


def extracted(pixels: bytes) -> Template:
    image = FingerImage(np.frombuffer(pixels, np.uint8).reshape(HEIGHT, WIDTH), PPI)
    return open_extractor("mindtct").extract(image, Position.RIGHT_INDEX)


def traces(seed: int, impression: int) -> dict[str, bytes]:
    """Runs of this touch: of its pixels, as people see them and as the sensor sends them, and of its template."""
    pixels = captured(seed, impression)
    sent = b"".join(as_sent(pixels, upside_down=True))
    found = {}
    for row in ROWS:
        at = row * WIDTH + WIDTH // 2
        found[f"pixels {row}"], found[f"sensor {row}"] = pixels[at : at + RUN], sent[at : at + RUN]
    template = extracted(pixels)
    for name in ("x", "y", "angle", "quality", "kind"):
        held = getattr(template, name).tobytes()
        if len(held) >= RUN // 2 and len(set(held)) > 8:
            found[f"template {name}"] = held[:RUN]
    assert sum(name.startswith("template") for name in found) >= 3
    return found


def kinds(found: dict[str, list[int]]) -> dict[str, int]:
    """How many runs of each kind stand how often."""
    told: dict[str, int] = {}
    for name, places in found.items():
        told[name.split()[0]] = max(told.get(name.split()[0], 0), len(places))
    return told


def found_in(pid: int, wanted: dict[str, bytes]) -> dict[str, int]:
    try:
        return kinds(memory_search.within(pid, wanted))
    except PermissionError:
        pytest.skip("the daemon's memory is closed to this user: run as root")


def on_disk(folder: Path, wanted: dict[str, bytes]) -> dict[str, set[str]]:
    """File -> kinds of runs that stand in it."""
    told = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if kept := {name.split()[0] for name, run in wanted.items() if run in data}:
                told[path.name] = kept
    return told


def test_nothing_of_a_person_without_a_candidate_is_left(box: FingerWorld) -> None:
    ear, wanted = box.hear(), traces(STRANGER.right, 1)
    box.read(CLEAR_ZONE)
    assert ear.next("verdict")["outcome"] == "CLEAR"
    while ear.next("finger")["step"] != "place":
        pass
    child = box.child(EXTRACT)
    os.kill(child, signal.SIGSTOP)
    try:
        box.scanner.finger(STRANGER.right, 1)
        while ear.next("finger")["step"] != "working":
            pass
        assert found_in(box.pid, wanted)["pixels"]  # it is looked for rightly: the image is at work
    finally:
        os.kill(child, signal.SIGCONT)
    told = ear.next("fingers")
    box.scanner.remove()
    assert (told["problem"], told["candidates"], told["outcome"]) == ("", [], "CLEAR")
    assert found_in(box.pid, wanted) == {}
    for other in (box.child(EXTRACT), box.child(SEARCH)):
        assert found_in(other, wanted) == {}
    assert on_disk(box.folder, wanted) == {}


def test_the_probe_of_a_lead_is_held_in_memory_alone_and_not_beyond_its_closing(box: FingerWorld) -> None:
    ear, wanted = box.hear(), traces(STRANGER.right, 2)
    box.read(LEAD_ZONE)
    passage = ear.next("verdict")["passage"]
    told = box.lay(ear, (STRANGER.right, 2), passage=passage)
    assert (told["candidates"], told["outcome"]) == ([], "HIT")
    assert found_in(box.pid, wanted) == {"template": 1}
    assert on_disk(box.folder, wanted) == {}
    assert box.run("close", passage, "--outcome", "not-decided").returncode == 0
    assert found_in(box.pid, wanted) == {}
