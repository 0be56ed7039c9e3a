"""Who may read, and who said so: the only file that touches the cryptography library.

Laws:
1. A body is sealed to headquarters when it is written; the box cannot open it again (law 9).
2. A sealed body is bound to its message id, type and recipients: it cannot be moved elsewhere.
3. Every sealed body of one block size for the same number of recipients has the same size (law 8).
4. A signature is made over a domain and a payload, so that it is worth nothing in another place.
5. Keys come and go as bytes; this file reads no files. Randomness is the library's own.

Sealed layout, all sizes in bytes: magic ``BPS1`` (4), number of recipients (1), per recipient key id
(8) and HPKE ciphertext of the content key (80: 32 encapsulated key, 32 key, 16 tag), then AES-256-GCM
of the padded block under the content key (one of padding.SIZES, + 16; the nonce is zero, since a content key
seals one message). HPKE is RFC 9180 base mode, one shot, X25519 / HKDF-SHA256 / AES-256-GCM, with
``info = message id|type|key id``. The additional data of the content is the header and the context.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from edge.core.errors import BorderpostError
from edge.core.padding import PLAIN_SIZE, SIZES, PaddingError, pad, unpad

KEY_SIZE = 32  # bytes of every raw key here
WRAP_SIZE = 80  # bytes of one HPKE-wrapped content key
MAX_RECIPIENTS = 4  # headquarters, its next key, national escrow, and one to spare
BOX_OVERHEAD = 28  # bytes that box_seal adds: nonce 12, tag 16
AEAD_TAG = 16  # bytes of a tag of AES-GCM
HPKE_OVERHEAD = 48  # bytes that hpke_seal adds: encapsulated key 32, tag 16
_MAGIC = b"BPS1"
_ID_SIZE = 8
_NONCE = bytes(12)
_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)

SealPrivate = X25519PrivateKey
SealPublic = X25519PublicKey
SignPrivate = Ed25519PrivateKey
SignPublic = Ed25519PublicKey


class SealError(BorderpostError):
    """A blob that cannot be opened: not ours, not for our keys, moved to another id, or altered."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="keep the blob, and check its message id and recipient keys")


