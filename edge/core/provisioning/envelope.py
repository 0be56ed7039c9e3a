"""Envelopes: what headquarters sends to one box, signed, numbered, and sealed to it.

Laws:
1. The signature over the header is verified before anything else is looked at; the header names size and SHA-256 of
   the sealed content, so that nothing unsigned is ever decrypted or parsed.
2. An envelope opens with one box's seal key, and only under its own header: another's header on this content, or
   this header on another content, does not open.
3. Numbers rise, by ``MAX_STEP`` at most. A number or a nonce that was used is never used again, also after a reset.
4. Only names of ``ENVELOPE_FILES`` come out, each once, each within its limit: never a path.
5. Without trusted time nothing is expired (ARCHITECTURE law 10). The envelope's own ``created`` is a signed word that
   it is at least that late.

Layout: magic ``BPE1``; four bytes big-endian, the length of the signed header (JSON of ``Signed``, at most
``MAX_HEAD``); the header; the sealed content. That is the content key, wrapped by HPKE (80 bytes, ``info`` =
``borderpost envelope|`` and the binding), and the chunks of ``stream`` (additional data: the binding). The binding is
SHA-256 over the header's JSON with size 0 and a digest of zeros, since those two are known only once the content is
sealed.
The plaintext is a four-byte length, the manifest (JSON: name, size, SHA-256 of each file), the files one after the
other, and zeros up to a multiple of ``PAD`` bytes, so that the length tells little.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.core import sealing
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.papers import ENVELOPE_FILES, MAX_ENVELOPE, MAX_FILES, MAX_STEP, EnvelopeHeader
from edge.core.provisioning.signing import Keys, open_paper, sign_paper
from edge.core.provisioning.stream import CHUNK, SEALED_CHUNK, WRAP_SIZE, open_chunk, seal_chunks
from edge.core.wire import WireError, decode, encode
from edge.core.wire.fields import Digest

MAGIC: Final = b"BPE1"
MAX_HEAD: Final = 4096  # bytes of the signed header
PREFIX: Final = 8 + MAX_HEAD  # bytes of a file that suffice for ``read_header``
PAD: Final = 1024  # bytes
MAX_MANIFEST: Final = 16_384  # bytes
# Bytes of one file; a name that is not here has ``_FILE_LIMIT``.
FILE_LIMITS: Final[Mapping[str, int]] = {
    "edge.toml": 256 << 10, "device.pem": 64 << 10, "ca.pem": 256 << 10, "acks.json": 16 << 20,
}
_FILE_LIMIT: Final = 64 << 10
_NAMES: Final = re.compile(
    "|".join(re.escape(name).replace(r"\*", "[a-z0-9-]{1,64}") for name in ENVELOPE_FILES)
)
_ZERO_DIGEST: Final = "0" * 64


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(max_length=80)]
    size: Annotated[int, Meta(ge=0, le=MAX_ENVELOPE)]
    sha256: Digest


class _Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    files: Annotated[tuple[_Entry, ...], Meta(min_length=1, max_length=MAX_FILES)]


def seal_envelope(
    files: Mapping[str, bytes], *, country: str, serial: str, device_key: str, sequence: int, created: datetime,
    not_before: datetime, not_after: datetime, to: sealing.SealPublic, key: sealing.SignPrivate, nonce: str = "",
) -> bytes:
    """The envelope as a file. ``device_key``: ``request.device_key_digest``; ``key``: a command key.

    Raises ProvisioningError: UNEXPECTED_FILE, TOO_LARGE_PAPER, DAMAGED_PAPER (a header that breaks its limits,
    times in no order, a seal key that cannot be sealed to).
    """
    plain = _pack(files)
    bare = EnvelopeHeader(
        country=country, serial=serial, device_key=device_key, sequence=sequence, nonce=nonce, created=created,
        not_before=not_before, not_after=not_after, size=0, sha256=_ZERO_DIGEST,
    )
    return seal_plain(plain, _checked(encode(bare)), to, key)


def seal_plain(plain: bytes, bare: EnvelopeHeader, to: sealing.SealPublic, key: sealing.SignPrivate) -> bytes:
    """An envelope of a plaintext as it stands; of ``bare`` everything counts but ``size`` and ``sha256``.

    ``seal_envelope`` makes the plaintext from files and is what headquarters uses. Errors: TOO_LARGE_PAPER, and
    DAMAGED_PAPER for a key that cannot be sealed to.
    """
    binding, content_key = binding_of(bare), sealing.generate_box_key()
    try:
        wrapped = sealing.hpke_seal(content_key, to, _info(binding))
    except ValueError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the box's seal key cannot be sealed to") from error
    content = wrapped + b"".join(seal_chunks(content_key, (plain,), binding, limit=MAX_ENVELOPE))
    if len(content) > MAX_ENVELOPE:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{len(content)} bytes of content, at most {MAX_ENVELOPE}")
    head = sign_paper(
        msgspec.structs.replace(bare, size=len(content), sha256=hashlib.sha256(content).hexdigest()), key
    )
    whole = MAGIC + len(head).to_bytes(4, "big") + head + content
    if len(head) > MAX_HEAD or len(whole) > MAX_ENVELOPE:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"an envelope of {len(whole)} bytes, at most {MAX_ENVELOPE}")
    return whole


def read_header(data: bytes | memoryview, keys: Keys) -> EnvelopeHeader:
    """The header, if one of ``keys`` (the command keys) signed it; ``data``: the file or its first ``PREFIX`` bytes.

    Raises ProvisioningError: TOO_LARGE_PAPER, DAMAGED_PAPER, UNKNOWN_KEY, BAD_SIGNATURE.
    """
    if len(data) > MAX_ENVELOPE:
        raise ProvisioningError(Code.TOO_LARGE_PAPER, f"an envelope of {len(data)} bytes, at most {MAX_ENVELOPE}")
    head = bytes(data[8 : _content_at(data)])
    header = open_paper(head, EnvelopeHeader, keys)
    if not header.not_before <= header.not_after:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the envelope ends before it begins")
    return header


def check_content(data: bytes | memoryview, header: EnvelopeHeader) -> memoryview:
    """The sealed content of the whole file ``data``, if it is what the header says: no key is needed.

    Raises ProvisioningError(DAMAGED_PAPER): cut, longer, or altered.
    """
    content = memoryview(data)[_content_at(data) :]
    if len(content) != header.size:
        raise ProvisioningError(Code.DAMAGED_PAPER, f"{len(content)} bytes of content, signed were {header.size}")
    if hashlib.sha256(content).hexdigest() != header.sha256:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the content is not the one that was signed")
    return content


def open_envelope(
    data: bytes | memoryview, header: EnvelopeHeader, private: sealing.SealPrivate
) -> dict[str, bytes]:
    """The files of an envelope whose header was read from ``data`` (name -> bytes), in the order of the manifest.

    Raises ProvisioningError: DAMAGED_PAPER, DOES_NOT_OPEN (sealed to another key or under another header),
    UNEXPECTED_FILE, TOO_LARGE_PAPER.
    """
    content, binding = check_content(data, header), binding_of(header)
    try:
        content_key = sealing.hpke_open(bytes(content[:WRAP_SIZE]), private, _info(binding))
    except sealing.SealError as error:
        raise ProvisioningError(Code.DOES_NOT_OPEN, "sealed to another key than this box's") from error
    if len(content_key) != sealing.KEY_SIZE:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the content key has another size")
    return _unpack(_opened(content[WRAP_SIZE:], sealing.AeadKey(content_key), binding))


def judge(
    header: EnvelopeHeader, *, serial: str, device_key: str, country: str, last_sequence: int,
    nonces_pending: Collection[str], nonces_used: Collection[str], now: datetime | None,
) -> None:
    """Whether this box may take the envelope now; nothing is returned if it may.

    ``nonces_pending``: of claims that it asked under; ``nonces_used``: ``nonce_mark`` of those that are spent; ``now``:
    trusted time, None while there is none. Raises ProvisioningError, the first that holds of: OTHER_COUNTRY,
    OTHER_BOX, OLD_NUMBER, NUMBER_LEAP, NONCE_USED, NONCE_UNKNOWN, NOT_YET_VALID, EXPIRED.
    """
    if header.country != country:
        raise ProvisioningError(Code.OTHER_COUNTRY, f"for {header.country}")
    if (header.serial, header.device_key) != (serial, device_key):
        same = header.serial == serial
        raise ProvisioningError(Code.OTHER_BOX, "for another key of this box" if same else f"for {header.serial}")
    if header.sequence <= last_sequence:
        raise ProvisioningError(Code.OLD_NUMBER, f"number {header.sequence}, the box has {last_sequence}")
    if header.sequence > last_sequence + MAX_STEP:
        raise ProvisioningError(Code.NUMBER_LEAP, f"number {header.sequence}, the box has {last_sequence}")
    if header.nonce and nonce_mark(header.nonce) in nonces_used:
        raise ProvisioningError(Code.NONCE_USED, f"number {header.sequence}")
    if header.nonce and header.nonce not in nonces_pending:
        raise ProvisioningError(Code.NONCE_UNKNOWN, f"number {header.sequence}")
    if now is None:
        return
    if header.not_before > max(now, header.created):
        raise ProvisioningError(Code.NOT_YET_VALID, f"from {header.not_before:%Y-%m-%d %H:%M}")
    if header.not_after < now:
        raise ProvisioningError(Code.EXPIRED, f"until {header.not_after:%Y-%m-%d %H:%M}")


def nonce_mark(nonce: str) -> str:
    """What is kept of a nonce that was used: SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(b"borderpost nonce\0" + nonce.encode("utf-8", "surrogatepass")).hexdigest()


