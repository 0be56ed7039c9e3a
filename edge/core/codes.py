"""Outcome codes: what a person found out about a lead before the passage closed (ARCHITECTURE law 2).

The eight codes answer GAO-06-1031's finding that agencies did not count misidentifications: every HIT
and POSSIBLE is closed with one of them, and the false-alert rate follows from the counts.
"""

from __future__ import annotations

OUTCOME_CODES: dict[str, str] = {
    "confirmed": "the NCB confirmed: this document or this person is meant",
    "not-same-person": "somebody else of a similar name",
    "misread": "the document says something else than what was read",
    "document-recovered": "the document was found again and is held by its rightful bearer",
    "record-outdated": "the issuing authority has withdrawn the record",
    "referred": "handed on to the second line, not decided here",
    "protection": "a question of protection or asylum: referred without contact to the issuing State",
    "not-decided": "the traveller left before it could be decided",
}
