"""The audit chain as a file: what `borderpost audit export` writes and anybody can verify, years later, offline.

One JSON document a line, UTF-8, every line ended by a line feed:

1. ``{"audit":1,"device":…,"after":N,"previous":HASH,"at":…}``: whose chain by its own word (a box is known by the key
   of its checkpoints: before it was enrolled it signed under its serial number), and number and hash of the row
   before the first one (0 and zeros unless retention has taken rows away whole).
2. A row each: ``[number,at,kind,body,body_hash,previous,hash]``, ``body`` being the canonical JSON as a text, or null
   once retention has taken it (``edge.core.audit``).
3. ``{"end":N,"head":HASH,"sha256":…}``: the last row's number and hash, and the SHA-256 of every byte before this line.

Laws: nothing raises on data but ``AuditFileError``; no line is longer than ``MAX_LINE``; the first thing that is wrong
is named by its row. The SHA-256 of the last line finds accidents; what an adversary does, the chain, the signatures of
its checkpoints and the heads that headquarters was told find.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from edge.core.audit import GENESIS, AuditCheck, AuditRow, Checkpoint, verify
from edge.core.errors import BorderpostError

T = TypeVar("T")
MAX_LINE: Final = 256 * 1024  # bytes; the longest row of a journal is some 20 kB
_Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
_Number = Annotated[int, Meta(ge=0)]


class AuditFileError(BorderpostError):
    """A file that is no export of an audit chain, or one that was cut or altered in its first or last line."""

    def __init__(self, message: str) -> None:
        super().__init__(message, advice="export it again with `borderpost audit export`, and compare both files")


class Opening(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    audit: Literal[1] = 1
    device: Annotated[str, Meta(max_length=64)]
    after: _Number = 0
    previous: _Hash = GENESIS
    at: Annotated[str, Meta(max_length=40)]


class Closing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last line."""

    end: _Number
    head: _Hash
    sha256: _Hash


_encode = msgspec.json.Encoder().encode
_decode_row = msgspec.json.Decoder(AuditRow).decode


def written(opening: Opening, rows: Iterable[AuditRow]) -> Iterator[bytes]:
    """The lines of the file, each with its line feed."""
    digest, line = hashlib.sha256(), _encode(opening) + b"\n"
    number, head = opening.after, opening.previous
    digest.update(line)
    yield line
    for row in rows:
        line = _encode(row) + b"\n"
        number, head = row.number, row.hash
        digest.update(line)
        yield line
    yield _encode(Closing(end=number, head=head, sha256=digest.hexdigest())) + b"\n"


def check(
    blocks: Iterable[bytes],
    *,
    believe: Callable[[Checkpoint], bool] | None = None,
    heads: Collection[str] = (),
) -> tuple[Opening, AuditCheck]:
    """Verify a file that comes in blocks of any size; whose it is, and what was found.

    ``believe`` and ``heads`` as in ``audit.verify``. Raises AuditFileError for what is no such file, or whose first or
    last line does not fit; a wrong row is an answer, not an error.
    """
    reading = _Reading(blocks)
    opening = reading.opening()
    found = verify(reading.rows(), after=opening.after, previous=opening.previous, believe=believe, heads=heads)
    if not found.sound and reading.closing is None:  # it stopped before the end
        return opening, found
    if reading.problem:
        return opening, replace(found, first_bad=opening.after + found.rows + 1, problem=reading.problem)
    last = reading.closing
    if last is None or (last.end, last.head, last.sha256) != (opening.after + found.rows, found.head, reading.sha256):
        raise AuditFileError("the file was cut, or its first or last line was changed")
    return opening, found


class _Reading:
    """The lines of a file in their roles; ``closing`` and ``sha256`` are known once ``rows`` has ended."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._lines = _lines(blocks)
        self._digest = hashlib.sha256()
        self.closing: Closing | None = None
        self.sha256 = ""
        self.problem = ""

    def opening(self) -> Opening:
        """The first line."""
        line = next(self._lines, b"")
        self._digest.update(line)
        return _decoded(line, Opening, "the first line is not that of an audit export")

    def rows(self) -> Iterator[AuditRow]:
        """The rows; ends at the last line, or at one that is none, which ``problem`` says."""
        update = self._digest.update
        for line in self._lines:
            if line[:1] != b"[":
                self.sha256 = self._digest.hexdigest()
                self.closing = _decoded(line, Closing, "the last line is not that of an audit export")
                if next(self._lines, None) is not None:
                    raise AuditFileError("something stands after the last line")
                return
            try:
                row = _decode_row(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                self.problem = "is no row"
                return
            update(line)
            yield row


def _decoded(line: bytes, kind: type[T], problem: str) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise AuditFileError(problem) from None


def _lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Lines with their line feeds. Raises AuditFileError for one that is too long or has no end."""
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            yield line + b"\n"
        if len(rest) > MAX_LINE:
            raise AuditFileError(f"a line of more than {MAX_LINE} bytes")
    if rest:
        raise AuditFileError("the file is cut within a line")
