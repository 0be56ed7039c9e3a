"""At a terminal: passphrases are asked twice and not shown, Ctrl-C leaves nothing, tables have frames."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from authority_kit import WORD, Desk, enrol

from edge.core.provisioning.signing import open_national

pytestmark = pytest.mark.timeout(60)
WAIT_S = 30.0
ROOT = Path(__file__).resolve().parents[2]


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, folder: Path, *words: str, columns: int = 80) -> None:
        self.screen = ""
        self._own, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from provisioning.cli import main; main()", *words], cwd=folder,
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - no threads before exec
            env={name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
            | {"PYTHONPATH": str(ROOT), "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)

    def until(self, text: str) -> None:
        """Read until the screen shows ``text`` after what was seen before."""
        end = time.monotonic() + WAIT_S
        seen = len(self.screen)
        while text not in self.screen[seen:]:
            assert self._read(end), self.screen
        self.screen += "\0"

    def types(self, text: str) -> None:
        """As the keyboard sends it."""
        os.write(self._own, text.encode())

    def ends(self) -> int:
        """Wait for its end; the exit code."""
        end = time.monotonic() + WAIT_S
        while self._read(end):
            pass
        return self._process.wait(WAIT_S)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._own)

    def _read(self, end: float) -> bool:
        ready, _, _ = select.select([self._own], [], [], max(end - time.monotonic(), 0))
        assert ready, self.screen
        try:
            data = os.read(self._own, 4096)
        except OSError:  # Linux: the other side is closed
            return False
        self.screen += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def terminal(folder: Path, *words: str, columns: int = 80) -> Iterator[Terminal]:
    made = Terminal(folder, *words, columns=columns)
    try:
        yield made
    finally:
        made.close()


def test_a_package_alone_on_a_stick_is_the_one_in_force(desk: Desk, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    place = stick / "BORDERPOST" / "national.json"
    assert desk.run("package", "--stick", stick).code == 0
    assert place.read_bytes() == (desk.root / "national.json").read_bytes()
    desk.signs("package", "--name", "Utopia", "--stick", stick, "--sign", desk.offline("root-1"))
    assert open_national(place.read_bytes(), None).number == 1  # what waits is no paper yet
    desk.signs("package", "--stick", stick, "--sign", desk.offline("root-2"))
    assert open_national(place.read_bytes(), desk.package).number == 2


def test_each_passphrase_is_asked_twice_and_never_shown(tmp_path: Path) -> None:
    with terminal(tmp_path, "init", "--country", "UTO", "--roots", "1", "--threshold", "1") as desk:
        for name in ("authority", "root-1", "spare", "escrow"):
            desk.until(f"Passphrase of {name}: ")
            desk.types(WORD + "\n")
            desk.until("Repeat for confirmation: ")
            desk.types(WORD + "\n")
        assert desk.ends() == 0
    assert "KEY CEREMONY   UTO" in desk.screen
    assert WORD not in desk.screen
    assert (tmp_path / "authority" / "ledger.sqlite").exists()


def test_a_passphrase_that_is_too_short_or_mistyped_is_asked_for_again(tmp_path: Path) -> None:
    with terminal(tmp_path, "init", "--country", "UTO", "--roots", "1", "--threshold", "1") as desk:
        desk.until("Passphrase of authority: ")
        desk.types("short\n")
        desk.until("nothing to do with each other\r\nPassphrase of authority: ")
        desk.types(WORD + "\n")
        desk.until("Repeat for confirmation: ")
        desk.types("another word of ours\n")
        desk.until("two different ones; type both again\r\nPassphrase of authority: ")
        for name in ("authority", "root-1", "spare", "escrow"):
            if name != "authority":
                desk.until(f"Passphrase of {name}: ")
            desk.types(WORD + "\n")
            desk.until("Repeat for confirmation: ")
            desk.types(WORD + "\n")
        assert desk.ends() == 0
    assert (tmp_path / "authority" / "ledger.sqlite").exists()


def test_ctrl_c_at_a_passphrase_leaves_nothing(tmp_path: Path) -> None:
    with terminal(tmp_path, "init", "--country", "UTO") as desk:
        desk.until("Passphrase of authority: ")
        desk.types(WORD + "\n")
        desk.until("Repeat for confirmation: ")
        desk.types("\x03")
        assert desk.ends() == 130
    assert "stopped" in desk.screen
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("columns", "framed"), [(120, True), (60, False)])
def test_a_table_has_a_frame_where_there_is_room_and_no_serial_is_broken(
    desk: Desk, tmp_path: Path, columns: int, framed: bool
) -> None:
    box, _ = enrol(desk, tmp_path / "stick")
    with terminal(tmp_path, "show", "--authority", str(desk.root), columns=columns) as screen:
        assert screen.ends() == 0
    assert "north-gate-1" in screen.screen
    assert box.serial in screen.screen
    assert ("│" in screen.screen) is framed
