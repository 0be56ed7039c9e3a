"""A box behind OpenSSH: tried on a real sshd of this computer's own, on a port of 127.0.0.1."""

from __future__ import annotations

import importlib.util
import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil_tests.bench import hands, laboratory
from hil_tests.bench.hands import SshLab, at_terminal
from hil_tests.bench.lab import Cannot
from hil_tests.bench.ssh import CANNOT, Address, SshTarget, parse
from hil_tests.bench.target import TargetError

SPEC = importlib.util.spec_from_file_location("bench_sshd", Path(__file__).with_name("sshd.py"))
assert SPEC is not None
assert SPEC.loader is not None
door = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(door)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[door.Sshd]:  # type: ignore[name-defined]
    if why := door.why_not():
        pytest.skip(why)
    with door.Sshd(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture
def box(sshd: door.Sshd) -> Iterator[SshTarget]:  # type: ignore[name-defined]
    with SshTarget(Address(sshd.user, "127.0.0.1", sshd.port), options=sshd.options) as made:
        yield made


@pytest.mark.parametrize(
    ("text", "address"),
    [("root@box7", Address("root", "box7")), ("box7:2222", Address("root", "box7", 2222)),
     ("tech@10.0.0.7:22", Address("tech", "10.0.0.7", 22)), ("root@[fe80::1]:22", Address("root", "fe80::1", 22))],
)
def test_addresses(text: str, address: Address) -> None:
    assert parse(text) == address


@pytest.mark.parametrize("text", ["", "@box", "root@", "-oProxyCommand=x", "root@-x", "root@box:", "root@box:99999",
                                  "a b@c", "root@box;reboot"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="USER@HOST"):
        parse(text)


def test_commands_words_bytes_and_codes_go_as_they_are(box: SshTarget) -> None:
    odd = "a 'b' \"c\" $HOME; *\n\\ é"
    assert box.run("printf", "%s", odd) == odd
    every = bytes(range(256)) * 4096
    assert box.pipe("cat", every) == every
    done = box.execute(("sh", "-c", "echo out; echo err >&2; exit 7"))
    assert (done.code, done.out, done.err) == (7, b"out\n", b"err\n")
    assert box.execute(("sh", "-c", "exit 255")).code == 255  # ssh's own code, and here the command's
    with pytest.raises(TargetError, match="2"):
        box.run("sh", "-c", "exit 2")


def test_a_command_that_takes_too_long_is_ended_here_and_on_the_box(box: SshTarget) -> None:
    begun = time.monotonic()
    with pytest.raises(TargetError, match="not within 1 s"):
        box.execute(("sleep", "4321.5"), limit_s=1)
    assert time.monotonic() - begun < 10

    def gone() -> bool:
        """the command has ended on the box"""
        return "4321.5" not in box.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' | "
                                                   "grep -o 'sleep 4321[.]5' || true")

    box.until(gone, 20)


def test_more_than_a_limit_is_refused(box: SshTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil_tests.bench.ssh.OUT_MOST", 1000)
    with pytest.raises(TargetError, match="more than"):
        box.pipe("head -c 1001 /dev/zero")


def test_everything_shares_one_connection(box: SshTarget, sshd: door.Sshd) -> None:  # type: ignore[name-defined]
    for _ in range(5):
        box.run("true")
    assert len(sshd.sessions()) == 1


def test_a_box_that_restarts_is_found_again_with_its_forwards(
    box: SshTarget, sshd: door.Sshd, monkeypatch: pytest.MonkeyPatch  # type: ignore[name-defined]
) -> None:
    with listening() as (port, heard):
        inside = free_port()
        box.forward(inside, port)
        sshd.close()
        with pytest.raises(TargetError):
            box.run("true", limit_s=20)
        sshd.open()
        monkeypatch.setattr(SshTarget, "state", lambda self: "running")  # no systemd runs where tests do
        assert box.wait_up(30) < 30
        box.pipe(f"exec 3<>/dev/tcp/127.0.0.1/{inside}; echo again >&3".join(("bash -c '", "'")))
        assert heard() == b"again\n"


def test_a_host_that_is_not_known_or_refuses_is_said(tmp_path: Path, sshd: door.Sshd) -> None:  # type: ignore[name-defined]
    config = tmp_path / "client.conf"
    config.write_text("UserKnownHostsFile /dev/null\nGlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n"
                      "IdentityFile none\n")
    with pytest.raises(TargetError, match="Host key verification failed"):
        SshTarget(Address(sshd.user, "127.0.0.1", sshd.port), options=("-F", str(config))).__enter__()
    with pytest.raises(TargetError, match="no way to"):
        SshTarget(Address(sshd.user, "127.0.0.1", free_port()), options=sshd.options).__enter__()


def test_nothing_stays_when_it_ends(sshd: door.Sshd) -> None:  # type: ignore[name-defined]
    with SshTarget(Address(sshd.user, "127.0.0.1", sshd.port), options=sshd.options) as box:
        with listening() as (port, _):
            box.forward(free_port(), port)
        folder = box._folder
        assert len(sshd.sessions()) == 2
    assert not folder.exists()
    begun = time.monotonic()
    while sshd.sessions():
        assert time.monotonic() - begun < 10
        time.sleep(0.1)


# -- a person's hands -------------------------------------------------------------------------------------------------

class Person:
    """Does what is asked, on folders that stand for the box's /dev."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.act = lambda: None

    def __call__(self, text: str) -> None:
        self.told.append(text)
        self.act()


@pytest.fixture
def person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    ports, sticks = tmp_path / "by-id", tmp_path / "by-label"
    ports.mkdir()
    sticks.mkdir()
    monkeypatch.setattr(hands, "READERS", hands.READERS.replace("/dev/serial/by-id", str(ports)))
    monkeypatch.setattr(hands, "STICKS", hands.STICKS.replace("/dev/disk/by-label", str(sticks)))
    monkeypatch.setattr(hands, "SEEN_S", 1.0)
    return Person()


def test_a_reader_is_there_when_the_box_has_seen_it(box: SshTarget, person: Person, tmp_path: Path) -> None:
    lab = SshLab(box, ask=person)
    with pytest.raises(TargetError, match="no new reader"):
        lab.plug_reader("elyctis")
    port = tmp_path / "by-id" / "usb-ELYCTIS_ID_BOX_E12345-if00"
    person.act = port.touch
    reader = lab.plug_reader("elyctis")
    assert reader.serial == "E12345"
    assert reader.port == str(port)
    assert "family elyctis" in person.told[-1]
    reader.plug()
    with pytest.raises(TargetError, match="still there"):
        (setattr(person, "act", lambda: None), reader.unplug())
    person.act = port.unlink
    reader.unplug()
    with pytest.raises(Cannot, match="emulated device"):
        reader.present(["P<UTO"], cut=3)
    person.act = lambda: None
    reader.present(["P<UTO", "L898902C3"])
    assert "P<UTO\nL898902C3" in person.told[-1]


def test_a_stick_is_asked_for_seen_pulled_and_read(box: SshTarget, person: Person, tmp_path: Path) -> None:
    lab = SshLab(box, ask=person)
    label = tmp_path / "by-label" / "BORDERPOST"
    (tmp_path / "by-label" / "HOLIDAY").touch()
    with pytest.raises(TargetError, match="no stick"):
        lab.plug_stick(tmp_path)
    person.act = label.touch
    stick = lab.plug_stick(tmp_path)
    with pytest.raises(TargetError, match="already"):
        lab.plug_stick(tmp_path)
    person.act = label.unlink
    stick.pull()
    person.act = lambda: None
    with pytest.raises(TargetError, match="nothing was copied"):
        stick.contents(tmp_path / "back")
    person.act = lambda: (tmp_path / "back/result.json").write_text("{}")  # type: ignore[assignment,return-value]
    assert (stick.contents(tmp_path / "back") / "result.json").exists()


def test_the_link_is_the_way_to_headquarters_and_is_cut_with_what_goes_through_it(
    box: SshTarget, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "BROKER", free_port())
    with listening() as (port, _):
        lab = SshLab(box, ask=person, broker_port=port)
        with socket.create_connection(("127.0.0.1", hands.BROKER), timeout=10) as through:
            through.sendall(b"hello\n")
            lab.link(up=False)
            through.settimeout(10)
            try:
                cut = through.recv(10) == b""
            except ConnectionResetError:
                cut = True
            assert cut
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", hands.BROKER), timeout=10)
        lab.link(up=True)
        socket.create_connection(("127.0.0.1", hands.BROKER), timeout=10).close()
    with pytest.raises(Cannot, match="bench's own connection"):
        SshLab(box, ask=person).link(up=False)


def test_power_is_off_when_the_box_answers_no_more(
    box: SshTarget, sshd: door.Sshd, person: Person, monkeypatch: pytest.MonkeyPatch  # type: ignore[name-defined]
) -> None:
    lab = SshLab(box, ask=person)
    with pytest.raises(TargetError, match="still answers"):
        lab.cut_power()
    person.act = sshd.close
    lab.cut_power()
    person.act = sshd.open
    monkeypatch.setattr(SshTarget, "state", lambda self: "degraded")
    assert lab.power_on() < 30


def test_a_person_is_asked_at_the_terminal_and_not_for_ever() -> None:
    leader, follower = pty.openpty()
    name = os.ttyname(follower)
    thread = threading.Timer(0.3, lambda: os.write(leader, b"\n"))
    thread.start()
    at_terminal("plug the reader in", terminal=name, limit_s=20)
    thread.join()
    assert b"plug the reader in, then press Enter" in os.read(leader, 4096)
    with pytest.raises(Cannot, match="nobody answered"):
        at_terminal("plug the reader in", terminal=name, limit_s=0.2)
    os.close(leader)
    os.close(follower)
    with pytest.raises(Cannot, match="nobody is at a terminal"):
        at_terminal("plug the reader in", terminal="/nonexistent/tty")


def test_a_test_that_needs_an_emulated_device_says_so_on_a_box_with_real_ones(tmp_path: Path) -> None:
    folder = tmp_path / "vm"
    folder.mkdir()
    (folder / "conftest.py").write_text('pytest_plugins = ["hil_tests.bench.report"]\n')
    (folder / "test_x.py").write_text(
        "import pytest\n@pytest.mark.needs('emulated clock')\ndef test_a(): assert False\n"
        "@pytest.mark.needs('reader')\ndef test_b(): pass\n@pytest.mark.needs('no such thing')\ndef test_c(): pass\n"
    )
    words = [sys.executable, "-m", "pytest", "-q", "-rs", str(folder), "-p", "no:cacheprovider"]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([*words, "--target", "ssh:root@box7"], cwd=root, capture_output=True, text=True, timeout=60,
                          check=False)
    assert "1 passed, 2 skipped" in done.stdout, done.stdout + done.stderr
    assert f"needs emulated clock: {CANNOT['emulated clock']}" in done.stdout
    assert "needs no such thing" in done.stdout
    done = subprocess.run([*words, "--target", "telnet:box7"], cwd=root, capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 4
    assert "the only kind there is" in done.stderr


def test_a_computer_without_the_package_is_no_box_and_is_left_alone(
    sshd: door.Sshd, person: Person, tmp_path: Path  # type: ignore[name-defined]
) -> None:
    if Path("/usr/bin/borderpost").exists():
        pytest.skip("the package is installed on this computer")
    opened = laboratory.post(Address(sshd.user, "127.0.0.1", sshd.port), tmp_path / "lab", print,
                             options=sshd.options, ask=person)
    with pytest.raises(Cannot, match="has no borderpost: install the package"), opened:
        pass
    assert person.told == []
    assert not (tmp_path / "lab").exists()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class listening:  # noqa: N801 - read as a statement
    """A server that keeps the last bytes of one connection at a time."""

    def __enter__(self):  # type: ignore[no-untyped-def]
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(20)
        self._heard = b""
        threading.Thread(target=self._serve, daemon=True).start()
        return self._socket.getsockname()[1], self._last

    def _serve(self) -> None:
        while True:
            try:
                one, _ = self._socket.accept()
                self._heard = one.recv(100) or self._heard
            except OSError:
                return

    def _last(self) -> bytes:
        begun = time.monotonic()
        while not self._heard and time.monotonic() - begun < 10:
            time.sleep(0.05)
        return self._heard

    def __exit__(self, *_: object) -> None:
        self._socket.close()
