"""What a box asks for, and the code that both sides compute over it.

Laws:
1. A request is signed as a whole by the device key that its CSR brings: whoever carries it can change nothing of it.
   Whose key that is says the code that is read over the phone: it binds CSR, seal key, nonce and site. Whoever changes
   one of them on the way, and signs anew with a key of his own, changes the code.
2. The code is computed, never carried: a request has no field for it.
3. A box's serial is a hash of its key: what the request says of it must agree.
4. Everything that headquarters would stumble over later (a seal key that cannot be sealed to) is refused here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from edge.core import sealing
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.csr import read_csr, verifies
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


def code_of(csr: bytes, seal_key: bytes, nonce: str, site: str) -> str:
    """``ABCD-EFGH-IJKL-MNOP``: 80 bits of SHA-256 over CSR (DER), raw seal key (32 bytes), nonce and site.

    Each part is preceded by its length (four bytes), so that no two requests share their bytes.
    """
    digest = hashlib.sha256(b"borderpost code\0")
    for part in (csr, seal_key, *(text.encode("utf-8", "surrogatepass") for text in (nonce, site))):
        digest.update(len(part).to_bytes(4, "big") + part)
    text = base64.b32encode(digest.digest()).decode("ascii")[:CODE_CHARS]
    return "-".join(text[at : at + _GROUP] for at in range(0, CODE_CHARS, _GROUP))


def same_code(said: str, code: str) -> bool:
    """True if ``said``, as somebody typed it (case, spaces, hyphens, 0 for O, 1 for I, 8 for B), is ``code``."""
    return hmac.compare_digest(_plain(said), _plain(code)) and len(_plain(code)) == CODE_CHARS


def signed_part(request: Request) -> bytes:
    """What the device key signs: the request without its signature, as JSON, under a domain of its own."""
    return b"borderpost request\0" + encode(msgspec.structs.replace(request, signature=""))


def write_request(request: Request, sign: Callable[[bytes], bytes]) -> bytes:
    """``request.json``; ``sign`` gives the device key's signature (ECDSA with SHA-256, DER).

    ProvisioningError(TOO_LARGE_PAPER) beyond ``MAX_PAPER`` bytes.
    """
    signature = base64.b64encode(sign(signed_part(request))).decode("ascii")
    data = encode(msgspec.structs.replace(request, signature=signature))
    if len(data) > MAX_PAPER:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"a request of {len(data)} bytes")
    return data


def read_request(data: bytes) -> CheckedRequest:
    """The request in ``data``, looked through.

    Raises ProvisioningError: TOO_LARGE_PAPER; BAD_SIGNATURE (CSR or request is not signed by the CSR's own key);
    DAMAGED_PAPER (anything else, such as a serial that is not this key's, or a renewal in another name than the CSR's).
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
    if not verifies(csr.spki, _signature(request), signed_part(request)):
        raise ProvisioningError(Code.BAD_SIGNATURE, "the request was altered: its own key did not sign it so")
    if request.kind == "renew" and (not csr.name or request.device not in {"", csr.name}):
        raise ProvisioningError(Code.DAMAGED_PAPER, "a renewal in another name than its certificate request's")
    seal_key = _seal_key(request.seal_key)
    code = code_of(csr.der, seal_key.public_bytes_raw(), request.nonce, request.site)
    device = csr.name if request.kind == "renew" else request.device
    return CheckedRequest(request, csr.spki, csr.der, seal_key, code, device)


def _signature(request: Request) -> bytes:
    try:
        return base64.b64decode(request.signature, validate=True)
    except binascii.Error as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the request's signature is no Base64") from error


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
