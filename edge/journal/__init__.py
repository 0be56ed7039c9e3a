"""The one database of what happened at this box: passages, outbox, audit chain."""

from edge.journal.checkpoints import Signer
from edge.journal.model import (
    AWAITING,
    CLOSED,
    Counts,
    Expired,
    JournalBusyError,
    JournalError,
    JournalForbiddenError,
    JournalLimits,
    JournalUnavailableError,
    NewFinger,
    NewPassage,
    NoSuchPassageError,
    Notice,
    OutboxItem,
    PassageRow,
    Recorded,
    Shelf,
)
from edge.journal.owner import Journal
from edge.journal.reading import ReadOnlyJournal, read_only

__all__ = [
    "AWAITING",
    "CLOSED",
    "Counts",
    "Expired",
    "Journal",
    "JournalBusyError",
    "JournalError",
    "JournalForbiddenError",
    "JournalLimits",
    "JournalUnavailableError",
    "NewFinger",
    "NewPassage",
    "NoSuchPassageError",
    "Notice",
    "OutboxItem",
    "PassageRow",
    "ReadOnlyJournal",
    "Recorded",
    "Shelf",
    "Signer",
    "read_only",
]
