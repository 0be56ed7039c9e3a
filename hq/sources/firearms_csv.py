"""Lost, stolen and trafficked firearms as CSV, in the shape of an iARMS record (docs/sources.md).

One row, one firearm: its serial number must be readable, or the row is lost. Make and calibre may be
empty, but then the number must be long enough to mean something by itself: makers number alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edge.core.keyed.keys import MAX_NUMBER
from edge.core.watch.layout import normal_number
from edge.core.watch.objects import FIREARM_CATEGORIES, FirearmEntry
from hq.sources import fields
from hq.sources.csv_source import CsvSource

REQUIRED: Final = ("serial", "make", "calibre", "category")
OPTIONAL: Final = (
    "model", "kind", "origin", "reported_date", "review_date", "theft_state", "reference", "action", "silent",
)
MIN_ALONE: Final = 4  # characters of a serial number without a make

_SERIAL: Final = re.compile(r"[A-Za-z0-9 ./_*#<-]+")


def firearm(texts: Mapping[str, str], complain: fields.Complain) -> FirearmEntry:
    """One row -> one firearm. Raises ``RowError``."""
    make = fields.word(texts["make"], "make", complain)
    calibre = fields.word(texts["calibre"], "calibre", complain)
    return FirearmEntry(
        serial=_serial(texts["serial"], make),
        make=make,
        calibre=calibre,
        model=fields.word(texts.get("model", ""), "model", complain),
        kind=fields.word(texts.get("kind", ""), "kind", complain),
        origin=fields.state_or_none(texts.get("origin", ""), "origin", complain),
        category=fields.category(texts["category"], "category", FIREARM_CATEGORIES),
        reported=fields.day(texts.get("reported_date", ""), "reported_date", complain),
        review_date=fields.day(texts.get("review_date", ""), "review_date", complain),
        theft_state=fields.state_or_none(texts.get("theft_state", ""), "theft_state", complain),
        reference=fields.reference(texts.get("reference", ""), complain),
        silent=fields.silent(texts.get("silent", ""), complain),
        action=fields.action(texts.get("action", ""), complain),
    )


def _serial(text: str, make: str) -> str:
    if not text:
        raise fields.RowError("serial is empty")
    normal = normal_number(text)
    if not _SERIAL.fullmatch(text) or not 1 <= len(normal) <= MAX_NUMBER:
        raise fields.RowError(f"serial is not 1 to {MAX_NUMBER} Latin letters and digits")
    if len(normal) < MIN_ALONE and not make:
        raise fields.RowError(f"serial has fewer than {MIN_ALONE} characters, and no make stands with it")
    return normal


class FirearmsCsv(CsvSource):
    """A source of kind ``firearms-csv``."""

    told_in = "docs/sources.md"
    required = REQUIRED
    optional = OPTIONAL

    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> FirearmEntry:
        """See ``CsvSource``."""
        return firearm(texts, complain)
