"""What all lists of persons share: which names are kept, which documents are the same, which State is meant.

Laws:
1. A name is kept if some rendering of it can be compared; the text stands as the source writes it.
2. Of two entries of one number and type, the one that names its issuer stands for the one that does not.
3. What is beyond a limit is left out and reported, never silently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from edge.core import states
from edge.core.watch.entries import (
    MAX_BIRTHS,
    MAX_NAME_CHARACTERS,
    MAX_NAMES,
    MAX_NATIONALITIES,
    DocumentEntry,
    EntryName,
)
from edge.core.watch.persons_build import renderings
from hq.sources.alpha2 import CODES

T = TypeVar("T")

MAX_DOCUMENTS: Final = 100  # of one person

Say = Callable[[str], None]
"""``say(reason)``: a part of the record that is left out or doubted."""


def comparable(names: Iterable[EntryName], say: Say) -> tuple[EntryName, ...]:
    """The distinct names that can be compared, at most ``MAX_NAMES``; () if there is none."""
    distinct = dict.fromkeys(n for n in names if n.text)
    kept = tuple(n for n in distinct if len(n.text) <= MAX_NAME_CHARACTERS and renderings(n.text))
    if len(kept) < len(distinct):
        say("a name that is too long, or in no script that is compared, is left out")
    if len(kept) > MAX_NAMES:
        say(f"names beyond the first {MAX_NAMES} are left out")
    return kept[:MAX_NAMES]


def distinct_documents(documents: Iterable[DocumentEntry], say: Say) -> tuple[DocumentEntry, ...]:
    """One entry a number, issuer and type, in the order given; at most ``MAX_DOCUMENTS``."""
    found = tuple(documents)
    known = {d.number for d in found if d.issuing_state}
    kept: dict[tuple[str, str, str], DocumentEntry] = {}
    for d in found:
        if d.issuing_state or d.number not in known:
            kept.setdefault((d.number, d.issuing_state, d.document_type), d)
    if len(kept) > MAX_DOCUMENTS:
        say(f"documents beyond the first {MAX_DOCUMENTS} are left out")
    return tuple(kept.values())[:MAX_DOCUMENTS]


def limited(values: Iterable[T], limit: int, what: str, say: Say) -> tuple[T, ...]:
    """The distinct values, in the order given, at most ``limit``."""
    distinct = tuple(dict.fromkeys(values))
    if len(distinct) > limit:
        say(f"{what} beyond the first {limit} are left out")
    return distinct[:limit]


def nationalities(found: Iterable[str], say: Say) -> tuple[str, ...]:
    """Distinct codes within ``MAX_NATIONALITIES``."""
    return limited(found, MAX_NATIONALITIES, "nationalities", say)


def births(found: Iterable[T], say: Say) -> tuple[T, ...]:
    """Distinct intervals within ``MAX_BIRTHS``."""
    return limited(found, MAX_BIRTHS, "birth dates", say)


def state_of(text: str) -> str:
    """An ISO 3166 alpha-2 code (any case), an ICAO code or an English name -> the ICAO code; '' for none.

    Parts of States (``gb-sct``) count as the State, former States as their own withdrawn codes.
    """
    bare = text.strip().casefold()
    code = CODES.get(bare) or CODES.get(bare.partition("-")[0])
    return code or states.code_of(text) or states.code_of_adjective(text) or ""
