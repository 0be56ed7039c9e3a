"""``borderpost fingers export``: each format read back, nothing overwritten, every error with its next step."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from common.command import guarded
from common.fingers.packing import pack
from drivers.virtual.prints import png, synthetic_print
from edge.cli import borderpost
from edge.core.fingerprints import iso19794_2, iso19794_4, nist_itl
from edge.core.fingerprints.iso19794_4 import FramedImage, Payload
from edge.core.fingerprints.model import FingerError, FingerImage, Position

for _needed in ("nbis", "nistitl", "wsq", "PIL"):
    pytest.importorskip(_needed, reason="the extra fingers is not installed")

SIDES = (200, 240)
ITL = ("--transaction", "CPS", "--origin", "XX/POST", "--destination", "XX/NCB", "--case", "XX/2026-17")


@pytest.fixture(scope="module")
def prints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prints")
    for seed in (3, 4):
        (folder / f"{seed}.png").write_bytes(png(synthetic_print(seed, *SIDES), *SIDES))
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(borderpost, ["fingers", "export", *map(str, words)])


def both(prints: Path, out: Path, form: str, *more: str) -> dict[str, object]:
    done = run(prints / "3.png", prints / "4.png", "--position", "right-index", "--position", "left-index",
               "--format", form, "--out", out, "--json", *more)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    summary: dict[str, object] = json.loads(done.output)
    assert (summary["file"], summary["format"], summary["bytes"]) == (str(out), form, out.stat().st_size)
    assert [finger["position"] for finger in summary["fingers"]] == ["right-index", "left-index"]  # type: ignore[attr-defined]
    return summary


FINGERS = [Position.RIGHT_INDEX, Position.LEFT_INDEX]


@pytest.mark.parametrize("form", ["iso2005", "iso2011"])
def test_templates_are_written(prints: Path, tmp_path: Path, form: str) -> None:
    summary = both(prints, tmp_path / "out", form)
    found = iso19794_2.read((tmp_path / "out").read_bytes())
    assert [t.position for t in found] == FINGERS
    assert [len(t) for t in found] == [finger["minutiae"] for finger in summary["fingers"]]  # type: ignore[attr-defined]
    assert min(map(len, found)) > 5
    # The other edition is made of it, the same minutiae.
    other = "iso2011" if form == "iso2005" else "iso2005"
    assert run(tmp_path / "out", "--format", other, "--out", tmp_path / "other").exit_code == 0
    again = iso19794_2.read((tmp_path / "other").read_bytes())
    assert all(np.array_equal(a.x, b.x) and np.array_equal(a.angle, b.angle) for a, b in zip(found, again, strict=True))


@pytest.mark.parametrize("form", ["fir2005", "fir2011"])
@pytest.mark.parametrize("payload", ["plain", "wsq", "png"])
def test_images_are_written(prints: Path, tmp_path: Path, form: str, payload: str) -> None:
    both(prints, tmp_path / "out", form, "--payload", payload)
    found = iso19794_4.read((tmp_path / "out").read_bytes())
    assert [(i.position, i.width, i.height, i.payload.value) for i in found] == [(p, *SIDES, payload) for p in FINGERS]
    if payload == "plain":
        assert found[0].data == synthetic_print(3, *SIDES)


def test_a_file_for_the_ncb_is_written_and_is_a_source_itself(prints: Path, tmp_path: Path) -> None:
    both(prints, tmp_path / "case.nist", "itl", *ITL, "--priority", "2", "--domain", "INT-I", "5.03")
    found = nist_itl.read((tmp_path / "case.nist").read_bytes())
    assert [i.position for i in found.images] == FINGERS
    assert {i.payload.value for i in found.images} == {"wsq"}
    assert (found.header[4], found.header[6], found.header[8]) == ("CPS", "2", "XX/POST")
    assert found.descriptive[7] == "XX/2026-17"
    assert len(found.header[9]) == 22
    for form, read in (("fir2011", iso19794_4.read), ("iso2005", iso19794_2.read)):
        assert run(tmp_path / "case.nist", "--format", form, "--out", tmp_path / form).exit_code == 0
        assert [finger.position for finger in read((tmp_path / form).read_bytes())] == FINGERS  # type: ignore[operator]


def test_a_wsq_file_holds_one_finger_and_is_a_source_itself(prints: Path, tmp_path: Path) -> None:
    done = run(prints / "3.png", "--format", "wsq", "--out", tmp_path / "a.wsq")
    assert done.exit_code == 0
    assert "200 x 240 at 500 per inch" in done.output
    assert (tmp_path / "a.wsq").read_bytes()[:2] == b"\xff\xa0"
    words = (tmp_path / "a.wsq", "--position", "left-ring", "--format", "fir2011", "--out", tmp_path / "b")
    assert run(*words).exit_code == 0
    assert iso19794_4.read((tmp_path / "b").read_bytes())[0].position is Position.LEFT_RING
    refused(run(prints / "3.png", prints / "4.png", "--format", "wsq", "--out", tmp_path / "c"), "holds one finger")


def refused(done: Result, told: str) -> None:
    assert isinstance(done.exception, FingerError), done.output
    assert told in done.exception.message
    assert done.exception.advice


def test_nothing_is_overwritten_unless_asked_for(prints: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.write_bytes(b"mine")
    words = (prints / "3.png", "--format", "fir2005", "--out", out)
    refused(run(*words), "is there already")
    assert out.read_bytes() == b"mine"
    assert run(*words, "--force").exit_code == 0
    assert iso19794_4.is_record(out.read_bytes())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_cannot_be_exported_says_why_and_leaves_nothing(prints: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    record = tmp_path / "r.iso"
    assert run(prints / "3.png", prints / "4.png", "--format", "iso2005", "--out", record, "--position", "right-index",
               "--position", "left-index").exit_code == 0  # fmt: skip
    refused(run(record, "--format", "itl", *ITL, "--out", out), "no image can be made")
    refused(run(record, "--format", "iso2011", "--position", "left-ring", "--out", out), "holds 2 fingers")
    refused(run(tmp_path / "none", "--format", "wsq", "--out", out), "cannot be read")
    damaged = tmp_path / "d.iso"
    damaged.write_bytes(record.read_bytes()[:-1])
    refused(run(damaged, "--format", "iso2011", "--out", out), f"{damaged}: ISO/IEC 19794-2:2005 record, byte 8")
    refused(run(*[prints / "3.png"] * 21, "--format", "fir2011", "--out", out), "21 fingers")
    refused(run(prints / "3.png", "--format", "itl", *ITL, "--number", "\u0661", "--out", out), "1.009")
    assert not out.exists()


# Bytes of a sound WSQ file: with these in their place the C library below ``wsq`` ends the process that it runs in.
FATAL = {"segmentation fault": (600, 0xFF), "abort": (130, 0)}


def damaged(kind: str) -> FramedImage:
    pixels = np.frombuffer(synthetic_print(3, *SIDES), np.uint8).reshape(SIDES[::-1])
    whole = pack(FingerImage(pixels), Position.RIGHT_INDEX, Payload.WSQ)
    at, value = FATAL[kind]
    return replace(whole, data=whole.data[:at] + bytes([value]) + whole.data[at + 1 :])


@pytest.mark.parametrize("kind", FATAL)
@pytest.mark.parametrize("within", ["a file", "19794-4"])
@pytest.mark.parametrize("form", ["fir2011", "iso2005"])
def test_a_picture_that_crashes_its_decoder_is_refused_by_name(
    tmp_path: Path, kind: str, within: str, form: str
) -> None:
    path = tmp_path / "hostile"
    path.write_bytes(damaged(kind).data if within == "a file" else iso19794_4.write_2011([damaged(kind)]))
    words = ["fingers", "export", str(path), "--format", form, "--out", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", "from edge.cli import main; main()", *words], capture_output=True, text=True,
        check=False, timeout=60, env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said[0].startswith(f"error: {path}: damaged")
    assert said[1].startswith("next: ")
    assert len(said) == 2
    assert [one.name for one in tmp_path.iterdir()] == ["hostile"]


def test_the_resolution_that_is_given_counts_more_than_what_exchange_files_say(prints: Path, tmp_path: Path) -> None:
    for payload in ("plain", "png"):
        assert run(prints / "3.png", "--format", "fir2011", "--payload", payload, "--out", tmp_path / payload,
                   "--position", "left-ring").exit_code == 0  # fmt: skip
        words = (tmp_path / payload, "--format", "fir2011", "--out", tmp_path / "again", "--force", "--ppi", "508")
        assert run(*words).exit_code == 0
        assert round(iso19794_4.read((tmp_path / "again").read_bytes())[0].ppi) == 508
    assert run(prints / "3.png", "--format", "itl", *ITL, "--out", tmp_path / "nist").exit_code == 0
    for ppi, width in (("250", 400), ("1000", 100)):
        words = (tmp_path / "nist", "--format", "wsq", "--out", tmp_path / "wsq", "--force", "--json", "--ppi", ppi)
        assert json.loads(run(*words).output)["fingers"][0]["width"] == width
    refused(run(tmp_path / "nist", "--format", "wsq", "--out", tmp_path / "w", "--ppi", "72"), "72 pixels per inch")
    record = tmp_path / "record"
    assert run(prints / "3.png", "--format", "iso2005", "--out", record).exit_code == 0
    done = run(record, "--format", "iso2011", "--out", tmp_path / "r", "--ppi", "500")
    assert done.exit_code == 2
    assert "--ppi is of images" in done.output


def test_wrong_words_are_told(prints: Path, tmp_path: Path) -> None:
    done = run(prints / "3.png", "--format", "itl", "--transaction", "CPS", "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "needs --destination" in done.output
    two = (prints / "3.png", prints / "4.png")
    done = run(*two, "--position", "right-index", "--format", "fir2005", "--out", tmp_path / "o")
    assert done.exit_code == 2
    assert "1 positions for 2 images" in done.output
    assert not list(tmp_path.iterdir())


def test_the_command_ends_with_two_lines_on_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fingers", "export", str(tmp_path / "none.png"), "--format", "wsq", "--out", str(tmp_path / "o")]
    assert guarded(lambda: borderpost.main(words, standalone_mode=False)) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("error: ")
    assert said[1].startswith("next: ")
