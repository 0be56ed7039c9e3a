"""``fingers capture``: a finger into a file; whatever else happens ends in words, an exit code and no trace."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from finger_desk import Clock, ScriptedScanner, Step, capture_of
from scanner_rigs import ZfmRig

import edge.fingers.taking as taking_module
import edge.scanners
from common.command import guarded
from common.fingers.images import decode_image
from drivers.api import BadSetting, DeviceError, DeviceGone, DeviceStuck
from drivers.fingers import FingerCapture, Retry, RetryReason, ScanEvent
from edge.cli import borderpost
from edge.core.fingerprints.model import FingerImage

LATER_S = 20.0


class Said(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Said]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Iterator[Run]:
    """Runs the command as the console script does; the signals' handlers are the old ones afterwards."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def runs(scanner: str, *more: object, out: str = "a.png") -> Said:
        words = ["fingers", "capture", scanner, "--out", str(tmp_path / out), *map(str, more)]
        code = guarded(lambda: borderpost(words, standalone_mode=False))
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return Said(code, said.out, said.err)

    yield runs
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch) -> list[FingerImage]:
    """Every image that was made of a capture."""
    found: list[FingerImage] = []
    real = taking_module.image_of

    def note(capture: FingerCapture) -> FingerImage:
        found.append(real(capture))
        return found[-1]

    monkeypatch.setattr(taking_module, "image_of", note)
    return found


def played(monkeypatch: pytest.MonkeyPatch, *script: Step) -> ScriptedScanner:
    """Stands at the port that the command names."""
    scanner = ScriptedScanner(script, Clock())
    monkeypatch.setattr(edge.scanners, "named_scanner", lambda *_: scanner)
    return scanner


@pytest.mark.parametrize("form", ["png", "wsq"])
def test_a_finger_of_a_serial_module_lies_in_the_file(form: str, run: Run, tmp_path: Path) -> None:
    rig = ZfmRig(tmp_path)
    with rig:
        rig.finger(7)
        done = run(f"zfm={rig.link}", "--json", "--position", "left-thumb", out=f"a.{form}")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    file = tmp_path / f"a.{form}"
    assert (told["file"], told["position"], told["width"], told["height"], told["tries"], told["bytes"]) == (
        str(file), "left-thumb", 256, 288, 1, file.stat().st_size)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert done.err.splitlines()[:2] == [
        "looking for the scanner", "left thumb: lay it on the scanner (try 1 of 3)"]
    found = decode_image(file.read_bytes(), "a")
    assert found.pixels.shape == (288, 256)
    assert found.pixels.tobytes() == rig.expected(7) or form == "wsq"


def test_what_is_said_without_json_and_in_another_language(
    run: Run, monkeypatch: pytest.MonkeyPatch, images: list[FingerImage]
) -> None:
    scanner = played(monkeypatch, Retry(RetryReason.REMOVE_FINGER), capture_of(7, share=0.2), capture_of(7))
    done = run("s")
    assert (done.code, scanner.closed) == (0, 1)
    assert "try 2" in done.out  # the finger that lay there already was none
    assert "right index finger" in done.err
    assert "lift the finger that lies there\n" in done.err
    assert done.err.count("lift the right index finger") == 1  # after the poor one, with what was wrong
    assert not any(image.pixels.any() for image in images)
    played(monkeypatch, capture_of(7))
    assert "recherche du lecteur" in run("s", "--lang", "fr", out="b.png").err


