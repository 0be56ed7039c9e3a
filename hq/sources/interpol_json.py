"""INTERPOL notices as JSON, in the shape of the public notices API: list pages and details.

The path names a JSON file or a folder of them. A file holds a page (``_embedded.notices``), one notice, or an array of
either. A notice met twice (on a page and in detail) becomes one entry with what both say.

Laws:
1. "-" and null stand for nothing; ``YYYY/00/00`` and ``YYYY`` are a whole year.
2. The colour is the one in the notice's own link; without a link it is unknown, which is reported.
3. What a notice says of charges is not read: a hit is a lead, and the second line asks the NCB.
4. A page states how many notices its query has; where fewer are here, a remark warns of it (one query gives
   160 at most).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edge.core.documents import DateInterval
from edge.core.watch.entries import MAX_NAME_CHARACTERS, MAX_REFERENCE, NOTICES, EntryName, PersonEntry
from hq.sources.base import Complaint, Item, SourceError
from hq.sources.json_lines import Object, whole
from hq.sources.person_parts import Say, births, comparable, nationalities, state_of

MAX_FILE: Final = 64 << 20      # bytes of one file
MAX_FILES: Final = 100_000      # in one folder
MAX_NOTICES: Final = 1_000_000  # held in memory

_READ_WORDS: Final = """
entity_id name forename date_of_birth nationalities sex_id _links aliases name_at_birth
"""
_READ: Final = frozenset(_READ_WORDS.split())
_PASSED_OVER_WORDS: Final = """
_embedded charge country country_of_birth_id date_of_event distinguishing_marks eyes_colors_id
father_forename father_name hairs_id height issuing_entity languages_spoken_ids mother_forename mother_name place
place_of_birth purpose summary un_reference warning weight image thumbnail birthday age_min age_max
"""
_PASSED_OVER: Final = frozenset(_PASSED_OVER_WORDS.split())
_SEX: Final = {"M": "M", "F": "F", "U": "", "X": "", "": ""}
_DAY: Final = re.compile(r"(\d{4})(?:[/-](\d{1,2})(?:[/-](\d{1,2}))?)?")
_COLOUR: Final = re.compile(r"/notices/v\d+/([a-z]+)/")
_ADVICE: Final = "give a page or the details of notices as the notices API returns them"


class InterpolJson:
    """A source of kind ``interpol-json``."""

    source_date: datetime | None = None  # the notices do not say when they were fetched

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: list[Path] = []
        self._unknown: Counter[str] = Counter()
        self._totals: dict[str, int] = {}
        self._on_pages: dict[str, set[str]] = {}

    @property
    def files(self) -> tuple[Path, ...]:
        """The file, or those of the folder."""
        return tuple(self._read)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Pages that are missing, and fields that are not known."""
        said = []
        for query, total in self._totals.items():
            here = len(self._on_pages[query])
            if here < total:
                said.append(f"warning: a query has {total:,} notices, {here:,} of them are here")
        if self._unknown:
            counts = ", ".join(f"{k} ({n:,})" for k, n in self._unknown.most_common(20))
            said.append(f"unknown fields are not read: {counts}")
        return tuple(said)

    def __iter__(self) -> Iterator[Item]:
        """Every notice once, in the order it was first met. Raises ``SourceError``."""
        notices: dict[str, tuple[str, int, Object]] = {}
        count = 0
        self._read = self._files()
        for file in self._read:
            for place, notice in enumerate(self._notices(whole(file, MAX_FILE), file.name), 1):
                count += 1
                if count > MAX_NOTICES:
                    raise SourceError(f"there are more than {MAX_NOTICES:,} notices", advice="split the folder")
                key = notice.get("entity_id") if isinstance(notice, dict) else None
                if not isinstance(notice, dict) or not isinstance(key, str) or not key.strip():
                    yield Complaint(file.name, place, "a notice has no entity_id", lost=True)
                elif key in notices:
                    first_file, first_place, before = notices[key]
                    told = {k: v for k, v in notice.items() if v not in (None, "", [])}
                    notices[key] = (first_file, first_place, {**before, **told})
                else:
                    notices[key] = (file.name, place, notice)
        for name, place, notice in notices.values():
            yield from self._entry(name, place, notice)

    def _files(self) -> list[Path]:
        if not self._path.is_dir():
            return [self._path]
        found = sorted(self._path.glob("*.json"))
        if not found or len(found) > MAX_FILES:
            raise SourceError(f"the folder {self._path.name} holds no JSON files, or too many", advice=_ADVICE)
        return found

    def _notices(self, found: Any, file: str) -> Iterator[Any]:
        if isinstance(found, list):
            for one in found:
                yield from self._notices(one, file) if _is_page(one) else (one,)
        elif _is_page(found):
            query = found.get("query")
            terms = query.items() if isinstance(query, dict) else ()
            key = repr(sorted(t for t in map(repr, terms) if "page" not in t.casefold()))
            seen = self._on_pages.setdefault(key, set())
            if isinstance(found.get("total"), int):
                self._totals[key] = found["total"]
            for one in found["_embedded"]["notices"]:
                seen.add(str(one.get("entity_id")) if isinstance(one, dict) else "")
                yield one
        elif isinstance(found, dict) and "entity_id" in found:
            yield found
        else:
            raise SourceError(f"{file} holds no notices", advice=_ADVICE)

    def _entry(self, file: str, place: int, notice: Object) -> Iterator[Item]:
        known = _READ | _PASSED_OVER
        self._unknown.update(
            k for k in notice if k not in known and not k.endswith("_warrants") and re.fullmatch(r"[a-z_]{1,40}", k)
        )
        said: list[str] = []
        made = person(notice, said.append)
        if isinstance(made, str):
            yield Complaint(file, place, made, lost=True)
            return
        for reason in said:
            yield Complaint(file, place, reason, lost=False)
        yield made


