"""A file cut into parts, each written under its digest into the targets folder.

Laws: never more than ``BLOCK`` bytes in memory; what is there already under its digest is not written again;
every part is synced before it is named in metadata.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from tuf.api.metadata import TargetFile

from common.files import open_regular
from edge.core.distribution.targets import MAX_PARTS, Described, is_file_name, part_sizes, target_path
from hq.distribution.errors import PublishError
from hq.distribution.folder import Folder, cannot, sync_folder

BLOCK: Final = 1 << 20  # bytes read at a time


def cut(folder: Folder, source: Path, described: Described) -> Iterator[TargetFile]:
    """Write the parts of ``source``; ``described`` is a pattern whose part, parts and bytes are filled in.

    Raises PublishError: no regular file, too large, not readable, or it changed while it was read.
    """
    if not is_file_name(described.name):
        raise PublishError(f"{described.name} cannot name a published file", advice="use a-z, 0-9, dot, hyphen")
    try:
        with open_regular(source) as file:
            total = os.fstat(file.fileno()).st_size
            sizes = part_sizes(total)
            if len(sizes) > MAX_PARTS:
                raise PublishError(f"{source} is too large", advice="split the list")
            for number, size in enumerate(sizes):
                part = msgspec.structs.replace(described, part=number, parts=len(sizes), bytes=total)
                path = target_path(part)
                digest = _copy(file, size, folder.targets / path)
                yield TargetFile(size, {"sha256": digest}, path, {"custom": _custom(part)})
            if file.read(1):
                raise PublishError(f"{source} grew while it was read", advice="publish it when it is finished")
    except OSError as error:
        raise cannot(error) from error


def _copy(file: object, size: int, place: Path) -> str:
    place.parent.mkdir(parents=True, exist_ok=True)
    beside = place.with_name(f".{place.name}.new")
    digest = hashlib.sha256()
    with beside.open("wb") as out:
        left = size
        while left:
            block = file.read(min(BLOCK, left))  # type: ignore[attr-defined]
            if not block:
                raise PublishError("the file became shorter while it was read", advice="publish it when it is finished")
            digest.update(block)
            out.write(block)
            left -= len(block)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(place.with_name(f"{digest.hexdigest()}.{place.name}"))
    sync_folder(place.parent)
    return digest.hexdigest()


def _custom(part: Described) -> dict[str, object]:
    value: dict[str, object] = msgspec.to_builtins(part, builtin_types=(datetime,))
    value["as_of"] = part.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value
