"""The certificate request of a box (PKCS #10, RFC 2986): the one file of the core that reads ASN.1.

Laws:
1. Of a request nothing counts but its key, its common name and its signature. Whatever else it asks for
   (extensions, other names) is not looked at: headquarters alone decides what stands in a certificate.
2. The key is on P-256 and signed the request itself (ECDSA with SHA-256), so that who asks holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.core.provisioning.codes import Code, ProvisioningError

MAX_CSR: Final = 4096  # bytes of the PEM text: a P-256 request with one name has some 400
MAX_NAME: Final = 64  # characters of a common name (X.520, ub-common-name)
# what the library raises for bytes that are none; a version that nobody defined is no ValueError there
_NO_REQUEST = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.InvalidVersion)
_BEGIN, _END = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"


@dataclass(frozen=True, slots=True)
class CheckedCsr:
    """What counts of a request: its DER, the key's SubjectPublicKeyInfo (DER), the common name or an empty string."""

    der: bytes
    spki: bytes
    name: str


def make_csr(key: ec.EllipticCurvePrivateKey, name: str) -> str:
    """The PEM text by which the holder of ``key`` asks for a certificate in that common name (empty: none)."""
    names = [x509.NameAttribute(x509.NameOID.COMMON_NAME, name)] if name else []
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names)).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode("ascii")


def read_csr(pem: str) -> CheckedCsr:
    """What counts of the one request in ``pem``.

    Raises ProvisioningError: TOO_LARGE_PAPER, DAMAGED_PAPER (no request, not P-256, more than one name),
    BAD_SIGNATURE (not signed by the key that it brings).
    """
    if len(pem) > MAX_CSR:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"a certificate request of {len(pem)} characters")
    text = pem.strip()
    if not text.isascii() or not text.startswith(_BEGIN) or not text.endswith(_END) or text.count("-----BEGIN") != 1:
        raise ProvisioningError(Code.DAMAGED_PAPER, "no certificate request")
    try:
        request = x509.load_pem_x509_csr(text.encode("ascii"))
        key = request.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ProvisioningError(Code.DAMAGED_PAPER, "the request's key is not on P-256")
        key.verify(request.signature, request.tbs_certrequest_bytes, ec.ECDSA(_hash_of(request)))
        name = _name_of(request)
        der = request.public_bytes(serialization.Encoding.DER)
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except InvalidSignature as error:
        raise ProvisioningError(Code.BAD_SIGNATURE, "the request is not signed by its own key") from error
    except _NO_REQUEST as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "no certificate request") from error
    return CheckedCsr(der, spki, name)


def verifies(spki: bytes, signature: bytes, data: bytes) -> bool:
    """True if the P-256 key of ``spki`` (DER, as ``read_csr`` gives it) signed ``data``: ECDSA with SHA-256, DER."""
    key = serialization.load_der_public_key(spki)
    assert isinstance(key, ec.EllipticCurvePublicKey), "read_csr takes no other"
    try:
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _hash_of(request: x509.CertificateSigningRequest) -> hashes.HashAlgorithm:
    if not isinstance(request.signature_hash_algorithm, hashes.SHA256):
        raise ProvisioningError(Code.DAMAGED_PAPER, "the request is not signed with SHA-256")
    return request.signature_hash_algorithm


def _name_of(request: x509.CertificateSigningRequest) -> str:
    names = request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    if len(names) > 1:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{len(names)} common names in the request")
    name = names[0].value if names else ""
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the request's common name is no short text")
    return name
