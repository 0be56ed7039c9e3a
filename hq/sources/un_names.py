"""Names in the UN consolidated list: aliases that hold several names, a script, or a remark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from edge.core.watch.entries import MAX_NAME_CHARACTERS, EntryName, Quality

_PARENTHESES: Final = re.compile(r"\(([^()]*)\)?")
_ENUMERATOR: Final = re.compile(r"(?:^|\s)[a-h]\)\s")
_TAIL: Final = re.compile(r",?\s*\bborn\b.*$", re.IGNORECASE | re.DOTALL)
_SCRIPT: Final = re.compile(r"^\s*original script\s*:\s*", re.IGNORECASE)
_REMARK: Final = re.compile(
    r"\bname\b|listed|identit|third|junior|passport|number|\bdate\b|expir|born", re.IGNORECASE
)
_SON_OF: Final = re.compile(r"\s+son of\s+", re.IGNORECASE)
_EDGES: Final = " \t,;:.()\"“”„«»"
_IN_SCRIPT: Final = re.compile(
    r"(?:original script|in arabic|name in arabic script)\s*:\s*(?P<name>[^;(]+)", re.IGNORECASE
)
_IN_NAME_OF: Final = re.compile(
    r"(?:under\s+(?:the\s+)?name(?:\s+of)?|in\s+the\s+name\s+of|made\s+out\s+to|issued\s+(?:for|to))\s+"
    r"(?P<name>[^,;(]+?)(?=\s*(?:[,;(]|\.(?:\s|$)|$|\s(?:issued|expire|born)))",
    re.IGNORECASE,
)
_LIST: Final = re.compile(r"[^:.\d;]+(?:;[^:.\d;]+)+")


def joined(parts: tuple[str, ...]) -> str:
    """FIRST_NAME to FOURTH_NAME as one name."""
    return " ".join(" ".join(parts).split())[:MAX_NAME_CHARACTERS]


def is_latin(text: str) -> bool:
    """True if the first letter belongs to the Latin alphabet."""
    first = next((c for c in text if c.isalpha()), "A")
    return ord(first) < 0x0370


def of_alias(text: str, quality: Quality) -> tuple[EntryName, ...]:
    """Every name that one ALIAS_NAME holds.

    ``;`` and ``b)`` separate names; parentheses hold the name in another script, other spellings, a
    variant of the word before them, or a remark, which is dropped; a comma stands between surname
    and given names and separates nothing.
    """
    text = _TAIL.sub("", " ".join(text.split()))
    outside = " ".join(_PARENTHESES.sub(" ", text).split())
    found = [p for p in _pieces(outside) if p]
    for match in _PARENTHESES.finditer(text):
        inner, before = match[1].strip(), text[: match.start()].strip(_EDGES)
        found += _of_parentheses(inner, before)
    return tuple(dict.fromkeys(EntryName(n, _quality(n, quality)) for n in found))


def of_alias_note(note: str, quality: Quality) -> tuple[EntryName, ...]:
    """Names in the NOTE of an alias: in another script, or a list of further spellings."""
    note = " ".join(note.split())
    found = [m["name"] for m in _IN_SCRIPT.finditer(note) if not is_latin(m["name"])]
    if _LIST.fullmatch(note) and "(" not in note:
        found += note.split(";")
    for match in _PARENTHESES.finditer(note):
        if _LIST.fullmatch(match[1].replace("Dr.", "")):
            found += match[1].split(";")
    names = (n.strip(_EDGES) for n in found)
    return tuple(dict.fromkeys(EntryName(n, _quality(n, quality)) for n in names if n))


def of_document_note(note: str) -> tuple[EntryName, ...]:
    """The name that a listed document was issued in, where its note says so."""
    note = " ".join(note.split())
    latin = [m["name"].strip(_EDGES) for m in _IN_NAME_OF.finditer(note)]
    other = [m["name"].strip(_EDGES) for m in _IN_SCRIPT.finditer(note) if not is_latin(m["name"])]
    return tuple(EntryName(n[:MAX_NAME_CHARACTERS], "document") for n in (*latin, *other) if n)


def _quality(name: str, quality: Quality) -> Quality:
    return "original" if quality == "good" and not is_latin(name) else quality


def _pieces(text: str) -> Iterator[str]:
    for part in _ENUMERATOR.sub(";", text).split(";"):
        yield _SON_OF.sub(" bin ", part).strip(_EDGES)[:MAX_NAME_CHARACTERS]


def _of_parentheses(inner: str, before: str) -> list[str]:
    """The names inside one pair of parentheses, given the text before it."""
    inner = _SCRIPT.sub("", inner)
    if not inner or _REMARK.search(inner):
        return []
    if is_latin(inner) and before and is_latin(before):
        words = before.split()
        if len(words) > 1 and len(inner.split()) == 1:
            return [" ".join([*words[:-1], inner])]
        return []
    if not before:
        return []  # "(Sheikh) Name": a title
    return [p for p in _pieces(inner) if p]
