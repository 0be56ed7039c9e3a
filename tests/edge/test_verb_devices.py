"""``borderpost devices`` on invented hardware: through udev (umockdev), and its report by itself."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from udev_world import keyboard, serial_port

from drivers.catalog import DRIVERS
from drivers.discovery import Plugged
from drivers.profiles import load
from edge import config
from edge import devices as box
from edge.config import ReaderConfig, ScannerConfig
from edge.verbs import devices

BOX = """\
[box]
device = "test-box"
[headquarters]
seal_key = "x"
ack_key = "y"
"""
LANE = '[[counter]]\nname = "lane-1"\ndirection = "entry"\nreaders = [{}]\n'
HARDWARE = (
    serial_port("1-1.2", "ttyACM0", "2b78", "0005", "IDB1077")
    + serial_port("1-1.3", "ttyACM1", "0c2e", "0b61", "")
    + serial_port("1-1.4", "ttyUSB0", "0403", "6001", "0001")
    + keyboard("1-2", "0db5", "013a", "")
)


class Bench:
    """Runs the verb where only the described hardware is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.profiles = folder / "profiles"
        self.profiles.mkdir()
        found = shutil.which("umockdev-run")
        if found is None:
            pytest.skip("umockdev is not on PATH")
        self.runner = found

    def ask(self, *words: str, hardware: str = HARDWARE) -> tuple[int, str, str]:
        """Exit code, output, errors."""
        described = self.folder / "hardware.umockdev"
        described.write_text(hardware)
        call = [
            self.runner, "-d", str(described), "--", sys.executable, "-c", "from edge.cli import main; main()",
            "devices", "--profiles", str(self.profiles), *words,
        ]
        done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout, done.stderr

    def config(self, text: str) -> str:
        path = self.folder / "edge.toml"
        path.write_text(text)
        return str(path)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def pasted(text: str) -> str:
    """The lines to paste."""
    return text.partition("[[counter]]:\n\n")[2]


def test_what_is_plugged_in_with_profile_and_identity(bench: Bench) -> None:
    code, out, said = bench.ask("--json")
    assert (code, said) == (0, "")
    found = {entry["node"]: entry for entry in json.loads(out)["devices"]}
    idbox, imager, cable, keys = (
        found[node] for node in ("/dev/ttyACM0", "/dev/ttyACM1", "/dev/ttyUSB0", "/dev/bus/usb/001/077")
    )
    assert idbox["profile"] == {
        "name": "elyctis-id-box", "title": "ELYCTIS ID BOX One", "driver": "elyctis", "tier": "virtual"
    }
    assert idbox["port"] == "/dev/serial/by-id/usb-Maker_Reader_IDB1077-if00"
    assert (imager["profile"]["name"], imager["also"]) == ("honeywell-vuquest-3310g", ["honeywell-ocr"])
    assert imager["port"] == "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.3:1.0"
    assert cable["profile"] is None
    assert "cute-text" in cable["could_be"]
    assert "factory value" in cable["why"]
    assert (keys["profile"]["name"], keys["port"]) == ("access-is-keyboard", "usb:0db5:013a@1-2")


def test_the_lines_make_a_configuration_that_is_taken(bench: Bench) -> None:
    code, out, _ = bench.ask("--as", "rte6700")
    assert code == 0
    names = re.findall(r'^name = "(.*)"', pasted(out), re.MULTILINE)
    assert names == ["elyctis-id-box", "honeywell-vuquest-3310g", "rte6700", "access-is-keyboard"]
    text = BOX + pasted(out) + LANE.format(", ".join(f'"{name}"' for name in names))
    read = config.parse(text, where="edge.toml", base=Path("/"))
    assert [r.profile for r in read.reader] == names
    assert read.reader[0].serial == "IDB1077"
    code, out, _ = bench.ask("--config", bench.config(text), "--json")
    assert code == 0
    answer = json.loads(out)
    assert [entry["reader"] for entry in answer["devices"]] == names
    assert [entry["lines"] + entry["differs"] for entry in answer["devices"]] == [""] * 4
    assert answer["absent"] == []


def test_a_pipe_gets_one_line_a_device(bench: Bench) -> None:
    out = bench.ask()[1].partition("\n\n")[0]
    rows = [line.split("\t") for line in out.splitlines()]
    assert [len(row) for row in rows] == [7] * 4
    assert rows[0][1:] == [
        "2b78:0005", "Maker Reader", "elyctis-id-box", "unproven",
        "/dev/serial/by-id/usb-Maker_Reader_IDB1077-if00", "-",
    ]
    assert rows[2][3:5] == ["-", "-"]
    assert "ttyACM" not in out


def test_nothing_plugged_in_says_what_to_do(bench: Bench) -> None:
    nothing = "P: /devices/platform/none\nE: SUBSYSTEM=platform\n"
    code, out, _ = bench.ask(hardware=nothing)
    assert code == 1
    assert out.startswith("nothing is plugged in")
    assert "next:" in out
    assert json.loads(bench.ask("--json", hardware=nothing)[1])["devices"] == []


