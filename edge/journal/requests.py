"""What is handed to the owner thread, and what is said when there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from edge.journal.entries import Entry, NoticeEntry
from edge.journal.model import JournalUnavailableError, Notice


@dataclass(frozen=True, slots=True)
class Request:
    """An entry to write, or an action on the owner's connection; ``future`` takes the answer."""

    future: Future[Any]
    entry: Entry | None = None
    action: Callable[[sqlite3.Connection], Any] | None = None


def stopped() -> JournalUnavailableError:
    """The error of a journal whose thread does not run."""
    return JournalUnavailableError(
        "the journal is not running", advice="see the log for why it stopped; restart the service"
    )


def telling(notice: Notice) -> Request:
    """The request to write a notice down."""
    return Request(Future(), entry=NoticeEntry(notice.code, notice.detail))
