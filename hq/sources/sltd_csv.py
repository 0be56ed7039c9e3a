"""Stolen and lost travel documents as CSV, in the shape of an SLTD record (docs/lists.md).

One row, one document: number, issuing State and fraud category must be readable, or the row is
lost; whatever else cannot be read is left out and reported.
"""

from __future__ import annotations

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
    category = fields.category(texts["fraud_category"], "fraud_category", FRAUD_CATEGORIES)
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
        theft_state=fields.state_or_none(texts.get("theft_state", ""), "theft_state", complain),
        reference=fields.reference(texts.get("reference", ""), complain),
    )


class SltdCsv(CsvSource):
    """A source of kind ``sltd-csv``."""

    required = REQUIRED
    optional = OPTIONAL

    def entry(self, texts: Mapping[str, str], complain: fields.Complain) -> DocumentEntry:
        """See ``CsvSource``."""
        return document(texts, complain)
