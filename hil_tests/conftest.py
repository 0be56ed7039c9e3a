"""The driver contract on real devices, or on the virtual bench.

    pytest hil_tests --device virtual
    pytest hil_tests --device elyctis:/dev/serial/by-id/usb-ELYCTIS... -s
    pytest hil_tests --device text:/dev/ttyS0,baud=9600,parity=E --record unimark.trace \\
        --submitter "A. Person" --documents "Doc 9303-4 appendix A specimen" -s

Without ``--device`` everything is skipped. With a real device the tests ask for a pair of hands. Lay
down specimens only: with ``--record`` what they show is written to a file.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from drivers.api import DocumentRead, PassportReader
from drivers.catalog import DRIVERS, open_reader
from drivers.trace import RecordingTransport, TraceWriter
from drivers.transport import Through, Transport, directly
from drivers.virtual.control import VirtualReader

SPECIMEN = (
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
)  # Doc 9303-4, appendix A


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("hardware in the loop")
    group.addoption("--device", action="append", default=[], help="virtual, or DRIVER:PORT[,key=value...]")
    group.addoption("--patience", type=float, default=60.0, help="seconds to wait for a pair of hands")
    group.addoption("--record", type=Path, help="write what passes to this recording")
    group.addoption("--submitter", default="", help="who makes the recording")
    group.addoption("--documents", default="", help="which specimens are laid down")


class Rig:
    """One device and the hands in front of it."""

    def __init__(self, driver: str, settings: dict[str, object], patience_s: float) -> None:
        self.driver, self.settings, self.patience_s = driver, settings, patience_s
        self.through: Through = directly

    def reader(self, name: str = "hil") -> PassportReader:
        return open_reader(self.driver, name, self.settings, time.monotonic, through=self.through)

    def wait(self, reader: PassportReader) -> DocumentRead:
        limit = time.monotonic() + self.patience_s
        while time.monotonic() < limit:
            event = reader.read(0.5)
            if isinstance(event, DocumentRead):
                return event
        pytest.fail(f"no document within {self.patience_s:g} s: {reader.status()}")


class RealRig(Rig):
    """Asks a person."""

    def __init__(
        self, driver: str, settings: dict[str, object], patience_s: float, config: pytest.Config
    ) -> None:
        super().__init__(driver, settings, patience_s)
        self._capture = config.pluginmanager.getplugin("capturemanager")

    def _ask(self, sentence: str) -> None:
        with self._capture.global_and_fixture_disabled():
            print(f"\n>>> {sentence}", flush=True)  # noqa: T201 - this is how the person is asked

    def lay(self, reader: PassportReader) -> DocumentRead:
        self._ask("lift what lies on the reader, then lay the specimen down")
        return self.wait(reader)

    def pull(self) -> None:
        self._ask("pull the reader's cable")

    def plug(self) -> None:
        self._ask("plug the cable in again")


class VirtualRig(Rig):
    """Moves virtual hands."""

    def __init__(self, virtual: VirtualReader, rows: Sequence[str]) -> None:
        super().__init__(virtual.kind, {"port": str(virtual.link)}, 10.0)
        self._virtual, self._rows = virtual, rows

    def lay(self, reader: PassportReader) -> DocumentRead:
        with ThreadPoolExecutor(1) as hand:
            hand.submit(self._virtual.present, self._rows)
            return self.wait(reader)

    def pull(self) -> None:
        self._virtual.remove()
        self._virtual.unplug()

    def plug(self) -> None:
        self._virtual.plug()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "rig" not in metafunc.fixturenames:
        return
    named: list[str] = metafunc.config.getoption("--device")
    devices = [f"virtual:{kind}" for kind in DRIVERS] if named == ["virtual"] else named
    metafunc.parametrize("rig", devices or [None], indirect=True, scope="module")


@pytest.fixture(scope="module")
def rig(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    if request.param is None:
        pytest.skip("no device given: use --device virtual, or --device DRIVER:PORT")
    driver, _, rest = str(request.param).partition(":")
    if driver == "virtual":
        folder = tmp_path_factory.mktemp("bench")
        with VirtualReader(folder / "reader", folder / "reader.sock", rest) as virtual:
            yield VirtualRig(virtual, SPECIMEN)
        return
    port, *pairs = rest.split(",")
    settings: dict[str, object] = {"port": port}
    for key, _, value in (pair.partition("=") for pair in pairs):
        settings[key] = int(value) if value.isdecimal() else value
    real = RealRig(driver, settings, request.config.getoption("--patience"), request.config)
    if request.config.getoption("--record"):
        yield from recorded(real, request.config)
    else:
        yield real


def recorded(rig: Rig, config: pytest.Config) -> Iterator[Rig]:
    """Everything that passes goes into one recording, with its provenance."""
    provenance = {
        "Device": f"{rig.driver} on {rig.settings['port']}",
        "Date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "Submitter": config.getoption("--submitter"),
        "Documents": config.getoption("--documents"),
    }
    with Path(config.getoption("--record")).open("w", encoding="ascii", errors="replace") as out:
        writer = TraceWriter(out, provenance, time.monotonic)

        def through(transport: Transport) -> Transport:
            return RecordingTransport(transport, writer)

        rig.through = through
        yield rig
