"""Names as tokens that can be compared: any script, any spelling habit, listed or printed in an MRZ.

``tokens`` is the one folding for lists and travellers. ``renderings`` gives every form worth indexing.
``skeleton`` is the consonant key under which spellings of one name meet.
"""

from __future__ import annotations

from edge.core.names.folding import unread, words
from edge.core.names.particles import WEAK, canonical, of_cut
from edge.core.names.sound import keys, shape, skeleton

__all__ = ["WEAK", "keys", "of_cut", "renderings", "shape", "skeleton", "tokens", "unread"]


def tokens(text: str) -> tuple[str, ...]:
    """Canonical A-Z tokens of a name in any supported script, in the order written.

    Latin, Cyrillic, Arabic (with Persian, Pashto and Urdu letters), Greek, Hebrew and Hangul; raw MRZ
    names (``<`` separates, ICAO's X-escapes are undone). Hyphens split, apostrophes vanish, articles
    are dropped, compounds are brought to one form (see ``particles``). Empty if nothing can be read.
    """
    found = words(text)
    return canonical(found) if found else ()


def renderings(text: str) -> tuple[tuple[str, ...], ...]:
    """``tokens`` and, where a State may print the name otherwise (MÜLLER: MUELLER, MULLER), that form too."""
    first = tokens(text)
    if text.isascii():
        return (first,) if first else ()
    plain = words(text, plain=True)
    second = canonical(plain) if plain else ()
    return tuple(dict.fromkeys(form for form in (first, second) if form))
