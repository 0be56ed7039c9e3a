"""What the verbs that answer JSON lines share: bounded lines in, ids echoed, garbled text read.

Laws:
1. A line of input is bounded by ``MAX_LINE`` bytes; of a longer one only its number is given.
2. An id comes back byte for byte. Only what strict readers would refuse is mended: a number beyond a double
   becomes its own text as a string, bytes that are no UTF-8 become U+FFFD.
3. Garbled text is read leniently; what is no JSON object is None. Nothing here raises on data.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO, Final

import msgspec

MAX_LINE: Final = 65_536  # bytes of one line of input
MAX_KEYS, MAX_KEY = 5, 40  # unknown keys that an error names, and characters of each
NULL: Final = msgspec.Raw(b"null")
_LARGE: Final = re.compile(rb"\d[eE]|\d{290}")  # in no id without a match stands a number beyond a double


class _Head(msgspec.Struct):
    id: msgspec.Raw = NULL  # echoed byte for byte: it may be anything


_head = msgspec.json.Decoder(_Head)


def numbered(stream: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines without blank ones; None for one that is too long."""
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            while (more := stream.readline(MAX_LINE)) and not more.endswith(b"\n"):
                pass
            yield number, None
        elif stripped := raw.removeprefix(b"\xef\xbb\xbf").strip():
            yield number, stripped


def echoed(id_: msgspec.Raw) -> msgspec.Raw:
    """The id as it may be written again (law 2)."""
    raw = bytes(id_)
    try:
        raw.decode()
        if not _LARGE.search(raw) or not _beyond(raw):
            return id_
    except (ValueError, RecursionError):
        pass
    return _mended(raw.decode("utf-8", "replace"))


def understood(raw: bytes) -> tuple[msgspec.Raw, dict[str, Any] | None]:
    """The request's id and its object; (null, None) if it is none. Garbled text is read leniently."""
    try:
        head = _head.decode(raw)
        request = msgspec.json.decode(raw)
        return echoed(head.id), request if isinstance(request, dict) else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    return leniently(raw)


def key_names(keys: Sequence[str]) -> str:
    """Unknown keys as an error names them: at most ``MAX_KEYS``, ``MAX_KEY`` characters of each."""
    more = ", …" if len(keys) > MAX_KEYS else ""
    return ", ".join(key[:MAX_KEY] for key in keys[:MAX_KEYS]) + more


def leniently(raw: bytes) -> tuple[msgspec.Raw, dict[str, Any] | None]:
    """The id and the object in a line that the strict reader refused; (null, None) if it holds none.

    No surrogates are left in the object; each has become U+FFFD, one character.
    """
    text = raw.decode("utf-8", "replace")
    try:
        found = json.loads(text, parse_int=float)  # no number is a field: any kind will do
        if not isinstance(found, dict):
            return NULL, None
        id_ = json.loads(text, parse_float=_float, parse_int=_int).get("id")
        return msgspec.Raw(json.dumps(_printable(id_), allow_nan=False).encode("ascii")), _printable(found)
    except (ValueError, RecursionError):
        return NULL, None


def printable(text: str) -> str:
    """The text with U+FFFD, one character, for each surrogate: no surrogate can be written again."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(v) for v in value]
    if isinstance(value, dict):
        return {printable(k): _printable(v) for k, v in value.items()}
    return value


def _beyond(raw: bytes) -> bool:
    seen: list[str] = []

    def note(text: str) -> float:
        value = float(text)
        if math.isinf(value):
            seen.append(text)
        return value

    json.loads(raw, parse_float=note, parse_int=note)
    return bool(seen)


def _mended(text: str) -> msgspec.Raw:
    try:
        found = _printable(json.loads(text, parse_float=_float, parse_int=_int))
        return msgspec.Raw(json.dumps(found, allow_nan=False).encode("ascii"))
    except (ValueError, RecursionError):
        return NULL


def _float(text: str) -> float | str:
    return value if math.isfinite(value := float(text)) else text


def _int(text: str) -> int | str:
    return int(text) if math.isfinite(float(text)) else text
