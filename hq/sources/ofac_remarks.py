"""The remarks of OFAC's SDN list: free text cut into parts, each part read, passed over, or not understood.

``DOB 12 Aug 1974; alt. DOB 1975; POB Zenith, Utopia; nationality Utopia; Passport L898902C3 (Utopia)``

Laws:
1. Parts are separated by semicolons; "alt." before a part changes nothing of its meaning.
2. A part is read by the first row of ``TABLE`` that it fits. What no row fits is not understood and said
   to be so, after birth dates and passports that its prose names have been taken from it.
3. An alias that stands in remarks is one that OFAC rates as weak: its quality is ``low``.
4. "possibly" and "circa" are doubts, not denials: what they stand with is kept, dates widened.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge.core.documents import DateInterval
from edge.core.watch.entries import MAX_NAME_CHARACTERS, DocumentEntry, EntryName
from hq.sources import ofac_dates, ofac_papers, un_dates, un_documents
from hq.sources.person_parts import Say, state_of

MAX_PARTS: Final = 1_000  # of one record's remarks

_SEX: Final = {"male": "M", "female": "F", "unknown": ""}
_OF_SELF: Final = frozenset({"positions", "descriptions", "detentions", "places of birth"})
"""Parts passed over that speak of the person alone: prose in them may still name a birth date or a passport."""
_QUOTES: Final = " \t\"'“”‘’`.,"
_NAMES: Final = {
    "korea, north": "PRK", "korea, south": "KOR", "west bank": "PSE", "region: gaza": "PSE", "palestinian": "PSE",
    "macedonia, the former yugoslav republic of": "MKD", "congo, republic of the": "COG", "gambia, the": "GMB",
    "bahamas, the": "BHS", "hong kong": "HKG", "macau": "MAC",
}


@dataclass(slots=True)
class Found:
    """What the remarks of one person hold."""

    births: list[DateInterval] = field(default_factory=list)
    names: list[EntryName] = field(default_factory=list)
    nationalities: list[str] = field(default_factory=list)
    documents: list[DocumentEntry] = field(default_factory=list)
    sex: str = ""


@dataclass(slots=True)
class Tally:
    """How the parts of a whole list were taken; the keys of ``passed_over`` are the table's own words."""

    read: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    not_understood: int = 0

    @property
    def parts(self) -> int:
        """All parts seen."""
        return self.read + self.passed_over.total() + self.not_understood


def read(remarks: str, reference: str, say: Say, tally: Tally) -> Found:
    """The remarks of one person -> what they hold. ``say`` hears of every part that is not understood."""
    found = Found()
    parts = [p for part in remarks.split(";") if (p := " ".join(part.split()).rstrip(" .")) and p != "-0-"]
    if len(parts) > MAX_PARTS:
        say(f"parts of the remarks beyond the first {MAX_PARTS} are left out")
    for part in parts[:MAX_PARTS]:
        _part(part, found, reference, say, tally)
    return found


def state(text: str) -> str:
    """A State as OFAC names it (``Korea, North``, ``possibly Utopia``) -> its code; '' for none."""
    bare = text.removeprefix("possibly ").split(". ")[0].strip(" .")
    known = _NAMES.get(bare.casefold()) or state_of(bare)
    if known or "," not in bare:
        return known
    first, _, second = bare.partition(",")
    return state_of(f"{second.strip()} {first}")


def _part(part: str, found: Found, reference: str, say: Say, tally: Tally) -> None:
    bare = re.sub(r"^(?:alt\.\s*|possibly\s+)+", "", part, flags=re.IGNORECASE)
    for fits, take in TABLE:
        match = fits.match(bare)
        if not match:
            continue
        if isinstance(take, str):
            tally.passed_over[take] += 1
            if take in _OF_SELF:
                _of_prose(bare, found, reference)
        else:
            said = take(match, found, reference)
            if said:
                say(said)
            tally.read += not said
            tally.not_understood += bool(said)
        return
    _of_prose(bare, found, reference)
    tally.not_understood += 1
    say("a part of the remarks is not understood")


