"""Whose bundle it is: the certificate's chain to the national authority, its names, and the key that signs the marks.

Laws:
1. The device id is the certificate's common name, the serial its key's: what the header says beside that must agree.
2. The chain is checked by signatures and constraints (RFC 5280 section 6.1, without name constraints and policies),
   never by what the file says of itself. At most ``MAX_CHAIN`` certificates stand between.
3. An expired certificate still sends: rows of a box that had no link for a year are rows. A certificate that is not yet
   valid does not, nor does a box that was revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge.core.carrying import CarryError, CarryHeader, Fault, Verify
from edge.core.errors import BorderpostError
from edge.core.provisioning.request import serial_of
from hq.revoked import Revoked

MAX_CHAIN: Final = 3  # certificates of the file, the box's own among them
MAX_CA_BYTES: Final = 256 << 10


class AuthorityFileError(BorderpostError):
    """The national authority's certificate cannot be read."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A box that was recognised. ``expired``: its certificate had ended when the bundle was looked at; ``revoked``: the
    box counts no longer, and somebody vouched for this bundle."""

    device: str
    serial: str
    expired: bool
    revoked: bool
    verify: Verify


class Senders:
    """Recognises boxes by ``authorities`` and ``revoked``."""

    def __init__(self, authorities: Sequence[x509.Certificate], revoked: Revoked) -> None:
        self._authorities, self._revoked = tuple(authorities), revoked

    @classmethod
    def of(cls, ca: str, revoked: Revoked) -> Senders:
        """With the PEM file at ``ca``; '' for none, and then no box is recognised. Raises AuthorityFileError."""
        if not ca:
            return cls((), revoked)
        try:
            with Path(ca).open("rb") as file:
                found = x509.load_pem_x509_certificates(file.read(MAX_CA_BYTES))
        except OSError as error:
            raise AuthorityFileError(f"{ca}: {error.strerror}", advice="mend provisioning.ca in hq.toml") from error
        except ValueError as error:
            raise AuthorityFileError(
                f"{ca}: no certificates in PEM", advice="give the ca.pem of `borderpost-provision`"
            ) from error
        return cls(found, revoked)

    def recognise(self, header: CarryHeader, now: datetime, *, vouched: bool = False) -> Sender:
        """Whose bundle it is. Raises CarryError: UNSIGNED without a certificate (or without an authority to check it
        by), FORGED for a wrong one, REVOKED unless an operator ``vouched`` for it.
        """
        if not self._authorities:
            raise CarryError(Fault.UNSIGNED, "hq.toml names no authority that the sender could be checked by",
                             advice="name provisioning.ca in hq.toml: the ca.pem of `borderpost-provision`")
        if header.rescued or not header.certificate:
            raise CarryError(Fault.UNSIGNED, "no box signed this bundle",
                             advice="if you know which box's disk it is off, say so: --rescued DEVICE")
        leaf, *between = _certificates(header.certificate)
        self._check_chain(leaf, between)
        key = _key_of(leaf)
        device = _name_of(leaf)
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        serial = serial_of(spki)
        if (device, serial) != (header.device, header.serial):
            raise _forged("the header names another box than its certificate")
        if leaf.not_valid_before_utc > now:
            raise _forged("its certificate is not valid yet")
        revoked = self._revoked.refuses(device, serial)
        if revoked and not vouched:
            raise CarryError(Fault.REVOKED, f"{device} was revoked",
                             advice="if these rows are from before that, and you know the stick: --rescued DEVICE")
        return Sender(device, serial, leaf.not_valid_after_utc < now, revoked, _verifier(key))

    def _check_chain(self, leaf: x509.Certificate, between: Sequence[x509.Certificate]) -> None:
        if _is_authority(leaf) or not _may_send(leaf):
            raise _forged("its certificate is none of a box")
        current, length = leaf, 0
        rest = list(between)
        while True:
            if any(_issued(current, root, length) for root in self._authorities):
                return
            following = next((c for c in rest if _issued(current, c, length)), None)
            if following is None:
                raise _forged("its certificate is not from the national authority")
            rest.remove(following)
            current, length = following, length + 1


def _certificates(pem: str) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        raise _forged("its certificate cannot be read") from None
    if len(found) > MAX_CHAIN:
        raise _forged(f"its chain has {len(found)} certificates")
    return found


def _issued(subject: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    """True if ``issuer`` is an authority that may have, and has, signed ``subject``.

    ``below``: how many authorities stand between ``issuer`` and the box.
    """
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
            return False
        usage = issuer.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.key_cert_sign:
            return False
        subject.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
    except ValueError:
        return True


def _may_send(certificate: x509.Certificate) -> bool:
    """A box's certificate is for clients (RFC 5280 section 4.2.1.12), so that a broker's own cannot send."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _key_of(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    try:
        key = certificate.public_key()
    except (ValueError, TypeError):
        raise _forged("its key cannot be read") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _forged("its key is not of P-256")
    return key


def _name_of(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if len(names) == 1 else ""


def _verifier(key: ec.EllipticCurvePublicKey) -> Verify:
    def verify(words: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, words, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    return verify


def _forged(why: str) -> CarryError:
    return CarryError(Fault.FORGED, why, advice="keep the stick: somebody may have made it in the name of a box")
