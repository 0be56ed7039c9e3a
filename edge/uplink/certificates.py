"""Which of the box's certificates is shown: the new one, and the one before it until the new one has connected.

Laws:
1. Beside ``device.pem`` the certificate before it may lie as ``device.previous.pem``, of the same key.
2. While the new one has never led to a believed word of headquarters, an attempt in which the one shown was refused
   is followed by one with the other. A link that is down, a broker that is busy or a silent headquarters says
   nothing of a certificate. A broker that hangs up without a word is believed the second time in a row.
3. Once it has, that is remembered by the digest of its file, and the other is never shown again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from common.files import open_regular
from common.settings import TlsConfig
from common.standing import Bounds, Verdict, standing
from common.tls import CertificateError

MAX_PEM = 64 * 1024  # bytes
DOUBTS = 2  # times in a row that a broker may hang up without a word before that counts as a refusal

log = structlog.get_logger("uplink")


@dataclass(frozen=True, slots=True)
class Proof:
    """Remembers the digest of the last certificate that connected, over restarts."""

    recall: Callable[[], str | None] = lambda: None
    remember: Callable[[str], None] = lambda _digest: None


def previous(cert: str | Path) -> Path:
    """Where the certificate before ``cert`` lies (law 1), whether it is there or not."""
    path = Path(cert)
    return path.with_name(f"{path.stem}.previous{path.suffix}")


class Certificates:
    """Chooses for each attempt; used by the uplink's thread alone."""

    def __init__(self, tls: TlsConfig | None, proof: Proof) -> None:
        self._tls, self._proof = tls, proof
        self._old, self._doubts = False, 0

    def present(self) -> TlsConfig | None:
        """What is shown in the next attempt."""
        if self._tls and self._old:
            return msgspec.structs.replace(self._tls, cert=str(previous(self._tls.cert)))
        return self._tls

    def failed(self, refused: CertificateError | None = None) -> None:
        """An attempt failed before headquarters was heard; ``refused``: because of the certificate that was shown."""
        self._doubts = self._doubts + 1 if refused else 0
        if refused and (refused.sure or self._doubts >= DOUBTS):
            self._doubts, self._old = 0, not self._old and self._second()

    def worked(self) -> None:
        """Headquarters was heard in this connection."""
        self._doubts = 0
        if self._old:
            self._old = False  # the next connection tries the new one again
            log.warning("certificate_not_taken", advice="ask headquarters whether the new certificate was revoked")
        elif self._tls and self._second():
            self._proof.remember(self._digest(self._tls.cert))
            log.info("certificate_taken")

    def trouble(self, bounds: Bounds) -> str:
        """Why this box's own certificate cannot be taken, if its dates say so; else empty."""
        tls = self.present()
        if tls is None:
            return ""
        try:
            own = x509.load_pem_x509_certificates(_bytes(tls.cert))[0].public_bytes(Encoding.DER)
        except (OSError, ValueError):
            return ""
        found = standing([own], bounds)
        return f"this box: {found.why}" if found.verdict is Verdict.BAD else ""

    def _second(self) -> bool:
        """True while there is a certificate before, and the new one is not proven."""
        if self._tls is None or not previous(self._tls.cert).is_file():
            return False
        digest = self._digest(self._tls.cert)
        return not digest or self._proof.recall() != digest

    @staticmethod
    def _digest(path: str) -> str:
        try:
            return hashlib.sha256(_bytes(path)).hexdigest()
        except OSError:
            return ""


def _bytes(path: str) -> bytes:
    with open_regular(Path(path)) as file:
        data = file.read(MAX_PEM)
    return bytes(data)
