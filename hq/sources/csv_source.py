"""A source in a CSV file: rows in, entries and complaints out. What a row means is the subclass's affair."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from hq.sources import fields
from hq.sources.base import Complaint, Entry, Item
from hq.sources.csv_rows import CsvRows


class CsvSource(ABC):
    """Streams one file; a row that ``entry`` refuses costs that row alone."""

    told_in: ClassVar[str] = "docs/lists.md"
    required: ClassVar[tuple[str, ...]]
    optional: ClassVar[tuple[str, ...]]

    source_date: datetime | None = None  # a CSV does not say how old it is

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows = CsvRows(path, required=self.required, optional=self.optional, told_in=self.told_in)

    @abstractmethod
    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> Entry:
        """One row by column name -> one entry. Raises ``RowError``; smaller things go to ``complain``."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The file itself."""
        return (self._path,)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Unknown columns."""
        return self._rows.remarks

    def __iter__(self) -> Iterator[Item]:
        """Stream the rows. Raises ``SourceError``."""
        for row in self._rows:
            if isinstance(row, Complaint):
                yield row
                continue
            line, texts = row
            reasons: list[str] = []
            try:
                entry = self.entry(texts, reasons.append)
            except fields.RowError as error:
                yield Complaint(self._path.name, line, str(error), lost=True)
                continue
            for reason in reasons:
                yield Complaint(self._path.name, line, reason, lost=False)
            yield entry
