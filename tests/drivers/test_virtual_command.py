"""``python -m drivers.virtual`` plays every kind of reader, and says in two lines what it cannot do."""

from __future__ import annotations

import dataclasses
import json
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drivers.api import DeviceGone, DocumentRead, Noise
from drivers.catalog import DRIVERS, SCANNERS, open_reader
from drivers.virtual.__main__ import KINDS, device_of, parser, part
from drivers.virtual.control import VirtualReader, VirtualReaderFault, ask

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 10.0


def words(kind: str, *more: str) -> list[str]:
    return [kind, "--link", "link", "--control", "socket", *more]


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "drivers.virtual", *arguments], capture_output=True, text=True, timeout=30, check=False,
        cwd=folder, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        ["present", "--control", "nope", "A", "B"], ["text", "--link", "no/port", "--control", "no/socket"],
        ["hid_keyboard", "--link", "no/port", "--control", "no/socket"],
    ],
    ids=["present", "text", "hid_keyboard"],
)
def test_a_path_that_leads_nowhere_is_an_error_with_advice(arguments: list[str], tmp_path: Path) -> None:
    done = run(arguments, tmp_path)
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "next"]


@pytest.mark.parametrize("arguments", [
    ["abacus"], words("text", "--line-end", "tab"), words("hid_keyboard", "--layout", "dvorak"),
    words("hid_keyboard", "--vendor", "xyz"), words("rte", "--bcc", "crc"), words("elyctis", "--pad", "_"),
])
def test_words_that_mean_nothing_are_refused_with_the_usage(arguments: list[str], tmp_path: Path) -> None:
    done = run(arguments, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_faults_are_named_and_what_is_none_is_refused(tmp_path: Path) -> None:
    told = run(["fault", "--help"], tmp_path).stdout
    assert all(word in told for word in ("wrong_key 0", "blink 0", "bad_sum []", "light_silent false", "baud 0"))
    for order, said in ((["short", "[1]"], "the value of short is no [1]: a sound device has 0"),
                        (["nosuch", "1"], "no scanner has a fault 'nosuch'")):  # fmt: skip
        done = run(["fault", "--control", "nope", *order], tmp_path)
        assert (done.returncode, done.stderr.splitlines()[0]) == (1, f"error: {said}")
        assert "fault --help" in done.stderr
    assert "nope: No such file" in run(["fault", "--control", "nope", "short", "1"], tmp_path).stderr


def test_there_is_a_device_for_every_driver() -> None:
    assert set(DRIVERS) <= set(KINDS) <= set(DRIVERS) | set(SCANNERS)


@pytest.mark.parametrize("name", KINDS)
def test_every_option_of_a_device_is_a_word_and_the_defaults_are_its_own(name: str) -> None:
    kind = KINDS[name]
    arguments = parser([name]).parse_args(words(name))
    device = device_of(arguments)
    assert type(device).__name__ == kind.device
    if not kind.options:
        return
    options = part(kind, kind.options)
    for field in dataclasses.fields(options):
        assert getattr(arguments, field.name) == field.default


@pytest.mark.parametrize(("name", "word", "value", "field", "expected"), [
    ("text", "--start", "1b41", "start", b"\x1b\x41"), ("text", "--line-end", "crlf", "line_end", "crlf"),
    ("rte", "--length-adds", "-3", "length_adds", -3), ("rte", "--bcc", "sum", "bcc", "sum"),
    ("est", "--type-name", "Visa", "type_name", "Visa"), ("hid_keyboard", "--layout", "fr", "layout", "fr"),
    ("hid_keyboard", "--glitch-every", "3", "glitch_every", 3),
])
def test_what_is_said_reaches_the_device(name: str, word: str, value: str, field: str, expected: object) -> None:
    device = device_of(parser([name]).parse_args(words(name, f"{word}={value}")))
    (options,) = [own for own in vars(device).values() if isinstance(own, part(KINDS[name], KINDS[name].options))]
    assert getattr(options, field) == expected


def test_switches_can_be_turned_off() -> None:
    device = device_of(parser(["est"]).parse_args(words("est", "--no-signs", "--chip")))
    assert b"PCSign" not in device.present(["A", "B"])
    assert b"EidlinkResult" in device.present(["A", "B"])


# Each in a process of its own, and the driver at the other end ------------------------------------------------

@pytest.mark.parametrize(("kind", "options", "settings"), [
    ("rte", [], {}),
    ("rte", ["--bcc", "sum", "--fragment", "7", "--delay-ms", "2"], {"bcc": "sum", "on_bad_bcc": "drop"}),
    ("rte", ["--bcc", "wrong", "--length-adds", "200"], {}),
    ("est", [], {}),
    ("est", ["--plain-line-ends", "--fragment", "7", "--delay-ms", "2"], {}),
    ("hid_keyboard", [], {}),
    ("hid_keyboard", ["--layout", "de", "--caps-lock", "--row-end", "tab"], {"layout": "de"}),
    ("hid_keyboard", ["--layout", "fr", "--rolling", "--row-end", "none"], {"layout": "fr", "row_end": "none"}),
], ids=lambda value: " ".join(value) if isinstance(value, list) else str(value) if isinstance(value, str) else "")
def test_a_document_through_the_driver(tmp_path, td3, td1, kind, options, settings):
    with VirtualReader(tmp_path / "reader", tmp_path / "control", kind, options) as device:
        reader = open_reader(kind, "north", {"port": device.port, **settings}, time.monotonic)
        reader.open()
        try:
            for zone in (td3, td1):
                device.present(zone)
                assert lines(reader, zone) == zone
            status = reader.status()
            signs = 4 if kind == "est" else 0  # PCSign before and behind each document
            assert (status.garbled, status.noise_bytes, status.others) == (0, 0, signs)
        finally:
            reader.close()


def lines(reader, zone) -> tuple[str, ...]:
    """Rows as they come, until there are as many as the zone has."""
    rows: tuple[str, ...] = ()
    limit = time.monotonic() + LIMIT_S
    while len(rows) < len(zone) and time.monotonic() < limit:
        event = reader.read(0.2)
        rows += event.lines if isinstance(event, DocumentRead) else ()
    return rows


def test_a_serial_port_is_its_link_and_a_keyboard_is_what_its_link_says(tmp_path):
    with VirtualReader(tmp_path / "reader", tmp_path / "control", "rte") as device:
        assert device.port == str(tmp_path / "reader")
        assert stat.S_ISCHR(Path(device.port).stat().st_mode)
    with VirtualReader(tmp_path / "keys", tmp_path / "control", "hid_keyboard") as device:
        assert re.fullmatch(r"usbip://127\.0\.0\.1:[0-9]+/1-1", device.port)
        device.unplug()
        with pytest.raises(OSError, match="keys"):
            assert device.port
        device.plug()
        assert device.port.startswith("usbip://")


def test_a_keyboard_shows_itself_as_told(tmp_path):
    options = ["--vendor", "046a", "--product", "0011", "--serial", ""]
    with VirtualReader(tmp_path / "keys", tmp_path / "control", "hid_keyboard", options) as device:
        assert ask(tmp_path / "control", {"status": True})["plugged"] is True
        assert device.present(["A"], wait_s=0.1) is None  # no host took it


def test_an_unknown_kind_does_not_start(tmp_path):
    with pytest.raises(VirtualReaderFault, match="ended with code 2"):
        VirtualReader(tmp_path / "reader", tmp_path / "control", "abacus").start()


def test_every_hand_moves_and_the_reader_sees_it(tmp_path, td3):
    def hand(*arguments: str) -> dict:
        done = run([arguments[0], "--control", "control", *arguments[1:]], tmp_path)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with VirtualReader(tmp_path / "reader", tmp_path / "control", "text") as device:
        reader = open_reader("text", "north", {"port": device.port}, time.monotonic)
        reader.open()
        assert hand("present", *td3)["whole"]
        assert lines(reader, td3) == td3
        assert hand("present", "--cut", "20", *td3)["sent"] == 20
        assert reader.read(LIMIT_S) == Noise(20, garbled=1)
        hand("lift")
        hand("block", "4006381333931")
        assert reader.read(LIMIT_S).raw
        hand("send", "ff00")
        assert hand("noise", "5")["sent"] == 5
        assert reader.read(1.0) == Noise(7)
        assert hand("unplug")["ok"]
        with pytest.raises(DeviceGone):
            reader.read(LIMIT_S)
        reader.close()
        assert hand("plug")["ok"]
        reader.open()
        reader.close()
