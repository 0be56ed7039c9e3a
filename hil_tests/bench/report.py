"""What a run on the bench is asked, and what it leaves: options, figures, and the remains of a box whose test failed.

Loaded by hil_tests/conftest.py. A tier's own conftest uses it like this::

    from hil_tests.bench import report

    report.watch(config, guest)       # from now on its logs are kept when a test fails, or set-up does
    report.unwatch(config, guest)     # before it is ended
    report.target_of(config)          # "" for the bench's own box, else SshAddress

Fixtures: ``figure(name, value)`` notes what was measured, ``say(line)`` tells a person who waits what goes on,
``is_long`` is true in `make bench-long`. Markers: ``needs("mains", …)`` names what a laboratory with real devices may
not have (``hil_tests.bench.ssh.CANNOT``), ``long`` leaves a test to `make bench-long`.

Laws:
1. A failed test leaves, of every box that was being watched: the serial log, the journal, the units, the screen.
2. What keeps them has limits in time and size, raises nothing, and never makes a verdict better or worse.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest

from hil_tests.bench.live import Live
from hil_tests.bench.ssh import parse
from hil_tests.bench.target import Target

ROOT = Path(__file__).resolve().parents[2]
FAILED = ROOT / "build" / "bench" / "failed"
GUESTS = pytest.StashKey[list[Target]]()
FIGURES = pytest.StashKey[dict[str, str]]()
LIVE = pytest.StashKey[Live]()
KEPT = pytest.StashKey[list[tuple[str, Path]]]()  # test, folder
EMULATED = {"image": "a guest", "stages": "a moment that was kept", "blank": "a blank box of its own"}  # fixtures
LOG_MOST = 4 << 20  # bytes of a log, its end
ASK_S = 20.0  # for the first question to a box that may be dead
READ_S = 60.0  # for each further one
QUESTIONS = {  # file: what is asked inside
    "journal.txt": ("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-n", "20000"),
    "units.txt": ("systemctl", "list-units", "--all", "--no-pager", "--plain", "--full"),
    "failed-units.txt": ("systemctl", "status", "--no-pager", "--full", "--state=failed"),
    "devices.txt": ("sh", "-c", "ls -lR /dev/serial /dev/bus/usb /dev/tpm* 2>&1; ip address; df -h; free -m"),
    "processes.txt": ("ps", "axo", "pid,ppid,stat,rss,etimes,wchan:20,args"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """What `make bench` hands on."""
    group = parser.getgroup("the virtual bench")
    group.addoption("--long", action="store_true", help="the long rounds too: 100 power cuts and more")
    group.addoption("--target", default="", metavar="ssh:USER@HOST[:PORT]", help="a box with real devices (root there)")
    group.addoption("--keep", action="store_true", help="keep the logs of boxes whose tests passed as well")
    group.addoption("--package", default="", metavar="DEB", help="for the container: this package, not dist/'s newest")


def pytest_configure(config: pytest.Config) -> None:
    """Markers and what is noted."""
    config.addinivalue_line("markers", "needs(*what): skipped with the reason where the target has no such thing")
    config.addinivalue_line("markers", "long: only with --long (make bench-long)")
    config.stash[GUESTS], config.stash[FIGURES], config.stash[KEPT] = [], {}, []
    target_of(config)  # a bad address is said before anything is built


def target_of(config: pytest.Config) -> str:
    """``USER@HOST[:PORT]`` of the box with real devices; empty: the bench makes its own box. Raises UsageError."""
    text = str(config.getoption("--target"))
    if text and not text.startswith("ssh:"):
        raise pytest.UsageError(f"--target {text}: ssh:USER@HOST[:PORT] is the only kind there is")
    address = text.removeprefix("ssh:")
    if text:
        try:
            parse(address)
        except ValueError as error:
            raise pytest.UsageError(f"--target {text}: {error}") from error
    return address


def watch(config: pytest.Config, guest: Target) -> None:
    """Keep the logs of this box when a test fails."""
    config.stash[GUESTS].append(guest)


def unwatch(config: pytest.Config, guest: Target) -> None:
    """It is about to be ended."""
    if guest in config.stash[GUESTS]:
        config.stash[GUESTS].remove(guest)


@pytest.fixture(scope="session")
def figure(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Note what was measured: a name, and the value with its unit; the summary tells it."""
    figures = request.config.stash[FIGURES]
    return lambda name, value: figures.__setitem__(name, str(value))


