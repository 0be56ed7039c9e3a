"""Captures of whole USB transfers, played to the system's own libusb: transport, codec and document in one piece."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from recordings.hid_keyboard.remake import CASES, FOLDER, files

from drivers.virtual.usb_capture import PLACE, pcapng
from drivers.virtual.usb_share import Exchange

SCRIPT = Path(__file__).resolve().parents[1] / "replay_keyboard.py"
replayed = pytest.mark.skipif(shutil.which("umockdev-run") is None, reason="umockdev-run not on PATH: install umockdev")


def replay(case: str, port: str, layout: str, count: int, *more: str) -> dict[str, Any]:
    words = ["umockdev-run", "-d", str(FOLDER / "device"), "-p", f"/sys{PLACE}={FOLDER / case}.pcapng", "--"]
    words += [sys.executable, str(SCRIPT), port, layout, str(count), *more]
    done = subprocess.run(words, capture_output=True, text=True, timeout=90, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel cannot refuse writable and executable memory (6.3 and newer can)")
    assert done.stdout, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@replayed
@pytest.mark.parametrize("case", CASES)
def test_a_capture_gives_its_document_through_libusb(case: str) -> None:
    rows, typing = CASES[case]
    answer = replay(case, "usb:1209:0001", typing.layout, len(rows))
    assert answer == {"rows": [[row] for row in rows], "present": True, "garbled": 0, "others": 0}


@replayed
def test_libusb_works_under_the_hardening_of_the_service() -> None:
    assert len(replay("td3-us", "usb:1209:0001", "us", 2, "hardened")["rows"]) == 2


@replayed
@pytest.mark.parametrize("port", ["usb:1209:0001:VIRTUAL-1", "usb:1209:0001@1-1", "usb:1209:0001:VIRTUAL-1@1-1"])
def test_serial_number_and_place_find_it_through_libusb(port: str) -> None:
    answer = replay("td3-us", port, "us", 1)
    assert answer["rows"] == [[CASES["td3-us"][0][0]]]


@replayed
@pytest.mark.parametrize("port", ["usb:1209:0001:OTHER", "usb:1209:0001@1-2", "usb:1209:0002"])
def test_another_one_is_not_taken(port: str) -> None:
    assert replay("td3-us", port, "us", 1)["error"] == "DeviceGone"


def test_the_captures_are_those_that_the_code_makes() -> None:
    made = files()
    assert [name for name, content in made.items() if (FOLDER / name).read_bytes() != content] == []
    assert {path.name for path in FOLDER.glob("*.pcapng")} == {name for name in made if name.endswith(".pcapng")}


def test_a_capture_holds_both_halves_of_each_transfer() -> None:
    setup = bytes.fromhex("210b000000000000")
    data = pcapng([Exchange(0, setup, 0, b"", -32, b""), Exchange(0x81, b"", 8, b"", 0, b"abcdefgh")])
    packets = blocks(data)
    assert [kind for kind, _ in packets] == [0x0A0D0D0A, 1, 6, 6, 6, 6]
    assert packets[1][1][:2] == b"\xdc\x00"  # 220
    halves = [body[20 : 20 + int.from_bytes(body[12:16], "little")] for kind, body in packets if kind == 6]
    assert [chr(half[8]) for half in halves] == ["S", "C", "S", "C"]
    assert [half[:8] for half in halves] == [number.to_bytes(8, "little") for number in (1, 1, 2, 2)]
    assert halves[0][40:48] == setup
    assert int.from_bytes(halves[1][28:32], "little", signed=True) == -32
    assert halves[3][64:] == b"abcdefgh"


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    while at < len(data):
        kind, length = (int.from_bytes(data[at + off : at + off + 4], "little") for off in (0, 4))
        assert length % 4 == 0
        assert data[at + length - 4 : at + length] == data[at + 4 : at + 8]
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return found
