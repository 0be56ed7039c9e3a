"""What can be asked of a journal, by its owner's process and by any other: reading, never writing."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping

from edge.core.audit import AuditCheck, Checkpoint
from edge.journal import epochs, views
from edge.journal.entries import newest_seq
from edge.journal.model import Counts, JournalLimits, OutboxItem, PassageRow, Shelf

PAGE = 100  # rows fetched at once where all are asked for


class JournalView:
    """The questions; ``_reader`` lends a connection and turns what SQLite raises into JournalError's kin."""

    _limits: JournalLimits

    def _reader(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        raise NotImplementedError

    def _in_memory(self) -> Mapping[str, int]:
        return {}

    def counts(self) -> Counts:
        """The journal in figures."""
        with self._reader() as db:
            return views.counts(db, self._limits, self._in_memory())

    def pending(self, after: int = 0, limit: int = 100) -> list[OutboxItem]:
        """Sealed bodies of any epoch that headquarters has not acked, seq > ``after``, ascending."""
        with self._reader() as db:
            return views.pending(db, after, limit)

    def pending_all(self) -> Iterator[OutboxItem]:
        """Every row that headquarters has not acked, of every epoch, ascending by seq; fetched page by page.

        A row that is written meanwhile may come too; one that is acked meanwhile may come all the same.
        """
        after = 0
        while page := self.pending(after, PAGE):
            yield from page
            after = page[-1].seq

    def shelves(self) -> list[Shelf]:
        """What the box still has of each epoch, earliest first; the present one is always there, and last."""
        with self._reader() as db:
            return epochs.shelves(db, newest_seq(db))

    def passages(self, limit: int = 100) -> list[PassageRow]:
        """The latest passages as shown, newest first."""
        with self._reader() as db:
            return views.passages(db, limit)

    def open_passages(self, limit: int = 100) -> list[PassageRow]:
        """Passages that await an outcome code, newest first."""
        with self._reader() as db:
            return views.passages(db, limit, awaiting=True)

    def passage(self, passage_id: str) -> PassageRow | None:
        """One passage as shown, or None."""
        with self._reader() as db:
            return views.passage(db, passage_id)

    def verify_audit(
        self, believe: Callable[[Checkpoint], bool] | None = None, heads: Collection[str] = ()
    ) -> AuditCheck:
        """Walk the audit chain; names the first bad row. ``believe`` and ``heads`` as in ``audit.verify``."""
        with self._reader() as db:
            return views.verify_audit(db, believe, heads)
