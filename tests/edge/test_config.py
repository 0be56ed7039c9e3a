from __future__ import annotations

import os
from pathlib import Path

import pytest

from common import settings
from edge import config

GOOD = """
[box]
device = "post-1"
state_dir = "state"

[[counter]]
name = "lane-1"
direction = "entry"
readers = ["swipe-1"]

[[reader]]
name = "swipe-1"
driver = "elyctis"
port = "/dev/serial/by-path/x"

[headquarters]
seal_key = "x25519:AAAA"
ack_key = "ed25519:AAAA"
"""


def parse(text: str) -> config.Config:
    return config.parse(text, where="edge.toml", base=Path("/base"))


def test_defaults_fill_what_is_left_out_and_paths_become_absolute() -> None:
    settings = parse(GOOD)
    assert settings.screening.max_age_days == 7.0
    assert settings.uplink is None
    assert settings.box.state_dir == "/base/state"
    assert settings.box.lists_dir == "/var/lib/borderpost/lists"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("device =", "devise ="), "devise"),
        (('direction = "entry"', 'direction = "in"'), "$.counter[0].direction"),
        (('device = "post-1"', 'device = "Post 1"'), "$.box.device"),
        (('readers = ["swipe-1"]', 'readers = ["swipe-2"]'), "swipe-2"),
        (('readers = ["swipe-1"]', "readers = []"), "$.counter[0].readers"),
        (("[box]", "[box"), "not TOML"),
        (("[box]", "[screening]\nrefresh_seconds = inf\n[box]"), "$.screening.refresh_seconds"),
        (("[box]", "[screening]\nrefresh_seconds = nan\n[box]"), "$.screening.refresh_seconds"),
        (("[box]", "[screening]\nmax_age_days = inf\n[box]"), "$.screening.max_age_days"),
        (("[box]", "[uplink]\nhost = ''\n[box]"), "$.uplink.host"),
        (("[box]", "[uplink]\nhost = 'h'\nack_timeout_s = 1e9\n[box]"), "$.uplink.ack_timeout_s"),
        (("[box]", "[uplink]\nhost = 'h'\nbackoff_min_s = 60\nbackoff_max_s = 5\n[box]"), "uplink.backoff_max_s"),
    ],
)
def test_a_wrong_key_is_named_by_its_path(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(settings.ConfigError) as caught:
        parse(GOOD.replace(*change))
    assert complaint in caught.value.message
    assert caught.value.message.startswith("edge.toml: ")
    assert caught.value.advice


def test_a_reader_that_no_counter_uses_is_refused() -> None:
    with pytest.raises(settings.ConfigError, match="spare"):
        parse(GOOD + '\n[[reader]]\nname = "spare"\ndriver = "text"\nport = "p"\n')


@pytest.mark.parametrize(("one", "other"), [
    ("/dev/serial/by-path/x", "/dev/serial/by-path/x"),
    ("/dev/serial/by-path/x", "/dev/serial/../serial/by-path/./x"),
    ("page.tty", "/base/page.tty"),
    ("socket://10.0.0.1:4001", "socket://10.0.0.1:4001"),
    ("usb:2b78:0010", "usb:2b78:0010"),
])
def test_two_readers_at_one_port_are_refused_by_their_names(one: str, other: str) -> None:
    two = GOOD.replace('["swipe-1"]', '["swipe-1", "page-1"]').replace("/dev/serial/by-path/x", one)
    with pytest.raises(settings.ConfigError, match="readers 'swipe-1' and 'page-1' have the same port") as caught:
        parse(two + f'\n[[reader]]\nname = "page-1"\ndriver = "text"\nport = "{other}"\n')
    assert caught.value.advice


def test_readers_at_ports_of_their_own_are_accepted() -> None:
    two = GOOD.replace('["swipe-1"]', '["swipe-1", "page-1"]').replace("/dev/serial/by-path/x", "usb:2b78:0010@1-1")
    assert len(parse(two + '\n[[reader]]\nname = "page-1"\ndriver = "text"\nport = "usb:2b78:0010@1-2"\n').reader) == 2


def test_one_reader_cannot_serve_two_counters() -> None:
    twice = GOOD + '\n[[counter]]\nname = "lane-2"\ndirection = "exit"\nreaders = ["swipe-1"]\n'
    with pytest.raises(settings.ConfigError, match="twice"):
        parse(twice)


def test_an_absent_or_oversized_or_binary_file_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(settings.ConfigError, match="No such file"):
        config.load(tmp_path / "edge.toml")
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (settings.MAX_CONFIG_BYTES + 1))
    with pytest.raises(settings.ConfigError, match="larger than"):
        config.load(big)
    binary = tmp_path / "bin.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(settings.ConfigError, match="not UTF-8"):
        config.load(binary)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for path in (tmp_path / "pipe.toml", Path("/dev/full"), Path("/dev/zero"), tmp_path):
        with pytest.raises(settings.ConfigError, match="not a regular file"):
            config.load(path)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/dev/serial/by-path/x", "/dev/serial/by-path/x"),
        ("page-1.tty", "/base/page-1.tty"),
        ("socket://10.0.0.1:4001", "socket://10.0.0.1:4001"),
        ("rfc2217://10.0.0.1:4001", "rfc2217://10.0.0.1:4001"),
        ("usb:2b78:0010", "usb:2b78:0010"),
        ("foo://x", "foo://x"),  # the driver will refuse it
        ("usb:2b78:0010:EV1@1-1.2", "usb:2b78:0010:EV1@1-1.2"),
        ("usbip://127.0.0.1:3240/1-1", "usbip://127.0.0.1:3240/1-1"),
        ("/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0", "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0"),
    ],
)
def test_a_port_that_is_a_path_becomes_absolute_and_a_scheme_stays(written: str, meant: str) -> None:
    (reader,) = parse(GOOD.replace("/dev/serial/by-path/x", written)).reader
    assert reader.port == meant


