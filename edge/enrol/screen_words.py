"""The line of the box's state in French, for its screen: a table of words.

A Linux console joins no Arabic letters and runs from the left alone, and its font has 256 or 512 signs: Arabic there
would be unreadable. What happened with a stick is told in Arabic by its RESULT file; the screen says the code, which is
Latin letters and figures in every language.
"""

from __future__ import annotations

import re
from typing import Final

# Longest first: what stands inside another must not be taken before it. ASCII, because the font may have no more.
WORDS: Final[dict[str, str]] = {
    "not enrolled: waiting for a stick": "non inscrit : attend une cle USB",
    "not well": "en panne (borderpost doctor)",
    "readers": "lecteurs", "passages": "passages", "outbox": "a envoyer", "link": "liaison", "clock": "heure",
    "offline": "coupee", "connecting": "s'ouvre", "subscribing": "s'ouvre", "timing": "demande l'heure",
    "renewing": "certificat expire", "syncing": "compare", "sending": "etablie", "backoff": "coupee, nouvel essai",
    "none": "aucune", "signed": "sure", "held": "probable", "system": "du systeme", "untrusted": "inconnue",
}  # fmt: skip
_WORD: Final = re.compile("|".join(rf"\b{re.escape(one)}\b" for one in sorted(WORDS, key=len, reverse=True)))


def in_french(state: str) -> str:
    """``state`` as health and the waiting box say it, word by word; a fault's own words are headquarters' to read."""
    if state.startswith("not well"):
        return WORDS["not well"]
    return _WORD.sub(lambda found: WORDS[found[0]], state)
