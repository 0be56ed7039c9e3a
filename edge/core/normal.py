"""One form for what is written in many: the text that lists and screening agree on."""

from __future__ import annotations


def normal_number(text: str) -> str:
    """A document number as screening asks for it: upper case, A-Z and 0-9 only."""
    return "".join(c for c in text.upper() if c.isascii() and c.isalnum())
