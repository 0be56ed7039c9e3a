"""Prints of wanted persons: an index (CSV, or JSON objects one a line) and the files that it names (docs/galleries.md).

Laws:
1. One row, one finger. The files lie beside the index or below its folder; a path that leads out of it is a lost row.
2. A finger of a reference stands in one list once: a second row of it is lost.
3. Here a file is only looked for; what it shows is known when it is extracted (``hq.gallery_extract``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final

from edge.core.fingerprints.gallery import MAX_CATEGORY, MAX_NAME, GalleryEntry
from edge.core.fingerprints.model import Position
from edge.core.watch.entries import MAX_REFERENCE
from hq.sources import fields, json_lines
from hq.sources.base import Complaint, Item
from hq.sources.csv_rows import CsvRows, Row
from hq.sources.finger_entry import FingerEntry

REQUIRED: Final = ("record", "reference", "position", "file")
OPTIONAL: Final = ("ppi", "name", "category", "action", "silent", "review_date")
TOLD_IN: Final = "docs/galleries.md"
MIN_PPI, MAX_PPI = 200.0, 1200.0  # as common.fingers.images takes
MAX_PATH: Final = 500  # characters
JSON_ENDINGS: Final = (".jsonl", ".json", ".ndjson")
POSITIONS: Final = {one.name.lower().replace("_", "-"): one for one in Position}


class FingersIndex:
    """A source of kind ``fingers-index``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._csv: CsvRows | None = None
        self._unknown: set[str] = set()
        if path.suffix.lower() not in JSON_ENDINGS:
            self._csv = CsvRows(path, required=REQUIRED, optional=OPTIONAL, told_in=TOLD_IN)

    @property
    def source_date(self) -> datetime | None:
        """An index states none."""
        return None

    @property
    def files(self) -> tuple[Path, ...]:
        """The index itself."""
        return (self._path,)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Unknown columns."""
        if self._csv is not None:
            return self._csv.remarks
        names = ", ".join(repr(name[:40]) for name in sorted(self._unknown)[:10])
        return (f"unknown members are ignored: {names}",) if names else ()

    def __iter__(self) -> Iterator[Item]:
        """Stream the rows. Raises ``SourceError``."""
        seen: set[tuple[str, str, int]] = set()
        for row in self._csv if self._csv is not None else self._objects():
            if isinstance(row, Complaint):
                yield row
                continue
            line, texts = row
            reasons: list[str] = []
            try:
                entry = _entry(texts, line, self._path.parent, reasons.append)
                if entry.told.key in seen:
                    raise fields.RowError("this finger of the reference stands in the index before")
            except fields.RowError as error:
                yield Complaint(self._path.name, line, str(error), lost=True)
                continue
            seen.add(entry.told.key)
            for reason in reasons:
                yield Complaint(self._path.name, line, reason, lost=False)
            yield entry

    def _objects(self) -> Iterator[Row | Complaint]:
        for found in json_lines.objects(self._path):
            if isinstance(found, Complaint):
                yield found
                continue
            line, members = found
            self._unknown |= {str(name) for name in members if name not in REQUIRED + OPTIONAL}
            texts = {name: _text(value) for name, value in members.items() if name in REQUIRED + OPTIONAL}
            if any(text is None for text in texts.values()):
                yield Complaint(self._path.name, line, "a member is no text, number, true or false", lost=True)
                continue
            yield line, {name: text for name, text in texts.items() if text is not None}


def _text(value: object) -> str | None:
    """A member's value as a CSV would have it; None for what no column holds."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).strip() if isinstance(value, str | int | float) else None


def _entry(texts: Mapping[str, str], line: int, folder: Path, complain: fields.Complain) -> FingerEntry:
    """One row -> one finger. Raises ``RowError``."""
    told = GalleryEntry(
        record=_named(texts, "record"), reference=_named(texts, "reference"),
        position=_position(texts.get("position", "")),
        review_date=fields.day(texts.get("review_date", ""), "review_date", complain),
        silent=fields.silent(texts.get("silent", ""), complain),
        category=_cut(texts.get("category", ""), "category", MAX_CATEGORY, complain),
        action=fields.action(texts.get("action", ""), complain),
        name=_cut(texts.get("name", ""), "name", MAX_NAME, complain),
    )  # fmt: skip
    return FingerEntry(told, _file(texts.get("file", ""), folder), line, _ppi(texts.get("ppi", "")))


def _named(texts: Mapping[str, str], column: str) -> str:
    text = texts.get(column, "")
    if not text:
        raise fields.RowError(f"{column} is empty")
    if len(text) > MAX_REFERENCE:  # never cut: two would become one
        raise fields.RowError(f"{column} is longer than {MAX_REFERENCE} characters")
    return text


def _position(text: str) -> Position:
    """A word (``right-index``), or the number of ISO/IEC 19794-2, table 2."""
    word = text.casefold().replace(" ", "-").replace("_", "-")
    found = POSITIONS.get(word)
    if found is None and re.fullmatch("[0-9]{1,9}", word) and int(word) < len(Position):
        found = Position(int(word))
    if found is None:
        raise fields.RowError("position is none of unknown, right-thumb … left-little, and no number from 0 to 10")
    return found


def _file(text: str, folder: Path) -> Path:
    if not text:
        raise fields.RowError("file is empty")
    path = PurePosixPath(text.replace("\\", "/"))
    parts = path.parts  # of "." there are none
    if len(text) > MAX_PATH or not parts or path.is_absolute() or ".." in parts or ":" in parts[0] or "\0" in text:
        raise fields.RowError("file leads out of the folder of the index")
    try:
        found = (folder / path).resolve(strict=True)
        inside = found.is_relative_to(folder.resolve()) and found.is_file()
    except (OSError, RuntimeError, UnicodeEncodeError):
        raise fields.RowError("its file is not there") from None
    if not inside:
        raise fields.RowError("its file is no file below the folder of the index")
    return found


def _ppi(text: str) -> float | None:
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not MIN_PPI <= found <= MAX_PPI:  # a NaN fails as well
        raise fields.RowError(f"ppi is no number from {MIN_PPI:g} to {MAX_PPI:g}")
    return found


def _cut(text: str, column: str, limit: int, complain: fields.Complain) -> str:
    plain = " ".join(text.split())
    if len(plain) > limit:
        complain(f"{column} is longer than {limit} characters; it is cut")
    return plain[:limit]
