"""A file of JSON objects, one a line, so that damage in one line costs that line alone.

Laws:
1. A line over ``MAX_LINE``, not JSON, or no object: a complaint. Blank lines are nothing.
2. A last line without its end that is not JSON shows a file cut short, which stops the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from hq.sources.base import Complaint, SourceError

MAX_LINE: Final = 4 << 20  # bytes

Object = dict[str, Any]


def objects(path: Path) -> Iterator[tuple[int, Object] | Complaint]:
    """``(line number from 1, object)``, or what is wrong with the line. Raises ``SourceError``."""
    try:
        with path.open("rb") as file:
            number = 0
            while raw := file.readline(MAX_LINE + 1):
                number += 1
                whole = raw.endswith(b"\n")
                if len(raw) > MAX_LINE:
                    while raw and not raw.endswith(b"\n"):
                        raw = file.readline(MAX_LINE)
                    yield Complaint(path.name, number, f"the line is longer than {MAX_LINE} bytes", lost=True)
                    continue
                if not raw.strip():
                    continue
                found = decoded(raw)
                if isinstance(found, dict):
                    yield number, found
                elif not whole and found is None:
                    raise SourceError(f"{path.name} ends within a line", advice="download the file again")
                else:
                    yield Complaint(path.name, number, "the line is not a JSON object", lost=True)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}", advice="check the path") from error


def decoded(raw: bytes) -> Any:
    """The value of JSON bytes, None for what is none (and for null)."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def whole(path: Path, limit: int) -> Any:
    """The value of one JSON file of at most ``limit`` bytes. Raises ``SourceError``."""
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read: {error.strerror}", advice="check the path") from error
    if len(raw) > limit:
        raise SourceError(f"{path.name} is longer than {limit} bytes", advice="check the path")
    found = decoded(raw)
    if found is None:
        raise SourceError(f"{path.name} is not JSON", advice="download the file again")
    return found