class KeyTextError(BorderpostError):
    """A key file or key line that is not one."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="copy the key again from 'borderpost-hq keys create'")


@dataclass(frozen=True, slots=True)
class Recipient:
    """One public key that bodies are sealed to; ``key_id`` is derived from it and cannot be chosen."""

    key_id: str
    public: X25519PublicKey

    @classmethod
    def of(cls, public: X25519PublicKey) -> Recipient:
        """The recipient who holds the private half of ``public``."""
        return cls(key_id(public), public)


def sealed_size(recipients: int, block: int = PLAIN_SIZE) -> int:
    """Bytes of every sealed body of a ``block`` of that size for that many recipients: 2157 for one, 2245 for two."""
    return len(_MAGIC) + 1 + recipients * (_ID_SIZE + WRAP_SIZE) + block + 16


def seal(plaintext: bytes, *, message_id: str, type: str, recipients: Sequence[Recipient]) -> bytes:  # noqa: A002
    """Pad and encrypt ``plaintext`` for each of 1 to 4 recipients; ``sealed_size`` bytes.

    Raises PaddingError when the plaintext does not fit (see ``wire.fit``), SealError for no or too
    many recipients.
    """
    return seal_block(pad(plaintext), message_id=message_id, type=type, recipients=recipients)


def seal_block(block: bytes, *, message_id: str, type: str, recipients: Sequence[Recipient]) -> bytes:  # noqa: A002
    """The same for a block that is padded already: what it takes does not depend on what is inside."""
    if len(block) not in SIZES:
        raise SealError(f"a block of {len(block)} bytes; it must have {' or '.join(map(str, SIZES))}")
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise SealError(f"{len(recipients)} recipients; between 1 and {MAX_RECIPIENTS} are allowed")
    content_key = AESGCM.generate_key(256)
    header = _MAGIC + bytes([len(recipients)])
    for recipient in recipients:
        info = _info(message_id, type, recipient.key_id)
        header += bytes.fromhex(recipient.key_id) + _SUITE.encrypt(content_key, recipient.public, info)
    return header + AESGCM(content_key).encrypt(_NONCE, block, header + _context(message_id, type))


def make_sealer(recipients: Sequence[Recipient], *, type: str) -> Callable[[bytes, str], bytes]:  # noqa: A002
    """``seal_block`` with recipients and type filled in: (padded block, message id) -> sealed body."""
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise SealError(f"{len(recipients)} recipients; between 1 and {MAX_RECIPIENTS} are allowed")
    fixed = tuple(recipients)
    return lambda block, message_id: seal_block(block, message_id=message_id, type=type, recipients=fixed)


def open_sealed(blob: bytes, *, message_id: str, type: str, keys: Mapping[str, X25519PrivateKey]) -> bytes:  # noqa: A002
    """The plaintext of a sealed body, by whichever of ``keys`` (key id -> private key) it was sealed to.

    Raises SealError for every blob that was not sealed for one of the keys under this id and type.
    """
    count = blob[4] if len(blob) > 4 and blob[:4] == _MAGIC else 0
    if not 1 <= count <= MAX_RECIPIENTS or len(blob) not in [sealed_size(count, n) for n in SIZES]:
        raise SealError(f"{len(blob)} bytes are no sealed body")
    header_size = 5 + count * (_ID_SIZE + WRAP_SIZE)
    header, content = blob[:header_size], blob[header_size:]
    for start in range(5, header_size, _ID_SIZE + WRAP_SIZE):
        name = header[start : start + _ID_SIZE].hex()
        private = keys.get(name)
        if private is None:
            continue
        wrapped = header[start + _ID_SIZE : start + _ID_SIZE + WRAP_SIZE]
        try:
            content_key = _SUITE.decrypt(wrapped, private, _info(message_id, type, name))
            block = AESGCM(content_key).decrypt(_NONCE, content, header + _context(message_id, type))
            return unpad(block)
        except (InvalidTag, ValueError, PaddingError) as error:
            raise SealError("a sealed body does not open under this message id, type and key") from error
    raise SealError("a sealed body is for other keys")


def sign(domain: str, payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """Ed25519 signature (64 bytes) of ``payload`` for one use, named by ``domain`` (no NUL in it)."""
    return key.sign(_signed_bytes(domain, payload))


def verify(domain: str, payload: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """True if ``signature`` is the key's own over this domain and payload; never raises on data."""
    try:
        key.verify(signature, _signed_bytes(domain, payload))
    except InvalidSignature:
        return False
    return True


def box_seal(key: bytes, plaintext: bytes, context: bytes) -> bytes:
    """AES-256-GCM for small values on the box's own disk; ``BOX_OVERHEAD`` bytes are added."""
    nonce = AESGCM.generate_key(128)[:12]
    return nonce + AESGCM(key).encrypt(nonce, plaintext, context)


