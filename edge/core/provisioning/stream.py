"""Sealed streams: what a box writes to a stick for headquarters, of any length, in chunks.

Laws:
1. A stream opens for each of its recipients and nobody else; the box that wrote it cannot open it again.
2. Every chunk is authenticated with its place and with whether it is the last: chunks cannot be left out, doubled,
   changed in order or moved to another stream, and a stream that was cut does not end.
3. What ``open_stream`` yields is authentic, but only its end says that it is all: who acts on parts must be able to
   take a ``ProvisioningError`` afterwards.
4. Nothing is held but one chunk.

Layout: magic ``BPT1`` (4 bytes), number of recipients (1), per recipient key id (8) and HPKE ciphertext of the content
key (80; ``info`` = ``borderpost stream|purpose|key id``), then chunks of ``CHUNK`` bytes and a last one of 0 to
``CHUNK`` bytes, each AES-256-GCM with 16 bytes of tag. The nonce is the chunk's number (11 bytes, big-endian, from
0) and 1 for the last, 0 for any other: the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizar 2015). The
additional data is SHA-256 over the layout's head and the purpose. Envelopes use the same chunks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from edge.core import sealing
from edge.core.provisioning.codes import Code, ProvisioningError

CHUNK: Final = 1 << 20  # bytes of plaintext in every chunk but the last
SEALED_CHUNK: Final = CHUNK + sealing.AEAD_TAG
MAX_STREAM: Final = 4 << 30  # bytes of plaintext: what FAT32 can hold as one file
ROWS, LOGS, RESCUE = "rows", "logs", "rescue"  # purposes
WRAP_SIZE: Final = sealing.WRAP_SIZE  # bytes of a wrapped content key
_MAGIC: Final = b"BPT1"
_ID: Final = 8  # bytes of a key id
_ENTRY: Final = _ID + WRAP_SIZE


def seal_stream(
    recipients: Sequence[sealing.Recipient], chunks: Iterable[bytes], purpose: str
) -> Iterator[bytes]:
    """The blocks of a stream for 1 to 4 recipients; ``chunks``: plaintext in pieces of any size.

    The first block is the head, every further one a sealed chunk. Raises ProvisioningError(TOO_LARGE_PAPER) beyond
    ``MAX_STREAM`` bytes, ValueError for no or too many recipients.
    """
    if not 1 <= len(recipients) <= sealing.MAX_RECIPIENTS:
        raise ValueError(f"{len(recipients)} recipients; between 1 and {sealing.MAX_RECIPIENTS} are allowed")
    content_key = sealing.generate_box_key()
    head = _MAGIC + bytes([len(recipients)])
    for recipient in recipients:
        wrapped = sealing.hpke_seal(content_key, recipient.public, _info(purpose, recipient.key_id))
        head += bytes.fromhex(recipient.key_id) + wrapped
    yield head
    yield from seal_chunks(content_key, chunks, _context(head, purpose), limit=MAX_STREAM)


def open_stream(
    blocks: Iterable[bytes], keys: Mapping[str, sealing.SealPrivate], purpose: str
) -> Iterator[bytes]:
    """The plaintext of a stream, chunk by chunk; ``blocks``: its bytes in pieces of any size; ``keys``: id -> key.

    Raises ProvisioningError: DAMAGED_PAPER (no stream, altered, cut), DOES_NOT_OPEN (for other keys, or another
    purpose), TOO_LARGE_PAPER.
    """
    reader = _Reader(blocks)
    start = reader.take(len(_MAGIC) + 1)
    count = start[4] if len(start) == 5 and start[:4] == _MAGIC else 0
    if not 1 <= count <= sealing.MAX_RECIPIENTS:
        raise ProvisioningError(Code.DAMAGED_PAPER, "no sealed stream")
    entries = reader.take(count * _ENTRY)
    if len(entries) != count * _ENTRY:
        raise ProvisioningError(Code.DAMAGED_PAPER, "the head of the stream is cut")
    content_key = _unwrap(entries, keys, purpose)
    yield from _open_chunks(content_key, reader, _context(start + entries, purpose))


def seal_chunks(content_key: bytes, pieces: Iterable[bytes], context: bytes, *, limit: int) -> Iterator[bytes]:
    """The sealed chunks of the plaintext in ``pieces``; at least one. The key seals one plaintext in its life."""
    aead, reader, number, total = sealing.AeadKey(content_key), _Reader(pieces), 0, 0
    piece = reader.take(CHUNK)
    while True:
        following = reader.take(CHUNK) if len(piece) == CHUNK else b""
        total += len(piece)
        if total > limit:
            raise ProvisioningError(Code.TOO_LARGE_PAPER, f"more than {limit} bytes")
        yield aead.seal(_nonce(number, last=not following), piece, context)
        if not following:
            return
        piece, number = following, number + 1


def open_chunk(
    aead: sealing.AeadKey, number: int, sealed: bytes | memoryview, context: bytes, *, last: bool
) -> bytes:
    """One chunk, by its place; SealError if it is not that one."""
    return aead.open(_nonce(number, last=last), sealed, context)


def _open_chunks(content_key: bytes, reader: _Reader, context: bytes) -> Iterator[bytes]:
    aead, number = sealing.AeadKey(content_key), 0
    sealed = reader.take(SEALED_CHUNK)
    while True:
        following = reader.take(SEALED_CHUNK) if len(sealed) == SEALED_CHUNK else b""
        if number * CHUNK > MAX_STREAM:
            raise ProvisioningError(Code.TOO_LARGE_PAPER, f"more than {MAX_STREAM} bytes")
        try:
            plain = open_chunk(aead, number, sealed, context, last=not following)
        except sealing.SealError as error:
            raise ProvisioningError(Code.DAMAGED_PAPER, f"chunk {number} is cut, altered or out of place") from error
        yield plain
        if not following:
            return
        sealed, number = following, number + 1


def _unwrap(entries: bytes, keys: Mapping[str, sealing.SealPrivate], purpose: str) -> bytes:
    for at in range(0, len(entries), _ENTRY):
        name = entries[at : at + _ID].hex()
        private = keys.get(name)
        if private is None:
            continue
        try:
            key = sealing.hpke_open(entries[at + _ID : at + _ENTRY], private, _info(purpose, name))
        except sealing.SealError as error:
            raise ProvisioningError(Code.DOES_NOT_OPEN, f"not sealed as {purpose}, or altered") from error
        if len(key) == sealing.KEY_SIZE:
            return key
        raise ProvisioningError(Code.DAMAGED_PAPER, "the content key has another size")
    raise ProvisioningError(Code.DOES_NOT_OPEN, "sealed to other keys")


class _Reader:
    """Takes exactly n bytes out of pieces of any size, fewer at the end."""

    __slots__ = ("_held", "_pieces")

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._held = iter(pieces), bytearray()

    def take(self, count: int) -> bytes:
        """``count`` bytes, or what is left."""
        while len(self._held) < count:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held += piece
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _info(purpose: str, name: str) -> bytes:
    return f"borderpost stream|{purpose}|{name}".encode()


def _context(head: bytes, purpose: str) -> bytes:
    return hashlib.sha256(head + b"|" + purpose.encode()).digest()
