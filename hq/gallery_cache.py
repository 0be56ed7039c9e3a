"""Templates that were extracted before, so that the next build extracts what is new alone.

Laws:
1. A template is found by what it was made of: the file's bytes, the extractor, the position, the stated resolution. It
   is never the wrong one, whatever became of the files.
2. Only ever appended to; what was cut short or damaged is left out, and extracted again.
3. It holds minutiae in clear, as the images beside it do: mode 0600, at headquarters alone.

The file: ``BPCACHE1``, then records of key (32 bytes), length u32 little-endian, SHA-256 of the content (first 8
bytes), content (msgpack of ``TemplateMessage``).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

import msgspec

from common.fingers.extraction import TemplateMessage, from_message, to_message
from edge.core.errors import BorderpostError
from edge.core.fingerprints.model import FingerError, Position, Template

MAGIC: Final = b"BPCACHE1"
MAX_RECORD: Final = 4096  # bytes: 255 minutiae take 1.8 kB
_KEY: Final = 32
_CHECK: Final = 8


class CacheError(BorderpostError):
    """The file of templates cannot be used."""


def cache_key(data: bytes, extractor_id: str, position: Position, ppi: float | None) -> bytes:
    """What a template is found by: 32 bytes."""
    told = f"|{extractor_id}|{int(position)}|{ppi}".encode()
    return hashlib.sha256(hashlib.sha256(data).digest() + told).digest()


class TemplateCache:
    """The file at ``path``, made if absent. Use with ``with``; ``get`` and ``put`` may be called by several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._places: dict[bytes, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._places)

    def __enter__(self) -> TemplateCache:
        """Read where everything stands. Raises ``CacheError``."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            self._file = os.fdopen(descriptor, "r+b")
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._index(self._file)
        except BlockingIOError as error:
            self._close()
            raise CacheError("another build uses this file of templates", advice="wait until it has ended") from error
        except OSError as error:
            self._close()
            raise _cannot(self._path, error) from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what was put reach the disk. Raises ``CacheError``."""
        try:
            if self._file is not None:
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as failed:
            raise _cannot(self._path, failed) from failed
        finally:
            self._close()

    def get(self, key: bytes) -> Template | None:
        """The template, None if there is none or it is damaged. Raises ``CacheError``."""
        with self._lock:
            place = self._places.get(key)
            if place is None or self._file is None:
                return None
            try:
                self._file.seek(place[0])
                content = self._file.read(place[1])
            except OSError as error:
                raise _cannot(self._path, error) from error
        try:
            return from_message(msgspec.msgpack.decode(content[_CHECK:], type=TemplateMessage)) if (
                hashlib.sha256(content[_CHECK:]).digest()[:_CHECK] == content[:_CHECK]
            ) else None
        except (msgspec.MsgspecError, UnicodeDecodeError, FingerError):
            return None

    def put(self, key: bytes, template: Template) -> None:
        """Keep one more. Raises ``CacheError``."""
        body = msgspec.msgpack.encode(to_message(template))
        if len(body) > MAX_RECORD:
            return
        content = hashlib.sha256(body).digest()[:_CHECK] + body
        with self._lock:
            if self._file is None:
                return
            try:
                at = self._file.seek(0, os.SEEK_END)
                self._file.write(key + len(content).to_bytes(4, "little") + content)
            except OSError as error:
                raise _cannot(self._path, error) from error
            self._places[key] = (at + _KEY + 4, len(content))

    def _index(self, file: BinaryIO) -> None:
        """Find every record; what was cut short at the end is cut off."""
        size = os.fstat(file.fileno()).st_size
        if not size:
            file.write(MAGIC)
            file.flush()
            return
        if file.read(len(MAGIC)) != MAGIC:
            raise CacheError(f"{self._path} is no file of templates", advice="give another one, or remove it")
        at = len(MAGIC)
        while len(head := file.read(_KEY + 4)) == _KEY + 4:
            length = int.from_bytes(head[_KEY:], "little")
            if not _CHECK < length <= MAX_RECORD + _CHECK or at + len(head) + length > size:
                break
            self._places[head[:_KEY]] = (at + len(head), length)
            at = file.seek(length, os.SEEK_CUR)
        file.truncate(at)

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _cannot(path: Path, error: OSError) -> CacheError:
    return CacheError(f"{path}: {error.strerror}", advice="give a file you may write, where there is room")
