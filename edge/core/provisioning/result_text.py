"""The RESULT file: what a technician reads on the stick, in Arabic, French and English, made of the outcome alone.

Laws:
1. The first line is the verdict, in all three languages, with the codes that matter; it is written so that the top of
   the file suffices.
2. Arabic is readable as plain text in a window of either direction: a line begins with an Arabic letter, and Latin
   letters and figures stand behind its colon, at the end.
3. Nothing from a stick is repeated as it stands: control characters and marks of direction become ``?``, and a
   detail has a limit. No personal data comes here, because an outcome holds none.
4. Whatever an outcome says, a text comes out: words that are not known are shown as they are.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from edge.core.provisioning.codes import MAX_DETAIL, Code, Grade
from edge.core.provisioning.inbox import ListLine, Part, StickOutcome
from edge.core.provisioning.texts_data import LABELS, LANGUAGES, TEXTS, VERDICTS, Advice
from edge.core.trusted import ClockState

MAX_PARTS: Final = 64  # told in full; more are counted
MAX_LISTS: Final = 64
_RULE: Final = "-" * 64
_SECONDS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
_GRADES: Final = {"1": Grade.OK, "2": Grade.REFUSED, "3": Grade.REFUSED, "4": Grade.REFUSED, "5": Grade.FAULT}
# Direction: a viewer may hide or turn what stands beside (Unicode Standard Annex 9).
_TURNING: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def grade_of(code: Code) -> Grade:
    """How a part ends that ends with this code: 1xx OK, 5xx FAULT, everything between REFUSED."""
    return _GRADES[code.value[3]]


def part(name: str, code: Code, detail: str = "") -> Part:
    """A part of an outcome with the grade of its code and a detail within its limit."""
    return Part(part=name, code=code, grade=grade_of(code), detail=detail[:MAX_DETAIL])


def grade(parts: Iterable[Part]) -> Grade:
    """How the whole visit ended: FAULT beats all; OK beside REFUSED is PART; of nothing at all, REFUSED.

    "Nothing newer" is nothing done: beside a refusal it does not count.
    """
    told = tuple(parts)
    found = {one.grade for one in told if one.code is not Code.UP_TO_DATE} or {one.grade for one in told}
    if Grade.FAULT in found:
        return Grade.FAULT
    if Grade.PART in found or found >= {Grade.OK, Grade.REFUSED}:
        return Grade.PART
    return Grade.OK if found == {Grade.OK} else Grade.REFUSED


def explain(code: Code, language: str = "en") -> Advice:
    """Cause and next step of a code; English for a language that is none of ``LANGUAGES``."""
    return TEXTS.get(language, TEXTS["en"])[code]


def result_text(outcome: StickOutcome) -> str:
    """``RESULT-<n>.txt``: lines that end in CR LF, the verdict first. To be written by ``result_bytes``."""
    whole = grade(outcome.parts)
    lines = [_first(outcome, whole), ""]
    for language in LANGUAGES:
        lines += [_RULE, *_section(outcome, whole, language), ""]
    details = [
        f"{one.code} {plain(one.part)}: {plain(one.detail)}" for one in outcome.parts[:MAX_PARTS]
        if one.detail or one.grade is not Grade.OK
    ]
    if details:
        lines += [_RULE, "FOR HEADQUARTERS", *details, ""]
    return "\r\n".join(lines)


def result_bytes(outcome: StickOutcome) -> bytes:
    """The same as a file: UTF-8 with its mark in front, by which every Windows editor knows the encoding."""
    return b"\xef\xbb\xbf" + result_text(outcome).encode("utf-8", "replace")


def plain(text: str) -> str:
    """``text`` with nothing in it that moves a cursor, ends a line or turns the direction; at most MAX_DETAIL."""
    return "".join(
        "?" if c in _TURNING or unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} else c
        for c in text[:MAX_DETAIL]
    )


def _first(outcome: StickOutcome, whole: Grade) -> str:
    words = " / ".join(VERDICTS[language][whole][0] for language in ("en", "fr", "ar"))
    codes = dict.fromkeys(one.code.value for one in outcome.parts[:MAX_PARTS] if whole is Grade.OK
                          or one.grade is not Grade.OK)
    return " ".join([f"{words} /", *(codes or [Code.NO_PAPERS.value])])


def _section(outcome: StickOutcome, whole: Grade, language: str) -> Iterator[str]:
    label = LABELS[language]
    yield label["language"]
    yield VERDICTS[language][whole][1]
    yield ""
    for code in _told(outcome.parts):
        advice = TEXTS[language][code]
        for word, text in (("code", code.value), ("cause", advice.cause), ("step", advice.step)):
            yield f"{label[word]}{label['colon']}{text}"
        yield ""
    for word, text in _facts(outcome, label):
        yield f"{word}{label['colon']}{text or label['none']}"


def _told(parts: tuple[Part, ...]) -> list[Code]:
    """The codes to explain, each once: what needs somebody first, then what was done."""
    urgent = sorted(parts[:MAX_PARTS], key=lambda one: one.grade is Grade.OK)
    return list(dict.fromkeys(one.code for one in urgent)) or [Code.NO_PAPERS]


def _facts(outcome: StickOutcome, words: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    certain = words["unsure"] if outcome.clock in {"", ClockState.UNTRUSTED} else words["sure"]
    yield words["serial"], plain(outcome.serial)
    yield words["device"], plain(outcome.device)
    yield words["site"], plain(outcome.site)
    yield words["sequence"], str(outcome.sequence or "")
    yield words["certificate"], _moment(outcome.certificate_until)
    yield f"{words['clock']} ({certain})", _moment(outcome.at)
    yield words["software"], plain(outcome.software)
    yield words["unsent"], str(outcome.unsent)
    yield words["audit"], f"{outcome.audit_rows} {plain(outcome.audit_head)}".rstrip()
    for line in outcome.lists[:MAX_LISTS]:
        yield words["list"], _list(line)
    if not outcome.lists:
        yield words["list"], words["no_lists"]


def _list(line: ListLine) -> str:
    state = f", {plain(line.state)}" if line.state else ""
    return f"{plain(line.list)}, {line.generation}, {_age(line.age_seconds)}{state}"


def _age(seconds: int | None) -> str:
    """``3 d``, ``5 h``, ``10 min``: rounded down; ``?`` if nobody knows."""
    if seconds is None or seconds < 0:
        return "?"
    return next((f"{seconds // unit} {name}" for unit, name in _SECONDS if seconds >= unit), "0 min")


def _moment(at: datetime | None) -> str:
    if at is None:
        return ""
    try:
        return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(' ', 'minutes')} UTC"
    except OverflowError:
        return str(at)
