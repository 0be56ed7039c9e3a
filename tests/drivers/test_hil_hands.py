"""hil_tests with a device in front of a person: the bench is the device, and this test has the hands."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hil_kit import end, start

from drivers.named import parse_device
from drivers.virtual.control import VirtualReader
from hil_tests.rigs import RealRig


@pytest.fixture
def virtual(tmp_path: Path) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.sock", "text") as made:
        yield made


def asked(run: subprocess.Popen[str], sentence: str) -> None:
    """Read on until the person is asked for this."""
    assert run.stdout is not None
    said = []
    for line in run.stdout:
        said.append(line)
        if line.startswith(f">>> {sentence}"):
            return
    pytest.fail("".join(said))


def test_the_cable_is_waited_for(virtual: VirtualReader) -> None:
    """The port is there until the person has pulled, and only then the contract goes on."""
    run = start("--device", f"text={virtual.link}", "-k", "absent_device", "-s")
    asked(run, "pull the reader's cable, within 60 seconds")
    virtual.unplug()
    asked(run, "plug the cable in again")
    virtual.plug()
    assert "1 passed" in end(run)


def test_a_cable_that_nobody_pulls_is_said_after_the_limit(virtual: VirtualReader) -> None:
    said = end(start("--device", f"text={virtual.link}", "-k", "absent_device", "--patience", "0.3"), code=1)
    assert f"{virtual.link} is still there after 0.3 s: pull the cable sooner" in said
    assert "DID NOT RAISE" not in said


def test_on_the_network_opening_tells_that_it_is_gone(pytestconfig: pytest.Config) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        rig = RealRig(parse_device(f"text=socket://127.0.0.1:{port}"), 0.3, pytestconfig)
        with pytest.raises(pytest.fail.Exception, match="still there"):
            rig.pull()
