"""Papers in the remarks of OFAC's SDN list: ``Passport L898902C3 (Utopia) issued 12 Apr 2012 expires 11 Apr 2022``.

Laws:
1. Numbers of passports and identity cards come out as entries, or the caller is told why not.
2. The issuer is the State in parentheses; without one, or with an unknown one, it is unknown (''), which matches any.
3. Papers without a machine-readable zone (tax, voter, driver, social security) give no entry: their short
   numbers would only strike strangers.
4. The validity of a passport is kept for the officer and never hides the record: expired passports are shown too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from edge.core.watch.entries import LISTED_PERSON, MAX_NUMBER, DocumentEntry, EntryName
from hq.sources import ofac_dates
from hq.sources.un_documents import MIN_NUMBER, numbers_in
from hq.sources.un_names import of_document_note

_WHAT: Final = {"P": "a passport", "I": "an identity card", "V": "a visa"}
_NO: Final = r"(?:\s*(?:No\.?|Number|#|Num\.?))?"
_NO_CARD: Final = "SSN|Tax|Fiscal|Driver|Driver's|License|Trade|Registration|Voter|Electoral|VAT|Bank|Military|Company"
_BEFORE: Final = rf"(?:(?!(?:{_NO_CARD})\b)[A-Za-z'-]+ ){{0,3}}?"

PASSPORTS: Final = (
    rf"{_BEFORE}(?:Passport|Travel Document|Laissez[- ]Passer|Stateless Person ID Card|Refugee ID Card|Seafarer's"
    rf"(?: Identification)? Document)(?:\s+Card)?{_NO}(?=\W|$)"
)
IDENTITY_CARDS: Final = (
    rf"{_BEFORE}(?:Citizen's Card|National (?:Foreign )?ID|National Identi(?:ty|fication)(?: Card)?|"
    rf"Cedula(?: de (?:Ciudadania|Identidad|Extranjeria|Residencia))?|D\.?N\.?I\.?|"
    rf"(?:Personal )?Identi(?:ty|fication)(?: Card)?|(?:Personal |Civil )?ID(?: Card)?|"
    rf"Numero de Identidad|Carte? (?:Nationale )?d'Identite|Residen(?:cy|t)(?: Card)?|Permanent Resident(?: Card)?|"
    rf"Tarjeta de (?:Identidad|Extranjeria)|Interior Ministry ID|N\.?I\.?E\.?){_NO}(?=\W|$)"
)
VISAS: Final = r"Visa ?Number ?(?:ID)?(?=\W|$)"
NO_ZONE: Final = (
    r"(?:.{0,40}\b(?:Tax(?:payer)?|Fiscal|Licen[cs]e|Registration|Registry|Certificate|VAT|Permit|Account)\b"
    r"|SSN\b|R\.?F\.?C\.?\b|C\.?U\.?R\.?P\.?\b|C\.?U\.?I\.?[TPLR]?\.?\b|NIT\b|NIE\b|RUC\b|RTN\b"
    r"|I\.?F\.?E\.?\b|RIF\b|C\.?R\.? No"
    r"|I\.?N\.?N\.?\b|LE (?:Number|No)|SNILS|Credencial|Cartilla|Electoral|Voter|Matricula|Driver"
    r"|Military|Pilot|Police|V\.?A\.?T\.|US FEIN|D-U-N-S|Birth|BIK|Pension"
    r"|Moneda|File Number|Afghan Money|Public Security|Legal Entity|Company)"
)
POSITIONS: Final = (
    r"(?:(?:.*\b(?:Minister|Ministry|Director|General|Member|Chair(?:man|woman|person)?|Commander|President|Chief"
    r"|Head|Secretary|Officer|Deputy|Governor|Ambassador|Representative|Official|Leader|Manager|Judge|Advisor|Adviser"
    r"|Colonel|Major|Captain|Admiral|Brigadier|Lieutenant|Professor|Doctor|Dr|Lawyer|Attorney|Engineer|Prosecutor"
    r"|Senator|Mayor|Speaker|Employee|Agent|Owner|Founder|Coordinator|Financier|Facilitator|Operative|Businessman"
    r"|Imam|Sheikh|Mullah|Mufti|Emir|Amir|Counselor|Consul|Attache|Treasurer|Partner|Shareholder|Rector|Spokesman"
    r"|Inspector|Superintendent|Commissioner|Comptroller|Magistrate|Delegate|Envoy|Liaison|CEO|Executive|Principal|Haji"
    r"|Hajji|Constituent)s?\b))"
)

_TEXT: Final = re.compile(
    r"(?P<number>(?:[^()]|(?<=\w)\(\w\)|\([A-Z]\)(?=\d))*)(?:\((?P<state>(?:[^()]|\([^()]*\))*)\)?)?(?P<after>.*)"
)
_CHECK: Final = re.compile(r"\((\w)\)")
_ISSUED: Final = re.compile(r"\bissued\s+(?:on\s+)?(?P<day>\d{1,2} [A-Za-z]{3,9} \d{4})", re.IGNORECASE)
_EXPIRES: Final = re.compile(r"\bexpire[sd]?\s+(?:on\s+)?(?P<day>\d{1,2} [A-Za-z]{3,9} \d{4})", re.IGNORECASE)
_VALIDITY: Final = re.compile(r"\b(?:issued|expire[sd]?)\b.*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paper:
    """What one paper gave. ``doubt`` says what of it could not be read ('' for nothing)."""

    documents: tuple[DocumentEntry, ...]
    names: tuple[EntryName, ...] = ()
    doubt: str = ""


def entries(kind: str, text: str, reference: str, state: Callable[[str], str]) -> Paper | str:
    """What stands behind the word for a paper of ``kind`` P, I or V -> its documents, or why there is none."""
    what = _WHAT[kind]
    match = _TEXT.match(text)
    if match is None:
        return f"{what} is listed with no number"
    written = _VALIDITY.sub("", match["number"])
    numbers = _numbers(written)
    if not numbers:
        return f"{what} is listed with no number that a zone could print"
    issuer = state(match["state"]) if match["state"] else ""
    entry = DocumentEntry(
        number=numbers[0],
        issuing_state=issuer,
        document_type=kind,
        fraud_category=LISTED_PERSON,
        issued=_day(_ISSUED, text),
        expires=_day(_EXPIRES, text),
        reference=reference,
    )
    doubt = "" if issuer or not match["state"] else f"the issuer of {what} names no known State; it counts as unknown"
    return Paper(tuple(replace(entry, number=n) for n in numbers), of_document_note(match["after"]), doubt)


def _numbers(text: str) -> list[str]:
    """Distinct numbers; one with its check character in parentheses comes out with and without it."""
    found = [*numbers_in(_CHECK.sub(r"\1", text)), *numbers_in(_CHECK.sub("", text))]
    return [n for n in dict.fromkeys(found) if MIN_NUMBER <= len(n) <= MAX_NUMBER]


def _day(pattern: re.Pattern[str], text: str) -> date | None:
    match = pattern.search(text)
    return ofac_dates.day(match["day"]) if match else None