def binding_of(header: EnvelopeHeader) -> bytes:
    """What content key and chunks are bound to: 32 bytes (see the layout)."""
    return hashlib.sha256(encode(msgspec.structs.replace(header, size=0, sha256=_ZERO_DIGEST))).digest()


def may_stand_in(name: str) -> bool:
    """True if an envelope may hold a file of this name."""
    return _NAMES.fullmatch(name) is not None


def limit_of(name: str) -> int:
    """Bytes that a file of this name may have."""
    return FILE_LIMITS.get(name, _FILE_LIMIT)


def _info(binding: bytes) -> bytes:
    return b"borderpost envelope|" + binding


def _content_at(data: bytes | memoryview) -> int:
    length = int.from_bytes(data[4:8], "big")
    if len(data) < 8 or bytes(data[:4]) != MAGIC or not 0 < length <= MAX_HEAD or len(data) < 8 + length:
        raise ProvisioningError(Code.DAMAGED_PAPER, "no envelope, or a cut one")
    return 8 + length


def _checked(encoded: bytes) -> EnvelopeHeader:
    try:
        header = decode(encoded, EnvelopeHeader)
    except WireError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the envelope's header breaks its limits") from error
    if not header.not_before <= header.not_after:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the envelope ends before it begins")
    return header


def _pack(files: Mapping[str, bytes]) -> bytes:
    _check_names([(name, len(data)) for name, data in files.items()])
    entries = tuple(_Entry(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items())
    manifest = encode(_Manifest(entries))
    plain = len(manifest).to_bytes(4, "big") + manifest + b"".join(files.values())
    return plain + bytes(-len(plain) % PAD)


def _unpack(plain: bytearray) -> dict[str, bytes]:
    length, view = int.from_bytes(plain[:4], "big"), memoryview(plain)
    if len(plain) < 4 or length > min(MAX_MANIFEST, len(plain) - 4):
        raise ProvisioningError(Code.DAMAGED_PAPER, "no manifest")
    try:
        manifest = decode(bytes(view[4 : 4 + length]), _Manifest)
    except WireError as error:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the manifest is none of this version") from error
    _check_names([(entry.name, entry.size) for entry in manifest.files])
    at, files = 4 + length, dict[str, bytes]()
    for entry in manifest.files:
        data = bytes(view[at : at + entry.size])
        if len(data) != entry.size or hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ProvisioningError(Code.DAMAGED_PAPER, f"{entry.name} is not what the manifest says")
        files[entry.name], at = data, at + entry.size
    if len(plain) - at >= PAD or any(view[at:]):
        raise ProvisioningError(Code.DAMAGED_PAPER, "more than the manifest says")
    return files


def _check_names(files: Collection[tuple[str, int]]) -> None:
    if not 1 <= len(files) <= MAX_FILES:
        raise ProvisioningError(Code.UNEXPECTED_FILE, f"{len(files)} files, between 1 and {MAX_FILES} are allowed")
    if len({name for name, _ in files}) != len(files):
        raise ProvisioningError(Code.UNEXPECTED_FILE, "a name twice")
    for name, size in files:
        if not may_stand_in(name):
            raise ProvisioningError(Code.UNEXPECTED_FILE, ascii(name[:80]))
        if size > limit_of(name):
            raise ProvisioningError(Code.TOO_LARGE_PAPER, f"{name}: {size} bytes, at most {limit_of(name)}")


def _opened(chunks: memoryview, aead: sealing.AeadKey, binding: bytes) -> bytearray:
    plain = bytearray()
    for number, piece in enumerate(_pieces(chunks)):
        last = (number + 1) * SEALED_CHUNK >= len(chunks)
        try:
            plain += open_chunk(aead, number, piece, binding, last=last)
        except sealing.SealError as error:
            raise ProvisioningError(Code.DAMAGED_PAPER, f"chunk {number} does not open") from error
    return plain


def _pieces(chunks: memoryview) -> Iterator[memoryview]:
    for at in range(0, max(len(chunks), 1), SEALED_CHUNK):
        yield chunks[at : at + SEALED_CHUNK]


assert CHUNK % PAD == 0, "padding never opens a chunk of its own"
