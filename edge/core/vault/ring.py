"""The key ring: one key per list and base generation, and the file in which a ring travels to one box.

Laws:
1. A list key has 32 random bytes. Its ``key_id`` (8 bytes) is derived from it, names it in file headers, and tells
   nothing of it.
2. A ring leaves headquarters only sealed to one box (HPKE), or in an envelope; in clear it stands in memory, and in a
   systemd credential, which systemd decrypts into memory that is never written to disk.
3. No key is in a ``repr``, an error text or a log.
4. A generation is opened by the key that its file names, never by trial.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec

from edge.core import sealing
from edge.core.errors import BorderpostError
from edge.core.watch.manifest import MAX_GENERATION, is_list_id

KEY_SIZE: Final = 32
KEY_ID_SIZE: Final = 8
MAX_KEYS: Final = 1024          # keys of one ring
MAX_BYTES: Final = 512 * 1024   # of a ring's file; a systemd credential may have 1 MiB
FORMAT: Final = 1
_MAGIC: Final = b"BPRING1\0"
_INFO: Final = b"borderpost list keys|"


class RingError(BorderpostError):
    """A key ring that cannot be used: not one, damaged, or for another box."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, advice="have headquarters seal the list keys for this box again: `borderpost-hq keys seal-ring`"
        )


def key_id(key: bytes) -> bytes:
    """The name of a list key: the first 8 bytes of HMAC-SHA256(key, "id|")."""
    return hmac.new(key, b"id|", hashlib.sha256).digest()[:KEY_ID_SIZE]


def derived(key: bytes, purpose: bytes) -> bytes:
    """A key of its own for one purpose, HMAC-SHA256(key, purpose): 32 bytes."""
    return hmac.new(key, purpose, hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class RingEntry:
    """One key: it opens generations of ``list_id`` from the base ``generation`` on, until the next key's."""

    list_id: str
    generation: int
    key: bytes = field(repr=False)

    @property
    def key_id(self) -> bytes:
        """What files name the key by."""
        return key_id(self.key)


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    list: Annotated[str, msgspec.Meta(max_length=40)]
    generation: Annotated[int, msgspec.Meta(ge=1, le=MAX_GENERATION)]
    key: Annotated[str, msgspec.Meta(max_length=64)]
    key_id: Annotated[str, msgspec.Meta(max_length=16)]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    keys: Annotated[list[_Stored], msgspec.Meta(max_length=MAX_KEYS)]
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys that somebody holds."""

    entries: tuple[RingEntry, ...] = ()
    _by_id: Mapping[bytes, RingEntry] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, entries: Iterable[RingEntry]) -> KeyRing:
        """A ring of these keys, in order of list and generation. Raises ``RingError`` for doubled or odd ones."""
        ordered = tuple(sorted(entries, key=lambda e: (e.list_id, e.generation)))
        if len(ordered) > MAX_KEYS:
            raise RingError(f"a key ring has more than {MAX_KEYS} keys")
        for entry in ordered:
            if not is_list_id(entry.list_id) or len(entry.key) != KEY_SIZE:
                raise RingError(f"a list key has not {KEY_SIZE} bytes, or names no list")
        by_id = {entry.key_id: entry for entry in ordered}
        if len(by_id) != len(ordered) or len({(e.list_id, e.generation) for e in ordered}) != len(ordered):
            raise RingError("a key ring holds two keys for one generation, or one key twice")
        return cls(ordered, by_id)

    @classmethod
    def decode(cls, data: bytes) -> KeyRing:
        """The ring of a file in clear. Raises ``RingError``; its text holds nothing of the file."""
        if len(data) > MAX_BYTES:
            raise RingError(f"a key ring is longer than {MAX_BYTES} bytes")
        try:
            stored = msgspec.json.decode(data, type=_File)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise RingError("a key ring cannot be read") from None  # the cause would quote what stands there
        if stored.format != FORMAT:
            raise RingError(f"a key ring has format {stored.format}, this program reads {FORMAT}")
        ring = cls.of(RingEntry(one.list, one.generation, _bytes(one.key)) for one in stored.keys)
        if sorted(one.key_id for one in stored.keys) != sorted(e.key_id.hex() for e in ring.entries):
            raise RingError("a key of a key ring does not have the name that stands with it")
        return ring

    def encode(self) -> bytes:
        """The file in clear: for a systemd credential, or to be sealed."""
        keys = [
            _Stored(e.list_id, e.generation, base64.b64encode(e.key).decode(), e.key_id.hex()) for e in self.entries
        ]
        return msgspec.json.encode(_File(keys))

    def find(self, ident: bytes) -> RingEntry | None:
        """The key of this name (8 bytes)."""
        return self._by_id.get(bytes(ident))

    def for_generation(self, list_id: str, generation: int) -> RingEntry | None:
        """The key that a new generation is sealed by: the newest base at or below it."""
        fitting = [e for e in self.entries if e.list_id == list_id and e.generation <= generation]
        return fitting[-1] if fitting else None

    def only(self, list_ids: Iterable[str]) -> KeyRing:
        """The keys of these lists alone: what one box may have."""
        wanted = set(list_ids)
        return KeyRing.of(e for e in self.entries if e.list_id in wanted)


class OtherKeyError(RingError):
    """A key ring that is sealed to another key than the one it was opened by. ``key``: the id of that other one."""

    def __init__(self, message: str, key: str) -> None:
        super().__init__(message)
        self.key = key


def seal_ring(ring: KeyRing, public: sealing.SealPublic) -> bytes:
    """The ring as a file that only the holder of the private half can open."""
    name = bytes.fromhex(sealing.key_id(public))
    return _MAGIC + name + sealing.hpke_seal(ring.encode(), public, _INFO + name)


def open_ring(blob: bytes, private: sealing.SealPrivate) -> KeyRing:
    """The ring of a sealed file. Raises ``RingError`` for every file that was not sealed to this key."""
    start = len(_MAGIC) + KEY_ID_SIZE
    if not start + sealing.HPKE_OVERHEAD <= len(blob) <= MAX_BYTES or not blob.startswith(_MAGIC):
        raise RingError("the file is no sealed key ring")
    name = blob[len(_MAGIC) : start]
    if name.hex() != sealing.key_id(private.public_key()):
        raise OtherKeyError(f"the key ring is sealed to another box, key {name.hex()}", name.hex())
    try:
        return KeyRing.decode(sealing.hpke_open(blob[start:], private, _INFO + name))
    except sealing.SealError as error:
        raise RingError("the sealed key ring was altered") from error


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise RingError("a key of a key ring is no Base64") from None
