"""Rows of a CSV file, one line each, so that damage in one row costs that row alone.

Laws:
1. UTF-8 with or without byte order mark; lines end with LF or CRLF; the separator is the comma or
   the semicolon, whichever the header has more of. Fields may stand in double quotes (RFC 4180),
   but no field holds a line break.
2. The header names the columns, in any order and case; unknown columns are ignored with a remark;
   a missing required column or a header that cannot be read stops the source at once.
3. A line over ``MAX_LINE`` bytes, a NUL byte, bytes that are not UTF-8, a broken quote, another number
   of fields than the header, a field over ``MAX_FIELD`` characters: a lost row each, nothing more.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, Final

from hq.sources.base import Complaint, SourceError

MAX_LINE: Final = 65_536     # bytes
MAX_FIELD: Final = 8_192     # characters
MAX_COLUMNS: Final = 200

_BOM: Final = b"\xef\xbb\xbf"
_UTF16: Final = (b"\xff\xfe", b"\xfe\xff")

Row = tuple[int, Mapping[str, str]]


class CsvRows:
    """Iterates over ``(line number, {column: text})`` and ``Complaint``; columns in lower case."""

    def __init__(
        self, path: Path, *, required: tuple[str, ...], optional: tuple[str, ...], told_in: str = "docs/lists.md"
    ) -> None:  # fmt: skip
        self._path = path
        self._required = required
        self._advice = f"the first line must name the columns, see {told_in}"
        self._known = frozenset(required + optional)
        self.remarks: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Row | Complaint]:
        """Stream the rows. Raises ``SourceError`` for the file as a whole."""
        try:
            with self._path.open("rb") as file:
                yield from self._rows(file)
        except OSError as error:
            raise SourceError(
                f"{self._path.name} cannot be read: {error.strerror}", advice="check the path"
            ) from error

    def _rows(self, file: BinaryIO) -> Iterator[Row | Complaint]:
        lines = numbered_lines(file)
        number, raw = next(lines, (1, b""))
        delimiter, columns = self._header(raw)
        for number, raw in lines:
            if raw is not None and not raw.strip():
                continue
            fields = split_fields(raw, delimiter)
            if isinstance(fields, list) and len(fields) != len(columns):
                fields = "the row has another number of fields than the header"
            if isinstance(fields, str):
                yield Complaint(self._path.name, number, fields, lost=True)
            else:
                pairs = zip(columns, fields, strict=True)
                yield number, {c: f.strip() for c, f in pairs if c in self._known}

    def _header(self, raw: bytes | None) -> tuple[str, list[str]]:
        line = (raw or b"").removeprefix(_BOM)
        if line.startswith(_UTF16) or b"\0" in line:
            raise SourceError(f"{self._path.name} is UTF-16", advice="save it as CSV in UTF-8")
        if not line.strip():
            raise SourceError(
                f"{self._path.name} has no header",
                advice=self._advice,
            )
        if line.count(b"\t") > max(line.count(b";"), line.count(b",")):
            raise SourceError(
                f"{self._path.name} is separated by tabs", advice="save it with comma or semicolon as the separator"
            )
        delimiter = ";" if line.count(b";") > line.count(b",") else ","
        fields = split_fields(line if raw is not None else None, delimiter)
        if isinstance(fields, str) or len(fields) > MAX_COLUMNS:
            raise SourceError(
                f"the header of {self._path.name} cannot be read", advice="save the file as CSV in UTF-8"
            )
        columns = [f.strip().lower() for f in fields]
        missing = [c for c in self._required if c not in columns]
        if missing:
            raise SourceError(
                f"{self._path.name} has no column {', '.join(missing)}",
                advice=self._advice,
            )
        doubled = sorted({c for c in columns if c in self._known and columns.count(c) > 1})
        if doubled:
            raise SourceError(
                f"{self._path.name} names the column {', '.join(doubled)} twice", advice="remove one of them"
            )
        unknown = sum(1 for c in columns if c not in self._known)
        if unknown:
            names = ", ".join(repr(c[:40]) if c else "a column without a name" for c in columns if c not in self._known)
            self.remarks = (f"{unknown} unknown column{'s are' if unknown > 1 else ' is'} ignored: {names}"[:500],)
        return delimiter, columns


def numbered_lines(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines without their end; None for a line over the limit, whose rest is skipped."""
    number = 0
    while raw := file.readline(MAX_LINE + 2):
        number += 1
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(MAX_LINE)
            yield number, None
        else:
            yield number, raw.rstrip(b"\r\n")


def split_fields(raw: bytes | None, delimiter: str, *, coding: str = "utf-8") -> list[str] | str:
    """The fields of one line, or the reason why it cannot be read.

    ``coding`` is tried when the line is not UTF-8; "utf-8" itself means that there is no other.
    """
    if raw is None:
        return f"the row is longer than {MAX_LINE} bytes"
    if b"\0" in raw:
        return "the row holds a NUL byte"
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError:
        if coding == "utf-8":
            return "the row is not UTF-8"
        line = raw.decode(coding, "replace")
    if '"' not in line:
        fields = line.split(delimiter)
    else:
        try:
            fields = next(csv.reader([line], delimiter=delimiter, strict=True), [])
        except csv.Error:
            return "the row has a broken quote"
    if any(len(f) > MAX_FIELD for f in fields):
        return f"a field is longer than {MAX_FIELD} characters"
    return fields