def box_open(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """What ``box_seal`` was given; SealError for another key, context or altered bytes."""
    try:
        return AESGCM(key).decrypt(sealed[:12], sealed[12:], context)
    except (InvalidTag, ValueError) as error:
        raise SealError("a value on this box's disk does not open under its key") from error


class AeadKey:
    """One AES-256-GCM key for messages whose nonces (12 bytes, never the same twice) the caller makes."""

    __slots__ = ("_aead",)

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def seal(self, nonce: bytes, plaintext: bytes | memoryview, context: bytes) -> bytes:
        """The ciphertext with its tag: ``AEAD_TAG`` bytes more than the plaintext."""
        return self._aead.encrypt(nonce, plaintext, context)

    def open(self, nonce: bytes, sealed: bytes | memoryview, context: bytes) -> bytes:
        """What ``seal`` was given; SealError for another key, nonce or context, and for altered bytes."""
        try:
            return self._aead.decrypt(nonce, sealed, context)
        except (InvalidTag, ValueError) as error:
            raise SealError("a sealed value does not open under its key") from error

    def open_into(self, nonce: bytes, sealed: bytes | memoryview, context: bytes, into: memoryview) -> None:
        """The same, straight into ``into`` (as long as the plaintext): no copy stays behind in the heap."""
        try:
            self._aead.decrypt_into(nonce, sealed, context, into)
        except (InvalidTag, ValueError) as error:
            raise SealError("a sealed value does not open under its key") from error


def hpke_seal(plaintext: bytes, public: X25519PublicKey, info: bytes) -> bytes:
    """RFC 9180 base mode, one shot: ``HPKE_OVERHEAD`` bytes more than the plaintext."""
    return _SUITE.encrypt(plaintext, public, info)


def hpke_open(sealed: bytes, private: X25519PrivateKey, info: bytes) -> bytes:
    """What ``hpke_seal`` was given; SealError for another key or info, and for altered bytes."""
    try:
        return _SUITE.decrypt(sealed, private, info)
    except (InvalidTag, ValueError) as error:
        raise SealError("a sealed value does not open under this key") from error


def keyed_hash(key: bytes, text: str) -> str:
    """HMAC-SHA-256 of ``text``, 64 hexadecimal digits: what a CLEAR passage keeps of a document number."""
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def generate_seal_key() -> X25519PrivateKey:
    """A new key that bodies can be sealed to."""
    return X25519PrivateKey.generate()


def generate_sign_key() -> Ed25519PrivateKey:
    """A new key that signs acks."""
    return Ed25519PrivateKey.generate()


def generate_box_key() -> bytes:
    """A new key for ``box_seal`` and ``keyed_hash``: 32 random bytes."""
    return AESGCM.generate_key(256)


def key_id(public: X25519PublicKey | Ed25519PublicKey) -> str:
    """16 hexadecimal digits: the first 8 bytes of SHA-256 over the raw public key."""
    return hashlib.sha256(public.public_bytes_raw()).digest()[:_ID_SIZE].hex()


def public_to_text(public: X25519PublicKey | Ed25519PublicKey) -> str:
    """One line for a configuration file: ``x25519:BASE64`` or ``ed25519:BASE64``."""
    kind = "x25519" if isinstance(public, X25519PublicKey) else "ed25519"
    return f"{kind}:{base64.b64encode(public.public_bytes_raw()).decode()}"


def seal_public_from_text(text: str) -> X25519PublicKey:
    """The key of an ``x25519:BASE64`` line; KeyTextError for anything else."""
    return X25519PublicKey.from_public_bytes(_raw_of_text(text, "x25519"))


def sign_public_from_text(text: str) -> Ed25519PublicKey:
    """The key of an ``ed25519:BASE64`` line; KeyTextError for anything else."""
    return Ed25519PublicKey.from_public_bytes(_raw_of_text(text, "ed25519"))


def private_to_pem(key: X25519PrivateKey | Ed25519PrivateKey) -> bytes:
    """PKCS #8 PEM, not encrypted: the caller keeps the file at mode 0600."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def seal_private_from_pem(data: bytes) -> X25519PrivateKey:
    """An X25519 key; KeyTextError for anything else."""
    key = _load_pem(data)
    if not isinstance(key, X25519PrivateKey):
        raise KeyTextError("the PEM file holds no X25519 private key")
    return key


def sign_private_from_pem(data: bytes) -> Ed25519PrivateKey:
    """An Ed25519 key; KeyTextError for anything else."""
    key = _load_pem(data)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyTextError("the PEM file holds no Ed25519 private key")
    return key


def _load_pem(data: bytes) -> object:
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError) as error:
        raise KeyTextError("the file is no PEM private key without a password") from error


def _raw_of_text(text: str, kind: str) -> bytes:
    label, _, encoded = text.strip().partition(":")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if label != kind or len(raw) != KEY_SIZE:
        raise KeyTextError(f"a key line must read {kind}: and {KEY_SIZE} bytes in Base64")
    return raw


def _info(message_id: str, type_: str, recipient_id: str) -> bytes:
    return f"{message_id}|{type_}|{recipient_id}".encode()


def _context(message_id: str, type_: str) -> bytes:
    return f"{message_id}|{type_}".encode()


def _signed_bytes(domain: str, payload: bytes) -> bytes:
    return b"borderpost\0" + domain.encode() + b"\0" + payload
