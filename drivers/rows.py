"""What may be a row of a machine-readable zone, and what cannot: shared by families that also send bar codes.

Law: a misread character never loses a document (it is a finding for the parser), and a bar code never becomes one.
"""

from __future__ import annotations

import re

UNREADABLE = "?"
SHORTEST_ROW, LONGEST_ROW = 7, 44  # characters
MAX_ROWS = 3
ZONE_ROW = re.compile(rf"[A-Z0-9<{re.escape(UNREADABLE)}]{{{SHORTEST_ROW},{LONGEST_ROW}}}")
ODD = re.compile(r"[^A-Z0-9< ]")
ODD_SHARE = 0.25  # of the characters of a zone may be misread; more is noise
LIKE_ROWS = range(28, 47)  # a row with a character lost or doubled
LIKE_FILLERS = 2  # bar codes and stripes hold none
FULL_ROWS = (30, 36, 44)  # Doc 9303-5, -6, -4: characters per row of TD1, TD2, TD3


def is_zone(rows: tuple[str, ...]) -> bool:
    """True if the rows may be a machine-readable zone, or what is left of one.

    One to three rows of 7 to 44 zone characters; a single row must be as long as a zone's and hold a
    filler, because bar codes come as single rows. Several rows that look like a zone's by length and fillers
    are one whatever else they hold: a misread character is a finding for the parser, never a document lost.
    """
    if not 1 <= len(rows) <= MAX_ROWS:
        return False
    if all(ZONE_ROW.fullmatch(row) for row in rows):
        return len(rows) > 1 or (len(rows[0]) in FULL_ROWS and "<" in rows[0])
    text = "".join(rows)
    if len(rows) == 1 or len(ODD.findall(text)) > len(text) * ODD_SHARE:
        return False
    whole = len({len(row) for row in rows}) == 1 and len(rows[0]) in FULL_ROWS
    return whole or any(len(row) in LIKE_ROWS and row.count("<") >= LIKE_FILLERS for row in rows)
