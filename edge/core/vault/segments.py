"""A list file sealed in segments of 1 MiB: opened one by one, straight into memory of the caller's choice.

Behind the segments may stand a *tail*, which stays in the file: blobs that are sealed one by one (``records``).

Laws:
1. A segment opens as a whole or not at all: AES-256-GCM, tag of 16 bytes.
2. No segment can be left out, doubled, moved, or come from another file: the nonce is its number and whether it is the
   last, the header is the additional data, and the file key is derived from the header.
3. No nonce meets a key twice: the salt in the header is derived from what is sealed (HMAC under the list key), so that
   another content has another file key, and the same content gives the same bytes.
   The tail's own bytes are bound to list and place by their own tags; its length stands in the header.
4. Bytes that break a rule raise ``VaultError``, nothing else. What was opened before the rule broke is wiped.

Header, 112 bytes, little-endian: magic ``BPVAULT\\0``, version u32, segment size u32, generation u64, plain length u64,
tail length u64, key id (8), kind (8 ASCII characters, zero-filled), salt (16), list id (40, zero-filled). Then the
segments: 1 MiB of plaintext each but the last (1 byte to 1 MiB; one empty segment for an empty file), 16 bytes of tag
behind each; then the tail. Nonce: number u64 big-endian, three zero bytes, 1 for the last segment and else 0.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from edge.core import sealing
from edge.core.vault.ring import KEY_ID_SIZE, RingEntry, derived
from edge.core.watch.layout import LayoutError
from edge.core.watch.manifest import MAX_GENERATION, is_list_id

MAGIC: Final = b"BPVAULT\0"
VERSION: Final = 1
SEGMENT: Final = 1 << 20           # plaintext bytes of a segment
MAX_PLAIN: Final = 2 << 30         # plaintext bytes of a file: it is opened into memory
HEADER_SIZE: Final = 112
_HEADER: Final = struct.Struct("<8sIIQQQ8s8s16s40s")
_SALT: Final = 16
_NONCE: Final = struct.Struct(">QxxxB")

Buffer = bytes | bytearray | memoryview


class VaultError(LayoutError):
    """A sealed file that breaks a rule of its layout, or does not open under its key."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a sealed file says of itself; believed only once a segment has opened."""

    list_id: str
    generation: int
    kind: str               # which file of the generation: 1 to 8 ASCII characters
    key_id: bytes
    salt: bytes
    length: int             # plaintext bytes of the segments
    tail: int = 0           # bytes behind the segments

    @property
    def segments(self) -> int:
        """How many segments there are; one at least."""
        return max(1, -(-self.length // SEGMENT))

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.tail_at + self.tail

    @property
    def tail_at(self) -> int:
        """Where the tail begins."""
        return HEADER_SIZE + self.length + self.segments * sealing.AEAD_TAG

    def encode(self) -> bytes:
        """The 112 bytes."""
        return _HEADER.pack(
            MAGIC, VERSION, SEGMENT, self.generation, self.length, self.tail, self.key_id,
            self.kind.encode("ascii"), self.salt, self.list_id.encode("ascii"),
        )  # fmt: skip


def is_sealed(buffer: Buffer) -> bool:
    """True if the file begins as a sealed one."""
    return bytes(buffer[: len(MAGIC)]) == MAGIC


def header_of(buffer: Buffer) -> Header:
    """The header of a whole sealed file, every bound checked. Raises ``VaultError``."""
    if len(buffer) < HEADER_SIZE:
        raise VaultError("a sealed file is shorter than its header")
    magic, version, segment, generation, length, tail, name, kind, salt, listed = _HEADER.unpack_from(buffer)
    if magic != MAGIC:
        raise VaultError("a file is no sealed one")
    if version != VERSION or segment != SEGMENT:
        raise VaultError(f"a sealed file has layout version {version}, this program reads {VERSION}")
    try:
        list_id, purpose = _text(listed), _text(kind)
    except UnicodeDecodeError as error:
        raise VaultError("a sealed file does not name its list") from error
    if not is_list_id(list_id) or not purpose or not 1 <= generation <= MAX_GENERATION or max(length, tail) > MAX_PLAIN:
        raise VaultError("a sealed file does not name its list and generation, or is too long")
    header = Header(list_id, generation, purpose, name, salt, length, tail)
    if header.size != len(buffer) or header.encode() != bytes(buffer[:HEADER_SIZE]):
        raise VaultError("a sealed file is not as long as its header says")
    return header


def key_id_of(head: Buffer) -> bytes:
    """The name of the key of a sealed file, from its first ``HEADER_SIZE`` bytes or more. Raises ``VaultError``."""
    if len(head) < HEADER_SIZE or not is_sealed(head):
        raise VaultError("a file is no sealed one")
    name: bytes = _HEADER.unpack_from(head)[6]
    return name


def seal_file(plain: Buffer, entry: RingEntry, *, generation: int, kind: str, tail: bytes = b"") -> bytes:
    """The sealed file, in one piece (see ``sealed_pieces``)."""
    return b"".join(sealed_pieces(plain, entry, generation=generation, kind=kind, tail=tail))


def sealed_pieces(
    plain: Buffer, entry: RingEntry, *, generation: int, kind: str, tail: bytes = b""
) -> Iterator[bytes]:  # fmt: skip
    """The sealed file, header first, then a segment at a time.

    ``kind`` is 1 to 8 ASCII characters; at most ``MAX_PLAIN`` bytes, else ``ValueError``.
    ``tail`` is put behind the segments as it is: only what is sealed already may stand there.
    """
    view = memoryview(plain).cast("B")
    if max(len(view), len(tail)) > MAX_PLAIN or not 1 <= len(kind) <= 8:
        raise ValueError("a file is too long to be sealed, or its kind has no 1 to 8 characters")
    content = hashlib.sha256(view).digest()
    salt = derived(entry.key, b"vault|salt|" + kind.encode("ascii") + b"|" + content)[:_SALT]
    header = Header(entry.list_id, generation, kind, entry.key_id, salt, len(view), len(tail))
    head = header.encode()
    key = _file_key(entry.key, head)
    yield head
    for number in range(header.segments):
        piece = view[number * SEGMENT : (number + 1) * SEGMENT]
        yield key.seal(_nonce(number, header.segments), piece, head)
    if tail:
        yield tail


def open_into(buffer: Buffer, key: bytes, into: memoryview) -> None:
    """Decrypt a whole sealed file into ``into``, ``Header.length`` bytes of writable memory. Raises ``VaultError``."""
    header = header_of(buffer)
    if len(into) != header.length:
        raise ValueError("the memory is not as long as the plaintext")
    view = memoryview(buffer).cast("B")
    head = bytes(view[:HEADER_SIZE])
    cipher = _file_key(key, head)
    at, number = HEADER_SIZE, 0
    try:
        for number in range(header.segments):
            target = into[number * SEGMENT : (number + 1) * SEGMENT]
            end = at + len(target) + sealing.AEAD_TAG
            cipher.open_into(_nonce(number, header.segments), view[at:end], head, target)
            at = end
    except sealing.SealError as error:
        _wipe(into)
        raise VaultError(f"segment {number + 1} of {header.segments} of a sealed file does not open") from error


def tail_of(buffer: Buffer) -> memoryview:
    """The tail of a whole sealed file, where it stands. Raises ``VaultError``."""
    header = header_of(buffer)
    return memoryview(buffer).cast("B")[header.tail_at :]


def _file_key(key: bytes, head: bytes) -> sealing.AeadKey:
    return sealing.AeadKey(derived(key, b"vault|segments|" + head))


def _nonce(number: int, segments: int) -> bytes:
    return _NONCE.pack(number, number == segments - 1)


def _text(field: bytes) -> str:
    return field.rstrip(b"\0").decode("ascii")


def _wipe(memory: memoryview) -> None:
    blank = bytes(min(len(memory), SEGMENT))
    for start in range(0, len(memory), SEGMENT):
        piece = memory[start : start + SEGMENT]
        piece[:] = blank[: len(piece)]


assert _HEADER.size == HEADER_SIZE
assert KEY_ID_SIZE == 8
