"""Headquarters' one database (SQLite): what the posts sent, sealed as it came, and what needs a person.

Laws:
1. One collector writes (``StoreLock`` keeps a second one out). Beside it write only: who marks an alarm done or
   queues an envelope (one statement), and ``import`` (one short transaction a batch, with a pause as long after it, so
   that the collector always comes to its turn). Everybody else opens a read-only ``View``.
2. A message is held as the sealed bytes that came, and acknowledged before anybody looks into it. In clear
   stand only what sorting needs: kind, outcomes, list ids. No name, no document number.
3. (device, epoch, seq) is stored once. The same bytes again are a duplicate, other bytes a conflict,
   kept beside, never over, and looked into like any other: a hit in it is shown.
4. What ``commit`` returned from is on the disk (WAL, synchronous=FULL); acks are signed only after it.
5. The store id is made with the file and never changes; a copy of an older file has the same id and
   holds less, which is how a post sees a restored backup.
6. Every table that a stranger could fill has a limit; what falls out is counted.
"""

from __future__ import annotations

from sqlite3 import Error as Fault

from hq.store.beside import Envelope, Request, devices_of_serial, envelopes_of, queue_envelope, requests_of
from hq.store.lock import StoreLock
from hq.store.reading import Alarm, Gap, Hit, Post, View, mark_done
from hq.store.visits import Visit
from hq.store.writing import Arrived, Index, Put, Store, Unread

__all__ = [
    "Alarm", "Arrived", "Envelope", "Fault", "Gap", "Hit", "Index", "Post", "Put", "Request", "Store", "StoreLock",
    "Unread", "View", "Visit", "devices_of_serial", "envelopes_of", "mark_done", "queue_envelope", "requests_of",
]  # fmt: skip