def test_a_wrong_edge_toml_is_said_after_the_list(bench: Bench) -> None:
    code, out, said = bench.ask("--config", bench.config(BOX + "[[reader]]\nname = 5\n"))
    assert code == 78
    assert "elyctis-id-box" in out
    assert "reader" in said
    assert bench.ask("--config", str(bench.folder / "absent.toml"))[0] == 78


def test_a_technicians_profile_is_used_and_a_bad_one_named(bench: Bench) -> None:
    good = '[profile]\nname = "kiosk-x"\ntitle = "Kiosk X"\ndriver = "text"\nsource = "its manual"\n'
    (bench.profiles / "good.toml").write_text(good + '[match]\nusb = ["0403:6001"]\n[settings]\nbaud = 19200\n')
    (bench.profiles / "bad.toml").write_text(good + "[settings]\nbaud = 1\n")
    code, out, _ = bench.ask("--json")
    answer = json.loads(out)
    assert code == 0
    assert [e["profile"]["name"] for e in answer["devices"] if e["usb"] == "0403:6001"] == ["kiosk-x"]
    (problem,) = answer["problems"]
    assert (problem["key"], problem["message"]) == ("settings.baud", "Expected int >= 300")
    text = bench.ask()[1]
    assert f"bad profile: {bench.profiles / 'bad.toml'}: settings.baud: Expected int >= 300\nnext:  " in text


def test_a_profile_that_is_not_there_is_an_error(bench: Bench) -> None:
    code, out, said = bench.ask("--as", "nobody")
    assert (code, out) == (1, "")
    assert "no profile is called 'nobody'" in said
    assert "cute-text" in said


def test_a_folder_of_profiles_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(devices.command, ["--profiles", str(tmp_path / "none")])
    assert result.exit_code == 2
    assert "does not exist" in result.output


# the report by itself

BY_PATH = "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1.2:1.0"
IDBOX = Plugged(
    "/dev/ttyACM0", "tty", "2b78", "0010", "IDB7", "ELYCTIS", "ID BOX", "pci-0000:00:14.0-usb-0:1.2:1.0",
    "/dev/serial/by-id/usb-ELYCTIS_ID_BOX_IDB7-if00", BY_PATH, "1-1.2", "00",
)
ITS_KEYS = Plugged("/dev/bus/usb/001/004", "usb", "2b78", "0010", "IDB7", "ELYCTIS", "ID BOX", usb_place="1-1.2")


def told(*found: Plugged, readers: tuple[ReaderConfig, ...] = ()) -> dict[str, Any]:
    return devices.report(found, load(), readers)


def test_a_fingerprint_scanner_with_its_driver_and_lines(bench: Bench) -> None:
    hardware = keyboard("1-5", "05ba", "000a", "SN5").replace("030101", "ffffff")
    code, said, errors = bench.ask("--json", hardware=hardware)
    assert code == 0, errors
    (entry,) = json.loads(said)["devices"]
    assert (entry["kind"], entry["port"], entry["profile"]["name"]) == ("scanner", "usb:05ba:000a:SN5", "uru4000")
    (pasted_one,) = tomllib.loads(entry["lines"])["scanner"]
    assert (pasted_one["driver"], pasted_one["port"]) == ("uru4000", "usb:05ba:000a:SN5")
    code, said, errors = bench.ask(hardware=hardware)
    assert "proven on a recording" in said, errors
    assert "the scanner as its scanner" in said


def test_a_configured_scanner_is_recognized_and_a_swap_told() -> None:
    one = Plugged(
        "/dev/bus/usb/001/050", "usb", vid="05ba", pid="000a", serial="SN5", path_id="pci-0-usb-0:5", usb_place="1-5"
    )
    mine = ScannerConfig(name="desk", port="usb:05ba:000a", driver="uru4000", serial="SN4")
    away = ScannerConfig(name="other", port="usb:045e:00ca", driver="uru4000")
    answer = devices.report([one], load(), (), None, (mine, away))
    (entry,) = answer["devices"]
    assert (entry["reader"], entry["lines"]) == ("desk", "")
    assert "SN4" in entry["differs"]
    assert answer["absent"] == [{"reader": "other", "port": "usb:045e:00ca"}]


def test_the_keyboard_side_of_a_known_reader_is_not_offered_as_another() -> None:
    tty, keys = told(IDBOX, ITS_KEYS)["devices"]
    assert tty["profile"]["name"] == "elyctis-id-box"
    assert (keys["profile"], keys["could_be"], keys["lines"], keys["same_device_as"]) == (None, [], "", "/dev/ttyACM0")
    (alone,) = told(ITS_KEYS)["devices"]
    assert "keyboard-us" in alone["could_be"]