def _of_prose(text: str, found: Found, reference: str) -> None:
    found.births += un_dates.births_in(text)
    found.documents += un_documents.of_prose(text, reference)


def _birth(match: re.Match[str], found: Found, _reference: str) -> str:
    interval = ofac_dates.birth(match["rest"])
    if interval is None:
        return "a birth date cannot be read"
    found.births.append(interval)
    return ""


def _name(match: re.Match[str], found: Found, _reference: str) -> str:
    text = match["rest"].strip(_QUOTES)[:MAX_NAME_CHARACTERS]
    if not text:
        return "an alias holds no name"
    found.names.append(EntryName(text, "low"))
    return ""


def _nationality(match: re.Match[str], found: Found, _reference: str) -> str:
    code = state(match["rest"])
    if not code:
        return "a nationality names no known State"
    found.nationalities.append(code)
    return ""


def _sex(match: re.Match[str], found: Found, _reference: str) -> str:
    sex = _SEX.get(match["rest"].casefold())
    if sex is None:
        return "a gender is none of male, female, unknown"
    found.sex = sex
    return ""


def _paper(kind: str) -> Callable[[re.Match[str], Found, str], str]:
    def take(match: re.Match[str], found: Found, reference: str) -> str:
        made = ofac_papers.entries(kind, match["rest"], reference, state)
        if isinstance(made, str):
            return made
        found.documents += made.documents
        found.names += made.names
        return made.doubt

    return take


def _row(pattern: str, take: str | Callable[[re.Match[str], Found, str], str]) -> tuple[
    re.Pattern[str], str | Callable[[re.Match[str], Found, str], str]
]:  # fmt: skip
    return re.compile(pattern, re.IGNORECASE), take


_REST: Final = r"\s*[:.]?\s*(?P<rest>.*)$"

TABLE: Final = (
    _row(r"DOB\b" + _REST, _birth),
    _row(r"(?:a|f|n)\.?k\.?a\.?(?=\W)" + _REST, _name),
    _row(r"(?:nationality|citizen(?: of)?)(?=\s)" + _REST, _nationality),
    _row(r"Gender\b" + _REST, _sex),
    _row(ofac_papers.PASSPORTS + _REST, _paper("P")),
    _row(ofac_papers.IDENTITY_CARDS + _REST, _paper("I")),
    _row(ofac_papers.VISAS + _REST, _paper("V")),
    _row(ofac_papers.NO_ZONE, "papers without a machine-readable zone"),
    _row(r"(?:POB|Birth ?place)\b", "places of birth"),
    _row(
        r"\(?(?:Linked To|Subsidiary of|(?:son|brother|wife|father|daughter|husband|mother|spouse) of)\b",
        "links to others",
    ),
    _row(
        r"(?:Additional Sanctions|Secondary sanctions|Transactions Prohibited|Executive Order|CAATSA|PEESA|IFCA\b"
        r"|Effective Date|SDN\b|Listing|Target Type|.*Sanctions? (?:Information|Risk)|Section \d|For more information"
        r"|.*Determination|DIRECTIVE|.*\bInformation - )",
        "sanctions programmes",
    ),
    _row(
        r"(?:Email|Website|Phone|Telephone|Tel\b|Fax|Mobile|Digital Currency|SWIFT|Skype|Facebook|Twitter|URL)",
        "ways of contact",
    ),
    _row(r".*\b(?:arrested|incarcerated|imprisoned|detained|custody|extradited|captured)\b", "detentions"),
    _row(r"(?:Deceased|Date of death|DOD\b|.*\bdeceased\b|.*reportedly killed)", "deaths"),
    _row(r"(?:Member ETA|ICTY indictee|Scientific Studies|Chinese Commercial Code|.*\bindictee)", "descriptions"),
    _row(
        r"(?:(?:Height|Weight|Eyes?|Hair|Complexion|Build|Race|Ethnicity|Religion|Languages?|Marital|Identifying"
        r"|Physical)\b|Blood Type)",
        "descriptions",
    ),
    _row(ofac_papers.POSITIONS, "positions"),
)
"""Pattern at the start of a part (after "alt.") -> what takes it, or the word it is passed over under."""
