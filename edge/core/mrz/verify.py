"""Do the check digits agree? The one place that knows (Doc 9303-3 section 4.9 and parts 4 to 7).

Laws:
1. A digit agrees only if it is the very character that the rule gives; a filler is no zero.
   Exceptions: the digit of empty optional data (9303-4 section 4.2.2.2) and of an expiry date that is
   all fillers (Moldova, Russia) may be a filler.
2. A long number (TD1 and TD2, note j of parts 5 and 6): a filler in the digit's place, the rest of the
   number at the start of the optional data, then its digit, then a filler. At least one character
   overflows, and the filler that ends it lies inside the field.
3. Both weightings of a long number are right: 9303-5 section 4.2.4 leaves the filler in the digit's
   place out of the sum; cards of about 2003-2008 (Belgium, Portugal) count it in.
4. Visas have neither a composite digit nor one for optional data (9303-7 section 4.2.2.2).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from edge.core.mrz.digits import digit_of, is_legal, values_of
from edge.core.mrz.layouts import Layout

EXCLUDED: Final = "excluded"
INCLUDED: Final = "included"


class Checked(NamedTuple):
    """``failed``: codes of the digits that do not agree. The number is whole; optional1 is what it left."""

    failed: tuple[str, ...]
    document_number: str
    optional1: str
    weighting: str | None
    is_long: bool


def _agrees(text: str, digit: str, clean: bool) -> bool:
    return digit == digit_of(values_of(text)) and (clean or is_legal(text))


def long_number(principal: str, optional: str, clean: bool = True) -> tuple[str, str, str | None] | None:
    """Principal characters and optional data -> whole number, what optional data remain, the weighting.

    None if the optional data do not begin as law 2 says; the weighting is None if neither fits.
    """
    overflow, filler, rest = optional.partition("<")
    if len(overflow) < 2 or not filler:
        return None
    overflow, digit = overflow[:-1], overflow[-1]
    whole = principal + overflow
    if _agrees(whole, digit, clean):
        return whole, rest, EXCLUDED
    if _agrees(principal + "<" + overflow, digit, clean):
        return whole, rest, INCLUDED
    return whole, rest, None


def check(layout: Layout, zone: str, parts: tuple[str, ...], clean: bool) -> Checked:
    """Check every digit of a zone. ``parts`` is ``layout.cut(zone)``; ``clean``: no illegal character."""
    (_, _, number, number_digit, _, birth, birth_digit, _, expiry, expiry_digit, optional, optional_digit,
     _, composite_digit, _, _) = parts  # fmt: skip
    failed: list[str] = []
    weighting, is_long = None, False

    if number_digit == "<" and layout.overflow and (long := long_number(number, optional, clean)):
        number, optional, weighting = long
        is_long = True
        if weighting is None:
            failed.append("document_number")
    elif not _agrees(number, number_digit, clean):
        failed.append("document_number")

    if not _agrees(birth, birth_digit, clean):
        failed.append("birth_date")
    if expiry and not _agrees(expiry, expiry_digit, clean) and (expiry_digit != "<" or expiry.strip("<")):
        failed.append("expiry_date")
    needs_digit = optional_digit and (optional_digit != "<" or optional.strip("<"))
    if needs_digit and not _agrees(optional, optional_digit, clean):
        failed.append("optional_data")
    if composite_digit and not _composite_agrees(layout, zone, composite_digit, clean):
        failed.append("composite")
    return Checked(tuple(failed), number, optional, weighting, is_long)


def _composite_agrees(layout: Layout, zone: str, digit: str, clean: bool) -> bool:
    if digit != digit_of(b"".join(layout.cut_composite(values_of(zone)))):
        return False
    return clean or is_legal("".join(zone[span] for span in layout.composite))
