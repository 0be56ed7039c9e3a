"""What a box asks for, and the code that both sides compute over it.

Laws:
1. A request is not signed as a whole: its CSR proves the device key, and the code that is read over the phone binds
   CSR, seal key and nonce. Whoever changes one of them on the way changes the code.
2. The code is computed, never carried: a request has no field for it.
3. A box's serial is a hash of its key: what the request says of it must agree.
4. Everything that headquarters would stumble over later (a seal key that cannot be sealed to) is refused here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from edge.core import sealing
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.csr import read_csr
from edge.core.provisioning.papers import CODE_CHARS, MAX_PAPER, Request
from edge.core.wire import WireError, decode, encode

SERIAL_CHARS: Final = 13  # 65 bits
_GROUP: Final = 4  # characters between two hyphens of a code
_SLIPS: Final = str.maketrans({"0": "O", "1": "I", "8": "B"})  # digits that base32 (RFC 4648, section 6) does not have


@dataclass(frozen=True, slots=True)
class CheckedRequest:
    """A request that holds together.

    ``public_key``: the device key's SubjectPublicKeyInfo (DER); ``csr``: the request's DER; ``seal_key``: what
    envelopes are sealed to; ``code``: to be compared with what is read over the phone; ``device``: the id that the
    box has already (``kind`` renew), else what it proposes or an empty string.
    """

    request: Request
    public_key: bytes
    csr: bytes
    seal_key: sealing.SealPublic
    code: str
    device: str

    @property
    def device_key(self) -> str:
        """The digest of the device key, as an envelope's header names it."""
        return device_key_digest(self.public_key)


def serial_of(spki: bytes) -> str:
    """A box's name for itself: 13 base32 characters, lower case, of SHA-256 over its key's SubjectPublicKeyInfo."""
    return base64.b32encode(hashlib.sha256(spki).digest()).decode("ascii")[:SERIAL_CHARS].lower()


def device_key_digest(spki: bytes) -> str:
    """SHA-256 of the device key's SubjectPublicKeyInfo (DER), 64 hexadecimal digits."""
    return hashlib.sha256(spki).hexdigest()


def code_of(csr: bytes, seal_key: bytes, nonce: str) -> str:
    """``ABCD-EFGH-IJKL-MNOP``: 80 bits of SHA-256 over the CSR (DER), the raw seal key (32 bytes) and the nonce.

    Each part is preceded by its length (four bytes), so that no two requests share their bytes.
    """
    digest = hashlib.sha256(b"borderpost code\0")
    for part in (csr, seal_key, nonce.encode("utf-8", "surrogatepass")):
        digest.update(len(part).to_bytes(4, "big") + part)
    text = base64.b32encode(digest.digest()).decode("ascii")[:CODE_CHARS]
    return "-".join(text[at : at + _GROUP] for at in range(0, CODE_CHARS, _GROUP))


def same_code(said: str, code: str) -> bool:
    """True if ``said``, as somebody typed it (case, spaces, hyphens, 0 for O, 1 for I, 8 for B), is ``code``."""
    return hmac.compare_digest(_plain(said), _plain(code)) and len(_plain(code)) == CODE_CHARS


def write_request(request: Request) -> bytes:
    """``request.json``; ProvisioningError(TOO_LARGE_PAPER) beyond ``MAX_PAPER`` bytes."""
    data = encode(request)
    if len(data) > MAX_PAPER:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"a request of {len(data)} bytes")
    return data


def read_request(data: bytes) -> CheckedRequest:
    """The request in ``data``, looked through.

    Raises ProvisioningError: TOO_LARGE_PAPER; BAD_SIGNATURE (the CSR is not signed by its own key); DAMAGED_PAPER
    (anything else, such as a serial that is not this key's, or a renewal in another name than the CSR's).
    """
    if len(data) > MAX_PAPER:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"a request of {len(data)} bytes, at most {MAX_PAPER}")
    try:
        request = decode(data, Request)
    except WireError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{len(data)} bytes are no request") from error
    csr = read_csr(request.csr)
    if serial_of(csr.spki) != request.serial:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the serial is not the one of the request's key")
    if request.kind == "renew" and (not csr.name or request.device not in {"", csr.name}):
        raise ProvisioningError(Code.DAMAGED_PAPER, "a renewal in another name than its certificate request's")
    seal_key = _seal_key(request.seal_key)
    code = code_of(csr.der, seal_key.public_bytes_raw(), request.nonce)
    device = csr.name if request.kind == "renew" else request.device
    return CheckedRequest(request, csr.spki, csr.der, seal_key, code, device)


def _seal_key(line: str) -> sealing.SealPublic:
    """The key of the line. Points of small order, whose shared secret is zero (RFC 7748, 6.1), open to anybody."""
    try:
        key = sealing.seal_public_from_text(line)
        sealing.hpke_seal(b"", key, b"")  # the library refuses such a point when it is used
    except (sealing.KeyTextError, ValueError) as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the seal key is no X25519 key that can be used") from error
    return key


def _plain(code: str) -> bytes:
    kept = "".join(c for c in code.upper() if c.isalnum()).translate(_SLIPS)
    return kept.encode("utf-8", "surrogatepass")
