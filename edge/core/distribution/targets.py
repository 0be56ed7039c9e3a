"""How a published file is named and described.

Laws:
1. A list has one role and one folder: role ``list-ID`` may name ``lists/ID/*`` and nothing else; role ``software``
   may name ``software/*``. The box checks the path against the role again, whatever the metadata says.
2. A file is published in parts of ``PART_BYTES``, so that no transfer is longer than one part has to be, and no box
   needs room for more than the file itself.
3. A target's path follows from its description: a description under another path is refused.
4. What a file holds is not known here; its description says what it turns into what.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final

import msgspec

from edge.core.watch import manifest

PART_BYTES: Final = 64 * 1024 * 1024
MAX_PARTS: Final = 999  # of one file: 62 GiB
MAX_TARGETS: Final = 4000  # of one role
SOFTWARE: Final = "software"
HEX_DIGEST: Final = "^[0-9a-f]{64}$"

_PREFIX: Final = "list-"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*")
MAX_NAME: Final = 60  # characters of a file's name

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
Generation = Annotated[int, msgspec.Meta(ge=0, le=manifest.MAX_GENERATION)]


class Described(msgspec.Struct, frozen=True):
    """The ``custom`` of one target: a part of a file. Unknown keys are ignored, so that later ones may come.

    ``start`` is the generation that the file is applied to (0: to none, the file is whole), ``to`` the generation
    that it gives. ``records_after`` and ``digest_after`` are those of the whole set in generation ``to``.
    """

    list: Annotated[str, msgspec.Meta(pattern="^[a-z0-9-]{2,40}$")]
    to: Generation
    as_of: datetime
    name: Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
    part: Annotated[int, msgspec.Meta(ge=0, lt=MAX_PARTS)]
    parts: Annotated[int, msgspec.Meta(ge=1, le=MAX_PARTS)]
    bytes: Count
    start: Generation = msgspec.field(default=0, name="from")
    records_after: Count = 0
    digest_after: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{64})?$")] = ""


def role_of(list_id: str) -> str:
    """The role that may publish a list (``software`` is its own)."""
    return SOFTWARE if list_id == SOFTWARE else _PREFIX + list_id


def list_of(role: str) -> str | None:
    """The list of a role, ``software`` for that one; None for a role that publishes nothing."""
    if role == SOFTWARE:
        return SOFTWARE
    list_id = role.removeprefix(_PREFIX)
    return list_id if role.startswith(_PREFIX) and manifest.is_list_id(list_id) and list_id != SOFTWARE else None


def folder_of(list_id: str) -> str:
    """The folder, without a slash at its end, below which all targets of the list stand."""
    return SOFTWARE if list_id == SOFTWARE else f"lists/{list_id}"


def target_path(described: Described) -> str:
    """Where the part stands: ``lists/un/base-0000000007.documents.bin.000`` (law 3)."""
    numbers = f"{described.to:010d}" if not described.start else f"{described.start:010d}-{described.to:010d}"
    kind = "delta" if described.start else "base"
    return f"{folder_of(described.list)}/{kind}-{numbers}.{described.name}.{described.part:03d}"


def is_file_name(text: str) -> bool:
    """True for what may name a published file: lower case, digits, ``._-``, no dot in front, no two in a row."""
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def part_sizes(total: int) -> tuple[int, ...]:
    """The lengths in bytes of the parts of a file of ``total`` bytes; an empty file has one empty part."""
    whole, rest = divmod(total, PART_BYTES)
    return (PART_BYTES,) * whole + ((rest,) if rest or not whole else ())
