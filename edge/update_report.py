"""What an update is told to do, and what came of it: the two messages between the daemon and the process that updates.

Laws:
1. A report names lists, generations, codes and counts; nothing from inside a list.
2. The last report stands in ``STATE/updates/last.json``, written by rename: `borderpost status` and `doctor` tell what
   a stick did as well as what the daemon did.
3. Neither message needs tuf: the daemon never imports it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from common.files import open_regular

FOLDER: Final = "updates"        # below the state folder: metadata, staging, parcel, last.json
LAST: Final = "last.json"
PARCEL: Final = "parcel"         # the newest urgent message, as it came
MAX_REPORT: Final = 256 * 1024   # bytes
MAX_PROBLEMS: Final = 200        # lists that one report speaks of
TRANSIENT: Final = frozenset({"source_unreachable", "source_slow", "busy", "list_busy"})  # try again sooner
# What a person must hear of; the rest mends itself, or means that this source has nothing for the box.
ALARMING: Final = frozenset({
    "foreign", "root_gap", "older", "expired", "root_expired", "clock_ahead", "clock_behind", "foreign_path",
    "bad_offer", "mismatch", "not_usable", "no_key", "no_way", "no_whole", "not_offered", "no_space", "disk", "damaged",
    "damaged_root", "library", "certificate", "unsafe_path",
})

# Of a message that is kept for whoever comes back: it brings nothing that the box does not have.
OLD_NEWS: Final = frozenset({"older", "expired"})


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One update. ``source``: a folder, ``https://…``, or the file of a parcel with ``is_parcel``.

    ``clock``, ``time`` and ``expiry`` are the box's trusted time as ``edge.core.trusted`` tells it.
    """

    state_dir: str
    lists_dir: str
    root: str
    source: str
    is_parcel: bool = False
    thorough: bool = False       # go over every byte of what is here: a damaged list is taken anew
    lists: tuple[str, ...] = ()
    ca: str = ""
    cert: str = ""
    key: str = ""
    connect_s: float = 30.0
    read_s: float = 60.0
    clock: str = "untrusted"
    time: datetime | None = None
    expiry: datetime | None = None
    software: bool = True        # take new versions of the software too, where this box can use them


class Refusal(msgspec.Struct, frozen=True):
    """Why something was not taken; ``code`` stands in docs/distribution.md, section 5."""

    code: str
    message: str
    advice: str


class ListOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """One list: ``current`` (nothing newer), ``updated``, or ``refused``; generation 0 is none."""

    list: str
    outcome: Literal["current", "updated", "refused"]
    before: int
    now: int
    files: int = 0               # fetched
    bytes: int = 0               # of them
    records: int = 0             # of the whole list afterwards
    as_of: datetime | None = None
    compacting: bool = False     # a compaction was begun
    repaired: bool = False       # the generation that the box had taken was taken once more: its copy was damaged
    refused: Refusal | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One update from one source, at its end. ``refused`` is set when nothing of it could be taken."""

    source: str
    at: datetime                 # the box's clock, believed or not
    issued: datetime | None = None   # when headquarters signed it
    version: Annotated[int, msgspec.Meta(ge=0)] = 0  # of the timestamp
    lists: Annotated[tuple[ListOutcome, ...], msgspec.Meta(max_length=MAX_PROBLEMS)] = ()
    refused: Refusal | None = None

    @property
    def is_old_news(self) -> bool:
        """True for what came of a parcel that brought nothing, because the box is further already."""
        return not self.lists and (self.refused is None or self.refused.code in OLD_NEWS)

    @property
    def problems(self) -> list[tuple[str, Refusal]]:
        """(list id or empty, refusal) of everything that was not taken."""
        whole = [("", self.refused)] if self.refused else []
        return whole + [(one.list, one.refused) for one in self.lists if one.refused]


def holds_update(folder: Path) -> bool:
    """True if a folder may be a copy of headquarters' repository; a mount point without its stick is none."""
    try:
        return folder.is_dir() and os.path.lexists(folder / "metadata")
    except OSError:  # a stick that is being pulled
        return False


def keep(state_dir: Path, report: Report) -> None:
    """Write the last report. A disk that refuses it keeps nobody from updating."""
    place = state_dir / FOLDER / LAST
    beside = place.with_name(f"{LAST}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside.write_bytes(msgspec.json.encode(report))
        beside.replace(place)
    except OSError:
        return


def last(state_dir: Path) -> Report | None:
    """The last report, or None where there is none that can be read."""
    try:
        with open_regular(state_dir / FOLDER / LAST) as file:
            return msgspec.json.decode(file.read(MAX_REPORT), type=Report)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def told(report: Report) -> Mapping[str, object]:
    """The same for `borderpost status --json`."""
    value: dict[str, object] = msgspec.to_builtins(report)
    return value
