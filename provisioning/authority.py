"""The national certificate authority: one self-signed P-256 certificate, and what it signs.

Laws:
1. A device certificate's common name is the device id and nothing else of the box stands in it; it serves as a client
   alone. A broker's serves as a server alone: neither can play the other's part (RFC 5280 section 4.2.1.12).
2. A box's private key is never here: its certificate is made over the public key that its request proved it has.
3. Nothing outlives the authority itself.
4. The revocation list runs long (``CRL_DAYS``): one that has expired makes the broker refuse everybody.

The time is an argument; serial numbers are the library's own randomness (20 bytes, RFC 5280 section 4.1.2.2).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from provisioning.errors import AuthorityError

CA_YEARS: Final = 20
DEVICE_DAYS: Final = 731       # two years: a box without a link for months renews in its second half
SERVER_DAYS: Final = 731
CRL_DAYS: Final = 400
EARLY: Final = timedelta(hours=1)  # clocks differ
HQ_NAME: Final = "hq"          # two letters: no device id is that short
_PEM: Final = serialization.Encoding.PEM


@dataclass(frozen=True, slots=True)
class Revoked:
    """One certificate that counts no longer; ``number`` as ``number_of`` gives it."""

    number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority with its private key in memory."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        """Raises AuthorityError for a key that is not the certificate's."""
        if spki(self.key.public_key()) != spki(self.certificate.public_key()):
            raise AuthorityError("ca.key does not belong to ca.pem", advice="put the right pair together")

    def device(self, public_der: bytes, device: str, now: datetime, days: int = DEVICE_DAYS) -> x509.Certificate:
        """A box's certificate over its public key (SubjectPublicKeyInfo DER, P-256)."""
        public = serialization.load_der_public_key(public_der)
        if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
            raise AuthorityError("the box's key is no P-256 key", advice="have the box write its request again")
        return self._leaf(device, public, ExtendedKeyUsageOID.CLIENT_AUTH, now, days)

    def client(self, name: str, now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A key and certificate for a machine of headquarters that speaks to the broker."""
        key = ec.generate_private_key(ec.SECP256R1())
        return key, self._leaf(name, key.public_key(), ExtendedKeyUsageOID.CLIENT_AUTH, now, SERVER_DAYS)

    def server(self, names: Sequence[str], now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
        """A key and certificate for a server that is reached by ``names`` (host names and addresses, one or more)."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternative = x509.SubjectAlternativeName([_general(name) for name in names])
        usage = ExtendedKeyUsageOID.SERVER_AUTH
        return key, self._leaf(names[0], key.public_key(), usage, now, SERVER_DAYS, alternative)

    def crl(self, revoked: Iterable[Revoked], now: datetime, number: int) -> bytes:
        """The revocation list in PEM; ``number`` rises from list to list (RFC 5280 section 5.2.3)."""
        builder = (
            x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
            .last_update(now - EARLY).next_update(now + timedelta(days=CRL_DAYS))
            .add_extension(x509.CRLNumber(number), critical=False)
            .add_extension(self._issuer_key(), critical=False)
        )  # fmt: skip
        for one in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(int(one.number, 16)).revocation_date(one.at)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM)

    def _leaf(
        self, name: str, public: ec.EllipticCurvePublicKey, usage: ObjectIdentifier, now: datetime, days: int,
        alternative: x509.SubjectAlternativeName | None = None,
    ) -> x509.Certificate:  # fmt: skip
        ends = self.certificate.not_valid_after_utc
        if ends <= now:
            raise AuthorityError(f"the authority ran out on {ends:%Y-%m-%d}", advice="see docs/key-ceremony.md")
        builder = (
            x509.CertificateBuilder().subject_name(_name(name)).issuer_name(self.certificate.subject)
            .public_key(public).serial_number(x509.random_serial_number())
            .not_valid_before(max(now - EARLY, self.certificate.not_valid_before_utc))
            .not_valid_after(min(now + timedelta(days=days), ends))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(leaf=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(self._issuer_key(), critical=False)
        )  # fmt: skip
        if alternative is not None:
            builder = builder.add_extension(alternative, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def _issuer_key(self) -> x509.AuthorityKeyIdentifier:
        own = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def make(country: str, name: str, now: datetime) -> Authority:
    """A new authority for ``country`` (ICAO 9303-3 code, in its name) from ``now`` on."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(f"borderpost {country} {name}".strip()[:64])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY).not_valid_after(now + timedelta(days=365 * CA_YEARS + 5))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(leaf=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return Authority(certificate, key)


def load_certificate(data: bytes, where: str) -> x509.Certificate:
    """The certificate in a PEM file. Raises AuthorityError."""
    try:
        return x509.load_pem_x509_certificate(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise AuthorityError(f"{where}: no certificate in PEM", advice="put the file back from its copy") from error


def pem(certificate: x509.Certificate) -> bytes:
    """The certificate in PEM."""
    return certificate.public_bytes(_PEM)


def spki(public: object) -> bytes:
    """SubjectPublicKeyInfo in DER."""
    assert isinstance(public, ec.EllipticCurvePublicKey)
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def number_of(certificate: x509.Certificate) -> str:
    """The certificate's serial number, hexadecimal: as ``openssl x509 -serial`` prints it, in lower case."""
    return f"{certificate.serial_number:x}"


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 over the DER, hexadecimal in groups of four: to be read out and written down."""
    text = certificate.fingerprint(hashes.SHA256()).hex()
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf, key_cert_sign=not leaf, crl_sign=not leaf, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    try:
        return x509.DNSName(name)
    except ValueError as error:
        raise AuthorityError(f"{name!r} is no host name", advice="give a name in ASCII, or an address") from error
