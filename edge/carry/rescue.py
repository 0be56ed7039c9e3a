"""Takes rows that headquarters has not acked off a dead box's disk: read only, also from a damaged journal.

Laws:
1. Nothing is written to where the rows lie: no lock, no recovery, no file beside (``edge.journal.salvage``), and no
   bundle (``check_target``). No bundle is written over another, and none is left that holds no row.
2. Nothing is copied but rows, and those as they lie there: sealed to headquarters. No key of the dead box is needed,
   and none is looked for.
3. Nobody signs what comes out: the bundle says so, and headquarters takes it only from somebody who vouches for it.
4. Rows of one box go into one bundle. What is lost is named by epoch and numbers.
5. A row whose epoch its journal no longer tells goes in under each that it may be of: headquarters opens one of them,
   and the numbers of a journal never repeat, so none takes the place of another row.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge.carry.bundle import Limited, message
from edge.carry.sink import write_out
from edge.core.carrying import CarryHeader, pack
from edge.core.errors import BorderpostError
from edge.core.provisioning.stream import MAX_STREAM, seal_stream
from edge.core.sealing import Recipient
from edge.core.wire import valid_device
from edge.journal.salvage import Lost, Salvage, salvage

NAME = "journal."  # of a journal and of one that was set aside: journal.sqlite, journal.corrupt-1
NOT_JOURNALS = ("-wal", "-shm", ".lock", ".ballast", ".suspect", ".partial", ".done")
MAX_JOURNALS = 64  # of one source
MAX_ENTRIES = 1_000_000  # looked at in a search
DEEP = 12  # folders below the source
MAX_ROWS = 4_000_000
BLOCKS = Path("/sys/dev/block")  # a link for each device number (Linux, sysfs(5))


class RescueError(BorderpostError):
    """There is nothing to rescue there, or not from one box."""


@dataclass(frozen=True, slots=True)
class Rescued:
    """``rows`` rows of ``device`` in ``bytes`` bytes, out of ``journals``; ``lost``: what was there and is gone.

    ``again``: so many of ``rows`` are others once more, under another epoch (law 5), as the import counts them too.
    """

    device: str
    rows: int
    bytes: int
    journals: tuple[str, ...]
    lost: tuple[Lost, ...]
    again: int = 0


def check_target(source: Path, target: Path, *, image: bool = False) -> None:
    """Law 1. ``source``: what is rescued; ``image``: it is a whole disk or an image of one.

    Raises RescueError for a target that is there already, on the dead disk, or in no folder.
    """
    advice = "give --out a file on another disk"
    if os.path.lexists(target):
        raise RescueError(f"{target}: is there already", advice="no bundle is overwritten: give another --out")
    try:
        folder = target.parent.resolve(strict=True)
        dead = source.stat()
        above = [place.stat() for place in (folder, *folder.parents)]
        if stat.S_ISBLK(dead.st_mode):
            there = is_of(above[0].st_dev, dead.st_rdev, BLOCKS)
        else:
            kept = source.resolve(strict=True).parent.stat() if stat.S_ISREG(dead.st_mode) and not image else dead
            there = any(os.path.samestat(place, kept) for place in above)
    except OSError as error:
        raise RescueError(f"{error.filename or target}: {error.strerror}", advice=advice) from error
    if there:
        raise RescueError(f"{target}: that is on the dead disk", advice=advice)


def find_journals(source: Path) -> list[Path]:
    """The journals at ``source``: the file itself, or what is called so anywhere below the folder, by path.

    Links are not followed: on a foreign disk they lead to this one. Raises RescueError if there is none.
    """
    if not source.is_dir():
        return [source]
    found: list[Path] = []
    looked = 0
    for folder, names, files in os.walk(source):
        names.sort()
        looked += len(names) + len(files)
        if len(Path(folder).relative_to(source).parts) >= DEEP:
            names.clear()
        found += [Path(folder, name) for name in files if _is_journal(Path(folder, name))]
        if looked > MAX_ENTRIES or len(found) > MAX_JOURNALS:
            raise RescueError(f"{source}: too many files to look through", advice="give the box's state folder itself")
    if not found:
        raise RescueError(
            f"{source}: no journal below it",
            advice="mount the partition that has var/lib/borderpost read-only (mount -o ro,noload), and give that",
        )
    return sorted(found)


def rescue(
    journals: Sequence[Path], target: Path, *, recipients: Sequence[Recipient], session: str, created: datetime,
    device: str = "", progress: Callable[[int], None] = lambda _rows: None,
) -> Rescued:  # fmt: skip
    """Write every row of ``journals`` that nobody acked to ``target``, sealed to headquarters.

    Where there is none nothing is written. ``device`` is needed where a journal has lost the name of its box.
    ``progress`` hears the count of rows. Raises
    RescueError (rows of more boxes than one, or of one that is not known), ProvisioningError for the target's disk,
    JournalUnavailableError for a source that cannot be opened.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(salvage(path)) for path in journals]
        name = _one_box(opened, device)
        header = CarryHeader(
            kind="rows", device=name, session=session, created=created, rescued=True, audit_rows=opened[0].audit[0],
            audit_head=opened[0].audit[1],
            epochs=tuple(dict.fromkeys(epoch for one in opened for _, epoch in one.epochs.starts))[:64],
        )  # fmt: skip
        messages = _Messages(opened, name, session)
        rows = Limited(_counted(messages, progress), max_bytes=MAX_STREAM - (1 << 20), max_items=MAX_ROWS)
        size = write_out(target, seal_stream(recipients, pack(header, rows, None), header.purpose))
        if not rows.count:
            target.unlink()
            size = 0
        lost = tuple(part for one in opened for part in one.lost())
    return Rescued(name, rows.count, size, tuple(str(path) for path in journals), lost, messages.again)


def is_of(device: int, disk: int, blocks: Path) -> bool:
    """True if the file system's ``device`` is ``disk``, or a partition of it (device numbers)."""
    own, whole = (Path(os.path.realpath(blocks / f"{os.major(n)}:{os.minor(n)}")) for n in (device, disk))
    return device == disk or own.is_relative_to(whole)


def _is_journal(path: Path) -> bool:
    return path.name.startswith(NAME) and not path.name.endswith(NOT_JOURNALS) and path.is_file() and (
        not path.is_symlink())  # fmt: skip


def _one_box(opened: Sequence[Salvage], device: str) -> str:
    names = {one.device for one in opened if one.device} | ({device} if device else set())
    if len(names) > 1:
        raise RescueError(
            f"rows of {len(names)} boxes: {', '.join(sorted(names))}", advice="give the journal of one box at a time"
        )
    name = names.pop() if names else ""
    if not valid_device(name):
        raise RescueError(
            "the journal has lost the name of its box",
            advice="give --device: it stands on the box's label, and at headquarters (`borderpost-hq status`)",
        )
    return name


class _Messages:
    """Every row of the journals as MQTT would carry it; ``again`` as in ``Rescued``."""

    def __init__(self, opened: Sequence[Salvage], device: str, session: str) -> None:
        self._opened, self._device, self._session = opened, device, session
        self.again = 0

    def __iter__(self) -> Iterator[bytes]:
        for one in self._opened:
            before = 0
            for item in one.rows():
                self.again += item.seq == before
                before = item.seq
                yield message(self._device, item, self._session)


def _counted(messages: Iterable[bytes], progress: Callable[[int], None]) -> Iterator[bytes]:
    for number, one in enumerate(messages, 1):
        progress(number)
        yield one
