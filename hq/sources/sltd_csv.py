"""Stolen and lost travel documents as CSV, in the shape of an SLTD record (docs/lists.md).

One row, one document: number, issuing State and fraud category must be readable, or the row is
lost; whatever else cannot be read is left out and reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edge.core.watch.entries import FRAUD_CATEGORIES, DocumentEntry
from hq.sources import fields
from hq.sources.csv_source import CsvSource

REQUIRED: Final = ("document_number", "issuing_state", "fraud_category")
OPTIONAL: Final = (
    "document_type", "reported_date", "issue_date", "expiry_date", "theft_state", "review_date", "reference",
)


def document(texts: Mapping[str, str], complain: fields.Complain) -> DocumentEntry:
    """One row -> one document. Raises ``RowError``."""
    category = re.sub(r"[ -]+", "_", texts["fraud_category"].casefold())
    if category not in FRAUD_CATEGORIES:
        raise fields.RowError(f"fraud_category is none of {', '.join(FRAUD_CATEGORIES)}")
    issuer = fields.state(texts["issuing_state"], "issuing_state", complain)
    if not issuer:
        raise fields.RowError("issuing_state is empty")
    return DocumentEntry(
        number=fields.number(texts["document_number"], "document_number"),
        issuing_state=issuer,
        document_type=fields.document_type(texts.get("document_type", ""), complain),
        fraud_category=category,
        reported=fields.day(texts.get("reported_date", ""), "reported_date", complain),
        issued=fields.day(texts.get("issue_date", ""), "issue_date", complain),
        expires=fields.day(texts.get("expiry_date", ""), "expiry_date", complain),
        review_date=fields.day(texts.get("review_date", ""), "review_date", complain),
        theft_state=_theft_state(texts.get("theft_state", ""), complain),
        reference=fields.reference(texts.get("reference", ""), complain),
    )


def _theft_state(text: str, complain: fields.Complain) -> str:
    try:
        return fields.state(text, "theft_state", complain)
    except fields.RowError:
        complain("theft_state is not an ICAO code; it is left out")
        return ""


class SltdCsv(CsvSource):
    """A source of kind ``sltd-csv``."""

    required = REQUIRED
    optional = OPTIONAL

    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> DocumentEntry:
        """See ``CsvSource``."""
        return document(texts, complain)
