"""Files that were set aside and that nobody looked through, of a former version above all, while the journal works.

Laws:
1. A start does not wait for them: a thread reads, and hands what it found to the owner thread, a batch at a time.
2. One after another, at most ``MAX_FILES`` a start; what is left over has its turn at the next.
3. A file is done with only when all its rows are here and the notice of it is on disk (``restoring``, laws 4 and 5).
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from functools import partial
from pathlib import Path
from typing import Any, Final

from edge.core.errors import BorderpostError
from edge.journal import asides, restoring
from edge.journal.model import JournalLimits
from edge.journal.requests import Request, telling

MAX_FILES: Final = 4  # of one start
Run = Callable[[Callable[[sqlite3.Connection], Any]], Any]


def begin(
    path: Path, limits: JournalLimits, *, call: Run, transact: Run, submit: Callable[[Request], Future[Any]]
) -> threading.Thread | None:
    """Start looking; None if there is nothing to look through.

    ``call`` runs an action on the owner thread, ``transact`` one in a transaction, ``submit`` takes requests. When the
    journal cannot, the next start tries again.
    """
    if not asides.unfinished(path):
        return None

    def look() -> None:
        try:
            for name in call(partial(restoring.waiting, path=path))[:MAX_FILES]:
                _bring(name)
        except (BorderpostError, FutureTimeout, OSError, sqlite3.Error):
            return  # nothing was marked: its turn comes again

    def _bring(name: str) -> None:
        notice = restoring.restored(call, path, limits, name)
        if call(partial(restoring.fresh, notice=notice)):
            submit(telling(notice)).result(limits.call_seconds)
            asides.finish(path, transact(partial(restoring.settle, notice=notice)))

    thread = threading.Thread(target=look, name="journal-asides", daemon=True)
    thread.start()
    return thread
