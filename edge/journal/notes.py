"""What may stand in a note of the audit chain: a code and a few facts, within limits, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edge.journal.model import Fact, JournalError

KIND: Final = r"^[a-z][a-z0-9_]{1,47}\Z"
MAX_FACTS: Final = 32
MAX_TEXT: Final = 200  # characters of one value
MAX_NUMBER: Final = 2**53 - 1  # what every reader of JSON reads alike
# Rows that the journal writes of itself; nobody else may.
OWN_KINDS: Final = frozenset({
    "passage", "finger", "closing", "dropped", "store_adopted", "ack_reset", "checkpoint", "epoch_renewed",
    "journal_set_aside", "rows_lost", "retention", "entries_forgotten", "device_renamed",
})  # fmt: skip


def checked(kind: str, facts: Mapping[str, Fact]) -> dict[str, Fact]:
    """The facts, copied; JournalError for a kind, a name or a value that may not stand in the chain."""
    if kind in OWN_KINDS or not re.match(KIND, kind):
        raise _wrong(f"{kind[:48]!r} is no kind of a note")
    if len(facts) > MAX_FACTS:
        raise _wrong(f"{len(facts)} facts; at most {MAX_FACTS} are allowed")
    for name, value in facts.items():
        if name == "late" or not re.match(KIND, name):
            raise _wrong(f"{name[:48]!r} is no name of a fact")
        if isinstance(value, str) and len(value) > MAX_TEXT:
            raise _wrong(f"{name}: {len(value)} characters; at most {MAX_TEXT} are allowed")
        if isinstance(value, int) and abs(value) > MAX_NUMBER:
            raise _wrong(f"{name}: a number beyond 2**53")
    return dict(facts)


def checked_code(code: str) -> str:
    """The code; JournalError if it is none."""
    if not re.match(KIND, code):
        raise _wrong(f"{code[:48]!r} is no code")
    return code


def _wrong(what: str) -> JournalError:
    return JournalError(f"a note that may not be written: {what}", advice="report this as a fault of the program")
