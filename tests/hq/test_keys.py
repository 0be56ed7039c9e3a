"""Key files: made once, private, loadable, and never silently wrong."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from edge.core import sealing
from hq import keys
from hq.config import KeysConfig
from hq.errors import KeyFileError

WORD = "a long enough passphrase"


def config(folder: Path, *, passphrase_file: Path | None = None) -> KeysConfig:
    return KeysConfig(
        seal=(str(folder / "seal.pem"),),
        ack=str(folder / "ack.pem"),
        passphrase_file=str(passphrase_file) if passphrase_file else None,
    )


def test_what_is_printed_fits_what_is_written(tmp_path: Path) -> None:
    lines = keys.create(tmp_path / "keys")
    loaded = keys.load(config(tmp_path / "keys"))
    table = tomllib.loads(lines.toml())["headquarters"]
    seal = sealing.seal_public_from_text(table["seal_key"])
    assert list(loaded.seal) == [sealing.key_id(seal)] == [lines.seal_id]
    assert sealing.key_id(sealing.sign_public_from_text(table["ack_key"])) == loaded.ack_id == lines.ack_id
    assert keys.public_lines(tmp_path / "keys/seal.pem", tmp_path / "keys/ack.pem") == lines
    blob = sealing.seal(b"{}", message_id="i", type="t", recipients=[sealing.Recipient.of(seal)])
    assert sealing.open_sealed(blob, message_id="i", type="t", keys=loaded.seal) == b"{}"


def test_files_are_private_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.create(folder)
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "seal.pem").unlink()
    with pytest.raises(KeyFileError, match=r"ack\.pem is there already"):
        keys.create(folder)
    assert (folder / "ack.pem").read_bytes() == before["ack.pem"]
    assert not (folder / "seal.pem").exists()


def test_a_passphrase_locks_both_files(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    keys.create(folder, passphrase=WORD)
    word = tmp_path / "word"
    word.write_text(WORD + "\nanything\n")
    assert keys.load(config(folder, passphrase_file=word)).ack_id
    with pytest.raises(KeyFileError, match="locked by a passphrase"):
        keys.load(config(folder))
    word.write_text("another passphrase\n")
    with pytest.raises(KeyFileError, match="does not open"):
        keys.load(config(folder, passphrase_file=word))
    with pytest.raises(KeyFileError, match="fewer than"):
        keys.create(tmp_path / "short", passphrase="short")


def test_wrong_files_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    with pytest.raises(KeyFileError, match="No such file"):
        keys.load(config(folder))
    keys.create(folder)
    swapped = KeysConfig(seal=(str(folder / "ack.pem"),), ack=str(folder / "seal.pem"))
    with pytest.raises(KeyFileError, match="not an Ed25519 key"):
        keys.load(swapped)
    with pytest.raises(KeyFileError, match="not an X25519 key"):
        keys.load_seal([folder / "ack.pem"], None)
    (folder / "ack.pem").write_text("nothing")
    with pytest.raises(KeyFileError, match="not a private key"):
        keys.load(config(folder))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFileError):
        keys.create(tmp_path / "file" / "keys")
