"""Whose signature a checkpoint of the audit chain carries: public keys from certificates and key files.

A box signs with its device key, so its certificate, as headquarters issued and keeps it, is what to verify with.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from common.settings import ConfigError
from edge.core.audit import Checkpoint

MAX_FILE = 64 * 1024  # bytes of a certificate with its chain

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


def load(path: Path) -> PublicKey:
    """The public key of the first certificate, or of the PEM public key, in the file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE)
        if b"BEGIN CERTIFICATE" in data:
            key = x509.load_pem_x509_certificate(data).public_key()
        else:
            key = serialization.load_pem_public_key(data)  # type: ignore[assignment]
    except OSError as error:
        raise _unusable(path, (error.strerror or "cannot be read").lower()) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(path, "neither a certificate nor a public key in PEM") from error
    if not isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise _unusable(path, "a key of a kind that no box signs with")
    return key


def believer(keys: Sequence[PublicKey]) -> Callable[[Checkpoint], bool]:
    """True for a checkpoint that one of the keys has signed (ECDSA with SHA-256, or Ed25519)."""

    def believe(point: Checkpoint) -> bool:
        try:
            signature = base64.b64decode(point.signature, validate=True)
        except (binascii.Error, ValueError):
            return False
        return any(_fits(key, signature, point.signed()) for key in keys)

    return believe


def _fits(key: PublicKey, signature: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        else:
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _unusable(path: Path, why: str) -> ConfigError:
    return ConfigError(f"{path.name}: {why}", advice="give the certificate of the box, as headquarters keeps it")
