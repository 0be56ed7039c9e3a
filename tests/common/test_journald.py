"""Lines in the system's journal: their fields, their way, and what happens where nobody takes them."""

from __future__ import annotations

import json
import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from service_manager import filled

from common import journald
from common.journald import Journal, datagram, is_journal, message_id

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys
import common.journald
common.journald.SOCKET = sys.argv[1]
common.journald.Journal.__init__.__defaults__ = (sys.argv[1],)
from common import logs
logs.set_up(logs.redactor({"event", "level", "timestamp", "reader"}), level="info")
import structlog
log = structlog.get_logger("x")
log.warning("reader_lost", reader="page-1", name="ERIKSSON")
log.info("running")
log.debug("unheard")
"""


@pytest.fixture
def listening(tmp_path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(tmp_path / "journal"))
    sock.settimeout(10)
    return sock


def fields(data: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in data.decode().splitlines())


def written(listening: socket.socket, tmp_path: Path, *, path: Path | None = None, stream: str = "") -> str:
    """Run the writer with a pipe as its journal stream; what came on standard error."""
    reading, writing = os.pipe()
    found = os.fstat(writing)
    environ = {**os.environ, "JOURNAL_STREAM": stream or f"{found.st_dev}:{found.st_ino}", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", WRITER, str(path or tmp_path / "journal")], env=environ, stderr=writing,
                   check=True, timeout=60)  # fmt: skip
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        return file.read().decode()


def test_a_line_carries_its_event_its_weight_and_its_id(listening: socket.socket, tmp_path: Path) -> None:
    assert written(listening, tmp_path) == ""
    first, second = fields(listening.recv(65536)), fields(listening.recv(65536))
    assert first["BORDERPOST_EVENT"] == "reader_lost"
    assert first["PRIORITY"] == "4"
    assert first["MESSAGE_ID"] == message_id("reader_lost")
    told = json.loads(first["MESSAGE"])
    assert (told["event"], told["reader"]) == ("reader_lost", "page-1")
    assert "ERIKSSON" not in first["MESSAGE"]
    assert (second["BORDERPOST_EVENT"], second["PRIORITY"]) == ("running", "6")


def test_where_the_journal_takes_nothing_lines_go_to_standard_error(listening: socket.socket, tmp_path: Path) -> None:
    full = tmp_path / "full"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(full))
        talkers = filled(full)
        lines = written(listening, tmp_path, path=full).splitlines()
        for talker in talkers:
            talker.close()
    assert [json.loads(line)["event"] for line in lines] == ["reader_lost", "running"]


def test_another_standard_error_than_the_journal_s_is_kept(listening: socket.socket, tmp_path: Path) -> None:
    lines = written(listening, tmp_path, stream="1:2").splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["reader_lost", "running"]


def test_an_id_is_an_event_s_for_good() -> None:
    assert message_id("reader_lost") == message_id("reader_lost") != message_id("reader_ready")
    assert re.fullmatch("[0-9a-f]{32}", message_id("running"))
    assert message_id("running") == "5e3f875341415f889f019cfc3c7f1644"  # in the catalogues of boxes out there


def test_a_value_with_line_breaks_is_sent_with_its_length() -> None:
    assert datagram({"A": "x", "B": "y\nz"}) == b"A=x\nB\n" + struct.pack("<Q", 3) + b"y\nz\n"


def test_what_is_no_stream_is_no_journal(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        found = os.fstat(file.fileno())
        assert is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}, file)
        assert not is_journal({"JOURNAL_STREAM": "0:0"}, file)
        assert not is_journal({}, file)
    assert not is_journal({"JOURNAL_STREAM": "0:0"}, file)  # closed


def test_a_line_that_is_too_long_goes_to_standard_error(tmp_path: Path) -> None:
    kept: list[str] = []
    Journal(kept.append, "x", str(tmp_path / "nobody")).send("y" * (journald.MAX_BYTES + 1), "running", "info")
    Journal(kept.append, "x", str(tmp_path / "nobody")).send("short", "running", "info")
    assert [len(line) for line in kept] == [journald.MAX_BYTES + 1, 5]


# -- the catalogue ----------------------------------------------------------------------------------------------------

CATALOGUE = ROOT / "systemd" / "borderpost.catalog"


def test_the_catalogue_is_what_the_pages_say() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "packaging/catalogue.py"), "--check"], check=False, timeout=60)
    assert done.returncode == 0, "python packaging/catalogue.py"


def test_every_warning_and_error_has_an_entry_with_what_to_do() -> None:
    entries = {
        text.splitlines()[0]: text for text in ("\n" + CATALOGUE.read_text("utf-8")).split("\n-- ")[1:]
    }
    codes: set[str] = set()
    for room in ("common", "edge", "hq", "provisioning"):
        for path in (ROOT / room).rglob("*.py"):
            codes |= set(re.findall(r"log\.(?:warning|error)\(\s*\"([a-z_]+)\"", path.read_text("utf-8")))
    assert len(codes) > 40
    missing = sorted(code for code in codes if message_id(code) not in entries)
    assert missing == []
    for text in entries.values():
        assert "\nSubject: " in text
        assert "\nWhat happened: " in text
        assert "\nWhat to do: " in text
