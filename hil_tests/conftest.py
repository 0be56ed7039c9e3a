"""One contract for every driver: on the virtual bench, on recordings, on real devices.

    pytest hil_tests --device virtual
    pytest hil_tests --device recordings
    pytest hil_tests --device elyctis=/dev/serial/by-path/... -s
    pytest hil_tests --device text=/dev/ttyS0,baud=9600,parity=E --record unimark.trace \\
        --model "Unimark EC3000" --submitter "A. Person" --documents "Doc 9303-4 appendix A specimen" -s

``virtual:DRIVER`` and ``recordings:DRIVER`` take one family, ``profile:NAME=PORT`` a device as a profile describes it.
With a real device the tests ask for a pair of hands. Lay down specimens only: with ``--record`` what they show is
written to a file. The summary says, for each backend, which points of the contract ran and which it cannot show.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from drivers.api import DriverMisuse  # noqa: E402
from drivers.catalog import DRIVERS  # noqa: E402
from drivers.named import NamedDevice, parse_device  # noqa: E402
from drivers.trace import BadTrace, RecordingTransport, TraceWriter, read_trace  # noqa: E402
from drivers.transport import Transport  # noqa: E402
from drivers.virtual.control import VirtualReader  # noqa: E402
from hil_tests.capabilities import missing  # noqa: E402 - the helpers beside this file
from hil_tests.rigs import RealRig, Rig, VirtualRig  # noqa: E402
from hil_tests.tape import TapeRig  # noqa: E402

pytest_plugins = ["hil_tests.bench.report"]  # options and figures of the virtual bench: hil_tests/vm, container
RECORDED = ROOT / "tests" / "recordings"
NO_DEVICE = "no device given: use --device virtual, --device recordings, or --device DRIVER=PORT"
CAPTURES = "test_usb_capture.py"


class Summary:
    """Which points of the contract each backend showed, which it cannot and why, and what was measured."""

    def __init__(self) -> None:
        self.backends: dict[str, tuple[list[str], dict[str, list[str]], list[str]]] = {}

    def _of(self, backend: str) -> tuple[list[str], dict[str, list[str]], list[str]]:
        return self.backends.setdefault(backend, ([], {}, []))

    def ran(self, backend: str, point: str) -> None:
        """One point ran."""
        self._of(backend)[0].append(point)

    def cannot(self, backend: str, reason: str, *points: str) -> None:
        """Points that this backend cannot show."""
        self._of(backend)[1].setdefault(reason, []).extend(points)

    def figure(self, backend: str, text: str) -> None:
        """Something measured."""
        self._of(backend)[2].append(text)

    def lines(self) -> Iterator[str]:
        """As they are printed."""
        for backend, (ran, cannot, figures) in self.backends.items():
            yield f"{backend}: {len(ran)} points of the contract ran"
            yield from (f"  {figure}" for figure in figures)
            for reason, points in cannot.items():
                yield f"  {reason}" + (f" ({', '.join(points)})" if points else "")


SUMMARY = pytest.StashKey[Summary]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware in the loop")
    group.addoption(
        "--device", action="append", default=[], help="virtual, recordings, or DRIVER=PORT[,key=value...]"
    )
    group.addoption("--scanner", action="append", default=[], help="virtual, or DRIVER=PORT of a fingerprint scanner")
    group.addoption("--patience", type=float, default=60.0, help="seconds to wait for a pair of hands")
    group.addoption("--flood-mb", type=float, default=1.0, help="how much noise a virtual port is flooded with")
    group.addoption("--every", type=int, default=1, help="cut frames at every N-th byte only")
    group.addoption("--record", type=Path, help="write what passes to this recording, a new file")
    group.addoption("--model", default="", help="for the recording: make and model, as the label says")
    group.addoption("--submitter", default="", help="for the recording: who makes it")
    group.addoption("--documents", default="", help="for the recording: which specimens are laid down")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Readers alone were asked for: the contract of scanners is not part of it, and not skipped either."""
    if config.getoption("--device") and not config.getoption("--scanner"):
        scanners = [item for item in items if item.path.name == "test_scanner.py"]
        config.hook.pytest_deselected(items=scanners)
        items[:] = [item for item in items if item not in scanners]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*can): what a backend must be able to do for this point")
    config.stash[SUMMARY] = Summary()
    record: Path | None = config.getoption("--record")
    if record and os.path.lexists(record):  # before anybody is asked for a specimen
        raise pytest.UsageError(there_already(record))


