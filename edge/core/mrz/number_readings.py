"""Which numbers a document may bear: the keys that screening asks the lists by.

Laws:
1. A reading is A-Z and 0-9 only. Lower case and decimal digits of other scripts count as what they
   stand for; everything else drops out.
2. Most likely first: as printed (or the whole long number, then its nine principal characters), then
   corrections, then look-alikes by number of changes; never more than ``MAX_READINGS``, none twice.
3. Look-alikes that the check digit cannot see (6/G, 1/L, 8/S, K/<: equal modulo 10) are always read;
   those that it would have caught (O/0, I/1, S/5, B/8, Z/2) only if it disagrees, or if there is no digit.
4. The number field of a visa holds the visa's or the passport's number (Doc 9303-7 section 4.2.2.2):
   it is read under the issuing State and under the nationality.
5. Where the lines fit no format, a line in which a number and its digit stand in their usual places and
   agree still gives a reading, as a look-alike and under no State: one lost character in the other
   line must not hide a wanted document.
6. A row of a zone that came alone gives the number that it holds, as printed: under the issuing State if the row
   names it (TD1), else under no State.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import combinations, islice, product
from typing import Final

from edge.core.documents import NumberReading, NumberSource, TravelDocument
from edge.core.mrz.digits import digit_of, is_legal, values_of
from edge.core.mrz.layouts import ALL

MAX_READINGS: Final = 64
MAX_CHANGES: Final = 3       # look-alike characters changed in one reading
PRINCIPAL_LENGTH: Final = 9  # characters

_JOINED: Final = {88: 44, 72: 36, 90: 30}  # length of a zone sent as one line: length of its lines
_NUMERIC: Final = frozenset("0123456789")

_UNSEEN: Final = dict(zip("6G1L8SK", "G6L1S8<", strict=True))
_SEEN: Final = dict(zip("0O1I5S8B2Z", "O0I1S5B8Z2", strict=True))
_ALL: Final = {c: _UNSEEN.get(c, "") + _SEEN.get(c, "") for c in _UNSEEN.keys() | _SEEN.keys()}


def readings(document: TravelDocument) -> tuple[NumberReading, ...]:
    """Every plausible number of a document, most likely first; empty if it has no fields or no number."""
    fields, layout = document.known, document.format or (document.part.layout if document.part else None)
    if fields is None or layout is None:
        return _salvaged(document.lines)
    issuers = [_state(fields.issuing_state)]
    if layout in ("MRVA", "MRVB") and fields.nationality and document.format:
        issuers.append(_state(fields.nationality))
    printed = fields.document_number
    bases: list[tuple[str, NumberSource]] = []
    if len(fields.document_number) > _width(layout):
        bases.append((printed, NumberSource.LONG))
        bases.append((printed[:PRINCIPAL_LENGTH], NumberSource.PRINCIPAL))
    else:
        bases.append((printed, NumberSource.PRINTED))
    for alternative in document.alternatives:
        if alternative.field == "document_number":
            bases.append((alternative.value, NumberSource.CORRECTED))

    found: dict[tuple[str, str], NumberReading] = {}
    bases = [(_plain(text), source) for text, source in bases]
    for text, source in bases:
        _add(found, text, source, issuers)
    table = _ALL if any(f.code == "document_number" for f in document.findings) else _UNSEEN
    texts = [text for text, source in bases if source is not NumberSource.CORRECTED]
    for changes in range(MAX_CHANGES):
        for text in texts:
            for folded in _folds(text, table, changes + 1):
                if len(found) + len(issuers) > MAX_READINGS:
                    return tuple(found.values())
                _add(found, folded, NumberSource.LOOK_ALIKE, issuers)
    return tuple(found.values())


def look_alikes(number: str) -> tuple[str, ...]:
    """A typed number with one look-alike exchanged, every one there is: no check digit vouches for any character."""
    found = (folded.replace("<", "") for folded in _folds(number, _ALL, 1))
    return tuple(dict.fromkeys(islice(found, MAX_READINGS)))


def _salvaged(lines: tuple[str, ...]) -> tuple[NumberReading, ...]:
    if len(lines) == 1 and len(lines[0]) in _JOINED:  # the lines of one zone, joined
        size = _JOINED[len(lines[0])]
        lines = tuple(lines[0][i : i + size] for i in range(0, len(lines[0]), size))
    found = {}
    for line in lines:
        for start in (0, 5):  # lower line of TD2, TD3 and visas; upper line of TD1
            number, digit = line[start : start + 9], line[start + 9 : start + 10]
            if is_legal(number) and digit == digit_of(values_of(number)) and _NUMERIC & set(number):
                plain = number.replace("<", "")
                found[plain] = NumberReading(plain, "", NumberSource.LOOK_ALIKE)
    return tuple(found.values())


def _width(layout: str) -> int:
    """The characters of the number's own field; a longer number goes on in the optional data."""
    span = ALL[layout].document_number
    return int(span.stop - span.start)


def _add(
    found: dict[tuple[str, str], NumberReading], text: str, source: NumberSource, issuers: list[str]
) -> None:
    number = text.replace("<", "")
    for issuer in issuers:
        if number and (number, issuer) not in found:
            found[number, issuer] = NumberReading(number, issuer, source)


def _folds(text: str, table: dict[str, str], changes: int) -> Iterator[str]:
    """The readings of ``text`` with exactly so many look-alikes exchanged, bounded."""
    sites = [i for i, c in enumerate(text) if c in table]
    return islice(_exchanged(text, sites, table, changes), 4 * MAX_READINGS)


def _exchanged(text: str, sites: list[int], table: dict[str, str], changes: int) -> Iterator[str]:
    for chosen in combinations(sites, changes):
        for others in product(*(table[text[i]] for i in chosen)):
            characters = list(text)
            for i, other in zip(chosen, others, strict=True):
                characters[i] = other
            yield "".join(characters)


def _plain(text: str) -> str:
    """``text`` in the zone's alphabet: upper case, ASCII digits, fillers kept, everything else dropped."""
    if is_legal(text):
        return text
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c, "")) or c for c in unicodedata.normalize("NFKC", text))
    return "".join(c for c in text.upper() if c.isascii() and (c.isalnum() or c == "<"))


def _state(code: str) -> str:
    return _plain(code).replace("<", "")
