"""``borderpost record``: whole or not at all, with provenance, and masked before it reaches the disk."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from box_world import WAIT_S, BoxWorld, until, zone
from click.testing import CliRunner

from drivers.api import DocumentRead
from drivers.replays import play
from drivers.trace import Trace, read_trace
from drivers.virtual.control import VirtualReader
from edge.recording import Documents
from edge.verbs.record import command

TD3 = zone()
HEADER = ("--model", "virtual reader", "--submitter", "the test", "--documents", "specimen UTO")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[VirtualReader]:
    with VirtualReader(tmp_path / "reader", tmp_path / "reader.ctl", "elyctis") as virtual:
        yield virtual


def words(*more: str) -> list[str]:
    return [str(Path(sys.executable).parent / "borderpost"), "record", *more]


def begin(*more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words(*more), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def load(path: Path) -> Trace:
    return read_trace(path.read_text("utf-8").splitlines())


def record(reader: VirtualReader, path: Path, *more: str, documents: int = 1) -> tuple[int, str, str]:
    """Record while hands lay the specimen down."""
    run = begin(f"elyctis={reader.link}", str(path), *HEADER, *more)
    for _ in range(documents):
        assert reader.present(TD3, wait_s=WAIT_S) is not None
    out, err = run.communicate(timeout=WAIT_S)
    return run.returncode, out, err


def test_a_recording_has_its_provenance_and_replays(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    code, out, _ = record(reader, path, "--documents-count", "2", documents=2)
    assert code == 0
    assert "2 documents, 0 other blocks, 0 garbled" in out
    trace = load(path)
    assert {key: trace.provenance[key] for key in ("Device", "Driver", "Settings", "Submitter", "Documents")} == {
        "Device": "virtual reader", "Driver": "elyctis", "Settings": "{}", "Submitter": "the test",
        "Documents": "specimen UTO",
    }
    assert trace.provenance["Firmware"] == "OCR 4.07"
    assert trace.provenance["Serial"] == "EV000001"
    assert trace.provenance["Software"].startswith("borderpost ")
    assert [read.lines for read in play(trace).reads] == [TD3, TD3]
    assert not list(tmp_path.glob("*.part"))
    assert path.stat().st_mode & 0o777 == 0o600


def test_ctrl_c_leaves_a_whole_file_and_what_came_is_not_shown(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    run = begin(f"elyctis={reader.link}", str(path), *HEADER)
    assert reader.present(TD3, wait_s=WAIT_S) is not None
    time.sleep(0.5)
    assert path.with_name("swipe.trace.part").exists()
    assert not path.exists()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 0
    assert [read.lines for read in play(load(path)).reads] == [TD3]
    assert not any(text in out + err for text in ("ERIKSSON", "L898902C3"))


def test_a_masked_recording_never_was_on_the_disk(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    run = begin(f"elyctis={reader.link}", str(path), *HEADER, "--mask")
    assert reader.present(TD3, wait_s=WAIT_S) is not None
    time.sleep(0.5)
    assert not list(tmp_path.glob("swipe*"))
    run.send_signal(signal.SIGTERM)
    out, _ = run.communicate(timeout=WAIT_S)
    assert "masked" in out
    trace = load(path)
    (read,) = play(trace).reads
    assert [len(row) for row in read.lines] == [44, 44]
    assert not any(text in "".join(read.lines) for text in ("ERIKSSON", "ANNA", "L898902C3"))
    assert "Masked" in trace.provenance


def test_an_existing_file_is_kept_unless_forced(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    path.write_text("mine")
    code, _, err = record_nothing(reader, path)
    assert code == 1
    assert "is there already" in err
    assert path.read_text() == "mine"
    assert record_nothing(reader, path, "--force")[0] == 0
    assert load(path).provenance["Driver"] == "elyctis"


def record_nothing(reader: VirtualReader, path: Path, *more: str) -> tuple[int, str, str]:
    run = begin(f"elyctis={reader.link}", str(path), *HEADER, "--seconds", "0.3", *more)
    out, err = run.communicate(timeout=WAIT_S)
    return run.returncode, out, err


@pytest.mark.parametrize("kind", ["fifo", "link"])
@pytest.mark.parametrize("name", ["a.trace", "a.trace.part"])
def test_what_is_no_regular_file_is_never_replaced(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to(os.devnull)
    before = path.lstat()
    result = CliRunner().invoke(command, ["text=/dev/none", str(tmp_path / "a.trace"), *HEADER, "--force"])
    assert f"{path} is no regular file" in str(result.exception)
    assert path.lstat() == before


@pytest.mark.parametrize("more", [(), ("--mask",)])
def test_what_a_kill_left_is_kept_unless_forced(more: tuple[str, ...], reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    part = tmp_path / "swipe.trace.part"
    part.write_text("what came before")
    code, _, err = record_nothing(reader, path, *more)
    assert code == 1
    assert f"{part} is there already" in err
    assert "rename it to keep it" in err
    assert part.read_text() == "what came before"
    assert record_nothing(reader, path, "--force", *more)[0] == 0
    assert not part.exists()


OWN = '[profile]\nname = "kiosk-x"\ntitle = "Kiosk X"\ndriver = "elyctis"\nsource = "its manual"\n'


@pytest.mark.parametrize("by_option", [True, False])
@pytest.mark.parametrize("by_folder", [True, False])
def test_a_technicians_own_profile(by_option: bool, by_folder: bool, reader: VirtualReader, tmp_path: Path) -> None:
    with BoxWorld(tmp_path / "post") as world:
        folder = tmp_path / "own"
        folder.mkdir()
        (folder / "kiosk.toml").write_text(OWN)
        text = world.config.read_text()
        world.config.write_text(text.replace("[box]\n", f'[box]\nprofiles_dir = "{folder}"\n', 1))
        more = ("--profiles", str(folder)) if by_folder else ("--config", str(world.config))
        device = (str(reader.link), "--profile", "kiosk-x") if by_option else (f"profile:kiosk-x={reader.link}",)
        run = begin(*device, str(tmp_path / "a.trace"), *HEADER, "--seconds", "0.3", *more)
        _, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 0, err
    assert load(tmp_path / "a.trace").provenance["Profile"] == "kiosk-x"


@pytest.mark.parametrize(
    "wrong", [("--seconds", "0"), ("--seconds", "-1"), ("--seconds", "nan"), ("--documents-count", "0"),
              ("--documents-count", "-2"), ("--profiles", "/none")],
)
def test_an_option_that_means_nothing_is_refused(wrong: tuple[str, str], tmp_path: Path) -> None:
    result = CliRunner().invoke(command, ["text=/dev/none", str(tmp_path / "a.trace"), *HEADER, *wrong])
    assert result.exit_code == 2
    assert wrong[0] in result.output


def test_a_device_that_disappears_leaves_what_came(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "swipe.trace"
    run = begin(f"elyctis={reader.link}", str(path), *HEADER)
    assert reader.present(TD3, wait_s=WAIT_S) is not None
    time.sleep(0.3)  # what lies in a pty is lost with it
    reader.unplug()
    _, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 1
    assert f"what came before is in {path}" in err
    assert [read.lines for read in play(load(path)).reads] == [TD3]


def test_a_box_that_holds_the_port_is_named(tmp_path: Path) -> None:
    with BoxWorld(tmp_path / "post") as world:
        world.start()
        code, _, err = world.ask("record", "page-1", str(tmp_path / "a.trace"), *HEADER)
    assert code == 1
    assert "systemctl stop borderpost" in err
    assert not list(tmp_path.glob("a.trace*"))


def test_a_reader_of_the_configuration(tmp_path: Path) -> None:
    with BoxWorld(tmp_path / "post") as world:
        world.reader.start()
        more = ("--config", str(world.config), *HEADER, "--documents-count", "1")
        run = begin("page-1", str(tmp_path / "a.trace"), *more)
        until((tmp_path / "a.trace.part").exists, "the recording has begun")
        time.sleep(0.3)  # opening drops what came before
        assert world.reader.present(TD3) is not None
        run.communicate(timeout=WAIT_S)
        code, _, err = world.ask("record", "page-2", str(tmp_path / "b.trace"), *HEADER)
    assert load(tmp_path / "a.trace").provenance["Driver"] == "text"
    assert code == 1
    assert "give one of: page-1" in err


@pytest.mark.parametrize(
    ("device", "more", "said"),
    [
        ("elyctis=/dev/none", HEADER, "borderpost devices"),
        ("elyctic=/dev/none", HEADER, "drivers: elyctis"),
        ("text=/dev/none,baud=1", HEADER, "baud"),
        ("/dev/none", ("--profile", "none", *HEADER), "no profile is called 'none'"),
        ("elyctis=/dev/none", HEADER[:-2], "--documents"),
    ],
)
def test_what_is_wrong_is_said_with_the_next_step(
    device: str, more: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    run = begin(device, str(tmp_path / "a.trace"), *more)
    _, err = run.communicate(timeout=WAIT_S)
    assert run.returncode == 1
    assert said in err
    assert "next:" in err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(reader: VirtualReader, tmp_path: Path) -> None:
    code, _, err = record_nothing(reader, tmp_path / "none" / "a.trace")
    assert code == 1
    assert "give a file in a folder that you may write" in err


def test_on_a_terminal_what_is_missing_is_asked(reader: VirtualReader, tmp_path: Path) -> None:
    path = tmp_path / "a.trace"
    master, slave = pty.openpty()
    said = bytearray()
    run = subprocess.Popen(
        words(f"elyctis={reader.link}", str(path), "--seconds", "0.5"), stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    listening = threading.Thread(target=drain, args=(master, said), daemon=True)
    listening.start()
    for question, answer in ((b"label", b"ID BOX\n"), (b"who", b"me\n"), (b"which", b"specimen\n")):
        until(lambda question=question: question in said, f"{question!r} is asked")
        os.write(master, answer)
    assert run.wait(WAIT_S) == 0
    listening.join(WAIT_S)
    os.close(master)
    provenance = load(path).provenance
    assert (provenance["Device"], provenance["Submitter"], provenance["Documents"]) == ("ID BOX", "me", "specimen")
    assert b"0 documents" in said


def drain(master: int, into: bytearray) -> None:
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:
            return
        if not data:
            return
        into += data


def test_rows_that_come_one_at_a_time_are_one_document() -> None:
    counted = Documents()
    for at, lines in ((0.0, 1), (0.5, 1), (5.0, 1), (6.0, 2), (6.1, 2), (6.2, 1)):
        counted.note(DocumentRead("x", ("A" * 44,) * lines, b"", at))
    counted.note(None)
    assert counted.count == 5


def test_help_says_how_a_recording_ends() -> None:
    said = " ".join(CliRunner().invoke(command, ["--help"]).output.split())
    assert "Ctrl-C ends the recording" in said
    assert "stop it first" in said
