"""Headquarters' private keys as files: made once, never overwritten, readable by their owner alone.

Two pairs: the *seal* key (X25519) opens what the posts sealed; the *ack* key (Ed25519) signs what
headquarters says it holds. Both are PKCS #8 PEM with mode 0600, on request locked by a passphrase.
A seal key that is replaced must be kept: bodies sealed to it stay closed without it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from edge.core import sealing
from hq.config import KeysConfig
from hq.errors import KeyFileError

MAX_KEY_BYTES = 16 * 1024
MIN_PASSPHRASE = 8  # characters
SEAL_FILE, ACK_FILE = "seal.pem", "ack.pem"

_Private = sealing.SealPrivate | sealing.SignPrivate


@dataclass(frozen=True, slots=True)
class PublicLines:
    """What the posts are configured with, each as ``kind:BASE64``, and the key ids."""

    seal: str
    seal_id: str
    ack: str
    ack_id: str

    def toml(self) -> str:
        """The lines to paste into edge.toml."""
        return (
            "[headquarters]\n"
            f'seal_key = "{self.seal}"  # key id {self.seal_id}\n'
            f'ack_key = "{self.ack}"  # key id {self.ack_id}\n'
        )


@dataclass(frozen=True, slots=True)
class Keys:
    """The loaded private keys: ``seal`` by key id (old ones too), ``ack`` and its id."""

    seal: Mapping[str, sealing.SealPrivate]
    ack: sealing.SignPrivate
    ack_id: str


def create(out: Path, *, passphrase: str | None = None) -> PublicLines:
    """Make both pairs in ``out`` (mode 0700). Raises KeyFileError if either file is there already."""
    if passphrase is not None and len(passphrase) < MIN_PASSPHRASE:
        raise KeyFileError(
            f"the passphrase has fewer than {MIN_PASSPHRASE} characters", advice="choose a longer one"
        )
    for name in (SEAL_FILE, ACK_FILE):
        if (out / name).exists():
            raise KeyFileError(
                f"{out / name} is there already",
                advice="keys are never overwritten: give another folder, or see their lines with `keys show`",
            )
    seal, ack = sealing.generate_seal_key(), sealing.generate_sign_key()
    try:
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(out / SEAL_FILE, _to_pem(seal, passphrase))
        _write_new(out / ACK_FILE, _to_pem(ack, passphrase))
    except OSError as error:
        raise KeyFileError(
            f"{error.filename or out}: {error.strerror}", advice="give a folder you may write"
        ) from error
    return _lines(seal, ack)


def public_lines(seal: Path, ack: Path, *, passphrase: str | None = None) -> PublicLines:
    """The public lines of existing key files."""
    return _lines(_seal_key(seal, passphrase), _ack_key(ack, passphrase))


def load(config: KeysConfig) -> Keys:
    """Read the keys of hq.toml. Raises KeyFileError naming the file and what to do."""
    passphrase = read_passphrase(config)
    ack = _ack_key(Path(config.ack), passphrase)
    return Keys(load_seal([Path(p) for p in config.seal], passphrase), ack, sealing.key_id(ack.public_key()))


def load_seal(paths: Sequence[Path], passphrase: str | None) -> dict[str, sealing.SealPrivate]:
    """Only the keys that open bodies, by key id."""
    keys = [_seal_key(path, passphrase) for path in paths]
    return {sealing.key_id(key.public_key()): key for key in keys}


def read_passphrase(config: KeysConfig) -> str | None:
    """The first line of the passphrase file, or None where none is configured."""
    if config.passphrase_file is None:
        return None
    return _read(Path(config.passphrase_file)).decode("utf-8", "replace").partition("\n")[0].rstrip("\r")


def _lines(seal: sealing.SealPrivate, ack: sealing.SignPrivate) -> PublicLines:
    seal_public, ack_public = seal.public_key(), ack.public_key()
    return PublicLines(
        seal=sealing.public_to_text(seal_public),
        seal_id=sealing.key_id(seal_public),
        ack=sealing.public_to_text(ack_public),
        ack_id=sealing.key_id(ack_public),
    )


def _write_new(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _to_pem(key: _Private, passphrase: str | None) -> bytes:
    if passphrase is None:
        return sealing.private_to_pem(key)
    lock = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def _seal_key(path: Path, passphrase: str | None) -> sealing.SealPrivate:
    key = _load(path, passphrase)
    if not isinstance(key, sealing.SealPrivate):
        raise KeyFileError(f"{path}: not an X25519 key", advice=f"give the {SEAL_FILE} of `keys create`")
    return key


def _ack_key(path: Path, passphrase: str | None) -> sealing.SignPrivate:
    key = _load(path, passphrase)
    if not isinstance(key, sealing.SignPrivate):
        raise KeyFileError(f"{path}: not an Ed25519 key", advice=f"give the {ACK_FILE} of `keys create`")
    return key


def _load(path: Path, passphrase: str | None) -> object:
    data = _read(path)
    locked = b"ENCRYPTED" in data
    if locked and not passphrase:
        raise KeyFileError(f"{path}: locked by a passphrase", advice="name keys.passphrase_file in hq.toml")
    try:
        return serialization.load_pem_private_key(
            data, passphrase.encode() if locked and passphrase else None
        )
    except (ValueError, TypeError) as error:
        reason = "the passphrase does not open it" if locked else "not a private key in PEM"
        raise KeyFileError(f"{path}: {reason}", advice="give the file that `keys create` made") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_KEY_BYTES)
    except OSError as error:
        raise KeyFileError(
            f"{path}: {error.strerror}", advice="make keys with `borderpost-hq keys create`, or mend the path"
        ) from error
