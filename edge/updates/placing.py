"""Putting one verified step of a list in its place on this box, and what stands there.

Laws:
1. Everything that a step brings is checked against its description before the first change: list, generation, how many
   records, and the digest of the whole set. A step that does not agree is refused, and the list stays what it was.
2. What is in place is looked at once more, and must be what was described, before anybody raises a mark.
3. A step changes what serves by one rename; killed at any moment it leaves the old generation or the new one.
4. A whole list takes the place of whatever serves, damaged, not headquarters' or from keys that were replaced; that it
   leads no lower than the box stood was seen to by the plan. All steps of such a way are checked before its first.
5. A delta that was made for another set than the one here is told from a bad one (``DivergedError``).
"""

from __future__ import annotations

import abc
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common.files import open_regular
from edge.core.distribution import Step
from edge.core.errors import LayoutError
from edge.keyed_folder import BusyError, KeyedError
from edge.updates.errors import UpdateError
from edge.updates.store import disk_error

BLOCK: Final = 1 << 20  # bytes read at a time

KeyOf = Callable[[bytes], bytes | None]
"""From the 8 bytes of a key id to the list key, None for one that is not on this box."""

Files = Mapping[str, Path]

Told = Callable[[str, int, int], None]
"""``told(file name, bytes that were looked at, bytes of the whole)``."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands on the box: generation (0: nothing), records and digest (hex) of the whole set, and of the card.

    ``key``: id (hex) of the list key, where there is one.
    """

    generation: int = 0
    records: int = 0
    digest: str = ""
    card: str = ""
    key: str = ""


class DivergedError(UpdateError):
    """What the box has of the list is damaged, or is not headquarters': only a whole list helps."""

    def __init__(self, detail: str, *, list_id: str) -> None:
        super().__init__("no_whole", detail, list_id=list_id)


class Place(abc.ABC):
    """The folder of one list."""

    def __init__(self, lists: Path, list_id: str, key_of: KeyOf) -> None:
        self.folder, self.list_id, self.key_of = lists / list_id, list_id, key_of

    @abc.abstractmethod
    def standing(self) -> Standing:
        """What is there, as far as it is sound."""

    @abc.abstractmethod
    def _check(self, step: Step, files: Files, before: Standing) -> None:
        """Raise unless the files are what the step says, and lead on from what stands ``before`` (law 1)."""

    @abc.abstractmethod
    def _put(self, step: Step, files: Files, *, anew: bool) -> None:
        """Let them serve."""

    def sound(self, *, thorough: bool, told: Told) -> bool:  # noqa: ARG002 - `standing` of other lists reads it all
        """False if what is there of the list cannot be built upon; ``thorough``: after a look at every byte."""
        return True

    def stamp(self) -> str:
        """What tells the files that serve from others of the same names, without reading them."""
        return ""

    def tidy(self, *, anew: bool) -> None:  # noqa: B027 - a keyed list tidies itself
        """Let go of generations that nobody goes back to; with ``anew`` of every higher one too."""

    def compact(self) -> bool:
        """Begin a compaction if one is due; True if so."""
        return False

    def put(self, step: Step, files: Files, *, anew: bool = False) -> Standing:
        """Check, put in place, look again. Raises UpdateError; then the list stands as it did."""
        with self.translated():
            self._need_digest(step)
            self._check(step, files, self.standing())
            self._put(step, files, anew=anew)
            now = self.standing()
        if (now.generation, now.records, now.digest) != (step.to, step.records_after, step.digest_after):
            # It was headquarters' when it was checked: what became of it since is this box's own matter.
            raise UpdateError("disk", f"generation {step.to} is not there as it was put", list_id=self.list_id)
        return now

    def check(self, steps: Sequence[Step], files: Sequence[Files]) -> None:
        """Check a way that begins with a whole list, before its first step is put. Raises UpdateError."""
        before = Standing()
        with self.translated():
            for step, them in zip(steps, files, strict=True):
                self._need_digest(step)
                self._check(step, them, before)
                before = Standing(step.to, step.records_after, step.digest_after, "-")

    def _need_digest(self, step: Step) -> None:
        if not step.digest_after:
            raise UpdateError("bad_offer", "it names no digest", list_id=self.list_id)

    def agree(self, step: Step, generation: int, records: int, digest: str) -> None:
        """Raise ``mismatch`` unless these are the step's."""
        if generation != step.to:
            raise self.mismatch(f"generation {generation} instead of {step.to}")
        if records != step.records_after:
            raise self.mismatch(f"{records} records instead of {step.records_after}")
        if digest != step.digest_after:
            raise self.mismatch(f"generation {step.to}: another digest")

    def mismatch(self, detail: str) -> UpdateError:
        """The list would not hold what headquarters says."""
        return UpdateError("mismatch", detail, list_id=self.list_id)

    def need_key(self, ident: bytes) -> None:
        """Raise ``no_key`` if the box cannot open what is sealed by this key."""
        if self.key_of(ident) is None:
            raise UpdateError("no_key", f"key {ident.hex()}", list_id=self.list_id)

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Whatever goes wrong inside as UpdateError."""
        try:
            yield
        except BusyError as error:
            raise UpdateError("list_busy", list_id=self.list_id) from error
        except LayoutError as error:
            raise UpdateError("not_usable", error.message, list_id=self.list_id) from error
        except KeyedError as error:
            code = "no_space" if "No space" in error.message or "quota" in error.message else "disk"
            raise UpdateError(code, error.message, list_id=self.list_id) from error
        except OSError as error:
            found = disk_error(error)
            raise UpdateError(found.code, found.detail, list_id=self.list_id) from error


def sha256_of(path: Path) -> str:
    """In hex, of a plain file. Raises OSError."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_limited(path: Path, limit: int) -> bytes:
    """At most one byte more than ``limit`` of a plain file: whoever decodes it refuses more. Raises OSError."""
    with open_regular(path) as file:
        data: bytes = file.read(limit + 1)
    return data


def link_or_copy(source: Path, to: Path) -> None:
    """The same bytes under another name: by a link where the disk has links, else synced. ``to`` is not there yet."""
    try:
        os.link(source, to)
    except OSError:
        with open_regular(source) as file, to.open("xb") as out:
            while block := file.read(BLOCK):
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