def test_a_swap_and_an_absent_reader_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    readers = (
        ReaderConfig(name="north", port=BY_PATH, profile="elyctis-id-box", serial="IDB1"),
        ReaderConfig(name="south", port="/dev/serial/by-path/elsewhere", profile="elyctis-id-box"),
        ReaderConfig(name="far", port="socket://192.0.2.7:4001", profile="cute-text"),
    )
    answer = told(IDBOX, readers=readers)
    (entry,) = answer["devices"]
    assert (entry["reader"], entry["lines"]) == ("north", "")
    assert entry["differs"] == "serial number IDB7 is plugged in where IDB1 was set up"
    assert answer["absent"] == [{"reader": "south", "port": "/dev/serial/by-path/elsewhere"}]
    devices.show(answer, terminal=True)
    shown = capsys.readouterr().out
    assert "swapped?  serial number IDB7" in shown
    assert "reader south: configured, and not plugged in" in shown
    assert "Paste" not in shown


def test_two_alike_get_two_names_and_two_ports() -> None:
    second = Plugged("/dev/ttyACM1", "tty", "2b78", "0010", path_id="p2", by_path=BY_PATH + "2", usb_place="1-1.3")
    answer = told(IDBOX, second, readers=(ReaderConfig(name="elyctis-id-box", port="/dev/x", profile="p"),))
    tables = tomllib.loads("".join(e["lines"] for e in answer["devices"]))["reader"]
    assert [t["name"] for t in tables] == ["elyctis-id-box-2", "elyctis-id-box-3"]
    assert [t["port"] for t in tables] == [IDBOX.by_id, second.by_path]


def test_on_a_terminal_unproven_is_said_beside_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    devices.show(told(IDBOX), terminal=True)
    shown = capsys.readouterr().out
    assert "1-1.2  2b78:0010  ELYCTIS ID BOX  serial number IDB7" in shown
    assert "elyctis-id-box, unproven" in shown
    assert "by its serial number IDB7" in shown
    assert "not configured" in shown


# swapped? as the box says it

PLACE = "pci-0000:00:14.0-usb-0:1.2:1.0"
ON_BOARD = Plugged("/dev/ttyS0", "tty", path_id="pci-0000:00:1f.0")
CABLE = Plugged(
    "/dev/ttyUSB0", "tty", "0403", "6001", "FT1ABC", "FTDI", "FT232R", PLACE, "", BY_PATH, "1-1.2", "00",
)
IMAGER = Plugged(
    "/dev/ttyACM0", "tty", "0c2e", "0b61", "X9", "Honeywell", "Vuquest", PLACE, "", BY_PATH, "1-1.2", "00",
)


@pytest.mark.parametrize(
    ("seen", "of", "own", "said"),
    [
        (ON_BOARD, {"driver": "elyctis", "serial": "IDB1077"}, "IDB1077", ""),
        (ON_BOARD, {"driver": "text", "serial": "S1"}, "", ""),
        (CABLE, {"driver": "elyctis", "serial": "IDB1078"}, "IDB1078", ""),
        (CABLE, {"profile": "elyctis-id-box", "serial": "IDB1078"}, "IDB1078", ""),
        (CABLE, {"driver": "text", "serial": "FT2XYZ"}, "", "serial number FT1ABC is plugged in where FT2XYZ"),
        (CABLE, {"profile": "cute-text", "serial": "FT1ABC"}, "", ""),
        (CABLE, {"profile": "elyctis-id-box", "path": "1-1.3"}, "IDB1078", "it is plugged in at "),
        (IMAGER, {"profile": "elyctis-id-box"}, "", "a device 0c2e:0b61 is plugged in where 2b78:"),
        (IMAGER, {"driver": "honeywell"}, "INNER-1", ""),
        (IDBOX, {"profile": "elyctis-id-box", "serial": "IDB7"}, "INNER-1", ""),
        (IDBOX, {"profile": "elyctis-id-box", "serial": "IDB1"}, "IDB7", "serial number IDB7 is plugged in where IDB1"),
        (IDBOX, {"profile": "no-such", "serial": "IDB7"}, "", ""),
    ],
)
def test_a_swap_is_said_where_the_box_says_it(
    monkeypatch: pytest.MonkeyPatch, seen: Plugged, of: dict[str, str], own: str, said: str
) -> None:
    """``own``: what the device at work tells of itself. The verb cannot hear it, and says the same all the same."""
    reader = ReaderConfig(name="one", port=seen.by_path or seen.node, **of)
    (entry,) = told(seen, readers=(reader,))["devices"]
    assert entry["reader"] == "one"
    assert entry["differs"].startswith(said)
    assert bool(entry["differs"]) is bool(said)
    if "no-such" not in of.values():  # which the box refuses
        monkeypatch.setattr(box, "seen_at", lambda _port: seen)
        assert box.Likeness(box.make_reader(reader, load(), lambda: 0.0))(own) == entry["differs"]


def test_drivers_whose_devices_tell_their_serial_number_say_so() -> None:
    telling = {name for name, entry in DRIVERS.items() if "serial" in getattr(
        importlib.import_module(entry.module), "FACTS", {}).values()}
    assert telling == {name for name, entry in DRIVERS.items() if entry.tells_serial} == {"elyctis", "honeywell"}