def there_already(record: Path) -> str:
    """A recording took a person an hour: it is not written over."""
    return f"--record: {record} is there already; give another file, one for each device"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Captures are recordings, and for no other backend; the whole appliance is asked for by name."""
    if collection_path.name in ("container", "vm") and not any(collection_path.name in word for word in config.args):
        return True
    wanted = {"recordings", "recordings:hid_keyboard"} & set(config.getoption("--device"))
    return True if collection_path.name == CAPTURES and not wanted else None


def backends(named: list[str]) -> list[str]:
    """``virtual`` and ``recordings`` are one backend a family."""
    return [
        f"{name}:{driver}" if name in ("virtual", "recordings") else name
        for name in named for driver in (DRIVERS if name in ("virtual", "recordings") else [""])
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rig" not in metafunc.fixturenames:
        return
    chosen = backends(metafunc.config.getoption("--device"))
    metafunc.parametrize("rig", chosen or [None], ids=chosen or ["none"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """The device under test."""
    if request.param is None:
        pytest.skip(NO_DEVICE)
    backend, _, kind = str(request.param).partition(":")
    if backend == "virtual":
        # not pytest's own folder: it goes when three other runs have begun, and this may take long
        with (
            tempfile.TemporaryDirectory(prefix="hil-") as folder,
            VirtualReader(Path(folder) / "reader", Path(folder) / "reader.sock", kind) as virtual,
        ):
            made = VirtualRig(virtual)
            yield made
            made.close()
    elif backend == "recordings":
        path = RECORDED / kind / "td3.trace"
        with path.open(encoding="utf-8") as lines:
            yield TapeRig(path, read_trace(lines))
    else:
        yield from real(str(request.param), request.config)


def real(text: str, config: pytest.Config) -> Iterator[Rig]:
    """A device in front of a person."""
    try:
        device = parse_device(text)
    except DriverMisuse as error:
        raise pytest.UsageError(str(error)) from error
    made = RealRig(device, config.getoption("--patience"), config)
    if config.getoption("--record"):
        yield from recorded(made, device, config)
    else:
        yield made


def recorded(rig: Rig, device: NamedDevice, config: pytest.Config) -> Iterator[Rig]:
    """Everything that passes goes into one recording, with its provenance."""
    from edge.recording import provenance

    header = provenance(
        device, config.getoption("--model"), config.getoption("--submitter"), config.getoption("--documents")
    )
    record = Path(config.getoption("--record"))
    try:
        opened = record.open("x", encoding="ascii", errors="replace")
    except FileExistsError as error:
        raise pytest.UsageError(there_already(record)) from error
    except OSError as error:
        raise pytest.UsageError(f"--record: {record}: {error.strerror}; give a file that you may write") from error
    with opened as out:
        try:
            writer = TraceWriter(out, header, time.monotonic)
        except BadTrace as error:
            record.unlink()  # nothing is in it, and the next try wants its name
            raise pytest.UsageError(f"--record: {error}; give --model, --submitter and --documents") from error

        def through(transport: Transport) -> Transport:
            return RecordingTransport(transport, writer)

        rig.through = through
        yield rig


@pytest.fixture
def summary(request: pytest.FixtureRequest) -> Summary:
    """What the end of the run will say."""
    return request.config.stash[SUMMARY]


@pytest.fixture
def noted(summary: Summary, rig: Rig) -> Callable[[str], None]:
    """Note what was measured, for the summary."""
    return lambda text: summary.figure(rig.name, text)


@pytest.fixture(autouse=True)
def _can_it(request: pytest.FixtureRequest) -> None:
    """What the backend cannot do is noted for the summary."""
    if "rig" not in request.fixturenames:
        return
    rig: Rig = request.getfixturevalue("rig")
    mark = request.node.get_closest_marker("needs")
    reason = missing(mark.args, rig.cannot) if mark else ""
    point = request.node.originalname
    summary = request.config.stash[SUMMARY]
    if not reason:
        summary.ran(rig.name, point)
        return
    summary.cannot(rig.name, reason, point)
    pytest.skip(f"declared: {reason}")


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """A declared inability is no skip: it has its own letter and its own count."""
    if report.skipped and isinstance(report.longrepr, tuple) and "declared: " in report.longrepr[2]:
        return "declared", "-", "DECLARED"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """See Summary."""
    for line in config.stash[SUMMARY].lines():
        terminalreporter.write_line(line)