@pytest.mark.parametrize("lines", ['driver = "elyctis"\nprofile = "elyctis-id-box"', ""])
def test_a_reader_has_a_driver_or_a_profile_and_not_both(lines: str) -> None:
    with pytest.raises(settings.ConfigError, match="a driver or a profile") as caught:
        parse(GOOD.replace('driver = "elyctis"', lines))
    assert "swipe-1" in caught.value.message
    assert "borderpost devices" in caught.value.advice


def test_a_reader_may_come_by_profile_with_what_it_was_set_up_as() -> None:
    by_profile = 'profile = "elyctis-id-box"\nserial = "EV1"\npath = "pci-0000:00:14.0-usb-0:2:1.0"'
    (reader,) = parse(GOOD.replace('driver = "elyctis"', by_profile)).reader
    assert (reader.driver, reader.profile, reader.serial) == ("", "elyctis-id-box", "EV1")
    assert reader.path == "pci-0000:00:14.0-usb-0:2:1.0"  # a place on the bus, not a file


PASS = '\n[[passthrough]]\nto = "{to}"\nreaders = ["{reader}"]\n'


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/dev/ttyS1", "/dev/ttyS1"),
        ("pc.tty", "/base/pc.tty"),
        ("pty:/run/borderpost/pc", "pty:/run/borderpost/pc"),
        ("pty:run/pc", "pty:/base/run/pc"),
        ("unix:pc.sock", "unix:/base/pc.sock"),
    ],
)
def test_where_reads_go_on_to_is_made_absolute_behind_its_scheme(written: str, meant: str) -> None:
    (passing,) = parse(GOOD + PASS.format(to=written, reader="swipe-1")).passthrough
    assert passing.to == meant
    assert (passing.form, passing.others, passing.baud, passing.parity) == ("frame", True, 9600, "N")


def test_a_pass_through_of_a_reader_that_is_not_there_is_refused() -> None:
    with pytest.raises(settings.ConfigError, match=r"passthrough\.readers.*'swipe-9'"):
        parse(GOOD + PASS.format(to="pty:pc", reader="swipe-9"))


def test_one_destination_twice_is_refused() -> None:
    with pytest.raises(settings.ConfigError, match="stands there twice"):
        parse(GOOD + PASS.format(to="pty:pc", reader="swipe-1") * 2)


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("/dev/serial/by-path/x", "the port of reader 'swipe-1'"),
        ("/dev/serial/../serial/by-path/x", "the port of reader 'swipe-1'"),
        ("pty:/dev/serial/by-path/x", "the port of reader 'swipe-1'"),
        ("pty:/dev/serial/by-path/y", "among the devices"),
        ("unix:/dev/pc.sock", "among the devices"),
        ("unix:/run/borderpost/counter.sock", "box.socket"),
        ("pty:/run/borderpost/./counter.sock", "box.socket"),
        ("pty:state/journal.sqlite", "box.state_dir"),
        ("pty:state", "box.state_dir"),
        ("unix:/var/lib/borderpost/lists/pc.sock", "box.lists_dir"),
        ("pty:/etc/borderpost/profiles/pc.toml", "box.profiles_dir"),
        ("unix:/run/" + "x" * 120, "107 bytes"),
        ("socket://192.0.2.1:4001", "no way to a PC"),
        ("rfc2217://192.0.2.1:4001", "no way to a PC"),
        ("usb:2b78:0010", "no way to a PC"),
        ("usbip://192.0.2.1:3240/1-1", "no way to a PC"),
        ("tcp:1", "no way to a PC"),
        ("PTY:/run/pc", "no way to a PC"),
        ("pty:", "no way to a PC"),
        ("unix:/run/folder/", "no way to a PC"),
    ],
)
def test_a_pass_through_that_leads_to_something_else_is_refused(written: str, complaint: str) -> None:
    with pytest.raises(settings.ConfigError, match=r"passthrough\.to") as caught:
        parse(GOOD + PASS.format(to=written, reader="swipe-1"))
    assert complaint in caught.value.message
    assert caught.value.advice


def test_two_ways_out_to_one_file_are_refused() -> None:
    with pytest.raises(settings.ConfigError, match="another one leads"):
        parse(GOOD + PASS.format(to="pty:/run/pc", reader="swipe-1") + PASS.format(to="unix:/run/pc", reader="swipe-1"))


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("[assembly]\nrow_wait_ms = 50", "$.assembly.row_wait_ms"),
        ("[assembly]\nsame_document_s = -1", "$.assembly.same_document_s"),
        ("[[passthrough]]\nto = ''\nreaders = ['swipe-1']", "$.passthrough[0].to"),
        ("[[passthrough]]\nto = 'pty:pc'\nreaders = []", "$.passthrough[0].readers"),
        ("[[passthrough]]\nto = 'pty:pc'\nreaders = ['swipe-1']\nform = 'json'", "$.passthrough[0].form"),
    ],
)
def test_limits_of_what_is_new_are_named_by_their_path(written: str, complaint: str) -> None:
    with pytest.raises(settings.ConfigError) as caught:
        parse(GOOD + "\n" + written + "\n")
    assert complaint in caught.value.message


def test_the_profiles_folder_is_a_path_like_the_others() -> None:
    assert parse(GOOD).box.profiles_dir == "/etc/borderpost/profiles"
    assert parse(GOOD.replace("[box]", '[box]\nprofiles_dir = "own"')).box.profiles_dir == "/base/own"
