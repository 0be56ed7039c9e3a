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

TOLD = ("--model", "a bench", "--submitter", "nobody", "--documents", "none")


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


@pytest.mark.parametrize("kept", ["file", "link"])
def test_a_recording_is_not_written_over(virtual: VirtualReader, tmp_path: Path, kept: str) -> None:
    record = tmp_path / "mine.trace"
    if kept == "file":
        record.write_text("an hour's work")
    else:
        record.symlink_to(tmp_path / "elsewhere")
    said = end(start("--device", f"text={virtual.link}", "-k", "owner", "--record", str(record)), code=4)
    assert f"{record} is there already; give another file" in said
    assert not (tmp_path / "elsewhere").exists()
    assert kept == "link" or record.read_text() == "an hour's work"


def test_two_devices_do_not_share_a_recording(virtual: VirtualReader, tmp_path: Path) -> None:
    record = tmp_path / "new.trace"
    devices = ("--device", f"text={virtual.link}", "--device", f"text:{virtual.link}")
    said = end(start(*devices, "-k", "owner", *TOLD, "--record", str(record)), code=1)
    assert "1 passed" in said
    assert f"{record} is there already" in said
    assert record.read_text(encoding="ascii").count("\n") > 1


def test_a_recording_without_its_origin_leaves_no_file(virtual: VirtualReader, tmp_path: Path) -> None:
    record = tmp_path / "new.trace"
    said = end(start("--device", f"text={virtual.link}", "-k", "owner", "--record", str(record)), code=1)
    assert "give --model, --submitter and --documents" in said
    assert not record.exists()


def test_a_recording_that_cannot_be_written_is_said(virtual: VirtualReader, tmp_path: Path) -> None:
    record = tmp_path / "none" / "new.trace"
    said = end(start("--device", f"text={virtual.link}", "-k", "owner", "--record", str(record)), code=1)
    assert f"--record: {record}: No such file or directory" in said
