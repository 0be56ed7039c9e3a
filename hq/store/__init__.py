"""Headquarters' one database (SQLite): what the posts sent, sealed as it came, and what needs a person.

Laws:
1. The collector's thread is the only writer (``StoreLock`` keeps a second collector out); everybody else
   opens a read-only ``View`` (marking an alarm done is the one exception: a statement of its own).
2. A message is held as the sealed bytes that came, and acknowledged before anybody looks into it. In clear
   stand only what sorting needs: kind, outcomes, list ids. No name, no document number.
3. (device, epoch, seq) is stored once. The same bytes again are a duplicate, other bytes a conflict,
   kept beside, never over.
4. What ``commit`` returned from is on the disk (WAL, synchronous=FULL); acks are signed only after it.
5. The store id is made with the file and never changes; a copy of an older file has the same id and
   holds less, which is how a post sees a restored backup.
6. Every table that a stranger could fill has a limit; what falls out is counted.
"""

from __future__ import annotations

from sqlite3 import Error as Fault

from hq.store.lock import StoreLock
from hq.store.reading import Alarm, Gap, Hit, Post, View, mark_done
from hq.store.writing import Arrived, Index, Put, Store, Unread

__all__ = [
    "Alarm", "Arrived", "Fault", "Gap", "Hit", "Index", "Post", "Put", "Store", "StoreLock", "Unread", "View",
    "mark_done",
]  # fmt: skip
