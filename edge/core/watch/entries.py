"""What a source says about one document or one person, before it becomes a buffer.

Laws:
1. A number is stored A-Z and 0-9 only (``layout.normal_number``); a name as the source spells it.
2. Empty string means "the source does not say"; None likewise for dates.
3. Every text and list has a limit; a source cuts and reports, the builder refuses (``ValueError``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from edge.core.documents import DateInterval

MAX_NAMES: Final = 500              # names of one person, renderings included
MAX_NAME_CHARACTERS: Final = 300    # one name as written
MAX_TOKENS: Final = 32              # tokens of one name
MAX_TOKEN_LETTERS: Final = 60       # letters of one token
MAX_REFERENCE: Final = 60           # characters of a record's reference
MAX_NUMBER: Final = 24              # characters of a document number
MAX_ACTION: Final = 500             # characters of an action text
MAX_BIRTHS: Final = 20              # birth dates of one person
MAX_NATIONALITIES: Final = 20

Quality = Literal["primary", "original", "good", "low", "document"]
QUALITIES: Final[tuple[Quality, ...]] = ("primary", "original", "good", "low", "document")
"""``primary``: the name the record is listed under; ``original``: that name or an alias in its own
script; ``good`` and ``low``: aliases as the list rates them (unrated counts as good); ``document``:
a name that a listed document of the person was issued in."""

FRAUD_CATEGORIES: Final = ("stolen_blank", "stolen", "lost", "revoked", "invalid")
LISTED_PERSON: Final = "listed_person"
"""The category of a document that stands in a list because its bearer does (like TDAWN)."""

DOCUMENT_TYPES: Final = ("P", "I", "V", "O")
"""Passport or travel document, identity card, visa, other; empty when the source does not say."""

NOTICES: Final = (
    "red", "blue", "green", "yellow", "black", "orange", "purple", "silver", "un", "diffusion", "national",
)


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """One document of a list. ``person`` is the index of its bearer in the list's person entries."""

    number: str
    issuing_state: str = ""
    document_type: str = ""
    fraud_category: str = "invalid"
    reported: date | None = None
    issued: date | None = None
    expires: date | None = None
    review_date: date | None = None
    theft_state: str = ""
    reference: str = ""
    person: int | None = None
    silent: bool = False
    action: str = ""


@dataclass(frozen=True, slots=True)
class EntryName:
    """One name of a person as the source writes it (any script)."""

    text: str
    quality: Quality = "good"


@dataclass(frozen=True, slots=True)
class PersonEntry:
    """One person of a list; ``documents`` are put into the document table by the publisher."""

    reference: str
    names: tuple[EntryName, ...]
    births: tuple[DateInterval, ...] = ()
    sex: str = ""
    nationalities: tuple[str, ...] = ()
    documents: tuple[DocumentEntry, ...] = ()
    notice: str = ""
    action: str = ""
    silent: bool = False
    review_date: date | None = None
