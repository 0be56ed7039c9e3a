"""A small update in one message: what a post needs of the repository to go one step, for a link that carries 64 kB.

Laws:
1. A parcel is a piece of the repository and proves nothing by itself: it is verified as a stick is.
2. Both lengths have a limit, packed and unpacked, before anything is believed: ``MAX_PACKED``, ``MAX_UNPACKED``.
3. Whatever the bytes are, ``unpack`` raises ParcelError or gives files; it never runs out of memory.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final

import msgspec

from edge.core.errors import BorderpostError

MAGIC: Final = b"BPPARCEL\x01"
MAX_PACKED: Final = 64_000  # bytes of the message
MAX_UNPACKED: Final = 4 * 1024 * 1024  # bytes of all files
MAX_FILES: Final = 64


class ParcelError(BorderpostError):
    """Bytes that are no parcel, or files that do not fit into one."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Files by their path in the repository, as one message. Raises ParcelError if that is too large."""
    data = msgspec.msgpack.encode(dict(sorted(files.items())))
    packed = MAGIC + zlib.compress(data, 9)
    if len(packed) > MAX_PACKED or len(data) > MAX_UNPACKED or len(files) > MAX_FILES:
        raise ParcelError(
            f"the update has {len(packed)} bytes in one message, more than {MAX_PACKED}",
            advice="send it by stick or HTTPS",
        )
    return packed


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of a parcel, by path; nothing of them is verified. Raises ParcelError."""
    if len(data) > MAX_PACKED or not data.startswith(MAGIC):
        raise _broken()
    inflater = zlib.decompressobj()
    try:
        inner = inflater.decompress(data[len(MAGIC) :], MAX_UNPACKED)
        if not inflater.eof:
            raise _broken()
        files = msgspec.msgpack.decode(inner, type=dict[str, bytes])
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _broken() from error
    if len(files) > MAX_FILES:
        raise _broken()
    return files


def _broken() -> ParcelError:
    return ParcelError("a message is no parcel of an update", advice="wait for the next, or fetch it by stick or HTTPS")