@pytest.fixture(scope="session")
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Tell a person who waits what goes on. Under plain pytest it is part of the test's output."""
    live = request.config.stash.get(LIVE, None)
    return live.step if live is not None else lambda text: print(text, flush=True)  # noqa: T201 - caught by pytest


@pytest.fixture(scope="session")
def is_long(request: pytest.FixtureRequest) -> bool:
    """True in `make bench-long`."""
    return bool(request.config.getoption("--long"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long rounds only when they are asked for; the story of a box first, then guests, then containers."""
    if not config.getoption("--long"):
        left = [item for item in items if item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]
    items.sort(key=_place)


def _place(item: pytest.Item) -> int:
    if item.path.name == "test_story.py":
        return 0
    return 1 if item.path.parent.name == "vm" else 2


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What needs an emulated device is skipped where the devices are real, and says so."""
    if not target_of(item.config) or item.path.parent.name not in ("vm", "container"):
        return
    if item.path.parent.name == "container":
        pytest.skip("the target is a machine of a laboratory, no container")
    from hil_tests.bench.ssh import BY_HAND, CANNOT

    for mark in item.iter_markers("needs"):
        for name in mark.args:
            if name not in BY_HAND:
                pytest.skip(f"needs {name}: {CANNOT.get(name, 'no laboratory with real devices is known to have it')}")
    for name, reason in EMULATED.items():
        if name in getattr(item, "fixturenames", ()):
            pytest.skip(f"begins from {reason}: {CANNOT['snapshot']}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Law 1: while the box still stands, that is before anything of the test is taken down."""
    report = yield
    wanted = report.failed or (report.when == "call" and bool(item.config.getoption("--keep")))
    guests = item.config.stash[GUESTS] if wanted else list[Target]()
    for number, guest in enumerate(guests):
        folder = FAILED.with_name("failed" if report.failed else "kept") / safe(item.nodeid) / f"box-{number}"
        live = item.config.stash.get(LIVE, None)
        if live is not None:
            live.doing(f"keeping the logs of {item.name}")
        files = keep_guest(folder, guest)
        report.sections.append(("kept of the box", "\n".join(f"{folder / name}" for name in files)))
        item.config.stash[KEPT].append((item.nodeid, folder))
    return report


def safe(nodeid: str) -> str:
    """A test's name as a folder's: the file, and the test with its parameters."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", nodeid.removeprefix("hil_tests/").replace(".py::", "-")).strip("-")[:120]


def keep_guest(folder: Path, guest: Target) -> list[str]:
    """What a box leaves to a person who asks why: the names of the files that could be had (law 2)."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("serial_log", "log_file"):
        log = getattr(guest, name, None)
        if isinstance(log, Path) and log.is_file():
            _guarded(folder, "serial.log", partial(_end, log))
    screen = getattr(guest, "screen", None)
    if callable(screen):
        _guarded(folder, "screen", partial(_seen, screen, folder / "screen.ppm"))
    if _guarded(folder, "state.txt", partial(_ask, guest, ("systemctl", "is-system-running"), ASK_S)):
        for name, words in QUESTIONS.items():
            _guarded(folder, name, partial(_ask, guest, words, READ_S))
    return sorted(path.name for path in folder.iterdir())


def _ask(guest: Target, words: tuple[str, ...], limit_s: float) -> bytes:
    done = guest.execute(words, limit_s=limit_s)
    return (done.out + done.err)[-LOG_MOST:]


def _seen(screen: Callable[[Path], object], to: Path) -> bytes:
    screen(to)  # it writes the file itself
    return b""


def _end(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LOG_MOST))
        return file.read(LOG_MOST)


def _guarded(folder: Path, name: str, get: Callable[[], bytes]) -> bool:
    """Write what can be had; a box that cannot tell gives a file that says why."""
    try:
        got = get()
    except (Exception, pytest.fail.Exception) as error:  # whatever it is, the test's own failure is what counts
        (folder / f"no-{name}").write_text(f"{type(error).__name__}: {error}\n")
        return False
    if got:
        (folder / name).write_bytes(got)
    return True