def person(notice: Object, say: Say) -> PersonEntry | str:
    """One notice -> one person, or the reason why there is none."""
    names = comparable(_names(notice, say), say)
    if not names:
        return "a notice has no name that can be compared"
    return PersonEntry(
        reference=_text(notice.get("entity_id"))[:MAX_REFERENCE],
        names=names,
        births=births(_births(notice.get("date_of_birth"), say), say),
        sex=_sex(notice.get("sex_id"), say),
        nationalities=nationalities(_states(notice.get("nationalities"), say), say),
        notice=_colour(notice, say),
    )


def _is_page(found: Any) -> bool:
    embedded = found.get("_embedded") if isinstance(found, dict) else None
    return isinstance(embedded, dict) and isinstance(embedded.get("notices"), list)


def _text(value: object) -> str:
    """A text with its spaces collapsed; '' for null, "-" and what is no text."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    return "" if text.strip("-–. ") == "" else text


def _names(notice: Object, say: Say) -> Iterator[EntryName]:
    surname, given = _text(notice.get("name")), _text(notice.get("forename"))
    if own := f"{surname} {given}".strip():
        yield EntryName(own[:MAX_NAME_CHARACTERS], "primary")
    if birth := _text(notice.get("name_at_birth")):
        yield EntryName(f"{birth} {given}".strip()[:MAX_NAME_CHARACTERS], "good")
    aliases = notice.get("aliases")
    for alias in aliases if isinstance(aliases, list) else ():
        parts = (alias.get("name"), alias.get("forename")) if isinstance(alias, dict) else (alias,)
        if text := " ".join(t for p in parts if (t := _text(p))):
            yield EntryName(text[:MAX_NAME_CHARACTERS], "good")
        else:
            say("an alias holds no name")


def _births(value: object, say: Say) -> Iterator[DateInterval]:
    text = _text(value)
    if not text:
        return
    match = _DAY.fullmatch(text)
    parts = [p for p in match.groups() if p] if match else []
    while parts and not int(parts[-1]):
        parts.pop()  # 00: not known
    found = DateInterval.parse("-".join(parts)) if parts else None
    if found is None and len(parts) == 3:
        found = DateInterval.parse("-".join(parts[:2]))  # 31 June: the month is believed
    if found is None or any(not int(p) for p in parts):
        say("a birth date cannot be read")
    else:
        yield found


def _sex(value: object, say: Say) -> str:
    found = _SEX.get(_text(value).upper())
    if found is None:
        say("sex_id is none of M, F, U")
    return found or ""


def _states(value: object, say: Say) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if not _text(one):
            continue
        if code := state_of(_text(one)):
            yield code
        else:
            say("a nationality names no known State")


def _colour(notice: Object, say: Say) -> str:
    links = notice.get("_links")
    link = links.get("self") if isinstance(links, dict) else None
    match = _COLOUR.search(_text(link.get("href"))) if isinstance(link, dict) else None
    if match and match[1] in NOTICES:
        return match[1]
    say("the colour of a notice is not stated")
    return ""
