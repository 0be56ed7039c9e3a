"""Travel documents associated with notices (TDAWN) as CSV (docs/sources.md).

One row, one document and the notice it leads to. Such a document is no stolen one: it belongs to a
person who is sought, so its category is ``listed_person``, and its reference is the notice.

Number and notice must be readable, or the row is lost. An issuing State that is not stated is
unknown, and matches any; one that cannot be read is reported and counts as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edge.core.watch.entries import LISTED_PERSON, NOTICES, DocumentEntry
from hq.sources import fields
from hq.sources.csv_source import CsvSource

REQUIRED: Final = ("document_number", "issuing_state", "notice_id")
OPTIONAL: Final = (
    "document_type", "notice", "issue_date", "expiry_date", "review_date", "action", "silent",
)

_NOTICE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9/._-]{1,39}")


def document(texts: Mapping[str, str], complain: fields.Complain) -> DocumentEntry:
    """One row -> one document. Raises ``RowError``."""
    notice_id = texts["notice_id"]
    if not notice_id:
        raise fields.RowError("notice_id is empty")
    if not _NOTICE_ID.fullmatch(notice_id):
        raise fields.RowError("notice_id is not 2 to 40 letters, digits and / . _ -")
    colour = texts.get("notice", "").casefold()
    if colour and colour not in NOTICES:
        complain("notice is of an unknown kind; it is left out")
        colour = ""
    return DocumentEntry(
        number=fields.number(texts["document_number"], "document_number"),
        issuing_state=_issuer(texts["issuing_state"], complain),
        document_type=fields.document_type(texts.get("document_type", ""), complain),
        fraud_category=LISTED_PERSON,
        issued=fields.day(texts.get("issue_date", ""), "issue_date", complain),
        expires=fields.day(texts.get("expiry_date", ""), "expiry_date", complain),
        review_date=fields.day(texts.get("review_date", ""), "review_date", complain),
        reference=f"{colour} {notice_id}".strip(),
        silent=fields.silent(texts.get("silent", ""), complain),
        action=fields.action(texts.get("action", ""), complain),
    )


def _issuer(text: str, complain: fields.Complain) -> str:
    try:
        return fields.state(text, "issuing_state", complain)
    except fields.RowError:
        complain("issuing_state is not an ICAO code; it counts as unknown")
        return ""


class TdawnCsv(CsvSource):
    """A source of kind ``tdawn-csv``."""

    told_in = "docs/sources.md"
    required = REQUIRED
    optional = OPTIONAL

    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> DocumentEntry:
        """See ``CsvSource``."""
        return document(texts, complain)
