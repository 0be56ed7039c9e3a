"""Boxes for the tests of this folder: each a copy of a moment that was made once (stages.py)."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from hil_tests.bench import report  # noqa: E402
from hil_tests.bench.lab import Cannot  # noqa: E402
from hil_tests.bench.laboratory import LabBench  # noqa: E402
from hil_tests.bench.laboratory import post as real_post  # noqa: E402
from hil_tests.bench.ssh import parse  # noqa: E402
from hil_tests.vm import stuck  # noqa: E402
from hil_tests.vm.guest import Guest  # noqa: E402
from hil_tests.vm.image import Image, Unavailable  # noqa: E402
from hil_tests.vm.image import image as find_image  # noqa: E402
from hil_tests.vm.stages import Bench, Stages  # noqa: E402

TEST_S = 900  # moments included, on a busy computer


def _some(text: str) -> int:
    """A number from 1. Raises argparse.ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1")
    return int(text)


def pytest_addoption(parser: pytest.Parser) -> None:
    """For whoever writes a test: what a run need not make again. `make bench` uses neither."""
    group = parser.getgroup("the virtual bench")
    group.addoption("--image", type=Path, help="a folder that hil_tests.vm.image made: nothing is built")
    group.addoption("--moments", type=Path, help="keep the moments in this folder, and use what is there")
    group.addoption("--seed", type=int, help="power cuts: as in the run that printed it; its rounds are gone on with")
    group.addoption("--rounds", type=_some, help="power cuts: so many, whatever --long says")
    group.addoption("--sabotage", default="", choices=["", "synchronous"], help="power cuts of a box that must fail")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Emulation is slow: a test has so many seconds that only one which hangs is ended by them."""
    for item in items:
        if item.path.parent == Path(__file__).parent and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(TEST_S))


@pytest.fixture(scope="session", autouse=True)
def stood(figure: Callable[[str, object], None]) -> Iterator[None]:
    """What the emulator did is told (stuck.py, law 2)."""
    yield
    if stuck.seen:
        figure(stuck.TELL, f"started again: {len(stuck.seen)} ({'; '.join(stuck.seen)})")


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest, say: Callable[[str], None]) -> Image:
    """The guest's image; the tests are skipped where there can be none."""
    given: Path | None = request.config.getoption("--image")
    if given:
        (package,) = given.glob("borderpost_*.deb")
        version = package.name.split("_")[1].partition("~")[0]
        return Image(given, given / "vmlinuz", given / "initrd", given / "root.ext4", version, package, None)
    try:
        return find_image(say=say)
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def stages(
    request: pytest.FixtureRequest, image: Image, say: Callable[[str], None], figure: Callable[[str, object], None]
) -> Iterator[Stages]:
    """The moments, made when they are first asked for."""
    kept: Path | None = request.config.getoption("--moments")
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        made = Stages(image, kept.resolve() if kept else Path(folder), say, partial(_watched, request.config))
        yield made
        for name, value in made.figures.items():
            figure(name, value)


@contextlib.contextmanager
def _watched(config: pytest.Config, guest: Guest) -> Iterator[None]:
    """Its logs are kept when a test fails; at once where the box would be gone before pytest hears of it."""
    report.watch(config, guest)
    try:
        yield
    except (Exception, pytest.fail.Exception):
        name = os.environ.get("PYTEST_CURRENT_TEST", "a-moment").partition(" ")[0]
        folder = report.FAILED / report.safe(name) / guest.folder.name
        report.keep_guest(folder, guest)
        config.stash[report.KEPT].append((name, folder))
        raise
    finally:
        report.unwatch(config, guest)


def _opened(request: pytest.FixtureRequest, stages: Stages, moment: Path) -> Iterator[Bench]:
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")[:60]
    with stages.opened(moment, name) as bench:
        yield bench


@pytest.fixture
def blank(request: pytest.FixtureRequest, stages: Stages) -> Iterator[Bench]:
    """A blank box of the country, on; it waits for a claim. Its headquarters runs."""
    yield from _opened(request, stages, stages.blank())


@pytest.fixture(scope="session")
def laboratory(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, say: Callable[[str], None]
) -> Iterator[LabBench]:
    """The box behind ``--target``, made a post once by a person's hands."""
    address = parse(report.target_of(request.config))
    try:
        with real_post(address, tmp_path_factory.mktemp("laboratory") / "post", say) as bench:
            report.watch(request.config, bench.target)
            yield bench
            report.unwatch(request.config, bench.target)
    except Cannot as reason:
        pytest.skip(str(reason))


@pytest.fixture
def post(request: pytest.FixtureRequest) -> Iterator[Bench | LabBench]:
    """A working post: enrolled, lists taken, its link on its way. Its headquarters runs. An emulated one is restored
    for the test, and nothing is plugged in; behind ``--target`` it is the one box there is, with its reader."""
    if report.target_of(request.config):
        yield request.getfixturevalue("laboratory")
        return
    stages: Stages = request.getfixturevalue("stages")
    yield from _opened(request, stages, stages.post())
