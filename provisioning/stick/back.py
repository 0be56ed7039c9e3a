"""Writing the answer to the stick: ``BORDERPOST/out/<serial>/`` and nothing else.

Laws:
1. Files go first, smallest first, RESULT-N.json after them, RESULT-N.txt last: where the text has a word, all is there.
2. Every file is written beside (``NAME.part``), synced, renamed, the folder synced, and the file once more: a stick
   that is pulled holds the old file or the new one, whole, or an empty one where there was none.
3. Room for the result is kept; what does not fit beside it is left out, and the result says so.
4. In this order the bytes reach the stick: a FAT's table before the name that stands on it, a folder's new cluster
   before names that it makes room for; where a name goes, or stands for something else, it before the clusters are
   free. A rename moves the name alone: place and length follow when the file itself is synced. Left to itself the
   kernel writes names first: a pull leaves a folder that nothing reads, or a file whose removal makes the stick
   read-only.
5. The folders are opened or made one by one, without links; a name that is no folder is never replaced.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from common.files import open_regular
from edge.core.provisioning import inbox
from edge.core.provisioning.codes import Code, ProvisioningError
from edge.core.provisioning.inbox import Part, StickOutcome
from edge.core.provisioning.papers import ROOT_FOLDER
from edge.core.provisioning.result_text import result_bytes
from provisioning.stick.choosing import Problem
from provisioning.stick.layer import FOLDER, NEW, READ, Layer, opened, write_all
from provisioning.stick.limits import BLOCK, Deadline
from provisioning.stick.tree import Tree, fold, reading, stick_error

NOBODY: Final = "unknown"  # the folder of a box that could not say who it is
PART: Final = ".part"
BY_STICK: Final = {  # what is done only by a file that reaches the stick, and which file that is
    Code.REQUEST_WRITTEN: inbox.REQUEST, Code.RENEWAL_WRITTEN: inbox.REQUEST, Code.ROWS_WRITTEN: inbox.ROWS,
}  # fmt: skip
_SERIAL: Final = re.compile(r"[a-z2-7]{13}")

Told = Callable[[Problem], StickOutcome]
"""``told(problem)``: the outcome with one more refusal in it."""


def write_back(
    tree: Tree, outcome: StickOutcome, files: Iterable[Path], told: Told, deadline: Deadline, room: int
) -> StickOutcome:  # fmt: skip
    """Write one visit's answer; gives the outcome as it was written. ``room``: bytes kept free for the result.

    Raises ProvisioningError when the result itself could not be written: STICK_FULL, STICK_READ_ONLY, READ_ERROR,
    ODD_FILE, TOOK_TOO_LONG.
    """
    serial = outcome.serial if _SERIAL.fullmatch(outcome.serial) else NOBODY
    with _out_folder(tree, serial) as folder:
        for path in files:
            try:
                _copy(tree, folder, path, deadline, room)
            except ProvisioningError as error:
                if error.code is not Code.STICK_FULL:
                    raise
                outcome = told(Problem("rows" if path.name.endswith(".sealed") else "stick", error.code, path.name))
        name = f"RESULT-{outcome.number}"
        with reading("the result"):
            _write(tree, folder, f"{name}.json", iter((_pretty(outcome),)))
            _write(tree, folder, f"{name}.txt", iter((result_bytes(outcome),)))
            tree.layer.sync(tree.top)
    return outcome


def really_done(parts: tuple[Part, ...], undelivered: Collection[str]) -> tuple[Part, ...]:
    """``parts`` without those that say that a file is on the stick which did not reach it."""
    return tuple(one for one in parts if BY_STICK.get(one.code, "") not in undelivered)


@contextlib.contextmanager
def _out_folder(tree: Tree, serial: str) -> Iterator[int]:
    with contextlib.ExitStack() as held:
        folder = tree.top
        for name in (ROOT_FOLDER, "out", serial):
            with reading(f"the folder {name}"):
                folder = held.enter_context(opened(tree.layer, _made(tree, name, folder), FOLDER, folder))
        yield folder


def _made(tree: Tree, name: str, folder: int) -> str:
    """The name of that folder as it stands there, whatever its case; made if it is not there."""
    for count, there in enumerate(tree.layer.names(folder)):
        if count > tree.limits.names:
            break
        if fold(there) == fold(name):
            return there
    with tree.medium.in_order():  # law 4
        tree.layer.make(name, folder)
        tree.layer.sync(folder)
    return name


def _copy(tree: Tree, folder: int, path: Path, deadline: Deadline, room: int) -> None:
    try:
        source = open_regular(path)
    except OSError:
        return  # the daemon took it back
    with source:
        size = os.fstat(source.fileno()).st_size
        with reading(path.name):
            if tree.layer.room(folder) < size + room:
                raise ProvisioningError(Code.STICK_FULL, f"{size} bytes do not fit")
            _write(tree, folder, path.name, _blocks(source.read, deadline))


def _blocks(read: Callable[[int], bytes], deadline: Deadline) -> Iterator[bytes]:
    while True:
        deadline.check()
        try:
            block = read(BLOCK)
        except OSError as error:
            raise ProvisioningError(Code.DISK_ERROR, error.strerror or "") from error
        if not block:
            return
        yield block


def _write(tree: Tree, folder: int, name: str, blocks: Iterator[bytes]) -> None:
    """Laws 2 and 4. What was written beside is removed if it cannot be finished."""
    layer, beside = tree.layer, name + PART
    with contextlib.suppress(FileNotFoundError):
        _gone(layer, beside, folder)
    try:
        with contextlib.ExitStack() as held:
            with tree.medium.in_order():
                out = held.enter_context(opened(layer, beside, NEW, folder))
            for block in blocks:
                write_all(layer, out, block)
            tree.medium.settle()
            layer.sync(out)
            with contextlib.suppress(OSError):  # none there; if there is, its clusters stay its own while it is open
                held.enter_context(opened(layer, name, READ, folder))
            layer.rename(beside, name, folder)
            layer.sync(folder)
            layer.sync(out)
    except OSError as error:
        with contextlib.suppress(OSError):
            _gone(layer, beside, folder)
        raise stick_error(error, name) from error
    except ProvisioningError:
        with contextlib.suppress(OSError):
            _gone(layer, beside, folder)
        raise


def _gone(layer: Layer, name: str, folder: int) -> None:
    """Remove it, on the stick too, before anything takes its room (law 4). Raises OSError."""
    layer.remove(name, folder)
    layer.sync(folder)


def _pretty(outcome: StickOutcome) -> bytes:
    return msgspec.json.format(msgspec.json.encode(outcome), indent=2) + b"\n"
