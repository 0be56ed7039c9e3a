"""Signing keys as files: one Ed25519 key each, made once, never overwritten, locked by a passphrase on request.

Laws:
1. ``NAME.pem`` (mode 0600) is the private key, ``NAME.pub`` one line ``ed25519:BASE64``. Only the line travels: whoever
   signs for a source makes the key at home and sends the line.
2. A private key that does not belong to the ``.pub`` beside it is refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from securesystemslib.signer import CryptoSigner, SSlibKey

from common.files import open_regular
from edge.core import sealing
from hq.distribution.errors import PublishError

MAX_KEY_BYTES: Final = 16 * 1024
MIN_PASSPHRASE: Final = 8  # characters


def create(path: Path, *, passphrase: str | None = None) -> SSlibKey:
    """Make ``path`` (NAME.pem) and NAME.pub beside it. Raises PublishError if either is there already."""
    if passphrase is not None and len(passphrase) < MIN_PASSPHRASE:
        raise PublishError(f"the passphrase has fewer than {MIN_PASSPHRASE} characters", advice="choose a longer one")
    public = path.with_suffix(".pub")
    for file in (path, public):
        if file.exists():
            raise PublishError(f"{file} is there already", advice="keys are never overwritten: give another name")
    key = sealing.generate_sign_key()
    lock = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new(path, pem, 0o600)
        _write_new(public, (sealing.public_to_text(key.public_key()) + "\n").encode(), 0o644)
    except OSError as error:
        raise PublishError(f"{path}: {error.strerror}", advice="give a folder that you may write") from error
    return SSlibKey.from_crypto(key.public_key())


def public_key(path: Path) -> SSlibKey:
    """The key of a NAME.pub file (or of the one beside NAME.pem). Raises PublishError."""
    path = path.with_suffix(".pub")
    try:
        text = _read(path).decode("utf-8").strip()
        return SSlibKey.from_crypto(sealing.sign_public_from_text(text))
    except (sealing.KeyTextError, UnicodeDecodeError) as error:
        raise PublishError(f"{path}: not a line ed25519:BASE64", advice="give what `publish key` made") from error


def signer(path: Path, *, passphrase: str | None = None) -> CryptoSigner:
    """The private key in ``path``, ready to sign. Raises PublishError naming the file and what to do."""
    data = _read(path)
    locked = b"ENCRYPTED" in data
    if locked and not passphrase:
        raise PublishError(f"{path}: locked by a passphrase", advice="give --passphrase or --passphrase-file")
    try:
        key = serialization.load_pem_private_key(data, passphrase.encode() if locked and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = "the passphrase does not open it" if locked else "not a private key in PEM"
        raise PublishError(f"{path}: {reason}", advice="give the file that `publish key` made") from error
    if not isinstance(key, sealing.SignPrivate):
        raise PublishError(f"{path}: not an Ed25519 key", advice="give the file that `publish key` made")
    made = CryptoSigner(key)
    if path.with_suffix(".pub").exists() and public_key(path).keyid != made.public_key.keyid:
        raise PublishError(f"{path}: does not belong to the .pub beside it", advice="put the right pair together")
    return made


def _read(path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            return file.read(MAX_KEY_BYTES)
    except OSError as error:
        raise PublishError(
            f"{path}: {error.strerror}", advice="make keys with `borderpost-hq publish key`, or mend the path"
        ) from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
