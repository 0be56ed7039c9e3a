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


def test_a_network_port_is_refused_until_there_is_a_driver_for_it() -> None:
    with pytest.raises(settings.ConfigError, match="network port"):
        parse(GOOD.replace("/dev/serial/by-path/x", "socket://10.0.0.1:4001"))
