"""From the configuration to readers: profiles, swaps, hotplug, the threads."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.settings import ConfigError
from drivers.api import Feedback
from drivers.discovery import Plugged
from drivers.reader import FramedReader
from edge import config, devices
from edge.config import Config
from edge.crew import Crew, OnDeath
from edge.devices import Configured, Devices, Likeness, make_readers
from edge.passthrough import Nobody
from edge.readers import ReaderState

CONFIG = """
[box]
device = "post-1"
profiles_dir = "profiles"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["one"]

[[reader]]
name = "one"
port = "one.tty"
{reader}

[headquarters]
seal_key = "x25519:AAAA"
ack_key = "ed25519:AAAA"
"""
PROFILE = """
[profile]
name = "kiosk"
title = "A kiosk's slot"
driver = "text"
source = "its manual"
tier = "recorded"
[match]
usb = ["1a2b:0001"]
[settings]
{settings}
"""


def configured(folder: Path, reader: str) -> Config:
    return config.parse(CONFIG.format(reader=reader), where="edge.toml", base=folder)


@pytest.fixture
def profiled(tmp_path: Path) -> Path:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "kiosk.toml").write_text(PROFILE.format(settings="baud = 19200"))
    return tmp_path


# -- configuration -> reader --------------------------------------------------------------------------


def test_a_reader_by_profile_has_its_driver_tier_and_name(profiled: Path) -> None:
    (made,) = make_readers(configured(profiled, 'profile = "kiosk"'), time.monotonic)
    status = made.reader.status()
    assert (status.name, status.driver, str(status.tier), status.profile) == ("one", "text", "recorded", "kiosk")
    assert status.port == str(profiled / "one.tty")
    assert made.usb == ("1a2b:0001",)


def test_a_reader_by_driver_is_as_proven_as_the_driver(tmp_path: Path) -> None:
    (made,) = make_readers(configured(tmp_path, 'driver = "elyctis"'), time.monotonic)
    assert (made.reader.status().driver, made.reader.status().profile, made.usb) == ("elyctis", "", ())


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        ('profile = "unheard-of"', "unheard-of"),
        ('driver = "unheard-of"', "unheard-of"),
        ('driver = "text"\nsettings = { baud = "fast" }', "baud"),
        ('profile = "kiosk"\nsettings = { stx = "zz" }', "stx"),
    ],
)
def test_what_is_wrong_is_said_with_advice_before_anything_is_opened(profiled: Path, reader: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        make_readers(configured(profiled, reader), time.monotonic)
    assert caught.value.advice


@pytest.mark.parametrize("port", ["socket://127.0.0.1", "usb:zz", "foo://x"])
@pytest.mark.parametrize("kind", ['driver = "text"', 'profile = "kiosk"'])
def test_a_mistyped_port_is_said_before_anything_is_opened(profiled: Path, kind: str, port: str) -> None:
    written = CONFIG.format(reader=kind).replace("one.tty", port)
    with pytest.raises(ConfigError, match=f"name = \"one\": port '{port}'"):
        make_readers(config.parse(written, where="edge.toml", base=profiled), time.monotonic)


def test_a_broken_profile_is_logged_and_stops_no_reader_that_does_not_name_it(profiled: Path) -> None:
    (profiled / "profiles" / "bad.toml").write_text(PROFILE.format(settings='baud = "x"'))
    with capture_logs() as lines:
        make_readers(configured(profiled, 'profile = "kiosk"'), time.monotonic)
    (line,) = lines
    assert (line["event"], Path(line["path"]).name) == ("profile_bad", "bad.toml")
    assert "baud" in line["reason"]
    assert line["advice"]


# -- is it the one? -----------------------------------------------------------------------------------


class NoReader:
    """Likeness asks the reader nothing."""


def likeness(
    monkeypatch: pytest.MonkeyPatch, seen: Plugged | None, serial: str = "", path: str = "", usb: tuple[str, ...] = ()
) -> Likeness:
    monkeypatch.setattr(devices, "seen_at", lambda _port: seen)  # udev's word is the edge of the system
    reader: Any = NoReader()
    set_up = config.ReaderConfig("one", "/dev/x", driver="text", serial=serial, path=path)
    return Likeness(Configured(set_up, reader, usb))


USB = Plugged("/dev/ttyACM0", "tty", "2b78", "0005", serial="EV1", path_id="pci-0", usb_place="1-2", interface="00")
BARE = Plugged("/dev/ttyUSB0", "tty", "0403", "6001", path_id="pci-0", usb_place="1-2", interface="00")
BOARD = Plugged("/dev/ttyS0", "tty")


@pytest.mark.parametrize(
    ("seen", "serial", "path", "own", "said"),
    [
        (USB, "EV1", "", "", ""),
        (USB, "", "pci-0", "", ""),
        (USB, "", "1-2", "", ""),
        (USB, "EV2", "", "", "EV2 was set up"),
        (USB, "EV1", "pci-1", "", "set up at pci-1"),
        (BARE, "EV1", "", "", "without a serial number"),
        (BARE, "EV1", "", "EV1", ""),        # its own word is enough
        (BARE, "EV1", "", "EV9", "EV9"),
        (USB, "EV1", "", "INNER-7", ""),     # the USB serial number is the one that was set up
        (BOARD, "EV1", "", "", ""),          # a wire knows nothing; the device may tell later
        (BOARD, "EV1", "", "EV9", "EV9"),
        (BOARD, "EV1", "", "EV1", ""),
        (None, "EV1", "pci-0", "", ""),      # udev knows nothing: nobody can tell
        (None, "EV1", "", "EV9", "EV9"),     # a terminal server, and the device's own word
        (None, "", "", "EV9", ""),
    ],
)
def test_what_was_set_up_is_compared_with_what_is_seen_and_told(
    monkeypatch: pytest.MonkeyPatch, seen: Plugged | None, serial: str, path: str, own: str, said: str
) -> None:
    found = likeness(monkeypatch, seen, serial, path)(own)
    assert said in (found or "")
    assert bool(said) == bool(found)
    assert (found is None) == (seen is None and not own)  # neither udev nor the device itself says anything


def test_a_device_that_changes_its_own_serial_number_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    look = likeness(monkeypatch, BARE)
    assert [look(own) for own in ("", "A", "", "A")] == ["", "", "", ""]
    assert "B" in (look("B") or "")
    assert look("A") == ""


def test_another_kind_of_device_than_the_profile_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert likeness(monkeypatch, USB, usb=("2b78:*",))("") == ""
    assert "2b78:0005" in (likeness(monkeypatch, USB, usb=("0c2e:*",))("") or "")


# -- threads ------------------------------------------------------------------------------------------


class Post:
    """Devices of one configured reader at a path where something may appear."""

    def __init__(self, folder: Path) -> None:
        self.announced: queue.Queue[tuple[str, ReaderState]] = queue.Queue()
        made = make_readers(configured(folder, 'driver = "text"'), time.monotonic)
        self.inbox: queue.Queue[Any] = queue.Queue()
        self.devices = Devices(
            made, (), inbox_of=lambda _name: self.inbox, announce=lambda n, s: self.announced.put((n, s)),
            alarm=lambda *_: None, mono=time.monotonic, jitter=lambda: 0.5, keep=Nobody(), inherited={},
        )


def test_threads_are_hired_by_name_and_end_when_told(tmp_path: Path) -> None:
    post = Post(tmp_path)
    crew = Crew()
    hired: dict[str, OnDeath] = {}

    def hire(name: str, work: Callable[..., None], on_death: OnDeath = OnDeath.END) -> None:
        hired[name] = on_death
        crew.hire(name, work, on_death)

    post.devices.hire(hire)
    assert post.announced.get(timeout=10) == ("one", ReaderState.ABSENT)
    crew.stop()
    assert crew.join() == ()
    post.devices.close()
    assert crew.dead == ()
    assert crew.restarts == {}
    assert hired == {"reader-one": OnDeath.END, "hotplug": OnDeath.RESTART}


class Monitor:
    """udev as played: ``why`` it is deaf, or one change."""

    why = ""
    made = 0
    changes = 0

    def __init__(self, on_change: Callable[[], None]) -> None:
        type(self).made += 1
        self._on_change = on_change

    def run(self, stopping: threading.Event) -> None:
        for _ in range(self.changes):
            self._on_change()
        if not self.why:
            stopping.wait(60)


def test_a_change_wakes_every_keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class One(Monitor):
        changes = 1

    monkeypatch.setattr(devices, "Monitor", One)
    post = Post(tmp_path)
    woken = threading.Event()
    monkeypatch.setattr(post.devices.keepers[0], "wake", woken.set)
    crew = Crew()
    post.devices.hire(crew.hire)
    assert woken.wait(10)
    crew.stop()
    assert crew.join() == ()
    post.devices.close()
    assert One.made == 1


def test_a_deaf_udev_is_said_once_and_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(Monitor):
        why = "it does not run on this machine"

    monkeypatch.setattr(devices, "Monitor", Deaf)
    monkeypatch.setattr(devices, "DEAF_S", 0.01)
    post = Post(tmp_path)
    crew = Crew()
    with capture_logs() as lines:
        post.devices.hire(crew.hire)
        end = time.monotonic() + 10
        while Deaf.made < 5 and time.monotonic() < end:
            time.sleep(0.01)
        crew.stop()
        assert crew.join() == ()
    post.devices.close()
    assert Deaf.made >= 5
    (line,) = [line for line in lines if line["event"] == "hotplug_deaf"]
    assert (line["log_level"], line["reason"]) == ("info", Deaf.why)
    assert crew.restarts == {}


def test_signs_go_to_the_reader_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    post = Post(tmp_path)
    given: list[Feedback] = []
    monkeypatch.setattr(post.devices.keepers[0], "signal", given.append)
    post.devices.signal("one", Feedback.GOOD)
    post.devices.signal("of another box", Feedback.LEAD)
    assert given == [Feedback.GOOD]
    post.devices.close()


def test_whether_a_reader_is_in_the_midst_of_a_frame_is_asked_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    post = Post(tmp_path)
    assert not post.devices.reading("one")
    monkeypatch.setattr(FramedReader, "reading", True)
    assert post.devices.reading("one")
    assert not post.devices.reading("of another box")
    post.devices.close()
