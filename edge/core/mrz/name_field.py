"""The name field -> its two identifiers (Doc 9303-3 section 4.6, truncation 9303-4 to 6 section 4.2.3).

Laws:
1. The first double filler parts the primary from the secondary identifier; without one everything is
   primary. A single filler parts components; fillers at the ends and doubled ones part nothing more.
2. A letter in the last place of the field *must* be taken as a cut, even if the name just fits.
"""

from __future__ import annotations

Components = tuple[str, ...]


def components(text: str) -> Components:
    """The components between fillers, in order, none empty."""
    return tuple([part for part in text.split("<") if part]) if text else ()


def identifiers(text: str) -> tuple[Components, Components]:
    """The primary and the secondary components of a name field."""
    primary, _, secondary = text.partition("<<")
    return components(primary), components(secondary)


def has_extra_filler(text: str) -> bool:
    """True if, beyond the one that parts the identifiers, a doubled filler stands within the name."""
    primary, _, rest = text.rstrip("<").partition("<<")
    return primary.startswith("<") or rest.startswith("<") or "<<" in rest


def first_digit(text: str) -> int | None:
    """The offset of the first digit 0-9, or None."""
    return next((i for i, c in enumerate(text) if c in "0123456789"), None)
