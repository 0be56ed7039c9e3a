"""This side of TLS: what it shows and believes, and what it hears when the other side takes its certificate for bad.

In TLS 1.3 the server looks at the client's certificate after the client's handshake is over (RFC 8446, 4.4.2.4 and
appendix A.1): a refusal is an alert that the first reading brings, or, where a reset overtook it, a connection that
ends before a word was said.
"""

from __future__ import annotations

import contextlib
import ssl
from pathlib import Path
from typing import Any, Final

from common.settings import TlsConfig
from edge.core.errors import BorderpostError

# RFC 8446, 6.2, by the names of OpenSSL (sslerr.h), which ssl.SSLError.reason carries.
REFUSALS: Final = frozenset({
    "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED", "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "TLSV1_ALERT_UNKNOWN_CA",
    "TLSV1_ALERT_ACCESS_DENIED", "TLSV1_ALERT_DECRYPT_ERROR", "TLSV13_ALERT_CERTIFICATE_REQUIRED",
})  # fmt: skip


class LineError(BorderpostError):
    """The broker cannot be reached, or the certificates cannot be used."""


class CertificateError(LineError):
    """This side's own certificate is refused, or cannot be used. ``sure``: it was said; else it looks like it."""

    def __init__(self, message: str, *, advice: str, sure: bool = True) -> None:
        super().__init__(message, advice=advice)
        self.sure = sure


class AlertSocket(ssl.SSLSocket):
    """Remembers the last alert that a reading or a writing ended with, by OpenSSL's name; None for none."""

    alert: str | None = None

    def recv(self, buflen: int = 1024, flags: int = 0) -> bytes:
        """As its parent's."""
        try:
            return super().recv(buflen, flags)
        except ssl.SSLError as error:
            self._note(error)
            raise

    def send(self, data: Any, flags: int = 0) -> int:
        """As its parent's. A writing that fails may have overtaken the alert that says why: it is read then."""
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError:
            with contextlib.suppress(OSError):
                self.recv(1)
            raise

    def _note(self, error: ssl.SSLError) -> None:
        if not isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
            self.alert = error.reason or ""


def refusal(reason: str | None) -> str:
    """The words of an alert that refuses this side's certificate (``certificate revoked``); empty for any other."""
    if reason not in REFUSALS:
        return ""
    return reason.partition("ALERT_")[2].replace("_", " ").lower()


def tls_context(tls: TlsConfig) -> ssl.SSLContext:
    """What this side shows and believes (TLS 1.3 or newer). Raises LineError."""
    for path in (tls.ca, tls.cert, tls.key):
        if not Path(path).is_file():
            raise LineError(f"{path}: there is no such file", advice="mend the tls section of the configuration")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sslsocket_class = AlertSocket
    advice = "check that they are PEM, belong together and may be read"
    try:
        context.load_verify_locations(tls.ca)
    except (ssl.SSLError, OSError) as error:
        raise LineError(f"{tls.ca}: this CA cannot be used: {reason_of(error)}", advice=advice) from error
    try:
        context.load_cert_chain(tls.cert, tls.key)
    except (ssl.SSLError, OSError) as error:
        raise CertificateError(
            f"{tls.cert}: certificate and key cannot be used: {reason_of(error)}", advice=advice
        ) from error
    return context


def refused(words: str) -> CertificateError:
    """The broker said over TLS that it does not take this side's certificate."""
    return CertificateError(f"the broker refused this side's certificate: {words}",
                            advice="ask headquarters whether it was revoked; compare its dates and its authority")


def reason_of(error: OSError) -> str:
    """Why a socket or a file failed, in its own words."""
    return str(getattr(error, "reason", None) or error.strerror or type(error).__name__)
