"""Profiles as data: the shipped ones, a technician's own, and what is said of a bad one."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import BadSetting, DriverMisuse, Tier
from drivers.catalog import DRIVERS, open_profiled
from drivers.profiles import MAX_BYTES, MAX_PROFILES, SHIPPED, BadProfile, load, read

GOOD = """\
[profile]
name = "kiosk-x"
title = "Kiosk X document slot"
driver = "text"
source = "Kiosk X interface manual, 2.1, page 7"
[match]
usb = ["1A2B:0001", "1a2b:*"]
ports = ["/dev/serial/by-path/*-usb-0:2:*"]
[settings]
baud = 19200
pad = "_"
init = ["1B41", "1B42"]
"""


def changed(**replacements: str) -> str:
    """GOOD with lines replaced or, for an unknown word, appended to the section it names with ``__``."""
    text = GOOD
    for key, line in replacements.items():
        old = next((found for found in text.splitlines() if found.startswith(f"{key} =")), None)
        text = text.replace(f"{old}\n", line and f"{line}\n") if old else f"{text}{line}\n"
    return text


def fault(tmp_path: Path, text: str) -> BadProfile:
    path = tmp_path / "reader.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadProfile) as caught:
        read(path)
    assert caught.value.advice
    (problem,) = load([tmp_path]).problems
    assert str(problem) == ": ".join(filter(None, (str(path), caught.value.key, caught.value.message)))
    return caught.value


# the shipped ones


def test_every_shipped_profile_is_good_and_called_as_its_file():
    shipped = load()
    assert shipped.problems == ()
    assert shipped.notices == ()
    assert {p.stem for p in SHIPPED.glob("*.toml")} == set(shipped)
    for name, profile in shipped.items():
        assert (profile.name, profile.file.stem, profile.shipped) == (name, name, True)
        assert profile.notes, f"{name} says nothing about setting it up"


def test_every_driver_has_a_shipped_profile_and_none_claims_more_than_was_seen():
    assert {p.driver for p in load().values()} == set(DRIVERS)
    assert {p.tier for p in load().values()} == {Tier.VIRTUAL}


@pytest.mark.parametrize("profile", load().values(), ids=lambda p: p.name)
def test_every_shipped_profile_makes_a_reader(profile):
    port = "usb:1209:0001" if DRIVERS[profile.driver].bus == "usb" else "/nowhere"
    status = open_profiled(profile, "north", port, {}, time.monotonic).status()
    assert (status.name, status.driver, status.tier, status.profile, status.port) == (
        "north", profile.driver, profile.tier, profile.name, port
    )


def test_no_two_shipped_profiles_claim_one_device():
    claims = [(usb, DRIVERS[p.driver].bus) for p in load().values() for usb in p.usb]
    assert len(claims) == len(set(claims))
    assert not [usb for usb, _ in claims if usb.startswith("1c34:")]  # an example of an author, no device


def test_the_catalog_and_the_profiles_know_the_same_devices():
    for name, entry in DRIVERS.items():
        ids = {f"{vendor:04x}:{product:04x}" for vendor, product in entry.usb_ids}
        assert ids <= {usb for p in load().values() if p.driver == name for usb in p.usb}


# the form


def test_a_good_file_is_a_profile(tmp_path):
    (tmp_path / "kiosk.toml").write_text(GOOD)
    found = load([tmp_path])
    profile = found["kiosk-x"]
    assert (found.problems, found.notices) == ((), ())
    assert (profile.driver, profile.tier, profile.shipped) == ("text", Tier.VIRTUAL, False)
    assert profile.usb == ("1a2b:0001", "1a2b:*")
    assert profile.settings_with("/dev/x", {"baud": 4800}) == {
        "baud": 4800, "pad": "_", "init": ["1B41", "1B42"], "port": "/dev/x"
    }
    assert profile.settings_with("/dev/x", {"port": "/dev/y"})["port"] == "/dev/x"


def test_the_settings_of_edge_toml_are_judged_too(tmp_path):
    (tmp_path / "kiosk.toml").write_text(GOOD)
    profile = load([tmp_path])["kiosk-x"]
    with pytest.raises(BadSetting, match="baud"):
        open_profiled(profile, "north", "/dev/x", {"baud": 1}, time.monotonic)


@pytest.mark.parametrize(("line", "key", "message"), [
    ({"baud": "baud = 1"}, "settings.baud", "Expected int >= 300"),
    ({"baud": 'baud = "fast"'}, "settings.baud", "Expected int, got str"),
    ({"pad": 'pad = "__"'}, "settings.pad", ""),
    ({"init": 'init = ["1B41", "1B4"]'}, "settings.init[1]", ""),
    ({"init": 'init = "1B41"'}, "settings.init", "Expected array, got str"),
    ({"baud": "speed = 9600"}, "settings.speed", "is no key that is known here"),
    ({"baud": 'port = "/dev/ttyS0"'}, "settings.port", "a profile is for every port"),
    ({"baud": 'etx = "02"'}, "settings.etx", "etx is the same as stx"),
    ({"driver": 'driver = "regula"'}, "profile.driver", "no driver is called 'regula'"),
    ({"driver": ""}, "profile.driver", "is missing"),
    ({"source": ""}, "profile.source", "is missing"),
    ({"source": 'source = ""'}, "profile.source", ""),
    ({"title": "title = 5"}, "profile.title", "Expected str, got int"),
    ({"title": 'title = "\\u001b[2J"'}, "profile.title", ""),
    ({"name": 'name = "Kiosk X"'}, "profile.name", ""),
    ({"name": 'name = "kiosk-x\\n"'}, "profile.name", ""),
    ({"name": 'name = "x"\ntier = "proven"'}, "profile.tier", ""),
    ({"name": 'name = "x"\nframe = "text"'}, "profile.frame", "is no key that is known here"),
    ({"usb": 'usb = ["1a2b:0001", "1a2b"]'}, "match.usb[1]", ""),
    ({"usb": 'usb = ["1a2b:00g1"]'}, "match.usb[0]", ""),
    ({"ports": 'ports = ["COM1"]'}, "match.ports[0]", ""),
    ({"ports": 'ports = ["/dev/ttyS1", "/dev/ttyUSB0"]'}, "match.ports[1]", "'/dev/ttyUSB0' fits ports whose numbers"),
    ({"ports": 'ports = ["/dev/ttyUSB*"]'}, "match.ports[0]", "'/dev/ttyUSB*' fits ports whose numbers"),
    ({"ports": 'ports = ["/dev/tty[A-Z]*1?"]'}, "match.ports[0]", "'/dev/tty[A-Z]*1?' fits ports whose numbers"),
    ({"ports": 'ports = ["/dev/*"]'}, "match.ports[0]", "'/dev/*' fits ports whose numbers"),
    ({"usb": 'vid = "1a2b"'}, "match.vid", "is no key that is known here"),
])
def test_a_fault_names_the_path_of_the_key(tmp_path, line, key, message):
    found = fault(tmp_path, changed(**line))
    assert found.key == key
    assert found.message.startswith(message)
    assert found.message
    assert "`" not in found.message
    assert "reader '" not in found.message


def test_a_fault_reads_as_a_line(tmp_path):
    fault(tmp_path, changed(baud="baud = 1"))
    (problem,) = load([tmp_path]).problems
    assert str(problem).endswith("reader.toml: settings.baud: Expected int >= 300")


def test_whole_files_that_are_none(tmp_path):
    assert fault(tmp_path, "").key == "profile"
    assert "line 1" in fault(tmp_path, "name: kiosk").message
    assert fault(tmp_path, "[profile]\nname = 'a'\n[wrong]\n").key in ("wrong", "profile.title")
    assert fault(tmp_path, f"x = {'[' * 20000}").key == ""
    assert "not TOML" in fault(tmp_path, changed(baud=f"baud = {'1' * 5000}")).message  # Python converts 4,300
    assert "larger than" in fault(tmp_path, GOOD + "#" * MAX_BYTES).message
    (tmp_path / "reader.toml").write_bytes(GOOD.encode() + b"# \xff\n")
    assert "UTF-8" in load([tmp_path]).problems[0].message


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "gone.toml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "good.toml").write_text(GOOD)
    (tmp_path / ".hidden.toml").write_text("no profile")
    (tmp_path / "read.me").write_text("no profile")
    found = load([tmp_path])
    assert [p.file.name for p in found.problems] == ["folder.toml", "gone.toml", "pipe.toml"]
    assert "kiosk-x" in found


@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from([*GOOD.splitlines(), "[settings]", "[[profile]]"]))
                 .map("\n".join)))
def test_no_file_raises(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("stick")
    (folder / "x.toml").write_text(text, encoding="utf-8", errors="replace")
    found = load([folder])
    assert len(found.problems) + ("kiosk-x" in found) == 1


# folders


def test_a_bad_file_stops_no_other(tmp_path):
    (tmp_path / "a.toml").write_text(changed(baud="baud = 1"))
    (tmp_path / "b.toml").write_text(GOOD)
    found = load([tmp_path])
    assert [p.file.name for p in found.problems] == ["a.toml"]
    assert "kiosk-x" in found
    assert set(load()) <= set(found)


def test_a_technicians_own_stands_before_a_shipped_one_and_that_is_said(tmp_path):
    (tmp_path / "own.toml").write_text(changed(name='name = "cute-text"'))
    found = load([tmp_path])
    assert found["cute-text"].title == "Kiosk X document slot"
    assert found.notices == (f"{tmp_path / 'own.toml'} stands before the profile 'cute-text' of {SHIPPED}",)
    (tmp_path / "own.toml").write_text(changed(name='name = "cute-text"', baud="baud = 1"))
    again = load([tmp_path])
    assert again["cute-text"].shipped
    assert len(again.problems) == 1


def test_two_of_one_name_in_one_folder_are_a_problem(tmp_path):
    (tmp_path / "a.toml").write_text(GOOD)
    (tmp_path / "b.toml").write_text(changed(title='title = "another"'))
    found = load([tmp_path])
    assert found["kiosk-x"].title == "Kiosk X document slot"
    assert str(found.problems[0]).endswith("b.toml: profile.name: 'kiosk-x' is taken by a.toml")


def test_limits_and_folders_that_are_not_there(tmp_path):
    assert len(load([tmp_path / "nowhere"])) == len(load())
    (tmp_path / "file").write_text("")
    assert "cannot be read" in load([tmp_path / "file"]).problems[0].message
    for number in range(MAX_PROFILES + 3):
        (tmp_path / f"p{number:04}.toml").write_text(changed(name=f'name = "p{number:04}"'))
    found = load([tmp_path])
    assert len(found) == MAX_PROFILES + len(load())
    assert f"{MAX_PROFILES + 3} profiles" in found.problems[0].message


def test_a_profile_that_is_not_there_is_named_with_its_reason(tmp_path):
    (tmp_path / "kiosk-x.toml").write_text(changed(baud="baud = 1"))
    found = load([tmp_path])
    with pytest.raises(DriverMisuse, match=r"'kiosk-x'; .*settings.baud: Expected int >= 300"):
        found.find("kiosk-x")
    with pytest.raises(DriverMisuse) as caught:
        found.find("nobody")
    assert "cute-text" in caught.value.advice
    assert found.find("cute-text") is found["cute-text"]


def test_the_example_of_the_page_is_a_profile(tmp_path):
    page = (Path(__file__).resolve().parents[2] / "docs" / "readers.md").read_text(encoding="utf-8")
    (tmp_path / "kiosk.toml").write_text(page.partition("```toml\n")[2].partition("```")[0])
    found = load([tmp_path])
    assert found.problems == ()
    assert found["kiosk-x"].settings["signal_lead"] == "1B4207"
