"""Private keys as files, each locked by a passphrase; their public lines beside them.

Laws:
1. ``NAME.pem`` (mode 0600) is the private key, PKCS #8 and locked; ``NAME.pub`` one line ``ed25519:BASE64`` or
   ``x25519:BASE64``. A server's key alone stands open, because a server starts without a person.
2. Nothing is ever overwritten. A private key that does not belong to the line beside it is refused.
3. No passphrase and no private key stands in an error, a log or a ``repr``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from edge.core import sealing
from provisioning import files
from provisioning.errors import AuthorityError

MAX_KEY_BYTES: Final = 16 * 1024
MIN_PASSPHRASE: Final = 12  # characters: these keys stand for a whole country
_AGAIN: Final = "type it again; if nobody knows it any more: docs/key-ceremony.md, section 6.6"
_ADVICE: Final = "give the file that `borderpost-provision init` made"

Private = sealing.SignPrivate | sealing.SealPrivate | EllipticCurvePrivateKey


def check_passphrase(text: str, name: str) -> str:
    """``text`` if it is long enough. Raises AuthorityError."""
    if len(text) < MIN_PASSPHRASE:
        raise AuthorityError(
            f"the passphrase of {name} has fewer than {MIN_PASSPHRASE} characters",
            advice="choose a longer one: five words that have nothing to do with each other",
        )
    return text


def locked(key: Private, passphrase: str | None) -> bytes:
    """PKCS #8 PEM under ``passphrase``; None leaves it open (law 1)."""
    lock: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        lock = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def public_line(key: sealing.SignPrivate | sealing.SealPrivate) -> bytes:
    """The text of NAME.pub."""
    return (sealing.public_to_text(key.public_key()) + "\n").encode()


def sign_key(path: Path, passphrase: str) -> sealing.SignPrivate:
    """The Ed25519 key in ``path``. Raises AuthorityError naming the file."""
    key = _load(path, passphrase)
    if not isinstance(key, sealing.SignPrivate):
        raise AuthorityError(f"{path}: not an Ed25519 key", advice=_ADVICE)
    beside = path.with_suffix(".pub")
    if beside.exists() and read_line(beside) != sealing.public_to_text(key.public_key()):
        raise AuthorityError(f"{path}: does not belong to {beside.name}", advice="put the right pair together")
    return key


def seal_key(path: Path, passphrase: str | None) -> sealing.SealPrivate:
    """The X25519 key in ``path``. Raises AuthorityError naming the file."""
    key = _load(path, passphrase)
    if not isinstance(key, sealing.SealPrivate):
        raise AuthorityError(f"{path}: not an X25519 key", advice="give seal.pem of `borderpost-hq keys create`")
    return key


def ec_key(path: Path, passphrase: str) -> EllipticCurvePrivateKey:
    """The certificate authority's key in ``path``. Raises AuthorityError naming the file."""
    key = _load(path, passphrase)
    if not isinstance(key, EllipticCurvePrivateKey):
        raise AuthorityError(f"{path}: not an elliptic-curve key", advice=_ADVICE)
    return key


def read_line(path: Path) -> str:
    """The one line of a NAME.pub file. Raises AuthorityError."""
    text = files.read(path, 256, advice="give a NAME.pub file").decode("ascii", "replace").strip()
    try:
        if text.startswith("x25519:"):
            sealing.seal_public_from_text(text)
        else:
            sealing.sign_public_from_text(text)
    except sealing.KeyTextError as error:
        raise AuthorityError(f"{path}: {error.message}", advice="give a NAME.pub file as it was made") from error
    return text


def is_locked(path: Path) -> bool:
    """True if the file needs a passphrase."""
    return b"ENCRYPTED" in files.read(path, MAX_KEY_BYTES, advice=_ADVICE)


def _load(path: Path, passphrase: str | None) -> object:
    data = files.read(path, MAX_KEY_BYTES, advice=_ADVICE)
    needs = b"ENCRYPTED" in data
    if needs and not passphrase:
        raise AuthorityError(f"{path}: locked by a passphrase", advice="give --passphrase-file")
    try:
        return serialization.load_pem_private_key(data, passphrase.encode() if needs and passphrase else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if not needs:
            raise AuthorityError(f"{path}: not a private key in PEM", advice=_ADVICE) from error
        raise AuthorityError(f"{path}: the passphrase does not open it", advice=_AGAIN) from error
