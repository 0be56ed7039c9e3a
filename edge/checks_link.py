"""The doctor's look at the link: the three TLS files, then the broker itself, as the uplink would speak to it.

Law: nothing is sent but a TLS handshake. A CONNECT under this box's name would push the running box off the line.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import NameOID

from common.files import open_regular
from common.line import LineError, tls_context
from common.settings import TlsConfig
from edge.checks import Check, Grade
from edge.config import UplinkConfig

LINK_TIMEOUT_S = 3.0
REFUSAL_S = 1.0              # in TLS 1.3 a broker refuses a certificate after the handshake, or it says nothing
MAX_PEM_BYTES = 1024 * 1024
SOON = timedelta(days=30)    # a certificate that ends within is a warning
PARTS = {"tls.ca": "certificate", "tls.cert": "certificate", "tls.key": "private key"}

T = TypeVar("T")


def tls_files(tls: TlsConfig, device: str) -> Iterator[Check]:
    """Certificate authority, certificate and key: usable, in date, belonging together and to this box."""
    authorities, wrong = _loaded("tls.ca", tls.ca, _certificates)
    # Of several authorities one that has ended harms only if no other is left.
    yield wrong or _dates("tls.ca", tls.ca, max(authorities or (), key=lambda c: c.not_valid_after_utc))
    chain, wrong = _loaded("tls.cert", tls.cert, _certificates)
    yield wrong or _dates("tls.cert", tls.cert, (chain or [])[0])
    if chain:
        names = [str(n.value) for n in chain[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        if names != [device]:
            yield Check("tls.cert", Grade.ERROR, f"its common name is {', '.join(names) or 'absent'}, not {device}",
                        "put this box's own certificate there, or mend box.device")
    key, wrong = _loaded("tls.key", tls.key, _private_key)
    if key and chain and _raw(key.public_key()) != _raw(chain[0].public_key()):
        wrong = Check("tls.key", Grade.ERROR, f"{tls.key} does not belong to {tls.cert}",
                      "put key and certificate of one request there")
    yield wrong or Check("tls.key", Grade.OK, tls.key)


def broker(uplink: UplinkConfig, *, greet: bool) -> Iterator[Check]:
    """Does the broker answer, and if ``greet`` is set, do both sides accept each other?"""
    where = f"{uplink.host}:{uplink.port}"
    said = "answers"
    try:
        with socket.create_connection((uplink.host, uplink.port), timeout=LINK_TIMEOUT_S) as sock:
            if uplink.tls and greet:
                _handshake(sock, uplink.host, uplink.tls)
                said = "answers, and each side accepts the other's certificate"
            elif uplink.tls:
                said = "answers; TLS is not tried with these files"
    except LineError as error:
        yield Check("link", Grade.ERROR, error.message, error.advice)
    except ssl.SSLError as error:
        why = getattr(error, "verify_message", "") or error.reason or "handshake failed"
        yield Check("link", Grade.ERROR, f"{where}: TLS: {why}",
                    "compare CA, both certificates, their dates, the broker's name and the clock")
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "no host name") or error
        yield Check("link", Grade.WARNING, f"{where}: {reason}",
                    "the box works on without it; check cable, modem, address")
    else:
        yield Check("link", Grade.OK, f"{where} {said}")
        if uplink.tls is None:
            yield Check("link", Grade.WARNING, "the link is not encrypted",
                        "configure [uplink.tls] outside a test bench")


def _handshake(sock: socket.socket, host: str, tls: TlsConfig) -> None:
    with tls_context(tls).wrap_socket(sock, server_hostname=host) as line:
        line.settimeout(REFUSAL_S)
        try:
            if not line.recv(1):
                raise ConnectionResetError(errno.ECONNRESET, "the broker hangs up after the handshake")
        except TimeoutError:
            return  # it waits for our CONNECT


def _loaded(name: str, path: str, parse: Callable[[bytes], T]) -> tuple[T | None, Check | None]:
    """What the file holds, or the finding that says why nothing can be made of it."""
    try:
        with open_regular(Path(path)) as file:
            return parse(file.read(MAX_PEM_BYTES)), None
    except OSError as error:
        return None, Check(name, Grade.ERROR, f"{path} cannot be read: {error.strerror}",
                           "put it there, readable for the box's user")
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        why = "is locked with a password" if isinstance(error, TypeError) else f"is no PEM {PARTS[name]}"
        return None, Check(name, Grade.ERROR, f"{path} {why}", "put the file there that came with the certificate")


def _certificates(data: bytes) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(data)


def _private_key(data: bytes) -> PrivateKeyTypes:
    return serialization.load_pem_private_key(data, password=None)


def _dates(name: str, path: str, certificate: x509.Certificate) -> Check:
    now, end = datetime.now(UTC), certificate.not_valid_after_utc
    if now < certificate.not_valid_before_utc:
        return Check(name, Grade.ERROR, f"{path} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only",
                     "set the clock right, or bring the certificate that is valid now")
    if end < now:
        return Check(name, Grade.ERROR, f"{path} ended on {end:%Y-%m-%d}", "bring a new one, or set the clock right")
    if end - now < SOON:
        return Check(name, Grade.WARNING, f"{path} ends on {end:%Y-%m-%d}", "bring a new one before that day")
    return Check(name, Grade.OK, f"{path}, valid until {end:%Y-%m-%d}")


def _raw(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
