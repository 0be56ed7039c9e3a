"""What officers read, in their languages: the one catalogue.

Laws:
1. Every key stands in every language, with the same places in braces (``tests/edge/core/test_texts.py``).
2. Keys are ``group.word``; the word is the one that the program uses (an outcome, the rule of an evidence, the code of
   a finding), so that records stay readable in any language.
3. A text never prejudges a person: a hit is a lead. Outcomes keep their English word beside the translated one, because
   it is what the reports say.
4. Data never raises: a word that is in no catalogue is shown as it stands.

Groups: ``outcome``, ``next`` (what to do now), ``action`` (the texts that lists have where headquarters gave no other;
what it wrote itself stands as written), ``rule``, ``kind``, ``position`` (of a finger), ``coverage``, ``category``,
``code`` (outcome codes), ``finding`` (of a zone), ``doubt`` (about typed fields), ``finger`` (what to do at the
scanner), ``say`` (sentences of the counter's view).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.core.texts.ar import TEXTS as _AR
from edge.core.texts.en import TEXTS as _ENGLISH
from edge.core.texts.fingers import FINGERS
from edge.core.texts.fr import TEXTS as _FR

_EN: Final = {**_ENGLISH, **FINGERS["en"]}
CATALOGUES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {"ar": {**_AR, **FINGERS["ar"]}, "fr": {**_FR, **FINGERS["fr"]}, "en": _EN}
)
LANGUAGES: Final = tuple(CATALOGUES)
RIGHT_TO_LEFT: Final = frozenset({"ar"})
DEFAULT: Final = "en"

EXPECTED: Final = "strangers expected to reach this score in one search"
LEAST: Final = 1e-6  # of such strangers; what is smaller says nothing more to a person
_COUNTED: Final = re.compile(r"(?P<rule>\D+) (?P<n>\d{1,4})")


def text(language: str, key: str, **values: object) -> str:
    """The text of ``key``, its places filled.

    English for an unknown language; for an unknown key what stands behind its first full stop.
    """
    found = CATALOGUES.get(language, _EN).get(key)
    if found is None:
        return key.partition(".")[2] or key
    return found.format(**values) if values else found


def evidence_text(language: str, rule: str) -> str:
    """The words for the rule of an evidence (``edit 2``, ``birth date equal``)."""
    counted = _COUNTED.fullmatch(rule)
    if counted and f"rule.{counted['rule']}" in _EN:
        return text(language, f"rule.{counted['rule']}", n=counted["n"])
    return text(language, f"rule.{rule}")


def listed_text(language: str, rule: str, listed: str) -> str:
    """The value on the record's side of an evidence: a category or a finger in words, anything else as it stands."""
    if rule == EXPECTED:
        return _few(language, listed)
    if rule == "finger":
        return text(language, f"position.{listed}")
    if rule != "reported as":
        return listed
    category, _, since = listed.partition(" ")
    return f"{text(language, f'category.{category}')} {since}".rstrip()


def _few(language: str, listed: str) -> str:
    try:
        few = float(listed) < LEAST
    except ValueError:
        return listed
    return text(language, "say.finger_under", n=f"{LEAST:.0e}".replace("e-0", "e-")) if few else listed