def test_no_finger_is_the_answer_no(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scanner = played(monkeypatch)
    done = run("s", "--wait", 2)
    assert (done.code, done.out, scanner.closed) == (1, "", 1)
    assert "no finger was captured" in done.err
    assert not (tmp_path / "a.png").exists()


def test_a_file_that_is_there_is_kept_and_the_scanner_is_not_asked(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_text("mine")
    scanner = played(monkeypatch, capture_of(7))
    assert run("s").code == 1
    assert (scanner.opened, (tmp_path / "a.png").read_text()) == (0, "mine")
    assert run("s", "--force").code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("form", "missing"), [("png", "PIL"), ("wsq", "wsq")])
def test_a_missing_package_is_told_before_a_person_is_asked(
    form: str, missing: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = played(monkeypatch, capture_of(7))
    monkeypatch.setitem(sys.modules, missing, None)
    done = run("s", out=f"a.{form}")
    assert (done.code, scanner.opened) == (1, 0)
    assert f"error: {form} cannot be written: a package is missing\n" in done.err
    assert "requirements-box.lock" in done.err


def test_another_ending_is_wrong_usage(run: Run) -> None:
    assert run("s", out="a.bmp").code == 2


@pytest.mark.parametrize("port", ["uru4000=/dev/null", "zfm=/dev/null", "zfm=/nowhere"])
def test_a_wrong_port_is_told_in_two_lines(port: str, run: Run, tmp_path: Path) -> None:
    done = run(port)
    assert done.code == 1
    assert [line.partition(": ")[0] for line in done.err.splitlines()] == ["looking for the scanner", "error", "next"]
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("fault", [
    BadSetting("wrong", key="port", advice="do this"), DeviceGone("gone", advice="do this"), OSError(5, "I/O error"),
])  # fmt: skip
@pytest.mark.parametrize("where", ["open", "capture"])
def test_every_fault_of_the_scanner_is_told_with_advice_and_leaves_no_frame(
    fault: Exception, where: str, run: Run, monkeypatch: pytest.MonkeyPatch, images: list[FingerImage]
) -> None:
    scanner = played(monkeypatch, capture_of(7, share=0.3), fault)
    scanner.refuses = fault if where == "open" else None
    done = run("s")
    assert (done.code, done.out) == (1, "")
    assert [line.partition(": ")[0] for line in done.err.splitlines()[-2:]] == ["error", "next"]
    assert scanner.closed == scanner.opened
    assert len(images) == (where == "capture")
    assert not any(image.pixels.any() for image in images)


def test_a_frame_that_cannot_be_saved_is_overwritten(
    run: Run, monkeypatch: pytest.MonkeyPatch, images: list[FingerImage]
) -> None:
    played(monkeypatch, capture_of(7))
    assert run("s", out="nowhere/a.png").code == 1
    assert not any(image.pixels.any() for image in images)


class Slow(ScriptedScanner):
    """Its opening goes on until it is cancelled, and fails then, as a sensor that is woken in vain."""

    def open(self) -> None:
        os.kill(os.getpid(), self.sent)
        assert self.cancelled.wait(LATER_S)
        raise DeviceStuck("the sensor does not wake up", advice="x")

    sent = signal.SIGINT


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_it_is_opened_ends_it_as_one(
    sent: signal.Signals, code: int, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = Slow([], Clock())
    scanner.sent = sent
    monkeypatch.setattr(edge.scanners, "named_scanner", lambda *_: scanner)
    done = run("s")
    assert (done.code, done.err) == (code, "looking for the scanner\n")


@pytest.mark.parametrize("comes", ["nothing", "a frame", "an error"])
def test_a_signal_in_the_midst_of_an_image_ends_it_and_leaves_no_frame(
    comes: str, run: Run, monkeypatch: pytest.MonkeyPatch, images: list[FingerImage], tmp_path: Path
) -> None:
    def reads() -> ScanEvent:
        os.kill(os.getpid(), signal.SIGINT)
        assert scanner.cancelled.wait(LATER_S)
        if comes == "an error":
            raise DeviceError("no image", advice="x")
        return capture_of(7) if comes == "a frame" else None

    scanner = played(monkeypatch, capture_of(7, share=0.3), reads)
    done = run("s")
    assert (done.code, done.out, scanner.closed) == (130, "", 1)
    assert len(images) == 1
    assert not images[0].pixels.any()
    assert not (tmp_path / "a.png").exists()


def test_a_signal_while_a_finger_is_awaited_at_a_real_line(run: Run, tmp_path: Path) -> None:
    rig = ZfmRig(tmp_path)
    with rig:
        scan = rig.device._acts[0x01]

        def asked(payload: bytes) -> bytes:
            os.kill(os.getpid(), signal.SIGINT)
            return bytes(scan(payload))

        rig.device._acts[0x01] = asked
        done = run(f"zfm={rig.link}")
    assert done.code == 130
    assert "lay it on the scanner" in done.err
