"""The box's own key, its folder, and headquarters' keys from the configuration."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from box_world import CONFIG
from small_disk import small_disk

from edge import config
from edge.config import Config, ConfigError
from edge.core import sealing
from edge.keys import StorageError, box_key, headquarters, own_folder
from hq import keys as hq_keys


def settings(folder: Path) -> Config:
    text = CONFIG.format(
        state=folder / "state", socket=folder / "s.sock", headquarters=hq_keys.create(folder / "keys").toml()
    )
    return config.parse(text, where="edge.toml", base=folder)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "box.key"
    first = box_key(path)
    assert len(first) == sealing.KEY_SIZE
    assert box_key(path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["box.key"]


def test_what_a_power_cut_left_half_written_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "box.new").write_bytes(b"half")
    assert len(box_key(tmp_path / "box.key")) == sealing.KEY_SIZE


def test_two_boxes_that_start_at_once_end_with_one_key(tmp_path: Path) -> None:
    for round_ in range(20):
        path = tmp_path / f"{round_}.key"
        start, got = threading.Barrier(4), []

        def make(path: Path = path, start: threading.Barrier = start, got: list[bytes] = got) -> None:
            start.wait()
            got.append(box_key(path))

        threads = [threading.Thread(target=make) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(got) == {path.read_bytes()}


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 33])
def test_a_key_of_a_wrong_size_is_never_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "box.key"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        box_key(path)
    assert "restore" in caught.value.advice
    assert path.read_bytes() == content


def test_a_folder_that_is_a_file_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(ConfigError, match="state_dir"):
        own_folder(tmp_path / "state")
    with pytest.raises(ConfigError):
        box_key(tmp_path / "state" / "box.key")


def test_the_folder_is_made_closed_to_others(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = own_folder(tmp_path / "a" / "state")
    finally:
        os.umask(before)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert list(made.iterdir()) == []
    assert own_folder(made) == made


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for 20 files."""
    with small_disk(tmp_path / "small", "size=1m,nr_inodes=20") as place:
        yield place


def test_a_read_only_disk_is_no_wrong_configuration(small: Path) -> None:
    state = own_folder(small / "state")
    key = box_key(state / "box.key")
    subprocess.run(["mount", "-o", "remount,ro", small], check=True)
    assert box_key(state / "box.key") == key
    for refused in (lambda: own_folder(state), lambda: own_folder(small / "new"), lambda: box_key(state / "new.key")):
        with pytest.raises(StorageError, match="Read-only") as caught:
            refused()
        assert not isinstance(caught.value, ConfigError)


def test_a_full_disk_is_none_either_and_leaves_no_half_key(small: Path) -> None:
    state = own_folder(small / "state")
    with contextlib.suppress(OSError):
        for number in range(100):
            (small / str(number)).touch()
    for refused in (lambda: own_folder(state), lambda: own_folder(small / "new"), lambda: box_key(state / "box.key")):
        with pytest.raises(StorageError, match="No space") as caught:
            refused()
        assert not isinstance(caught.value, ConfigError)
    assert list(state.iterdir()) == []
    (small / "0").unlink()
    with contextlib.suppress(OSError), (small / "1").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    with pytest.raises(StorageError):  # an inode, and no room for what is in it
        box_key(state / "box.key")
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 300, "loop/state"])
def test_a_name_that_no_disk_would_take_is_a_wrong_configuration(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="state_dir"):
        own_folder(tmp_path / name)


def test_headquarters_keys_and_further_recipients(tmp_path: Path) -> None:
    one = settings(tmp_path)
    recipients, acks = headquarters(one)
    assert (len(recipients), len(acks)) == (1, 1)
    escrow = sealing.public_to_text(sealing.generate_seal_key().public_key())
    section = msgspec.structs.replace(one.headquarters, escrow_keys=(escrow,))
    recipients, _ = headquarters(msgspec.structs.replace(one, headquarters=section))
    assert len({r.key_id for r in recipients}) == 2


@pytest.mark.parametrize("field", ["seal_key", "ack_key"])
@pytest.mark.parametrize("text", ["", "nonsense", "x25519:", "x25519:AAAA", "ed25519:!!!!"])
def test_a_wrong_key_text_is_a_wrong_configuration(tmp_path: Path, field: str, text: str) -> None:
    one = settings(tmp_path)
    section = msgspec.structs.replace(one.headquarters, **{field: text})
    with pytest.raises(ConfigError, match="headquarters") as caught:
        headquarters(msgspec.structs.replace(one, headquarters=section))
    assert caught.value.advice


def test_a_seal_key_in_the_place_of_the_ack_key_is_refused(tmp_path: Path) -> None:
    one = settings(tmp_path)
    section = msgspec.structs.replace(one.headquarters, ack_key=one.headquarters.seal_key)
    with pytest.raises(ConfigError):
        headquarters(msgspec.structs.replace(one, headquarters=section))
