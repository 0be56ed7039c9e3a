"""What `borderpost record` counts while it records, and what it says where a port is not to be had."""

from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from box_world import WAIT_S, zone

from drivers.api import DocumentRead, ReaderStatus, Tier
from drivers.virtual.control import VirtualReader
from edge.recording import ROW_WAIT_S, Documents

HEADER = ("--model", "virtual reader", "--submitter", "the test", "--documents", "specimen UTO")
TD3 = zone()
SLOW_MS = 20  # a report: a row of 44 characters takes 1.8 s, longer than rows are waited for


def words(*more: str) -> list[str]:
    return [str(Path(sys.executable).parent / "borderpost"), "record", *more]


class Terminal:
    """`borderpost record` on a terminal."""

    def __init__(self, *more: str) -> None:
        self._master, slave = pty.openpty()
        self.run = subprocess.Popen(words(*more, *HEADER), stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.said = ""

    def until(self, text: str) -> None:
        while not re.search(text, self.said):
            assert self._more(), self.said

    def end(self) -> int:
        while self._more():
            pass
        os.close(self._master)
        return self.run.wait(WAIT_S)

    def _more(self) -> bool:
        try:
            data = os.read(self._master, 4096)
        except OSError:  # the other side has gone
            return False
        self.said += data.decode()
        return bool(data)


def record_keyboard(folder: Path, options: Sequence[str], *more: str, documents: int) -> Terminal:
    """Hands lay a document down, and the next when the last one's bytes have been counted."""
    with VirtualReader(folder / "keys", folder / "keys.ctl", "hid_keyboard", options) as reader:
        terminal = Terminal(f"hid_keyboard={reader.port}", str(folder / "keys.trace"), *more)
        terminal.until(" 0 documents")
        for number in range(documents):
            assert reader.present(TD3, wait_s=WAIT_S) is not None
            terminal.until(rf" {1440 * (number + 1)} bytes")
        assert terminal.end() == 0
        return terminal


def test_a_keyboard_is_counted_while_it_is_recorded(tmp_path: Path) -> None:
    terminal = record_keyboard(tmp_path, [], "--documents-count", "1", documents=1)
    assert re.search(r"\d s  1 documents  0 other blocks  0 garbled  \d+ bytes", terminal.said)
    assert "keys.trace: 1 documents, 0 other blocks, 0 garbled, 1440 bytes" in terminal.said


def test_a_keyboard_that_types_slowly_gives_one_document_and_whole(tmp_path: Path) -> None:
    terminal = record_keyboard(tmp_path, ["--delay-ms", str(SLOW_MS)], "--documents-count", "1", documents=1)
    assert "keys.trace: 1 documents, 0 other blocks, 0 garbled, 1440 bytes" in terminal.said


def test_a_keyboard_in_another_layout_is_said_at_the_end(tmp_path: Path) -> None:
    terminal = record_keyboard(tmp_path, ["--layout", "fr"], "--seconds", "4", documents=1)
    assert "0 documents" in terminal.said.splitlines()[-2]
    assert "the device: its number keys give no digits: is it set to layout 'us'?" in terminal.said.splitlines()[-1]


def row(at: float) -> DocumentRead:
    return DocumentRead("keys-1", ("P<UTO",), b"", at)


def count(documents: Documents) -> int:
    status = ReaderStatus("keys-1", "hid_keyboard", Tier.VIRTUAL, "usb:1a2b:0001", open=True)
    return documents.progress(0, status).documents


@pytest.mark.parametrize(("under_way", "documents"), [((101.0, 102.0, 103.0), 1), ((), 2), ((102.0, 103.0), 2)])
def test_rows_are_one_document_from_the_end_of_one_to_the_beginning_of_the_next(
    under_way: tuple[float, ...], documents: int
) -> None:
    counted = Documents()
    counted.note(row(100.0))
    assert count(counted) == 1
    for at in under_way:
        counted.under_way(at)
    counted.note(row(103.2))
    assert count(counted) == documents
    counted.note(row(103.2 + ROW_WAIT_S + 0.1))
    assert count(counted) == documents + 1


@pytest.mark.parametrize("scheme", ["socket", "rfc2217"])
def test_a_network_port_that_refuses_is_told_apart_from_a_box_that_holds_it(scheme: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
    run = subprocess.run(
        words(f"text={scheme}://127.0.0.1:{number}", str(tmp_path / "new.trace"), *HEADER), capture_output=True,
        text=True, timeout=WAIT_S, check=False, stdin=subprocess.DEVNULL,
    )
    assert run.returncode == 1
    error, following = run.stderr.splitlines()
    assert "refuses the connection" in error
    assert following.startswith("next:  nobody listens there, or somebody has that port already")
    assert not list(tmp_path.glob("new.trace*"))
